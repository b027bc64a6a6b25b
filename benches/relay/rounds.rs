//! The interleaved rounds: every system in turn, again and again, so that what the machine does to one it does to all.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Result;
use tokio::time::sleep;

use crate::{
    cpu::{Machine, Spent},
    disk::Disk,
    driver::{Load, Rate},
    report::{Row, Setting},
    say,
    systems::{Site, Subject, System},
};

/// Cores' worth of other people's work that makes a measurement worthless.
const FOREIGN_LIMIT: f64 = 0.15;
const REST_WINDOW: Duration = Duration::from_millis(50);
const REST_SHARE: f64 = 0.03;
const REST_WINDOWS: usize = 60;
const WARM_UP: Duration = Duration::from_millis(300);

/// How much is measured.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) saturated_rounds: usize,
    pub(crate) saturated_for: Duration,
    pub(crate) timed_rounds: usize,
    pub(crate) rates: Vec<Rate>,
    /// How many measurements may be made again because others disturbed them.
    pub(crate) repeats: usize,
}

pub(crate) struct Rounds<'a> {
    site: &'a Site,
    subjects: &'a [Subject],
    repeats: usize,
    pub(crate) rows: BTreeMap<System, Row>,
    pub(crate) disk: Disk,
    /// Systems that did not do the work, and why; they are left out from then on.
    pub(crate) failed: BTreeMap<System, String>,
}

impl<'a> Rounds<'a> {
    pub(crate) fn new(site: &'a Site, subjects: &'a [Subject]) -> Result<Self> {
        Ok(Self {
            site,
            subjects,
            repeats: 0,
            rows: BTreeMap::new(),
            disk: Disk::new(&site.folder)?,
            failed: BTreeMap::new(),
        })
    }

    pub(crate) async fn run(&mut self, plan: &Plan) -> Result<()> {
        self.repeats = plan.repeats;
        for subject in self.subjects {
            let warm = self.site.driver.saturate(subject.edge.as_ref(), Load::For(WARM_UP)).await;
            self.note(subject.system, warm.map(drop));
        }
        for round in 0..plan.saturated_rounds {
            say(&format!("saturated, round {} of {}", round + 1, plan.saturated_rounds));
            self.disk.sample()?;
            for subject in self.in_turn(round) {
                let done = self.saturate(subject, round, plan.saturated_for).await;
                self.note(subject.system, done);
            }
        }
        for round in 0..plan.timed_rounds {
            say(&format!("open loop, round {} of {}", round + 1, plan.timed_rounds));
            for rate in &plan.rates {
                self.disk.sample()?;
                for subject in self.in_turn(round) {
                    let done = self.pace(subject, round, *rate).await;
                    self.note(subject.system, done);
                }
            }
        }
        Ok(())
    }

    fn note(&mut self, system: System, done: Result<()>) {
        if let Err(error) = done {
            say(&format!("{}: {error:#}", system.name()));
            self.rows.remove(&system);
            self.failed.insert(system, format!("{error:#}"));
        }
    }

    /// Each round begins with another system.
    fn in_turn(&self, round: usize) -> Vec<&'a Subject> {
        let sound = self.subjects.iter().filter(|subject| !self.failed.contains_key(&subject.system));
        let mut order: Vec<&Subject> = sound.collect();
        let first = round.checked_rem(order.len()).unwrap_or_default();
        order.rotate_left(first);
        order
    }

    async fn saturate(&mut self, subject: &Subject, round: usize, lasting: Duration) -> Result<()> {
        loop {
            let watch = Watch::start(self.subjects, subject)?;
            let outcome = self.site.driver.saturate(subject.edge.as_ref(), Load::For(lasting)).await?;
            let driver = Spent::by_this_process().since(&watch.driver);
            let busy = subject.spent().since(&watch.system);
            at_rest(subject).await;
            let spent = subject.spent().since(&watch.system);
            let clean = watch.clean(self.subjects)?;
            let row = self.rows.entry(subject.system).or_default();
            let messages = outcome.answered as f64;
            let seconds = outcome.took.as_secs_f64();
            row.cpu_us.add(round, clean, spent.as_secs_f64() * 1e6 / messages);
            row.driver_cpu_us.add(round, clean, driver.as_secs_f64() * 1e6 / messages);
            row.msg_per_s.add(round, clean, messages / seconds);
            row.busy.add(round, clean, busy.as_secs_f64() / seconds);
            row.driver_busy.add(round, clean, driver.as_secs_f64() / seconds);
            if clean || !self.may_repeat() {
                break;
            }
        }
        Ok(())
    }

    async fn pace(&mut self, subject: &Subject, round: usize, rate: Rate) -> Result<()> {
        loop {
            let watch = Watch::start(self.subjects, subject)?;
            let outcome = self.site.driver.pace(subject.edge.as_ref(), rate).await?;
            let clean = watch.clean(self.subjects)?;
            at_rest(subject).await;
            let timing = self.rows.entry(subject.system).or_default().timing.entry(Setting::of(rate)).or_default();
            timing.p50_us.add(round, clean, outcome.latency.value_at_quantile(0.5) as f64);
            timing.p99_us.add(round, clean, outcome.latency.value_at_quantile(0.99) as f64);
            timing.lag_p99_us.add(round, clean, outcome.lag.value_at_quantile(0.99) as f64);
            if clean || !self.may_repeat() {
                break;
            }
        }
        Ok(())
    }

    fn may_repeat(&mut self) -> bool {
        let left = self.repeats.checked_sub(1);
        self.repeats = left.unwrap_or_default();
        left.is_some()
    }
}

/// What was spent when a measurement began.
struct Watch {
    machine: Machine,
    all: Vec<Spent>,
    system: Spent,
    driver: Spent,
}

impl Watch {
    fn start(subjects: &[Subject], subject: &Subject) -> Result<Self> {
        Ok(Self {
            machine: Machine::now()?,
            all: everyone(subjects),
            system: subject.spent(),
            driver: Spent::by_this_process(),
        })
    }

    /// Whether the machine was ours meanwhile.
    fn clean(&self, subjects: &[Subject]) -> Result<bool> {
        let ours = everyone(subjects).iter().zip(&self.all).map(|(now, then)| now.since(then)).sum();
        Ok(Machine::now()?.foreign_since(&self.machine, ours) < FOREIGN_LIMIT)
    }
}

/// This process and every system, each once.
fn everyone(subjects: &[Subject]) -> Vec<Spent> {
    let systems = subjects.iter().filter(|subject| subject.system != System::Direct).map(Subject::spent);
    std::iter::once(Spent::by_this_process()).chain(systems).collect()
}

/// Until the system has done what it put off: that work belongs to the messages too.
async fn at_rest(subject: &Subject) {
    for _ in 0..REST_WINDOWS {
        let before = subject.spent();
        sleep(REST_WINDOW).await;
        if subject.spent().since(&before) < REST_WINDOW.mul_f64(REST_SHARE) {
            break;
        }
    }
}
