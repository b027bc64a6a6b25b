//! How a profile of type `webhook` is configured (S11).

use std::time::Duration;

use http::Uri;
use secrecy::{ExposeSecret as _, SecretString};

use crate::{
    config::schema::{Field, Form, Problem, Required, Schema, Values},
    core::said::{Said, said},
    nlp::QUOTA_FIELD,
};

pub(in crate::nlp) const SCHEMA: Schema = Schema {
    kind: "webhook",
    title: "Connector by webhook: your own, Rasa, or a Bot Framework bot",
    section: "webhook",
    fields: FIELDS,
    text_characters: 0,
    check,
    exclusive: Schema::nothing_exclusive,
};

const DIRECT_LINE: &str = "https://directline.botframework.com/";

const PLAIN: Field = Field { key: "", help: "", form: Form::Flag, default: None, example: "", required: Required::No };

const FIELDS: &[Field] = &[
    Field {
        key: "dialect",
        help: "What is spoken there: usher (docs/engines/webhook.md), rasa (its REST channel), bot-framework (Direct Line 3.0).",
        form: Form::Choice(&["usher", "rasa", "bot-framework"]),
        default: Some("\"usher\""),
        ..PLAIN
    },
    Field {
        key: "url",
        help: "usher: where turns are posted. rasa: the server, without /webhooks/rest. bot-framework: none for Microsoft's own service.",
        form: Form::Url,
        example: "\"https://bot.example.com/turns\"",
        ..PLAIN
    },
    Field {
        key: "signing_key",
        help: "usher, mandatory: key of the HMAC-SHA256 signature on everything that is posted.",
        form: Form::Secret,
        example: "{ env = \"BOT_SIGNING_KEY\" }",
        ..PLAIN
    },
    Field {
        key: "token",
        help: "Sent as `Authorization: Bearer`. bot-framework, mandatory: the secret of the bot's Direct Line channel.",
        form: Form::Secret,
        example: "{ env = \"BOT_TOKEN\" }",
        ..PLAIN
    },
    Field {
        key: "deadline_ms",
        help: "How long one question may take, second tries included.",
        form: Form::Millis(100, 120_000),
        default: Some("10000"),
        ..PLAIN
    },
    Field {
        key: "async_deadline_ms",
        help: "usher: how long one question may take when the webhook says 202 and posts its answer later.",
        form: Form::Millis(100, 600_000),
        default: Some("60000"),
        ..PLAIN
    },
    Field {
        key: "signed_replies",
        help: "usher: answers that are posted later must be signed with `signing_key` as well.",
        form: Form::Flag,
        default: Some("false"),
        ..PLAIN
    },
    Field {
        key: "idempotent",
        help: "usher: the webhook drops what comes again with the same Idempotency-Key, so that a post may be repeated even if it may have arrived.",
        form: Form::Flag,
        default: Some("false"),
        ..PLAIN
    },
    Field {
        key: "poll_ms",
        help: "bot-framework: how often new activities are fetched while a question is open.",
        form: Form::Millis(20, 10_000),
        default: Some("500"),
        ..PLAIN
    },
    Field {
        key: "quiet_ms",
        help: "bot-framework: a bot that is done with a question and says nothing more for so long has answered.",
        form: Form::Millis(0, 30_000),
        default: Some("500"),
        ..PLAIN
    },
    QUOTA_FIELD,
    Field {
        key: "proxy",
        help: "None: direct.",
        form: Form::Proxy,
        example: "\"http://proxy.example.com:3128\"",
        ..PLAIN
    },
];

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Dialect {
    Usher,
    Rasa,
    BotFramework,
}

/// The settings, as the engines read them.
#[derive(Clone)]
pub(super) struct Webhook {
    pub(super) dialect: Dialect,
    pub(super) url: String,
    pub(super) signing_key: Option<SecretString>,
    pub(super) token: Option<SecretString>,
    pub(super) deadline: Duration,
    pub(super) async_deadline: Duration,
    pub(super) signed_replies: bool,
    pub(super) idempotent: bool,
    pub(super) poll: Duration,
    pub(super) quiet: Duration,
    pub(super) proxy: Option<String>,
}

impl Webhook {
    pub(super) fn of(values: &Values) -> Self {
        let dialect = dialect(values);
        let url = values.owned("url").unwrap_or_else(|| DIRECT_LINE.to_owned());
        Self {
            dialect,
            // What is below the server is asked for by paths that go on from here.
            url: if dialect == Dialect::Usher || url.ends_with('/') { url } else { format!("{url}/") },
            signing_key: values.secret("signing_key").cloned(),
            token: values.secret("token").cloned(),
            deadline: values.millis("deadline_ms"),
            async_deadline: values.millis("async_deadline_ms"),
            signed_replies: values.flag("signed_replies"),
            idempotent: values.flag("idempotent"),
            poll: values.millis("poll_ms"),
            quiet: values.millis("quiet_ms"),
            proxy: values.owned("proxy"),
        }
    }
}

