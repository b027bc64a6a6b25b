//! The deadline and the retries, at simulated time, and what the unit tests of the versions share.

use std::{collections::VecDeque, sync::Mutex};

use super::*;

pub(in crate::nlp) fn place() -> Place {
    Place {
        api: "Dialogflow V2",
        located_by: "region",
        profile: "support".into(),
        project: "p-1".into(),
        region: "europe-west1".into(),
        agent: None,
        environment: "draft".into(),
        endpoint: "https://dialogflow.example".into(),
    }
}

fn sessions() -> Sessions {
    Sessions::new("projects/p-1/agent/sessions/".into())
}

/// A version with nothing to say.
#[derive(Debug)]
struct Plain;

impl Api for Plain {
    type Request = ();
    type Response = ();
    const PACKAGE: &str = "plain";
    const METHOD: &'static str = "/plain";

    fn request(&self, _: String, _: Query, _: &Place) -> Result<(), AskError> {
        Ok(())
    }

    fn answer(&self, (): (), _: Asked, _: &Place) -> Result<Answer, AskError> {
        Ok(Answer::default())
    }
}

/// Answers that a test has laid ready, each after its delay; then silence.
#[derive(Debug, Default)]
struct Scripted {
    outcomes: Mutex<VecDeque<(Duration, Result<(), FailureKind>)>>,
    tried_at: Mutex<Vec<Instant>>,
}

impl Transport<Plain> for Scripted {
    type Question = ();

    fn question(&self, (): (), _: String, _: &Place) -> Result<(), AskError> {
        Ok(())
    }

    async fn answer(&self, (): &(), _: &Place) -> Result<(), AskError> {
        self.tried_at.lock().unwrap().push(Clock::instant());
        let next = self.outcomes.lock().unwrap().pop_front();
        match next {
            None => std::future::pending().await,
            Some((delay, outcome)) => {
                sleep(delay).await;
                outcome.map_err(|kind| AskError::new(kind, crate::core::said::said!("as the test wants it")))
            }
        }
    }
}

/// (outcome, when it was tried in ms, when it was over in ms), at simulated time.
async fn tried(
    deadline_ms: u64,
    outcomes: &[(u64, Result<(), FailureKind>)],
) -> (Result<(), FailureKind>, Vec<u128>, u128) {
    let outcomes = outcomes.iter().map(|(delay, it)| (Duration::from_millis(*delay), *it)).collect();
    let transport = Scripted { outcomes: Mutex::new(outcomes), ..Scripted::default() };
    let deadline = Duration::from_millis(deadline_ms);
    let (place, sessions) = (place(), sessions());
    let engine = Engine { api: Plain, place, sessions, deadline, tokens: None, transport };
    let start = Clock::instant();
    let outcome = engine.probe("en".into()).await.map_err(|error| error.kind);
    let tries = engine.transport.tried_at.lock().unwrap().iter().map(|it| (*it - start).as_millis()).collect();
    (outcome, tries, start.elapsed().as_millis())
}

#[tokio::test(start_paused = true)]
async fn s33_retries_are_few_and_wait_longer_each_time() {
    let down = (0, Err(FailureKind::Unavailable));
    let (outcome, tries, _) = tried(7000, &[down, down, down, down]).await;
    let jitter = jitter(sessions().apart(PROBE_SESSION).path.as_bytes());
    let first = (100.0 * jitter).round() as u128;
    let second = first + (130.0 * jitter).round() as u128;
    assert_eq!((outcome, tries.len()), (Err(FailureKind::Unavailable), 3));
    assert!(tries[1].abs_diff(first) <= 2 && tries[2].abs_diff(second) <= 3, "{tries:?} {first} {second}");

    let (outcome, tries, _) = tried(7000, &[down, (0, Ok(()))]).await;
    assert_eq!((outcome, tries.len()), (Ok(()), 2));
    let (outcome, tries, _) = tried(7000, &[(0, Err(FailureKind::Quota)), down]).await;
    assert_eq!((outcome, tries.len()), (Err(FailureKind::Quota), 1));
}

#[tokio::test(start_paused = true)]
async fn s33_retries_stay_within_the_deadline() {
    // No room for the first pause: what is known is told, and early.
    let (outcome, tries, end) = tried(1000, &[(950, Err(FailureKind::Unavailable))]).await;
    assert_eq!((outcome, tries.len(), end), (Err(FailureKind::Unavailable), 1, 950));
    // Room for the pause: the second try has what is left.
    let (outcome, tries, end) = tried(1000, &[(800, Err(FailureKind::Unavailable))]).await;
    assert_eq!((outcome, tries.len(), end), (Err(FailureKind::Deadline), 2, 1000));
}

#[tokio::test(start_paused = true)]
async fn pain_6_the_deadline_is_exact() {
    let (outcome, _, end) = tried(7000, &[(6999, Ok(()))]).await;
    assert_eq!((outcome, end), (Ok(()), 6999));
    let (outcome, _, end) = tried(7000, &[(7001, Ok(()))]).await;
    assert_eq!((outcome, end), (Err(FailureKind::Deadline), 7000));
}

#[test]
fn contacts_that_fail_together_do_not_come_back_together() {
    let spread: Vec<f64> = (0..100).map(|it| jitter(format!("u.c-{it}").as_bytes())).collect();
    assert!(spread.iter().all(|it| (0.75..=1.25).contains(it)));
    assert!(spread.iter().any(|it| *it < 0.85) && spread.iter().any(|it| *it > 1.15));
}
