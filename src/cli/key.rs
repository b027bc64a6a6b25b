//! `usher key`

use std::io;

use clap::{Args, Subcommand};

use super::{
    Exit, StoreArgs, Terminal,
    backup::{lines, place},
    fail, runtime,
};
use crate::{app::keeping, config::Environment};

#[derive(Debug, Args)]
pub(super) struct KeyArgs {
    #[command(flatten)]
    store: StoreArgs,
    #[command(subcommand)]
    command: KeyCommand,
}

#[derive(Debug, Subcommand)]
enum KeyCommand {
    /// Tell the key's id and where it comes from, never the key
    Show,
    /// Seal everything under another key; no gateway may run meanwhile. The new one is made, or given as `USHER_MASTER_KEY_NEXT`
    Rotate,
}

pub(super) fn run(args: KeyArgs, environment: &Environment, terminal: &mut Terminal<'_>) -> io::Result<Exit> {
    let directory = match place(args.store, environment, terminal)? {
        Ok(directory) => directory,
        Err(exit) => return Ok(exit),
    };
    let told = match args.command {
        KeyCommand::Show => runtime(1)?.block_on(keeping::key_told(&directory, environment)),
        KeyCommand::Rotate => {
            let done = keeping::rotate(&directory, environment, keeping::BY_COMMAND);
            runtime(1)?.block_on(done).map(|told| lines(&told))
        }
    };
    match told {
        Ok(told) => {
            terminal.out.write_all(told.as_bytes())?;
            Ok(Exit::Done)
        }
        Err(error) => fail(&error, terminal),
    }
}
