//! Dialogflow V1 as an engine, and what `usher check` says of Google's hosts (S9).

use futures::FutureExt as _;
use usher::{
    config::{self, Embedded, SecretError, Sources},
    core::message::{FailureKind, Reply},
    nlp,
};

use crate::{
    dialogflow::deps,
    fakes::{
        dialogflow_v1::{CLIENT_TOKEN, FakeDialogflowV1, Reaction, says},
        http_target::{self, HttpTarget},
    },
    lex::{ask, build, profile},
};

fn v1(url: &str, token: &str) -> String {
    format!("type = \"dialogflow\"\n[dialogflow_v1]\nurl = \"{url}\"\nclient_token = \"{token}\"\n")
}

fn echo() -> FakeDialogflowV1 {
    FakeDialogflowV1::start(|asked| {
        async move { Reaction::Result(says(&format!("echo: {}", asked.string("query")))) }.boxed()
    })
}

#[tokio::test]
async fn s9_a_url_is_asked_as_it_stands_where_it_has_a_path() {
    let fake = echo();
    for url in [fake.url(), format!("{}/", fake.url()), format!("{}/v1/query?v=20170712", fake.url())] {
        let engine = build(&profile(&v1(&url, CLIENT_TOKEN)));
        assert_eq!(ask(&engine, "hi").await.unwrap().replies, [Reply::Text("echo: hi".into())], "{url}");
    }
    let asked = fake.asked();
    assert_eq!((asked[0].string("sessionId"), asked[0].string("timezone")), ("u.c-1".into(), "UTC".into()));
    let elsewhere = build(&profile(&v1(&format!("{}/elsewhere", fake.url()), CLIENT_TOKEN)));
    assert_eq!(ask(&elsewhere, "hi").await.unwrap_err().kind, FailureKind::NotFound);
}

#[tokio::test]
async fn s9_no_secret_and_no_word_of_the_customers_is_told() {
    let fake = echo();
    let engine = build(&profile(&v1(&fake.url(), "planted-wrong-token")));
    let error = ask(&engine, "4711").await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Credential);
    let told = format!("{error:?} {engine:?}");
    assert!(!told.contains("planted") && !told.contains("4711"), "{told}");
}

#[tokio::test]
async fn s33_a_server_that_says_when_it_may_be_asked_again_is_heard() {
    let busy = http_target::Reaction::Answer {
        status: 429,
        headers: vec![("retry-after", "17".to_owned())],
        body: Vec::new(),
    };
    let target = HttpTarget::plain([busy]);
    let engine = build(&profile(&v1(&format!("http://{}", target.address), CLIENT_TOKEN)));
    let error = ask(&engine, "hi").await.unwrap_err();
    assert_eq!((error.kind, error.retry_after.map(|it| it.as_secs())), (FailureKind::Quota, Some(17)));
}

#[tokio::test]
async fn s9_a_credential_is_checked_by_a_word_in_a_session_of_its_own() {
    let fake = echo();
    let check = async |url: &str, token: &str| {
        let profile = profile(&v1(url, token));
        nlp::check_credential(&profile.engines.primary, &profile, &deps()).await
    };
    let about = check(&fake.url(), CLIENT_TOKEN).await.unwrap().about.unwrap();
    assert_eq!(about.to_string(), "speaks version 1 of the API; \"usher check\" is intent small talk to it");
    assert_eq!(fake.asked()[0].string("sessionId"), "usher-check");
    assert_eq!(check(&fake.url(), "wrong").await.unwrap_err().kind, FailureKind::Credential);
}

#[test]
fn s9_googles_hosts_are_warned_of_with_the_mending() {
    let warnings = |url: &str| {
        let profile = format!(
            "name = \"old\"\nagent_password = {{ env = \"PASSWORD\" }}\nfallback_message = \"Sorry.\"\ntype = \"dialogflow\"\n\
             [dialogflow_v1]\nclient_token = {{ env = \"PASSWORD\" }}\n{url}"
        );
        let embedded = Embedded { main: String::new(), profiles: vec![("old".to_owned(), profile)] };
        let environment = [("PASSWORD".to_owned(), "planted".to_owned())].into_iter().collect();
        let sources = Sources { embedded: Some(embedded), environment, ..Sources::default() };
        let loaded = config::load(&sources, &nlp::schemas(), &|_| Err(SecretError::Unknown)).unwrap();
        let told = loaded.warnings.into_iter().map(|it| format!("{}; {}", it.message, it.help));
        told.collect::<Vec<_>>()
    };
    for url in ["", "url = \"https://api.api.ai/v1/query?v=20150910\"\n"] {
        let [warning] = warnings(url).try_into().unwrap();
        assert!(warning.starts_with("`dialogflow_v1.url` leads to Google, which has closed version 1"), "{warning}");
        assert!(warning.contains("type = \"dialogflow-v2\""), "{warning}");
    }
    assert_eq!(warnings("url = \"https://bot.example.com\"\n"), [""; 0]);
}
