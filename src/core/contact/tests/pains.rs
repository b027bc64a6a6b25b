//! What users of other systems suffered from, one test each.

use super::*;

fn to_human() -> Answer {
    asks_for("human", "One moment.", json!({}))
}

const REQUEUED: [&str; 2] = ["1 say 'One moment.'", "2 requeue to people: action human"];

#[test]
fn pain_1_no_didnt_understand_beside_a_handover() {
    let both = Answer { not_understood: true, ..to_human() };
    check(
        Rules { handover: Handover { not_understood_after: 1, ..rules().handover }, ..rules() },
        &[(0, said("m1", "a person!"), &["ask 1/0 'a person!'"]), (1, answered(1, 0, both), &REQUEUED)],
    );
    check(
        Rules { handover: Handover { not_understood_after: 1, ..rules().handover }, ..rules() },
        &[
            (0, said("m1", "grmpf"), &["ask 1/0 'grmpf'"]),
            (
                1,
                answered(1, 0, puzzled("I didn't understand.")),
                &["1 say 'A person understands you better.'", "2 requeue to people: 1 inputs in a row not understood"],
            ),
        ],
    );
}

#[test]
fn pain_1_no_late_reply_after_a_person_took_over() {
    let talk = check(
        rules(),
        &[
            (0, said("m1", "slow question"), &["ask 1/0 'slow question'"]),
            (1, failed(1, 0, FailureKind::Deadline), &["1 say 'Something went wrong.'"]),
            (2, said("m2", "hello?"), &["ask 2/0 'hello?'"]),
            (3, answered(2, 0, to_human()), &["2 say 'One moment.'", "3 requeue to people: action human"]),
            (4, answered(1, 0, says("The answer to your slow question.")), &[]),
            (5, outcome(3, Outcome::Accepted), &[]),
            (6, answered(2, 0, says("And another.")), &[]),
        ],
    );
    assert_eq!(talk.stale(), 2);
}

