//! Trouble: no engine's bad day becomes the customer's.

use usher::{
    core::message::FailureKind,
    wire::engine::{gateway_frame, requeue::To},
};

use super::{
    peer::{Ability, Peer, some_failure},
    script::{Gate, Then, say},
    stage::{SHORT_MS, Settings, Stage},
};

/// One question goes wrong: the customer is given the fallback message (S13), the timeline and the metrics tell what it was,
/// and the next question is none the worse for it.
async fn fails<P: Peer>(then: Then, kinds: &[FailureKind]) {
    fails_within::<P>(Settings::default(), then, kinds).await.done().await;
}

async fn fails_within<P: Peer>(settings: Settings, then: Then, kinds: &[FailureKind]) -> Stage<P> {
    let stage = Stage::<P>::with(settings).await;
    stage.script().on_text("my number is K-4711", then);
    stage.open("c1").await;
    stage.writes("c1", "my number is K-4711").await;
    stage.hears("c1", "Sorry.").await;
    let failures = stage.steps("c1", "ask_failed").await;
    let labels: Vec<&str> = kinds.iter().map(|it| it.label()).collect();
    assert_eq!(failures.len(), 1, "{failures:?}");
    let (kind, advice) = (failures[0]["kind"].as_str().unwrap(), failures[0]["advice"].as_str().unwrap());
    assert!(labels.contains(&kind), "{kind} is none of {labels:?}: {advice}");
    assert!(
        !advice.is_empty() && !advice.contains("K-4711"),
        "for an administrator, without the customer's words: {advice}"
    );
    assert_eq!(stage.metric(&format!("usher_failures_total{{kind=\"{kind}\"}}")).await, 1);
    let alerts: &[&str] = match kind {
        "credential" | "not_found" => &["credential"],
        _ => &[],
    };
    assert_eq!(stage.alerts().await, alerts, "what somebody must mend is told");
    stage.echoes("c1", "hello").await;
    assert_eq!(stage.alerts().await, Vec::<String>::new(), "and not for longer than it is so");
    let texts = stage.texts();
    assert!(texts.len() <= 4 && texts.last().is_some_and(|it| it == "hello"), "few repetitions: {texts:?}");
    stage
}

/// The engine, or what stands before it, reports a failure of this kind.
async fn reports<P: Peer>(kind: FailureKind) {
    if P::can_all(&[Ability::Failure(kind)]) {
        fails::<P>(Then::Fail(kind), &[kind]).await;
    }
}

pub(super) async fn an_internal_error<P: Peer>() {
    reports::<P>(FailureKind::Internal).await;
}

pub(super) async fn an_engine_that_says_it_is_down<P: Peer>() {
    reports::<P>(FailureKind::Unavailable).await;
}

/// It is waited for and asked again, as long as the question has time: the customer hears nothing of quotas (B12).
pub(super) async fn s33_a_quota_that_is_used_up<P: Peer>() {
    if !P::can_all(&[Ability::Failure(FailureKind::Quota)]) {
        return;
    }
    let stage = Stage::<P>::new().await;
    stage.script().once("my parcel?", Then::Fail(FailureKind::Quota));
    stage.script().on_text("my parcel?", say("It left on Monday."));
    stage.open("c1").await;
    stage.writes("c1", "my parcel?").await;
    stage.hears("c1", "It left on Monday.").await;
    assert_eq!(stage.texts(), ["my parcel?", "my parcel?"]);
    stage.done().await;
}

pub(super) async fn a_refused_credential<P: Peer>() {
    reports::<P>(FailureKind::Credential).await;
}

pub(super) async fn an_agent_that_is_not_there<P: Peer>() {
    reports::<P>(FailureKind::NotFound).await;
}

pub(super) async fn a_refused_request<P: Peer>() {
    reports::<P>(FailureKind::Invalid).await;
}

pub(super) async fn an_agent_that_is_not_ready<P: Peer>() {
    reports::<P>(FailureKind::Precondition).await;
}

pub(super) async fn a_failed_webhook_of_the_engines<P: Peer>() {
    reports::<P>(FailureKind::Webhook).await;
}

pub(super) async fn a_malformed_answer<P: Peer>() {
    fails::<P>(Then::Malformed, &[FailureKind::Malformed]).await;
}

pub(super) async fn half_an_answer<P: Peer>() {
    fails::<P>(Then::Truncated, &[FailureKind::Malformed, FailureKind::Unavailable]).await;
}

pub(super) async fn an_oversized_answer<P: Peer>() {
    fails::<P>(Then::Oversized, &[FailureKind::Malformed, FailureKind::Unavailable]).await;
}

pub(super) async fn an_empty_answer<P: Peer>() {
    if P::can_all(&[Ability::Empty]) {
        fails::<P>(Then::Empty, &[FailureKind::Empty]).await;
    }
}

pub(super) async fn a_connection_that_is_always_cut_in_mid_request<P: Peer>() {
    fails::<P>(Then::Cut, &[FailureKind::Unavailable]).await;
}

/// Whether the kind tries again (once is enough) or not, the customer is told something, and the next turn works.
pub(super) async fn a_connection_that_is_cut_in_mid_request_once<P: Peer>() {
    let stage = Stage::<P>::new().await;
    stage.script().once("my parcel?", Then::Cut);
    stage.script().on_text("my parcel?", say("It left on Monday."));
    stage.open("c1").await;
    stage.writes("c1", "my parcel?").await;
    let heard = stage.centre.next_say("c1").await;
    let tries = stage.script().asked().len();
    match heard.as_slice() {
        [text] if text == "It left on Monday." => assert_eq!(tries, 2),
        [text] if text == "Sorry." => assert_eq!(tries, 1),
        other => panic!("neither the answer nor the fallback but {other:?}"),
    }
    let sessions: Vec<String> = stage.script().asked().into_iter().map(|it| it.session).collect();
    assert!(sessions.iter().all(|it| *it == sessions[0]), "it is the same conversation: {sessions:?}");
    stage.echoes("c1", "thanks").await;
    stage.done().await;
}

