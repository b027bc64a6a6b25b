//! What a message costs on its way through Usher, beside what nginx and haproxy take for the same work.
//!
//! In reading order: `systems` (what is measured), `rounds` (in which order), `driver` with its edges `unary` and `engine`
//! (how messages get in), `fake` (who answers), `report` and `print` (what comes out). `docs/performance.md` explains the method.

mod callgrind;
mod cpu;
mod disk;
mod driver;
mod engine;
mod fake;
mod frames;
mod headers;
mod idle;
mod messages;
mod meter;
mod peers;
mod print;
mod process;
mod report;
mod rounds;
mod systems;
mod unary;
mod usher;

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
    rc::Rc,
    time::Duration,
};

use anyhow::{Context as _, Result};
use clap::{Parser, ValueEnum};
use tokio::{runtime, task::LocalSet};

use crate::{
    callgrind::Counts,
    cpu::Cores,
    driver::{Driver, Load, Rate},
    fake::Fake,
    meter::Meter,
    process::find_program,
    report::{Gaps, Results, Row},
    rounds::{Plan, Rounds},
    systems::{Site, System},
    unary::Unary,
};

const IDLE_CONTACTS: usize = 100_000;

/// Measures what one message costs: CPU time, user instructions and added latency, for a direct call, nginx, haproxy and
/// Usher with both durabilities, in interleaved rounds; and what an idle contact weighs.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo bench --bench relay --")]
struct Options {
    /// A minute instead of ten: fewer and shorter rounds.
    #[arg(long)]
    quick: bool,
    /// Measure this alone; may be repeated. `direct` is always measured: what is added is added to it.
    #[arg(long, value_name = "NAME")]
    only: Vec<Part>,
    /// Write the figures to FILE too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Go on without the programs that are not installed; their rows are absent.
    #[arg(long)]
    allow_missing: bool,
    /// Send so many messages to the fake and nothing else: what callgrind counts for `direct`.
    #[arg(long, value_name = "COUNT", hide = true)]
    direct_messages: Option<u64>,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Part {
    Direct,
    Nginx,
    Haproxy,
    UsherAsync,
    UsherSync,
    /// Memory per idle contact.
    Idle,
}

fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options) {
        Ok(gaps) if gaps.failed.is_empty() && (gaps.absent.is_empty() || options.allow_missing) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("relay: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Measures and prints; what is left is what could not be measured.
fn run(options: &Options) -> Result<Gaps> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let tasks = LocalSet::new();
    if let Some(messages) = options.direct_messages {
        tasks.block_on(&runtime, send_directly(messages))?;
        return Ok(Gaps::default());
    }
    let results = tasks.block_on(&runtime, measure(options))?;
    let mut out = io::stdout().lock();
    print::table(&results, &mut out)?;
    if let Some(file) = &options.json {
        let text = serde_json::to_string_pretty(&print::json(&results))?;
        fs::write(file, text + "\n").with_context(|| format!("writing {}", file.display()))?;
    }
    Ok(results.gaps)
}

async fn send_directly(messages: u64) -> Result<()> {
    let driver = Driver { meter: Rc::new(Meter::new()?), fake: Fake::start().await? };
    let edge = Unary::connect(driver.fake.address, Rc::clone(&driver.meter)).await?;
    driver.saturate(&edge, Load::Messages(messages, callgrind::PATIENCE)).await?;
    Ok(())
}

async fn measure(options: &Options) -> Result<Results> {
    let cores = Cores::choose()?;
    anyhow::ensure!(find_program("taskset").is_some(), not_installed("taskset", "everything"));
    cores.pin_driver()?;
    let load_before = cpu::load_average();
    let folder = tempfile::Builder::new().prefix("relay-").tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let driver = Driver { meter: Rc::new(Meter::new()?), fake: Fake::start().await? };
    let site = Site { folder: folder.path().to_owned(), cores, driver };
    let mut gaps = Gaps::default();
    let systems = choose(options, &mut gaps);
    let (mut rows, fsync) = run_rounds(&site, &systems, options.quick, &mut gaps).await?;
    count_instructions(&site, &mut rows, options.quick, &mut gaps).await;
    let mut idle = None;
    if options.wants(Part::Idle) {
        say(&format!("{IDLE_CONTACTS} idle contacts"));
        idle = noted("idle contacts", idle::weigh(&site, IDLE_CONTACTS).await, &mut gaps);
    }
    Ok(Results {
        rows,
        idle,
        fsync,
        load: [load_before, cpu::load_average()],
        cores,
        versions: systems.iter().filter_map(|system| peers::version(system.needs()?)).collect(),
        answer_bytes: site.driver.fake.answer_bytes(),
        gaps,
    })
}

async fn run_rounds(
    site: &Site,
    systems: &[System],
    quick: bool,
    gaps: &mut Gaps,
) -> Result<(BTreeMap<System, Row>, Duration)> {
    let mut subjects = Vec::new();
    for system in systems {
        subjects.extend(noted(system.name(), site.start(*system).await, gaps));
    }
    let mut rounds = Rounds::new(site, &subjects)?;
    rounds.run(&plan(quick)).await?;
    let Rounds { rows, disk, failed, .. } = rounds;
    gaps.failed.extend(failed.into_iter().map(|(system, why)| format!("{}: {why}", system.name())));
    for subject in subjects {
        let name = subject.system.name();
        noted(name, subject.stop().await, gaps);
    }
    Ok((rows, disk.fsync_time()))
}

async fn count_instructions(site: &Site, rows: &mut BTreeMap<System, Row>, quick: bool, gaps: &mut Gaps) {
    if find_program("valgrind").is_none() {
        gaps.absent.push(not_installed("valgrind", "instructions"));
        return;
    }
    for (system, row) in rows {
        say(&format!("instructions of {}", system.name()));
        row.instructions = noted(system.name(), site.instructions(*system, counts(quick)).await, gaps);
    }
}

/// What was measured; if it was not, the reason goes to `gaps`.
fn noted<T>(what: &str, measured: Result<T>, gaps: &mut Gaps) -> Option<T> {
    measured
        .map_err(|error| {
            say(&format!("{what}: {error:#}"));
            gaps.failed.push(format!("{what}: {error:#}"));
        })
        .ok()
}

/// The systems asked for whose programs are installed.
fn choose(options: &Options, gaps: &mut Gaps) -> Vec<System> {
    let mut chosen = Vec::new();
    for system in System::ALL.into_iter().filter(|system| is_asked_for(options, *system)) {
        match system.needs().filter(|program| find_program(program).is_none()) {
            Some(program) => gaps.absent.push(not_installed(program, system.name())),
            None => chosen.push(system),
        }
    }
    chosen
}

fn is_asked_for(options: &Options, system: System) -> bool {
    let part = match system {
        System::Direct => return true,
        System::Nginx => Part::Nginx,
        System::Haproxy => Part::Haproxy,
        System::UsherAsync => Part::UsherAsync,
        System::UsherSync => Part::UsherSync,
    };
    options.wants(part)
}

impl Options {
    fn wants(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }
}

fn not_installed(program: &str, what: &str) -> String {
    let package = if program == "taskset" { "util-linux" } else { program };
    let missing = format!("{what}: {program} is not installed (apt-get install {package})");
    say(&missing);
    missing
}

fn plan(quick: bool) -> Plan {
    let rate = |per_second, engine_ms, lasting_ms| Rate {
        per_second,
        engine_time: Duration::from_millis(engine_ms),
        lasting: Duration::from_millis(lasting_ms),
    };
    if quick {
        return Plan {
            saturated_rounds: 2,
            saturated_for: Duration::from_millis(700),
            timed_rounds: 1,
            rates: vec![rate(300, 0, 1500), rate(300, 20, 500), rate(10_000, 0, 400), rate(10_000, 20, 400)],
            repeats: 2,
        };
    }
    Plan {
        saturated_rounds: 5,
        saturated_for: Duration::from_secs(3),
        timed_rounds: 3,
        rates: vec![rate(300, 0, 6000), rate(300, 20, 4000), rate(10_000, 0, 3000), rate(10_000, 20, 3000)],
        repeats: 30,
    }
}

fn counts(quick: bool) -> Counts {
    if quick { Counts { few: 250, many: 1_000 } } else { Counts { few: 500, many: 2_500 } }
}

/// Progress and complaints go to standard error: standard output is for the results.
fn say(text: &str) {
    // Nobody is left to tell when standard error is closed.
    writeln!(io::stderr(), "{text}").ok();
}
