//! `usher test`

use std::{
    io::{self, Read as _},
    path::PathBuf,
    time::Duration,
};

use clap::Args;
use serde_json::{Value, json};

use super::{Exit, StoreArgs, Terminal, fail, profile_of, report, runtime, usage, with_engine};
use crate::{
    app,
    config::{Environment, Sources},
    core::rehearsal::{self, MAX_FILE_BYTES, Test},
    gateway::rehearsal::{Came, StepResult, TestResult},
    nlp,
};

#[derive(Debug, Args)]
pub(super) struct TestArgs {
    /// Which profile [default: the only one]
    profile: Option<String>,
    /// The profile's business unit, where several have a profile of that name
    #[arg(long, value_name = "NAME")]
    unit: Option<String>,
    /// Which of its engines: a standby's name, canary or shadow [default: primary]
    #[arg(long, value_name = "NAME")]
    engine: Option<String>,
    /// Run those of a file as the Web Manager exports them, and not those that the store keeps; -: standard input
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// Run this one alone
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    #[command(flatten)]
    store: StoreArgs,
    /// Directory of the profiles [default: profiles beside the configuration file, if it is there]
    #[arg(long, value_name = "DIR")]
    profiles: Option<PathBuf>,
    /// Tests that run at a time
    #[arg(long, value_name = "N", default_value = "4", value_parser = clap::value_parser!(u16).range(1..=64))]
    at_once: u16,
    /// Seconds that all of them may take
    #[arg(long, value_name = "N", default_value = "300", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    within: u32,
    /// One document, for programs
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &TestArgs, environment: Environment, terminal: &mut Terminal<'_>) -> io::Result<Exit> {
    let runtime = runtime(2)?;
    let sources = Sources { profiles: args.profiles.clone(), ..args.store.clone().sources(environment) };
    let loaded = match runtime.block_on(app::load(&sources)) {
        Ok(loaded) => loaded,
        Err(findings) => return report(&findings, terminal),
    };
    let settings = &loaded.settings;
    let found = profile_of(&settings.profiles, args.profile.as_deref(), args.unit.as_deref());
    let profile = match found.and_then(|it| with_engine(it, args.engine.as_deref())) {
        Ok(profile) => profile,
        Err(message) => return usage(&message, terminal),
    };
    if nlp::dials_in(&profile.engines.primary) {
        let message = "a connector dials into the running gateway: run its tests in the Web Manager";
        return usage(message, terminal);
    }
    let tests = match &args.from {
        Some(path) => match read(path) {
            Ok(tests) => tests,
            Err(message) => return usage(&message, terminal),
        },
        None => match runtime.block_on(app::kept_tests(&settings.store.path, &profile)) {
            Ok(tests) => tests,
            Err(error) => return fail(&error, terminal),
        },
    };
    let is_meant = |it: &Test| args.only.as_ref().is_none_or(|only| *only == it.name);
    let tests: Vec<Test> = tests.into_iter().filter(is_meant).collect();
    if tests.is_empty() {
        let message = match &args.only {
            Some(only) => format!("profile {} has no test `{only}`", profile.name),
            None => format!("profile {} has no test: keep some in the Web Manager, or name a file", profile.name),
        };
        return usage(&message, terminal);
    }
    let bounds = (usize::from(args.at_once), Duration::from_secs(u64::from(args.within)));
    let results = match runtime.block_on(app::rehearse(&profile, settings, &tests, bounds)) {
        Ok(results) => results,
        Err(error) => return fail(&error, terminal),
    };
    let failed = results.iter().filter(|it| !it.passed()).count();
    if args.json {
        let tests: Vec<Value> = results.iter().map(as_json).collect();
        let document = json!({
            "profile": profile.name.as_str(),
            "unit": profile.unit.as_str(),
            "tests": tests,
            "failed": failed,
        });
        writeln!(terminal.out, "{document:#}")?;
    } else {
        for result in &results {
            tell(result, terminal)?;
        }
        writeln!(terminal.out, "{} tests: {} passed, {failed} failed", results.len(), results.len() - failed)?;
    }
    Ok(if failed == 0 { Exit::Done } else { Exit::Failed })
}

fn read(path: &PathBuf) -> Result<Vec<Test>, String> {
    let shown = path.display();
    let mut text = String::new();
    let most = MAX_FILE_BYTES as u64 + 1;
    let read = if path.as_os_str() == "-" {
        io::stdin().lock().take(most).read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(most).read_to_string(&mut text))
    };
    read.map_err(|error| format!("cannot read {shown}: {error}"))?;
    rehearsal::read(&text).map_err(|error| format!("{shown}: {error}"))
}

/// What is read from a file must not steer the terminal.
fn plain(text: &str) -> String {
    text.chars().map(|it| if it.is_control() { ' ' } else { it }).collect()
}

fn tell(result: &TestResult, terminal: &mut Terminal<'_>) -> io::Result<()> {
    let word = if result.passed() { "passed" } else { "FAILED" };
    writeln!(terminal.out, "{word}  {} ({} ms)", plain(&result.name), result.took.as_millis())?;
    if result.cut_off {
        writeln!(terminal.out, "  the time was over before its end")?;
    }
    for (at, step) in result.steps.iter().enumerate() {
        for line in differs(step) {
            writeln!(terminal.out, "  step {}  {}", at + 1, plain(&line))?;
        }
    }
    Ok(())
}

fn differs(step: &StepResult) -> Vec<String> {
    match &step.came {
        Came::NotReached => Vec::new(),
        Came::NotTaken(why) => vec![format!("not put in: {why}")],
        Came::Compared(differences) => {
            let line = |it: &rehearsal::Difference| {
                let name = if it.name.is_empty() { String::new() } else { format!(" {}", it.name) };
                format!("{}{name}: {} -> {}", it.aspect.label(), it.expected, it.now)
            };
            differences.iter().map(line).collect()
        }
    }
}

fn as_json(result: &TestResult) -> Value {
    let step = |it: &StepResult| match &it.came {
        Came::NotReached => json!({ "came": "not_reached" }),
        Came::NotTaken(why) => json!({ "came": "not_taken", "why": why.to_string() }),
        Came::Compared(differences) => {
            let one = |it: &rehearsal::Difference| {
                let name = Some(&it.name).filter(|it| !it.is_empty());
                json!({ "aspect": it.aspect.label(), "name": name, "expected": it.expected, "now": it.now })
            };
            json!({ "came": "compared", "differs": differences.iter().map(one).collect::<Vec<_>>() })
        }
    };
    json!({
        "name": result.name,
        "passed": result.passed(),
        "ms": u64::try_from(result.took.as_millis()).unwrap_or(u64::MAX),
        "cutOff": result.cut_off,
        "steps": result.steps.iter().map(step).collect::<Vec<_>>(),
    })
}
