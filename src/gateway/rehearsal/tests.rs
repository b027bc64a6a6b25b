//! A conversation that nobody has, with an engine that answers from a script.

use std::sync::atomic::AtomicUsize;

use futures::future::BoxFuture;
use serde_json::json;

use super::*;
use crate::{
    config::settings::Privacy,
    core::{
        action::{ActionKind, ActionRule, Offer},
        ids::QueueId,
        message::{Answer, FailureKind, Reply},
        rehearsal::{Checks, Found, Test, TestStep, media_label},
    },
    gateway::ports::AskError,
};

/// Answers in order; nothing left: as an engine that is away.
#[derive(Debug, Default)]
struct Scripted {
    answers: Mutex<VecDeque<Answer>>,
    asked: Mutex<Vec<(ContactId, Input)>>,
}

impl LanguageEngine for Scripted {
    fn ask(&self, ask: Ask) -> BoxFuture<'_, Result<Answer, AskError>> {
        Box::pin(async move {
            self.asked.lock().unwrap().push((ask.contact, ask.input));
            let next = self.answers.lock().unwrap().pop_front();
            next.ok_or_else(|| {
                AskError::new(FailureKind::Unavailable, crate::core::said::Said::foreign("nobody is there"))
            })
        })
    }
}

fn answer(text: &str, action: &str, parameters: &serde_json::Value) -> Answer {
    Answer {
        replies: vec![Reply::Text(text.to_owned())],
        action: action.to_owned(),
        parameters: parameters.as_object().unwrap().clone(),
        parameters_complete: true,
        intent: Some(format!("intent of {text}")),
        ..Answer::default()
    }
}

fn stage(answers: Vec<Answer>) -> (Stage, Arc<Scripted>) {
    let queue = QueueId::new("people").unwrap();
    let rule = |name: &str, kind| ActionRule {
        name: name.to_owned(),
        media: MediaType::WebInteraction,
        kind,
        offer: Offer::default(),
    };
    let callback = ActionKind::Callback {
        queue: queue.clone(),
        phone_parameter: "phone".to_owned(),
        time_parameter: "time".to_owned(),
    };
    let mut rules = crate::gateway::tests::rules(&["va1"]);
    rules.actions = vec![rule("human", ActionKind::Requeue { queue }), rule("callback", callback)];
    rules.fallback_message = "Sorry.".to_owned();
    rules.handover.failures_after = 0;
    rules.handover.max_handovers = 3;
    let engine = Arc::new(Scripted { answers: Mutex::new(answers.into()), asked: Mutex::default() });
    let stage = Stage {
        rules: Arc::new(rules),
        engine: Arc::clone(&engine) as Arc<dyn LanguageEngine>,
        scanner: Arc::new(Scanner::new(&Privacy { card: true, iban: true, patterns: Vec::new() }).unwrap()),
        clock: Clock::system(),
        directory: Arc::default(),
    };
    (stage, engine)
}

fn setting(queues: Queues) -> Setting {
    Setting { media: MediaType::WebInteraction, language: None, queues }
}

fn said(text: &str) -> Cue {
    Cue::Say(text.to_owned())
}

fn outcome(outcome: Feigned) -> Cue {
    Cue::Outcome { outcome, text: String::new() }
}

#[tokio::test]
async fn b2_a_handover_is_worked_out_and_its_outcomes_are_made_up() {
    let (stage, engine) = stage(vec![answer("One moment.", "human", &json!({})), answer("Back?", "", &json!({}))]);
    let mut trial = Rehearsal::new(stage, setting(Queues::Open));
    trial.take(Cue::Begin).await.unwrap();
    assert_eq!(trial.take(outcome(Feigned::Accepted)).await.unwrap_err(), NotTaken::NotAwaited);
    let found = trial.take(said("a person, please")).await.unwrap().found();
    assert_eq!((found.action.as_str(), found.does.as_str()), ("human", "hands over to queue people"));
    assert_eq!(found.texts, ["One moment."]);
    assert_eq!(trial.awaits(), Some(Awaits::Person));
    assert_eq!(trial.take(outcome(Feigned::Returned)).await.unwrap_err(), NotTaken::NotAwaited);
    trial.take(outcome(Feigned::Accepted)).await.unwrap();
    assert_eq!(trial.awaits(), Some(Awaits::Return));
    trial.take(outcome(Feigned::Returned)).await.unwrap();
    assert_eq!(trial.awaits(), None);
    assert_eq!(trial.take(said("and now?")).await.unwrap().found().texts, ["Back?"]);
    let asked = engine.asked.lock().unwrap();
    assert!(asked.iter().all(|(id, _)| id.name.as_str().starts_with("trial-")), "a conversation of its own");
}

