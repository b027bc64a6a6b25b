//! Goes through tests: each in a conversation of its own, a few at a time, within a time.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use futures::{FutureExt as _, StreamExt as _, future::BoxFuture, stream};
use tokio::time::{Instant, timeout_at};

use super::{NotTaken, Rehearsal, Stage};
use crate::{
    clock::Clock,
    core::rehearsal::{Cue, Difference, Test, TestStep, differences},
};

/// How many at a time, and how long all of them may take.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub at_once: usize,
    pub within: Duration,
}

/// What came of one test.
#[derive(Clone, Debug)]
pub struct TestResult {
    pub name: String,
    pub steps: Vec<StepResult>,
    pub took: Duration,
    /// The time was over before its end.
    pub cut_off: bool,
}

#[derive(Clone, Debug)]
pub struct StepResult {
    pub cue: Cue,
    pub came: Came,
}

#[derive(Clone, Debug)]
pub enum Came {
    /// Differences from what was expected; none: it is as it should be.
    Compared(Vec<Difference>),
    /// The conversation was at another point than the test takes it to be.
    NotTaken(NotTaken),
    /// It went wrong before.
    NotReached,
}

impl TestResult {
    #[must_use]
    pub fn passed(&self) -> bool {
        let good = |it: &StepResult| match &it.came {
            Came::Compared(differences) => differences.is_empty(),
            Came::NotTaken(_) | Came::NotReached => false,
        };
        !self.cut_off && self.steps.iter().all(good)
    }
}

/// What came of all of them, in their order. `done` counts while it goes on.
pub async fn run(stage: &Stage, tests: &[Test], bounds: Bounds, done: &AtomicUsize) -> Vec<TestResult> {
    let end = Clock::instant() + bounds.within;
    let play = |test| {
        let counted = async move {
            let result = one(stage, test, end).await;
            done.fetch_add(1, Ordering::Relaxed);
            result
        };
        counted.boxed()
    };
    let each: Vec<BoxFuture<'_, TestResult>> = tests.iter().map(play).collect();
    stream::iter(each).buffered(bounds.at_once.max(1)).collect().await
}

async fn one(stage: &Stage, test: &Test, end: Instant) -> TestResult {
    let began = Clock::instant();
    let mut rehearsal = Rehearsal::new(stage.clone(), test.setting.clone());
    let mut steps = Vec::with_capacity(test.steps.len());
    let cut_off = timeout_at(end, play(&mut rehearsal, test, &mut steps)).await.is_err();
    rehearsal.end();
    let rest = test.steps.iter().skip(steps.len());
    steps.extend(rest.map(|it| StepResult { cue: it.cue.clone(), came: Came::NotReached }));
    TestResult { name: test.name.clone(), steps, took: began.elapsed(), cut_off }
}

async fn play(rehearsal: &mut Rehearsal, test: &Test, steps: &mut Vec<StepResult>) {
    let begins = test.steps.first().is_some_and(|it| it.cue == Cue::Begin);
    // What the profile greets with counts only where the test says so.
    if !begins && rehearsal.take(Cue::Begin).await.is_err() {
        return;
    }
    for TestStep { cue, expected, checks } in &test.steps {
        let came = match rehearsal.take(cue.clone()).await {
            Ok(scene) => Came::Compared(differences(expected, &scene.found(), *checks)),
            Err(why) => Came::NotTaken(why),
        };
        let goes_on = matches!(came, Came::Compared(_));
        steps.push(StepResult { cue: cue.clone(), came });
        if !goes_on {
            return;
        }
    }
}
