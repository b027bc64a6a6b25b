//! Arguments → a command. Each command returns its exit code and writes to the given terminal alone.

mod backup;
mod chat;
mod check;
mod connector;
mod contact;
mod demo;
mod key;
mod lint;
mod load;
mod nlp;
mod replay;
mod secret;
mod serve;
mod test;
mod token;
mod transfer;

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::{Args, Parser, Subcommand, ValueEnum};
use demo::DemoArgs;
use tokio::runtime::{Builder, Runtime};

use crate::{
    app,
    config::{self, Environment, Findings, Flag, Sources, settings::Profile},
};

/// How a command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Done,
    /// Something failed that no other code names.
    Failed,
    /// Wrong usage or a configuration that cannot be used.
    Config,
    /// A door cannot be opened or a neighbour not be reached.
    CannotConnect,
    /// `check --strict` or `lint --strict` found warnings.
    Warnings,
    /// `replay` came to other actions than were recorded.
    Differs,
}

impl Exit {
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Config => 2,
            Self::CannotConnect => 3,
            Self::Warnings => 4,
            Self::Differs => 5,
        }
    }

    fn of(error: &anyhow::Error) -> Self {
        if error.downcast_ref::<app::CannotConnect>().is_some() { Self::CannotConnect } else { Self::Failed }
    }
}

/// Where a command writes.
pub struct Terminal<'a> {
    pub out: &'a mut dyn Write,
    pub err: &'a mut dyn Write,
    pub coloured: bool,
}

impl std::fmt::Debug for Terminal<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Terminal(..)")
    }
}

/// A virtual-agent gateway for contact centres. Without a command it starts the demo.
#[derive(Debug, Parser)]
#[command(name = "usher", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Try everything in a browser: language engine, gateway, contact centre and web chat, without any set-up
    Demo(DemoArgs),
    /// Serve routing engines until a signal ends it
    Serve(ServeArgs),
    /// Check the configuration, by the same code that loads it at start
    Check(CheckArgs),
    /// Compare a profile with its language engine's agent and the contact centre's directory
    Lint(lint::LintArgs),
    /// Talk to a profile's language engine; nothing is carried out. Without a configuration: to the demo agent
    Chat(ChatArgs),
    /// Print every setting's default and what it means
    DefaultConfig {
        /// Those of a profile instead
        #[arg(long)]
        profile: bool,
        /// The kind of language engine that the profile talks to
        #[arg(long, value_name = "KIND", requires = "profile", default_value = "dialogflow-v2")]
        r#type: String,
    },
    /// All of the configuration as files, out and in
    Config(transfer::ConfigArgs),
    /// Secrets that the store keeps sealed
    Secret(SecretArgs),
    /// Copy the store into a file, while a gateway runs on it or not
    Backup(backup::BackupArgs),
    /// Put a backup in the place of the store, or see whether it is good
    Restore(backup::RestoreArgs),
    /// The master key, which everything is sealed under that the store keeps sealed
    Key(key::KeyArgs),
    /// Develop a connector: echo, answer by hand, or stand in for the gateway
    Connector(connector::ConnectorArgs),
    /// Tokens that connectors dial in with
    Token(token::TokenArgs),
    /// Tell what happened to contacts, and why
    Timeline(contact::TimelineArgs),
    /// Destroy the key of what is kept of a contact that is over: nobody can read it any more
    Erase(contact::ContactArgs),
    /// Ask a profile's engine again what recorded contacts' engines were asked, and tell what differs; nothing is carried out
    Replay(Box<replay::ReplayArgs>),
    /// Run a profile's tests against its engine, and tell what differs from what they expect; nothing is carried out
    Test(Box<test::TestArgs>),
    /// Serve a Dialogflow agent's export offline, by Dialogflow's own API
    Nlp(nlp::NlpArgs),
    /// Talk as many contacts at a given rate, and account for every message
    Load(Box<load::LoadArgs>),
}

