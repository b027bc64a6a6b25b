//! `usher backup` and `usher restore`.

use std::{io, path::PathBuf};

use clap::Args;

use super::{Exit, StoreArgs, Terminal, fail, report, runtime};
use crate::{
    app::{self, keeping::Restore},
    config::{self, Environment},
    core::said::Said,
};

#[derive(Debug, Args)]
pub(super) struct BackupArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The file to write, or a directory for a file named by the time
    target: PathBuf,
    /// Put the master key in: whoever has the file can read everything
    #[arg(long)]
    with_key: bool,
}

#[derive(Debug, Args)]
pub(super) struct RestoreArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The backup
    file: PathBuf,
    /// Look whether it is good, and change nothing; a gateway may run
    #[arg(long, conflicts_with_all = ["replace", "keep_contacts"])]
    check: bool,
    /// Put the store aside that is there
    #[arg(long)]
    replace: bool,
    /// The master key's file, where it is not in the store's directory
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Contacts that were open go on: right only if no gateway has run since the backup was made, as in a move to another machine
    #[arg(long)]
    keep_contacts: bool,
}

/// Where the store is; `Err`: how the command ends.
pub(super) fn place(
    store: StoreArgs,
    environment: &Environment,
    terminal: &mut Terminal<'_>,
) -> io::Result<Result<PathBuf, Exit>> {
    match config::preview(&store.sources(environment.clone())) {
        // `--data` may name a demo's directory, as the demo prints it.
        Ok(preview) => Ok(Ok(app::demo::gateway_of(&preview.store).map_or(preview.store, |(store, _)| store))),
        Err(findings) => report(&findings, terminal).map(Err),
    }
}

/// Each on a line of its own.
pub(super) fn lines(told: &[Said]) -> String {
    told.iter().map(|it| format!("{it}\n")).collect()
}

pub(super) fn backup(args: BackupArgs, environment: &Environment, terminal: &mut Terminal<'_>) -> io::Result<Exit> {
    let directory = match place(args.store, environment, terminal)? {
        Ok(directory) => directory,
        Err(exit) => return Ok(exit),
    };
    let done = runtime(1)?.block_on(app::keeping::backup(&directory, environment, &args.target, args.with_key));
    match done {
        Ok(done) => {
            terminal.out.write_all(done.told.as_bytes())?;
            if done.with_key {
                let file = done.file.display();
                writeln!(terminal.err, "warning: whoever has {file} can read every contact and every secret")?;
            }
            Ok(Exit::Done)
        }
        Err(error) => fail(&error, terminal),
    }
}

pub(super) fn restore(args: RestoreArgs, environment: &Environment, terminal: &mut Terminal<'_>) -> io::Result<Exit> {
    let directory = match place(args.store, environment, terminal)? {
        Ok(directory) => directory,
        Err(exit) => return Ok(exit),
    };
    let RestoreArgs { file, check, replace, key, keep_contacts, .. } = args;
    let done = runtime(1)?.block_on(async {
        let key = key.map(|path| app::keeping::named_key(&path)).transpose()?;
        if check {
            return app::keeping::check(&directory, environment, &file, key.as_ref()).await;
        }
        let shown = Said::foreign(file.display().to_string());
        let order = Restore { file, shown, replace, key, keep_contacts, by: app::keeping::BY_COMMAND.to_owned() };
        // Whether a gateway can begin with it is seen when one does: its files may come later.
        let done = app::keeping::restore(&directory, environment, order, async |_, _| Ok(())).await;
        done.map(|it| lines(&it.told))
    });
    match done {
        Ok(told) => {
            terminal.out.write_all(told.as_bytes())?;
            Ok(Exit::Done)
        }
        Err(error) => fail(&error, terminal),
    }
}
