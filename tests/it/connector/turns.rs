//! Turns: what a connector is told and what becomes of its answers.

use serde_json::json;
use usher::wire::engine::{command::Command, command_outcome::Outcome, customer_message::Body};

use super::*;

const ACTION: &str =
    "[[action]]\nname = \"to_person\"\nmedia = [\"openmedia\"]\nkind = \"requeue\"\nqueue = \"people\"\n";

#[tokio::test]
async fn s11_a_turn_says_everything_and_its_reply_reaches_the_customer() {
    let stage = Stage::with(DOOR, "credits = 4", ACTION).await;
    let mut connector = stage.connector().await;
    let welcome = &connector.welcome;
    assert_eq!(
        (&welcome["unit"], &welcome["profile"], &welcome["credits"]),
        (&json!("sales"), &json!("support"), &json!(4))
    );
    assert_eq!((&welcome["resume_within_ms"], &welcome["resumed"]), (&json!(30_000), &json!(false)));
    let turn = stage.first_turn("c-1", &mut connector).await;
    assert_eq!(turn["input"], json!({"text": "Hello"}));
    assert_eq!(turn["media"], "openmedia");
    assert_eq!(turn["actions"], json!(["to_person"]));
    let deadline = turn["deadline_ms"].as_u64().unwrap();
    assert!((5_000..=10_000).contains(&deadline), "{turn}");
    assert!(turn.get("again").is_none() && turn.get("shadow").is_none() && turn.get("seed").is_none(), "{turn}");
    connector.reply(&turn, json!({"messages": [{"text": "Hi"}, {"text": "You"}]})).await;
    assert_eq!(stage.centre.next_say("c-1").await, ["Hi", "You"]);
    let click = Body::Structured(usher::wire::structs::from_json(json!({"form": "a"}).as_object().unwrap()));
    stage.centre.message("c-1", click).await;
    let turn = connector.turn().await;
    assert_eq!(turn["input"], json!({"structured": {"form": "a"}}));
    connector.say(&turn, "Thanks").await;
    stage.hears("c-1", "Thanks").await;
    stage.done().await;
}

#[tokio::test]
async fn s11_typing_and_parts_are_seen_before_the_answer() {
    let stage = Stage::new("").await;
    let mut connector = stage.connector().await;
    let turn = stage.first_turn("c-1", &mut connector).await;
    connector.send(json!({"type": "typing", "turn_id": turn["turn_id"]})).await;
    stage.typing("c-1").await;
    connector.reply(&turn, json!({"messages": [{"text": "One moment."}], "final": false})).await;
    stage.hears("c-1", "One moment.").await;
    connector.say(&turn, "Here it is.").await;
    stage.hears("c-1", "Here it is.").await;
    stage.writes("c-1", "More").await;
    let turn = connector.turn().await;
    connector.reply(&turn, json!({"messages": [{"text": "All of it."}], "final": false})).await;
    stage.hears("c-1", "All of it.").await;
    connector.reply(&turn, json!({})).await;
    stage.exchange("c-1", &mut connector).await;
    stage.done().await;
}

#[tokio::test]
async fn s11_outcomes_of_a_handover_and_the_contacts_end_are_told() {
    let stage = Stage::with(DOOR, "", ACTION).await;
    let mut connector = stage.connector().await;
    let turn = stage.first_turn("c-1", &mut connector).await;
    connector.reply(&turn, json!({"messages": [{"text": "A moment"}], "action": "to_person"})).await;
    stage.hears("c-1", "A moment").await;
    let command = stage.centre.next_command("c-1").await;
    assert!(matches!(command.command, Some(Command::Requeue(_))), "{command:?}");
    stage.centre.outcome("c-1", command.action_seq, Outcome::Accepted).await;
    let outcome = connector.next().await;
    assert_eq!(outcome, json!({"type": "outcome", "contact": "c-1", "action": "to_person", "outcome": "accepted"}));
    stage.centre.end("c-1", "left").await;
    assert_eq!(connector.next().await, json!({"type": "closed", "contact": "c-1", "reason": "left"}));
    let turn = stage.first_turn("c-2", &mut connector).await;
    connector.reply(&turn, json!({"messages": [{"text": "?"}], "action": "dance"})).await;
    stage.hears("c-2", "?").await;
    let unknown = json!({"type": "outcome", "contact": "c-2", "action": "dance", "outcome": "unknown"});
    assert_eq!(connector.next().await, unknown);
    stage.done().await;
}