#[derive(Debug, Args)]
struct ServeArgs {
    /// Configuration file [default: usher.toml, if it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Directory of the profiles [default: profiles beside the configuration file, if it is there]
    #[arg(long, value_name = "DIR")]
    profiles: Option<PathBuf>,
    /// Address of the routing engines' door
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Address of the operators' door
    #[arg(long, value_name = "ADDRESS")]
    ops_listen: Option<String>,
    /// Directory of the database and the master key
    #[arg(long, value_name = "DIR")]
    data: Option<String>,
    /// What must be on disk before it leaves the gateway: everything (sync) or not (async)
    #[arg(long)]
    durability: Option<DurabilityArg>,
    /// Worker threads; 0: one per core
    #[arg(long, value_name = "N")]
    workers: Option<u16>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum DurabilityArg {
    Sync,
    Async,
}

#[derive(Debug, Args)]
struct CheckArgs {
    /// Directory of the profiles, or one that holds usher.toml and profiles
    profiles_dir: Option<PathBuf>,
    /// Configuration file [default: usher.toml, if it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// End with 4 when there are warnings
    #[arg(long)]
    strict: bool,
    /// Ask the language engines whether they take the credentials
    #[arg(long)]
    online: bool,
    /// Print every value that is in force, with its origin; secrets are hidden
    #[arg(long)]
    print_effective: bool,
}

#[derive(Debug, Args)]
struct ChatArgs {
    /// Whose language engine [default: the only profile]
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// The profile's business unit, where several have a profile of that name
    #[arg(long, value_name = "NAME")]
    unit: Option<String>,
    /// Which of the profile's engines: a standby's name, canary or shadow [default: primary]
    #[arg(long, value_name = "NAME")]
    engine: Option<String>,
    /// Configuration file [default: usher.toml, if it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Directory of the profiles [default: profiles beside the configuration file, if it is there]
    #[arg(long, value_name = "DIR")]
    profiles: Option<PathBuf>,
    /// The customer's language, such as "de" [default: the profile's]
    #[arg(long, value_name = "TAG")]
    language: Option<String>,
    /// What kind of contact it is; actions are configured for each by itself
    #[arg(long, default_value = "webinteraction")]
    media: MediaArg,
    /// Begin with this event [default: the profile's welcome event]
    #[arg(long, value_name = "NAME")]
    event: Option<String>,
    /// Replay a file's lines and print what can be compared: no measures. `#` begins a comment, `!NAME` is an event
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum MediaArg {
    Webinteraction,
    Openmedia,
}

/// Where the store is.
#[derive(Clone, Debug, Args)]
struct StoreArgs {
    /// Configuration file [default: usher.toml, if it is there]
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// Directory of the database and the master key
    #[arg(long, value_name = "DIR", global = true)]
    data: Option<String>,
}

#[derive(Debug, Args)]
struct SecretArgs {
    #[command(flatten)]
    store: StoreArgs,
    #[command(subcommand)]
    command: SecretCommand,
}

#[derive(Debug, Subcommand)]
enum SecretCommand {
    /// Seal the value read from standard input
    Set { name: String },
    /// List the names, never the values
    List,
}

impl ServeArgs {
    fn sources(self, environment: Environment) -> Sources {
        let durability = self.durability.map(|it| match it {
            DurabilityArg::Sync => "sync".to_owned(),
            DurabilityArg::Async => "async".to_owned(),
        });
        let flags = [
            ("--listen", "server.listen", self.listen),
            ("--ops-listen", "ops.listen", self.ops_listen),
            ("--data", "store.path", self.data),
            ("--durability", "store.durability", durability),
            ("--workers", "server.workers", self.workers.map(|it| it.to_string())),
        ];
        let flags =
            flags.into_iter().filter_map(|(name, key, value)| Some(Flag { name, key, value: value? })).collect();
        Sources { config: self.config, profiles: self.profiles, environment, flags, ..Sources::default() }
    }
}

impl StoreArgs {
    fn sources(self, environment: Environment) -> Sources {
        let flags = self.data.map(|value| Flag { name: "--data", key: "store.path", value });
        Sources { config: self.config, environment, flags: flags.into_iter().collect(), ..Sources::default() }
    }
}

/// Carries out the command.
///
/// # Errors
/// When the terminal cannot be written, or standard input not be read.
pub fn run(cli: Cli, environment: Environment, terminal: &mut Terminal<'_>) -> io::Result<Exit> {
    // Those that hold many connections; all others stay as they were started.
    if matches!(cli.command, None | Some(Command::Demo(_) | Command::Serve(_) | Command::Nlp(_) | Command::Load(_)))
        && let Err(error) = app::raise_open_files()
    {
        writeln!(
            terminal.err,
            "warning: the limit of open files (ulimit -n) cannot be raised, so fewer connect: {error}"
        )?;
    }
    match cli.command {
        None => alone(terminal),
        Some(Command::Demo(args)) => demo::run(args, terminal),
        Some(Command::Serve(args)) => serve::run(args.sources(environment), terminal),
        Some(Command::Check(args)) => check::run(&args, environment, terminal),
        Some(Command::Lint(args)) => lint::run(&args, environment, terminal),
        Some(Command::Chat(args)) => chat::run(&args, environment, terminal),
        Some(Command::DefaultConfig { profile, r#type }) => default_config(profile, &r#type, terminal),
        Some(Command::Config(args)) => transfer::run(args, environment, terminal),
        Some(Command::Secret(args)) => secret::run(args, environment, terminal),
        Some(Command::Backup(args)) => backup::backup(args, &environment, terminal),
        Some(Command::Restore(args)) => backup::restore(args, &environment, terminal),
        Some(Command::Key(args)) => key::run(args, &environment, terminal),
        Some(Command::Connector(args)) => connector::run(args, &environment, terminal),
        Some(Command::Token(args)) => token::run(args, environment, terminal),
        Some(Command::Timeline(args)) => contact::timeline(args, environment, terminal),
        Some(Command::Erase(args)) => contact::erase(args, environment, terminal),
        Some(Command::Replay(args)) => replay::run(&args, environment, terminal),
        Some(Command::Test(args)) => test::run(&args, environment, terminal),
        Some(Command::Nlp(args)) => nlp::run(&args, terminal),
        Some(Command::Load(args)) => load::run(&args, &environment, terminal),
    }
}

fn default_config(profile: bool, kind: &str, terminal: &mut Terminal<'_>) -> io::Result<Exit> {
    if !profile {
        terminal.out.write_all(config::DEFAULT.as_bytes())?;
        return Ok(Exit::Done);
    }
    let schemas = crate::nlp::schemas();
    let Some(schema) = schemas.iter().find(|schema| schema.kind == kind) else {
        let known = config::nearest::quoted(schemas.iter().map(|schema| schema.kind));
        return usage(&format!("there is no language engine of type `{kind}`; there are {known}"), terminal);
    };
    terminal.out.write_all(config::default_profile(schema).as_bytes())?;
    Ok(Exit::Done)
}

/// `usher` and nothing else: the demo. Where somebody has configured a gateway they may mean that, so they are asked.
fn alone(terminal: &mut Terminal<'_>) -> io::Result<Exit> {
    if Path::new(config::FILE).exists() {
        let file = config::FILE;
        return usage(&format!("there is a {file} here: say `usher serve` to serve by it, or `usher demo`"), terminal);
    }
    demo::run(DemoArgs::default(), terminal)
}

/// The profile of a name and a business unit, or the only one.
fn profile_of(profiles: &[Arc<Profile>], name: Option<&str>, unit: Option<&str>) -> Result<Arc<Profile>, String> {
    let known = || {
        let names: Vec<_> = profiles.iter().map(|it| format!("{} (unit {})", it.name, it.unit)).collect();
        if names.is_empty() { "none is configured".to_owned() } else { format!("configured are {}", names.join(", ")) }
    };
    let matching: Vec<_> = profiles
        .iter()
        .filter(|it| name.is_none_or(|name| name == it.name.as_str()))
        .filter(|it| unit.is_none_or(|unit| unit == it.unit.as_str()))
        .collect();
    match (matching.as_slice(), name) {
        ([one], _) => Ok(Arc::clone(one)),
        ([], Some(name)) => Err(format!("there is no profile `{name}`: {}", known())),
        ([], None) => Err(format!("there is no profile to talk to: {}", known())),
        ([_, _, ..], _) => {
            Err(format!("several profiles could be meant, name one, and its unit with --unit: {}", known()))
        }
    }
}

/// The profile as if this engine of it was its primary; `None`: as it is.
fn with_engine(profile: Arc<Profile>, name: Option<&str>) -> Result<Arc<Profile>, String> {
    let Some(name) = name else { return Ok(profile) };
    let Some(engine) = profile.engines.find(name).cloned() else {
        let names: Vec<_> = profile.engines.all().map(|it| it.0).collect();
        return Err(format!("profile {} has no engine `{name}`: it has {}", profile.name, names.join(", ")));
    };
    let mut changed = Profile::clone(&profile);
    changed.engines.primary = engine;
    Ok(Arc::new(changed))
}

/// 0: one worker per core; 1: everything on the calling thread.
fn runtime(workers: usize) -> io::Result<Runtime> {
    let mut builder = if workers == 1 { Builder::new_current_thread() } else { Builder::new_multi_thread() };
    if workers > 1 {
        builder.worker_threads(workers);
    }
    builder.enable_all().build()
}

fn report(findings: &Findings, terminal: &mut Terminal<'_>) -> io::Result<Exit> {
    for finding in &findings.list {
        writeln!(terminal.err, "{}", finding.render(terminal.coloured))?;
    }
    let errors = findings.errors();
    writeln!(terminal.err, "{}", count(errors, findings.list.len() - errors))?;
    Ok(Exit::Config)
}

/// `2 errors, 1 warning`
fn count(errors: usize, warnings: usize) -> String {
    let of = |number: usize, noun: &str| match number {
        0 => None,
        1 => Some(format!("1 {noun}")),
        _ => Some(format!("{number} {noun}s")),
    };
    let parts: Vec<_> = [of(errors, "error"), of(warnings, "warning")].into_iter().flatten().collect();
    parts.join(", ")
}

fn usage(message: &str, terminal: &mut Terminal<'_>) -> io::Result<Exit> {
    writeln!(terminal.err, "error: {message}")?;
    Ok(Exit::Config)
}

/// The error and its sources, in one line.
fn fail(error: &anyhow::Error, terminal: &mut Terminal<'_>) -> io::Result<Exit> {
    writeln!(terminal.err, "error: {error:#}")?;
    Ok(Exit::of(error))
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_door_that_cannot_be_opened_has_its_own_code_whatever_is_said_around_it() {
        let source = io::Error::from(io::ErrorKind::AddrInUse);
        let refused: anyhow::Result<()> = Err(app::CannotConnect { what: "cannot listen".to_owned(), source }.into());
        assert_eq!(Exit::of(&refused.context("starting").unwrap_err()).code(), 3);
        assert_eq!(Exit::of(&anyhow::anyhow!("other")).code(), 1);
    }

    #[test]
    fn flags_become_settings() {
        let cli = Cli::parse_from(["usher", "serve", "--listen", "[::1]:1", "--durability", "async", "--workers", "2"]);
        let Some(Command::Serve(args)) = cli.command else { panic!("{:?}", cli.command) };
        let flags = args.sources(Environment::default()).flags;
        let flags: Vec<_> = flags.iter().map(|flag| (flag.name, flag.key, flag.value.as_str())).collect();
        assert_eq!(
            flags,
            [
                ("--listen", "server.listen", "[::1]:1"),
                ("--durability", "store.durability", "async"),
                ("--workers", "server.workers", "2"),
            ]
        );
    }

    #[test]
    fn counts_read_well() {
        assert_eq!(count(2, 1), "2 errors, 1 warning");
        assert_eq!(count(0, 2), "2 warnings");
    }
}
