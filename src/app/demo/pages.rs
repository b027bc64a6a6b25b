//! The demo's pages: two documents in two languages, and what they load. All of it is in the binary, and nothing is inline,
//! so that the strictest content policy holds.

use std::collections::BTreeMap;

use anyhow::Context as _;
use axum::{
    Router,
    http::{HeaderMap, HeaderValue, header},
    middleware,
    response::{IntoResponse, Response},
    routing::get,
};

/// What the pages may do: their own code and looks, calls to where they come from, pictures that a virtual agent shows.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      img-src 'self' https: data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

const START: &str = include_str!("pages/start.html");
const DESK: &str = include_str!("pages/desk.html");
const TOOLS: &str = include_str!("pages/tools.html");
/// Each text in English and German, for the documents and for their code.
const WORDS: &str = include_str!("pages/words.json");

const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";
const ASSETS: &[(&str, &str, &str)] = &[
    ("/assets/style.css", "text/css; charset=utf-8", include_str!("pages/style.css")),
    ("/assets/dom.js", SCRIPT, include_str!("pages/dom.js")),
    ("/assets/hub.js", SCRIPT, include_str!("pages/hub.js")),
    ("/assets/look.js", SCRIPT, include_str!("pages/look.js")),
    ("/assets/why.js", SCRIPT, include_str!("pages/why.js")),
    ("/assets/talk.js", SCRIPT, include_str!("pages/talk.js")),
    ("/assets/desk.js", SCRIPT, include_str!("pages/desk.js")),
    ("/assets/start.js", SCRIPT, include_str!("pages/start.js")),
    ("/assets/usher.svg", SVG, include_str!("pages/usher.svg")),
    // A picture that the demo's virtual agent shows.
    ("/back-office/parcel.svg", SVG, include_str!("pages/parcel.svg")),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Language {
    English,
    German,
}

impl Language {
    const fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
        }
    }

    /// What was chosen on a page, otherwise what the browser prefers.
    fn of(headers: &HeaderMap) -> Self {
        chosen(headers).or_else(|| preferred(headers)).unwrap_or(Self::English)
    }

    fn named(name: &str) -> Option<Self> {
        let primary = name.trim().split('-').next().unwrap_or_default();
        match primary.to_ascii_lowercase().as_str() {
            "en" => Some(Self::English),
            "de" => Some(Self::German),
            _ => None,
        }
    }
}

fn chosen(headers: &HeaderMap) -> Option<Language> {
    let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|it| it.to_str().ok());
    let mut pairs = cookies.flat_map(|it| it.split(';')).filter_map(|it| it.trim().split_once('='));
    pairs.find(|(name, _)| *name == "usher-language").and_then(|(_, value)| Language::named(value))
}

/// Of the languages that we speak, the one with the highest weight; the first of several.
fn preferred(headers: &HeaderMap) -> Option<Language> {
    let accepted = headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?;
    let mut best: Option<(f32, Language)> = None;
    for part in accepted.split(',') {
        let (name, weight) = part.split_once(";q=").unwrap_or((part, "1"));
        let weight: f32 = weight.trim().parse().unwrap_or_default();
        if let Some(language) = Language::named(name)
            && weight > best.map_or(0.0, |it| it.0)
        {
            best = Some((weight, language));
        }
    }
    best.map(|it| it.1)
}

type Words = BTreeMap<String, [String; 2]>;

pub(super) struct Pages {
    /// For the staff.
    pub(super) documents: Router,
    /// What they load: no secret, and a customer's chat shows a picture of it.
    pub(super) assets: Router,
}

/// What differs from demo to demo.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places<'a> {
    pub(super) unit: &'a str,
    /// Where the demo is reached.
    pub(super) base: &'a str,
    /// Where its Web Manager is.
    pub(super) manager: &'a str,
}

/// The pages, with what differs from demo to demo filled in.
pub(super) fn build(places: Places<'_>) -> anyhow::Result<Pages> {
    let words: Words = serde_json::from_str(WORDS).context("the pages' words")?;
    let documents = Router::new()
        .route("/", page(START, &words, places))
        .route("/desk", page(DESK, &words, places))
        .layer(middleware::map_response(secure));
    let mut assets = Router::new();
    for &(path, kind, body) in ASSETS {
        assets = assets.route(path, get(move || async move { asset(kind, body.to_owned()) }));
    }
    for language in [Language::English, Language::German] {
        let own: BTreeMap<&str, &str> =
            words.iter().map(|(key, texts)| (key.as_str(), pick(texts, language))).collect();
        let module = format!("export default {};\n", serde_json::to_string(&own)?);
        let path = format!("/assets/words.{}.js", language.code());
        assets = assets.route(&path, get(move || async move { asset(SCRIPT, module.clone()) }));
    }
    Ok(Pages { documents, assets: assets.layer(middleware::map_response(secure)) })
}

