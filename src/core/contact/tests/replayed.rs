//! What a replay reads from a contact's steps is what its engine was asked and what it answered (B4), whatever happened.

use std::collections::BTreeMap;

use proptest::{prelude::*, test_runner::TestCaseError};

use super::{
    world::{SECRET, World, moves, repeatable, setting},
    *,
};
use crate::core::{
    action::wanted,
    replay::{Came, Does, Heard as Told, Recorded, Recording, differences, gather, read},
};

fn inputs(recorded: &Recorded) -> Vec<Option<&Input>> {
    recorded.turns.iter().map(|it| it.input.as_ref()).collect()
}

fn heard(turn: &Recording) -> &Told {
    let Came::Answered { heard, .. } = &turn.came else { panic!("not answered: {:?}", turn.came) };
    heard
}

#[test]
fn b4_messages_that_were_asked_as_one_are_one_question() {
    let coalesce = Duration::from_millis(500);
    let mut talk = Talk::start(Rules { coalesce, ..rules() }, MediaType::OpenMedia, &[]);
    talk.on(0, said("a", "where is"));
    talk.on(100, said("b", "my order"));
    talk.on(600, Event::Tick);
    talk.on(700, answered(1, 0, says("It left.")));
    talk.on(800, said("c", "thanks"));
    talk.on(1300, Event::Tick);
    let recorded = read(talk.steps.clone());
    let text = |it: &str| Input::Text(it.to_owned());
    assert_eq!(inputs(&recorded), [Some(&text("where is my order")), Some(&text("thanks"))]);
    assert_eq!(heard(&recorded.turns[0]).replies, Some(vec![Reply::Text("It left.".to_owned())]));
    assert_eq!(recorded.turns[1].came, Came::Nothing);
}

#[test]
fn b4_words_of_ours_are_not_taken_for_the_engines() {
    let slow = Handover {
        slow_threshold: Duration::from_millis(1000),
        slow_message: "Please wait.".to_owned(),
        ..rules().handover
    };
    let mut talk = Talk::start(Rules { handover: slow, ..rules() }, MediaType::OpenMedia, &[]);
    talk.on(0, said("a", "hello"));
    talk.on(1000, Event::Tick);
    talk.on(1100, Event::Progressed { turn: Turn(1), epoch: Epoch(0), replies: says("Well,").replies });
    talk.on(1200, answered(1, 0, says("hello.")));
    talk.on(1300, said("b", "?"));
    talk.on(1400, answered(2, 0, asks_for("callback", "We call.", json!({"phone": "?"}))));
    let recorded = read(talk.steps.clone());
    let said = [&says("Well,").replies[..], &says("hello.").replies].concat();
    assert_eq!(heard(&recorded.turns[0]).replies, Some(said));
    let refused = heard(&recorded.turns[1]);
    assert_eq!((&refused.does, &refused.replies), (&Does::Refused { parameter: "phone".to_owned() }, &None));
}

#[test]
fn b4_what_goes_along_to_a_person_is_known_without_the_contacts_attributes() {
    let mut card = card(MediaType::OpenMedia);
    card.attributes = vec![("tier".to_owned(), "gold".to_owned())];
    let mut talk = Talk::begin(rules(), card, false, &[]);
    talk.on(0, said("a", "a person"));
    talk.on(100, answered(1, 0, asks_for("human", "One moment.", json!({"topic": "bill", "count": 2}))));
    let recorded = read(talk.steps.clone());
    let heard = heard(&recorded.turns[0]);
    assert_eq!(heard.does.tell(), "hands over to queue people");
    let slots: Vec<_> = heard.slots.iter().flatten().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(slots, [("count", "2"), ("topic", "bill")]);
}

/// What was asked, with the answer that was heeded.
struct Question {
    turn: Turn,
    input: Input,
    answer: Option<(Answer, Timestamp)>,
}

fn follow(out: &Out, event: &Event, now: Timestamp, questions: &mut Vec<Question>, steps: &mut Vec<Step>) {
    if let Event::Answered { turn, answer, .. } = event
        && out.steps.iter().any(|it| matches!(it, Step::Answered { turn: of, .. } if of == turn))
    {
        let question = questions.iter_mut().rev().find(|it| it.turn == *turn).unwrap();
        question.answer = Some(((**answer).clone(), now));
    }
    for effect in &out.effects {
        if let Effect::Ask { turn, input, .. } = effect {
            questions.push(Question { turn: *turn, input: input.clone(), answer: None });
        }
    }
    steps.extend(out.steps.iter().filter(|it| it.is_durable()).cloned());
}

fn is_the_same(read: &Input, asked: &Input) -> bool {
    match (read, asked) {
        (Input::Redacted, asked) => format!("{asked:?}").contains(SECRET),
        // Ours, whose parameters are not recorded.
        (Input::Event { name, .. }, Input::Event { name: asked, .. }) => name == asked,
        (Input::Text(read), Input::Text(asked)) => read.trim() == asked.trim(),
        (read, asked) => read == asked,
    }
}

#[test]
fn b4_whatever_happens_the_steps_tell_what_was_asked_and_answered() {
    repeatable(2_000, (setting(), moves(1..40)), |(setting, moves)| {
        let mut world = World::new(&setting);
        let mut questions = Vec::new();
        let mut steps = Vec::new();
        let start = Out { effects: world.greeting.clone(), steps: world.first.clone() };
        follow(&start, &Event::Tick, world.now(), &mut questions, &mut steps);
        for it in &moves {
            for event in world.events(it) {
                let out = world.apply(&event);
                follow(&out, &event, world.now(), &mut questions, &mut steps);
            }
        }
        let recorded = read(steps);
        prop_assert_eq!(recorded.media, Some(world.contact.card().media));
        let mut gathered = BTreeMap::new();
        for turn in &recorded.turns {
            let question = questions.iter().find(|it| it.turn == turn.turn);
            let question = question.ok_or_else(|| TestCaseError::fail(format!("{turn:?} was never asked")))?;
            let read = turn.input.as_ref().ok_or_else(|| TestCaseError::fail(format!("no input of {turn:?}")))?;
            prop_assert!(is_the_same(read, &question.input), "{:?} for {:?}", read, question.input);
            let (Came::Answered { heard, .. }, Some((answer, at))) = (&turn.came, &question.answer) else {
                prop_assert!(question.answer.is_none(), "{:?} was answered", turn);
                continue;
            };
            if *read != Input::Redacted {
                gather(&mut gathered, &answer.parameters);
            }
            let wanted = wanted(answer, world.contact.card().media, &world.rules, *at);
            let now = Told::now(answer, &wanted, world.rules.handover.to.as_ref());
            let differs = differences(heard, &now, &gathered);
            prop_assert_eq!(differs, [], "{:?} and {:?}", heard, now);
        }
        let answered = questions.iter().filter(|it| it.answer.is_some());
        for question in answered {
            prop_assert!(recorded.turns.iter().any(|it| it.turn == question.turn), "turn {:?} is lost", question.turn);
        }
        Ok(())
    });
}
