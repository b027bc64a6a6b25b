//! Questions and answers: the fallback (S13), which actions fire (S17, S18, S24), stale answers (B1), the counters (B6) and
//! long texts (B9).

use super::*;

const FAILURES: [FailureKind; 12] = [
    FailureKind::Unavailable,
    FailureKind::Deadline,
    FailureKind::Quota,
    FailureKind::Credential,
    FailureKind::NotFound,
    FailureKind::Invalid,
    FailureKind::Precondition,
    FailureKind::Empty,
    FailureKind::Webhook,
    FailureKind::Malformed,
    FailureKind::Interrupted,
    FailureKind::Internal,
];

#[test]
fn s13_every_kind_of_system_error_says_the_fallback_message() {
    for kind in FAILURES {
        check(
            rules(),
            &[
                (0, said("m1", "hello"), &["ask 1/0 'hello'"]),
                (50, failed(1, 0, kind), &["1 say 'Something went wrong.'"]),
                (60, said("m2", "again"), &["ask 2/0 'again'"]),
            ],
        );
    }
}

#[test]
fn s13_what_the_engine_did_not_understand_is_no_system_error() {
    check(
        rules(),
        &[
            (0, said("m1", "grmpf"), &["ask 1/0 'grmpf'"]),
            (50, answered(1, 0, puzzled("Pardon?")), &["1 say 'Pardon?'"]),
        ],
    );
}

#[test]
fn s17_an_action_fires_only_if_its_name_is_equal_to_the_letter() {
    for name in ["Human", "HUMAN", "human ", " human", "humans", "huma", "hum\u{430}n"] {
        let talk = check(
            rules(),
            &[
                (0, said("m1", "hello"), &["ask 1/0 'hello'"]),
                (50, answered(1, 0, asks_for(name, "Well.", json!({}))), &["1 say 'Well.'"]),
            ],
        );
        assert!(talk.steps.contains(&Step::UnknownAction { name: name.to_owned() }));
    }
    check(
        rules(),
        &[
            (0, said("m1", "hello"), &["ask 1/0 'hello'"]),
            (
                50,
                answered(1, 0, asks_for("human", "Well.", json!({}))),
                &["1 say 'Well.'", "2 requeue to people: action human"],
            ),
        ],
    );
}

#[test]
fn s18_the_profiles_action_comes_before_the_business_units() {
    let mut rules = rules();
    let kind = ActionKind::Requeue { queue: queue("sales") };
    let (name, media, offer) = ("human".to_owned(), MediaType::OpenMedia, Offer::default());
    rules.actions.insert(0, ActionRule { name, media, kind, offer });
    check(
        rules,
        &[
            (0, said("m1", "hello"), &["ask 1/0 'hello'"]),
            (1, answered(1, 0, asks_for("human", "", json!({}))), &["1 say ''", "2 requeue to sales: action human"]),
        ],
    );
}

#[test]
fn s24_no_action_fires_before_all_required_parameters_are_there() {
    let asking = |action: &str| Answer {
        parameters_complete: false,
        ..asks_for(action, "For which order?", json!({"uri": "https://crm.example"}))
    };
    for action in ["human", "closed", "callback", "look_up"] {
        let talk = check(
            rules(),
            &[
                (0, said("m1", "hello"), &["ask 1/0 'hello'"]),
                (50, answered(1, 0, asking(action)), &["1 say 'For which order?'"]),
                (60, said("m2", "this one"), &["ask 2/0 'this one'"]),
            ],
        );
        assert!(talk.steps.contains(&Step::ActionWaits { name: action.to_owned() }));
    }
}

#[test]
fn s24_the_intents_flags_wait_for_its_parameters_too() {
    let asking = Answer { parameters_complete: false, ..says("Which department?") };
    for asking in [Answer { end_interaction: true, ..asking.clone() }, Answer { live_agent_handoff: true, ..asking }] {
        check(
            rules(),
            &[
                (0, said("m1", "hello"), &["ask 1/0 'hello'"]),
                (50, answered(1, 0, asking), &["1 say 'Which department?'"]),
                (60, said("m2", "sales"), &["ask 2/0 'sales'"]),
            ],
        );
    }
}

