//! The element's script: its modules and its style sheet in one file, so that a page never mixes two versions.

use std::fmt::Write as _;

use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use sha2::{Digest as _, Sha256};

/// In the order of what they need of each other.
const MODULES: &[&str] = &[
    include_str!("widget/texts.js"),
    include_str!("widget/dom.js"),
    include_str!("widget/memory.js"),
    include_str!("widget/wire.js"),
    include_str!("widget/conversation.js"),
    include_str!("widget/content.js"),
    include_str!("widget/log.js"),
    include_str!("widget/panel.js"),
    include_str!("widget/element.js"),
];
const STYLE: &str = include_str!("widget/widget.css");

/// A browser asks each time and is told that nothing has changed.
const REVALIDATE: HeaderValue = HeaderValue::from_static("no-cache");
/// For those who name the version that they want.
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const SCRIPT: HeaderValue = HeaderValue::from_static("text/javascript; charset=utf-8");

#[derive(Clone, Debug)]
pub(super) struct Script {
    text: Bytes,
    version: String,
}

impl Script {
    pub(super) fn build() -> Self {
        let text = bundle();
        let digest = Sha256::digest(&text);
        let mut version = String::new();
        for byte in digest.iter().take(8) {
            // Writing to a string does not fail.
            write!(version, "{byte:02x}").unwrap_or_default();
        }
        Self { text: text.into(), version }
    }

    /// `wanted`: the version that the address names.
    pub(super) fn answer(&self, request: &HeaderMap, wanted: Option<&str>) -> Response {
        let tag = format!("\"{}\"", self.version);
        let cache = if wanted == Some(&self.version) { FOR_EVER } else { REVALIDATE };
        let has_it =
            request.get_all(header::IF_NONE_MATCH).iter().filter_map(|it| it.to_str().ok()).any(|it| {
                it.split(',').map(str::trim).any(|it| it == "*" || it.strip_prefix("W/").unwrap_or(it) == tag)
            });
        let Ok(tag) = HeaderValue::try_from(tag) else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
        let headers = [
            (header::CACHE_CONTROL, cache),
            (header::ETAG, tag),
            // The script is public, and module scripts are always asked for across origins by CORS.
            (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
        ];
        if has_it {
            return (StatusCode::NOT_MODIFIED, headers).into_response();
        }
        (headers, [(header::CONTENT_TYPE, SCRIPT)], self.text.clone()).into_response()
    }
}

/// The modules behind each other; their imports of one another fall away.
fn bundle() -> String {
    let style = serde_json::Value::from(STYLE);
    let mut script = format!("// Usher's web chat: <usher-chat>.\nconst STYLE = {style};\n");
    for line in MODULES.iter().flat_map(|it| it.lines()) {
        if line.starts_with("import ") {
            continue;
        }
        script.push_str(line.strip_prefix("export ").unwrap_or(line));
        script.push('\n');
    }
    script
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_modules_fit_into_one_script() {
        let script = bundle();
        assert!(!script.lines().any(|it| it.starts_with("export ") || it.starts_with("} from")));
        let mut names = BTreeSet::new();
        for line in script.lines() {
            let words: Vec<&str> = line.split([' ', '(']).filter(|it| !matches!(*it, "async" | "function*")).collect();
            if let [kind @ ("const" | "let" | "class" | "function"), name, ..] = words.as_slice() {
                assert!(names.insert(*name), "{kind} {name} is declared by two modules");
            }
        }
        assert!(names.contains("Conversation") && names.contains("STYLE"));
    }

    #[test]
    fn no_module_makes_markup_of_text() {
        for forbidden in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"] {
            assert!(!bundle().contains(forbidden), "{forbidden}");
        }
    }

    #[test]
    fn who_has_the_script_is_told_so_and_who_names_its_version_may_keep_it() {
        let script = Script::build();
        let fresh = script.answer(&HeaderMap::new(), None);
        assert_eq!((fresh.status(), &fresh.headers()[header::CACHE_CONTROL]), (StatusCode::OK, &REVALIDATE));
        let mut request = HeaderMap::new();
        request.insert(header::IF_NONE_MATCH, format!("\"other\", W/\"{}\"", script.version).parse().unwrap());
        assert_eq!(script.answer(&request, None).status(), StatusCode::NOT_MODIFIED);
        let kept = script.answer(&HeaderMap::new(), Some(&script.version));
        assert_eq!(kept.headers()[header::CACHE_CONTROL], FOR_EVER);
        let old = script.answer(&HeaderMap::new(), Some("0000"));
        assert_eq!(old.headers()[header::CACHE_CONTROL], REVALIDATE);
    }
}
