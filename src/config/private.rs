//! What is private in customers' words (B10).

use super::{
    nearest::quoted,
    section::{At, Section},
    settings::{Pattern, Privacy},
};
use crate::{
    core::said::said,
    privacy::{CARD, IBAN, PatternError, check_name, check_pattern},
};

const MAX_PATTERNS: usize = 32;

pub(super) fn privacy(mut section: Section<'_>) -> Privacy {
    let mut privacy = Privacy { card: false, iban: false, patterns: Vec::new() };
    for At { value, place } in section.texts("tokens") {
        match value.as_str() {
            CARD => privacy.card = true,
            IBAN => privacy.iban = true,
            _ => {
                let message = said!("`{}`: `{}` is nothing that is found by itself", section.name_of("tokens"), value);
                let help = said!("known are {}; write a `[[privacy.pattern]]` for others", quoted([CARD, IBAN]));
                section.cx.error(place, message, help);
            }
        }
    }
    privacy.patterns = patterns(&mut section);
    section.finish();
    privacy
}

fn patterns(section: &mut Section<'_>) -> Vec<Pattern> {
    let mut patterns: Vec<Pattern> = Vec::new();
    for mut entry in section.sections("pattern") {
        let name = entry.required("name", said!("name what is found: the name stands in its tokens"));
        let regex = entry.required("regex", said!("give the regular expression of what is private"));
        let name = name.and_then(|at| good(&entry, "name", at, check_name));
        let regex = regex.and_then(|at| good(&entry, "regex", at, check_pattern));
        if let (Some(name), Some(regex)) = (name, regex) {
            if patterns.iter().any(|other| other.name == name.value) {
                let message = said!("`{}`: there are two of the name `{}`", entry.name_of("name"), name.value);
                entry.cx.error(
                    name.place,
                    message,
                    said!("give each a name of its own, or write one regex: `this|that`"),
                );
            }
            if patterns.len() == MAX_PATTERNS {
                let message = said!("more than {} of `[[privacy.pattern]]`", MAX_PATTERNS);
                entry.cx.error(name.place, message, said!("join some of them: `this|that`"));
            }
            patterns.push(Pattern { name: name.value.to_owned(), regex: regex.value.to_owned() });
        }
        entry.finish();
    }
    patterns
}

fn good<'a>(
    entry: &Section<'_>,
    key: &str,
    at: At<&'a str>,
    check: fn(&str) -> Result<(), PatternError>,
) -> Option<At<&'a str>> {
    let Err(error) = check(at.value) else { return Some(at) };
    let help = match &error {
        PatternError::Malformed(_) => said!("write it in single quotes, so that backslashes stay: '\\bK-\\d{8}\\b'"),
        PatternError::Empty => said!("let it match one character at least: `\\d+` in place of `\\d*`"),
        PatternError::Name => said!("write it as \"customer_number\""),
        PatternError::BuiltIn => said!("take another name"),
    };
    entry.cx.error(at.place, said!("`{}` {}", entry.name_of(key), error.tell()), help);
    None
}