#[test]
fn s24_the_engines_whole_text_goes_out_before_the_action() {
    let url = json!({"uri": "https://crm.example/find"});
    let two = Answer {
        replies: vec![
            Reply::Text("One.".to_owned()),
            Reply::QuickReplies { title: "Two?".to_owned(), replies: vec!["Yes".to_owned(), "No".to_owned()] },
        ],
        ..asks_for("look_up", "", url)
    };
    check(
        rules(),
        &[
            (0, said("m1", "hello"), &["ask 1/0 'hello'"]),
            (
                50,
                answered(1, 0, two),
                &[
                    "1 say 'One.' 'Two? [Yes | No]'",
                    r#"2 external https://crm.example/find {"uri":"https://crm.example/find"}"#,
                ],
            ),
        ],
    );
}

#[test]
fn s24_an_unknown_action_is_plain_text_and_a_line_in_the_timeline() {
    let talk = check(
        rules(),
        &[
            (0, said("m1", "hello"), &["ask 1/0 'hello'"]),
            (50, answered(1, 0, asks_for("smalltalk.hello", "Hello!", json!({}))), &["1 say 'Hello!'"]),
            (60, said("m2", "more"), &["ask 2/0 'more'"]),
        ],
    );
    assert!(talk.steps.contains(&Step::UnknownAction { name: "smalltalk.hello".to_owned() }));
}

#[test]
fn s24_an_action_of_another_media_type_does_not_fire() {
    let page = json!({"page": "https://shop.example", "uri": "https://crm.example"});
    for (media, action) in [
        (MediaType::OpenMedia, "show"),
        (MediaType::Speech, "show"),
        (MediaType::WebInteraction, "look_up"),
        (MediaType::Speech, "closed"),
    ] {
        let mut talk = Talk::start(rules(), media, &[]);
        talk.check(&[
            (0, said("m1", "hello"), &["ask 1/0 'hello'"]),
            (50, answered(1, 0, asks_for(action, "Look.", page.clone())), &["1 say 'Look.'"]),
        ]);
        assert!(talk.steps.contains(&Step::UnknownAction { name: action.to_owned() }), "{action} for {media:?}");
    }
}

#[test]
fn s24_a_sleeping_or_unknown_action_does_not_hide_that_nothing_was_understood() {
    let unknown = Answer { not_understood: true, ..asks_for("input.unknown", "Pardon?", json!({})) };
    let rules = Rules { handover: Handover { not_understood_after: 1, ..rules().handover }, ..rules() };
    check(
        rules,
        &[
            (0, said("m1", "grmpf"), &["ask 1/0 'grmpf'"]),
            (
                1,
                answered(1, 0, unknown),
                &["1 say 'A person understands you better.'", "2 requeue to people: 1 inputs in a row not understood"],
            ),
        ],
    );
}

#[test]
fn b1_an_answer_counts_once_and_only_for_the_question_that_is_asked() {
    let talk = check(
        rules(),
        &[
            (0, answered(1, 0, says("before anything")), &[]),
            (1, said("m1", "one"), &["ask 1/0 'one'"]),
            (2, answered(2, 0, says("of a later turn")), &[]),
            (3, answered(1, 1, says("of a later epoch")), &[]),
            (4, answered(1, 0, says("One.")), &["1 say 'One.'"]),
            (5, answered(1, 0, says("One again.")), &[]),
            (6, failed(1, 0, FailureKind::Deadline), &[]),
            (7, said("m2", "two"), &["ask 2/0 'two'"]),
            (8, answered(1, 0, says("One, late.")), &[]),
            (9, failed(1, 0, FailureKind::Deadline), &[]),
            (10, answered(2, 0, says("Two.")), &["2 say 'Two.'"]),
        ],
    );
    assert_eq!(talk.stale(), 7, "each is counted");
}

