//! Talk: what the customer says reaches the engine once and in order, and what the engine says reaches the customer so.

use serde_json::json;
use usher::{
    core::message::{Button, Reply},
    wire::engine::{MediaType, command_outcome::Outcome, requeue::To},
};

use super::{
    peer::{Ability, Peer},
    script::{Gate, Said, Then, act, say},
    stage::{Settings, Stage},
};

const TO_PERSON: &str = r#"
[handover]
queue = "support"
not_understood_message = "A colleague will help."
"#;
const HANDOVER_EVENT: &str = r#"
[events]
handover_failed = "HANDOVER_FAILED"
[[action]]
name = "person"
media = "openmedia"
kind = "requeue"
queue = "support"
"#;

fn texts(texts: &[&str]) -> Vec<Reply> {
    texts.iter().map(|&it| Reply::Text(it.to_owned())).collect()
}

pub(super) async fn the_engine_greets_by_the_welcome_event<P: Peer>() {
    if !P::can_all(&[Ability::Events]) {
        return;
    }
    let stage = Stage::<P>::with(Settings { welcome_event: "HELLO", ..Settings::default() }).await;
    stage.script().on_event("HELLO", say("Welcome."));
    stage.open("c1").await;
    stage.hears("c1", "Welcome.").await;
    stage.echoes("c1", "hello").await;
    let asked = stage.script().asked();
    let events: Vec<_> = asked.iter().map(|it| it.event()).collect();
    assert_eq!(events, [Some("HELLO"), None]);
    assert_eq!(asked[0].session, asked[1].session);
    stage.done().await;
}

pub(super) async fn several_turns_in_order<P: Peer>() {
    let stage = Stage::<P>::new().await;
    stage.script().on_text("my parcel?", say("It left on Monday."));
    stage.open("c1").await;
    stage.writes("c1", "my parcel?").await;
    stage.hears("c1", "It left on Monday.").await;
    let turns: Vec<String> = (1..=5).map(|it| format!("turn {it}")).collect();
    for turn in &turns {
        stage.echoes("c1", turn).await;
    }
    assert_eq!(stage.texts(), [&["my parcel?".to_owned()], turns.as_slice()].concat());
    let asked = stage.script().asked();
    assert!(asked.iter().all(|it| it.session == asked[0].session), "one conversation: {asked:?}");
    assert_eq!(stage.steps("c1", "answered").await.len(), 6);
    assert_eq!(stage.metric("usher_messages_total").await, 6);
    stage.done().await;
}

/// What is long, or not of letters, or looks like somebody's syntax, arrives as it was written.
pub(super) async fn words_of_every_kind_pass_both_ways<P: Peer>() {
    let stage = Stage::<P>::new().await;
    stage.open("c1").await;
    for text in ["größer 東京 🦀", "\"quoted\" \\ {json} <b>tags</b> & more", "two\nlines", "/restart", "null"] {
        stage.echoes("c1", text).await;
    }
    stage.done().await;
}

pub(super) async fn messages_wait_in_order_behind_a_running_turn<P: Peer>() {
    let stage = Stage::<P>::new().await;
    let gate = Gate::new();
    stage.script().on_text("first", gate.holds(say("One.")));
    stage.open("c1").await;
    stage.writes("c1", "first").await;
    stage.script().wait_for(1).await;
    for text in ["second", "third", "fourth"] {
        stage.writes("c1", text).await;
    }
    stage.centre.settled().await;
    assert_eq!(stage.texts(), ["first"], "one question at a time");
    gate.open().await;
    for answer in ["One.", "echo: second", "echo: third", "echo: fourth"] {
        stage.hears("c1", answer).await;
    }
    assert_eq!(stage.texts(), ["first", "second", "third", "fourth"]);
    stage.done().await;
}

pub(super) async fn ten_messages_in_one_turn<P: Peer>() {
    let stage = Stage::<P>::new().await;
    let ten: Vec<Reply> = (1..=10).map(|it| Reply::Text(format!("message {it}"))).collect();
    stage.script().on_text("tell me all", Then::Say(ten.clone()));
    stage.open("c1").await;
    stage.writes("c1", "tell me all").await;
    stage.hears_all("c1", ten).await;
    stage.echoes("c1", "thanks").await;
    stage.done().await;
}

