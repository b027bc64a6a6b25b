//! What the language engine hears of a contact, and in which form.

use serde_json::json;
use usher::wire::{
    dialogflow_v2::query_input::Input,
    engine::{ContactOffered, Customer, MediaType},
};

use super::{Stage, offer, payload};
use crate::{
    fakes::dialogflow::say,
    harness::{CONFIG, profile},
};

const OPEN: MediaType = MediaType::OpenMedia;

#[tokio::test]
async fn the_engine_greets_first_in_the_contacts_language_and_knows_its_attributes() {
    let stage =
        Stage::with(CONFIG, |it| profile(it).replace("welcome_event = \"\"", "welcome_event = \"HELLO\"")).await;
    stage.dialogflow.on_event("HELLO", say("Bonjour."));
    let customer = Customer { id: "4711".into(), name: "Anna".into(), address: String::new() };
    let attributes = [("tier".to_owned(), "gold".to_owned())].into();
    let (language, queue) = ("fr-CA".to_owned(), "support".to_owned());
    let offer = ContactOffered { language, customer: Some(customer), attributes, queue, ..offer("c1", OPEN) };
    stage.engine.open_as(offer).await;
    stage.hears("c1", "Bonjour.").await;
    stage.open("c2", OPEN).await;
    stage.hears("c2", "Bonjour.").await;
    let languages: Vec<String> = stage
        .dialogflow
        .requests()
        .iter()
        .map(|it| match &it.input {
            Some(Input::Event(event)) => event.language_code.clone(),
            other => panic!("no event but {other:?}"),
        })
        .collect();
    assert_eq!(languages, ["fr-CA", "en"], "the profile's where the contact names none");
    let known =
        json!({"queue": "support", "customerId": "4711", "customerName": "Anna", "attributes": {"tier": "gold"}});
    assert_eq!(payload(&stage.dialogflow.requests()[0]), known);
    stage.done().await;
}

/// 300 characters of words.
fn long() -> String {
    "word ".repeat(60).trim_end().to_owned()
}

async fn asked_under(policy: &str) -> (Stage, Vec<String>) {
    let more = format!("[long_text]\npolicy = \"{policy}\"\nmessage = \"In short, please.\"\n");
    let stage = Stage::new(&more).await;
    stage.dialogflow.otherwise(say("Yes."));
    stage.open("c1", OPEN).await;
    stage.writes("c1", &long()).await;
    if policy == "reject" {
        stage.hears("c1", "In short, please.").await;
    } else {
        stage.hears("c1", "Yes.").await;
    }
    stage.writes("c1", "short").await;
    stage.hears("c1", "Yes.").await;
    if policy == "split" {
        stage.hears("c1", "Yes.").await;
    }
    let texts = stage.dialogflow.requests().iter().map(|it| it.text().unwrap().to_owned()).collect();
    (stage, texts)
}

#[tokio::test]
async fn b9_long_text_is_split_at_words_and_nothing_of_it_lost() {
    let (stage, asked) = asked_under("split").await;
    assert_eq!(asked.len(), 3);
    assert!(asked.iter().all(|it| it.chars().count() <= 256), "{asked:?}");
    assert_eq!(format!("{} {}", asked[0].trim(), asked[1].trim()), long());
    stage.done().await;
}

#[tokio::test]
async fn b9_long_text_is_truncated_at_a_word() {
    let (stage, asked) = asked_under("truncate").await;
    assert_eq!(asked.len(), 2);
    assert!(long().starts_with(&asked[0]) && asked[0].ends_with("word") && asked[0].len() > 240, "{asked:?}");
    stage.done().await;
}

#[tokio::test]
async fn b9_long_text_is_rejected_politely() {
    let (stage, asked) = asked_under("reject").await;
    assert_eq!(asked, ["short"]);
    stage.done().await;
}
