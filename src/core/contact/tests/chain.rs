//! Several language engines: fail-over along the chain (B7), the canary (B5), and what fills the wait (B6).

use super::*;

/// Two standbys.
fn chained() -> Rules {
    Rules { chain: chain(false, 2), ..rules() }
}

fn standby(n: u8) -> EngineName {
    EngineName::new(&format!("standby-{n}")).unwrap()
}

fn failed_over(turn: u32, ms: u64, from: EngineName, to: EngineName, kind: FailureKind) -> Step {
    Step::FailedOver { turn: Turn(turn), ms, from, to, kind, advice: Said::foreign("look at the engine") }
}

/// Reads the contact back as a restart does.
fn restart(talk: &mut Talk) {
    talk.contact = Contact::from_snapshot(&talk.contact.snapshot().unwrap()).unwrap();
}

#[test]
fn b7_a_failure_asks_the_next_engine_the_same_and_the_contact_stays_there() {
    let mut talk = check(
        chained(),
        &[
            (0, said("m1", "hello"), &["ask 1/0 'hello'"]),
            (50, failed(1, 0, FailureKind::Unavailable), &["ask 2/0 standby-1, new, again 'hello'"]),
            (60, answered(2, 0, says("Hi.")), &["1 say 'Hi.'"]),
            (70, said("m2", "more"), &["ask 3/0 standby-1 'more'"]),
            (80, answered(3, 0, says("Yes.")), &["2 say 'Yes.'"]),
        ],
    );
    let step = failed_over(1, 50, EngineName::primary(), standby(1), FailureKind::Unavailable);
    assert!(talk.steps.contains(&step), "{:?}", talk.steps);
    assert_eq!(
        step.tell(),
        "turn 1: no answer of engine primary after 50 ms (unavailable), standby-1 is asked instead: look at the engine"
    );
    assert!(!talk.steps.iter().any(|step| matches!(step, Step::AskFailed { .. })), "it is no failure to the customer");
    // What the first engine says after all is nobody's.
    talk.check(&[(90, answered(1, 0, says("Late.")), &[]), (95, failed(1, 0, FailureKind::Deadline), &[])]);
    assert_eq!(talk.stale(), 2);
}

#[test]
fn b7_an_engine_is_told_what_was_said_until_it_has_answered_once() {
    check(
        chained(),
        &[
            (0, said("m1", "hello"), &["ask 1/0 'hello'"]),
            (1, answered(1, 0, says("Hi.")), &["1 say 'Hi.'"]),
            (2, said("m2", "a"), &["ask 2/0 'a'"]),
            (3, failed(2, 0, FailureKind::Deadline), &["ask 3/0 standby-1, new, again 'a'"]),
            // Nothing to say: no answer that would show that it has followed, and no reason to go elsewhere.
            (4, failed(3, 0, FailureKind::Empty), &["2 say 'Something went wrong.'"]),
            (5, said("m3", "b"), &["ask 4/0 standby-1, new 'b'"]),
            (6, answered(4, 0, says("B.")), &["3 say 'B.'"]),
            (7, said("m4", "c"), &["ask 5/0 standby-1 'c'"]),
        ],
    );
}

#[test]
fn b7_every_failure_but_those_that_say_nothing_of_the_engine_goes_on() {
    use FailureKind::{
        Credential, Deadline, Empty, Internal, Interrupted, Invalid, Malformed, NotFound, Precondition, Quota,
        Unavailable, Webhook,
    };
    let on = [Unavailable, Deadline, Quota, Credential, NotFound, Invalid, Precondition, Webhook, Malformed, Internal];
    for kind in on {
        let mut talk = check(chained(), &[(0, said("m1", "a"), &["ask 1/0 'a'"])]);
        talk.check(&[(1, failed(1, 0, kind), &["ask 2/0 standby-1, new, again 'a'"])]);
    }
    for kind in [Empty, Interrupted] {
        let mut talk = check(chained(), &[(0, said("m1", "a"), &["ask 1/0 'a'"])]);
        talk.check(&[(1, failed(1, 0, kind), &["1 say 'Something went wrong.'"])]);
    }
}