pub(super) async fn more_than_text<P: Peer>() {
    let button = |text: &str| Button { text: text.to_owned(), postback: format!("chose {text}") };
    let object = json!({"kind": "map", "place": {"town": "Bern", "pins": ["a", "b"]}});
    let all = [
        (
            Ability::QuickReplies,
            Reply::QuickReplies { title: "Which?".into(), replies: vec!["This".into(), "That".into()] },
        ),
        (
            Ability::Card,
            Reply::Card {
                title: "Lamp".into(),
                subtitle: "Warm light".into(),
                image_uri: "https://shop.example.com/lamp.png".into(),
                buttons: vec![button("Buy"), button("Later")],
            },
        ),
        (
            Ability::Image,
            Reply::Image { uri: "https://shop.example.com/map.png".into(), description: "The way".into() },
        ),
        (Ability::Payload, Reply::Payload(object.as_object().unwrap().clone())),
    ];
    let stage = Stage::<P>::new().await;
    stage.open("c1").await;
    for (ability, reply) in all {
        if P::can_all(&[ability]) {
            let replies = vec![Reply::Text("Look:".to_owned()), reply];
            stage.script().on_text("show me", Then::Say(replies.clone()));
            stage.writes("c1", "show me").await;
            stage.hears_all("c1", replies).await;
        }
    }
    stage.echoes("c1", "thanks").await;
    stage.done().await;
}

pub(super) async fn parts_come_before_the_rest<P: Peer>() {
    if !P::can_all(&[Ability::Parts]) {
        return;
    }
    let stage = Stage::<P>::new().await;
    let gate = Gate::new();
    let rest = gate.holds(say("It left on Monday."));
    stage.script().on_text("my parcel?", Then::First(texts(&["Let me look."]), Box::new(rest)));
    stage.open("c1").await;
    stage.writes("c1", "my parcel?").await;
    stage.hears("c1", "Let me look.").await;
    gate.open().await;
    stage.hears("c1", "It left on Monday.").await;
    stage.echoes("c1", "thanks").await;
    stage.done().await;
}

pub(super) async fn an_engine_at_work_is_shown<P: Peer>() {
    if !P::can_all(&[Ability::Typing]) {
        return;
    }
    let stage = Stage::<P>::new().await;
    let gate = Gate::new();
    let rest = gate.holds(say("It left on Monday."));
    stage.script().on_text("my parcel?", Then::First(Vec::new(), Box::new(rest)));
    stage.open("c1").await;
    stage.writes("c1", "my parcel?").await;
    stage.typing("c1").await;
    gate.open().await;
    stage.hears("c1", "It left on Monday.").await;
    stage.done().await;
}

pub(super) async fn contacts_never_hear_each_others_answers<P: Peer>() {
    let stage = Stage::<P>::new().await;
    let (gate, other) = (Gate::new(), Gate::new());
    stage.script().once("what do I owe?", gate.holds(say("Forty.")));
    stage.script().once("what do I owe?", other.holds(say("Nothing.")));
    stage.open("c1").await;
    stage.open("c2").await;
    stage.writes("c1", "what do I owe?").await;
    stage.script().wait_for(1).await;
    stage.echoes("c2", "hello").await;
    stage.writes("c2", "what do I owe?").await;
    stage.script().wait_for(3).await;
    // The same question by two: the later is answered first.
    other.open().await;
    stage.hears("c2", "Nothing.").await;
    gate.open().await;
    stage.hears("c1", "Forty.").await;
    stage.done().await;
}

pub(super) async fn many_contacts_talk_at_once<P: Peer>() {
    let stage = Stage::<P>::new().await;
    let many: Vec<String> = (1..=20).map(|it| format!("c{it}")).collect();
    for contact in &many {
        stage.open(contact).await;
    }
    for contact in &many {
        stage.writes(contact, &format!("I am {contact}")).await;
    }
    for contact in &many {
        stage.hears(contact, &format!("echo: I am {contact}")).await;
    }
    let mut sessions: Vec<String> = stage.script().asked().into_iter().map(|it| it.session).collect();
    sessions.sort_unstable();
    sessions.dedup();
    assert_eq!(sessions.len(), many.len(), "a conversation each: {sessions:?}");
    stage.done().await;
}

pub(super) async fn the_contacts_language_reaches_the_engine<P: Peer>() {
    if !P::can_all(&[Ability::Language]) {
        return;
    }
    let stage = Stage::<P>::new().await;
    stage.open_as("c1", MediaType::OpenMedia, "fr-CA").await;
    stage.open("c2").await;
    stage.echoes("c1", "bonjour").await;
    stage.echoes("c2", "hello").await;
    let asked = stage.script().asked();
    let languages: Vec<&str> = asked.iter().map(|it| it.language.as_str()).collect();
    assert_eq!(languages, ["fr-CA", "en"], "the profile's where the contact names none");
    stage.done().await;
}

pub(super) async fn three_inputs_not_understood_hand_over<P: Peer>() {
    if !P::can_all(&[Ability::NotUnderstood]) {
        return;
    }
    let stage = Stage::<P>::with(TO_PERSON).await;
    stage.script().on_text("mumble", Then::NotUnderstood("Pardon?".to_owned()));
    stage.open("c1").await;
    for _ in 0..2 {
        stage.writes("c1", "mumble").await;
        stage.hears("c1", "Pardon?").await;
    }
    // One that is understood begins the row anew.
    stage.echoes("c1", "yes").await;
    for _ in 0..2 {
        stage.writes("c1", "mumble").await;
        stage.hears("c1", "Pardon?").await;
    }
    stage.writes("c1", "mumble").await;
    stage.hears("c1", "A colleague will help.").await;
    let (_, requeue) = stage.requeued("c1").await;
    assert_eq!(requeue.to, Some(To::Queue("support".into())));
    assert_eq!(requeue.reason, "3 inputs in a row not understood");
    assert_eq!(stage.metric("usher_not_understood_total").await, 5);
    stage.done().await;
}

