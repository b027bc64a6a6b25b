//! Amazon Lex V2 as an engine, against a fake that checks every signature; and that fake, against AWS's own client.

use std::{
    io::Write as _,
    process::{Command, Stdio},
    sync::Arc,
};

use futures::FutureExt as _;
use serde_json::{Value, json};
use usher::{
    config::{self, Embedded, SecretError, Sources, settings::Profile},
    core::{
        ids::{ContactId, ContactName, UnitName},
        message::{Answer, FailureKind, Input, Reply},
    },
    gateway::ports::{Ask, AskError, LanguageEngine},
    nlp,
};

use crate::{
    dialogflow::deps,
    fakes::lex::{ACCESS_KEY_ID, ALIAS, BOT, FakeLex, REGION, Reaction, SECRET_ACCESS_KEY, says},
    python::interpreter,
};

const HOUR_MS: i64 = 60 * 60 * 1000;

/// A profile of one engine whose settings are given as TOML.
pub(crate) fn profile(engine: &str) -> Arc<Profile> {
    let profile = format!("name = \"support\"\nagent_password = \"secret\"\nfallback_message = \"Sorry.\"\n{engine}");
    let embedded = Embedded { main: String::new(), profiles: vec![("support".to_owned(), profile)] };
    let sources = Sources { embedded: Some(embedded), ..Sources::default() };
    let loaded = config::load(&sources, &nlp::schemas(), &|_| Err(SecretError::Unknown));
    loaded.unwrap().settings.profiles.remove(0)
}

/// `more` are further settings of the engine.
fn lex(fake: &FakeLex, secret: &str, more: &str) -> Arc<Profile> {
    let endpoint = fake.endpoint();
    profile(&format!(
        "type = \"lex\"\n[lex]\nregion = \"{REGION}\"\nbot_id = \"{BOT}\"\nbot_alias_id = \"{ALIAS}\"\n\
         access_key_id = \"{ACCESS_KEY_ID}\"\nsecret_access_key = \"{secret}\"\nendpoint = \"{endpoint}\"\n{more}"
    ))
}

pub(crate) fn build(profile: &Profile) -> Arc<dyn LanguageEngine> {
    nlp::build(&profile.engines.primary, profile, &deps()).unwrap()
}

pub(crate) async fn ask(engine: &Arc<dyn LanguageEngine>, text: &str) -> Result<Answer, AskError> {
    let contact = ContactId { unit: UnitName::new("u").unwrap(), name: ContactName::new("c-1").unwrap() };
    engine.ask(Ask::new(contact, Input::Text(text.to_owned()), "en")).await
}

fn echo() -> FakeLex {
    FakeLex::start(|asked| async move { Reaction::Answer(says(&format!("echo: {}", asked.text))) }.boxed())
}

fn echoed(text: &str) -> [Reply; 1] {
    [Reply::Text(format!("echo: {text}"))]
}

#[tokio::test]
async fn a_clock_that_goes_wrong_costs_one_more_try_and_no_answer() {
    for ahead_ms in [HOUR_MS, -HOUR_MS] {
        let fake = echo();
        let engine = build(&lex(&fake, SECRET_ACCESS_KEY, ""));
        assert_eq!(ask(&engine, "hi").await.unwrap().replies, echoed("hi"));
        assert_eq!(fake.errors(), [""; 0]);

        fake.is_ahead_by_ms(ahead_ms);
        for text in ["one", "two"] {
            assert_eq!(ask(&engine, text).await.unwrap().replies, echoed(text));
        }
        assert_eq!(fake.errors(), ["InvalidSignatureException"], "from then on it is allowed for");
        fake.is_ahead_by_ms(0);
        assert_eq!(ask(&engine, "mended").await.unwrap().replies, echoed("mended"));
        assert_eq!(fake.asked().len(), 4, "each question was heard once");
    }
}

#[tokio::test]
async fn a_wrong_secret_is_told_at_once() {
    let fake = echo();
    let engine = build(&lex(&fake, "planted-wrong-secret", ""));
    let error = ask(&engine, "4711").await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Credential);
    assert!(
        error.advice.to_string().contains("`secret_access_key`") && error.advice.to_string().contains("clock"),
        "{}",
        error.advice
    );
    assert_eq!(fake.errors(), ["InvalidSignatureException"], "the clocks agree: no second try");
    let told = format!("{error:?} {engine:?}");
    assert!(!told.contains("planted") && !told.contains("4711") && !told.contains(ACCESS_KEY_ID), "{told}");
}

#[tokio::test]
async fn a_temporary_key_goes_with_its_token() {
    let fake = echo();
    fake.wants_session_token("FwoGZXIvYXdzEXAMPLETOKEN//=");
    let with = lex(&fake, SECRET_ACCESS_KEY, "session_token = \"FwoGZXIvYXdzEXAMPLETOKEN//=\"\n");
    assert_eq!(ask(&build(&with), "hi").await.unwrap().replies, echoed("hi"));
    let error = ask(&build(&lex(&fake, SECRET_ACCESS_KEY, "")), "hi").await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Credential);
    assert!(error.advice.to_string().contains("`session_token`"), "{}", error.advice);
}

