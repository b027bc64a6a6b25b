//! What a seed stands for: how the profile is set, who talks when, and what fails when.

use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};

/// When the last fault begins, at the latest.
const FAULTS_UNTIL_MS: u64 = 150_000;

#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) settings: Knobs,
    pub(crate) customers: Vec<Customer>,
    /// In order of time.
    pub(crate) faults: Vec<(Duration, Fault)>,
}

/// What differs between the profiles of runs.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is drawn by itself")]
pub(crate) struct Knobs {
    /// Written at once, or with the risk of losing the last moments: then the gateway does not crash.
    pub(crate) is_sync: bool,
    pub(crate) greets: bool,
    pub(crate) warns: bool,
    /// The language engine is told of outcomes.
    pub(crate) tells: bool,
    /// An interrupted question is asked as an event.
    pub(crate) tells_interruption: bool,
    pub(crate) says_slow: bool,
    pub(crate) max_latency: Duration,
    /// How long the disk takes, at most, before and after it has written.
    pub(crate) disk_takes: Duration,
    /// How many messages of a customer may wait behind the running turn.
    pub(crate) may_wait: u8,
}

#[derive(Debug)]
pub(crate) struct Customer {
    pub(crate) comes_at: Duration,
    /// Each after the time given.
    pub(crate) steps: Vec<(Duration, Step)>,
}

#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Several messages in one breath.
    Say(Vec<Wish>),
    Type,
    /// Leaves without a word.
    HangUp,
}

/// What a message leads to; it says so itself, so that the language engine knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    Answer,
    /// After some seconds, within the deadline.
    LateAnswer,
    /// Never in time.
    NoAnswer,
    Refusal,
    /// Fails once.
    SecondTry,
    NotUnderstood,
    Person,
    Callback,
    Goodbye,
}

impl Wish {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Answer => "talk",
            Self::LateAnswer => "late",
            Self::NoAnswer => "never",
            Self::Refusal => "refuse",
            Self::SecondTry => "again",
            Self::NotUnderstood => "huh",
            Self::Person => "person",
            Self::Callback => "callback",
            Self::Goodbye => "bye",
        }
    }
}

const WISHES: &[Wish] = &[
    Wish::Answer,
    Wish::Answer,
    Wish::Answer,
    Wish::Answer,
    Wish::Answer,
    Wish::Answer,
    Wish::LateAnswer,
    Wish::NoAnswer,
    Wish::Refusal,
    Wish::SecondTry,
    Wish::NotUnderstood,
    Wish::Person,
    Wish::Person,
    Wish::Callback,
    Wish::Callback,
    Wish::Goodbye,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    Engine,
    Language,
}

#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// Everything on the link is lost meanwhile.
    Split(Link, Duration),
    /// What goes from the gateway to the other side is lost meanwhile.
    SplitFromGateway(Link, Duration),
    /// And this, what comes to it.
    SplitToGateway(Link, Duration),
    /// Everything on the link waits, and comes at once afterwards.
    Delay(Link, Duration),
    GatewayCrash(Duration),
    LanguageCrash(Duration),
    /// So many calls of the store fail.
    DiskFails(usize),
    /// So many calls of the store do what they should and fail nevertheless.
    DiskLies(usize),
    /// The routing engine's connection breaks, and it waits before it attaches again.
    EngineCut(Duration),
    /// It also forgets its session.
    EngineRestart(Duration),
}

impl Fault {
    /// How long it lasts by itself.
    pub(crate) fn lasts(&self) -> Duration {
        match self {
            Self::Split(_, time)
            | Self::SplitFromGateway(_, time)
            | Self::SplitToGateway(_, time)
            | Self::Delay(_, time)
            | Self::GatewayCrash(time)
            | Self::LanguageCrash(time)
            | Self::EngineCut(time)
            | Self::EngineRestart(time) => *time,
            Self::DiskFails(calls) | Self::DiskLies(calls) => Duration::from_secs(2) * u32::try_from(*calls).unwrap(),
        }
    }
}

