//! The machine: who runs on which core, and what CPU time and memory went where.

use std::{
    collections::HashMap,
    fs,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use tokio::time::Instant;
use usher::clock::Clock;

use crate::process::children;

const TICK: Duration = Duration::from_millis(10);

/// Which core serves whom.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cores {
    /// The systems under test.
    pub(crate) system: usize,
    /// Driver and fake.
    pub(crate) driver: usize,
}

impl Cores {
    pub(crate) fn choose() -> Result<Self> {
        let status = fs::read_to_string("/proc/self/status")?;
        let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap_or_default();
        let allowed: Vec<usize> = list.trim().split(',').filter_map(range).flatten().collect();
        match allowed.as_slice() {
            [system, .., driver] => Ok(Self { system: *system, driver: *driver }),
            _ => anyhow::bail!(
                "two cores are needed, one for the system under test and one for the driver; allowed: {list}"
            ),
        }
    }

    /// Puts this process, the driver and the fake, on their core.
    pub(crate) fn pin_driver(self) -> Result<()> {
        let done = Command::new("taskset")
            .args(["-acp", &self.driver.to_string(), &std::process::id().to_string()])
            .stdout(Stdio::null())
            .status()
            .context("taskset")?;
        ensure!(done.success(), "taskset could not pin the driver to core {}", self.driver);
        Ok(())
    }

    /// A command that will run on the systems' core.
    pub(crate) fn on_system_core(self, program: &Path) -> Command {
        let mut command = Command::new("taskset");
        command.args(["-c", &self.system.to_string()]).arg(program);
        command
    }
}

fn range(part: &str) -> Option<std::ops::RangeInclusive<usize>> {
    let (first, last) = part.split_once('-').unwrap_or((part, part));
    Some(first.parse().ok()?..=last.parse().ok()?)
}

/// CPU time by thread, of one process or several.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spent(HashMap<u32, Duration>);

impl Spent {
    /// Of this process and its children (nginx's worker is a child of its master).
    pub(crate) fn by_system(pid: u32) -> Self {
        let mut spent = Self::by_process(pid);
        for child in children(pid) {
            spent.0.extend(Self::by_process(child).0);
        }
        spent
    }

    pub(crate) fn by_this_process() -> Self {
        Self::by_process(std::process::id())
    }

    fn by_process(pid: u32) -> Self {
        let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return Self::default() };
        let time = |task: fs::DirEntry| {
            let thread = task.file_name().to_str()?.parse().ok()?;
            let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
            let nanos = text.split_whitespace().next()?.parse().ok()?;
            Some((thread, Duration::from_nanos(nanos)))
        };
        Self(tasks.flatten().filter_map(time).collect())
    }

    /// What was spent since `earlier`; a thread that ended in between is missing from it.
    pub(crate) fn since(&self, earlier: &Self) -> Duration {
        let one =
            |(thread, time): (&u32, &Duration)| time.saturating_sub(earlier.0.get(thread).copied().unwrap_or_default());
        self.0.iter().map(one).sum()
    }
}

/// The whole machine's busy time, to see who else was at work.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Machine {
    busy: Duration,
    at: Instant,
}

impl Machine {
    pub(crate) fn now() -> Result<Self> {
        let stat = fs::read_to_string("/proc/stat")?;
        let line = stat.lines().next().context("/proc/stat is empty")?;
        let mut ticks = line.split_whitespace().skip(1).filter_map(|field| field.parse::<u32>().ok());
        // user nice system idle iowait irq softirq steal
        let (work, rest): (u32, u32) = (ticks.by_ref().take(3).sum(), ticks.skip(2).take(3).sum());
        Ok(Self { busy: TICK * (work + rest), at: Clock::instant() })
    }

    /// The cores' worth of work done by anyone else since `earlier`, `ours` being what we spent.
    pub(crate) fn foreign_since(&self, earlier: &Self, ours: Duration) -> f64 {
        let others = (self.busy - earlier.busy).saturating_sub(ours);
        others.as_secs_f64() / (self.at - earlier.at).as_secs_f64().max(TICK.as_secs_f64())
    }
}

pub(crate) fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}

/// Resident memory of a process, in bytes.
pub(crate) fn resident_bytes(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib * 1024)
}
