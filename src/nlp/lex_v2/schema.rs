//! How a profile of type `lex` is configured.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use secrecy::{ExposeSecret as _, SecretString};

use crate::{
    config::{
        nearest::{nearest, quoted},
        schema::{Field, Form, Problem, Required, Schema, Values},
        settings::Profile,
    },
    core::said::said,
    nlp::{
        QUOTA_FIELD,
        web::{DEADLINE, PLAIN, PROXY},
    },
};

pub(in crate::nlp) const SCHEMA: Schema = Schema {
    kind: "lex",
    title: "Amazon Lex V2",
    section: "lex",
    fields: FIELDS,
    text_characters: 1024,
    check,
    exclusive: Schema::nothing_exclusive,
};

const FIELDS: &[Field] = &[
    Field {
        key: "region",
        help: "Mandatory: where the bot lives, such as \"eu-central-1\". It decides the host and is part of every signature.",
        form: Form::Segment(32),
        example: "\"eu-central-1\"",
        required: Required::Yes("name the AWS region that the bot lives in, such as \"eu-central-1\""),
        ..PLAIN
    },
    Field {
        key: "bot_id",
        help: "Mandatory: the bot's id, ten letters and digits; not its name.",
        form: Form::Segment(ID_CHARACTERS),
        example: "\"ABCDEFGHIJ\"",
        required: Required::Yes("copy the bot's id from its page in the Lex console"),
        ..PLAIN
    },
    Field {
        key: "bot_alias_id",
        help: "Mandatory: the alias's id. TSTALIASID, the draft, takes two conversations at a time.",
        form: Form::Segment(ID_CHARACTERS),
        example: "\"TSTALIASID\"",
        required: Required::Yes("copy the alias's id from the bot's aliases in the Lex console"),
        ..PLAIN
    },
    Field {
        key: "locales",
        help: "The languages that the bot is built in. A contact gets the one nearest to its own, or else the first.",
        form: Form::Texts(32),
        default: Some("[\"en_US\"]"),
        ..PLAIN
    },
    Field {
        key: "access_key_id",
        help: "Mandatory: of an IAM identity that may `lex:RecognizeText` on the alias.",
        form: Form::Secret,
        example: "{ env = \"SUPPORT_AWS_KEY_ID\" }",
        required: Required::Yes("give an access key of IAM: { env = \"SUPPORT_AWS_KEY_ID\" }"),
        ..PLAIN
    },
    Field {
        key: "secret_access_key",
        help: "Mandatory.",
        form: Form::Secret,
        example: "{ env = \"SUPPORT_AWS_SECRET_KEY\" }",
        required: Required::Yes("give the access key's secret: { env = \"SUPPORT_AWS_SECRET_KEY\" }"),
        ..PLAIN
    },
    Field {
        key: "session_token",
        help: "Of temporary keys. Who renews them writes all three and reloads.",
        form: Form::Secret,
        example: "{ file = \"session-token\" }",
        ..PLAIN
    },
    Field {
        key: "endpoint",
        help: "Overrides the regional host, for a VPC endpoint.",
        form: Form::Endpoint,
        example: "\"https://vpce-1.runtime-v2-lex.eu-central-1.vpce.amazonaws.com\"",
        ..PLAIN
    },
    Field {
        key: "fallback_intent",
        help: "The name of the bot's AMAZON.FallbackIntent.",
        form: Form::Text(100),
        default: Some("\"FallbackIntent\""),
        ..PLAIN
    },
    Field {
        key: "event_texts",
        help: "Lex knows no events: what is said to it in place of one, as \"EVENT=text\". Others are not told.",
        form: Form::Texts(64),
        example: "[\"WELCOME=hello\"]",
        ..PLAIN
    },
    DEADLINE,
    PROXY,
    QUOTA_FIELD,
];

const ID_CHARACTERS: usize = 10;
const MAX_TEXT_CHARACTERS: usize = 1024;

/// Where Lex V2 is served; anything else may be new, or a mistake.
const REGIONS: &[&str] = &[
    "af-south-1",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-west-1",
    "eu-west-2",
    "us-east-1",
    "us-gov-west-1",
    "us-west-2",
];