pub(super) async fn the_engine_may_ask_for_a_person<P: Peer>() {
    if !P::can_all(&[Ability::LiveAgent]) {
        return;
    }
    let stage = Stage::<P>::with(TO_PERSON).await;
    stage.script().on_text("a person", Then::LiveAgent("I connect you.".to_owned()));
    stage.open("c1").await;
    stage.writes("c1", "a person").await;
    stage.hears("c1", "I connect you.").await;
    let (seq, requeue) = stage.requeued("c1").await;
    assert_eq!(requeue.reason, "live agent requested");
    stage.centre.outcome("c1", seq, Outcome::Accepted).await;
    stage.writes("c1", "are you human?").await;
    stage.centre.settled().await;
    assert_eq!(stage.texts(), ["a person"], "what the customer tells the person is not the engine's");
    stage.done().await;
}

pub(super) async fn the_engine_may_end_the_conversation<P: Peer>() {
    if !P::can_all(&[Ability::End]) {
        return;
    }
    let stage = Stage::<P>::new().await;
    stage.script().on_text("bye", Then::End("Goodbye.".to_owned()));
    stage.open("c1").await;
    stage.echoes("c1", "thanks").await;
    stage.writes("c1", "bye").await;
    stage.hears("c1", "Goodbye.").await;
    let (seq, end) = stage.ending("c1").await;
    assert_eq!((end.reason.as_str(), end.unless_after.as_str()), ("completed", "m2"));
    stage.centre.outcome("c1", seq, Outcome::Done).await;
    stage.centre.settled().await;
    assert_eq!(stage.metric("usher_contacts_ended_total{end=\"bot\"}").await, 1);
    stage.done().await;
}

pub(super) async fn a_contacts_end_reaches_the_engine<P: Peer>() {
    if !P::can_all(&[Ability::HearsEnd]) {
        return;
    }
    let stage = Stage::<P>::new().await;
    stage.open("c1").await;
    stage.echoes("c1", "hello").await;
    stage.centre.end("c1", "customer left").await;
    let session = stage.script().asked()[0].session.clone();
    assert_eq!(stage.script().wait_for_ends(1).await, [session]);
    stage.open("c2").await;
    stage.echoes("c2", "hello").await;
    assert_eq!(stage.script().wait_for_ends(1).await.len(), 1, "and it is told once");
    stage.done().await;
}

pub(super) async fn a_conversation_goes_on_after_a_restart<P: Peer>() {
    let stage = Stage::<P>::new().await;
    stage.open("c1").await;
    stage.echoes("c1", "before").await;
    let stage = stage.restart(async {}).await;
    stage.echoes("c1", "after").await;
    assert_eq!(stage.texts(), ["before", "after"]);
    let asked = stage.script().asked();
    assert_eq!(asked[0].session, asked[1].session, "it is the same conversation");
    stage.done().await;
}

pub(super) async fn a_turn_that_a_drain_meets_is_answered<P: Peer>() {
    let stage = Stage::<P>::new().await;
    let gate = Gate::new();
    stage.script().on_text("my parcel?", gate.holds(say("It left on Monday.")));
    stage.open("c1").await;
    stage.writes("c1", "my parcel?").await;
    stage.script().wait_for(1).await;
    let stage = stage.restart(async move { gate.open().await }).await;
    stage.hears("c1", "It left on Monday.").await;
    assert_eq!(stage.texts(), ["my parcel?"], "asked once");
    stage.echoes("c1", "thanks").await;
    stage.done().await;
}

pub(super) async fn events_bring_their_parameters<P: Peer>() {
    if !P::can_all(&[Ability::Events]) {
        return;
    }
    let stage = Stage::<P>::with(HANDOVER_EVENT).await;
    stage.script().on_text("a person", act("One moment.", "person", json!({})));
    stage.script().on_event("HANDOVER_FAILED", say("That did not work."));
    stage.open("c1").await;
    stage.writes("c1", "a person").await;
    stage.hears("c1", "One moment.").await;
    let (seq, _) = stage.requeued("c1").await;
    stage.centre.outcome("c1", seq, Outcome::Failed).await;
    stage.hears("c1", "That did not work.").await;
    let asked = stage.script().asked();
    let Said::Event { parameters, .. } = &asked[1].input else { panic!("no event but {asked:?}") };
    assert_eq!(*parameters, json!({"reason": ""}));
    stage.done().await;
}
