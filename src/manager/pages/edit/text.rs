//! A profile as text: the second way, for whoever prefers to see the whole of it.

use axum::response::Response;
use http::StatusCode;
use maud::{Markup, html};

use super::{Place, SECTION, known, order, saved, trail};
use crate::{
    config::{
        self, Finding, Severity,
        draft::{Draft, DraftError, Value},
        schema::Schema,
    },
    core::ids::UnitName,
    gateway::storage::Document,
    manager::{
        Manager,
        drafting::misnamed,
        form::{self, Known},
        guard::Seat,
        pages::{Tab, no_store, summary, token, with_status},
        ports::Refusal,
        words::Words,
    },
};

/// What a button's value begins with that makes the text one for another type; the type comes behind.
pub(super) const KIND: &str = "kind:";

/// What the page shows.
#[derive(Clone, Copy, Default)]
pub(super) struct Shown<'a> {
    /// `None`: it is new.
    pub(super) at: Option<&'a Place>,
    pub(super) text: &'a str,
    pub(super) version: u64,
    /// What was set for types that it does not have now: it comes back with its type. Empty: nothing.
    pub(super) former: &'a str,
}

/// The defaults with the lines that have to be filled in.
pub(super) fn begin(units: &[UnitName], schema: &Schema) -> String {
    let unit = units.first().map(|it| format!("unit = \"{it}\"\n")).unwrap_or_default();
    let kind = schema.kind;
    let first =
        format!("name = \"\"\n{unit}type = \"{kind}\"\nagents = []\nagent_password = \"\"\nfallback_message = \"\"\n");
    format!("{first}\n{}", as_comments(&config::default_profile(schema)))
}

/// A text for an engine of another type, and what it takes along of those before: what is the profile's own stays as it was
/// typed, and what was set for this type earlier comes back. Secrets are sealed in it already.
///
/// # Errors
/// When it is no TOML, or not of a profile's shape.
pub(super) fn turned(
    text: &str,
    former: &str,
    known: &Known,
    kind: &'static Schema,
) -> Result<(String, String), DraftError> {
    let before = known.schema(&Draft::read(text)?, &[]);
    let mut draft = match before.filter(|it| it.kind != kind.kind) {
        Some(before) => {
            let text = without(text, &as_comments(&before.as_toml()));
            let [was, is] = [before, kind].map(|it| format!("#type = \"{}\"\n", it.kind));
            Draft::read(&text.replacen(&was, &is, 1))?
        }
        None => Draft::read(text)?,
    };
    form::remember(&mut draft, former, known)?;
    draft.set(&["type"], &Value::Text(kind.kind.to_owned()))?;
    let former = form::former(&draft, known);
    let mut text = form::settled(&draft, known)?.to_string();
    if !draft.has(&[kind.section]) {
        text = format!("{}\n\n{}", text.trim_end(), as_comments(&kind.as_toml()));
    }
    Ok((text, former))
}

/// Without the comments that an engine's section begins with.
fn without(text: &str, section: &str) -> String {
    let is_of_it = |line: &str| line.starts_with('#') && section.lines().any(|it| it == line.trim_end());
    text.split_inclusive('\n').filter(|it| !is_of_it(it)).collect()
}

/// What is a default already need not be written: it is there to be read.
fn as_comments(defaults: &str) -> String {
    let line = |it: &str| {
        let is_setting = !it.is_empty() && !it.starts_with('#') && !it.starts_with('[');
        if is_setting { format!("#{it}\n") } else { format!("{it}\n") }
    };
    defaults.lines().map(line).collect()
}

pub(super) fn page(
    manager: &Manager,
    seat: &Seat,
    status: StatusCode,
    shown: &Shown<'_>,
    problems: &Markup,
) -> Response {
    let w = &seat.words;
    let Shown { at, text, version, former } = shown;
    let title = if at.is_some() { w.t("Change a profile") } else { w.t("Add a profile") };
    let action = at.map_or_else(|| "/profiles/new".to_owned(), |at| format!("{}/edit", at.path));
    let body = html! {
        (trail(w, *at))
        h1 { @match at { Some(at) => (w.f("Profile {}", &[&at.name()])), None => (title) } }
        @if let Some(at) = at { (Tab::Settings.of_profile(seat, &at.path)) }
        (problems)
        form method="post" action=(action) {
            (token(seat))
            input type="hidden" name="version" value=(version);
            @if !former.is_empty() { input type="hidden" name="former" value=(former); }
            @if at.is_none() { (kinds(manager, w)) }
            div class="field" {
                label for="f-text" { (w.t("The profile, as TOML")) }
                p class="hint" id="f-text-hint" { (w.t("What begins with # is a default or an example. Secrets are typed as they are; they are sealed before they are kept, and never shown again.")) }
                textarea id="f-text" name="text" spellcheck="false" aria-describedby="f-text-hint" { "\n" (text) }
            }
            div class="acts" {
                button name="do" value="save" { (w.t("Save")) }
                button class="second" name="do" value="form" { (w.t("As a form")) }
            }
        }
        @if let Some(at) = at { (super::show::beside(seat, at, *version)) }
    };
    with_status(status, seat, (SECTION, title), &body)
}

/// Each makes the text one for its type.
fn kinds(manager: &Manager, w: &Words) -> Markup {
    html! {
        p { (w.t("Which language engine answers?")) }
        ul class="kinds" {
            @for it in manager.house.kinds() {
                li { button class="plain" name="do" value={ (KIND) (it.kind) } { (it.title) } }
            }
        }
    }
}