fn check(values: &Values) -> Vec<Problem> {
    let mut problems: Vec<Problem> = values.text("region").and_then(region).into_iter().collect();
    for key in ["bot_id", "bot_alias_id"] {
        let id = values.text(key).unwrap_or_default();
        if !id.is_empty() && (id.len() != ID_CHARACTERS || !id.bytes().all(|it| it.is_ascii_alphanumeric())) {
            let help = said!("it has ten letters and digits; a name will not do");
            problems.push(Problem::error(key, said!("is no id of Lex V2"), help));
        }
    }
    problems.extend(locales(values.texts("locales")));
    for line in values.texts("event_texts") {
        if event_text(line).is_none() {
            let message = said!("has an entry that is not of the form \"EVENT=text\"");
            let help = said!("write it as \"WELCOME=hello\", with 1 to {} characters of text", MAX_TEXT_CHARACTERS);
            problems.push(Problem::error("event_texts", message, help));
        }
    }
    problems.extend(keys(values));
    problems
}

fn region(region: &str) -> Option<Problem> {
    if REGIONS.contains(&region) {
        return None;
    }
    let looks_like_one = region.split('-').count() >= 3
        && region.ends_with(|c: char| c.is_ascii_digit())
        && region.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    let help = nearest(region, REGIONS.iter().copied()).map_or_else(
        || said!("known are {}", quoted(REGIONS.iter().copied())),
        |meant| said!("did you mean `{}`?", meant),
    );
    let message = said!("is `{}`, where Lex V2 has no region that we know of", region);
    Some(if looks_like_one {
        Problem::warning("region", message, help)
    } else {
        Problem::error("region", message, help)
    })
}

fn locales(locales: &[String]) -> Option<Problem> {
    let is_locale = |it: &str| {
        let parts = it.split_once('_');
        parts.is_some_and(|(language, place)| {
            (2..=3).contains(&language.len())
                && language.bytes().all(|it| it.is_ascii_lowercase())
                && (2..=4).contains(&place.len())
                && place.bytes().all(|it| it.is_ascii_alphanumeric())
        })
    };
    if locales.is_empty() {
        return Some(Problem::error(
            "locales",
            said!("is empty"),
            said!("name the locales that the bot is built in, such as \"en_US\""),
        ));
    }
    let wrong = locales.iter().find(|it| !is_locale(it))?;
    Some(Problem::error(
        "locales",
        said!("holds `{}`, which is no locale", wrong),
        said!("write it as Lex does: \"en_US\""),
    ))
}

/// Only what can be told without asking.
fn keys(values: &Values) -> Option<Problem> {
    let id = values.secret("access_key_id")?.expose_secret();
    if values.secret("session_token").is_none() && id.starts_with("ASIA") {
        let help = said!("give its `session_token`, too, or use a key that lasts");
        return Some(Problem::error(
            "access_key_id",
            said!("is a temporary key, of no use without its session token"),
            help,
        ));
    }
    let is_key = id.len() >= 16 && id.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'_');
    let help = said!("it has 16 to 128 letters and digits and begins with AKIA, most of the time; is it the secret?");
    (!is_key).then(|| Problem::error("access_key_id", said!("is no access key id"), help))
}

fn event_text(line: &str) -> Option<(&str, &str)> {
    let (event, text) = line.split_once('=')?;
    let (event, text) = (event.trim(), text.trim());
    let good = !event.is_empty() && (1..=MAX_TEXT_CHARACTERS).contains(&text.chars().count());
    good.then_some((event, text))
}

/// The settings, as the engine reads them. A proxy's address may hold a password: no `Debug`.
#[derive(Clone)]
pub(super) struct Lex {
    pub(super) region: String,
    pub(super) bot_id: String,
    pub(super) bot_alias_id: String,
    pub(super) locales: Locales,
    pub(super) access_key_id: SecretString,
    pub(super) secret_access_key: SecretString,
    pub(super) session_token: Option<SecretString>,
    pub(super) endpoint: String,
    pub(super) fallback_intent: String,
    pub(super) event_texts: BTreeMap<String, String>,
    /// What the profile has actions for: intents of these names are theirs.
    pub(super) actions: BTreeSet<String>,
    pub(super) deadline: Duration,
    pub(super) proxy: Option<String>,
}

