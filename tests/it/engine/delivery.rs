//! Frames, acknowledgements, credits and resuming.

use std::{sync::Arc, time::Duration};

use tokio::time::{MissedTickBehavior, interval, timeout};
use tonic::Code;
use usher::store::memory::Memory;
use usher::wire::engine::{
    ContactEnded, CustomerMessage, Empty, EngineFrame, MediaType, command_outcome::Outcome, customer_message,
    engine_frame::Body, gateway_frame, refused::Reason,
};

use super::{draining, refusal, scene, scene_with};
use crate::{
    fakes::{
        dialogflow::{FakeDialogflow, Reaction},
        engine::{FakeEngine, Setup},
    },
    harness::{CONFIG, Usher, profile},
};

fn text(contact: &str, id: &str, text: String) -> Body {
    let body = Some(customer_message::Body::Text(text));
    let (contact, message_id) = (contact.to_owned(), id.to_owned());
    Body::CustomerMessage(CustomerMessage { contact, message_id, sensitive: false, body })
}

#[tokio::test]
async fn s2_an_agent_is_logged_on_and_a_contact_is_answered() {
    let scene = scene().await;
    scene.engine.open("c1", "va1").await;
    scene.engine.say("c1", "hello").await;
    assert_eq!(scene.engine.next_say("c1").await, ["echo: hello"]);
    scene.engine.settled().await;
    assert_eq!(scene.engine.breaches(), Vec::<String>::new());
}

#[tokio::test]
async fn a_gap_ends_the_stream_and_the_session_goes_on() {
    let mut scene = scene().await;
    scene.engine.open("c1", "va1").await;
    scene.engine.settled().await;
    let next = scene.engine.sent() + 1;
    scene.engine.send_raw(EngineFrame { seq: next + 2, ack: 0, body: Some(Body::Heartbeat(Empty {})) });
    let status = scene.engine.ended().await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert_eq!(status.message(), format!("seq: frame {next} expected, got {}", next + 2));
    assert!(scene.engine.resume().await.unwrap().resumed);
    scene.engine.say("c1", "again").await;
    assert_eq!(scene.engine.next_say("c1").await, ["echo: again"]);
}

#[tokio::test]
async fn a_duplicate_is_dropped_and_acknowledged_again() {
    let scene = scene().await;
    scene.engine.open("c1", "va1").await;
    let seq = scene.engine.send(text("c1", "x1", "once".to_owned())).await;
    assert_eq!(scene.engine.next_say("c1").await, ["echo: once"]);
    // The same number with other content: were it taken, it would be answered.
    scene.engine.send_raw(EngineFrame { seq, ack: 0, body: Some(text("c1", "x2", "twice".to_owned())) });
    scene.engine.say("c1", "next").await;
    assert_eq!(scene.engine.next_say("c1").await, ["echo: next"]);
    scene.engine.settled().await;
}

#[tokio::test]
async fn an_acknowledgement_of_what_was_never_sent_ends_the_stream() {
    let scene = scene().await;
    scene.engine.send_raw(EngineFrame { seq: 0, ack: 9_999, body: Some(Body::Heartbeat(Empty {})) });
    let status = scene.engine.ended().await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().starts_with("ack: 9999 was never sent"), "{status:?}");
}

#[tokio::test]
async fn frames_without_a_number_are_not_taken() {
    let scene = scene().await;
    scene.engine.send_raw(EngineFrame { seq: 0, ack: 0, body: Some(text("c1", "m", "x".to_owned())) });
    let status = scene.engine.ended().await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::InvalidArgument, "seq: only Hello and Heartbeat may carry 0"));
}

#[tokio::test]
async fn bad_content_is_refused_and_the_stream_goes_on() {
    let scene = scene().await;
    scene.engine.open("c1", "va1").await;
    let ended = ContactEnded { contact: String::new(), reason: String::new() };
    let frame = scene.engine.send(Body::ContactEnded(ended)).await;
    assert_eq!(refusal(&scene.engine, frame).await, (Reason::Invalid, "contact_ended.contact: is empty".to_owned()));

    let frame = scene.engine.send(text("c1", "m", "x".repeat(300_000))).await;
    let (reason, detail) = refusal(&scene.engine, frame).await;
    assert_eq!(reason, Reason::TooLarge);
    assert!(detail.ends_with("bytes are above the limit of 262144"), "{detail}");

    let frame = scene.engine.send(text("c9", "m", "x".to_owned())).await;
    assert_eq!(refusal(&scene.engine, frame).await.0, Reason::UnknownContact);

    scene.engine.say("c1", "still here").await;
    assert_eq!(scene.engine.next_say("c1").await, ["echo: still here"]);
    scene.engine.settled().await;
}