#[test]
fn pain_2_after_the_return_the_bot_answers_at_once_and_again_and_again() {
    let mut talk = check(
        rules(),
        &[(0, said("m1", "a person"), &["ask 1/0 'a person'"]), (1, answered(1, 0, to_human()), &REQUEUED)],
    );
    talk.check(&[
        (2, outcome(2, Outcome::Accepted), &[]),
        (3, returned(2), &[]),
        (4, said("m2", "hi"), &[r#"ask 2/2 'hi' with {"humanReturned":true}"#]),
        (5, answered(2, 2, says("Hi.")), &["3 say 'Hi.'"]),
        (6, said("m3", "a person"), &["ask 3/2 'a person'"]),
        (7, answered(3, 2, to_human()), &["4 say 'One moment.'", "5 requeue to people: action human"]),
        (8, outcome(5, Outcome::Accepted), &[]),
        (9, returned(5), &[]),
        (10, said("m4", "hi"), &[r#"ask 4/4 'hi' with {"humanReturned":true}"#]),
        (11, answered(4, 4, says("Hi.")), &["6 say 'Hi.'"]),
    ]);
}

#[test]
fn pain_2_it_does_not_greet_again_nor_answer_what_the_person_has_answered() {
    let rules = Rules { welcome_event: "welcome".to_owned(), events: all_events(), ..rules() };
    let mut talk = Talk::start(rules, MediaType::OpenMedia, &["ask 1/0 event welcome"]);
    talk.check(&[
        (1, answered(1, 0, says("Welcome!")), &["1 say 'Welcome!'"]),
        (2, said("m1", "a person"), &["ask 2/0 'a person'"]),
        (3, answered(2, 0, to_human()), &["2 say 'One moment.'", "3 requeue to people: action human"]),
        (4, said("m2", "my order is late"), &[]),
        (5, outcome(3, Outcome::Accepted), &["tell handover_accepted"]),
        (6, said("m3", "number 7"), &[]),
        (7, returned(3), &[r#"ask 3/2 event human_returned with {"humanReturned":true}"#]),
        (8, answered(3, 2, says("Anything else?")), &["4 say 'Anything else?'"]),
    ]);
}

#[test]
fn pain_3_an_engine_that_always_asks_for_a_person_does_not_turn_in_circles() {
    let mut talk = check(Rules { events: all_events(), ..rules() }, &[]);
    talk.on(0, said("m1", "a person"));
    let (mut requeues, mut rounds, mut last) = (0, 0, String::new());
    while let Some(Pending::Ask(_)) = &talk.contact.state.pending {
        rounds += 1;
        assert!(rounds < 20, "it turns in circles");
        let (turn, epoch) = (talk.contact.state.turn.0, talk.contact.state.epoch.0);
        let sent = talk.on(0, answered(turn, epoch, to_human()));
        last = sent.last().map(show).unwrap();
        if let Phase::HandingOver { seq, .. } = talk.contact.state.phase {
            requeues += 1;
            talk.on(0, outcome(seq.0, Outcome::Failed));
        }
    }
    assert_eq!(requeues, talk.rules.handover.max_handovers);
    assert!(last.ends_with("say 'Nobody is free.'"), "the customer is told in the end, not: {last}");
}

#[test]
fn pain_4_no_person_is_promised_whom_nobody_can_reach() {
    let mut closed = check(
        rules(),
        &[
            (0, said("m1", "a person"), &["ask 1/0 'a person'"]),
            (1, answered(1, 0, asks_for("closed", "A colleague takes over!", json!({}))), &["1 say 'Nobody is free.'"]),
        ],
    );
    closed.check(&[(2, said("m2", "what?"), &[
        r#"ask 2/0 'what?' with {"lastOutcome":{"outcome":"queue_unavailable","queue":"closed","reason":"queue_closed"}}"#,
    ])]);
}

#[test]
fn pain_4_a_refused_handover_is_told_to_the_customer_and_the_bot_goes_on() {
    check(
        rules(),
        &[
            (0, said("m1", "a person"), &["ask 1/0 'a person'"]),
            (1, answered(1, 0, to_human()), &REQUEUED),
            (2, outcome(2, Outcome::Failed), &["3 say 'Nobody is free.'"]),
            (
                3,
                said("m2", "well"),
                &[r#"ask 2/1 'well' with {"lastOutcome":{"outcome":"handover_failed","reason":""}}"#],
            ),
        ],
    );
}

#[test]
fn pain_5_neither_the_text_nor_the_action_of_an_answer_overrides_the_other() {
    let several = Answer {
        replies: vec![
            Reply::Text("First.".to_owned()),
            Reply::Image { uri: "https://shop.example/map.png".to_owned(), description: "A map".to_owned() },
            Reply::Payload(json!({"kind": "menu"}).as_object().unwrap().clone()),
        ],
        ..to_human()
    };
    check(
        rules(),
        &[
            (0, said("m1", "a person"), &["ask 1/0 'a person'"]),
            (
                1,
                answered(1, 0, several),
                &[r#"1 say 'First.' 'A map' '{"kind":"menu"}'"#, "2 requeue to people: action human"],
            ),
        ],
    );
}

#[test]
fn pain_6_a_slow_engine_is_neither_a_failure_nor_the_end_of_the_bot() {
    let handover = Handover {
        slow_threshold: Duration::from_secs(4),
        slow_message: "Please wait.".to_owned(),
        ..rules().handover
    };
    check(
        Rules { handover, ..rules() },
        &[
            (0, said("m1", "hard question"), &["ask 1/0 'hard question'"]),
            (4_000, Event::Tick, &["typing", "1 say 'Please wait.'"]),
            (400_000, Event::Tick, &[]),
            (400_001, answered(1, 0, says("42.")), &["2 say '42.'"]),
            (400_002, said("m2", "thanks"), &["ask 2/0 'thanks'"]),
        ],
    );
}

#[test]
fn pain_6_a_late_outcome_after_we_gave_up_on_it_does_no_harm() {
    let mut talk = Talk::start(rules(), MediaType::WebInteraction, &[]);
    talk.check(&[
        (0, said("m1", "basket"), &["ask 1/0 'basket'"]),
        (
            1,
            answered(1, 0, asks_for("show", "Here.", json!({"page": "https://shop.example"}))),
            &["1 say 'Here.'", "2 push https://shop.example"],
        ),
        (2, delivered(2), &[]),
        (30_002, Event::Tick, &[]),
        (30_003, outcome(2, Outcome::Failed), &[]),
        (30_004, said("m2", "thanks"), &[r#"ask 2/0 'thanks' with {"lastOutcome":{"outcome":"push_unknown"}}"#]),
    ]);
}

#[test]
fn pain_7_messages_are_taken_once_and_answered_in_order() {
    let talk = check(
        rules(),
        &[
            (0, said("m1", "one"), &["ask 1/0 'one'"]),
            (1, said("m2", "two"), &[]),
            (2, said("m3", "three"), &[]),
            (3, said("m1", "one"), &[]),
            (4, said("m2", "two"), &[]),
            (5, answered(1, 0, says("1")), &["1 say '1'", "ask 2/0 'two'"]),
            (6, said("m1", "one"), &[]),
            (7, answered(2, 0, says("2")), &["2 say '2'", "ask 3/0 'three'"]),
            (8, answered(3, 0, says("3")), &["3 say '3'"]),
            (9, said("m3", "three"), &[]),
        ],
    );
    let duplicates = talk.steps.iter().filter(|step| matches!(step, Step::Duplicate { .. })).count();
    assert_eq!(duplicates, 4);
}

#[test]
fn pain_7_a_message_that_was_not_taken_for_want_of_room_can_come_again() {
    let mut talk = check(rules(), &[(0, said("m0", "first"), &["ask 1/0 'first'"])]);
    for n in 1..=4 {
        talk.check(&[(n, said(&format!("m{n}"), "more"), &[])]);
    }
    talk.check(&[
        (5, said("m5", "too much"), &["busy m5"]),
        (6, said("m5", "too much"), &["busy m5"]),
        (7, said("m4", "more"), &[]),
        (8, answered(1, 0, says("1")), &["1 say '1'", "ask 2/0 'more'"]),
        (9, said("m5", "too much"), &[]),
    ]);
    assert_eq!(talk.contact.waiting(), 4);
}

#[test]
fn pain_7_an_engine_that_takes_nothing_is_given_no_more_than_the_bound() {
    let mut talk = check(rules(), &[]);
    for n in 1..=8_u32 {
        talk.on(0, said(&format!("m{n}"), "hi"));
        talk.on(0, answered(n, 0, says("Hi.")));
    }
    talk.check(&[
        (1, said("m9", "hi"), &["busy m9"]),
        (2, delivered(3), &[]),
        (3, said("m9", "hi"), &["ask 9/0 'hi'"]),
    ]);
    let left: Vec<u32> = talk.contact.undelivered().map(|(seq, _)| seq.0).collect();
    assert_eq!(left, [1, 2, 4, 5, 6, 7, 8], "in order, for the next lane");
}

#[test]
fn pain_8_the_clock_is_armed_again_after_every_kind_of_turn() {
    let page = json!({"page": "https://shop.example"});
    for (answer, outcome_of) in [
        (says("Hi."), None),
        (puzzled("Pardon?"), None),
        (Answer { replies: Vec::new(), ..says("") }, None),
        (asks_for("unknown", "Hm.", json!({})), None),
        (asks_for("show", "Here.", page), Some(2)),
    ] {
        let mut talk = Talk::start(rules(), MediaType::WebInteraction, &[]);
        talk.on(100_000, said("m1", "hello"));
        talk.on(200_000, answered(1, 0, answer));
        talk.on(300_000, delivered(1));
        let since = if let Some(seq) = outcome_of {
            talk.on(310_000, outcome(seq, Outcome::Done));
            310_000
        } else if talk.steps.iter().any(|step| matches!(step, Step::Sent { .. })) {
            300_000
        } else {
            200_000
        };
        assert_eq!(talk.due(), Some(since + 180_001));
    }
    let mut talk = check(rules(), &[]);
    talk.on(0, said("m1", "hello"));
    talk.on(1, failed(1, 0, FailureKind::Unavailable));
    talk.on(2, delivered(1));
    assert_eq!(talk.due(), Some(180_003), "after a failure");
}

#[test]
fn pain_8_the_timeout_says_its_word_once_and_starts_nothing_new() {
    let rules = Rules { welcome_event: "welcome".to_owned(), ..rules() };
    let mut talk = Talk::start(rules, MediaType::OpenMedia, &["ask 1/0 event welcome"]);
    talk.check(&[
        (1, answered(1, 0, says("Welcome!")), &["1 say 'Welcome!'"]),
        (2, delivered(1), &[]),
        (180_003, Event::Tick, &["2 end inactivity after nothing 'Goodbye.'"]),
        (180_004, Event::Tick, &[]),
        (180_005, delivered(2), &[]),
        (900_000, Event::Tick, &[]),
        (900_001, outcome(2, Outcome::Done), &["close"]),
        (900_002, outcome(2, Outcome::Done), &[]),
    ]);
}

#[test]
fn pain_10_the_queue_comes_from_the_configuration_not_from_the_engine() {
    let with = json!({"queue": "closed", "target": "desk", "to": "sales"});
    check(
        rules(),
        &[
            (0, said("m1", "a person"), &["ask 1/0 'a person'"]),
            (1, answered(1, 0, asks_for("human", "One moment.", with)), &REQUEUED),
        ],
    );
}

#[test]
fn b13_the_timeline_tells_each_step_and_its_cause() {
    let answer = Answer { intent: Some("person".to_owned()), confidence: Some(0.5), ..to_human() };
    let mut talk = check(
        rules(),
        &[(0, said("m1", "a person"), &["ask 1/0 'a person'"]), (70, answered(1, 0, answer), &REQUEUED)],
    );
    talk.check(&[
        (80, said("m2", "hurry"), &[]),
        (
            90,
            outcome(2, Outcome::Expired),
            &[
                "3 say 'Nobody is free.'",
                "ask 2/1 'hurry' with {\"lastOutcome\":{\"outcome\":\"handover_expired\",\"reason\":\"\"}}",
            ],
        ),
    ]);
    let kinds: Vec<String> = talk.steps.iter().map(|step| json!(step)["step"].as_str().unwrap().to_owned()).collect();
    let expected = [
        "started",
        "heard",
        "asked",
        "answered",
        "sent",
        "sent",
        "handing_over",
        "heard",
        "held",
        "handover_outcome",
        "sent",
        "asked",
    ];
    assert_eq!(kinds, expected);
    let answered = json!(talk.steps.get(3));
    assert_eq!(
        answered,
        json!({"step": "answered", "turn": 1, "ms": 70, "intent": "person", "confidence": 0.5, "action": "human"})
    );
    let handing = json!(talk.steps.get(6));
    assert_eq!(
        handing,
        json!({"step": "handing_over", "seq": 2, "to": {"queue": "people"}, "cause": {"action": "human"}})
    );
}