#[test]
fn b7_when_all_have_failed_a_person_takes_over_at_once() {
    let talk = check(
        chained(),
        &[
            (0, said("m1", "hello"), &["ask 1/0 'hello'"]),
            (1, failed(1, 0, FailureKind::Deadline), &["ask 2/0 standby-1, new, again 'hello'"]),
            (2, failed(2, 0, FailureKind::Unavailable), &["ask 3/0 standby-2, new, again 'hello'"]),
            (
                3,
                failed(3, 0, FailureKind::Quota),
                &[
                    "1 say 'We have a problem; a person helps you.'",
                    "2 requeue to people: 3 technical failures in a row, the last: quota",
                ],
            ),
        ],
    );
    let moved = Step::Moved { from: standby(2), to: EngineName::primary(), why: MoveCause::AllFailed };
    assert!(talk.steps.contains(&moved), "{:?}", talk.steps);
}

#[test]
fn b7_without_a_person_the_fallback_is_said_and_the_next_question_begins_with_the_first() {
    let rules = Rules { handover: Handover { to: None, ..rules().handover }, ..chained() };
    check(
        rules,
        &[
            (0, said("m1", "a"), &["ask 1/0 'a'"]),
            (1, failed(1, 0, FailureKind::Deadline), &["ask 2/0 standby-1, new, again 'a'"]),
            (2, failed(2, 0, FailureKind::Deadline), &["ask 3/0 standby-2, new, again 'a'"]),
            (3, failed(3, 0, FailureKind::Deadline), &["1 say 'Something went wrong.'"]),
            (4, said("m2", "b"), &["ask 4/0 primary, new 'b'"]),
            (5, answered(4, 0, says("B.")), &["2 say 'B.'"]),
            (6, said("m3", "c"), &["ask 5/0 'c'"]),
        ],
    );
}

#[test]
fn b7_without_standbys_a_failure_is_what_it_was() {
    check(
        rules(),
        &[
            (0, said("m1", "a"), &["ask 1/0 'a'"]),
            (1, failed(1, 0, FailureKind::Unavailable), &["1 say 'Something went wrong.'"]),
            (2, said("m2", "b"), &["ask 2/0 'b'"]),
        ],
    );
}