#[tokio::test]
async fn s11_a_contact_that_ends_cancels_its_turn_and_a_late_reply_is_passed_over() {
    let stage = Stage::new("").await;
    let mut connector = stage.connector().await;
    let turn = stage.first_turn("c-1", &mut connector).await;
    stage.centre.end("c-1", "left").await;
    let cancelled = json!({"type": "cancelled", "turn_id": turn["turn_id"], "reason": "closed"});
    assert_eq!(connector.next().await, cancelled);
    connector.next_of("closed").await;
    connector.say(&turn, "too late").await;
    let error = connector.next_of("error").await;
    assert_eq!((&error["code"], &error["turn_id"]), (&json!("unknown_turn"), &turn["turn_id"]));
    assert_eq!(stage.metric("usher_connector_late_replies_total").await, 1);
    stage.done().await;
}

#[tokio::test]
async fn s11_a_turn_ends_at_its_deadline_and_its_late_reply_is_not_said() {
    let stage = Stage::new("deadline_ms = 300").await;
    let mut connector = stage.connector().await;
    let turn = stage.first_turn("c-1", &mut connector).await;
    stage.hears("c-1", "Sorry.").await;
    let cancelled = json!({"type": "cancelled", "turn_id": turn["turn_id"], "reason": "deadline"});
    assert_eq!(connector.next().await, cancelled);
    connector.say(&turn, "too late").await;
    connector.next_of("error").await;
    stage.exchange("c-1", &mut connector).await;
    stage.done().await;
}

#[tokio::test]
async fn s11_a_reply_that_comes_twice_is_said_once() {
    let stage = Stage::new("").await;
    let mut connector = stage.connector().await;
    let turn = stage.first_turn("c-1", &mut connector).await;
    connector.say(&turn, "once").await;
    connector.say(&turn, "twice").await;
    stage.hears("c-1", "once").await;
    connector.next_of("error").await;
    stage.exchange("c-1", &mut connector).await;
    stage.done().await;
}

#[tokio::test]
async fn s11_a_connector_that_says_it_failed_or_says_nothing_leads_to_the_fallback_at_once() {
    let stage = Stage::with(DOOR, "deadline_ms = 60000", "[handover]\nfailures_after = 0\n").await;
    let mut connector = stage.connector().await;
    let turn = stage.first_turn("c-1", &mut connector).await;
    connector
        .send(json!({"type": "failed", "turn_id": turn["turn_id"], "kind": "internal", "detail": "out of ideas"}))
        .await;
    stage.hears("c-1", "Sorry.").await;
    stage.writes("c-1", "Again").await;
    let turn = connector.turn().await;
    connector.reply(&turn, json!({})).await;
    stage.hears("c-1", "Sorry.").await;
    stage.writes("c-1", "Again").await;
    let turn = connector.turn().await;
    connector.reply(&turn, json!({"messages": [{"text": " "}]})).await;
    stage.hears("c-1", "Sorry.").await;
    assert_eq!(stage.metric("usher_failures_total{kind=\"internal\"}").await, 1);
    assert_eq!(stage.metric("usher_failures_total{kind=\"empty\"}").await, 1);
    assert_eq!(stage.metric("usher_failures_total{kind=\"malformed\"}").await, 1);
    stage.done().await;
}

#[tokio::test]
async fn s11_what_comes_while_the_only_credit_is_used_waits() {
    let stage = Stage::new("credits = 1").await;
    let mut connector = stage.connector().await;
    let first = stage.first_turn("c-1", &mut connector).await;
    stage.open("c-2").await;
    stage.writes("c-2", "Hello").await;
    stage.until_metric("usher_connector_turns", 2).await;
    connector.send(json!({"type": "ping", "id": "between"})).await;
    assert_eq!(connector.next().await, json!({"type": "pong", "id": "between"}), "no turn came before it");
    connector.say(&first, "Hi").await;
    let second = connector.turn().await;
    assert_eq!(second["contact"], "c-2");
    connector.say(&second, "Hi too").await;
    stage.hears("c-1", "Hi").await;
    stage.hears("c-2", "Hi too").await;
    stage.done().await;
}

#[tokio::test]
async fn s11_without_a_connector_the_fallback_comes_at_once_and_an_alert_says_why() {
    let stage = Stage::new("deadline_ms = 60000").await;
    stage.open("c-1").await;
    stage.writes("c-1", "Hello").await;
    stage.hears("c-1", "Sorry.").await;
    let alerts = page(stage.usher.ops, "/alerts").await;
    assert!(alerts.contains("\"connector\"") && alerts.contains("usher token reload support"), "{alerts}");
    let mut connector = stage.connector().await;
    assert!(!page(stage.usher.ops, "/alerts").await.contains("\"connector\""));
    stage.exchange("c-1", &mut connector).await;
    stage.done().await;
}