#[tokio::test]
async fn a_contact_that_is_over_takes_no_message_and_forgives_an_outcome() {
    let dialogflow = FakeDialogflow::start();
    let usher = Usher::start(CONFIG, &profile(&dialogflow.endpoint())).await;
    let engine = FakeEngine::attach(usher.setup().queue("q1", MediaType::OpenMedia)).await.unwrap();
    engine.open("c1", "va1").await;
    engine.typing("c1").await;
    engine.end("c1", "hung up").await;
    let id = engine.say("c1", "too late").await;
    engine.outcome("c1", 1, Outcome::Done).await;
    let look = |it: &gateway_frame::Body| {
        let gateway_frame::Body::Refused(it) = it else { return None };
        Some((it.reason(), it.contact.clone(), it.message_id.clone()))
    };
    assert_eq!(engine.notice("refusal", look).await, (Reason::ContactEnded, "c1".to_owned(), id));
    engine.settled().await;
    assert!(engine.is_attached());
}

#[tokio::test]
async fn a_message_far_too_large_ends_the_stream() {
    let scene = scene().await;
    scene.engine.send(text("c1", "m", "x".repeat(2_000_000))).await;
    let status = scene.engine.ended().await.unwrap_err();
    assert_eq!(status.code(), Code::OutOfRange);
    assert!(status.message().contains("limit of 262144 bytes"), "{status:?}");
}

#[tokio::test]
async fn attaching_again_replaces_the_older_stream() {
    let scene = scene().await;
    let newer = FakeEngine::attach(scene.usher.setup()).await.unwrap();
    let status = scene.engine.ended().await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Aborted, "replaced by a newer attach"));
    newer.open("c1", "va1").await;
    newer.say("c1", "hello").await;
    assert_eq!(newer.next_say("c1").await, ["echo: hello"]);
}

#[tokio::test]
async fn lanes_stand_side_by_side() {
    let scene = scene().await;
    let lane = Setup { lane: 1, lanes: 2, ..scene.usher.setup() };
    let second = FakeEngine::attach(lane).await.unwrap();
    scene.engine.open("c1", "va1").await;
    second.offer("c2", "va1").await;
    second.say("c2", "two").await;
    scene.engine.say("c1", "one").await;
    assert_eq!(second.next_say("c2").await, ["echo: two"], "a contact is talked to on its lane");
    assert_eq!(scene.engine.next_say("c1").await, ["echo: one"]);
}

#[tokio::test]
async fn after_a_cut_connection_everything_goes_on() {
    let mut scene = scene().await;
    scene.engine.open("c1", "va1").await;
    for round in 0..20 {
        scene.engine.say("c1", &format!("before {round}")).await;
        scene.engine.cut();
        scene.engine.send_now(text("c1", &format!("cut-{round}"), format!("during {round}")));
        assert!(scene.engine.resume().await.unwrap().resumed);
        assert_eq!(scene.engine.next_say("c1").await, [format!("echo: before {round}")]);
        assert_eq!(scene.engine.next_say("c1").await, [format!("echo: during {round}")]);
    }
    scene.engine.settled().await;
    assert_eq!(scene.engine.breaches(), Vec::<String>::new());
}

#[tokio::test]
async fn what_was_not_acknowledged_is_sent_again() {
    let dialogflow = FakeDialogflow::start();
    let usher = Usher::start(CONFIG, &profile(&dialogflow.endpoint())).await;
    // It acknowledges nothing, so its resume point is all the gateway learns of what arrived.
    let mut engine = FakeEngine::attach(Setup { acknowledges: false, ..usher.setup() }).await.unwrap();
    engine.open("c1", "va1").await;
    engine.say("c1", "one").await;
    assert_eq!(engine.next_say("c1").await, ["echo: one"]);
    engine.forget_received(1);
    assert!(engine.resume().await.unwrap().resumed);
    engine.say("c1", "two").await;
    assert_eq!(engine.next_say("c1").await, ["echo: two"]);
    assert_eq!(engine.repeated(), 1, "the command came again, and was not carried out again");
    assert_eq!(engine.breaches(), Vec::<String>::new());
}

#[tokio::test]
async fn an_engine_that_forgot_its_session_gets_a_new_one() {
    let mut scene = scene().await;
    scene.engine.open("c1", "va1").await;
    scene.engine.say("c1", "one").await;
    assert_eq!(scene.engine.next_say("c1").await, ["echo: one"]);
    scene.engine.settled().await;
    scene.engine.forget_session();
    assert!(!scene.engine.resume().await.unwrap().resumed);
    scene.engine.say("c1", "two").await;
    assert_eq!(scene.engine.next_say("c1").await, ["echo: two"]);
    assert_eq!(scene.engine.breaches(), Vec::<String>::new());
}

