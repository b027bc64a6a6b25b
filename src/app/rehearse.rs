//! `usher test`: a profile's tests against one of its engines, without a gateway. Nothing is carried out.

use std::{
    path::Path,
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

use anyhow::Context as _;

use crate::{
    clock::Clock,
    config::settings::{Profile, Settings},
    core::rehearsal::Test,
    egress::Names,
    gateway::rehearsal::{Bounds, Stage, TestResult, run},
    manager::tests_of_profile,
    nlp,
    privacy::Scanner,
    store::{DocumentKind, sqlite::Sqlite},
};

/// The tests that the Web Manager keeps of a profile in the store at `directory`.
///
/// # Errors
/// When the store cannot be read.
pub async fn kept_tests(directory: &Path, profile: &Profile) -> anyhow::Result<Vec<Test>> {
    let documents = Sqlite::documents_at(directory, DocumentKind::Test).await;
    let documents = documents.with_context(|| format!("the tests in {} cannot be read", directory.display()))?;
    Ok(tests_of_profile(&documents, &profile.unit, &profile.name))
}

/// Runs the tests against the profile's primary engine.
///
/// # Errors
/// When the profile's settings make no engine.
pub async fn rehearse(
    profile: &Profile,
    settings: &Settings,
    tests: &[Test],
    (at_once, within): (usize, Duration),
) -> anyhow::Result<Vec<TestResult>> {
    let egress = &settings.egress;
    let names = Names::new(&egress.resolvers, egress.stale_addresses_for)?;
    let clock = Clock::system();
    let engine = nlp::build(&profile.engines.primary, profile, &nlp::Deps::new(clock.clone(), Arc::new(names)))?;
    let stage = Stage {
        rules: Arc::clone(&profile.rules),
        engine,
        scanner: Arc::new(Scanner::new(&settings.privacy)?),
        clock,
        // No routing engine tells any here.
        directory: Arc::default(),
    };
    Ok(run(&stage, tests, Bounds { at_once, within }, &AtomicUsize::new(0)).await)
}
