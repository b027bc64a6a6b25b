//! The inactivity clock, in time that the test moves.

use std::time::Duration;

use usher::wire::engine::{
    Empty, EndContact, MediaType, command::Command, command_outcome::Outcome, engine_frame::Body, gateway_frame,
    refused,
};

use super::Stage;
use crate::fakes::engine::text;

const MORE: &str = "[inactivity]\ntimeout_minutes = 1\ntimeout_message = \"I close our chat.\"\n";

async fn stage() -> Stage {
    let stage = Stage::new(MORE).await;
    stage.open("c1", MediaType::OpenMedia).await;
    stage.writes("c1", "hello").await;
    stage.hears("c1", "echo: hello").await;
    // The acknowledgement of what was said, which starts the clock, has gone before this.
    stage.engine.send(Body::Heartbeat(Empty {})).await;
    stage.engine.settled().await;
    stage
}

/// Lets time pass at once.
async fn pass(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}

async fn ending(stage: &Stage) -> (u32, EndContact) {
    let command = stage.engine.next_command("c1").await;
    match command.command {
        Some(Command::EndContact(it)) => (command.action_seq, it),
        other => panic!("not ended but {other:?}"),
    }
}

#[tokio::test]
async fn s14_s15_a_silent_contact_is_ended_with_the_timeout_message() {
    let stage = stage().await;
    pass(120).await;
    let (seq, end) = ending(&stage).await;
    assert_eq!((end.reason.as_str(), end.unless_after.as_str()), ("inactivity", "m1"));
    assert_eq!(end.farewell.into_iter().map(text).collect::<Vec<_>>(), ["I close our chat."]);
    stage.engine.outcome("c1", seq, Outcome::Done).await;
    stage.writes("c1", "too late").await;
    let reason = stage.engine.notice("refusal", |it| {
        if let gateway_frame::Body::Refused(it) = it { Some((it.reason(), it.message_id.clone())) } else { None }
    });
    assert_eq!(reason.await, (refused::Reason::ContactEnded, "m2".to_owned()));
    stage.done().await;
}

#[tokio::test]
async fn s15_a_customer_who_types_is_not_silent() {
    let stage = stage().await;
    for _ in 0..4 {
        pass(40).await;
        stage.engine.typing("c1").await;
        stage.engine.settled().await;
    }
    stage.writes("c1", "here I am").await;
    stage.hears("c1", "echo: here I am").await;
    stage.done().await;
}

#[tokio::test]
async fn b8_a_message_at_the_last_moment_continues_the_contact() {
    let stage = stage().await;
    pass(120).await;
    let (seq, _) = ending(&stage).await;
    stage.writes("c1", "wait!").await;
    stage.engine.outcome("c1", seq, Outcome::Superseded).await;
    stage.hears("c1", "echo: wait!").await;
    stage.done().await;
}