pub(super) async fn save(manager: &Manager, seat: &Seat, typed: Shown<'_>) -> Response {
    let w = &seat.words;
    let Shown { at, text, mut version, .. } = typed;
    if let Some((_, reason)) = misnamed(text, at.map(|it| it.document.as_str())) {
        let problem = summary(w, &[w.f("The name {}.", &[&reason])]);
        return again(manager, seat, StatusCode::UNPROCESSABLE_ENTITY, &typed, &problem);
    }
    let order = order(manager, seat, at, version, text);
    let (status, problems) = match manager.house.change_profile(order).await {
        Ok(_) => return saved(manager, text),
        Err(Refusal::Findings(list)) => (StatusCode::UNPROCESSABLE_ENTITY, findings(w, &list)),
        Err(Refusal::Conflict(Some(now))) if at.is_none() => {
            let taken = w.f(
                "There is a profile of this name already; {} has changed it last. Give this one another name.",
                &[&now.changed_by],
            );
            (StatusCode::CONFLICT, summary(w, &[taken]))
        }
        Err(Refusal::Conflict(now)) => {
            // It is shown above what was typed: saved again it takes its place.
            version = now.as_ref().map_or(version, |it| it.version);
            (StatusCode::CONFLICT, conflict(w, now.as_deref()))
        }
        Err(Refusal::Store(error)) => {
            let (status, why) = no_store(w, &error);
            (status, summary(w, &[why.to_owned()]))
        }
        Err(Refusal::Unable(why)) => (StatusCode::UNPROCESSABLE_ENTITY, summary(w, &[w.said(&why)])),
    };
    again(manager, seat, status, &Shown { version, ..typed }, &problems)
}

/// The page with what was typed. What is secret of it is sealed on the way.
pub(super) fn again(
    manager: &Manager,
    seat: &Seat,
    status: StatusCode,
    typed: &Shown<'_>,
    problems: &Markup,
) -> Response {
    let text = form::seal_text(typed.text, &known(manager), &|secret: &str| manager.house.seal(secret));
    page(manager, seat, status, &Shown { text: &text, ..*typed }, problems)
}

/// Each with where it is, and how to mend it.
pub(in crate::manager::pages) fn findings(w: &Words, list: &[Finding]) -> Markup {
    let errors = list.iter().filter(|it| it.severity == Severity::Error);
    html! {
        div class="problems" role="alert" tabindex="-1" autofocus {
            h2 { (w.t("Nothing was changed")) }
            ul { @for it in errors { li {
                @if let Some(at) = &it.location { span class="code" { (at.file) ":" (at.line) ":" (at.column) } " " }
                (w.said(&it.message))
                @if let Some(at) = &it.location { pre { (at.text) } }
                p { b { (w.t("To mend it:")) } " " (w.said(&it.help)) }
            } } }
        }
    }
}

/// What is there now, beside what one has typed.
pub(super) fn conflict(w: &Words, now: Option<&Document>) -> Markup {
    html! {
        div class="problems" role="alert" tabindex="-1" autofocus {
            h2 { (w.t("Nothing was changed")) }
            @match now {
                None => p { (w.t("Somebody else has removed this profile meanwhile, or has given it another name. Save what you have typed as a new one if it is still wanted.")) },
                Some(now) => {
                    p { (w.f("{} has changed this profile meanwhile. What is there now stands below; what you have typed is in the form, and is not saved yet: bring both together, and save again.", &[&now.changed_by])) }
                    pre { (String::from_utf8_lossy(&now.body)) }
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_there_to_be_read() {
        let text =
            as_comments("# A meaning.\nlanguage = \"en\"\n\n[handover]\n#queue = \"support\"\nfailures_after = 2\n");
        let expected = "# A meaning.\n#language = \"en\"\n\n[handover]\n#queue = \"support\"\n#failures_after = 2\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_text_keeps_what_was_typed_through_other_types_and_back() {
        let known = Known { kinds: crate::nlp::schemas(), units: vec![UnitName::new("sales").unwrap()] };
        let kind = |it: &str| *known.kinds.iter().find(|kind| kind.kind == it).unwrap();
        let turn = |(text, former): &(String, String), to: &str| turned(text, former, &known, kind(to)).unwrap();
        let lex = begin(&known.units, kind("lex"));
        let typed = lex.replacen("name = \"\"", "# mine\nname = \"typed\"", 1);
        let as_llm = turn(&(typed.clone(), String::new()), "llm");
        assert!(
            as_llm.0.contains("# mine\nname = \"typed\"\n") && as_llm.0.contains("type = \"llm\"\n"),
            "{}",
            as_llm.0
        );
        let section = as_comments(&kind("llm").as_toml());
        assert!(as_llm.0.ends_with(&format!("\n\n{section}")) && !as_llm.0.contains("bot_alias_id"), "{}", as_llm.0);
        assert_eq!(as_llm.0.matches("\"lex\"").count(), 0, "nor as a comment: {}", as_llm.0);
        assert_eq!(as_llm.1, "", "nothing was set");
        assert!(turn(&as_llm, "lex").0.ends_with(&as_comments(&kind("lex").as_toml())));

        let set = typed.replacen("#region = \"eu-central-1\"", "region = \"eu-west-1\"", 1);
        assert!(set != typed, "{set}");
        let elsewhere = turn(&turn(&(set, String::new()), "llm"), "connector");
        assert!(!elsewhere.0.contains("eu-west-1") && elsewhere.1.contains("eu-west-1"), "{elsewhere:?}");
        let back = turn(&elsewhere, "lex");
        assert!(back.0.contains("[lex]\nregion = \"eu-west-1\"\n") && back.0.contains("# mine\n"), "{}", back.0);
        assert_eq!(back.1, "");
        assert!(turned("name = ", "", &known, kind("lex")).is_err());
    }
}