impl Plan {
    pub(crate) fn of(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let settings = Knobs {
            is_sync: rng.random_bool(0.8),
            greets: rng.random(),
            warns: rng.random(),
            tells: rng.random(),
            tells_interruption: rng.random(),
            says_slow: rng.random_bool(0.3),
            max_latency: Duration::from_millis(rng.random_range(0..=300)),
            disk_takes: Duration::from_millis(if rng.random_bool(0.3) { 400 } else { 20 }),
            may_wait: if rng.random_bool(0.3) { 1 } else { 32 },
        };
        let customers = (0..rng.random_range(3..=7)).map(|_| customer(&mut rng)).collect();
        let storm = rng.random_bool(0.4);
        let many = if storm { rng.random_range(8..=16) } else { rng.random_range(0..=4) };
        let mut faults: Vec<_> = (0..many).map(|_| fault(&mut rng, storm, settings.is_sync)).collect();
        faults.sort_by_key(|(at, _)| *at);
        // One crash or split ends before the next one begins; other faults may meet.
        let mut free_from = Duration::ZERO;
        for (at, fault) in &mut faults {
            if !matches!(fault, Fault::DiskFails(_) | Fault::DiskLies(_)) {
                *at = (*at).max(free_from);
                free_from = *at + fault.lasts();
            }
        }
        faults.sort_by_key(|(at, _)| *at);
        Self { seed, settings, customers, faults }
    }

    /// When nothing fails any more.
    pub(crate) fn healed_at(&self) -> Duration {
        self.faults.iter().map(|(at, fault)| *at + fault.lasts()).max().unwrap_or_default()
    }
}

fn between(rng: &mut StdRng, from_ms: u64, to_ms: u64) -> Duration {
    Duration::from_millis(rng.random_range(from_ms..=to_ms))
}

fn customer(rng: &mut StdRng) -> Customer {
    let comes_at = between(rng, 0, 60_000);
    let mut steps: Vec<_> = (0..rng.random_range(1..=6))
        .map(|_| {
            let step = if rng.random_bool(0.1) {
                Step::Type
            } else {
                let many = if rng.random_bool(0.3) { rng.random_range(2..=4) } else { 1 };
                Step::Say((0..many).map(|_| *WISHES.choose(rng).unwrap()).collect())
            };
            let after = if rng.random_bool(0.1) { between(rng, 55_000, 65_000) } else { between(rng, 0, 20_000) };
            (after, step)
        })
        .collect();
    if rng.random_bool(0.15) {
        steps.push((between(rng, 0, 20_000), Step::HangUp));
    }
    Customer { comes_at, steps }
}

/// In a storm they are short and many.
fn fault(rng: &mut StdRng, storm: bool, crashes: bool) -> (Duration, Fault) {
    let times = if storm { 1 } else { 4 };
    let at = between(rng, 1_000, FAULTS_UNTIL_MS);
    let link = if rng.random() { Link::Engine } else { Link::Language };
    let fault = match rng.random_range(0..12) {
        0 => Fault::Split(link, between(rng, 100, 8_000) * times),
        1 => Fault::SplitFromGateway(link, between(rng, 100, 5_000) * times),
        2 => Fault::SplitToGateway(link, between(rng, 100, 5_000) * times),
        3 | 4 => Fault::Delay(link, between(rng, 100, 5_000) * times),
        5..=7 if crashes => Fault::GatewayCrash(between(rng, 0, 2_500) * times),
        8 => Fault::LanguageCrash(between(rng, 0, 2_500) * times),
        9 => Fault::DiskFails(rng.random_range(1..=8)),
        10 => Fault::DiskLies(rng.random_range(1..=3)),
        11 => Fault::EngineRestart(between(rng, 0, 2_500) * times),
        _ => Fault::EngineCut(between(rng, 0, 2_500) * times),
    };
    (at, fault)
}
