//! Tests that run, and what came of them last: one run of a profile at a time, two in all, within a time.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use super::{Of, kept::Kept};
use crate::{
    core::{ids::Timestamp, rehearsal::Test},
    gateway::rehearsal::{Bounds, Stage, TestResult, run},
};

/// Runs that may be under way.
const MAX_RUNNING: usize = 2;
/// Runs of which is kept what came of them.
const MAX_KEPT: usize = 100;
const BOUNDS: Bounds = Bounds { at_once: 4, within: Duration::from_secs(300) };

/// A run that is over.
#[derive(Clone, Debug)]
pub(in crate::manager) struct Outcome {
    pub(in crate::manager) engine: String,
    pub(in crate::manager) at: Timestamp,
    pub(in crate::manager) by: String,
    pub(in crate::manager) took: Duration,
    /// Of the profile's configuration.
    pub(in crate::manager) version: String,
    /// Of each test by its name, as it was when it was run.
    pub(in crate::manager) tests: HashMap<String, u64>,
    pub(in crate::manager) results: Vec<TestResult>,
}

impl Outcome {
    pub(in crate::manager) fn failed(&self) -> usize {
        self.results.iter().filter(|it| !it.passed()).count()
    }

    /// Whether it was run as it is now.
    pub(in crate::manager) fn is_of(&self, test: &Kept) -> bool {
        self.tests.get(&test.test.name) == Some(&test.version)
    }
}

/// A run that is under way.
#[derive(Debug)]
pub(in crate::manager) struct Progress {
    pub(in crate::manager) of: usize,
    done: AtomicUsize,
}

impl Progress {
    pub(in crate::manager) fn done(&self) -> usize {
        self.done.load(Ordering::Relaxed)
    }
}

/// What is known of a profile's runs.
#[derive(Clone, Debug, Default)]
pub(in crate::manager) struct Standing {
    pub(in crate::manager) running: Option<Arc<Progress>>,
    pub(in crate::manager) last: Option<Arc<Outcome>>,
}

#[derive(Debug, Default)]
pub(in crate::manager) struct Runs {
    /// Protects what is known; held for one look.
    known: Mutex<HashMap<Of, Standing>>,
}

/// A run's place. Given back however the run ends.
struct Place<'a> {
    runs: &'a Runs,
    of: &'a Of,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(standing) = self.runs.locked().get_mut(self.of) {
            standing.running = None;
        }
    }
}

impl Runs {
    pub(in crate::manager) fn of(&self, of: &Of) -> Standing {
        self.locked().get(of).cloned().unwrap_or_default()
    }

    /// A place for a run. `None`: this profile's tests run already, or too many others' do.
    pub(in crate::manager) fn start(&self, of: &Of, tests: usize) -> Option<Arc<Progress>> {
        let mut known = self.locked();
        let running = known.values().filter(|it| it.running.is_some()).count();
        if running >= MAX_RUNNING || known.get(of).is_some_and(|it| it.running.is_some()) {
            return None;
        }
        let progress = Arc::new(Progress { of: tests, done: AtomicUsize::new(0) });
        known.entry(of.clone()).or_default().running = Some(Arc::clone(&progress));
        Some(progress)
    }

    /// Runs them in a place that [`Self::start`] has given.
    pub(in crate::manager) async fn run(
        &self,
        of: &Of,
        (stage, tests): (&Stage, &[Test]),
        progress: &Progress,
        outcome: Outcome,
    ) {
        let _place = Place { runs: self, of };
        let began = crate::clock::Clock::instant();
        let results = run(stage, tests, BOUNDS, &progress.done).await;
        let outcome = Arc::new(Outcome { took: began.elapsed(), results, ..outcome });
        let mut known = self.locked();
        known.entry(of.clone()).or_default().last = Some(outcome);
        let kept = known.values().filter(|it| it.last.is_some()).count();
        if kept > MAX_KEPT {
            let oldest = known.iter().filter(|(_, it)| it.running.is_none());
            let oldest = oldest.min_by_key(|(_, it)| it.last.as_ref().map(|it| it.at)).map(|(of, _)| of.clone());
            oldest.and_then(|it| known.remove(&it));
        }
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<Of, Standing>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
