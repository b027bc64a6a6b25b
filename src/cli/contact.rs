//! `usher timeline` and `usher erase`: what is kept of contacts, told and destroyed; and which of them a command is about.

use std::io;

use anyhow::Context as _;
use clap::Args;
use tokio::runtime::Runtime;

use super::{Exit, StoreArgs, Terminal, fail, report, runtime, usage};
use crate::{
    app,
    config::{Environment, Sources},
    core::ids::{ContactId, ContactName, Timestamp, UnitName},
};

/// Of contacts that are not named.
pub(super) const MAX_CONTACTS: usize = 10_000;

#[derive(Debug, Args)]
pub(super) struct TimelineArgs {
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    which: WhichArgs,
    /// The contacts' business unit [default: the only one]
    #[arg(long)]
    unit: Option<String>,
    /// Every record with its hash, for programs; of several contacts one document a line
    #[arg(long)]
    json: bool,
}

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

/// Which contacts.
#[derive(Debug, Args)]
pub(super) struct WhichArgs {
    /// The contacts' names, as the routing engine gave them
    #[arg(value_name = "CONTACT")]
    pub(super) contacts: Vec<String>,
    /// All that began on this day (UTC) or since: 2026-09-20, 2026-09-20T08:00:00Z
    #[arg(long, value_name = "DATE", conflicts_with = "contacts")]
    since: Option<String>,
    /// So many that began last
    #[arg(long, value_name = "N", conflicts_with = "contacts", value_parser = clap::value_parser!(u16).range(1..))]
    last: Option<u16>,
}

impl WhichArgs {
    /// Whether they are to be looked for.
    pub(super) const fn is_open(&self) -> bool {
        self.since.is_some() || self.last.is_some()
    }

    /// The named ones.
    ///
    /// # Errors
    /// When one is no name.
    pub(super) fn named(&self, unit: &UnitName) -> Result<Vec<ContactId>, String> {
        let name = |it: &String| ContactName::new(it).map_err(|reason| format!("the contact's name {reason}"));
        self.contacts.iter().map(|it| Ok(ContactId { unit: unit.clone(), name: name(it)? })).collect()
    }

    /// When those that are looked for began at the earliest.
    ///
    /// # Errors
    /// When it is no date.
    pub(super) fn since(&self) -> Result<Timestamp, String> {
        let Some(text) = self.since.as_deref() else { return Ok(Timestamp(0)) };
        let day = || text.parse::<jiff::civil::Date>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok();
        let moment = text.parse::<jiff::Timestamp>().ok().or_else(|| day().map(|it| it.timestamp()));
        let moment = moment.ok_or_else(|| format!("--since: {text} is no date such as 2026-09-20"))?;
        Ok(Timestamp(moment.as_millisecond()))
    }

    pub(super) fn most(&self) -> usize {
        self.last.map_or(MAX_CONTACTS, usize::from)
    }
}

/// Where recorded contacts are: a store, and the business unit in it.
pub(super) struct Shelf {
    store: std::path::PathBuf,
    environment: Environment,
    pub(super) unit: UnitName,
}

impl Shelf {
    /// `Err`: what to tell, and how the command ends.
    pub(super) fn find(
        sources: &Sources,
        unit: Option<String>,
        terminal: &mut Terminal<'_>,
    ) -> io::Result<Result<Self, Exit>> {
        let preview = match runtime(1)?.block_on(app::preview(sources)) {
            Ok(preview) => preview,
            Err(findings) => return report(&findings, terminal).map(Err),
        };
        // `--data` may name a demo's directory, as the demo prints it.
        let (store, unit) = match app::demo::gateway_of(&preview.store) {
            Some((store, demo)) => (store, unit.or_else(|| Some(demo.to_owned()))),
            None => (preview.store, unit),
        };
        let unit = match (unit, preview.units.as_slice()) {
            (Some(unit), _) => UnitName::try_from(unit),
            (None, [only]) => Ok(only.clone()),
            (None, units) => {
                let message = format!("there are {} business units: name one with --unit", units.len());
                return usage(&message, terminal).map(Err);
            }
        };
        let environment = sources.environment.clone();
        match unit {
            Ok(unit) => Ok(Ok(Self { store, environment, unit })),
            Err(reason) => usage(&format!("the business unit's name {reason}"), terminal).map(Err),
        }
    }

    /// Those that `which` means, oldest first.
    pub(super) fn contacts(&self, which: &WhichArgs, runtime: &Runtime) -> anyhow::Result<Vec<ContactId>> {
        if !which.is_open() {
            return which.named(&self.unit).map_err(anyhow::Error::msg);
        }
        let since = which.since().map_err(anyhow::Error::msg)?;
        runtime
            .block_on(app::begun(&self.store, &self.unit, since, which.most()))
            .with_context(|| format!("the store in {}", self.store.display()))
    }

    pub(super) fn timeline(&self, contact: &ContactId, json: bool, runtime: &Runtime) -> anyhow::Result<String> {
        runtime.block_on(app::timeline(&self.store, &self.environment, contact, json))
    }
}

pub(super) fn timeline(args: TimelineArgs, environment: Environment, terminal: &mut Terminal<'_>) -> io::Result<Exit> {
    let TimelineArgs { store, which, unit, json } = args;
    if which.contacts.is_empty() && !which.is_open() {
        return usage("name a contact, or give --last N or --since DATE", terminal);
    }
    if let Err(message) = which.since() {
        return usage(&message, terminal);
    }
    let shelf = match Shelf::find(&store.sources(environment), unit, terminal)? {
        Ok(shelf) => shelf,
        Err(exit) => return Ok(exit),
    };
    if let Err(message) = which.named(&shelf.unit) {
        return usage(&message, terminal);
    }
    let runtime = runtime(1)?;
    let contacts = match shelf.contacts(&which, &runtime) {
        Ok(contacts) => contacts,
        Err(error) => return fail(&error, terminal),
    };
    let several = contacts.len() != 1 || which.is_open();
    let mut exit = Exit::Done;
    for (at, contact) in contacts.iter().enumerate() {
        match shelf.timeline(contact, json, &runtime) {
            Ok(text) if several && json => {
                let document: serde_json::Value = serde_json::from_str(&text).map_err(io::Error::other)?;
                writeln!(terminal.out, "{document}")?;
            }
            Ok(text) => {
                let between = if several && at > 0 { "\n" } else { "" };
                write!(terminal.out, "{between}{text}")?;
            }
            Err(error) => exit = fail(&error, terminal)?,
        }
    }
    Ok(exit)
}

pub(super) fn erase(args: ContactArgs, environment: Environment, terminal: &mut Terminal<'_>) -> io::Result<Exit> {
    let shelf = match Shelf::find(&args.store.sources(environment), args.unit, terminal)? {
        Ok(shelf) => shelf,
        Err(exit) => return Ok(exit),
    };
    let contact = match ContactName::try_from(args.contact) {
        Ok(name) => ContactId { unit: shelf.unit, name },
        Err(reason) => return usage(&format!("the contact's name {reason}"), terminal),
    };
    match runtime(1)?.block_on(app::erase(&shelf.store, &contact)) {
        Ok(told) => {
            terminal.out.write_all(told.as_bytes())?;
            Ok(Exit::Done)
        }
        Err(error) => fail(&error, terminal),
    }
}
