//! `kill -9` at random moments under load, over and over, on one store.

use std::{path::Path, sync::Arc, time::Duration};

use rand::prelude::*;
use tempfile::TempDir;
use usher::{
    app::{self, Listeners, Running},
    clock::Clock,
    config::Sources,
    core::ids::Timestamp,
    gateway::numbers::Measure,
    seal::Sealer,
    store::{Counts, Day, NumbersOf, Store as _, sqlite::Sqlite},
};

use crate::{
    centre::{self, Centre},
    external::External,
    fakes::{
        dialogflow::FakeDialogflow,
        engine::{FakeEngine, tcp},
    },
    house::{config, profile},
    process::{Usher, configure},
};

const MINUTE: Duration = Duration::from_secs(60);

/// How a cycle ends: always with `kill -9`, at a moment that hurts. Milliseconds.
#[derive(Clone, Copy, Debug)]
enum Plan {
    /// Under load.
    Load(u64),
    /// Right after the start, before anybody has attached: in the middle of the recovery, perhaps.
    AtOnce(u64),
    /// While the engine attaches and sends again what it has.
    Attaching(u64),
    /// While the engine is away, after some load.
    Detached(u64, u64),
    /// After the engine has lost its connection and come back in between.
    Resumed(u64, u64),
}

fn plan(rng: &mut StdRng) -> Plan {
    match rng.random_range(0..10) {
        0 => Plan::AtOnce(rng.random_range(0..80)),
        1 => Plan::Attaching(rng.random_range(0..40)),
        2 => Plan::Detached(rng.random_range(50..400), rng.random_range(0..200)),
        3 => Plan::Resumed(rng.random_range(50..300), rng.random_range(50..300)),
        // Long enough for a checkpoint.
        4 => Plan::Load(rng.random_range(1_000..1_500)),
        _ => Plan::Load(rng.random_range(50..700)),
    }
}

#[expect(clippy::disallowed_methods, reason = "how long and how to repeat a run is its caller's to say")]
fn from_environment(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name}={value} is no number")))
}

fn cycles() -> u64 {
    from_environment("USHER_CRASH_CYCLES").unwrap_or(20)
}

fn seeded(test: &str) -> StdRng {
    let seed = from_environment("USHER_CRASH_SEED").unwrap_or_else(rand::random);
    println!("{test}: USHER_CRASH_SEED={seed}");
    StdRng::seed_from_u64(seed)
}

/// The contact centre and the directory of its gateway, which runs.
async fn begin(durability: &str, rng: &mut StdRng, contacts: (usize, usize)) -> (TempDir, Centre, Usher) {
    let (directory, dialogflow, external) = (TempDir::new().unwrap(), FakeDialogflow::start(), External::start());
    configure(directory.path(), &config(durability, external.port()), &profile(&dialogflow));
    let mut usher = Usher::spawn(directory.path());
    let engine = FakeEngine::attach(centre::setup(tcp(usher.doors().await.engines))).await.unwrap();
    engine.logged_on(centre::AGENT).await;
    let centre = Centre::new(engine, dialogflow, external, StdRng::from_rng(rng), contacts);
    (directory, centre, usher)
}

/// A gateway that runs, with the engine attached.
async fn restart(directory: &Path, centre: &mut Centre) -> Usher {
    let mut usher = Usher::spawn(directory);
    centre.engine.redirect(tcp(usher.doors().await.engines));
    centre.engine.resume().await.unwrap_or_else(|why| panic!("not attached: {why}\n{}", usher.log()));
    usher
}

/// Kills `usher` under load and starts its successor, to which nobody is attached.
async fn succeed(usher: Usher, directory: &Path, centre: &mut Centre) -> Usher {
    centre.work(Duration::from_millis(100), true).await;
    usher.kill().await;
    centre.engine.cut();
    Usher::spawn(directory)
}

/// Kills `usher` as planned and yields its successor, with the engine attached.
async fn cycle(usher: Usher, directory: &Path, centre: &mut Centre, plan: Plan) -> Usher {
    let ms = Duration::from_millis;
    match plan {
        Plan::Load(time) => {
            centre.work(ms(time), true).await;
            usher.kill().await;
        }
        Plan::AtOnce(time) => {
            let next = succeed(usher, directory, centre).await;
            centre.work(ms(time), true).await;
            next.kill().await;
        }
        Plan::Attaching(time) => {
            let mut next = succeed(usher, directory, centre).await;
            centre.engine.redirect(tcp(next.doors().await.engines));
            // Whether it comes through in time or not.
            drop(tokio::time::timeout(ms(time), centre.engine.resume()).await);
            next.kill().await;
        }
        Plan::Detached(load, away) => {
            centre.work(ms(load), true).await;
            centre.engine.cut();
            centre.work(ms(away), true).await;
            usher.kill().await;
        }
        Plan::Resumed(before, after) => {
            centre.work(ms(before), true).await;
            centre.engine.resume().await.unwrap();
            centre.work(ms(after), true).await;
            usher.kill().await;
        }
    }
    restart(directory, centre).await
}

