//! `usher lint`

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use clap::Args;

use super::{Exit, Terminal, count, fail, profile_of, report, runtime, usage, with_engine};
use crate::{
    app::{
        self,
        lint::{self, Report, Sides},
    },
    clock::Clock,
    config::{Environment, Loaded, Severity, Sources, settings::Profile},
    core::{directory::Directory, intents::Intents, message::FailureKind},
};

#[derive(Debug, Args)]
pub(super) struct LintArgs {
    /// Which profile [default: the only one]
    profile: Option<String>,
    /// The profile's business unit, where several have a profile of that name
    #[arg(long, value_name = "NAME")]
    unit: Option<String>,
    /// Which of its engines: a standby's name, canary or shadow [default: primary]
    #[arg(long, value_name = "NAME")]
    engine: Option<String>,
    /// Configuration file [default: usher.toml, if it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Directory of the profiles [default: profiles beside the configuration file, if it is there]
    #[arg(long, value_name = "DIR")]
    profiles: Option<PathBuf>,
    /// Read the agent from its export, a Dialogflow ES directory or zip, instead of asking the profile's engine
    #[arg(long, value_name = "DIR|ZIP")]
    agent: Option<PathBuf>,
    /// The contact centre's queues, targets and users, as /directory/UNIT of the operators' door gives them; -: standard input
    #[arg(long, value_name = "FILE")]
    directory: Option<PathBuf>,
    /// End with 4 when there are warnings
    #[arg(long)]
    strict: bool,
    /// One document, for programs
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &LintArgs, environment: Environment, terminal: &mut Terminal<'_>) -> io::Result<Exit> {
    let runtime = runtime(1)?;
    let sources =
        Sources { config: args.config.clone(), profiles: args.profiles.clone(), environment, ..Sources::default() };
    let loaded = match runtime.block_on(app::load(&sources)) {
        Ok(loaded) => loaded,
        Err(findings) => return report(&findings, terminal),
    };
    let profiles = &loaded.settings.profiles;
    let profile = match profile_of(profiles, args.profile.as_deref(), args.unit.as_deref())
        .and_then(|it| with_engine(it, args.engine.as_deref()))
    {
        Ok(profile) => profile,
        Err(message) => return usage(&message, terminal),
    };
    let directory = match args.directory.as_deref().map(read_directory).transpose() {
        Ok(directory) => directory,
        Err(message) => return usage(&message, terminal),
    };
    let read = match &args.agent {
        Some(path) => Told::Done(match lint::read_export(&profile, path) {
            Ok(intents) => Some(intents),
            Err(error) => return usage(&format!("{}: {error}", path.display()), terminal),
        }),
        None => runtime.block_on(ask(&profile, &loaded, terminal))?,
    };
    let intents = match read {
        Told::Done(intents) => intents,
        Told::Failed(exit) => return Ok(exit),
    };
    let at = profiles.iter().position(|it| it.name == profile.name && it.unit == profile.unit);
    let places = at.and_then(|at| loaded.places.get(at)).cloned().unwrap_or_default();
    let sides = Sides { profile: &profile, places: &places, intents: intents.as_ref(), directory: directory.as_ref() };
    let found = lint::compare(&sides);
    if args.json {
        let mut document = found.as_json();
        if let Some(members) = document.as_object_mut() {
            members.insert("profile".to_owned(), profile.name.as_str().into());
            members.insert("unit".to_owned(), profile.unit.as_str().into());
            members.insert("intents".to_owned(), intents.as_ref().map(|it| it.list.len()).into());
        }
        writeln!(terminal.out, "{document:#}")?;
    } else {
        tell(&profile, intents.as_ref(), &found, terminal)?;
    }
    Ok(match (found.count(Severity::Error), found.count(Severity::Warning)) {
        (1.., _) => Exit::Failed,
        (0, 1..) if args.strict => Exit::Warnings,
        (0, _) => Exit::Done,
    })
}

enum Told {
    Done(Option<Intents>),
    Failed(Exit),
}

/// The engine's own word on its agent.
async fn ask(profile: &Profile, loaded: &Loaded, terminal: &mut Terminal<'_>) -> io::Result<Told> {
    let read = match lint::read(profile, &loaded.settings.egress, Clock::system()).await {
        Ok(read) => read,
        Err(error) => return fail(&error, terminal).map(Told::Failed),
    };
    let Some(Err(error)) = read else { return Ok(Told::Done(read.and_then(Result::ok))) };
    writeln!(terminal.err, "error: {}: the agent's intents cannot be read: {error}", profile.origin)?;
    if error.kind == FailureKind::Credential {
        writeln!(terminal.err, "to read intents takes the role \"Dialogflow API Reader\"; or give an export: --agent")?;
    }
    Ok(Told::Failed(match error.kind {
        FailureKind::Unavailable | FailureKind::Deadline => Exit::CannotConnect,
        FailureKind::Quota
        | FailureKind::Credential
        | FailureKind::NotFound
        | FailureKind::Invalid
        | FailureKind::Precondition
        | FailureKind::Empty
        | FailureKind::Webhook
        | FailureKind::Malformed
        | FailureKind::Interrupted
        | FailureKind::Internal => Exit::Failed,
    }))
}

fn read_directory(path: &Path) -> Result<Directory, String> {
    let from: Box<dyn Read> = if path == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?)
    };
    lint::directory(from).map_err(|error| format!("{}: {error:#}", path.display()))
}

fn tell(profile: &Profile, intents: Option<&Intents>, found: &Report, terminal: &mut Terminal<'_>) -> io::Result<()> {
    for it in &found.list {
        writeln!(terminal.err, "{}", it.finding.render(terminal.coloured))?;
    }
    for what in &found.unchecked {
        writeln!(terminal.err, "not checked: {what}")?;
    }
    let (errors, warnings) = (found.count(Severity::Error), found.count(Severity::Warning));
    let intents = intents.map_or_else(|| "no intents".to_owned(), |it| format!("{} intents", it.list.len()));
    let profile = format!("profile {} of unit {}", profile.name, profile.unit);
    if errors + warnings == 0 {
        writeln!(terminal.out, "good: {profile} and its agent fit ({intents})")
    } else {
        writeln!(terminal.err, "{}: {profile}, {intents}", count(errors, warnings))
    }
}
