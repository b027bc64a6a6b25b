//! What is kept of a contact gives it back: the one read from its records, or from a snapshot and later records, goes on
//! exactly as the first would have. Sensitive bodies are in none of it.

use proptest::prelude::*;

use super::{
    world::{SECRET, World, repeatable, setting},
    *,
};

/// Records as the gateway writes them: one per transition that has durable steps.
pub(super) struct Tape {
    records: Vec<(Vec<u8>, Timestamp)>,
    /// What has happened since the last record and left none. All of it is said again after a restart, or may be forgotten.
    unrecorded: Vec<(Event, Timestamp)>,
}

impl Tape {
    pub(super) fn begin(contact: &Contact, steps: &[Step], at: Timestamp) -> Self {
        Self { records: vec![(contact.record(steps).unwrap(), at)], unrecorded: Vec::new() }
    }

    pub(super) fn keep(&mut self, contact: &Contact, event: Event, steps: &[Step], cx: Context<'_>) {
        let durable: Vec<Step> = steps.iter().filter(|step| step.is_durable()).cloned().collect();
        if durable.is_empty() {
            self.unrecorded.push((event, cx.now));
        } else {
            self.records.push((contact.record(&durable).unwrap(), cx.now));
            self.unrecorded.clear();
        }
    }

    /// The contact as it is read back, on top of `snapshot` if there is one, from the records after the first `skip`.
    fn read(&self, snapshot: Option<&[u8]>, skip: usize, rules: &Rules, directory: &Directory) -> Contact {
        let transcript_bytes = rules.limits.transcript_bytes;
        let mut records = self.records.iter().skip(skip);
        let mut contact = match snapshot {
            Some(snapshot) => Contact::from_snapshot(snapshot).unwrap(),
            None => {
                let (first, at) = records.next().expect("a first record");
                Contact::from_first_record(first, *at, transcript_bytes).unwrap().expect("a card in the first record")
            }
        };
        for (record, at) in records {
            contact.apply_record(record, *at, transcript_bytes).unwrap();
        }
        for (event, now) in &self.unrecorded {
            contact.on_event(
                event.clone(),
                Context { rules, directory, now: *now, rolled_back: false },
                &mut Out::default(),
            );
        }
        contact
    }

    /// Reads the contact back both ways and compares.
    #[track_caller]
    pub(super) fn check(&self, contact: &Contact, rules: &Rules, directory: &Directory) {
        let snapshot = text(contact);
        let read = self.read(None, 0, rules, directory);
        assert_eq!(text(&read), snapshot, "read from its records");
        assert_eq!((read.began(), read.ended()), (contact.began(), contact.ended()), "read from its records");
        assert_eq!(text(&Contact::from_snapshot(snapshot.as_bytes()).unwrap()), snapshot, "read from a snapshot");
    }

    fn bytes(&self) -> impl Iterator<Item = &[u8]> {
        self.records.iter().map(|(record, _)| record.as_slice())
    }
}

fn text(contact: &Contact) -> String {
    String::from_utf8(contact.snapshot().unwrap()).unwrap()
}

/// A snapshot without what the routing engine says again: deliveries, and the clocks that they start.
fn without_deliveries(contact: &Contact) -> serde_json::Value {
    let mut snapshot: serde_json::Value = serde_json::from_slice(&contact.snapshot().unwrap()).unwrap();
    snapshot["commands"].take();
    snapshot["state"]["undelivered"].take();
    snapshot["state"]["clock"].take();
    // Shown once more after a restart.
    if let Some(asked) = snapshot["state"].pointer_mut("/pending/ask").and_then(serde_json::Value::as_object_mut) {
        asked.remove("typing_told");
    }
    if let Some(command) = snapshot["state"].pointer_mut("/pending/command") {
        command["due"].take();
    }
    snapshot
}

#[test]
fn what_leaves_no_record_changes_nothing_but_deliveries_and_clocks() {
    repeatable(2_000, (setting(), world::moves(1..30)), |(setting, moves)| {
        let mut world = World::new(&setting);
        for it in &moves {
            for event in world.events(it) {
                let before = without_deliveries(&world.contact);
                let out = world.apply(&event);
                if !out.steps.iter().any(Step::is_durable) {
                    prop_assert_eq!(without_deliveries(&world.contact), before, "{:?}", event);
                }
            }
        }
        Ok(())
    });
}