#[tokio::test]
async fn a_credential_is_checked_by_a_word_in_a_session_of_its_own() {
    let fake = echo();
    let check = async |secret: &str, more: &str| {
        let profile = lex(&fake, secret, more);
        nlp::check_credential(&profile.engines.primary, &profile, &deps()).await
    };
    let about = check(SECRET_ACCESS_KEY, "").await.unwrap().about.unwrap();
    assert_eq!(about.to_string(), format!("bot {BOT}, locale en_US; \"usher check\" is intent SmallTalk to it"));
    assert_eq!(fake.asked()[0].session, "usher-check");
    let kind = check("wrong", "").await.unwrap_err().kind;
    assert_eq!(kind, FailureKind::Credential);
    let kind = check(SECRET_ACCESS_KEY, "locales = [\"de_DE\"]\n").await.unwrap_err().kind;
    assert_eq!(kind, FailureKind::NotFound, "the bot is not built in it");
}

/// AWS's own client signs for the fake, and reads its answers and errors by AWS's own description of them.
#[tokio::test]
async fn awss_own_client_takes_the_fake_for_lex() {
    let answer = json!({
        "messages": [
            {"contentType": "PlainText", "content": "Größer 🦀"},
            {"contentType": "CustomPayload", "content": "{\"usher\": {\"end\": true}}"},
            {"contentType": "SSML", "content": "<speak>Hi</speak>"},
            {"contentType": "ImageResponseCard", "imageResponseCard": {"title": "Lamp", "subtitle": "Warm",
                "imageUrl": "https://x/l.png", "buttons": [{"text": "Buy", "value": "buy"}]}},
        ],
        "sessionState": {
            "dialogAction": {"type": "ElicitSlot", "slotToElicit": "when"},
            "intent": {"name": "BookTable", "state": "InProgress", "confirmationState": "None", "slots": {
                "when": {"shape": "Scalar", "value":
                    {"interpretedValue": "2026-11-20", "originalValue": "tonight", "resolvedValues": ["2026-11-20"]}},
                "toppings": {"shape": "List", "values": [{"shape": "Scalar", "value": {"interpretedValue": "ham"}}]},
                "address": {"shape": "Composite", "subSlots": {"street": {"value": {"interpretedValue": "High St"}}}},
            }},
            "activeContexts": [{"name": "booking", "contextAttributes": {},
                "timeToLive": {"timeToLiveInSeconds": 600, "turnsToLive": 5}}],
            "sessionAttributes": {"tier": "gold"},
            "originatingRequestId": "4e0b",
        },
        "interpretations": [{"intent": {"name": "BookTable"}, "nluConfidence": {"score": 0.8}, "interpretationSource": "Lex",
            "sentimentResponse": {"sentiment": "NEGATIVE",
                "sentimentScore": {"positive": 0.1, "negative": 0.6, "neutral": 0.2, "mixed": 0.1}}}],
        "requestAttributes": {"usher": "{}"},
    });
    let given = answer.clone();
    let fake = FakeLex::start(move |asked| {
        let given = given.clone();
        let throttled = asked.text == "throttle";
        async move { if throttled { Reaction::Error(429, "ThrottlingException") } else { Reaction::Answer(given) } }
            .boxed()
    });
    let step = |secret: &str, token: Option<&str>, locale: &str, session: &str, text: &str| {
        json!({"secret": secret, "token": token, "locale": locale, "session": session, "text": text,
            "attributes": {"usher_payload": "{\"a\": \"ä\"}"}})
    };
    let good = |session: &str, text: &str| step(SECRET_ACCESS_KEY, None, "en_US", session, text);
    let steps = [
        good("u.c-1:2_3", "hello\nthere, größer 🦀"),
        good("u.c-1", "throttle"),
        good("u.c-1", &"x".repeat(1025)),
        step(SECRET_ACCESS_KEY, None, "de_DE", "u.c-1", "hello"),
        step("wrong", None, "en_US", "u.c-1", "hello"),
        step(SECRET_ACCESS_KEY, Some("token"), "en_US", "u.c-1", "hello"),
    ];
    let setting = json!({"endpoint": fake.endpoint(), "region": REGION, "key": ACCESS_KEY_ID, "bot": BOT, "alias": ALIAS, "steps": steps});
    let told = tokio::task::spawn_blocking(move || botocore(&setting)).await.unwrap();

    let mut expected = answer;
    expected["sessionId"] = "u.c-1:2_3".into();
    expected["requestAttributes"]["usher_payload"] = "{\"a\": \"ä\"}".into();
    let error = |code: &str| json!({ "error": code });
    let errors = [
        "ThrottlingException",
        "ValidationException",
        "ResourceNotFoundException",
        "InvalidSignatureException",
        "UnrecognizedClientException",
    ];
    let expected: Vec<Value> = [expected].into_iter().chain(errors.map(error)).collect();
    assert_eq!(told, expected);
    assert_eq!(fake.asked()[0].text, "hello\nthere, größer 🦀");
}

fn botocore(setting: &Value) -> Vec<Value> {
    let mut client = Command::new(interpreter())
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/lex_client.py"))
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    client.stdin.take().unwrap().write_all(setting.to_string().as_bytes()).unwrap();
    let output = client.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().map(|it| serde_json::from_str(it).unwrap()).collect()
}
