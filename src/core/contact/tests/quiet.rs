//! The inactivity clock: time-out (S14), its message and what holds the clock (S15), the warning and the last word (B8).

use super::*;

#[test]
fn s14_the_contact_is_finished_a_millisecond_after_the_timeout_and_not_before() {
    let mut talk = check(rules(), &[]);
    assert_eq!(talk.due(), Some(180_001));
    talk.check(&[
        (179_999, Event::Tick, &[]),
        (180_000, Event::Tick, &[]),
        (180_001, Event::Tick, &["1 end inactivity after nothing 'Goodbye.'"]),
        (180_002, Event::Tick, &[]),
        (180_100, outcome(1, Outcome::Done), &["close"]),
    ]);
    assert!(talk.contact.is_over());
    assert!(talk.steps.contains(&Step::TimedOut));
    assert_eq!(talk.due(), None);
}

#[test]
fn s14_a_message_at_the_very_deadline_continues_the_contact() {
    for at in [180_000, 180_001] {
        let mut talk = check(rules(), &[(at, said("m1", "here"), &["ask 1/0 'here'"]), (at, Event::Tick, &[])]);
        talk.check(&[(at + 10, answered(1, 0, says("Hi.")), &["1 say 'Hi.'"])]);
    }
}

#[test]
fn s15_without_a_timeout_message_the_contact_is_closed_silently() {
    let mut rules = rules();
    rules.inactivity.timeout_message.clear();
    check(rules, &[(180_001, Event::Tick, &["1 end inactivity after nothing"])]);
}

#[test]
fn s15_the_timeout_message_is_part_of_the_end_so_that_nobody_hears_it_who_goes_on() {
    check(
        rules(),
        &[
            (180_001, Event::Tick, &["1 end inactivity after nothing 'Goodbye.'"]),
            (180_002, said("m1", "wait"), &[]),
            (180_003, outcome(1, Outcome::Superseded), &["ask 1/1 'wait'"]),
        ],
    );
}

#[test]
fn s15_the_clock_stands_while_the_engine_is_asked_and_until_the_answer_is_delivered() {
    let mut talk = check(rules(), &[(100_000, said("m1", "hello"), &["ask 1/0 'hello'"])]);
    assert_eq!(talk.due(), None);
    talk.check(&[(500_000, Event::Tick, &[]), (500_001, answered(1, 0, says("Hi.")), &["1 say 'Hi.'"])]);
    assert_eq!(talk.due(), None);
    talk.check(&[(900_000, Event::Tick, &[]), (900_001, delivered(1), &[])]);
    assert_eq!(talk.due(), Some(900_001 + 180_001));
    talk.check(&[
        (900_001 + 180_000, Event::Tick, &[]),
        (900_001 + 180_001, Event::Tick, &["2 end inactivity after m1 'Goodbye.'"]),
    ]);
}

#[test]
fn s15_the_clock_waits_for_the_last_of_several_deliveries_and_no_repetition_moves_it() {
    let mut talk = check(
        rules(),
        &[
            (0, said("m1", "hello"), &["ask 1/0 'hello'"]),
            (1, said("m2", "you"), &[]),
            (2, answered(1, 0, says("Hi.")), &["1 say 'Hi.'", "ask 2/0 'you'"]),
            (3, answered(2, 0, says("Yes?")), &["2 say 'Yes?'"]),
            (1_000, delivered(2), &[]),
        ],
    );
    assert_eq!(talk.due(), None);
    talk.check(&[(2_000, delivered(1), &[]), (3_000, delivered(1), &[]), (4_000, delivered(2), &[])]);
    assert_eq!(talk.due(), Some(182_001));
}

