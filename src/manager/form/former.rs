//! Settings of types that an engine had while its profile is being changed: they come back with their type, and are not saved.

use super::{Block, Entry, Known, parts, typed::tables};
use crate::config::draft::{Draft, DraftError};

/// Of a document that takes them along: a form holds it beside all that is typed.
pub(super) const MOST_BYTES: usize = 128 * 1024;

/// The document as it is saved: of each engine the settings of its type alone.
///
/// # Errors
/// When the document is not of a form's shape.
pub(in crate::manager) fn settled(draft: &Draft, known: &Known) -> Result<Draft, DraftError> {
    let mut settled = draft.clone();
    for table in tables(draft) {
        let Some(own) = known.schema(draft, &parts(&table)) else { continue };
        for other in known.kinds.iter().filter(|it| it.section != own.section) {
            settled.remove(&parts(&format!("{table}{}", other.section)))?;
        }
    }
    Ok(settled)
}

/// What the profile's own engine is set to beside its type, as a document that another page takes along. Empty: nothing.
pub(in crate::manager) fn former(draft: &Draft, known: &Known) -> String {
    let mut former = Draft::default();
    let own = known.schema(draft, &[]).map(|it| it.section);
    for other in known.kinds.iter().filter(|it| own.is_some_and(|own| own != it.section)) {
        if !draft.keys(&[other.section]).is_empty() {
            // Nothing is in the way in an empty document.
            former.take(&[other.section], draft).unwrap_or_default();
        }
    }
    let text = former.to_string();
    if text.len() > MOST_BYTES { String::new() } else { text }
}

/// Brings back what [`former`] has taken along, where nothing else is.
///
/// # Errors
/// When it is no document of ours, or cannot be written into this one.
pub(in crate::manager) fn remember(draft: &mut Draft, former: &str, known: &Known) -> Result<(), DraftError> {
    let former = Draft::read(former)?;
    for it in known.kinds.iter().filter(|it| former.has(&[it.section])) {
        if draft.keys(&[it.section]).is_empty() {
            draft.take(&[it.section], &former)?;
        }
    }
    Ok(())
}

/// The fields that went with their type, of those that there were.
pub(super) fn gone<'a>(before: &'a [Block], now: &[Block]) -> Vec<&'a Entry> {
    let stays = |path: &str| now.iter().flat_map(|it| &it.entries).any(|it| it.path == path);
    before.iter().flat_map(|it| &it.entries).filter(|it| !stays(&it.path)).collect()
}

#[cfg(test)]
mod tests {
    use super::{super::tests::known, *};

    #[test]
    fn of_each_engine_the_settings_of_its_type_alone_are_saved() {
        let text = "type = \"llm\"\n[lex]\nregion = \"a\"\n[llm]\nmodel = \"m\"\n[[standby]]\ntype = \"lex\"\n[standby.lex]\n\
                    region = \"b\"\n[standby.llm]\nmodel = \"n\"\n[canary]\nshare_percent = 5\n[canary.lex]\nregion = \"c\"\n";
        let expected = "type = \"llm\"\n[llm]\nmodel = \"m\"\n[[standby]]\ntype = \"lex\"\n[standby.lex]\nregion = \"b\"\n\
                        [canary]\nshare_percent = 5\n";
        assert_eq!(settled(&Draft::read(text).unwrap(), &known()).unwrap().to_string(), expected);
        let unknown = "type = \"none\"\n[lex]\nregion = \"a\"\n";
        assert_eq!(settled(&Draft::read(unknown).unwrap(), &known()).unwrap().to_string(), unknown);
    }

    #[test]
    fn a_text_takes_along_what_is_of_another_type_within_a_bound() {
        let of = |text: &str| former(&Draft::read(text).unwrap(), &known());
        let kept = of("type = \"llm\"\n[llm]\nmodel = \"m\"\n[lex]\nregion = \"a\"\n[webhook]\n");
        assert_eq!(kept, "[lex]\nregion = \"a\"\n");
        let mut draft = Draft::read("type = \"lex\"\n").unwrap();
        remember(&mut draft, &kept, &known()).unwrap();
        assert_eq!(draft.text(&["lex", "region"]).as_deref(), Some("a"));
        let mut typed = Draft::read("type = \"lex\"\n[lex]\nregion = \"typed\"\n").unwrap();
        remember(&mut typed, &kept, &known()).unwrap();
        assert_eq!(typed.text(&["lex", "region"]).as_deref(), Some("typed"), "what is there stays");
        assert_eq!(of(&format!("type = \"llm\"\n[lex]\nregion = \"{}\"\n", "x".repeat(MOST_BYTES))), "");
        assert!(remember(&mut draft, "[lex", &known()).is_err());
    }
}
