//! `usher nlp`: the offline Dialogflow.

mod evaluate;

use std::io;

use clap::{Args, Subcommand};

use super::{Exit, Terminal};

#[derive(Debug, Args)]
pub(super) struct NlpArgs {
    #[command(subcommand)]
    command: NlpCommand,
}

#[derive(Debug, Subcommand)]
enum NlpCommand {
    /// Measure how well an agent's phrases tell its intents apart
    Evaluate(evaluate::EvaluateArgs),
}

pub(super) fn run(args: &NlpArgs, terminal: &mut Terminal<'_>) -> io::Result<Exit> {
    match &args.command {
        NlpCommand::Evaluate(args) => evaluate::run(args, terminal),
    }
}
