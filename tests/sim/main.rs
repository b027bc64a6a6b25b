//! The gateway between a routing engine and a language engine on a network that loses, delays and splits, with crashes and
//! a disk that fails: hours of simulated time, real parts, one seed per run.
//!
//! Real are the gateway, its gRPC edge, its Dialogflow client and the routing engine's conduct; simulated are the network,
//! time, and the disk (the store in memory, which outlives the gateway's crashes as a disk would). What must hold in the end
//! is in [`check`].
//!
//! `USHER_SIM_SEEDS=1000` runs more seeds, `USHER_SIM_SEED=17` one alone. A seed decides the customers, the faults and the
//! network's delays. It does not decide which of several tasks that are ready at once Tokio polls first, so a rare failure may
//! want the same seed a few times: `USHER_SIM_SEED=17 USHER_SIM_SEEDS=50`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected fails there and then"
)]

mod centre;
mod check;
mod disk;
mod faults;
mod hosts;
mod plan;
mod timeline;

#[path = "../it/fakes"]
mod fakes {
    #[expect(dead_code, reason = "other tests use the rest of it")]
    pub(crate) mod engine;
}

use std::{
    panic::{self, AssertUnwindSafe},
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use plan::Plan;

/// In every run of the tests.
const SEEDS: u64 = 100;

#[expect(clippy::disallowed_methods, reason = "how much is simulated is for whoever runs the tests to say")]
fn wanted(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name}={value} is not a number")))
}

#[test]
fn nothing_is_lost_repeated_or_stuck_whatever_fails() {
    let (one, count) = (wanted("USHER_SIM_SEED"), wanted("USHER_SIM_SEEDS"));
    let count = count.unwrap_or(if one.is_some() { 1 } else { SEEDS });
    let seed = |n| one.unwrap_or(n);
    let next = AtomicU64::new(0);
    let work = || {
        let mut failures = Vec::new();
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            if n >= count {
                return failures;
            }
            if let Err(problems) = run(seed(n)) {
                failures.push((seed(n), problems));
            }
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let mut failures: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|it| it.join().unwrap()).collect()
    });
    failures.sort();
    let shown: Vec<String> = failures.iter().map(|(seed, it)| format!("USHER_SIM_SEED={seed}\n{it}")).collect();
    assert!(failures.is_empty(), "{} of {count} runs failed\n{}", failures.len(), shown.join("\n"));
}

/// One simulation; `Err`: what does not hold.
fn run(seed: u64) -> Result<(), String> {
    let plan = Plan::of(seed);
    let ran = panic::catch_unwind(AssertUnwindSafe(|| hosts::simulate(&plan)));
    let problems = match ran {
        Ok(Ok(ended)) => check::problems(&plan, &ended),
        Ok(Err(error)) => vec![error],
        Err(_) => vec!["a panic, shown above".to_owned()],
    };
    if problems.is_empty() { Ok(()) } else { Err(format!("{plan:#?}\n{}", problems.join("\n"))) }
}
