//! `usher token`

use std::{io, path::Path, time::Duration};

use clap::{Args, Subcommand};
use secrecy::ExposeSecret as _;

use super::{Exit, StoreArgs, Terminal, fail, report, runtime, usage};
use crate::{
    app::{self, TokenOf},
    clock::Clock,
    config::{Environment, Sources, nearest::nearest},
    core::ids::{ProfileName, Timestamp, UnitName},
    store::ConnectorToken,
};

#[derive(Debug, Args)]
pub(super) struct TokenArgs {
    #[command(flatten)]
    store: StoreArgs,
    #[command(subcommand)]
    command: TokenCommand,
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    /// Make a new token for a profile's connector and print it, this once; the old one is good for a while yet
    Reload(ReloadArgs),
    /// List whose tokens there are, never the tokens
    List,
}

#[derive(Debug, Args)]
struct ReloadArgs {
    /// The profile that the connector serves
    profile: String,
    /// The profile's business unit [default: the only one]
    #[arg(long, value_name = "NAME")]
    unit: Option<String>,
    /// Which of the profile's connectors, where it has several: their `connector.token_name`
    #[arg(long, value_name = "NAME", default_value = "")]
    name: String,
    /// How long the token before this one stays good; then it is refused, and sockets that came by it are closed
    #[arg(long, value_name = "N", default_value_t = 15, value_parser = clap::value_parser!(u32).range(0..=525_600))]
    grace_minutes: u32,
}

pub(super) fn run(args: TokenArgs, environment: Environment, terminal: &mut Terminal<'_>) -> io::Result<Exit> {
    let sources = args.store.sources(environment);
    let preview = match runtime(1)?.block_on(app::preview(&sources)) {
        Ok(preview) => preview,
        Err(findings) => return report(&findings, terminal),
    };
    // `--data` may name a demo's directory, as the demo prints it.
    let demo = app::demo::gateway_of(&preview.store);
    let store = demo.as_ref().map_or(&preview.store, |(store, _)| store).clone();
    match args.command {
        TokenCommand::List => list(&store, terminal),
        TokenCommand::Reload(args) => {
            let units: Vec<&str> = match &demo {
                Some((_, unit)) => vec![unit],
                None => preview.units.iter().map(UnitName::as_str).collect(),
            };
            reload(&args, &store, &units, (&sources, demo.is_some()), terminal)
        }
    }
}

fn reload(
    args: &ReloadArgs,
    store: &Path,
    units: &[&str],
    (sources, is_demo): (&Sources, bool),
    terminal: &mut Terminal<'_>,
) -> io::Result<Exit> {
    let unit = match (args.unit.as_deref(), units) {
        (Some(unit), _) => unit,
        (None, [only]) => only,
        (None, units) => {
            return usage(&format!("there are {} business units: name one with --unit", units.len()), terminal);
        }
    };
    if !units.contains(&unit) {
        return usage(&format!("there is no business unit {unit}{}", meant(unit, units.iter().copied())), terminal);
    }
    let (unit, profile) = match (UnitName::new(unit), ProfileName::new(&args.profile)) {
        (Ok(unit), Ok(profile)) => (unit, profile),
        (Err(reason), _) => return usage(&format!("the business unit's name {reason}"), terminal),
        (_, Err(reason)) => return usage(&format!("the profile's name {reason}"), terminal),
    };
    let of = TokenOf { unit, profile, name: args.name.clone() };
    if !is_demo && let Err(problem) = check_profile(&of, sources, terminal)? {
        return usage(&problem, terminal);
    }
    let grace = Duration::from_secs(u64::from(args.grace_minutes) * 60);
    match runtime(1)?.block_on(app::reload_connector_token(store, of, grace)) {
        Ok(token) => {
            writeln!(terminal.out, "{}", token.expose_secret())?;
            writeln!(
                terminal.err,
                "This is the only time that the token is shown. The one before it is good for {} minutes more.",
                args.grace_minutes
            )?;
            Ok(Exit::Done)
        }
        Err(error) => fail(&error, terminal),
    }
}

/// A slip of the pen would make a token that opens nothing. Where the configuration cannot be read, that is only said.
fn check_profile(of: &TokenOf, sources: &Sources, terminal: &mut Terminal<'_>) -> io::Result<Result<(), String>> {
    let Ok(loaded) = runtime(1)?.block_on(app::load(sources)) else {
        let profile = &of.profile;
        writeln!(terminal.err, "warning: whether there is a profile {profile} is not known: `usher check` says why")?;
        return Ok(Ok(()));
    };
    let here: Vec<_> = loaded.settings.profiles.iter().filter(|it| it.unit == of.unit).collect();
    let Some(profile) = here.iter().find(|it| it.name == of.profile) else {
        let names = here.iter().map(|it| it.name.as_str());
        let meant = meant(of.profile.as_str(), names);
        return Ok(Err(format!("business unit {} has no profile {}{meant}", of.unit, of.profile)));
    };
    let is_expected = app::token_names(profile).any(|it| it == of.name);
    if !is_expected {
        writeln!(
            terminal.err,
            "warning: no language engine of profile {} is a connector with this token: see `type` and `connector.token_name`",
            of.profile
        )?;
    }
    Ok(Ok(()))
}

fn meant<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> String {
    nearest(word, known).map_or_else(String::new, |it| format!(": did you mean {it}?"))
}

fn list(store: &Path, terminal: &mut Terminal<'_>) -> io::Result<Exit> {
    match runtime(1)?.block_on(app::connector_tokens(store)) {
        Ok(tokens) => {
            let now = Clock::system().now();
            for token in tokens {
                writeln!(terminal.out, "{}", line(&token, now))?;
            }
            Ok(Exit::Done)
        }
        Err(error) => fail(&error, terminal),
    }
}

/// `sales/support  1f0c2d4e  made 2027-01-04T09:30:00Z  current`
fn line(token: &ConnectorToken, now: Timestamp) -> String {
    let time =
        |at: Timestamp| jiff::Timestamp::from_millisecond(at.0).unwrap_or_default().strftime("%FT%TZ").to_string();
    let name = if token.name.is_empty() { String::new() } else { format!(" ({})", token.name) };
    let [a, b, c, d, ..] = token.sha256;
    let state = match token.valid_until {
        None => "current".to_owned(),
        Some(until) if until > now => format!("good until {}", time(until)),
        Some(until) => format!("over since {}", time(until)),
    };
    format!(
        "{}/{}{name}  sha256 {a:02x}{b:02x}{c:02x}{d:02x}…  made {}  {state}",
        token.unit,
        token.profile,
        time(token.made_at)
    )
}
