//! `usher chat`

use std::{
    fs::File,
    io::{self, BufRead as _, IsTerminal as _, Read as _},
    path::Path,
    sync::Arc,
};

use super::{ChatArgs, Exit, MediaArg, Terminal, fail, profile_of, report, runtime, usage, with_engine};
use crate::{
    app::{
        self,
        converse::{self, Conversation, Line, Manner, Turn},
    },
    clock::Clock,
    config::{Environment, FILE, Loaded, Sources, settings::Profile},
    core::{
        ids::ContactName,
        message::{FailureKind, MediaType, Parameters},
    },
};

const MAX_SCRIPT_BYTES: u64 = 1_048_576;
/// Longest line that is read from standard input.
const MAX_LINE_BYTES: u64 = 65_536;
/// The profile that the product brings along.
const DEMO: &str = "demo";

pub(super) fn run(args: &ChatArgs, environment: Environment, terminal: &mut Terminal<'_>) -> io::Result<Exit> {
    let script = match args.script.as_deref().map(read_script).transpose() {
        Ok(script) => script,
        Err(message) => return usage(&message, terminal),
    };
    // The engine's connections live on while a line is awaited.
    let runtime = runtime(2)?;
    let clock = Clock::system();
    let loaded = match loaded(args, environment, &runtime) {
        Ok(loaded) => loaded,
        Err(findings) => return report(&findings, terminal),
    };
    let profile = match chosen(args, loaded.as_ref()) {
        Ok(profile) => profile,
        Err(message) => return usage(&message, terminal),
    };
    let name = if script.is_some() && profile.is_none() {
        // The demo agent chooses among its texts by it.
        "script".to_owned()
    } else {
        format!("terminal-{}", clock.now().0)
    };
    let media = match args.media {
        MediaArg::Webinteraction => MediaType::WebInteraction,
        MediaArg::Openmedia => MediaType::OpenMedia,
    };
    let name = ContactName::new(&name).map_err(io::Error::other)?;
    let manner = Manner { language: args.language.clone(), media, name };
    let opened = match (&profile, &loaded) {
        (Some(profile), Some(loaded)) => {
            let _within = runtime.enter();
            Conversation::with(profile, &loaded.settings.egress, manner, clock)
        }
        (_, _) => runtime.block_on(Conversation::with_demo(manner, clock)),
    };
    let mut conversation = match opened {
        Ok(conversation) => conversation,
        Err(error) => return fail(&error, terminal),
    };
    let mut talk = Talk { runtime: &runtime, conversation: &mut conversation, terminal };
    let first = match &args.event {
        Some(name) => Some(Line::Event { name: name.clone(), parameters: Parameters::new() }),
        None => talk.conversation.welcome(),
    };
    let exit = match script {
        Some(lines) => talk.replay(first.into_iter().chain(lines)),
        None => talk.converse(first, profile.as_deref()),
    };
    match runtime.block_on(conversation.end()) {
        Ok(()) => exit,
        Err(error) => fail(&error, terminal),
    }
}

/// `None`: nothing is configured here, and nothing was named.
fn loaded(
    args: &ChatArgs,
    environment: Environment,
    runtime: &tokio::runtime::Runtime,
) -> Result<Option<Loaded>, crate::config::Findings> {
    let named = args.config.is_some() || args.profiles.is_some() || args.profile.is_some() || args.engine.is_some();
    let sources =
        Sources { config: args.config.clone(), profiles: args.profiles.clone(), environment, ..Sources::default() };
    let loaded = runtime.block_on(app::load(&sources))?;
    // In a clone of the product there is the demo's profile alone, and nobody serves its engine.
    let only_demo = loaded.settings.profiles.iter().all(|it| it.name.as_str() == DEMO);
    Ok((named || !only_demo || Path::new(FILE).exists()).then_some(loaded))
}

fn chosen(args: &ChatArgs, loaded: Option<&Loaded>) -> Result<Option<Arc<Profile>>, String> {
    let Some(loaded) = loaded else { return Ok(None) };
    let profile = profile_of(&loaded.settings.profiles, args.profile.as_deref(), args.unit.as_deref())?;
    with_engine(profile, args.engine.as_deref()).map(Some)
}

fn read_script(path: &Path) -> Result<Vec<Line>, String> {
    let shown = path.display();
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(MAX_SCRIPT_BYTES + 1).read_to_string(&mut text));
    read.map_err(|error| format!("cannot read {shown}: {error}"))?;
    if text.len() as u64 > MAX_SCRIPT_BYTES {
        return Err(format!("{shown} is larger than {MAX_SCRIPT_BYTES} bytes"));
    }
    converse::script(&text).map_err(|(line, error)| format!("{shown}:{line}: {error}"))
}

struct Talk<'a, 't> {
    runtime: &'a tokio::runtime::Runtime,
    conversation: &'a mut Conversation,
    terminal: &'a mut Terminal<'t>,
}

impl Talk<'_, '_> {
    fn take(&mut self, line: Line) -> Turn {
        self.runtime.block_on(self.conversation.take(line))
    }

    /// All lines, whatever comes of them; the exit code tells whether each was answered.
    fn replay(&mut self, lines: impl Iterator<Item = Line>) -> io::Result<Exit> {
        let mut exit = Exit::Done;
        for line in lines {
            let turn = self.take(line);
            self.terminal.out.write_all(turn.comparable().as_bytes())?;
            if let Err(error) = &turn.answer {
                exit = if error.kind == FailureKind::Unavailable { Exit::CannotConnect } else { Exit::Failed };
                writeln!(self.terminal.err, "error: no answer ({}): {error}", error.kind.label())?;
            }
        }
        self.terminal.out.flush()?;
        Ok(exit)
    }

    fn converse(&mut self, first: Option<Line>, profile: Option<&Profile>) -> io::Result<Exit> {
        match profile {
            Some(profile) => {
                writeln!(self.terminal.err, "Talking to profile {} of unit {}.", profile.name, profile.unit)?;
            }
            None => writeln!(
                self.terminal.err,
                "No profile is configured: talking to the demo agent, served in this process."
            )?,
        }
        let hint = "Nothing is carried out. !NAME sends an event; the end of input (Ctrl-D) or Ctrl-C ends.";
        writeln!(self.terminal.err, "{hint}\n")?;
        if let Some(line) = first {
            self.answer(line)?;
        }
        let mut input = io::stdin().lock();
        let prompted = input.is_terminal();
        loop {
            if prompted {
                write!(self.terminal.out, "you  ")?;
                self.terminal.out.flush()?;
            }
            let mut bytes = Vec::new();
            if (&mut input).take(MAX_LINE_BYTES).read_until(b'\n', &mut bytes)? == 0 {
                if prompted {
                    writeln!(self.terminal.out)?;
                }
                return Ok(Exit::Done);
            }
            match Line::read(&String::from_utf8_lossy(&bytes)) {
                Ok(Some(line)) => {
                    if !prompted {
                        writeln!(self.terminal.out, "you  {}", String::from_utf8_lossy(&bytes).trim())?;
                    }
                    self.answer(line)?;
                }
                Ok(None) => {}
                Err(error) => writeln!(self.terminal.err, "error: {error}")?,
            }
        }
    }

    fn answer(&mut self, line: Line) -> io::Result<()> {
        let turn = self.take(line);
        self.terminal.out.write_all(turn.told().as_bytes())?;
        self.terminal.out.flush()
    }
}
