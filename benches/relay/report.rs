//! What was measured, as figures: medians over the rounds that nobody disturbed.

use std::{collections::BTreeMap, time::Duration};

use crate::{cpu::Cores, driver::Rate, systems::System};

/// One figure, measured in several rounds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples(Vec<Sample>);

#[derive(Clone, Copy, Debug)]
struct Sample {
    round: usize,
    clean: bool,
    value: f64,
}

impl Samples {
    pub(crate) fn add(&mut self, round: usize, clean: bool, value: f64) {
        self.0.push(Sample { round, clean, value });
    }

    /// Over the clean rounds; when there is none, over all of them.
    pub(crate) fn median(&self) -> Option<f64> {
        median(self.used().map(|sample| sample.value))
    }

    /// No round was clean.
    pub(crate) fn disturbed(&self) -> bool {
        !self.0.is_empty() && !self.0.iter().any(|sample| sample.clean)
    }

    /// The median of the differences within a round: what the machine did to both falls out.
    pub(crate) fn median_above(&self, base: &Self) -> Option<f64> {
        let pairs = self.used().filter_map(|sample| {
            let same = median(base.used().filter(|it| it.round == sample.round).map(|it| it.value))?;
            Some(sample.value - same)
        });
        median(pairs)
    }

    fn used(&self) -> impl Iterator<Item = &Sample> {
        let any = self.disturbed();
        self.0.iter().filter(move |sample| sample.clean || any)
    }
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    values.get(values.len() / 2 - 1).map(|lower| f64::midpoint(*lower, upper))
}

/// An offered rate and the language engine's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Setting {
    pub(crate) engine_time: Duration,
    pub(crate) per_second: u32,
}

impl Setting {
    pub(crate) fn of(rate: Rate) -> Self {
        Self { engine_time: rate.engine_time, per_second: rate.per_second }
    }

    /// `300`, `10000_20ms`: the end of a key.
    pub(crate) fn key(self) -> String {
        if self.engine_time.is_zero() {
            self.per_second.to_string()
        } else {
            format!("{}_{}ms", self.per_second, self.engine_time.as_millis())
        }
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Timing {
    pub(crate) p50_us: Samples,
    pub(crate) p99_us: Samples,
    pub(crate) lag_p99_us: Samples,
}

/// One system's figures.
#[derive(Clone, Debug, Default)]
pub(crate) struct Row {
    pub(crate) cpu_us: Samples,
    pub(crate) driver_cpu_us: Samples,
    pub(crate) msg_per_s: Samples,
    /// The share of its core that the system, and the driver with the fake, were at work.
    pub(crate) busy: Samples,
    pub(crate) driver_busy: Samples,
    pub(crate) timing: BTreeMap<Setting, Timing>,
    pub(crate) instructions: Option<f64>,
}

impl Row {
    /// The driver could not keep the system at work: its messages per second say nothing of the system.
    pub(crate) fn driver_limited(&self) -> bool {
        match (self.busy.median(), self.driver_busy.median()) {
            (Some(system), Some(driver)) => system < 0.9 && driver > system,
            _ => false,
        }
    }

    pub(crate) fn disturbed(&self) -> bool {
        let timings = self.timing.values().flat_map(|timing| [&timing.p50_us, &timing.p99_us]);
        self.cpu_us.disturbed() || self.msg_per_s.disturbed() || timings.into_iter().any(Samples::disturbed)
    }
}

/// Memory per idle contact, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IdleContacts {
    pub(crate) contacts: usize,
    pub(crate) offered: f64,
    /// Each has had one message and its answer.
    pub(crate) after_a_turn: f64,
}

/// Everything one run has shown.
#[derive(Debug)]
pub(crate) struct Results {
    pub(crate) rows: BTreeMap<System, Row>,
    pub(crate) idle: Option<IdleContacts>,
    pub(crate) fsync: Duration,
    /// The load average before and after.
    pub(crate) load: [String; 2],
    pub(crate) cores: Cores,
    /// Of the programs from elsewhere.
    pub(crate) versions: Vec<String>,
    pub(crate) answer_bytes: usize,
    pub(crate) gaps: Gaps,
}

/// What could not be measured, and why.
#[derive(Debug, Default)]
pub(crate) struct Gaps {
    /// The program is not installed.
    pub(crate) absent: Vec<String>,
    /// The system did not do its work.
    pub(crate) failed: Vec<String>,
}

/// A mark that the project has set itself.
pub(crate) struct Mark {
    pub(crate) name: &'static str,
    pub(crate) measured: f64,
    pub(crate) limit: f64,
    pub(crate) pass: bool,
    pub(crate) unit: &'static str,
}

const TIMES_NGINX: f64 = 1.5;
const SYNC_MSG_PER_S: f64 = 20_000.0;
const IDLE_BYTES: f64 = 2048.0;

impl Results {
    pub(crate) fn row(&self, system: System) -> Option<&Row> {
        self.rows.get(&system)
    }

    /// The marks for which there is a figure.
    pub(crate) fn marks(&self) -> Vec<Mark> {
        let cpu = |system| self.row(system)?.cpu_us.median();
        let p50 = |system| {
            let quiet = |(setting, _): &(&Setting, &Timing)| setting.per_second == 300 && setting.engine_time.is_zero();
            self.row(system)?.timing.iter().find(quiet)?.1.p50_us.median()
        };
        let ratio = cpu(System::UsherAsync).zip(cpu(System::Nginx)).map(|(usher, nginx)| usher / nginx);
        let speed = self.row(System::UsherSync).and_then(|row| row.msg_per_s.median());
        let two_fsyncs = 2e6 * self.fsync.as_secs_f64();
        let sync = p50(System::UsherSync).zip(p50(System::UsherAsync));
        let at_most = |name, measured, limit, unit| Mark { name, measured, limit, pass: measured <= limit, unit };
        [
            ratio.map(|ratio| at_most("CPU per message, async, to nginx", ratio, TIMES_NGINX, "times")),
            speed.map(|measured| Mark {
                name: "sync throughput, at least",
                measured,
                limit: SYNC_MSG_PER_S,
                pass: measured >= SYNC_MSG_PER_S,
                unit: "msg/s",
            }),
            sync.map(|(sync, other)| {
                at_most("sync p50 at 300 msg/s, to async + 2 fsyncs", sync, other + two_fsyncs, "µs")
            }),
            self.idle.map(|idle| at_most("idle contact", idle.offered, IDLE_BYTES, "bytes")),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}
