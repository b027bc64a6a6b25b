//! `usher nlp`: the offline Dialogflow, serving an agent's export or measuring it.

mod evaluate;

use std::{io, net::SocketAddr, path::PathBuf};

use clap::{Args, Subcommand};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

use super::{Exit, Terminal, runtime, usage};
use crate::{
    clock::Clock,
    offline_nlp::{
        agent::Agent,
        load::{self, LoadError, Loaded, Remark},
        server::{Options, Server},
    },
};

const DEFAULT_ADDRESS: &str = "127.0.0.1:7403";

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct NlpArgs {
    #[command(subcommand)]
    command: Option<NlpCommand>,
    #[command(flatten)]
    serve: Option<ServeArgs>,
}

#[derive(Debug, Subcommand)]
enum NlpCommand {
    /// Measure how well an agent's phrases tell its intents apart
    Evaluate(evaluate::EvaluateArgs),
}

#[derive(Debug, Args)]
struct ServeArgs {
    /// The agent: a Dialogflow ES export, as directory or zip
    #[arg(long, value_name = "DIR|ZIP")]
    agent: PathBuf,
    /// Address to serve at
    #[arg(long, value_name = "ADDRESS", default_value = DEFAULT_ADDRESS)]
    listen: String,
    /// Serve other machines, too: whoever reaches the address may talk to the agent and read every session
    #[arg(long)]
    allow_remote: bool,
}

pub(super) fn run(args: &NlpArgs, terminal: &mut Terminal<'_>) -> io::Result<Exit> {
    match (&args.command, &args.serve) {
        (Some(NlpCommand::Evaluate(args)), _) => evaluate::run(args, terminal),
        (None, Some(args)) => serve(args, terminal),
        (None, None) => usage("name the agent's export: --agent DIR|ZIP", terminal),
    }
}

fn serve(args: &ServeArgs, terminal: &mut Terminal<'_>) -> io::Result<Exit> {
    let address: SocketAddr = match args.listen.parse() {
        Ok(address) => address,
        Err(_no_address) => {
            return usage("--listen is not an address of the form 127.0.0.1:7403 or [::1]:7403", terminal);
        }
    };
    if !address.ip().is_loopback() && !args.allow_remote {
        let message = format!(
            "--listen {address} is open to other machines, and this server asks for no credentials: give --allow-remote if that is meant"
        );
        return usage(&message, terminal);
    }
    let Some(loaded) = load(args, terminal)? else { return Ok(Exit::Config) };
    runtime(0)?.block_on(serve_at(address, loaded.agent, terminal))
}

/// The agent, with what its export left to be desired told; `None`: there is none, and that was told.
fn load(args: &ServeArgs, terminal: &mut Terminal<'_>) -> io::Result<Option<Loaded>> {
    let told = |remarks: &[Remark], terminal: &mut Terminal<'_>| -> io::Result<()> {
        for remark in remarks {
            let kind = if remark.is_error { "error" } else { "warning" };
            writeln!(terminal.err, "{kind}: {remark}")?;
        }
        Ok(())
    };
    match load::open(&args.agent) {
        Ok(loaded) => {
            told(&loaded.report, terminal)?;
            Ok(Some(loaded))
        }
        Err(error) => {
            let error: LoadError = error;
            told(error.report(), terminal)?;
            writeln!(terminal.err, "error: {error}")?;
            Ok(None)
        }
    }
}

async fn serve_at(address: SocketAddr, agent: Agent, terminal: &mut Terminal<'_>) -> io::Result<Exit> {
    let listener = match TcpListener::bind(address).await {
        Ok(listener) => listener,
        Err(error) => {
            let busy = error.kind() == io::ErrorKind::AddrInUse;
            let hint = if busy { ": another program listens there; give another --listen" } else { "" };
            writeln!(terminal.err, "error: cannot listen at {address}: {error}{hint}")?;
            return Ok(Exit::CannotConnect);
        }
    };
    let about = about(&agent);
    let server = match Server::start(listener, agent, Options::default(), Clock::system()).await {
        Ok(server) => server,
        Err(error) => {
            writeln!(terminal.err, "error: {error}")?;
            return Ok(Exit::Failed);
        }
    };
    if let Some(fault) = server.webhook_fault() {
        writeln!(terminal.err, "warning: {fault}: intents that use it answer with their own texts")?;
    }
    writeln!(terminal.out, "{about}\nserving http://{} (gRPC and REST)", server.address())?;
    terminal.out.flush()?;
    ended().await?;
    server.stop().await?;
    Ok(Exit::Done)
}

/// `agent Test Cafe: 14 intents, 3 entities, languages en, de`
fn about(agent: &Agent) -> String {
    let (intents, entities) = (agent.intents.len(), agent.entities.len());
    format!("agent {}: {intents} intents, {entities} entities, languages {}", agent.name, agent.languages.join(", "))
}

/// Until a signal asks for the end.
async fn ended() -> io::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    }
}
