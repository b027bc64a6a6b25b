//! What the engine asks for by name: requeue (S19, S20), callback (S21), external system (S22), page (S23).

use super::*;
use crate::core::profile::Limits;

/// 21 November 2026, 10:00 UTC.
const TOMORROW_MS: i64 = 24 * 60 * 60 * 1000;

fn to_call() -> serde_json::Value {
    json!({"phone": "+49301234567", "when": "2026-11-21T10:00:00Z"})
}

/// A contact that has asked for `action` with these parameters, and what came of it.
#[track_caller]
fn asked_for(rules: Rules, media: MediaType, action: &str, with: serde_json::Value, effects: &[&str]) -> Talk {
    let mut talk = Talk::start(rules, media, &[]);
    talk.check(&[
        (0, said("m1", "please"), &["ask 1/0 'please'"]),
        (1, answered(1, 0, asks_for(action, "Very well.", with)), effects),
    ]);
    talk
}

#[test]
fn s22_s23_a_fixed_address_is_not_the_engines_to_choose() {
    use crate::core::action::{Address, Request, resolve};
    let given = json!({"uri": "https://elsewhere.example.com"});
    let resolved = |uri| {
        let kind = ActionKind::External { uri };
        resolve(&kind, given.as_object().unwrap(), &rules(), Timestamp(T0)).unwrap()
    };
    let to = |uri: &str| Request::External { uri: uri.to_owned() };
    assert_eq!(resolved(Address::Parameter("uri".to_owned())), to("https://elsewhere.example.com"));
    assert_eq!(resolved(Address::Fixed("https://orders.example.com".to_owned())), to("https://orders.example.com"));
}

fn with_events() -> Rules {
    Rules { events: all_events(), ..rules() }
}

#[test]
fn s19_requeue_gives_the_contact_to_the_configured_queue_of_its_media_type() {
    for (media, requeue) in [
        (MediaType::OpenMedia, "2 requeue to people: action human"),
        (MediaType::WebInteraction, "2 requeue to sales: action human"),
    ] {
        asked_for(rules(), media, "human", json!({}), &["1 say 'Very well.'", requeue]);
    }
}