#[tokio::test]
async fn b2_a_closed_queue_is_said_so_and_an_engine_that_is_away_leads_to_the_fallback() {
    let (stage, _) = stage(vec![answer("One moment.", "human", &json!({}))]);
    let mut trial = Rehearsal::new(stage, setting(Queues::Closed));
    trial.take(Cue::Begin).await.unwrap();
    let found = trial.take(said("a person, please")).await.unwrap().found();
    assert_eq!(found.does, "no person can be promised: queue_closed");
    let scene = trial.take(said("hello?")).await.unwrap();
    assert_eq!(scene.found().failure.as_deref(), Some("unavailable"));
    assert_eq!(scene.found().texts, ["Sorry."]);
    let failure = scene.exchanges[0].answer.as_ref().unwrap_err();
    assert_eq!(failure.advice.to_string(), "nobody is there");
}

#[tokio::test]
async fn b10_what_is_private_is_a_token_before_the_engine_has_it() {
    let (stage, engine) = stage(vec![answer("Thanks.", "", &json!({}))]);
    let mut trial = Rehearsal::new(stage, setting(Queues::Open));
    trial.take(Cue::Begin).await.unwrap();
    let scene = trial.take(said("my card is 4111 1111 1111 1111")).await.unwrap();
    assert_eq!(scene.cue, said("my card is [card:1]"));
    assert_eq!(engine.asked.lock().unwrap()[0].1, Input::Text("my card is [card:1]".to_owned()));
}

#[tokio::test]
async fn s14_silence_brings_what_is_due_and_a_conversation_that_is_over_takes_nothing() {
    let (mut stage, _) = stage(vec![]);
    let mut rules = Rules::clone(&stage.rules);
    rules.inactivity.timeout_message = "Bye.".to_owned();
    stage.rules = Arc::new(rules);
    let mut trial = Rehearsal::new(stage, setting(Queues::Open));
    trial.take(Cue::Begin).await.unwrap();
    for _ in 0..3 {
        if trial.can_wait() {
            trial.take(Cue::Silence).await.unwrap();
        }
    }
    let last = trial.scenes().last().unwrap().found();
    assert_eq!((last.texts, last.does), (vec!["Bye.".to_owned()], "ends the contact".to_owned()));
    assert!(trial.is_over());
    assert_eq!(trial.take(said("hello?")).await.unwrap_err(), NotTaken::Over);
}

fn test(name: &str, says: &str, expected: Found) -> Test {
    let steps = vec![TestStep { cue: said(says), expected, checks: Checks::default() }];
    Test { name: name.to_owned(), setting: setting(Queues::Open), steps }
}

#[tokio::test]
async fn b4_tests_pass_or_tell_each_difference() {
    let same = answer("Here.", "human", &json!({"number": 1}));
    let (first, _) = stage(vec![same.clone()]);
    let mut trial = Rehearsal::new(first, setting(Queues::Open));
    trial.take(Cue::Begin).await.unwrap();
    let found = trial.take(said("x")).await.unwrap().found();
    let tests = [test("one", "x", found.clone())];
    let bounds = Bounds { at_once: 2, within: Duration::from_secs(60) };
    let done = AtomicUsize::new(0);
    let results = run(&stage(vec![same.clone()]).0, &tests, bounds, &done).await;
    assert!(results[0].passed(), "{results:?}");
    assert_eq!(done.into_inner(), 1);

    let other = answer("Here.", "human", &json!({"number": 2}));
    let results = run(&stage(vec![other]).0, &tests, bounds, &AtomicUsize::new(0)).await;
    let Came::Compared(differences) = &results[0].steps[0].came else { panic!("{results:?}") };
    assert!(!results[0].passed());
    assert_eq!((differences[0].name.as_str(), differences[0].now.as_str()), ("number", "2"));

    let mut late = tests[0].clone();
    late.steps.push(TestStep { cue: outcome(Feigned::Done), expected: Found::default(), checks: Checks::default() });
    late.steps.push(TestStep { cue: said("more"), expected: Found::default(), checks: Checks::default() });
    let results = run(&stage(vec![same]).0, &[late], bounds, &AtomicUsize::new(0)).await;
    assert!(matches!(results[0].steps[1].came, Came::NotTaken(NotTaken::NotAwaited)), "{results:?}");
    assert!(matches!(results[0].steps[2].came, Came::NotReached) && !results[0].passed());

    let none = Bounds { within: Duration::ZERO, ..bounds };
    let results = run(&stage(vec![]).0, &tests, none, &AtomicUsize::new(0)).await;
    assert!(results[0].cut_off || !results[0].passed());
    assert_eq!(media_label(tests[0].setting.media), "webinteraction");
}
