//! `usher connector`: to develop a connector without writing one, and without a gateway.

mod client;
mod echo;
mod listen;
mod show;
mod trigger;

use std::{fs, io, path::PathBuf};

use clap::{Args, Subcommand};
use secrecy::SecretString;

use super::{Exit, Terminal, usage};
use crate::config::Environment;

#[derive(Debug, Args)]
pub(super) struct ConnectorArgs {
    #[command(subcommand)]
    command: ConnectorCommand,
}

#[derive(Debug, Subcommand)]
enum ConnectorCommand {
    /// Attach to a gateway and say back what customers say
    Echo(echo::EchoArgs),
    /// Attach to a gateway, print every frame, and answer turns by hand: type a line, or `/help`
    Listen(listen::ListenArgs),
    /// Stand in for a gateway: wait for your connector, give it a turn, check and print what it answers
    Trigger(Box<trigger::TriggerArgs>),
}

/// How a connector dials in.
#[derive(Debug, Args)]
struct DialArgs {
    /// The gateway's door for connectors: ws:// or wss://
    #[arg(long, value_name = "URL", default_value = "ws://127.0.0.1:7402")]
    url: http::Uri,
    /// The profile's connector token; others on this machine can see it here, so rather use one of the next two
    #[arg(long, value_name = "TOKEN", conflicts_with_all = ["token_env", "token_file"])]
    token: Option<String>,
    /// Environment variable that holds the token
    #[arg(long, value_name = "NAME", default_value = "CONNECTOR_TOKEN")]
    token_env: String,
    /// File that holds the token
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Certificate authority of the gateway, as a PEM file, beside the public ones
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// What to call ourselves, for the gateway's log
    #[arg(long, value_name = "NAME", default_value = concat!("usher-cli/", env!("CARGO_PKG_VERSION")))]
    name: String,
    /// Turns that we want at a time [default: as many as the profile allows]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    credits: Option<u32>,
}

impl DialArgs {
    fn token(&self, environment: &Environment) -> Result<SecretString, String> {
        let token = match (&self.token, &self.token_file) {
            (Some(token), _) => token.clone(),
            (None, Some(file)) => fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?,
            (None, None) => environment.get(&self.token_env).map(str::to_owned).ok_or_else(|| {
                format!(
                    "put the profile's token into {}, or name a file with --token-file; \
                     `usher token reload PROFILE` makes one",
                    self.token_env
                )
            })?,
        };
        let token = token.trim();
        if token.is_empty() { Err("the token is empty".to_owned()) } else { Ok(token.into()) }
    }
}

pub(super) fn run(args: ConnectorArgs, environment: &Environment, terminal: &mut Terminal<'_>) -> io::Result<Exit> {
    let told = match args.command {
        ConnectorCommand::Echo(args) => echo::run(&args, environment, terminal),
        ConnectorCommand::Listen(args) => listen::run(&args, environment, terminal),
        ConnectorCommand::Trigger(args) => trigger::run(*args, terminal),
    };
    match told {
        Ok(exit) => Ok(exit),
        Err(Stop::Usage(message)) => usage(&message, terminal),
        Err(Stop::CannotConnect(message)) => {
            writeln!(terminal.err, "error: {message}")?;
            Ok(Exit::CannotConnect)
        }
        Err(Stop::Io(error)) => Err(error),
    }
}

/// Why a command ends early.
#[derive(Debug, thiserror::Error)]
enum Stop {
    #[error("{0}")]
    Usage(String),
    #[error("{0}")]
    CannotConnect(String),
    #[error(transparent)]
    Io(#[from] io::Error),
}