#[test]
fn s19_the_person_gets_the_whole_story() {
    let line = |speaker, text: &str, at| Line { speaker, text: text.to_owned(), at: Timestamp(T0 + at) };
    let before = line(Speaker::Person, "from the shop", -1);
    let card = Card {
        queue: Some(queue("sales")),
        customer_id: "c7".to_owned(),
        customer_name: "Ada".to_owned(),
        attributes: vec![("tier".to_owned(), "gold".to_owned())],
        history: vec![before.clone()],
        ..card(MediaType::OpenMedia)
    };
    let payload = r#"{"attributes":{"tier":"gold"},"customerId":"c7","customerName":"Ada","queue":"sales"}"#;
    let mut talk = Talk::begin(rules(), card, false, &[]);
    let answer = Answer {
        intent: Some("complaint".to_owned()),
        ..asks_for("human", "I'll connect you.", json!({"order": 4711, "item": "lamp"}))
    };
    talk.check(&[
        (0, said("m1", "it is broken"), &[&format!("ask 1/0 'it is broken' with {payload}")]),
        (1, said("m2", "really"), &[]),
        (2, answered(1, 0, answer), &["1 say 'I'll connect you.'", "2 requeue to people: action human"]),
    ]);
    let context = talk.context();
    assert_eq!(context.summary, "action human; last intent: complaint; last said: really");
    let (customer, agent) = (Speaker::Customer, Speaker::VirtualAgent);
    let lines =
        [before, line(customer, "it is broken", 0), line(customer, "really", 1), line(agent, "I'll connect you.", 2)];
    assert_eq!(context.transcript, lines);
    let slots = [("tier", "gold"), ("item", "lamp"), ("order", "4711")];
    assert_eq!(context.parameters, slots.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[test]
fn s19_of_a_long_story_the_person_gets_the_end() {
    let line_bytes = size_of::<Line>() + 2;
    let limits = Limits { transcript_bytes: 3 * line_bytes, ..rules().limits };
    let mut talk = check(Rules { limits, ..rules() }, &[]);
    for n in 10..20_u32 {
        talk.on(0, said(&format!("m{n}"), &n.to_string()));
        talk.on(0, answered(n - 9, 0, Answer { replies: Vec::new(), ..says("") }));
    }
    talk.on(1, said("m20", "20"));
    talk.on(2, answered(11, 0, Answer { replies: Vec::new(), ..asks_for("human", "", json!({})) }));
    let lines: Vec<&str> = talk.context().transcript.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(lines, ["18", "19", "20"]);
}

#[test]
fn lines_without_text_are_bounded_too() {
    let limits = Limits { transcript_bytes: 5 * size_of::<Line>(), ..rules().limits };
    let mut talk = check(Rules { limits, ..rules() }, &[]);
    for n in 1..=50_u32 {
        talk.on(0, said(&format!("m{n}"), ""));
        talk.on(0, answered(n, 0, Answer { replies: Vec::new(), ..says("") }));
    }
    assert_eq!(talk.contact.transcript.lines().count(), 5);
}

#[test]
fn one_line_is_kept_whatever_its_length() {
    let limits = Limits { transcript_bytes: 1, ..rules().limits };
    let talk = check(Rules { limits, ..rules() }, &[(0, said("m1", "hello"), &["ask 1/0 'hello'"])]);
    assert_eq!(talk.contact.transcript.last_of_customer(), Some("hello"));
}

#[test]
fn s20_requeue_of_a_call_goes_to_the_configured_target() {
    let effects = ["1 say 'Very well.'", "2 requeue at desk: action human"];
    asked_for(rules(), MediaType::Speech, "human", json!({}), &effects);
}

#[test]
fn s20_a_target_that_the_routing_engine_does_not_know_is_not_promised() {
    let mut talk = Talk::start(rules(), MediaType::Speech, &[]);
    talk.directory.targets.clear();
    talk.check(&[
        (0, said("m1", "please"), &["ask 1/0 'please'"]),
        (1, answered(1, 0, asks_for("human", "I'll connect you.", json!({}))), &["1 say 'Nobody is free.'"]),
    ]);
}

fn callback_command() -> String {
    format!("2 callback sales +49301234567 at {TOMORROW_MS}")
}

#[test]
fn s21_a_callback_is_created_and_the_contact_stays_with_the_bot() {
    let effects = ["1 say 'Very well.'", &callback_command()];
    let mut talk = asked_for(rules(), MediaType::OpenMedia, "callback", to_call(), &effects);
    talk.check(&[
        (2, said("m2", "and my order?"), &[]),
        (
            3,
            outcome(2, Outcome::Done),
            &["ask 2/0 'and my order?' with {\"lastOutcome\":{\"outcome\":\"callback_done\"}}"],
        ),
        (4, answered(2, 0, says("On its way.")), &["3 say 'On its way.'"]),
        (5, outcome(2, Outcome::Failed), &[]),
    ]);
    assert!(talk.context().summary.starts_with("callback"), "whoever calls knows why");
}

#[test]
fn s21_the_engine_is_told_of_the_callbacks_outcome() {
    for (result, event) in [
        (Outcome::Done, r#"ask 2/0 event callback_done {"reason":"slot 7"}"#),
        (Outcome::Failed, r#"ask 2/0 event callback_failed {"reason":"slot 7"}"#),
    ] {
        let effects = ["1 say 'Very well.'", &callback_command()];
        let mut talk = asked_for(with_events(), MediaType::OpenMedia, "callback", to_call(), &effects);
        let outcome = Event::Outcome { seq: ActionSeq(2), outcome: result, detail: "slot 7".to_owned() };
        talk.check(&[(2, outcome, &[event]), (3, answered(2, 0, says("So be it.")), &["3 say 'So be it.'"])]);
    }
}

#[test]
fn s21_a_callback_that_fails_without_an_event_for_it_says_the_fallback() {
    let effects = ["1 say 'Very well.'", &callback_command()];
    let mut talk = asked_for(rules(), MediaType::OpenMedia, "callback", to_call(), &effects);
    talk.check(&[(2, outcome(2, Outcome::Failed), &["3 say 'Something went wrong.'"])]);
}

#[test]
fn s21_an_outcome_that_never_comes_does_not_hold_the_conversation() {
    let effects = ["1 say 'Very well.'", &callback_command()];
    let mut talk = asked_for(rules(), MediaType::OpenMedia, "callback", to_call(), &effects);
    talk.check(&[(2, delivered(1), &[]), (3, said("m2", "hello?"), &[]), (100_000, Event::Tick, &[])]);
    assert_eq!(talk.due(), None, "not delivered, so not yet due");
    talk.check(&[(100_001, delivered(2), &[])]);
    assert_eq!(talk.due(), Some(130_001));
    let asked = r#"ask 2/0 'hello?' with {"lastOutcome":{"outcome":"callback_unknown"}}"#;
    talk.check(&[
        (130_000, Event::Tick, &[]),
        (130_001, Event::Tick, &[asked]),
        (130_002, outcome(2, Outcome::Failed), &[]),
    ]);
    assert!(talk.steps.contains(&Step::OutcomeMissing { seq: ActionSeq(2) }));
}

#[test]
fn s21_missing_unreadable_or_past_is_told_to_the_engine_and_nothing_is_promised() {
    for (with, parameter) in [
        (json!({"when": "2026-11-21T10:00:00Z"}), "phone"),
        (json!({"phone": "", "when": "2026-11-21T10:00:00Z"}), "phone"),
        (json!({"phone": "call me", "when": "2026-11-21T10:00:00Z"}), "phone"),
        (json!({"phone": "+49301234567"}), "when"),
        (json!({"phone": "+49301234567", "when": "soon"}), "when"),
        (json!({"phone": "+49301234567", "when": "2026-11-20T09:59:59Z"}), "when"),
    ] {
        let mut talk = Talk::start(with_events(), MediaType::OpenMedia, &[]);
        talk.check(&[(0, said("m1", "call me"), &["ask 1/0 'call me'"])]);
        let effects = shown(&talk.on(1, answered(1, 0, asks_for("callback", "We call you.", with.clone()))));
        let [only] = effects.as_slice() else { panic!("{with}: {effects:?}") };
        let told = format!(r#"ask 2/0 event callback_failed {{"parameter":"{parameter}","reason":"#);
        assert!(only.starts_with(&told), "{with}: {only}");
    }
}

#[test]
fn s21_without_an_event_for_it_the_customer_hears_the_fallback_and_no_promise() {
    let with = json!({"when": "2026-11-21T10:00:00Z"});
    asked_for(rules(), MediaType::OpenMedia, "callback", with, &["1 say 'Something went wrong.'"]);
}

const QUERY: &str = r#"2 external https://crm.example/find {"count":3,"uri":"https://crm.example/find"}"#;

fn query() -> serde_json::Value {
    json!({"uri": "https://crm.example/find", "count": 3})
}

#[test]
fn s22_the_external_systems_content_follows_the_engines_own_text() {
    let effects = ["1 say 'Very well.'", QUERY];
    let mut talk = asked_for(rules(), MediaType::OpenMedia, "look_up", query(), &effects);
    talk.check(&[
        (2, said("m2", "and?"), &[]),
        (
            3,
            external(2, "Your parcel is in Rome."),
            &["3 say 'Your parcel is in Rome.'", r#"ask 2/0 'and?' with {"lastOutcome":{"content":"Your parcel is in Rome.","outcome":"external_done"}}"#],
        ),
    ]);
    let asked = Step::ExternalAsked { seq: ActionSeq(2), host: "crm.example".to_owned() };
    assert!(talk.steps.contains(&asked), "the timeline names the host alone");
}

#[test]
fn s22_whatever_goes_wrong_outside_says_the_fallback_message() {
    let effects = ["1 say 'Very well.'", QUERY];
    let mut talk = asked_for(rules(), MediaType::OpenMedia, "look_up", query(), &effects);
    talk.check(&[(2, external_failed(2), &["3 say 'Something went wrong.'"])]);
    let told = r#"ask 2/0 event external_failed {"reason":"status"}"#;
    let mut talk = asked_for(with_events(), MediaType::OpenMedia, "look_up", query(), &effects);
    talk.check(&[(2, external_failed(2), &["3 say 'Something went wrong.'", told])]);
}

#[test]
fn s22_a_second_answer_or_one_to_another_query_changes_nothing() {
    let effects = ["1 say 'Very well.'", QUERY];
    let mut talk = asked_for(rules(), MediaType::OpenMedia, "look_up", query(), &effects);
    talk.check(&[
        (2, external(1, "of another"), &[]),
        (3, external_failed(3), &[]),
        (4, external(2, "In Rome."), &["3 say 'In Rome.'"]),
        (5, external(2, "In Rome."), &[]),
        (6, external_failed(2), &[]),
    ]);
    assert_eq!(talk.stale(), 4);
}

#[test]
fn s22_a_uri_that_is_none_is_not_called() {
    for uri in [json!(null), json!(""), json!(7), json!("ftp://crm.example"), json!("https://"), json!("https://?q")] {
        let effects = ["1 say 'Something went wrong.'"];
        asked_for(rules(), MediaType::OpenMedia, "look_up", json!({"uri": uri}), &effects);
    }
}

#[test]
fn s22_after_a_restart_the_query_is_made_again_under_the_same_number() {
    let effects = ["1 say 'Very well.'", QUERY];
    let mut talk = asked_for(rules(), MediaType::OpenMedia, "look_up", query(), &effects);
    talk.check(&[(2, Event::Recovered, &[QUERY]), (3, external(2, "In Rome."), &["3 say 'In Rome.'"])]);
}

#[test]
fn s22_the_end_that_came_with_the_query_follows_its_answer() {
    let ending = Answer { end_interaction: true, ..asks_for("look_up", "Let me see.", query()) };
    check(
        rules(),
        &[
            (0, said("m1", "order"), &["ask 1/0 'order'"]),
            (1, answered(1, 0, ending), &["1 say 'Let me see.'", QUERY]),
            (2, external(2, "In Rome."), &["3 say 'In Rome.'", "4 end completed after m1"]),
        ],
    );
}

fn page(url: &str) -> serde_json::Value {
    json!({"page": url})
}

#[test]
fn s23_a_page_is_pushed_to_the_browser_after_the_engines_text() {
    let effects = ["1 say 'Very well.'", "2 push https://shop.example/basket"];
    let with = page("https://shop.example/basket");
    let mut talk = asked_for(with_events(), MediaType::WebInteraction, "show", with, &effects);
    talk.check(&[(2, outcome(2, Outcome::Done), &["ask 2/0 event push_done"])]);
    assert_eq!(talk.due(), None);
}

#[test]
fn s23_a_page_that_cannot_be_shown_is_told_to_the_engine_or_the_customer() {
    let effects = ["1 say 'Very well.'", "2 push http://shop.example"];
    let with = page("http://shop.example");
    let mut talk = asked_for(with_events(), MediaType::WebInteraction, "show", with.clone(), &effects);
    talk.check(&[(2, outcome(2, Outcome::Failed), &["ask 2/0 event push_failed"])]);
    let mut talk = asked_for(rules(), MediaType::WebInteraction, "show", with, &effects);
    talk.check(&[(2, outcome(2, Outcome::Failed), &["3 say 'Something went wrong.'"])]);
}

#[test]
fn s23_nothing_but_http_and_https_is_pushed() {
    for url in ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "//shop.example", "shop.example", ""] {
        let effects = ["1 say 'Something went wrong.'"];
        asked_for(rules(), MediaType::WebInteraction, "show", page(url), &effects);
    }
}

#[test]
fn actions_that_answer_each_other_stop_after_three_rounds() {
    let mut talk = Talk::start(with_events(), MediaType::OpenMedia, &[]);
    talk.on(0, said("m1", "order"));
    let mut turn = 1;
    loop {
        let sent = talk.on(0, answered(turn, 0, asks_for("look_up", "Let me see.", query())));
        let Some(Effect::External { seq, .. }) = sent.last() else { panic!("{:?}", shown(&sent)) };
        let answered = talk.on(0, external(seq.0, "Found."));
        if !matches!(answered.last(), Some(Effect::Ask { .. })) {
            break;
        }
        turn += 1;
    }
    assert_eq!(turn, 4, "the customer's own turn and three of ours");
    for seq in 1..=talk.contact.state.last_seq.0 {
        talk.on(0, delivered(seq));
    }
    talk.on(1, said("m2", "thanks"));
    let again = talk.on(2, answered(5, 0, asks_for("look_up", "Let me see.", query())));
    assert_eq!(again.len(), 2, "the customer spoke: it may begin again");
}

#[test]
fn b2_what_an_operator_interrupted_of_an_action_is_news_for_the_engine() {
    let effects = ["1 say 'Very well.'", &callback_command()];
    let mut talk = asked_for(rules(), MediaType::OpenMedia, "callback", to_call(), &effects);
    let order = Event::Ordered { order: Order::HandOver(Destination::Queue(queue("people"))), by: "ann".to_owned() };
    talk.check(&[(1_000, order, &["3 requeue to people: operator ann"])]);
    let mut asked = shown(&talk.on(2_000, returned(3)));
    asked.extend(shown(&talk.on(3_000, said("m9", "and?"))));
    assert!(asked.concat().contains("callback_unknown"), "it may have been ordered: {asked:?}");
}