#[tokio::test]
async fn kills_lose_nothing_and_repeat_nothing() {
    let mut rng = seeded("kills");
    let (directory, mut centre, mut usher) = begin("sync", &mut rng, (50, 10)).await;
    for n in 0..cycles() {
        let plan = plan(&mut rng);
        usher = cycle(usher, directory.path(), &mut centre, plan).await;
        assert!(centre.violations.is_empty(), "cycle {n}, {plan:?}: {:#?}", centre.violations);
    }
    centre.settle(Duration::from_secs(20)).await;
    assert_eq!(centre.differences(), Vec::<String>::new());
    // With nothing left to do, dying must not bring anything back.
    for _ in 0..2 {
        usher.kill().await;
        usher = restart(directory.path(), &mut centre).await;
        centre.work(Duration::from_millis(300), false).await;
    }
    usher.kill().await;
    assert_eq!(centre.differences(), Vec::<String>::new());
    let (keys, queries) = centre.external.counts();
    println!(
        "kills: {} cycles, {} contacts, {} messages, {} commands sent again, {queries} queries for {keys} actions",
        cycles(),
        centre.contacts(),
        centre.messages,
        centre.engine.repeated(),
    );
    let counted = counted(directory.path()).await;
    assert_eq!(counted, [centre.contacts() as u64, centre.messages as u64], "each is counted once, in all those lives");
    no_timeout_is_lost(directory.path(), &mut centre).await;
}

/// Contacts that began and messages that were taken, by the numbers that the gateways have left.
async fn counted(directory: &Path) -> [u64; 2] {
    let store = Sqlite::open_existing(&directory.join("data")).await.unwrap();
    let mut all = Counts::default();
    let of = NumbersOf { unit: None, profile: None, engines: false, from: Day(0), to: Day(100_000) };
    store.numbers(&of, &mut |_, counts| all.add_all(&counts)).await.unwrap();
    let unflushed = store.uncounted().await.unwrap().tally;
    unflushed.counts.iter().filter(|(key, _)| key.engine.is_none()).for_each(|(_, counts)| all.add_all(counts));
    store.close().await.unwrap();
    [Measure::Begun, Measure::Messages].map(|it| it.of(&all))
}

/// An hour after the last kill, on the same store. A real hour would take too long, so the gateway runs in this process
/// with a clock that is set ahead. Customers who never spoke are overdue. For those who did, the time starts when their
/// last answer is delivered; that is journalled by the next checkpoint only, and the kill may have come before.
async fn no_timeout_is_lost(directory: &Path, centre: &mut Centre) {
    let now = Clock::system().now();
    for (later, silent_only) in [(61 * MINUTE, true), (123 * MINUTE, false)] {
        let running = start_at(directory, now + later, centre).await;
        centre.see_timeouts(silent_only, Duration::from_secs(20)).await;
        assert_eq!(centre.lingering(silent_only), Vec::<&str>::new(), "{later:?} later");
        assert_eq!(centre.differences(), Vec::<String>::new());
        running.drain().await.unwrap();
    }
    println!("kills: {} of {} contacts timed out in the end", centre.timed_out(), centre.contacts());
}

async fn start_at(directory: &Path, time: Timestamp, centre: &mut Centre) -> Running {
    let sources = Sources { config: Some(directory.join("usher.toml")), ..Sources::default() };
    let settings = app::load(&sources).await.unwrap_or_else(|why| panic!("{why:?}")).settings;
    let listeners = Listeners::bind(&settings).await.unwrap();
    let engines = listeners.engines.local_addr().unwrap();
    let store = Arc::new(Sqlite::open(&settings.store.path).await.unwrap());
    let sealer = Sealer::open_or_create(&settings.store.path, None).unwrap();
    let running = Running::start_with(settings, listeners, store, sealer, Clock::starting_at(time)).await.unwrap();
    centre.engine.redirect(tcp(engines));
    centre.engine.resume().await.unwrap();
    running
}

/// `async` may lose the last moments: messages, answers, even contacts. It must neither do anything twice nor be deaf
/// afterwards: whoever is still known is heard and answered.
#[tokio::test]
async fn kills_of_an_asynchronous_store_lose_no_more_than_the_last_moments() {
    let mut rng = seeded("async");
    let (directory, centre, mut usher) = begin("async", &mut rng, (30, 0)).await;
    let mut centre = centre.words_only();
    for _ in 0..cycles().div_ceil(4) {
        let plan = plan(&mut rng);
        usher = cycle(usher, directory.path(), &mut centre, plan).await;
    }
    centre.work(Duration::from_millis(300), false).await;
    centre.violations.clear();
    centre.all_speak();
    centre.settle(Duration::from_secs(3)).await;
    usher.kill().await;
    assert_eq!(centre.unanswered_last_words(), Vec::<String>::new());
    let (contacts, messages, lost) = (centre.contacts(), centre.messages, centre.unknown());
    println!("async: {contacts} contacts, {messages} messages, {lost} contacts lost");
}
