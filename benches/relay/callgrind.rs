//! User instructions per message: the difference between a long and a short run under callgrind.
//!
//! What a system does once (starting, connecting, logging on, stopping) is in both runs and falls out.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};

/// How many messages the two runs have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counts {
    pub(crate) few: u64,
    pub(crate) many: u64,
}

/// How long a run may take: valgrind is some fifty times slower than the machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// `program` under callgrind on the systems' core, its counts going to `out`.
pub(crate) fn command(on_core: Command, program: &Path, out: &Path) -> Command {
    let mut command = on_core;
    command.args(["--tool=callgrind", "--quiet"]).arg(format!("--callgrind-out-file={}", out.display())).arg(program);
    command
}

/// Where a run of `name` with so many messages leaves its counts.
pub(crate) fn out_file(folder: &Path, name: &str, messages: u64) -> PathBuf {
    folder.join(format!("callgrind.{name}.{messages}"))
}

/// The instructions that a finished run executed.
pub(crate) fn total(out: &Path) -> Result<u64> {
    let text = fs::read_to_string(out).with_context(|| format!("callgrind left no {}", out.display()))?;
    let line =
        text.lines().rev().find_map(|line| line.strip_prefix("totals:").or_else(|| line.strip_prefix("summary:")));
    let total = line.with_context(|| format!("no totals in {}", out.display()))?;
    total.trim().parse().with_context(|| format!("totals of {}", out.display()))
}

pub(crate) fn per_message(counts: Counts, few: u64, many: u64) -> Result<f64> {
    ensure!(many > few, "{} messages took {few} instructions, {} took {many}", counts.few, counts.many);
    Ok((many - few) as f64 / (counts.many - counts.few) as f64)
}
