//! What customers and people may give us: bounds and characters. Markup stays as it is; it is text and is shown as text.

use std::collections::BTreeMap;

use super::Refusal;
use crate::core::ids::MAX_NAME_BYTES;

const NAME_CHARS: usize = 80;
const ATTRIBUTES: usize = 20;
const ATTRIBUTE_CHARS: usize = 200;
const ID_BYTES: usize = 64;
const LANGUAGE_BYTES: usize = 35;

/// A message as it is kept: without control characters other than newline and tab.
pub(super) fn message(text: &str, most: usize) -> Result<String, Refusal> {
    let text = text.replace("\r\n", "\n");
    let text: String = text.chars().filter(|it| !it.is_control() || matches!(it, '\n' | '\t')).collect();
    if text.trim().is_empty() {
        return Err(Refusal::Invalid { field: "text", why: "is empty: say something".to_owned() });
    }
    within("text", text, most)
}

pub(super) fn message_id(id: &str) -> Result<(), Refusal> {
    let why = if id.is_empty() {
        "is empty: give every message an id of its own".to_owned()
    } else if id.len() > ID_BYTES {
        format!("is longer than {ID_BYTES} bytes")
    } else if id.chars().any(char::is_control) {
        "contains a control character".to_owned()
    } else {
        return Ok(());
    };
    Err(Refusal::Invalid { field: "id", why })
}

/// `None` for a name that says nothing.
pub(super) fn name(name: Option<String>) -> Result<Option<String>, Refusal> {
    let Some(name) = name else { return Ok(None) };
    let name = name.trim();
    no_control("name", name)?;
    let name = within("name", name.to_owned(), NAME_CHARS)?;
    Ok((!name.is_empty()).then_some(name))
}

pub(super) fn attributes(attributes: &BTreeMap<String, String>) -> Result<(), Refusal> {
    if attributes.len() > ATTRIBUTES {
        let why = format!("are {}: send {ATTRIBUTES} at most", attributes.len());
        return Err(Refusal::Invalid { field: "attributes", why });
    }
    for (key, value) in attributes {
        no_control("attributes", key)?;
        no_control("attributes", value)?;
        if key.is_empty() || key.len() > MAX_NAME_BYTES {
            let why = format!("have a key that is empty or longer than {MAX_NAME_BYTES} bytes");
            return Err(Refusal::Invalid { field: "attributes", why });
        }
        if value.chars().count() > ATTRIBUTE_CHARS {
            return Err(Refusal::TooLong { field: "attributes", most: ATTRIBUTE_CHARS });
        }
    }
    Ok(())
}

/// What a customer reads at the end of a conversation that has become too long.
pub(super) fn farewell_when_full(language: &str) -> &'static str {
    match language.split('-').next() {
        Some(primary) if primary.eq_ignore_ascii_case("de") => {
            "Dieses Gespräch ist so lang geworden, wie es sein kann, und endet hier. Bitte beginnen Sie ein neues."
        }
        _ => "This conversation has become as long as it can be and ends here. Please begin a new one.",
    }
}

/// The shape of BCP 47, which is all that the gateway asks for; empty: the profile's own.
pub(super) fn language(tag: &str) -> Result<(), Refusal> {
    if tag.is_empty() {
        return Ok(());
    }
    let mut subtags = tag.split('-');
    let first = subtags.next().is_some_and(|it| (2..=8).contains(&it.len()) && is_all(it, u8::is_ascii_alphabetic));
    let rest = subtags.all(|it| (1..=8).contains(&it.len()) && is_all(it, u8::is_ascii_alphanumeric));
    if first && rest && tag.len() <= LANGUAGE_BYTES {
        return Ok(());
    }
    Err(Refusal::Invalid { field: "language", why: "is not a BCP 47 tag such as en or de-AT".to_owned() })
}

/// A page that a customer may be asked to open.
pub(super) fn is_page(url: &str) -> bool {
    const LONGEST: usize = 2_000;
    let Ok(uri) = url.parse::<http::Uri>() else { return false };
    let named = uri.authority().is_some_and(|it| !it.host().is_empty() && !it.as_str().contains('@'));
    url.len() <= LONGEST && named && matches!(uri.scheme_str(), Some("http" | "https"))
}

fn is_all(text: &str, kind: fn(&u8) -> bool) -> bool {
    text.bytes().all(|it| kind(&it))
}

fn no_control(field: &'static str, text: &str) -> Result<(), Refusal> {
    if text.chars().any(char::is_control) {
        return Err(Refusal::Invalid { field, why: "contains a control character: take it out".to_owned() });
    }
    Ok(())
}

fn within(field: &'static str, text: String, most: usize) -> Result<String, Refusal> {
    if text.chars().count() > most {
        return Err(Refusal::TooLong { field, most });
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_loses_control_characters_and_keeps_its_markup() {
        assert_eq!(message("a\u{7}\u{1b}[31m\r\n<b>\tb</b>", 40), Ok("a[31m\n<b>\tb</b>".to_owned()));
    }

    #[test]
    fn a_message_is_neither_empty_nor_longer_than_the_bound_in_characters() {
        assert!(matches!(message(" \u{0}\n", 9), Err(Refusal::Invalid { field: "text", .. })));
        assert_eq!(message("äöüß", 4), Ok("äöüß".to_owned()));
        assert_eq!(message("äöüßx", 4), Err(Refusal::TooLong { field: "text", most: 4 }));
    }

    #[test]
    fn names_are_trimmed_and_bounded() {
        assert_eq!(name(Some("  ".to_owned())), Ok(None));
        assert_eq!(name(Some(" Ann ".to_owned())), Ok(Some("Ann".to_owned())));
        assert_eq!(name(Some("x".repeat(81))), Err(Refusal::TooLong { field: "name", most: 80 }));
        assert!(matches!(name(Some("a\nb".to_owned())), Err(Refusal::Invalid { field: "name", .. })));
    }

    #[test]
    fn attributes_are_bounded() {
        let many = |n: usize| (0..n).map(|it| (it.to_string(), "v".to_owned())).collect::<BTreeMap<_, _>>();
        assert_eq!(attributes(&many(20)), Ok(()));
        assert!(matches!(attributes(&many(21)), Err(Refusal::Invalid { field: "attributes", .. })));
        let long = BTreeMap::from([("k".to_owned(), "ä".repeat(201))]);
        assert_eq!(attributes(&long), Err(Refusal::TooLong { field: "attributes", most: 200 }));
    }

    #[test]
    fn s23_only_http_pages_with_a_host_and_without_a_password_are_pushed() {
        for good in ["https://example.com/a?b=1", "http://127.0.0.1:7410/x"] {
            assert!(is_page(good), "{good}");
        }
        for bad in ["javascript:alert(1)", "ftp://example.com/", "/path", "https://u:p@example.com/", "https://", "a b"]
        {
            assert!(!is_page(bad), "{bad}");
        }
    }

    #[test]
    fn a_language_has_the_shape_of_a_tag() {
        for good in ["", "de", "de-AT", "zh-Hant-TW"] {
            assert_eq!(language(good), Ok(()), "{good}");
        }
        for bad in ["d", "de_AT", "de-", "<b>", "1a"] {
            assert!(language(bad).is_err(), "{bad}");
        }
    }
}
