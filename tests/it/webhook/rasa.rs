//! Rasa's REST channel, as Rasa documents it.

use super::*;
use crate::fakes::rasa::FakeRasa;

fn settings(rasa: &FakeRasa) -> String {
    format!("dialect = \"rasa\"\nurl = \"{}\"\ntoken = \"planted\"", rasa.url())
}

fn says(messages: Value) -> FakeRasa {
    FakeRasa::start(move |_| std::future::ready(Reaction::Json(messages.clone())))
}

#[tokio::test]
async fn b17_rasas_documented_exchange() {
    let rasa = says(json!([
        {"recipient_id": "sales/c-1", "text": "Hey! How are you?"},
        {"recipient_id": "sales/c-1", "image": "https://example.com/tiger.png"},
        {"recipient_id": "sales/c-1", "text": "Did that help you?",
         "buttons": [{"payload": "/affirm", "title": "Yes"}, {"payload": "/deny", "title": "No"}]},
    ]));
    let engine = engine(&settings(&rasa));
    let answer = ask(&engine, "Hi there!").await.unwrap();
    assert_eq!(texts(&answer), ["Hey! How are you?", "https://example.com/tiger.png", "Did that help you?"]);
    let Reply::Card { buttons, .. } = &answer.replies[2] else { panic!("{answer:?}") };
    assert_eq!((buttons[1].text.as_str(), buttons[1].postback.as_str()), ("No", "/deny"));
    // A button that Rasa has shown may be pressed; nobody types an intent of their own.
    for text in ["/deny", "/EXTERNAL_DONE{\"x\":1}"] {
        ask(&engine, text).await.unwrap();
    }
    let told = rasa.told();
    assert_eq!((told[0].sender.as_str(), told[0].message.as_str()), ("sales/c-1", "Hi there!"));
    assert_eq!(told[0].metadata["usher"]["contact"], "c-1");
    assert_eq!(told[0].authorization.as_deref(), Some("Bearer planted"));
    assert_eq!(told[1].intent, Some(("deny".to_owned(), json!({}))));
    assert_eq!(told[2].intent, None);
}

#[tokio::test]
async fn b17_rasa_is_silent_about_an_event_that_it_has_no_rule_for_and_fails_silently_otherwise() {
    let rasa = says(json!([]));
    let engine = engine(&settings(&rasa));
    let error = engine.ask(asking(event("CALLBACK_DONE", &json!({"at": "noon"})))).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Empty, "which the gateway takes for no failure where it was an event");
    assert_eq!(rasa.told()[0].intent, Some(("CALLBACK_DONE".to_owned(), json!({"at": "noon"}))));
    let error = ask(&engine, "hi").await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Empty);
    assert!(error.advice.to_string().contains("its log"), "{}", error.advice);
}

#[tokio::test]
async fn b17_another_conversations_answer_is_not_said() {
    let rasa = says(json!([{"recipient_id": "sales/c-2", "text": "for somebody else"}]));
    assert_eq!(ask(&engine(&settings(&rasa)), "hi").await.unwrap_err().kind, FailureKind::Malformed);
}

#[tokio::test]
async fn b17_rasas_health_is_asked_for() {
    let rasa = says(json!([]));
    assert_eq!(checked(&settings(&rasa)).await.unwrap(), "Rasa's REST channel is ok");
    rasa.line().down();
    assert_eq!(checked(&settings(&rasa)).await.unwrap_err().kind, FailureKind::Unavailable);
    let other = echo();
    let wrong = format!("dialect = \"rasa\"\nurl = \"{}\"", other.url());
    assert_eq!(checked(&wrong).await.unwrap_err().kind, FailureKind::NotFound);
}
