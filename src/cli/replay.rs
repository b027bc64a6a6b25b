//! `usher replay`

use std::{
    collections::HashSet,
    fs::File,
    io::{self, BufReader, Read as _},
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use serde_json::json;
use tokio::runtime::Runtime;

use super::{
    Exit, StoreArgs, Terminal,
    contact::{MAX_CONTACTS, Shelf, WhichArgs},
    fail, profile_of, report, runtime, usage, with_engine,
};
use crate::{
    app::{
        self,
        converse::{Conversation, Manner},
        replay::{self, Document, Pace, Summary, Told},
    },
    clock::Clock,
    config::{Environment, Sources},
    core::{ids::ContactName, message::MediaType},
};

/// Of a file of exports.
const MAX_FILE_BYTES: u64 = 1024 * 1024 * 1024;
const TIMELINE: &str = "timeline";

#[derive(Debug, Args)]
pub(super) struct ReplayArgs {
    /// What was recorded: `timeline` is the store's journal, anything else a file as `usher timeline --json` writes it
    #[arg(long, value_name = "timeline|FILE", default_value = TIMELINE)]
    from: String,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    which: WhichArgs,
    /// The profile whose engine is asked [default: the only one]
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Which of the profile's engines: a standby's name, canary or shadow [default: primary]
    #[arg(long, value_name = "NAME")]
    engine: Option<String>,
    /// The business unit of the contacts and the profile [default: the only one]
    #[arg(long, value_name = "NAME")]
    unit: Option<String>,
    /// Directory of the profiles [default: profiles beside the configuration file, if it is there]
    #[arg(long, value_name = "DIR")]
    profiles: Option<PathBuf>,
    /// Questions a second, at most; 0: as fast as they are answered
    #[arg(long, value_name = "N", default_value = "10", value_parser = clap::value_parser!(u32).range(0..=1000))]
    per_second: u32,
    /// Turns of one contact, at most
    #[arg(long, value_name = "N", default_value = "1000", value_parser = clap::value_parser!(u32).range(1..))]
    max_turns: u32,
    /// Tell of actions and what goes along with them alone
    #[arg(long)]
    only_actions: bool,
    /// One document with every turn, for programs
    #[arg(long)]
    json: bool,
}

#[expect(clippy::too_many_lines, reason = "one way from arguments to an exit code, each step with its own end")]
pub(super) fn run(args: &ReplayArgs, environment: Environment, terminal: &mut Terminal<'_>) -> io::Result<Exit> {
    let from_file = args.from != TIMELINE;
    if from_file && args.which.is_open() {
        return usage("--since and --last are for --from timeline: name the contacts of a file, or take all", terminal);
    }
    if !from_file && args.which.contacts.is_empty() && !args.which.is_open() {
        return usage("name the contacts, or give --last N or --since DATE", terminal);
    }
    if let Err(message) = args.which.since() {
        return usage(&message, terminal);
    }
    let runtime = runtime(2)?;
    let store = args.store.clone().sources(environment);
    let sources = Sources { profiles: args.profiles.clone(), ..store.clone() };
    let loaded = match runtime.block_on(app::load(&sources)) {
        Ok(loaded) => loaded,
        Err(findings) => return report(&findings, terminal),
    };
    let profile = match profile_of(&loaded.settings.profiles, args.profile.as_deref(), args.unit.as_deref())
        .and_then(|it| with_engine(it, args.engine.as_deref()))
    {
        Ok(profile) => profile,
        Err(message) => return usage(&message, terminal),
    };
    let unit = args.unit.clone().unwrap_or_else(|| profile.unit.to_string());
    let mut source = if from_file {
        match read_file(Path::new(&args.from), &args.which.contacts) {
            Ok(documents) => Source::File(documents.into_iter()),
            Err(message) => return usage(&message, terminal),
        }
    } else {
        let shelf = match Shelf::find(&store, Some(unit), terminal)? {
            Ok(shelf) => shelf,
            Err(exit) => return Ok(exit),
        };
        match shelf.contacts(&args.which, &runtime) {
            Ok(contacts) => Source::Timeline(Box::new(shelf), contacts.into_iter()),
            Err(error) => return fail(&error, terminal),
        }
    };
    let clock = Clock::system();
    let name = format!("replay-{}", clock.now().0);
    let manner = Manner {
        language: None,
        media: MediaType::WebInteraction,
        name: ContactName::new(&name).map_err(io::Error::other)?,
    };
    let opened = {
        let _within = runtime.enter();
        Conversation::with(&profile, &loaded.settings.egress, manner, clock)
    };
    let conversation = match opened {
        Ok(conversation) => conversation,
        Err(error) => return fail(&error, terminal),
    };
    let mut replay = Replay {
        runtime: &runtime,
        conversation: &conversation,
        run: &name,
        pace: Pace {
            every: Duration::from_secs(1).checked_div(args.per_second).unwrap_or_default(),
            max_turns: usize::try_from(args.max_turns).unwrap_or(usize::MAX),
        },
        told: if args.only_actions { Told::OnlyActions } else { Told::Everything },
        json: args.json,
        sum: Summary::default(),
        contacts: Vec::new(),
        failed: false,
    };
    replay.all(&mut source, terminal)?;
    let exit = replay.end(profile.name.as_str(), profile.unit.as_str(), terminal)?;
    match runtime.block_on(conversation.end()) {
        Ok(()) => Ok(exit),
        Err(error) => fail(&error, terminal),
    }
}

/// Where the recorded contacts come from, one at a time.
enum Source {
    File(std::vec::IntoIter<Document>),
    Timeline(Box<Shelf>, std::vec::IntoIter<crate::core::ids::ContactId>),
}

impl Source {
    fn next(&mut self, runtime: &Runtime) -> Option<anyhow::Result<Document>> {
        match self {
            Self::File(documents) => documents.next().map(Ok),
            Self::Timeline(shelf, contacts) => {
                let contact = contacts.next()?;
                Some(shelf.timeline(&contact, true, runtime).and_then(|text| {
                    let one = replay::documents(text.as_bytes(), 1)?;
                    one.into_iter().next().ok_or_else(|| anyhow::anyhow!("no timeline of contact {}", contact.name))
                }))
            }
        }
    }
}

fn read_file(path: &Path, named: &[String]) -> Result<Vec<Document>, String> {
    let shown = path.display();
    let file = File::open(path).map_err(|error| format!("cannot read {shown}: {error}"))?;
    let documents = replay::documents(BufReader::new(file.take(MAX_FILE_BYTES)), MAX_CONTACTS);
    let documents = documents.map_err(|error| format!("{shown}: {error}"))?;
    if named.is_empty() {
        return Ok(documents);
    }
    let mut missing: HashSet<&str> = named.iter().map(String::as_str).collect();
    let chosen: Vec<Document> = documents
        .into_iter()
        .filter(|it| {
            missing.remove(it.contact.name.as_str());
            named.iter().any(|name| name == it.contact.name.as_str())
        })
        .collect();
    match missing.into_iter().min() {
        Some(name) => Err(format!("{shown} holds no contact {name}")),
        None => Ok(chosen),
    }
}

struct Replay<'a> {
    runtime: &'a Runtime,
    conversation: &'a Conversation,
    run: &'a str,
    pace: Pace,
    told: Told,
    json: bool,
    sum: Summary,
    /// In JSON.
    contacts: Vec<serde_json::Value>,
    /// A contact's timeline could not be read.
    failed: bool,
}