#[test]
fn s15_the_clock_stands_while_an_action_is_pending() {
    let look_up = asks_for("look_up", "Let me see.", json!({"uri": "https://crm.example"}));
    let mut talk = check(
        rules(),
        &[
            (0, said("m1", "order"), &["ask 1/0 'order'"]),
            (
                1,
                answered(1, 0, look_up),
                &["1 say 'Let me see.'", r#"2 external https://crm.example {"uri":"https://crm.example"}"#],
            ),
            (2, delivered(1), &[]),
        ],
    );
    assert_eq!(talk.due(), None);
    talk.check(&[(1_000_000, Event::Tick, &[]), (1_000_001, external(2, "Sent."), &["3 say 'Sent.'"])]);
    assert_eq!(talk.due(), None);
    talk.check(&[(1_000_002, delivered(3), &[])]);
    assert_eq!(talk.due(), Some(1_000_002 + 180_001));
}

#[test]
fn s15_the_clock_stands_on_the_way_to_a_person_with_one_and_while_closing() {
    let mut talk = check(
        rules(),
        &[
            (0, said("m1", "a person"), &["ask 1/0 'a person'"]),
            (
                1,
                answered(1, 0, asks_for("human", "Yes.", json!({}))),
                &["1 say 'Yes.'", "2 requeue to people: action human"],
            ),
            (2, delivered(1), &[]),
            (2, delivered(2), &[]),
        ],
    );
    assert_eq!(talk.due(), None);
    talk.check(&[(1_000_000, Event::Tick, &[]), (1_000_001, outcome(2, Outcome::Accepted), &[])]);
    assert_eq!(talk.due(), None);
    talk.check(&[(2_000_000, Event::Tick, &[]), (2_000_001, returned(2), &[])]);
    assert_eq!(talk.due(), Some(2_000_001 + 180_001), "it runs again with the bot");
    talk.check(&[
        (2_000_001 + 180_001, Event::Tick, &["3 end inactivity after m1 'Goodbye.'"]),
        (2_200_000, delivered(3), &[]),
    ]);
    assert_eq!(talk.due(), None);
    talk.check(&[(9_000_000, Event::Tick, &[])]);
}

#[test]
fn s15_every_input_of_the_customer_starts_the_clock_afresh() {
    let mut talk = check(rules(), &[(100_000, Event::Typing, &[])]);
    assert_eq!(talk.due(), Some(280_001), "typing");
    talk.check(&[(200_000, said("m1", "hello"), &["ask 1/0 'hello'"]), (200_001, Event::Typing, &[])]);
    assert_eq!(talk.due(), None, "typing starts no clock that stands");
    talk.check(&[(200_002, answered(1, 0, Answer { replies: Vec::new(), ..says("") }), &[])]);
    assert_eq!(talk.due(), Some(200_002 + 180_001), "a message");
    let silent = TextLimit { characters: 3, policy: LongText::Reject, message: String::new() };
    let mut talk = check(Rules { text_limit: silent, ..rules() }, &[(100_000, said("m1", "too long"), &[])]);
    assert_eq!(talk.due(), Some(280_001), "even a message that leads to nothing");
    talk.check(&[(150_000, said("m1", "too long"), &[])]);
    assert_eq!(talk.due(), Some(280_001), "the same message again is no input");
}

fn warning_rules() -> Rules {
    let inactivity = Inactivity {
        warn_before: Duration::from_secs(60),
        warning_message: "Are you still there?".to_owned(),
        ..rules().inactivity
    };
    Rules { inactivity, ..rules() }
}

#[test]
fn b8_a_warning_comes_once_and_leaves_the_clock_running() {
    let mut talk = check(warning_rules(), &[]);
    assert_eq!(talk.due(), Some(120_001));
    talk.check(&[
        (120_000, Event::Tick, &[]),
        (120_001, Event::Tick, &["1 say 'Are you still there?'"]),
        (120_002, Event::Tick, &[]),
    ]);
    assert_eq!(talk.due(), Some(180_001), "though the warning is not delivered yet");
    talk.check(&[
        (130_000, delivered(1), &[]),
        (180_000, Event::Tick, &[]),
        (180_001, Event::Tick, &["2 end inactivity after nothing 'Goodbye.'"]),
    ]);
    assert!(talk.steps.contains(&Step::Warned));
}

#[test]
fn b8_a_sign_of_life_after_the_warning_gives_the_whole_time_and_another_warning() {
    for event in [Event::Typing, said("m1", "yes")] {
        let mut talk = check(warning_rules(), &[(120_001, Event::Tick, &["1 say 'Are you still there?'"])]);
        talk.on(180_000, event);
        talk.on(180_000, answered(1, 0, says("Good.")));
        talk.on(180_000, delivered(2));
        assert_eq!(talk.due(), Some(180_000 + 120_001));
        let warned = talk.on(180_000 + 120_001, Event::Tick);
        assert!(shown(&warned).concat().ends_with("say 'Are you still there?'"));
    }
}

#[test]
fn b8_without_a_text_or_a_time_there_is_no_warning() {
    let silent = Inactivity { warning_message: String::new(), ..warning_rules().inactivity };
    let never = Inactivity { warn_before: Duration::ZERO, ..warning_rules().inactivity };
    for inactivity in [silent, never] {
        let talk = check(Rules { inactivity, ..rules() }, &[(150_000, Event::Tick, &[])]);
        assert_eq!(talk.due(), Some(180_001));
    }
}

#[test]
fn b8_a_message_that_crosses_the_end_continues_the_contact() {
    let mut talk = check(
        rules(),
        &[
            (0, said("m1", "hello"), &["ask 1/0 'hello'"]),
            (1, answered(1, 0, says("Hi.")), &["1 say 'Hi.'"]),
            (2, delivered(1), &[]),
            (180_003, Event::Tick, &["2 end inactivity after m1 'Goodbye.'"]),
            (180_004, said("m2", "wait"), &[]),
            (180_005, said("m3", "please"), &[]),
            (180_006, outcome(2, Outcome::Superseded), &["ask 2/1 'wait'"]),
            (180_007, answered(2, 1, says("I wait.")), &["3 say 'I wait.'", "ask 3/1 'please'"]),
            (180_008, outcome(2, Outcome::Done), &[]),
        ],
    );
    assert!(!talk.contact.is_over(), "a second outcome of the same end counts for nothing");
    talk.check(&[(180_009, answered(3, 1, says("Yes.")), &["4 say 'Yes.'"])]);
}

#[test]
fn b8_if_it_is_superseded_before_the_message_comes_the_whole_time_begins_anew() {
    let mut talk = check(
        rules(),
        &[
            (180_001, Event::Tick, &["1 end inactivity after nothing 'Goodbye.'"]),
            (190_000, outcome(1, Outcome::Superseded), &[]),
        ],
    );
    assert_eq!(talk.due(), Some(190_000 + 180_001));
    talk.check(&[(190_001, said("m1", "here"), &["ask 1/1 'here'"])]);
}

#[test]
fn b8_only_the_outcome_of_the_end_itself_ends_or_continues_the_contact() {
    check(
        rules(),
        &[
            (0, said("m1", "hello"), &["ask 1/0 'hello'"]),
            (1, answered(1, 0, says("Hi.")), &["1 say 'Hi.'"]),
            (2, delivered(1), &[]),
            (180_003, Event::Tick, &["2 end inactivity after m1 'Goodbye.'"]),
            (180_004, said("m2", "wait"), &[]),
            (180_005, outcome(1, Outcome::Done), &[]),
            (180_006, outcome(3, Outcome::Superseded), &[]),
            (180_007, outcome(2, Outcome::Superseded), &["ask 2/1 'wait'"]),
        ],
    );
}

#[test]
fn b8_what_was_said_too_late_is_told_so() {
    let talk = check(
        rules(),
        &[
            (180_001, Event::Tick, &["1 end inactivity after nothing 'Goodbye.'"]),
            (180_002, said("m1", "wait"), &[]),
            (180_003, outcome(1, Outcome::Done), &["over m1", "close"]),
            (180_004, said("m2", "hello?"), &["over m2"]),
        ],
    );
    assert_eq!(talk.unanswered(), ["m1: the contact is over"]);
}

#[test]
fn b8_what_the_customer_says_while_the_engine_says_good_bye_is_answered_first() {
    let bye = Answer { end_interaction: true, ..says("Bye.") };
    let mut talk = check(
        rules(),
        &[
            (0, said("m1", "thanks"), &["ask 1/0 'thanks'"]),
            (1, said("m2", "one more thing"), &[]),
            (2, answered(1, 0, bye.clone()), &["1 say 'Bye.'", "ask 2/0 'one more thing'"]),
            (3, answered(2, 0, bye), &["2 say 'Bye.'", "3 end completed after m2"]),
        ],
    );
    talk.check(&[(4, outcome(3, Outcome::Done), &["close"])]);
    assert!(talk.steps.contains(&Step::Ended { reason: EndReason::Completed, with_person: false }));
}