#[test]
fn b7_events_of_ours_go_on_as_well_and_their_news_are_not_lost() {
    let rules = Rules { welcome_event: "welcome".to_owned(), events: all_events(), ..chained() };
    let mut talk = Talk::start(rules, MediaType::OpenMedia, &["ask 1/0 event welcome"]);
    talk.check(&[
        (1, failed(1, 0, FailureKind::Unavailable), &["ask 2/0 standby-1, new, again event welcome"]),
        (2, answered(2, 0, asks_for("human", "Hi.", json!({}))), &["1 say 'Hi.'", "2 requeue to people: action human"]),
        (3, outcome(2, Outcome::Accepted), &["tell at standby-1 handover_accepted"]),
        (4, returned(2), &[r#"ask 3/2 standby-1 event human_returned with {"humanReturned":true}"#]),
        (
            5,
            failed(3, 2, FailureKind::Malformed),
            &[r#"ask 4/2 standby-2, new, again event human_returned with {"humanReturned":true}"#],
        ),
    ]);
}

#[test]
fn b7_what_waits_is_asked_in_order_after_the_fail_over() {
    check(
        chained(),
        &[
            (0, said("m1", "a"), &["ask 1/0 'a'"]),
            (1, said("m2", "b"), &[]),
            (2, failed(1, 0, FailureKind::Deadline), &["ask 2/0 standby-1, new, again 'a'"]),
            (3, said("m3", "c"), &[]),
            (4, answered(2, 0, says("A.")), &["1 say 'A.'", "ask 3/0 standby-1 'b'"]),
            (5, answered(3, 0, says("B.")), &["2 say 'B.'", "ask 4/0 standby-1 'c'"]),
        ],
    );
}

#[test]
fn b1_a_handover_during_a_fail_over_makes_both_answers_stale() {
    let mut talk = check(
        chained(),
        &[
            (0, said("m1", "a"), &["ask 1/0 'a'"]),
            (1, failed(1, 0, FailureKind::Deadline), &["ask 2/0 standby-1, new, again 'a'"]),
            (2, left(), &["over m1", "close"]),
            (3, answered(2, 0, says("A.")), &[]),
            (4, answered(1, 0, says("A.")), &[]),
        ],
    );
    assert_eq!(talk.stale(), 2);
    assert_eq!(talk.on(5, Event::Tick), []);
}

#[test]
fn b7_what_was_gathered_goes_to_the_next_engine_and_to_the_person() {
    let found = |name: &str, value: &str| asks_for("", "Well.", json!({ name: value }));
    let mut talk = check(
        chained(),
        &[
            (0, said("m1", "a large one"), &["ask 1/0 'a large one'"]),
            (1, answered(1, 0, found("size", "L")), &["1 say 'Well.'"]),
            (2, said("m2", "red"), &["ask 2/0 'red'"]),
            (3, answered(2, 0, found("colour", "red")), &["2 say 'Well.'"]),
            (4, whispered("m3", Input::Text("4111".to_owned())), &["ask 3/0 '4111'"]),
            (5, answered(3, 0, found("card", "4111")), &["3 say 'Well.'"]),
            (6, said("m4", "so?"), &["ask 4/0 'so?'"]),
            (7, failed(4, 0, FailureKind::Deadline), &["ask 5/0 standby-1, new, again 'so?'"]),
        ],
    );
    let slots = serde_json::Value::Object(talk.contact.slots().clone());
    assert_eq!(slots, json!({"colour": "red", "size": "L"}), "nothing of what was sensitive");
    talk.on(8, answered(5, 0, asks_for("human", "One moment.", json!({"size": "XL"}))));
    let parameters = &talk.context().parameters;
    assert_eq!(
        parameters,
        &[("colour", "red"), ("size", "XL")].map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
}

#[test]
fn b7_with_one_engine_nothing_is_gathered() {
    let talk = check(
        rules(),
        &[
            (0, said("m1", "a"), &["ask 1/0 'a'"]),
            (1, answered(1, 0, asks_for("", "Well.", json!({"size": "L"}))), &["1 say 'Well.'"]),
        ],
    );
    assert!(talk.contact.slots().is_empty(), "every record would hold it");
}

#[test]
fn b7_a_restart_in_the_middle_of_a_fail_over_asks_the_same_engine_again() {
    let mut talk = check(
        chained(),
        &[
            (0, said("m1", "a"), &["ask 1/0 'a'"]),
            (1, failed(1, 0, FailureKind::Deadline), &["ask 2/0 standby-1, new, again 'a'"]),
        ],
    );
    restart(&mut talk);
    talk.check(&[
        (10, Event::Recovered, &["ask 3/0 standby-1, new 'a'"]),
        (11, answered(2, 0, says("Late.")), &[]),
        (12, answered(3, 0, says("A.")), &["1 say 'A.'"]),
        (13, said("m2", "b"), &["ask 4/0 standby-1 'b'"]),
    ]);
}

#[test]
fn b7_an_engine_that_is_not_configured_any_more_leaves_its_contacts_to_the_primary() {
    let mut talk = check(
        chained(),
        &[
            (0, said("m1", "a"), &["ask 1/0 'a'"]),
            (1, failed(1, 0, FailureKind::Deadline), &["ask 2/0 standby-1, new, again 'a'"]),
            (2, answered(2, 0, says("A.")), &["1 say 'A.'"]),
        ],
    );
    restart(&mut talk);
    talk.rules.chain.standbys = vec![EngineName::new("another").unwrap()];
    talk.check(&[
        (10, said("m2", "b"), &["ask 3/0 primary, new 'b'"]),
        (11, failed(3, 0, FailureKind::Deadline), &["ask 4/0 another, new, again 'b'"]),
    ]);
    let moved = Step::Moved { from: standby(1), to: EngineName::primary(), why: MoveCause::Gone };
    assert!(talk.steps.contains(&moved), "{:?}", talk.steps);
    assert_eq!(moved.tell(), "engine standby-1 is not configured any more: primary goes on");
}

#[test]
fn b5_a_canary_contact_goes_to_the_primary_first_and_to_standbys_after_it() {
    let mut talk = canary_talk(1);
    talk.check(&[
        (0, said("m1", "a"), &["ask 1/0 canary 'a'"]),
        (1, failed(1, 0, FailureKind::Deadline), &["ask 2/0 primary, new, again 'a'"]),
        (2, answered(2, 0, says("A.")), &["1 say 'A.'"]),
        (3, said("m2", "b"), &["ask 3/0 'b'"]),
        (4, failed(3, 0, FailureKind::Deadline), &["ask 4/0 standby-1, new, again 'b'"]),
    ]);
}

#[test]
fn b5_with_a_canary_alone_a_failing_primary_is_what_it_was() {
    let mut talk = canary_talk(0);
    talk.check(&[
        (0, said("m1", "a"), &["ask 1/0 canary 'a'"]),
        (1, failed(1, 0, FailureKind::Deadline), &["ask 2/0 primary, new, again 'a'"]),
        (2, answered(2, 0, says("A.")), &["1 say 'A.'"]),
        (3, said("m2", "b"), &["ask 3/0 'b'"]),
        (4, failed(3, 0, FailureKind::Deadline), &["2 say 'Something went wrong.'"]),
    ]);
}

#[test]
fn b5_a_canary_that_is_rolled_back_loses_its_contacts_at_their_next_turn() {
    let mut talk = canary_talk(0);
    talk.check(&[(0, said("m1", "a"), &["ask 1/0 canary 'a'"])]);
    talk.rolled_back = true;
    talk.check(&[
        // Still an answer.
        (1, answered(1, 0, says("A.")), &["1 say 'A.'"]),
        (2, said("m2", "b"), &["ask 2/0 primary, new 'b'"]),
        (3, answered(2, 0, says("B.")), &["2 say 'B.'"]),
        (4, said("m3", "c"), &["ask 3/0 'c'"]),
    ]);
    let moves: Vec<String> = talk.steps.iter().filter(|it| matches!(it, Step::Moved { .. })).map(Step::tell).collect();
    assert_eq!(moves, ["engine canary was rolled back: primary goes on"]);
}

fn canary_talk(standbys: u8) -> Talk {
    let mut talk = Talk::start(Rules { chain: chain(true, standbys), ..rules() }, MediaType::OpenMedia, &[]);
    let mut out = Out::default();
    let cx = Context { rules: &talk.rules, directory: &talk.directory, now: Timestamp(T0), rolled_back: false };
    talk.contact = Contact::start(card(MediaType::OpenMedia), false, Some(EngineName::canary()), cx, &mut out);
    talk.tape = Tape::begin(&talk.contact, &out.steps, Timestamp(T0));
    talk
}

#[test]
fn b5_what_a_shadow_made_of_it_is_a_line_in_the_timeline_and_nothing_else() {
    let mut talk = check(rules(), &[(0, said("m1", "a"), &["ask 1/0 'a'"])]);
    let shadowed = Step::Shadowed {
        turn: Turn(1),
        ms: 40,
        intent: Some("order".to_owned()),
        action: "human".to_owned(),
        failure: None,
        differs: vec![Aspect::Action, Aspect::Intent],
    };
    assert_eq!(
        shadowed.tell(),
        "turn 1: the shadow answered in 40 ms, intent order, action human; differs in action, intent"
    );
    let before = talk.contact.snapshot().unwrap();
    talk.check(&[(1, Event::Shadowed(Box::new(shadowed.clone())), &[])]);
    assert_eq!(talk.contact.snapshot().unwrap(), before);
    assert_eq!(talk.steps.iter().filter(|it| **it == shadowed).count(), 1);
    talk.check(&[(2, left(), &["over m1", "close"]), (3, Event::Shadowed(Box::new(shadowed.clone())), &[])]);
    assert_eq!(talk.steps.iter().filter(|it| **it == shadowed).count(), 1, "a contact that is over has no lines");
}

/// Dots after one second, a line after four.
fn filled() -> Rules {
    let handover = Handover {
        typing_after: Duration::from_secs(1),
        slow_threshold: Duration::from_secs(4),
        slow_message: "Please wait.".to_owned(),
        ..rules().handover
    };
    Rules { handover, ..chained() }
}

#[test]
fn b6_first_dots_then_a_line_then_the_technical_path_each_at_its_time() {
    let rules = Rules { chain: Chain::default(), ..filled() };
    let mut talk = check(rules, &[(100, said("m1", "a"), &["ask 1/0 'a'"])]);
    assert_eq!(talk.due(), Some(1_100));
    talk.check(&[(1_099, Event::Tick, &[]), (1_100, Event::Tick, &["typing"]), (1_101, Event::Tick, &[])]);
    assert_eq!(talk.due(), Some(4_100));
    talk.check(&[(4_099, Event::Tick, &[]), (4_100, Event::Tick, &["typing", "1 say 'Please wait.'"])]);
    assert_eq!(talk.due(), None);
    talk.check(&[(7_000, failed(1, 0, FailureKind::Deadline), &["2 say 'Something went wrong.'"])]);
}

#[test]
fn b6_a_quick_answer_shows_no_dots_and_the_next_question_waits_anew() {
    let mut talk = check(filled(), &[(0, said("m1", "a"), &["ask 1/0 'a'"])]);
    talk.check(&[(999, answered(1, 0, says("A.")), &["1 say 'A.'"]), (1_000, Event::Tick, &[])]);
    talk.check(&[(5_000, said("m2", "b"), &["ask 2/0 'b'"])]);
    assert_eq!(talk.due(), Some(6_000));
}

#[test]
fn b6_a_look_that_comes_late_shows_the_line_alone() {
    let mut talk = check(filled(), &[(0, said("m1", "a"), &["ask 1/0 'a'"])]);
    talk.check(&[(4_000, Event::Tick, &["typing", "1 say 'Please wait.'"]), (4_100, Event::Tick, &[])]);
}

#[test]
fn b6_an_engine_that_shows_by_itself_that_it_writes_needs_no_help() {
    let mut talk = check(filled(), &[(0, said("m1", "a"), &["ask 1/0 'a'"])]);
    let typing = Event::Progressed { turn: Turn(1), epoch: Epoch(0), replies: Vec::new() };
    talk.check(&[(500, typing, &["typing"]), (1_000, Event::Tick, &[])]);
}

#[test]
fn b6_to_the_customer_a_fail_over_is_one_wait() {
    let mut talk = check(filled(), &[(0, said("m1", "a"), &["ask 1/0 'a'"])]);
    talk.check(&[
        (1_000, Event::Tick, &["typing"]),
        (3_000, failed(1, 0, FailureKind::Deadline), &["ask 2/0 standby-1, new, again 'a'"]),
    ]);
    assert_eq!(talk.due(), Some(4_000), "since the question, not since the fail-over");
    talk.check(&[
        (4_000, Event::Tick, &["typing", "1 say 'Please wait.'"]),
        (6_000, failed(2, 0, FailureKind::Deadline), &["ask 3/0 standby-2, new, again 'a'"]),
        (10_000, Event::Tick, &[]),
    ]);
}

#[test]
fn b7_what_is_being_asked_is_not_among_what_was_said_before_however_it_is_cut_or_joined() {
    let said_before = |talk: &Talk| talk.contact.said_before().into_iter().map(|it| it.text).collect::<Vec<_>>();
    let rules = Rules { coalesce: Duration::from_millis(2), ..rules() };
    let text_limit = TextLimit { characters: 16, policy: LongText::Split, ..rules.text_limit.clone() };
    let rules = Rules { text_limit, ..rules };
    let script: &[Row<'_>] = &[
        (0, said("m1", "hello"), &[]),
        (2, Event::Tick, &["ask 1/0 'hello'"]),
        (3, answered(1, 0, says("Hi.")), &["1 say 'Hi.'"]),
        (4, said("m2", "where is"), &[]),
        (5, said("m3", "my large"), &[]),
        (6, said("m4", "order?"), &[]),
        (8, Event::Tick, &["ask 2/0 'where is my'"]),
    ];
    let talk = check(rules, script);
    assert_eq!(said_before(&talk), ["hello", "Hi."]);
}