impl Lex {
    pub(super) fn of(values: &Values, profile: &Profile) -> Self {
        let text = |key| values.owned(key).unwrap_or_default();
        let secret = |key| values.secret(key).cloned().unwrap_or_default();
        let region = text("region");
        let regional = || format!("https://runtime-v2-lex.{region}.amazonaws.com");
        let event_texts = values.texts("event_texts").iter().filter_map(|it| event_text(it));
        Self {
            endpoint: values.owned("endpoint").unwrap_or_else(regional),
            region,
            bot_id: text("bot_id"),
            bot_alias_id: text("bot_alias_id"),
            locales: Locales(values.texts("locales").to_vec()),
            access_key_id: secret("access_key_id"),
            secret_access_key: secret("secret_access_key"),
            session_token: values.secret("session_token").cloned(),
            fallback_intent: text("fallback_intent"),
            event_texts: event_texts.map(|(event, text)| (event.to_owned(), text.to_owned())).collect(),
            actions: profile.rules.actions.iter().map(|it| it.name.clone()).collect(),
            deadline: values.millis("deadline_ms"),
            proxy: values.owned("proxy"),
        }
    }
}

/// What the bot is built in.
#[derive(Clone, Debug)]
pub(super) struct Locales(Vec<String>);

impl Locales {
    /// For a contact of this language (BCP 47): the same, or the first of its language, or the first.
    pub(super) fn nearest(&self, language: &str) -> &str {
        let wanted = language.replace('-', "_");
        let root = |it: &str| it.split('_').next().unwrap_or_default().to_ascii_lowercase();
        let exact = self.0.iter().find(|it| it.eq_ignore_ascii_case(&wanted));
        let found = exact.or_else(|| self.0.iter().find(|it| root(it) == root(&wanted))).or_else(|| self.0.first());
        found.map_or("en_US", String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Severity, schema::Value};

    fn found(values: &[(&'static str, Value)]) -> Vec<(Severity, String)> {
        let good = [
            ("region", Value::Text("eu-central-1".into())),
            ("bot_id", Value::Text("ABCDEFGHIJ".into())),
            ("bot_alias_id", Value::Text("TSTALIASID".into())),
            ("locales", Value::Texts(vec!["en_US".into()])),
            ("access_key_id", Value::Secret("AKIDEXAMPLE123456".into())),
        ];
        let values: Values = good.into_iter().chain(values.iter().cloned()).collect();
        let told = |it: Problem| (it.severity, format!("{} {}; {}", it.key, it.message, it.help));
        check(&values).into_iter().map(told).collect()
    }

    #[test]
    fn what_cannot_work_is_found_before_anyone_is_asked() {
        assert_eq!(found(&[]), []);
        let text = |it: &str| Value::Text(it.to_owned());
        let texts = |it: &[&str]| Value::Texts(it.iter().map(|&it| it.to_owned()).collect());
        for (key, value, severity, word) in [
            ("region", text("eu-centrall-1"), Severity::Warning, "did you mean `eu-central-1`?"),
            ("region", text("frankfurt"), Severity::Error, "known are"),
            ("bot_id", text("MyBot"), Severity::Error, "a name will not do"),
            ("bot_alias_id", text("live"), Severity::Error, "a name will not do"),
            ("locales", texts(&[]), Severity::Error, "is empty"),
            ("locales", texts(&["en_US", "de-DE"]), Severity::Error, "`de-DE`"),
            ("event_texts", texts(&["WELCOME"]), Severity::Error, "WELCOME=hello"),
            ("event_texts", texts(&["WELCOME= "]), Severity::Error, "WELCOME=hello"),
            ("access_key_id", Value::Secret("ASIAEXAMPLE123456".into()), Severity::Error, "session_token"),
            (
                "access_key_id",
                Value::Secret("wJalrXUtnFEMI/K7MDENG/planted".into()),
                Severity::Error,
                "is it the secret?",
            ),
        ] {
            let found = found(&[(key, value)]);
            let [(found_severity, told)] = found.as_slice() else { panic!("one finding for {key}: {found:?}") };
            assert_eq!(*found_severity, severity, "{told}");
            assert!(told.starts_with(key) && told.contains(word) && !told.contains("planted"), "{told}");
        }
        let temporary = [
            ("access_key_id", Value::Secret("ASIAEXAMPLE123456".into())),
            ("session_token", Value::Secret("t".into())),
        ];
        assert_eq!(found(&temporary), []);
    }

    #[test]
    fn a_contact_gets_the_nearest_locale() {
        let locales = Locales(["en_US", "en_GB", "de_DE", "es_419"].map(str::to_owned).into());
        for (language, locale) in [
            ("en", "en_US"),
            ("en-GB", "en_GB"),
            ("EN-gb", "en_GB"),
            ("de-AT", "de_DE"),
            ("es", "es_419"),
            ("fr", "en_US"),
            ("", "en_US"),
        ] {
            assert_eq!(locales.nearest(language), locale, "{language}");
        }
    }
}
