//! `usher load`

use std::{fs, io, path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};
use http::Uri;
use secrecy::SecretString;

use super::{Exit, Terminal, runtime, usage};
use crate::{
    config::{
        Environment,
        settings::{Log, LogFormat},
    },
    switchboard::{
        link::{LinkConfig, Pace},
        load::{LINES, LoadError, Plan, chat, contacts, report::Report},
    },
    telemetry,
};

const MAX_SCRIPT_BYTES: u64 = 1 << 20;

#[derive(Debug, Args)]
pub(super) struct LoadArgs {
    /// How many contacts talk at the same time
    #[arg(long, value_name = "N")]
    contacts: usize,
    /// Messages in a second, of all contacts together
    #[arg(long, value_name = "R")]
    rate: f64,
    /// For how long
    #[arg(long = "for", value_name = "SECONDS", default_value_t = 10.0)]
    lasting: f64,
    /// Talk as customers of the web chat at this address, in place of attaching as a routing engine
    #[arg(long, value_name = "URI", conflicts_with_all = ["gateway", "token_env", "token_file", "engine_id", "unit", "lanes", "agent", "media"])]
    chat: Option<Uri>,
    /// The gateway's door for routing engines
    #[arg(long, value_name = "URI", default_value = "http://127.0.0.1:7400")]
    gateway: Uri,
    /// Environment variable that holds the engine's token
    #[arg(long, value_name = "NAME", default_value = "ENGINE_TOKEN")]
    token_env: String,
    /// File that holds the engine's token
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Attach as this engine; another one that is attached under this id loses its lanes
    #[arg(long, value_name = "ID", default_value = "switchboard")]
    engine_id: String,
    /// Business unit
    #[arg(long, value_name = "NAME", default_value = "DEMO")]
    unit: String,
    /// Streams to the gateway
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    lanes: u32,
    /// User id of the virtual agent that the contacts talk to
    #[arg(long, value_name = "USER", default_value = "va-1")]
    agent: String,
    /// The contacts' media type
    #[arg(long, value_enum, default_value = "web")]
    media: MediaArg,
    /// File of lines; each contact says them from the first on, and over again
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
    /// The contacts' language [default: the profile's, or en for the chat]
    #[arg(long, value_name = "TAG", default_value = "", hide_default_value = true)]
    language: String,
    /// How long an answer may take before its message counts as lost
    #[arg(long, value_name = "SECONDS", default_value_t = 30.0)]
    patience: f64,
    /// Print figures as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum MediaArg {
    Open,
    Web,
}

pub(super) fn run(args: &LoadArgs, environment: &Environment, terminal: &mut Terminal<'_>) -> io::Result<Exit> {
    let plan = match plan(args) {
        Ok(plan) => plan,
        Err(why) => return usage(&why, terminal),
    };
    let token = match token(args, environment) {
        Ok(token) => token,
        Err(why) => return usage(&why, terminal),
    };
    let ran = runtime(0)?.block_on(async {
        // Why the gateway does not let us in is in the link's warnings.
        let log = Log { format: LogFormat::Pretty, filter: "warn".to_owned() };
        if let Err(why) = telemetry::start(&log, None) {
            writeln!(terminal.err, "error: {why}")?;
        }
        Ok::<_, io::Error>(match &args.chat {
            Some(server) => chat::run(&plan, server).await,
            None => contacts::run(&plan, &callee(args), link(args, &plan, token)).await,
        })
    })?;
    match ran {
        Ok(report) => show(&report, args.json, terminal),
        Err(error @ LoadError::Plan(_)) => usage(&error.to_string(), terminal),
        Err(error) => {
            let exit = match &error {
                LoadError::NotAttached { .. } | LoadError::Chat(_) => Exit::CannotConnect,
                LoadError::Plan(_)
                | LoadError::NotLoggedOn { .. }
                | LoadError::NotOpened { .. }
                | LoadError::Stopped(_) => Exit::Failed,
            };
            writeln!(terminal.err, "error: {:#}", anyhow::Error::from(error))?;
            Ok(exit)
        }
    }
}

fn show(report: &Report, json: bool, terminal: &mut Terminal<'_>) -> io::Result<Exit> {
    if json {
        serde_json::to_writer_pretty(&mut *terminal.out, report)?;
        writeln!(terminal.out)?;
    } else {
        write!(terminal.out, "{report}")?;
    }
    Ok(if report.is_clean() { Exit::Done } else { Exit::Failed })
}

fn plan(args: &LoadArgs) -> Result<Plan, String> {
    let lines = match &args.script {
        None => LINES.iter().map(|line| (*line).to_owned()).collect(),
        Some(file) => {
            let said = |why: &dyn std::fmt::Display| format!("--script {}: {why}", file.display());
            let bytes = fs::metadata(file).map_err(|why| said(&why))?.len();
            if bytes > MAX_SCRIPT_BYTES {
                return Err(said(&format_args!("{bytes} bytes are above the limit of {MAX_SCRIPT_BYTES}")));
            }
            let text = fs::read_to_string(file).map_err(|why| said(&why))?;
            text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect()
        }
    };
    let seconds =
        |name: &str, value: f64| Duration::try_from_secs_f64(value).map_err(|why| format!("{name} {value}: {why}"));
    Ok(Plan {
        contacts: args.contacts,
        rate: args.rate,
        lasting: seconds("--for", args.lasting)?,
        lines,
        language: args.language.clone(),
        patience: seconds("--patience", args.patience)?,
        run: rand::random(),
    })
}

/// Empty for the chat, which wants none.
fn token(args: &LoadArgs, environment: &Environment) -> Result<SecretString, String> {
    if args.chat.is_some() {
        return Ok(SecretString::default());
    }
    if let Some(file) = &args.token_file {
        let text = fs::read_to_string(file).map_err(|why| format!("--token-file {}: {why}", file.display()))?;
        return Ok(text.trim().into());
    }
    let name = &args.token_env;
    let missing = || format!("the environment has no {name}: put the engine's token there, or name a --token-file");
    environment.get(name).map(SecretString::from).ok_or_else(missing)
}

fn callee(args: &LoadArgs) -> contacts::Callee {
    let media = match args.media {
        MediaArg::Open => contacts::Media::Open,
        MediaArg::Web => contacts::Media::Web,
    };
    contacts::Callee { agent: args.agent.clone(), media }
}

fn link(args: &LoadArgs, plan: &Plan, token: SecretString) -> LinkConfig {
    LinkConfig {
        gateway: args.gateway.clone(),
        token,
        engine_id: args.engine_id.clone(),
        unit: args.unit.clone(),
        lanes: args.lanes,
        seed: plan.run,
        pace: Pace::default(),
    }
}
