//! To a person and back (B2), and the counters that lead there (B6).

use serde_json::json;
use tonic::Code;
use usher::wire::engine::{ContactOffered, MediaType, command_outcome::Outcome, requeue::To};

use super::{Stage, offer, payload, told};
use crate::fakes::dialogflow::{Reaction, say};

const MORE: &str = r#"
[handover]
queue = "support"
not_understood_message = "A colleague will help."
failure_message = "A colleague takes over."
unavailable_message = "Nobody is free."
max_handovers = 2
[events]
human_returned = "HUMAN_RETURNED"
handover_accepted = "HANDOVER_ACCEPTED"
handover_failed = "HANDOVER_FAILED"
queue_unavailable = "QUEUE_UNAVAILABLE"
[[action]]
name = "person"
media = "openmedia"
kind = "requeue"
queue = "support"
[[action]]
name = "night"
media = "openmedia"
kind = "requeue"
queue = "closed"
"#;
const OPEN: MediaType = MediaType::OpenMedia;

/// Up to the Requeue; yields its number.
async fn asks_for_a_person(stage: &Stage, contact: &str) -> u32 {
    stage.writes(contact, "a person").await;
    stage.hears(contact, "One moment.").await;
    stage.requeued(contact).await.0
}

async fn stage() -> Stage {
    let stage = Stage::new(MORE).await;
    stage.dialogflow.on_text("a person", say("One moment.").action("person", &json!({})));
    stage.dialogflow.on_event("HUMAN_RETURNED", say("I am back."));
    stage.dialogflow.on_event("HANDOVER_FAILED", say("That did not work."));
    stage.dialogflow.on_event("QUEUE_UNAVAILABLE", say("Shall we call you?"));
    stage
}

async fn gives_back(stage: &Stage, contact: &str, seq: u32) {
    stage.engine.outcome(contact, seq, Outcome::Offered).await;
    stage.engine.outcome(contact, seq, Outcome::Accepted).await;
    stage.engine.open_as(ContactOffered { returned_from: seq, ..offer(contact, OPEN) }).await;
    stage.hears(contact, "I am back.").await;
}

#[tokio::test]
async fn b2_a_person_takes_the_contact_and_gives_it_back() {
    let stage = stage().await;
    stage.open("c1", OPEN).await;
    let seq = asks_for_a_person(&stage, "c1").await;
    stage.engine.outcome("c1", seq, Outcome::Accepted).await;
    stage.event("HANDOVER_ACCEPTED").await;
    gives_back(&stage, "c1", seq).await;
    let returned = stage.event("HUMAN_RETURNED").await;
    assert_eq!(payload(&returned)["humanReturned"], true);
    stage.writes("c1", "so").await;
    stage.hears("c1", "echo: so").await;
    stage.done().await;
}

#[tokio::test]
async fn b2_a_failed_handover_is_told_and_what_was_said_meanwhile_is_answered() {
    let stage = stage().await;
    stage.open("c1", OPEN).await;
    let seq = asks_for_a_person(&stage, "c1").await;
    stage.engine.outcome("c1", seq, Outcome::Offered).await;
    stage.writes("c1", "hello?").await;
    stage.engine.outcome("c1", seq, Outcome::Failed).await;
    stage.hears("c1", "That did not work.").await;
    stage.hears("c1", "echo: hello?").await;
    stage.done().await;
}

#[tokio::test]
async fn b2_an_expired_handover_without_an_event_says_that_nobody_is_free() {
    let stage = stage().await;
    stage.open("c1", OPEN).await;
    let seq = asks_for_a_person(&stage, "c1").await;
    stage.engine.outcome("c1", seq, Outcome::Expired).await;
    stage.hears("c1", "Nobody is free.").await;
    stage.writes("c1", "then you").await;
    stage.hears("c1", "echo: then you").await;
    let asked = stage.dialogflow.requests();
    assert!(payload(asked.last().unwrap()).to_string().contains("handover_expired"), "the engine learns of it then");
    stage.done().await;
}

#[tokio::test]
async fn b2_a_closed_queue_is_told_to_the_engine_and_no_person_is_promised() {
    let stage = stage().await;
    stage.dialogflow.on_text("at night", say("I will get you a colleague.").action("night", &json!({})));
    stage.open("c1", OPEN).await;
    stage.writes("c1", "at night").await;
    stage.hears("c1", "Shall we call you?").await;
    let details = told(&stage.event("QUEUE_UNAVAILABLE").await);
    assert_eq!((&details["queue"], &details["reason"]), (&json!("closed"), &json!("queue_closed")));
    stage.done().await;
}

#[tokio::test]
async fn b2_a_contact_goes_to_a_person_no_more_often_than_allowed() {
    let stage = stage().await;
    stage.open("c1", OPEN).await;
    for _ in 0..2 {
        let seq = asks_for_a_person(&stage, "c1").await;
        gives_back(&stage, "c1", seq).await;
    }
    stage.writes("c1", "a person").await;
    stage.hears("c1", "Shall we call you?").await;
    assert_eq!(told(&stage.event("QUEUE_UNAVAILABLE").await)["reason"], "handovers_used_up");
    stage.done().await;
}

#[tokio::test]
async fn b6_three_inputs_in_a_row_not_understood_hand_over() {
    let stage = stage().await;
    stage.dialogflow.on_text("mumble", say("Pardon?").fallback());
    stage.open("c1", OPEN).await;
    // One that is understood begins the row anew.
    for (text, answer) in [
        ("mumble", "Pardon?"),
        ("mumble", "Pardon?"),
        ("yes", "echo: yes"),
        ("mumble", "Pardon?"),
        ("mumble", "Pardon?"),
    ] {
        stage.writes("c1", text).await;
        stage.hears("c1", answer).await;
    }
    stage.writes("c1", "mumble").await;
    stage.hears("c1", "A colleague will help.").await;
    let (_, requeue) = stage.requeued("c1").await;
    assert_eq!(requeue.to, Some(To::Queue("support".into())));
    assert_eq!(requeue.reason, "3 inputs in a row not understood");
    stage.done().await;
}

#[tokio::test]
async fn b6_s13_a_failure_is_excused_and_a_second_in_a_row_hands_over() {
    let stage = stage().await;
    stage.dialogflow.on_text("broken", Reaction::Status(Code::Internal));
    stage.open("c1", OPEN).await;
    for (text, answer) in [("broken", "Sorry."), ("fine", "echo: fine"), ("broken", "Sorry.")] {
        stage.writes("c1", text).await;
        stage.hears("c1", answer).await;
    }
    stage.writes("c1", "broken").await;
    stage.hears("c1", "A colleague takes over.").await;
    let (_, requeue) = stage.requeued("c1").await;
    assert!(requeue.reason.starts_with("2 technical failures in a row"), "{}", requeue.reason);
    stage.done().await;
}