#[test]
fn a_contact_that_is_read_back_goes_on_exactly_as_before() {
    repeatable(400, (setting(), world::moves(1..25)), |(setting, moves)| {
        let mut world = World::new(&setting);
        let mut tape = Tape::begin(&world.contact, &world.first, world.now());
        let mut script: Vec<(Event, Timestamp, Vec<Effect>, String)> = Vec::new();
        // Each with the number of events it has behind it.
        let mut read_back: Vec<(usize, Contact)> = Vec::new();
        let mut snapshots: Vec<(Vec<u8>, usize)> = Vec::new();
        for it in moves.iter().filter(|it| it.is_plain()) {
            for event in world.events(it) {
                let out = world.apply(&event);
                let cx =
                    Context { rules: &world.rules, directory: &world.directory, now: world.now(), rolled_back: false };
                tape.keep(&world.contact, event.clone(), &out.steps, cx);
                script.push((event, cx.now, out.effects, text(&world.contact)));
                if tape.unrecorded.is_empty() {
                    snapshots.push((world.contact.snapshot().unwrap(), tape.records.len()));
                }
                read_back.push((script.len(), tape.read(None, 0, cx.rules, cx.directory)));
                if let Some((snapshot, records)) = snapshots.get(script.len() / 2) {
                    read_back.push((script.len(), tape.read(Some(snapshot), *records, cx.rules, cx.directory)));
                }
            }
        }
        for (from, mut contact) in read_back {
            let last = script.get(from - 1).expect("an event");
            prop_assert_eq!(&text(&contact), &last.3, "after {} events", from);
            for (event, now, effects, after) in script.iter().skip(from) {
                let mut out = Out::default();
                let cx = Context { rules: &world.rules, directory: &world.directory, now: *now, rolled_back: false };
                contact.on_event(event.clone(), cx, &mut out);
                prop_assert_eq!(shown(&out.effects), shown(effects), "{:?}, read back after {} events", event, from);
                prop_assert_eq!(&text(&contact), after, "{:?}, read back after {} events", event, from);
            }
        }
        Ok(())
    });
}

#[test]
fn sensitive_bodies_are_in_no_record_and_no_snapshot() {
    repeatable(1_000, (setting(), world::moves(1..40)), |(setting, moves)| {
        let mut world = World::new(&setting);
        let mut tape = Tape::begin(&world.contact, &world.first, world.now());
        for it in &moves {
            for event in world.events(it) {
                let out = world.apply(&event);
                let cx =
                    Context { rules: &world.rules, directory: &world.directory, now: world.now(), rolled_back: false };
                tape.keep(&world.contact, event.clone(), &out.steps, cx);
                prop_assert!(!text(&world.contact).contains(SECRET), "in the snapshot after {:?}", event);
            }
        }
        for record in tape.bytes() {
            prop_assert!(!String::from_utf8_lossy(record).contains(SECRET), "{}", String::from_utf8_lossy(record));
        }
        Ok(())
    });
}

#[test]
fn b13_no_kind_of_sensitive_body_is_kept_while_it_is_asked_or_waits() {
    let form = json!({"card": SECRET}).as_object().unwrap().clone();
    let inputs = [
        Input::Text(format!("my card is {SECRET}")),
        Input::Dtmf(SECRET.to_owned()),
        Input::Event { name: SECRET.to_owned(), parameters: Parameters::new() },
        Input::Structured(form),
    ];
    for input in inputs {
        let mut talk = check(rules(), &[]);
        talk.on(0, whispered("m1", input.clone()));
        talk.on(1, whispered("m2", input.clone()));
        let human = talk.on(2, answered(1, 0, asks_for("human", "One moment.", json!({}))));
        let sent: Vec<String> = human.iter().map(|it| format!("{it:?}")).collect();
        assert!(!sent.concat().contains(SECRET), "{input:?} went to the person");
        let kept: Vec<u8> = talk.tape.bytes().flatten().copied().collect();
        let kept = String::from_utf8(kept).unwrap();
        assert!(!kept.contains(SECRET), "{input:?} is in a record: {kept}");
        assert!(!text(&talk.contact).contains(SECRET), "{input:?} is in the snapshot");
        let heard = Step::Heard { id: MessageId::new("m1").unwrap(), input: Input::Redacted };
        assert!(talk.steps.contains(&heard), "the timeline says that there was something");
    }
}

/// Reads the contact back as a restart does.
fn restart(talk: &mut Talk) {
    talk.contact = Contact::from_snapshot(&talk.contact.snapshot().unwrap()).unwrap();
}

#[test]
fn a_sensitive_question_that_a_restart_cut_short_gets_the_fallback() {
    let mut talk = check(rules(), &[(0, whispered("m1", Input::Text(SECRET.to_owned())), &["ask 1/0 '4111-1111'"])]);
    restart(&mut talk);
    talk.check(&[(10, Event::Recovered, &["1 say 'Something went wrong.'"])]);
}