fn dialect(values: &Values) -> Dialect {
    values.choice("dialect").unwrap_or(Dialect::Usher)
}

fn check(values: &Values) -> Vec<Problem> {
    let mut problems = match dialect(values) {
        Dialect::Usher => of_usher(values),
        Dialect::Rasa => of_rasa(values),
        Dialect::BotFramework => of_bot_framework(values),
    };
    if values.text("url").is_some_and(is_open_plaintext) {
        problems.push(Problem::warning(
            "url",
            said!("sends what customers say over the network without TLS"),
            said!("use https://, unless everything in between is yours"),
        ));
    }
    problems
}

fn of_usher(values: &Values) -> Vec<Problem> {
    let mut problems = url_is_there(values, said!("name the address that turns are posted to"));
    match values.secret("signing_key") {
        None => problems.push(Problem::error(
            "signing_key",
            said!("is missing"),
            said!("agree on a random one with the webhook: `openssl rand -hex 32` makes a good one"),
        )),
        Some(key) if key.expose_secret().len() < 16 => problems.push(Problem::warning(
            "signing_key",
            said!("is shorter than 16 characters"),
            said!("take a random one: `openssl rand -hex 32` makes a good one"),
        )),
        Some(_) => {}
    }
    problems
}

fn of_rasa(values: &Values) -> Vec<Problem> {
    let mut problems = url_is_there(values, said!("name the Rasa server: \"http://rasa.example.com:5005\""));
    if values.text("url").is_some_and(|url| url.contains("/webhooks/")) {
        problems.push(Problem::error(
            "url",
            said!("names the channel as well"),
            said!("leave out what begins with /webhooks/"),
        ));
    }
    problems.extend(no_use(values, "signing_key", &said!("Rasa checks no signature")));
    problems
}

fn of_bot_framework(values: &Values) -> Vec<Problem> {
    let mut problems = Vec::new();
    if values.secret("token").is_none() {
        let help = said!("take a secret of the bot's Direct Line channel from the Azure portal");
        problems.push(Problem::error("token", said!("is missing"), help));
    }
    problems.extend(no_use(values, "signing_key", &said!("Direct Line checks no signature")));
    problems
}

fn url_is_there(values: &Values, help: Said) -> Vec<Problem> {
    let missing = values.text("url").is_none();
    missing.then(|| Problem::error("url", said!("is missing"), help)).into_iter().collect()
}

fn no_use(values: &Values, key: &'static str, why: &Said) -> Option<Problem> {
    values.secret(key).map(|_| Problem::warning(key, said!("has no use: {}", why), said!("take it out")))
}

/// `http://` to another machine, by a name or an address that is not this site's own.
fn is_open_plaintext(url: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else { return false };
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let own = match host.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V4(address)) => address.is_loopback() || address.is_private(),
        Ok(std::net::IpAddr::V6(address)) => address.is_loopback() || address.is_unique_local(),
        Err(_) => !host.contains('.'),
    };
    uri.scheme_str() == Some("http") && !own
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Severity, schema::Value};

    fn found(values: &[(&'static str, &str)]) -> Vec<(&'static str, Severity)> {
        let value = |key, text: &str| match key {
            "signing_key" | "token" => Value::Secret(text.into()),
            _ => Value::Text(text.to_owned()),
        };
        let values: Values = values.iter().map(|(key, text)| (*key, value(*key, text))).collect();
        check(&values).into_iter().map(|it| (it.key, it.severity)).collect()
    }

    #[test]
    fn s11_each_dialect_asks_for_what_it_needs() {
        use Severity::{Error, Warning};
        let (url, key) = (("url", "https://bot.example.com/"), ("signing_key", "0123456789abcdef"));
        assert_eq!(found(&[url, key]), []);
        assert_eq!(found(&[]), [("url", Error), ("signing_key", Error)]);
        assert_eq!(found(&[url, ("signing_key", "short")]), [("signing_key", Warning)]);
        let rasa = ("dialect", "rasa");
        assert_eq!(found(&[rasa, url]), []);
        assert_eq!(found(&[rasa]), [("url", Error)]);
        assert_eq!(found(&[rasa, ("url", "https://r.example.com/webhooks/rest/webhook")]), [("url", Error)]);
        assert_eq!(found(&[rasa, url, key]), [("signing_key", Warning)]);
        let bot = ("dialect", "bot-framework");
        assert_eq!(found(&[bot, ("token", "secret")]), []);
        assert_eq!(found(&[bot]), [("token", Error)]);
    }

    #[test]
    fn s11_customers_words_in_the_open_are_warned_of() {
        for open in ["http://bot.example.com/", "http://8.8.8.8:80/", "http://[2001:db8::1]/"] {
            assert!(is_open_plaintext(open), "{open}");
        }
        for own in [
            "https://bot.example.com/",
            "http://127.0.0.1:1/",
            "http://rasa:5005",
            "http://10.0.0.7/x",
            "http://[::1]/",
        ] {
            assert!(!is_open_plaintext(own), "{own}");
        }
    }
}