#[tokio::test]
async fn after_a_restart_of_the_gateway_contacts_go_on() {
    let scene = scene().await;
    scene.engine.open("c1", "va1").await;
    scene.engine.say("c1", "one").await;
    assert_eq!(scene.engine.next_say("c1").await, ["echo: one"]);
    let endpoint = scene.dialogflow.endpoint();
    let directory = scene.usher.drain().await;
    assert_eq!(scene.engine.ended().await.unwrap_err().code(), Code::Unavailable);
    let usher = Usher::start_in(directory, CONFIG, &profile(&endpoint)).await;
    let mut engine = scene.engine;
    engine.redirect(crate::fakes::engine::tcp(usher.engines));
    assert!(!engine.resume().await.unwrap().resumed);
    engine.say("c1", "two").await;
    assert_eq!(engine.next_say("c1").await, ["echo: two"]);
    assert_eq!(engine.breaches(), Vec::<String>::new());
}

/// HTTP/2 ends a connection that holds many small unread frames. Ours are always read, even while no answer comes.
#[tokio::test]
async fn small_frames_at_a_high_rate_do_not_cost_the_stream_while_the_language_engine_hangs() {
    let dialogflow = FakeDialogflow::start();
    let config = CONFIG.replace("[server]", "[server]\ncredits = 65536");
    let usher = Usher::start(&config, &profile(&dialogflow.endpoint())).await;
    let engine = FakeEngine::attach(Setup { retries: false, ..usher.setup() }).await.unwrap();
    dialogflow.otherwise(Reaction::Hang);
    engine.open("c1", "va1").await;
    engine.say("c1", "never answered").await;
    dialogflow.wait_for_requests(1).await;
    let mut pace = interval(Duration::from_millis(1));
    pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for n in 0..3_000 {
        pace.tick().await;
        engine.send_now(text("c1", &format!("n{n}"), "x".repeat(60)));
    }
    // And as fast as the socket takes them.
    for n in 3_000..30_000 {
        engine.send_now(text("c1", &format!("n{n}"), "x".repeat(60)));
        if n % 100 == 0 {
            tokio::task::yield_now().await;
        }
    }
    engine.settled().await;
    assert!(engine.is_attached());
    dialogflow.otherwise(Reaction::Echo);
    engine.open("c2", "va1").await;
    engine.say("c2", "hello").await;
    assert_eq!(engine.next_say("c2").await, ["echo: hello"]);
}

#[tokio::test]
async fn above_its_credits_an_engine_is_told_to_wait_and_far_above_it_loses_its_stream() {
    let dialogflow = FakeDialogflow::start();
    let store = Arc::new(Memory::new());
    let config = CONFIG.replace("[server]", "[server]\ncredits = 4");
    let usher = Usher::start_on(Arc::clone(&store) as _, &config, &profile(&dialogflow.endpoint())).await;
    let mut engine = FakeEngine::attach(Setup { retries: false, ..usher.setup() }).await.unwrap();
    engine.open("c1", "va1").await;
    engine.settled().await;
    store.fail_next(usize::MAX);
    for n in 1..=6 {
        engine.send_now(text("c1", &format!("n{n}"), String::new()));
    }
    for n in 5..=6 {
        let look = |it: &gateway_frame::Body| {
            let gateway_frame::Body::Busy(it) = it else { return None };
            (it.message_id == format!("n{n}")).then(|| it.reason.clone())
        };
        assert_eq!(engine.notice("busy", look).await, "too many frames are unacknowledged");
    }
    assert_eq!(engine.unacknowledged(), 6, "nothing is acknowledged that is not durable");
    for n in 7..=17 {
        engine.send_now(text("c1", &format!("n{n}"), String::new()));
    }
    let status = engine.ended().await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
    store.fail_next(0);
    // It keeps what is not acknowledged and keeps trying; once the store works everything is taken.
    let trying = async { while !(engine.resume().await.unwrap().resumed && engine.settles().await) {} };
    timeout(Duration::from_secs(20), trying).await.unwrap();
    assert_eq!(engine.breaches(), Vec::<String>::new());
}

#[tokio::test]
async fn draining_ends_streams_with_a_notice_after_everything_is_acknowledged() {
    let scene = scene_with(&format!("drain_s = 2\n{CONFIG}")).await;
    scene.engine.open("c1", "va1").await;
    scene.engine.say("c1", "last").await;
    assert_eq!(scene.engine.next_say("c1").await, ["echo: last"]);
    scene.usher.drain().await;
    scene.engine.notice("the drain", draining).await;
    let status = scene.engine.ended().await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Unavailable, "draining; attach again"));
    assert_eq!(scene.engine.unacknowledged(), 0);
}

#[tokio::test]
async fn acknowledgements_come_soon_though_nothing_else_is_to_say() {
    let scene = scene().await;
    for _ in 0..20 {
        let began = tokio::time::Instant::now();
        scene.engine.send(Body::Heartbeat(Empty {})).await;
        scene.engine.settled().await;
        assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());
    }
}
