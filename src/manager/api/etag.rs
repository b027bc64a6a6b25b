//! Which state of a thing somebody has seen: `ETag`, `If-Match`, `If-None-Match` (RFC 9110, section 13).

use http::{HeaderMap, HeaderName, header};
use sha2::{Digest as _, Sha256};

use super::problem::{Kind, Problem};
use crate::core::hex;

/// What `If-Match` says as a rule; lists of tags are taken, too.
pub(super) const PATTERN: &str = r#"^(\*|"[!#-~]+")$"#;

/// What it says where a plan is carried out.
pub(super) const PLAN_PATTERN: &str = r#"^"[0-9a-f]{64}"$"#;

/// Of what is kept with a version.
pub(super) fn of_version(version: u64) -> String {
    format!("\"{version}\"")
}

/// Of what an import would change.
pub(super) fn of_plan(seen: &str) -> String {
    format!("\"{seen}\"")
}

/// Of what is not kept: by what it says. It is a weak one: nothing is changed by it, and no `If-Match` takes it.
pub(super) fn of_content(content: &[u8]) -> String {
    format!("W/\"{}\"", hex::encode(Sha256::digest(content).get(..12).unwrap_or_default()))
}

/// A header's tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tags {
    Any,
    /// As they are written, with `W/` and quotation marks.
    List(Vec<String>),
}

impl Tags {
    /// `None`: the header is not there.
    pub(super) fn of(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Self>, Problem> {
        let mut lines = headers.get_all(name).iter();
        let Some(first) = lines.next() else { return Ok(None) };
        let wrong = || Kind::Malformed.says(format!("{name} has to be * or a list of tags in quotation marks"));
        let (mut tags, mut any) = (Vec::new(), false);
        for line in std::iter::once(first).chain(lines) {
            let text = line.to_str().map_err(|_not_ascii| wrong())?.trim();
            if text == "*" {
                any = true;
                continue;
            }
            // A list may be empty, and so may what stands between its commas.
            let mut rest = text.trim_start_matches([' ', ',']);
            while !rest.is_empty() {
                let (tag, after) = cut(rest).ok_or_else(wrong)?;
                tags.push(tag.to_owned());
                let after = after.trim_start_matches(' ');
                if !after.is_empty() && !after.starts_with(',') {
                    return Err(wrong());
                }
                rest = after.trim_start_matches([' ', ',']);
            }
        }
        // Lines are one list, and in a list nothing stands for all.
        match (any, tags.is_empty()) {
            (true, true) => Ok(Some(Self::Any)),
            (true, false) => Err(wrong()),
            (false, _) => Ok(Some(Self::List(tags))),
        }
    }

    /// Weak tags are as good as strong ones where nothing is changed.
    pub(super) fn hold_weakly(&self, tag: &str) -> bool {
        match self {
            Self::Any => true,
            Self::List(list) => list.iter().any(|it| opaque(it) == opaque(tag)),
        }
    }

    pub(super) fn hold_strongly(&self, tag: &str) -> bool {
        match self {
            Self::Any => true,
            Self::List(list) => list.iter().any(|it| it == tag),
        }
    }
}

fn opaque(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

/// The first tag, and what stands behind it.
fn cut(text: &str) -> Option<(&str, &str)> {
    let opaque = text.strip_prefix("W/").unwrap_or(text).strip_prefix('"')?;
    let (inside, _) = opaque.split_once('"')?;
    if !inside.bytes().all(|it| matches!(it, b'!' | b'#'..=b'~')) {
        return None;
    }
    text.split_at_checked(text.len() - opaque.len() + inside.len() + 1)
}

/// Whether who asks has this already.
pub(super) fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    matches!(Tags::of(headers, &header::IF_NONE_MATCH), Ok(Some(tags)) if tags.hold_weakly(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(text: &str) -> Result<Option<Tags>, Kind> {
        let headers = HeaderMap::from_iter([(header::IF_MATCH, text.parse().unwrap())]);
        Tags::of(&headers, &header::IF_MATCH).map_err(|it| it.kind)
    }

    #[test]
    fn tags_are_read_as_the_standard_writes_them() {
        let list = |all: &[&str]| Ok(Some(Tags::List(all.iter().map(|it| (*it).to_owned()).collect())));
        assert_eq!(tags("*"), Ok(Some(Tags::Any)));
        assert_eq!(tags("\"7\""), list(&["\"7\""]));
        assert_eq!(tags("\"7\" , W/\"a,b\",\"\""), list(&["\"7\"", "W/\"a,b\"", "\"\""]));
        assert_eq!((tags(""), tags(", \"7\",,")), (list(&[]), list(&["\"7\""])));
        for bad in ["7", "\"7", "\"7\" \"8\"", "W/7", "**", "\"a b\"", "*, \"7\""] {
            assert_eq!(tags(bad), Err(Kind::Malformed), "{bad}");
        }
        assert_eq!(Tags::of(&HeaderMap::new(), &header::IF_MATCH).map_err(|it| it.kind), Ok(None));
    }

    #[test]
    fn a_star_stands_alone_on_however_many_lines() {
        let of = |lines: &[&str]| {
            let headers = HeaderMap::from_iter(lines.iter().map(|it| (header::IF_MATCH, it.parse().unwrap())));
            Tags::of(&headers, &header::IF_MATCH).map_err(|it| it.kind)
        };
        assert_eq!(of(&["*"]), Ok(Some(Tags::Any)));
        assert_eq!(of(&["\"1\"", "*"]), Err(Kind::Malformed));
        assert_eq!(of(&["*", "\"1\""]), Err(Kind::Malformed));
        assert_eq!(of(&["\"1\"", "\"2\""]), tags("\"1\", \"2\""));
    }

    #[test]
    fn a_weak_tag_changes_nothing() {
        let weak = tags("W/\"7\"").unwrap().unwrap();
        assert!(weak.hold_weakly(&of_version(7)) && !weak.hold_strongly(&of_version(7)));
        let shown = tags(&of_content(b"shown")).unwrap().unwrap();
        assert!(shown.hold_weakly(&of_content(b"shown")) && !shown.hold_weakly(&of_content(b"other")));
        assert!(tags("\"7\"").unwrap().unwrap().hold_weakly("W/\"7\""));
        assert!(Tags::Any.hold_strongly(&of_version(1)));
    }
}
