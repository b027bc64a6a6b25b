//! To a person and back (B2): nobody is promised who is not there, every outcome is told, and what comes late counts for
//! nothing.

use super::*;
use crate::core::ids::SpeechTargetId;

const REQUEUED: [&str; 2] = ["1 say 'One moment.'", "2 requeue to people: action human"];

fn to_human() -> Answer {
    asks_for("human", "One moment.", json!({}))
}

/// A contact that is on its way to a person by command 2.
#[track_caller]
fn handing_over(rules: Rules) -> Talk {
    check(rules, &[(0, said("m1", "a person"), &["ask 1/0 'a person'"]), (1, answered(1, 0, to_human()), &REQUEUED)])
}

#[track_caller]
fn with_human(rules: Rules) -> Talk {
    let mut talk = handing_over(Rules { events: Events::default(), ..rules.clone() });
    talk.check(&[(2, outcome(2, Outcome::Offered), &[]), (3, outcome(2, Outcome::Accepted), &[])]);
    talk.rules = rules;
    talk
}

fn with_events() -> Rules {
    Rules { events: all_events(), ..rules() }
}

#[test]
fn b2_offered_then_accepted_the_person_has_the_contact_and_the_bot_is_silent() {
    let mut talk = handing_over(with_events());
    talk.check(&[
        (2, outcome(2, Outcome::Offered), &[]),
        (3, said("m2", "hurry"), &[]),
        (4, outcome(2, Outcome::Accepted), &["tell handover_accepted"]),
        (5, said("m3", "hello person"), &[]),
        (6, answered(1, 0, says("late")), &[]),
        (7, Event::Typing, &[]),
        (9_000_000, Event::Tick, &[]),
        (9_000_001, outcome(2, Outcome::Accepted), &[]),
        (9_000_002, outcome(2, Outcome::Expired), &[]),
        (9_000_003, outcome(2, Outcome::Failed), &[]),
        (9_000_004, said("m4", "still there?"), &[]),
    ]);
    let why = "a person has the contact";
    assert_eq!(talk.unanswered(), ["m2", "m3", "m4"].map(|id| format!("{id}: {why}")), "each is explained");
}

