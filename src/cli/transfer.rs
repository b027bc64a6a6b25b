//! `usher config`

use std::{io, path::PathBuf};

use clap::{Args, Subcommand, ValueEnum};

use super::{Exit, Terminal, fail, report, runtime};
use crate::{
    app::{self, Leaves, Plan},
    config::{Environment, Flag, Sources},
};

#[derive(Debug, Args)]
pub(super) struct ConfigArgs {
    /// Configuration file [default: usher.toml, if it is there]
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// Directory of the profiles [default: profiles beside the configuration file, if it is there]
    #[arg(long, value_name = "DIR", global = true)]
    profiles: Option<PathBuf>,
    /// Directory of the database and the master key
    #[arg(long, value_name = "DIR", global = true)]
    data: Option<String>,
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Write all of it as files, what the Web Manager keeps included: usher.toml and profiles/NAME.toml
    Export(ExportArgs),
    /// Show what such files would change of what the Web Manager keeps; change it with --yes
    Import(ImportArgs),
}

#[derive(Debug, Args)]
struct ExportArgs {
    /// Where to; files of the same names are replaced
    directory: PathBuf,
    /// What stands where a secret was: itself, sealed with the master key, or the name of a variable that is to hold it
    #[arg(long, value_name = "HOW", default_value = "sealed")]
    secrets: SecretsArg,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum SecretsArg {
    Sealed,
    Env,
}

#[derive(Debug, Args)]
struct ImportArgs {
    /// Where usher.toml and profiles are
    directory: PathBuf,
    /// Change it
    #[arg(long)]
    yes: bool,
}

pub(super) fn run(args: ConfigArgs, environment: Environment, terminal: &mut Terminal<'_>) -> io::Result<Exit> {
    let ConfigArgs { config, profiles, data, command } = args;
    let flags = data.map(|value| Flag { name: "--data", key: "store.path", value }).into_iter().collect();
    let sources = Sources { config, profiles, environment, flags, ..Sources::default() };
    match command {
        ConfigCommand::Export(args) => export(&args, &sources, terminal),
        ConfigCommand::Import(args) => import(&args, &sources, terminal),
    }
}

fn export(args: &ExportArgs, sources: &Sources, terminal: &mut Terminal<'_>) -> io::Result<Exit> {
    let leaves = match args.secrets {
        SecretsArg::Sealed => Leaves::Sealed,
        SecretsArg::Env => Leaves::Environment,
    };
    match runtime(1)?.block_on(app::export_to(sources, &args.directory, leaves)) {
        Ok(Ok(exported)) => {
            for name in exported.files.keys() {
                writeln!(terminal.out, "{}", args.directory.join(name).display())?;
            }
            for note in &exported.notes {
                writeln!(terminal.err, "note: {note}")?;
            }
            Ok(Exit::Done)
        }
        Ok(Err(findings)) => report(&findings, terminal),
        Err(error) => fail(&error, terminal),
    }
}

fn import(args: &ImportArgs, sources: &Sources, terminal: &mut Terminal<'_>) -> io::Result<Exit> {
    let (mut exit, mut differs) = (Exit::Done, false);
    let apply = |plan: &Plan| {
        tell(plan, terminal)?;
        if !plan.blocked.is_empty() {
            exit = Exit::Config;
            return Ok(false);
        }
        differs = !plan.steps.is_empty();
        Ok(args.yes)
    };
    let done = runtime(1)?.block_on(app::import_from(sources, &args.directory, apply));
    match done {
        Ok(Ok(changed)) => {
            let hint = match (exit, differs, changed) {
                (Exit::Config, ..) => "nothing was changed",
                (_, false, _) => "nothing differs",
                (_, true, false) => "nothing was changed: say --yes to change it",
                (_, true, true) => "changed; a gateway that runs takes it up on SIGHUP",
            };
            writeln!(terminal.err, "{hint}")?;
            Ok(exit)
        }
        Ok(Err(findings)) => report(&findings, terminal),
        Err(error) => fail(&error, terminal),
    }
}

fn tell(plan: &Plan, terminal: &mut Terminal<'_>) -> io::Result<()> {
    for step in &plan.steps {
        writeln!(terminal.out, "{} {} {}", step.what.label(), step.kind.label(), step.name)?;
        for (mark, line) in &step.lines {
            writeln!(terminal.out, "  {mark} {line}")?;
        }
    }
    for it in plan.stays.iter().chain(&plan.notes) {
        writeln!(terminal.err, "note: {it}")?;
    }
    for it in &plan.blocked {
        writeln!(terminal.err, "error: {it}")?;
    }
    Ok(())
}