#[test]
fn b1_handover_return_timeout_and_close_each_raise_the_epoch() {
    check(
        rules(),
        &[
            (0, said("m1", "a person"), &["ask 1/0 'a person'"]),
            (1, answered(1, 0, asks_for("human", "", json!({}))), &["1 say ''", "2 requeue to people: action human"]),
            (2, outcome(2, Outcome::Accepted), &[]),
            (3, returned(2), &[]),
            (4, said("m2", "back"), &[r#"ask 2/2 'back' with {"humanReturned":true}"#]),
            (5, answered(2, 2, says("Hi.")), &["3 say 'Hi.'"]),
            (6, delivered(3), &[]),
            (6, delivered(1), &[]),
            (6, delivered(2), &[]),
            (6 + TIMEOUT_MS + 1, Event::Tick, &["4 end inactivity after m2 'Goodbye.'"]),
            (200_000, outcome(4, Outcome::Superseded), &[]),
            (200_001, said("m3", "wait"), &["ask 3/3 'wait'"]),
            (200_002, answered(3, 2, says("of the epoch before")), &[]),
            (
                200_003,
                answered(3, 3, Answer { end_interaction: true, ..says("Bye.") }),
                &["5 say 'Bye.'", "6 end completed after m3"],
            ),
            (200_004, outcome(6, Outcome::Superseded), &[]),
            (200_005, said("m4", "no"), &["ask 4/4 'no'"]),
        ],
    );
}

#[test]
fn b1_an_answer_after_the_end_changes_nothing() {
    let talk = check(
        rules(),
        &[
            (0, said("m1", "one"), &["ask 1/0 'one'"]),
            (1, left(), &["over m1", "close"]),
            (2, answered(1, 0, says("One.")), &[]),
            (3, failed(1, 0, FailureKind::Deadline), &[]),
            (4, external(1, "late"), &[]),
            (5, outcome(1, Outcome::Done), &[]),
            (6, delivered(1), &[]),
            (7, Event::Typing, &[]),
            (8, returned(1), &[]),
            (9, Event::Recovered, &[]),
            (10, Event::Tick, &[]),
            (11, left(), &[]),
            (12, said("m1", "one"), &[]),
            (13, said("m2", "two"), &["over m2"]),
        ],
    );
    assert!(talk.contact.is_over());
    assert_eq!(talk.unanswered(), ["m1: the contact is over"]);
}

#[test]
fn b6_so_many_inputs_not_understood_in_a_row_hand_over() {
    check(
        rules(),
        &[
            (0, said("m1", "a"), &["ask 1/0 'a'"]),
            (1, answered(1, 0, puzzled("Pardon?")), &["1 say 'Pardon?'"]),
            (2, said("m2", "b"), &["ask 2/0 'b'"]),
            (3, answered(2, 0, puzzled("Pardon?")), &["2 say 'Pardon?'"]),
            (4, said("m3", "c"), &["ask 3/0 'c'"]),
            (
                5,
                answered(3, 0, puzzled("Pardon?")),
                &["3 say 'A person understands you better.'", "4 requeue to people: 3 inputs in a row not understood"],
            ),
        ],
    );
}

#[test]
fn b6_one_input_that_is_understood_begins_the_count_anew() {
    let mut talk = check(rules(), &[]);
    for (n, understood) in (1_u32..).zip([false, false, true, false, false, true, false, false]) {
        talk.on(0, said(&format!("m{n}"), "hm"));
        let answer = if understood { says("Yes.") } else { puzzled("Pardon?") };
        let effects = talk.on(0, answered(n, 0, answer));
        assert_eq!(shown(&effects).len(), 1, "answer {n}");
        talk.on(0, delivered(n));
    }
}

#[test]
fn b6_so_many_failures_in_a_row_hand_over_instead_of_another_fallback() {
    check(
        rules(),
        &[
            (0, said("m1", "a"), &["ask 1/0 'a'"]),
            (1, failed(1, 0, FailureKind::Quota), &["1 say 'Something went wrong.'"]),
            (2, said("m2", "b"), &["ask 2/0 'b'"]),
            (
                3,
                failed(2, 0, FailureKind::Deadline),
                &[
                    "2 say 'We have a problem; a person helps you.'",
                    "3 requeue to people: 2 technical failures in a row, the last: deadline",
                ],
            ),
        ],
    );
}

#[test]
fn b6_an_answer_begins_the_count_of_failures_anew_and_the_counters_are_separate() {
    check(
        rules(),
        &[
            (0, said("m1", "a"), &["ask 1/0 'a'"]),
            (1, failed(1, 0, FailureKind::Quota), &["1 say 'Something went wrong.'"]),
            (2, said("m2", "b"), &["ask 2/0 'b'"]),
            (3, answered(2, 0, puzzled("Pardon?")), &["2 say 'Pardon?'"]),
            (4, said("m3", "c"), &["ask 3/0 'c'"]),
            (5, failed(3, 0, FailureKind::Quota), &["3 say 'Something went wrong.'"]),
            (6, said("m4", "d"), &["ask 4/0 'd'"]),
            (7, answered(4, 0, puzzled("Pardon?")), &["4 say 'Pardon?'"]),
        ],
    );
}

#[test]
fn b6_answers_to_our_own_events_are_nobodys_misunderstanding() {
    let rules = Rules { welcome_event: "welcome".to_owned(), ..rules() };
    let rules = Rules { handover: Handover { not_understood_after: 1, ..rules.handover }, ..rules };
    let mut talk = Talk::start(rules, MediaType::OpenMedia, &["ask 1/0 event welcome"]);
    talk.check(&[(1, answered(1, 0, puzzled("Pardon?")), &["1 say 'Pardon?'"])]);
}

#[test]
fn b6_a_threshold_of_zero_never_hands_over() {
    let never = Handover { not_understood_after: 0, failures_after: 0, ..rules().handover };
    let mut talk = check(Rules { handover: never, ..rules() }, &[]);
    for n in 1..=10_u32 {
        talk.on(0, said(&format!("m{n}"), "hm"));
        let event = if n % 2 == 0 { failed(n, 0, FailureKind::Deadline) } else { answered(n, 0, puzzled("Pardon?")) };
        assert_eq!(shown(&talk.on(0, event)).len(), 1);
        talk.on(0, delivered(n));
    }
}

#[test]
fn b6_when_nobody_can_be_had_the_counter_says_what_would_have_been_said() {
    let to = Some(Destination::Queue(queue("closed")));
    let rules =
        Rules { handover: Handover { to, not_understood_after: 1, failures_after: 1, ..rules().handover }, ..rules() };
    check(
        rules,
        &[
            (0, said("m1", "a"), &["ask 1/0 'a'"]),
            (1, failed(1, 0, FailureKind::Quota), &["1 say 'Something went wrong.'"]),
            (2, said("m2", "b"), &["ask 2/0 'b'"]),
            (3, answered(2, 0, puzzled("Pardon?")), &["2 say 'Pardon?'"]),
        ],
    );
}

fn slow_rules() -> Rules {
    let handover = Handover {
        slow_threshold: Duration::from_secs(4),
        slow_after: 2,
        slow_message: "Please wait.".to_owned(),
        ..rules().handover
    };
    Rules { handover, ..rules() }
}

#[test]
fn b6_a_slow_answer_is_announced_once_at_the_threshold() {
    let mut talk = check(slow_rules(), &[(100, said("m1", "a"), &["ask 1/0 'a'"])]);
    assert_eq!(talk.due(), Some(4_100));
    talk.check(&[
        (4_099, Event::Tick, &[]),
        (4_100, Event::Tick, &["typing", "1 say 'Please wait.'"]),
        (5_000, Event::Tick, &[]),
    ]);
    assert_eq!(talk.due(), None, "once");
    talk.check(&[(9_000, answered(1, 0, says("There.")), &["2 say 'There.'"])]);
}

#[test]
fn b6_so_many_slow_answers_in_a_row_hand_over_after_the_answer() {
    check(
        slow_rules(),
        &[
            (0, said("m1", "a"), &["ask 1/0 'a'"]),
            (4_000, answered(1, 0, says("Slow.")), &["1 say 'Slow.'"]),
            (5_000, said("m2", "b"), &["ask 2/0 'b'"]),
            (8_999, answered(2, 0, says("Quick.")), &["2 say 'Quick.'"]),
            (10_000, said("m3", "c"), &["ask 3/0 'c'"]),
            (14_000, answered(3, 0, says("Slow.")), &["3 say 'Slow.'"]),
            (20_000, said("m4", "d"), &["ask 4/0 'd'"]),
            (
                24_000,
                answered(4, 0, says("Slow again.")),
                &["4 say 'Slow again.'", "5 requeue to people: 2 slow answers in a row"],
            ),
        ],
    );
}

#[test]
fn b6_a_slow_good_bye_is_no_reason_to_hand_over() {
    let rules = Rules { handover: Handover { slow_after: 1, ..slow_rules().handover }, ..slow_rules() };
    check(
        rules,
        &[
            (0, said("m1", "bye"), &["ask 1/0 'bye'"]),
            (
                9_000,
                answered(1, 0, Answer { end_interaction: true, ..says("Bye.") }),
                &["1 say 'Bye.'", "2 end completed after m1"],
            ),
        ],
    );
}

#[test]
fn b6_a_return_from_a_person_begins_every_count_anew() {
    check(
        rules(),
        &[
            (0, said("m1", "a"), &["ask 1/0 'a'"]),
            (1, failed(1, 0, FailureKind::Quota), &["1 say 'Something went wrong.'"]),
            (2, said("m2", "b"), &["ask 2/0 'b'"]),
            (
                3,
                failed(2, 0, FailureKind::Quota),
                &[
                    "2 say 'We have a problem; a person helps you.'",
                    "3 requeue to people: 2 technical failures in a row, the last: quota",
                ],
            ),
            (4, outcome(3, Outcome::Accepted), &[]),
            (5, returned(3), &[]),
            (6, said("m3", "c"), &[r#"ask 3/2 'c' with {"humanReturned":true}"#]),
            (7, failed(3, 2, FailureKind::Quota), &["4 say 'Something went wrong.'"]),
        ],
    );
}

fn with_limit(characters: usize, policy: LongText) -> Rules {
    let message = "Shorter, please.".to_owned();
    Rules { text_limit: TextLimit { characters, policy, message }, ..rules() }
}

#[test]
fn b9_text_within_the_limit_is_asked_as_it_is_counted_in_characters() {
    for policy in [LongText::Reject, LongText::Split, LongText::Truncate] {
        check(with_limit(5, policy), &[(0, said("m1", "äöüß€"), &["ask 1/0 'äöüß€'"])]);
        check(with_limit(5, policy), &[(0, said("m1", " ab "), &["ask 1/0 ' ab '"])]);
        check(with_limit(0, policy), &[(0, said("m1", "no limit"), &["ask 1/0 'no limit'"])]);
    }
}

#[test]
fn b9_a_longer_text_is_rejected_politely() {
    let talk = check(
        with_limit(5, LongText::Reject),
        &[(0, said("m1", "äöüß€!"), &["1 say 'Shorter, please.'"]), (1, said("m2", "short"), &["ask 1/0 'short'"])],
    );
    let noted = Step::TextTooLong { characters: 6, limit: 5, done: "rejected".to_owned() };
    assert!(talk.steps.contains(&noted));
}

#[test]
fn b9_or_cut_at_a_word() {
    for (text, asked) in [
        ("one two three", "one two"),
        ("one twothree", "one"),
        ("onetwothree", "onetwoth"),
        ("one two  three", "one two"),
        ("one two\nthree", "one two"),
        ("     onetwothree", "onetwoth"),
        ("äöüß€ äöüß€", "äöüß€"),
    ] {
        let asked = format!("ask 1/0 '{asked}'");
        check(with_limit(8, LongText::Truncate), &[(0, said("m1", text), &[&asked])]);
    }
}

#[test]
fn b9_or_split_into_questions_that_are_asked_in_order_before_the_next_message() {
    check(
        with_limit(8, LongText::Split),
        &[
            (0, said("m1", "one two three fourfivesix"), &["ask 1/0 'one two'"]),
            (1, said("m2", "next"), &[]),
            (2, answered(1, 0, says("1")), &["1 say '1'", "ask 2/0 'three'"]),
            (3, answered(2, 0, says("2")), &["2 say '2'", "ask 3/0 'fourfive'"]),
            (4, answered(3, 0, says("3")), &["3 say '3'", "ask 4/0 'six'"]),
            (5, answered(4, 0, says("4")), &["4 say '4'", "ask 5/0 'next'"]),
        ],
    );
}

#[test]
fn b9_b6_a_text_that_is_not_understood_in_any_piece_counts_once() {
    let handover = Handover { not_understood_after: 2, ..rules().handover };
    check(
        Rules { handover, ..with_limit(8, LongText::Split) },
        &[
            (0, said("m1", "one two three fourfivesix"), &["ask 1/0 'one two'"]),
            (1, answered(1, 0, puzzled("1?")), &["1 say '1?'", "ask 2/0 'three'"]),
            (2, answered(2, 0, puzzled("2?")), &["2 say '2?'", "ask 3/0 'fourfive'"]),
            (3, answered(3, 0, puzzled("3?")), &["3 say '3?'", "ask 4/0 'six'"]),
            (4, answered(4, 0, puzzled("4?")), &["4 say '4?'"]),
            (5, said("m2", "b"), &["ask 5/0 'b'"]),
            (
                6,
                answered(5, 0, puzzled("5?")),
                &["5 say 'A person understands you better.'", "6 requeue to people: 2 inputs in a row not understood"],
            ),
        ],
    );
}

#[test]
fn b9_white_space_never_becomes_a_question_of_its_own() {
    for text in ["12345678   ", "   12345678", "\n\n12345678\n\n"] {
        check(
            with_limit(8, LongText::Split),
            &[
                (0, said("m1", text), &["ask 1/0 '12345678'"]),
                (1, answered(1, 0, says("1")), &["1 say '1'"]),
                (2, said("m2", "next"), &["ask 2/0 'next'"]),
            ],
        );
    }
}

#[test]
fn b9_words_in_quick_succession_are_one_input() {
    let rules = Rules { coalesce: Duration::from_millis(2), ..rules() };
    let script: &[Row<'_>] = &[
        (0, said("m1", "where is"), &[]),
        (1, said("m2", "my order?"), &[]),
        (2, Event::Tick, &[]),
        (3, Event::Tick, &["ask 1/0 'where is my order?'"]),
    ];
    check(rules.clone(), script);
    // Anything but words ends the waiting.
    let script: &[Row<'_>] =
        &[(0, said("m1", "hm"), &[]), (1, heard("m2", Input::Dtmf("1".to_owned())), &["ask 1/0 'hm'"])];
    check(rules, script);
}

#[test]
fn b9_without_a_window_every_message_is_asked_at_once() {
    let script: &[Row<'_>] = &[
        (0, said("m1", "where is"), &["ask 1/0 'where is'"]),
        (0, said("m2", "my order?"), &[]),
        (1, answered(1, 0, says("Where is what?")), &["1 say 'Where is what?'", "ask 2/0 'my order?'"]),
    ];
    check(rules(), script);
}

#[test]
fn b9_the_pieces_of_a_text_are_one_message_when_it_stays_unanswered() {
    let talk = check(
        with_limit(8, LongText::Split),
        &[(0, said("m1", "one two three"), &["ask 1/0 'one two'"]), (1, left(), &["over m1", "close"])],
    );
    assert_eq!(talk.unanswered(), ["m1: the contact is over"]);
}

#[test]
fn what_an_engine_says_before_its_answer_goes_out_in_order_and_late_it_is_nobodys() {
    let progressed = |turn, epoch, replies: &[&str]| Event::Progressed {
        turn: Turn(turn),
        epoch: Epoch(epoch),
        replies: replies.iter().map(|it| Reply::Text((*it).to_owned())).collect(),
    };
    check(
        rules(),
        &[
            (0, said("m1", "hello"), &["ask 1/0 'hello'"]),
            (10, progressed(1, 0, &[]), &["typing"]),
            (20, progressed(1, 0, &["One moment.", "Nearly."]), &["1 say 'One moment.' 'Nearly.'"]),
            (25, progressed(2, 0, &["Of no question."]), &[]),
            (30, answered(1, 0, says("There.")), &["2 say 'There.'"]),
            (40, progressed(1, 0, &["Too late."]), &[]),
        ],
    );
}