pub(super) async fn b1_a_hung_question_ends_at_the_deadline_and_its_late_answer_is_dropped<P: Peer>() {
    let gate = Gate::new();
    let late = gate.holds(say("Too late."));
    let settings = Settings { deadline_ms: SHORT_MS, ..Settings::default() };
    let stage = fails_within::<P>(settings, late, &[FailureKind::Deadline]).await;
    gate.open().await;
    for text in ["and now?", "and then?"] {
        stage.echoes("c1", text).await;
    }
    assert_eq!(stage.texts(), ["my number is K-4711", "hello", "and now?", "and then?"], "asked once each");
    stage.done().await;
}

pub(super) async fn b1_an_answer_after_the_contacts_end_is_dropped<P: Peer>() {
    let stage = Stage::<P>::new().await;
    let gate = Gate::new();
    stage.script().on_text("my parcel?", gate.holds(say("It left on Monday.")));
    stage.open("c1").await;
    stage.writes("c1", "my parcel?").await;
    stage.script().wait_for(1).await;
    stage.centre.end("c1", "customer left").await;
    stage.centre.settled().await;
    gate.open().await;
    stage.open("c2").await;
    stage.echoes("c2", "hello").await;
    // The message that is answered by nobody any more.
    let refused = |it: &gateway_frame::Body| {
        if let gateway_frame::Body::Refused(it) = it { Some((it.contact.clone(), it.message_id.clone())) } else { None }
    };
    assert_eq!(stage.centre.notice("the refusal", refused).await, ("c1".to_owned(), "m1".to_owned()));
    stage.done().await;
}

pub(super) async fn an_answer_that_comes_twice_is_said_once<P: Peer>() {
    if !P::can_all(&[Ability::Twice]) {
        return;
    }
    let stage = Stage::<P>::new().await;
    stage.script().on_text("my parcel?", Then::Twice(Box::new(say("It left on Monday."))));
    stage.open("c1").await;
    stage.writes("c1", "my parcel?").await;
    stage.hears("c1", "It left on Monday.").await;
    for text in ["thanks", "bye"] {
        stage.echoes("c1", text).await;
    }
    stage.done().await;
}

pub(super) async fn b6_two_failures_in_a_row_hand_over<P: Peer>() {
    let more = "[handover]\nqueue = \"support\"\nfailure_message = \"A colleague takes over.\"\n";
    let stage = Stage::<P>::with(more).await;
    let kind = some_failure::<P>();
    stage.script().on_text("broken", Then::Fail(kind));
    stage.open("c1").await;
    stage.writes("c1", "broken").await;
    stage.hears("c1", "Sorry.").await;
    // One that is answered begins the row anew.
    stage.echoes("c1", "fine").await;
    stage.writes("c1", "broken").await;
    stage.hears("c1", "Sorry.").await;
    stage.writes("c1", "broken").await;
    stage.hears("c1", "A colleague takes over.").await;
    let (_, requeue) = stage.requeued("c1").await;
    assert_eq!(requeue.to, Some(To::Queue("support".into())));
    assert_eq!(requeue.reason, format!("2 technical failures in a row, the last: {}", kind.label()));
    stage.done().await;
}

pub(super) async fn b6_a_slow_answer_is_excused_meanwhile<P: Peer>() {
    let more = "[handover]\nslow_threshold_ms = 100\nslow_message = \"One moment.\"\n";
    let stage = Stage::<P>::with(more).await;
    let gate = Gate::new();
    stage.script().on_text("my parcel?", gate.holds(say("It left on Monday.")));
    stage.open("c1").await;
    stage.writes("c1", "my parcel?").await;
    stage.typing("c1").await;
    stage.hears("c1", "One moment.").await;
    gate.open().await;
    stage.hears("c1", "It left on Monday.").await;
    assert_eq!(stage.steps("c1", "slow").await.len(), 1);
    assert_eq!(stage.texts(), ["my parcel?"]);
    stage.done().await;
}

pub(super) async fn an_engine_that_is_away_and_comes_back<P: Peer>() {
    let stage = Stage::<P>::new().await;
    stage.open("c1").await;
    stage.echoes("c1", "hello").await;
    stage.peer.leaves().await;
    stage.writes("c1", "anyone?").await;
    stage.hears("c1", "Sorry.").await;
    let failures = stage.steps("c1", "ask_failed").await;
    assert_eq!(failures.iter().map(|it| &it["kind"]).collect::<Vec<_>>(), ["unavailable"]);
    stage.peer.returns().await;
    stage.echoes("c1", "back?").await;
    assert_eq!(stage.texts(), ["hello", "back?"]);
    stage.done().await;
}

/// While one contact's question hangs and another's fails, a third talks as if nothing were.
pub(super) async fn one_contacts_trouble_is_no_others<P: Peer>() {
    let stage = Stage::<P>::new().await;
    let gate = Gate::new();
    stage.script().on_text("hang", gate.holds(say("At last.")));
    stage.script().on_text("break", Then::Fail(some_failure::<P>()));
    for contact in ["c1", "c2", "c3"] {
        stage.open(contact).await;
    }
    stage.writes("c1", "hang").await;
    stage.writes("c2", "break").await;
    for text in ["one", "two", "three"] {
        stage.echoes("c3", text).await;
    }
    stage.hears("c2", "Sorry.").await;
    gate.open().await;
    stage.hears("c1", "At last.").await;
    stage.done().await;
}