#[test]
fn b2_failed_or_expired_the_bot_goes_on_and_the_engine_is_told_which() {
    for (result, event) in [
        (Outcome::Failed, r#"ask 2/1 event handover_failed {"reason":"no one"}"#),
        (Outcome::Expired, r#"ask 2/1 event handover_expired {"reason":"no one"}"#),
        (Outcome::Superseded, r#"ask 2/1 event handover_failed {"reason":"no one"}"#),
    ] {
        let mut talk = handing_over(with_events());
        let outcome = Event::Outcome { seq: ActionSeq(2), outcome: result, detail: "no one".to_owned() };
        talk.check(&[
            (2, said("m2", "hurry"), &[]),
            (3, outcome.clone(), &[event]),
            (4, outcome, &[]),
            (
                5,
                answered(2, 1, says("Nobody is there; shall we call you?")),
                &["3 say 'Nobody is there; shall we call you?'", "ask 3/1 'hurry'"],
            ),
        ]);
    }
}

#[test]
fn b2_without_events_the_customer_is_told_and_the_engine_hears_of_it_with_the_next_question() {
    for (result, name) in [(Outcome::Failed, "handover_failed"), (Outcome::Expired, "handover_expired")] {
        let mut talk = handing_over(rules());
        let asked = format!(r#"ask 2/1 'well' with {{"lastOutcome":{{"outcome":"{name}","reason":""}}}}"#);
        talk.check(&[(3, outcome(2, result), &["3 say 'Nobody is free.'"]), (4, said("m2", "well"), &[&asked])]);
    }
}

#[test]
fn b2_a_return_is_told_to_the_engine_which_speaks_first() {
    let mut talk = with_human(with_events());
    talk.check(&[
        (10, returned(2), &[r#"ask 2/2 event human_returned with {"humanReturned":true}"#]),
        (11, said("m2", "hello bot"), &[]),
        (12, answered(2, 2, says("Anything else?")), &["3 say 'Anything else?'", "ask 3/2 'hello bot'"]),
    ]);
}

#[test]
fn b2_without_an_event_for_it_a_return_goes_with_the_next_question() {
    let mut talk = with_human(rules());
    talk.check(&[(10, returned(2), &[]), (11, said("m2", "hi"), &[r#"ask 2/2 'hi' with {"humanReturned":true}"#])]);
}

#[test]
fn b2_a_return_that_begins_a_contact_is_one_too() {
    let started = [r#"ask 1/0 event human_returned with {"humanReturned":true}"#];
    let welcoming = Rules { welcome_event: "welcome".to_owned(), ..with_events() };
    Talk::begin(welcoming.clone(), card(MediaType::OpenMedia), true, &started);
    Talk::begin(welcoming, card(MediaType::OpenMedia), false, &["ask 1/0 event welcome"]);
    let mut silent = Talk::begin(rules(), card(MediaType::OpenMedia), true, &[]);
    silent.check(&[(1, said("m1", "hi"), &[r#"ask 1/0 'hi' with {"humanReturned":true}"#])]);
}

#[test]
fn b2_a_repeated_return_or_one_from_another_handover_changes_nothing() {
    let mut talk = with_human(with_events());
    talk.check(&[
        (10, returned(1), &[]),
        (11, returned(3), &[]),
        (12, returned(2), &[r#"ask 2/2 event human_returned with {"humanReturned":true}"#]),
        (13, returned(2), &[]),
        (14, outcome(2, Outcome::Expired), &[]),
        (15, outcome(2, Outcome::Accepted), &[]),
        (16, answered(2, 2, says("Anything else?")), &["3 say 'Anything else?'"]),
        (17, returned(2), &[]),
    ]);
}

#[test]
fn b2_a_return_before_we_heard_that_it_was_accepted_leaves_to_the_person_what_the_person_had() {
    let mut talk = handing_over(with_events());
    talk.check(&[
        (2, said("m2", "hurry"), &[]),
        (3, returned(2), &[r#"ask 2/2 event human_returned with {"humanReturned":true}"#]),
        (4, outcome(2, Outcome::Accepted), &[]),
        (5, answered(2, 2, says("Anything else?")), &["3 say 'Anything else?'"]),
    ]);
    assert_eq!(talk.unanswered(), ["m2: a person has the contact"]);
}

#[test]
fn b2_a_return_brings_its_own_card() {
    let mut talk = with_human(rules());
    let card = Card { language: "de".to_owned(), customer_name: "Ada".to_owned(), ..card(MediaType::OpenMedia) };
    talk.on(10, Event::Returned { card: Box::new(card), from: ActionSeq(2) });
    assert_eq!(talk.contact.card().language, "de");
    talk.check(&[(11, said("m2", "hallo"), &[r#"ask 2/2 'hallo' with {"customerName":"Ada","humanReturned":true}"#])]);
}

/// Asks for a person while the directory is as `change` leaves it.
#[track_caller]
fn asked_while(rules: Rules, change: impl Fn(&mut Queue), effects: &[&str]) -> Talk {
    let mut talk = check(rules, &[(0, said("m1", "a person"), &["ask 1/0 'a person'"])]);
    change(talk.directory.queues.get_mut(&queue("people")).unwrap());
    talk.check(&[(1, answered(1, 0, to_human()), effects)]);
    talk
}

#[test]
fn b2_a_closed_queue_is_not_promised_and_the_engine_may_offer_a_callback() {
    let told = r#"ask 2/0 event queue_unavailable {"expectedWaitSeconds":30,"queue":"people","reason":"queue_closed"}"#;
    let mut talk = asked_while(with_events(), |queue| queue.open = false, &[told]);
    talk.check(&[(2, answered(2, 0, says("Shall we call you?")), &["1 say 'Shall we call you?'"])]);
    let cause = Cause::Action("human".to_owned());
    let why = crate::core::handover::Unavailable::QueueClosed;
    assert!(talk.steps.contains(&Step::NoPerson { cause, why }));
    asked_while(rules(), |queue| queue.open = false, &["1 say 'Nobody is free.'"]);
}

#[test]
fn b2_an_event_that_the_engine_has_no_words_for_still_gives_the_customer_some() {
    let told = r#"ask 2/0 event queue_unavailable {"expectedWaitSeconds":30,"queue":"people","reason":"queue_closed"}"#;
    let mut talk = asked_while(with_events(), |queue| queue.open = false, &[told]);
    talk.check(&[(2, failed(2, 0, FailureKind::Empty), &["1 say 'Nobody is free.'"])]);
}

#[test]
fn b6_an_event_that_the_engine_has_no_words_for_is_no_failure() {
    let mut talk = with_human(with_events());
    talk.on(10, returned(2));
    talk.check(&[
        (11, failed(2, 2, FailureKind::Empty), &[]),
        (12, said("m2", "hello"), &["ask 3/2 'hello' with {\"humanReturned\":true}"]),
    ]);
}

#[test]
fn b2_too_long_a_wait_is_not_promised() {
    let rules = Rules { handover: Handover { max_wait: Duration::from_secs(60), ..rules().handover }, ..rules() };
    asked_while(rules.clone(), |queue| queue.expected_wait_s = Some(61), &["1 say 'Nobody is free.'"]);
    asked_while(rules.clone(), |queue| queue.expected_wait_s = Some(60), &REQUEUED);
    asked_while(rules, |queue| queue.expected_wait_s = None, &REQUEUED);
}

#[test]
fn b2_a_queue_that_is_gone_is_not_promised() {
    let mut talk = check(rules(), &[(0, said("m1", "a person"), &["ask 1/0 'a person'"])]);
    talk.directory.queues.clear();
    talk.check(&[(1, answered(1, 0, to_human()), &["1 say 'Nobody is free.'"])]);
}

#[test]
fn b2_the_live_agent_flag_hands_over_to_the_profiles_own_destination() {
    let flagged = Answer { live_agent_handoff: true, end_interaction: true, ..says("A person comes.") };
    let script: &[Row<'_>] = &[
        (0, said("m1", "a person"), &["ask 1/0 'a person'"]),
        (1, answered(1, 0, flagged), &["1 say 'A person comes.'", "2 requeue to people: live agent requested"]),
    ];
    check(rules(), script);
}

#[test]
fn b2_the_budget_bounds_how_often_a_contact_goes_to_a_person() {
    let mut talk = with_human(rules());
    talk.check(&[
        (10, returned(2), &[]),
        (11, said("m2", "a person"), &[r#"ask 2/2 'a person' with {"humanReturned":true}"#]),
        (12, answered(2, 2, to_human()), &["3 say 'One moment.'", "4 requeue to people: action human"]),
        (13, outcome(4, Outcome::Accepted), &[]),
        (14, returned(4), &[]),
        (15, said("m3", "a person"), &[r#"ask 3/4 'a person' with {"humanReturned":true}"#]),
        (16, answered(3, 4, to_human()), &["5 say 'Nobody is free.'"]),
    ]);
}

#[test]
fn b2_an_outcome_of_an_earlier_handover_does_not_touch_a_later_one() {
    let mut talk = with_human(rules());
    talk.check(&[
        (10, returned(2), &[]),
        (11, said("m2", "a person"), &[r#"ask 2/2 'a person' with {"humanReturned":true}"#]),
        (12, answered(2, 2, to_human()), &["3 say 'One moment.'", "4 requeue to people: action human"]),
        (13, outcome(2, Outcome::Accepted), &[]),
        (14, outcome(2, Outcome::Expired), &[]),
        (15, returned(2), &[]),
        (16, outcome(4, Outcome::Expired), &["5 say 'Nobody is free.'"]),
    ]);
}

#[test]
fn b2_whatever_waits_behind_the_turn_that_hands_over_goes_to_the_person() {
    let mut talk = check(
        rules(),
        &[
            (0, said("m1", "a person"), &["ask 1/0 'a person'"]),
            (1, said("m2", "now"), &[]),
            (2, answered(1, 0, to_human()), &REQUEUED),
        ],
    );
    let said: Vec<&str> = talk.context().transcript.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(said, ["a person", "now", "One moment."]);
    talk.check(&[(3, outcome(2, Outcome::Accepted), &[])]);
    assert_eq!(talk.unanswered(), ["m2: a person has the contact"]);
}

#[test]
fn b2_the_contact_may_end_on_its_way_and_with_the_person() {
    let mut talk = handing_over(rules());
    talk.check(&[(2, said("m2", "hurry"), &[]), (3, left(), &["over m2", "close"])]);
    let reason = EndReason::Left("hung up".to_owned());
    assert!(talk.steps.contains(&Step::Ended { reason: reason.clone(), with_person: true }));
    let mut talk = with_human(rules());
    talk.check(&[(4, left(), &["close"])]);
    assert!(talk.steps.contains(&Step::Ended { reason, with_person: true }));
}

#[test]
fn the_contact_may_end_in_every_other_phase_too() {
    let look_up = asks_for("look_up", "Let me see.", json!({"uri": "https://crm.example"}));
    check(rules(), &[(1, left(), &["close"])]);
    check(
        rules(),
        &[(180_001, Event::Tick, &["1 end inactivity after nothing 'Goodbye.'"]), (180_002, left(), &["close"])],
    );
    let mut talk = check(rules(), &[(0, said("m1", "order"), &["ask 1/0 'order'"]), (1, said("m2", "and"), &[])]);
    let mut asked = check(rules(), &[(0, said("m1", "order"), &["ask 1/0 'order'"]), (1, said("m2", "and"), &[])]);
    talk.check(&[(2, left(), &["over m1", "over m2", "close"])]);
    asked.on(2, answered(1, 0, look_up));
    asked.check(&[(3, Event::EngineAway, &["over m2", "close"]), (4, external(2, "Found."), &[])]);
    assert!(asked.steps.contains(&Step::Ended { reason: EndReason::EngineAway, with_person: false }));
    assert_eq!(asked.contact.undelivered().count(), 0, "nobody is there to take it");
}

#[test]
fn a_restart_in_any_phase_without_a_question_repeats_nothing() {
    let mut idle = check(rules(), &[(1, Event::Recovered, &[])]);
    assert_eq!(idle.due(), Some(180_001), "the clock goes on");
    idle.check(&[
        (180_001, Event::Tick, &["1 end inactivity after nothing 'Goodbye.'"]),
        (180_002, Event::Recovered, &[]),
    ]);
    let mut talk = handing_over(rules());
    talk.check(&[(2, Event::Recovered, &[]), (3, outcome(2, Outcome::Accepted), &[]), (4, Event::Recovered, &[])]);
    let undelivered: Vec<u32> = talk.contact.undelivered().map(|(seq, _)| seq.0).collect();
    assert_eq!(undelivered, [1], "what an outcome names is delivered; the rest goes out again");
}

fn ordered(order: Order) -> Event {
    Event::Ordered { order, by: "ann".to_owned() }
}

#[test]
fn b2_an_operator_hands_a_contact_over_and_what_was_asked_goes_along() {
    let talk = check(
        rules(),
        &[
            (0, said("m1", "hello"), &["ask 1/0 'hello'"]),
            (1, ordered(Order::HandOver(Destination::Queue(queue("people")))), &["1 requeue to people: operator ann"]),
            (2, answered(1, 0, says("Too late.")), &[]),
            (3, ordered(Order::End), &[]),
            (4, outcome(1, Outcome::Accepted), &[]),
        ],
    );
    assert!(talk.context().transcript.iter().any(|it| it.text == "hello"));
    assert_eq!(talk.stale(), 1);
}

#[test]
fn b2_what_an_operator_interrupted_is_asked_again_if_nobody_takes_the_contact() {
    check(
        rules(),
        &[
            (0, said("m1", "hello"), &["ask 1/0 'hello'"]),
            (1, ordered(Order::HandOver(Destination::Queue(queue("people")))), &["1 requeue to people: operator ann"]),
            (
                2,
                outcome(1, Outcome::Failed),
                &[
                    "2 say 'Nobody is free.'",
                    r#"ask 2/1 'hello' with {"lastOutcome":{"outcome":"handover_failed","reason":""}}"#,
                ],
            ),
            (3, answered(2, 1, says("Hi.")), &["3 say 'Hi.'"]),
        ],
    );
}

#[test]
fn b2_an_operator_does_not_hand_over_to_a_queue_that_is_closed_or_unknown() {
    let talk = check(
        rules(),
        &[
            (0, said("m1", "hello"), &["ask 1/0 'hello'"]),
            (1, ordered(Order::HandOver(Destination::Queue(queue("nobody-knows-it")))), &[]),
            (2, answered(1, 0, says("Hi.")), &["1 say 'Hi.'"]),
        ],
    );
    assert!(talk.steps.iter().any(|it| matches!(it, Step::NoPerson { .. })));
}

#[test]
fn s20_an_operator_gives_a_call_to_a_target_and_nothing_else_to_it() {
    let desk = || ordered(Order::HandOver(Destination::Target(SpeechTargetId::new("desk").unwrap())));
    let (rules, directory) = (rules(), directory());
    let cx = Context { rules: &rules, directory: &directory, now: Timestamp(T0), rolled_back: false };
    let after = |media, order| {
        let mut out = Out::default();
        let mut contact = Contact::start(card(media), false, None, cx, &mut out);
        contact.on_event(order, cx, &mut out);
        contact.standing()
    };
    assert_eq!(after(MediaType::Speech, desk()), Standing::HandingOver);
    assert_eq!(after(MediaType::OpenMedia, desk()), Standing::Listening, "it takes calls alone");
    let people = ordered(Order::HandOver(Destination::Queue(queue("people"))));
    assert_eq!(after(MediaType::Speech, people), Standing::Listening, "the queue takes no calls");
}

#[test]
fn an_operator_ends_a_contact_unless_the_customer_speaks_first() {
    check(
        rules(),
        &[
            (0, said("m1", "hello"), &["ask 1/0 'hello'"]),
            (1, ordered(Order::End), &["1 end operator after m1"]),
            (2, answered(1, 0, says("Too late.")), &[]),
        ],
    );
}

#[test]
fn a_paused_profiles_contact_goes_to_a_person_before_any_engine_is_asked() {
    let (rules, directory) = (Rules { welcome_event: "welcome".to_owned(), ..rules() }, directory());
    let cx = Context { rules: &rules, directory: &directory, now: Timestamp(T0), rolled_back: false };
    let mut out = Out::default();
    let to = Destination::Queue(queue("people"));
    let contact = Contact::start_paused(card(MediaType::OpenMedia), to.clone(), "ann".to_owned(), cx, &mut out);
    assert_eq!(contact.standing(), Standing::HandingOver);
    assert!(matches!(out.effects.as_slice(), [Effect::Send { .. }]), "nobody is asked: {:?}", out.effects);
    let cause = Cause::Paused("ann".to_owned());
    assert_eq!(out.steps.last(), Some(&Step::HandingOver { seq: ActionSeq(1), to, cause }));
}