impl Replay<'_> {
    fn all(&mut self, source: &mut Source, terminal: &mut Terminal<'_>) -> io::Result<()> {
        let mut number = 0;
        while let Some(document) = source.next(self.runtime) {
            number += 1;
            let replayed = document.and_then(|document| {
                if !document.unaltered {
                    writeln!(terminal.err, "warning: the timeline of contact {} was altered", document.contact.name)?;
                }
                self.runtime.block_on(replay::contact(self.conversation, &document, (self.run, number), self.pace))
            });
            match replayed {
                Ok(contact) => {
                    self.sum.add(&contact);
                    if self.json {
                        self.contacts.push(contact.as_json(self.told));
                    } else {
                        terminal.out.write_all(contact.tell(self.told).as_bytes())?;
                        terminal.out.flush()?;
                    }
                }
                Err(error) => {
                    self.failed = true;
                    writeln!(terminal.err, "error: {error:#}")?;
                }
            }
        }
        Ok(())
    }

    fn end(&mut self, profile: &str, unit: &str, terminal: &mut Terminal<'_>) -> io::Result<Exit> {
        if self.json {
            let contacts = std::mem::take(&mut self.contacts);
            let document =
                json!({ "profile": profile, "unit": unit, "contacts": contacts, "summary": self.sum.as_json() });
            writeln!(terminal.out, "{document:#}")?;
        } else {
            terminal.out.write_all(self.sum.tell().as_bytes())?;
        }
        Ok(if self.failed || self.sum.failures > self.sum.unreachable {
            Exit::Failed
        } else if self.sum.unreachable > 0 {
            Exit::CannotConnect
        } else if self.sum.actions_differ() {
            Exit::Differs
        } else {
            Exit::Done
        })
    }
}