#[test]
fn a_sensitive_message_that_waited_over_a_restart_is_not_asked_without_its_body() {
    let mut talk = check(
        rules(),
        &[(0, said("m1", "hello"), &["ask 1/0 'hello'"]), (1, whispered("m2", Input::Text(SECRET.to_owned())), &[])],
    );
    restart(&mut talk);
    talk.check(&[
        (10, Event::Recovered, &["ask 2/0 'hello'"]),
        (20, answered(2, 0, says("Hi.")), &["1 say 'Hi.'", "2 say 'Something went wrong.'"]),
    ]);
    assert_eq!(talk.unanswered(), ["m2: it is sensitive and was not kept over a restart"]);
}

#[test]
fn a_question_is_asked_again_after_a_restart_and_the_first_answer_is_stale() {
    let mut talk = check(rules(), &[(0, said("m1", "hello"), &["ask 1/0 'hello'"])]);
    restart(&mut talk);
    talk.check(&[
        (10, Event::Recovered, &["ask 2/0 'hello'"]),
        (20, answered(1, 0, says("from before")), &[]),
        (30, answered(2, 0, says("Hi.")), &["1 say 'Hi.'"]),
    ]);
}

#[test]
fn with_on_uncertain_event_the_engine_is_told_what_was_asked_even_over_two_restarts() {
    let rules = Rules { on_uncertain: OnUncertain::Event, events: all_events(), ..rules() };
    let mut talk = check(rules, &[(0, said("m1", "hello"), &["ask 1/0 'hello'"])]);
    restart(&mut talk);
    talk.check(&[(10, Event::Recovered, &[r#"ask 2/0 event turn_interrupted {"text":"hello"}"#])]);
    restart(&mut talk);
    talk.check(&[
        (20, Event::Recovered, &[r#"ask 3/0 event turn_interrupted {"text":"hello"}"#]),
        (30, answered(3, 0, says("Please say that again.")), &["1 say 'Please say that again.'"]),
    ]);
}

#[test]
fn with_on_uncertain_event_but_no_event_the_customer_hears_the_fallback() {
    let rules = Rules { on_uncertain: OnUncertain::Event, ..rules() };
    let mut talk = check(rules, &[(0, said("m1", "hello"), &["ask 1/0 'hello'"])]);
    restart(&mut talk);
    talk.check(&[(10, Event::Recovered, &["1 say 'Something went wrong.'"])]);
}

#[test]
fn an_outcome_that_was_being_told_at_the_restart_goes_along_with_the_interruption() {
    let rules = Rules { on_uncertain: OnUncertain::Event, events: all_events(), ..rules() };
    let mut talk = check(
        rules,
        &[
            (0, said("m1", "a person"), &["ask 1/0 'a person'"]),
            (1, answered(1, 0, asks_for("human", "", json!({}))), &["1 say ''", "2 requeue to people: action human"]),
            (2, outcome(2, Outcome::Expired), &[r#"ask 2/1 event handover_expired {"reason":""}"#]),
        ],
    );
    restart(&mut talk);
    let told = r#"ask 3/1 event turn_interrupted {"event":"handover_expired","parameters":{"reason":""}}"#;
    talk.check(&[(10, Event::Recovered, &[told])]);
}

#[test]
fn news_for_the_engine_outlive_a_failed_question_and_a_restart() {
    let events = Events { human_returned: String::new(), ..Events::default() };
    let mut talk = check(
        Rules { events, ..rules() },
        &[
            (0, said("m1", "a person"), &["ask 1/0 'a person'"]),
            (1, answered(1, 0, asks_for("human", "", json!({}))), &["1 say ''", "2 requeue to people: action human"]),
            (2, outcome(2, Outcome::Accepted), &[]),
            (3, returned(2), &[]),
            (4, said("m2", "back"), &[r#"ask 2/2 'back' with {"humanReturned":true}"#]),
            (5, failed(2, 2, FailureKind::Unavailable), &["3 say 'Something went wrong.'"]),
            (6, said("m3", "hello?"), &[r#"ask 3/2 'hello?' with {"humanReturned":true}"#]),
        ],
    );
    restart(&mut talk);
    talk.check(&[
        (10, Event::Recovered, &[r#"ask 4/2 'hello?' with {"humanReturned":true}"#]),
        (11, answered(4, 2, says("Hi.")), &["4 say 'Hi.'"]),
        (12, said("m4", "and now?"), &["ask 5/2 'and now?'"]),
    ]);
}

#[test]
fn a_record_or_a_snapshot_that_is_none_is_refused() {
    assert!(Contact::from_snapshot(b"{}").is_err());
    assert!(Contact::from_first_record(b"not json", Timestamp(T0), 100).is_err());
    let talk = check(rules(), &[(0, said("m1", "hello"), &["ask 1/0 'hello'"])]);
    let (later, at) = talk.tape.records.get(1).expect("a second record");
    assert!(Contact::from_first_record(later, *at, 100).unwrap().is_none(), "the tail of a contact is none");
}
