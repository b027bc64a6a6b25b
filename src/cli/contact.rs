//! `usher timeline` and `usher erase`: what is kept of one contact, told and destroyed.

use std::{io, path::PathBuf};

use clap::Args;

use super::{Exit, StoreArgs, Terminal, fail, report, runtime, usage};
use crate::{
    app,
    config::{self, Environment},
    core::ids::{ContactId, ContactName, UnitName},
};

#[derive(Debug, Args)]
pub(super) struct ContactArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The contact's name, as the routing engine gave it
    contact: String,
    /// The contact's business unit [default: the only one]
    #[arg(long)]
    unit: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct TimelineArgs {
    #[command(flatten)]
    contact: ContactArgs,
    /// Every record with its hash, for programs
    #[arg(long)]
    json: bool,
}

pub(super) fn timeline(args: TimelineArgs, environment: Environment, terminal: &mut Terminal<'_>) -> io::Result<Exit> {
    let (store, contact) = match find(args.contact, environment.clone(), terminal)? {
        Ok(found) => found,
        Err(exit) => return Ok(exit),
    };
    match runtime(1)?.block_on(app::timeline(&store, &environment, &contact, args.json)) {
        Ok(text) => {
            terminal.out.write_all(text.as_bytes())?;
            Ok(Exit::Done)
        }
        Err(error) => fail(&error, terminal),
    }
}

pub(super) fn erase(args: ContactArgs, environment: Environment, terminal: &mut Terminal<'_>) -> io::Result<Exit> {
    let (store, contact) = match find(args, environment, terminal)? {
        Ok(found) => found,
        Err(exit) => return Ok(exit),
    };
    match runtime(1)?.block_on(app::erase(&store, &contact)) {
        Ok(told) => {
            terminal.out.write_all(told.as_bytes())?;
            Ok(Exit::Done)
        }
        Err(error) => fail(&error, terminal),
    }
}

/// The store's directory and the contact that is meant.
fn find(
    args: ContactArgs,
    environment: Environment,
    terminal: &mut Terminal<'_>,
) -> io::Result<Result<(PathBuf, ContactId), Exit>> {
    let sources = args.store.sources(environment);
    let preview = match config::preview(&sources) {
        Ok(preview) => preview,
        Err(findings) => return report(&findings, terminal).map(Err),
    };
    // `--data` may name a demo's directory, as the demo prints it.
    let (store, args_unit) = match app::demo::gateway_of(&preview.store) {
        Some((store, unit)) => (store, args.unit.or_else(|| Some(unit.to_owned()))),
        None => (preview.store, args.unit),
    };
    let unit = match (args_unit, preview.units.as_slice()) {
        (Some(unit), _) => UnitName::try_from(unit),
        (None, [only]) => Ok(only.clone()),
        (None, units) => {
            let message = format!("there are {} business units: name one with --unit", units.len());
            return usage(&message, terminal).map(Err);
        }
    };
    match (unit, ContactName::try_from(args.contact)) {
        (Ok(unit), Ok(name)) => Ok(Ok((store, ContactId { unit, name }))),
        (Err(reason), _) => usage(&format!("the business unit's name {reason}"), terminal).map(Err),
        (_, Err(reason)) => usage(&format!("the contact's name {reason}"), terminal).map(Err),
    }
}