fn page(template: &str, words: &Words, places: Places<'_>) -> axum::routing::MethodRouter {
    let [english, german] =
        [Language::English, Language::German].map(|language| render(template, words, language, places));
    get(async move |headers: HeaderMap| {
        let body = match Language::of(&headers) {
            Language::English => english.clone(),
            Language::German => german.clone(),
        };
        let mut response = asset("text/html; charset=utf-8", body);
        response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept-language, cookie"));
        response
    })
}

fn render(template: &str, words: &Words, language: Language, places: Places<'_>) -> String {
    let mut page = template.replace("{{tools}}", TOOLS);
    for (key, texts) in words {
        page = page.replace(&format!("{{{{{key}}}}}"), &escaped(pick(texts, language)));
    }
    let Places { unit, base, manager } = places;
    for (key, value) in [("language", language.code()), ("unit", unit), ("base", base), ("manager", manager)] {
        page = page.replace(&format!("{{{{{key}}}}}"), &escaped(value));
    }
    page
}

fn pick(texts: &[String; 2], language: Language) -> &str {
    let [english, german] = texts;
    match language {
        Language::English => english,
        Language::German => german,
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn asset(kind: &'static str, body: String) -> Response {
    ([(header::CONTENT_TYPE, kind)], body).into_response()
}

async fn secure(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    // The next build's pages must not meet this build's code.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::HeaderName::from_static(name), value.parse().unwrap())])
    }

    #[test]
    fn the_language_is_the_chosen_one_or_the_most_wanted() {
        let of = |name, value: &str| Language::of(&with(name, value)).code();
        assert_eq!(of("accept-language", "de-DE,de;q=0.9,en;q=0.8"), "de");
        assert_eq!(of("accept-language", "fr,en;q=0.5,de;q=0.7"), "de");
        assert_eq!(of("accept-language", "fr"), "en");
        assert_eq!(of("accept-language", "de;q=0"), "en");
        assert_eq!(of("cookie", "a=b; usher-language=de"), "de");
        let mut both = with("cookie", "usher-language=en");
        both.extend(with("accept-language", "de"));
        assert_eq!(Language::of(&both).code(), "en");
    }

    #[test]
    fn every_word_has_both_languages_and_no_page_lacks_one() {
        let words: Words = serde_json::from_str(WORDS).unwrap();
        for (key, texts) in &words {
            assert!(texts.iter().all(|it| !it.trim().is_empty()), "{key}");
        }
        for template in [START, DESK] {
            for language in [Language::English, Language::German] {
                let (base, manager) = ("http://127.0.0.1:7410", "http://127.0.0.1:7404");
                let page = render(template, &words, language, Places { unit: "DEMO", base, manager });
                assert!(!page.contains("{{"), "{page}");
                assert!(page.contains(&format!("<html lang=\"{}\">", language.code())), "{page}");
            }
        }
    }

    #[test]
    fn the_code_of_the_pages_asks_for_words_that_there_are() {
        let words: Words = serde_json::from_str(WORDS).unwrap();
        let mut asked = 0;
        for (path, _, code) in ASSETS.iter().filter(|it| it.1 == SCRIPT) {
            for rest in code.split(" t(\"").skip(1).chain(code.split("(t(\"").skip(1)) {
                let key = rest.split('"').next().unwrap();
                assert!(words.contains_key(key), "{path}: {key}");
                asked += 1;
            }
        }
        assert!(asked > 20, "the calls were not found");
    }

    #[test]
    fn nothing_is_inline_and_nothing_comes_from_elsewhere() {
        for template in [START, DESK, TOOLS] {
            for unwanted in ["<style", " style=", " onclick", "src=\"http", "href=\"http"] {
                assert!(!template.replace("src=\"{{base}}", "").contains(unwanted), "{unwanted}");
            }
            assert_eq!(
                template.matches("<script").count(),
                template.matches("<script type=\"module\" src=\"/").count()
            );
        }
    }
}
