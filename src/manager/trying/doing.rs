//! What is done with trials and tests, whoever does it: by a page or by a program.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::time::timeout;

use super::{Full, Of, Outcome, Owner, Trial, of, version_of};
use crate::{
    config::settings::Profile,
    core::rehearsal::{Checks, Cue, Setting, Test, TestStep},
    gateway::{
        rehearsal::{NotTaken, Rehearsal, Scene},
        storage::StoreError,
    },
    manager::Manager,
};

/// No tag of a language is longer.
pub(in crate::manager) const MAX_LANGUAGE_BYTES: usize = 35;
/// So long whoever starts a run waits for its end; what takes longer is looked at again.
const WAITED_FOR: Duration = Duration::from_secs(5);

/// Why no conversation begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::manager) enum NotBegun {
    NoEngine,
    Full,
    /// The first turn broke off.
    Broken,
}

/// Why nothing was put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::manager) enum NotPut {
    Not(NotTaken),
    /// The turn broke off.
    Broken,
}

/// Why no test runs.
#[derive(Debug)]
pub(in crate::manager) enum NotRun {
    NoTest,
    NoEngine,
    /// Tests of this profile, or too many others', are under way.
    Busy,
    Store(StoreError),
}

/// Whether it is the tag of a language, or empty.
pub(in crate::manager) fn is_language(text: &str) -> bool {
    text.len() <= MAX_LANGUAGE_BYTES && text.chars().all(|it| it.is_ascii_alphanumeric() || it == '-')
}

/// The conversation as a test: what came is what is expected from now on.
pub(in crate::manager) fn as_test(rehearsal: &Rehearsal, name: &str) -> Test {
    let of = |it: &Scene| TestStep { cue: it.cue.clone(), expected: it.found(), checks: Checks::default() };
    let steps = rehearsal.scenes().iter().map(of).collect();
    Test { name: name.to_owned(), setting: rehearsal.setting().clone(), steps }
}

/// Puts a cue in, to its end, whether or not whoever asked still waits: the engine has been asked.
pub(in crate::manager) async fn put_in(trial: &Arc<Trial>, cue: Cue) -> Result<(), NotPut> {
    let on = Arc::clone(trial);
    let turn = tokio::spawn(async move { on.rehearsal.lock().await.take(cue).await.map(drop) });
    turn.await.map_err(|_broken| NotPut::Broken)?.map_err(NotPut::Not)
}

impl Manager {
    /// Ends trials that nobody goes on with, or whose owner may not come in any more.
    pub(in crate::manager) fn sweep_trials(&self) {
        let now = self.people.now();
        self.trying.trials.sweep(now, |owner| match owner {
            Owner::Session(session, _) => self.people.sessions.is_open(*session, now),
            Owner::Token(_, until) => now < *until,
        });
    }

    /// With what the profile greets with.
    pub(in crate::manager) async fn begin_trial(
        &self,
        owner: Owner,
        (of, engine): (Of, &str),
        setting: Setting,
    ) -> Result<Arc<Trial>, NotBegun> {
        let stage = self.gateway.stage(&of.0, &of.1, engine).map_err(|_none| NotBegun::NoEngine)?;
        self.sweep_trials();
        let begun = (of, engine);
        let trial = self.trying.trials.begin(owner, begun, Rehearsal::new(stage, setting), self.people.now());
        let trial = trial.map_err(|Full| NotBegun::Full)?;
        put_in(&trial, Cue::Begin).await.map_err(|_not| NotBegun::Broken)?;
        Ok(trial)
    }

    /// Whether a conversation's profile is another by now.
    pub(in crate::manager) fn has_changed(&self, trial: &Trial, rehearsal: &Rehearsal) -> bool {
        let now = self.gateway.stage(&trial.of.0, &trial.of.1, &trial.engine);
        !now.is_ok_and(|it| it.is_like(rehearsal.stage()))
    }

    /// Runs all tests of a profile, or the one of that name, and waits for their end if it comes soon.
    pub(in crate::manager) async fn run_tests(
        &self,
        by: &str,
        profile: &Profile,
        (engine, only): (&str, Option<&str>),
    ) -> Result<(), NotRun> {
        let of = of(profile);
        let kept = self.people.tests(&of).await.map_err(NotRun::Store)?;
        let kept = kept.into_iter().filter(|it| only.is_none_or(|only| it.test.name == only));
        let (tests, versions): (Vec<Test>, HashMap<_, _>) =
            kept.map(|it| (it.test.clone(), (it.test.name, it.version))).unzip();
        if tests.is_empty() {
            return Err(NotRun::NoTest);
        }
        let stage = self.gateway.stage(&of.0, &of.1, engine).map_err(|_none| NotRun::NoEngine)?;
        let progress = self.trying.runs.start(&of, tests.len()).ok_or(NotRun::Busy)?;
        let outcome = Outcome {
            engine: engine.to_owned(),
            at: self.people.now(),
            by: by.to_owned(),
            took: Duration::ZERO,
            version: version_of(&self.house.configuration(), profile),
            tests: versions,
            results: Vec::new(),
        };
        let run_by = self.clone();
        let task = tokio::spawn(async move {
            let running = run_by.trying.runs.run(&of, (&stage, &tests), &progress, outcome);
            run_by.closing.run_until_cancelled(running).await
        });
        // Short runs are over when the answer comes; of long ones it tells how far they are.
        drop(timeout(WAITED_FOR, task).await);
        Ok(())
    }
}
