//! `usher lint`: a profile beside its language engine's agent and the contact centre's directory (B3).
//!
//! Everything here but [`read`] and [`directory`] is a pure comparison; each file beside this looks at one side of it.

use crate::core::said::{Said, said};

mod actions;
mod answers;
mod events;
mod export;
mod parameters;
mod queues;
mod reach;
mod report;

#[cfg(test)]
mod tests;

use std::{io::Read, path::Path, sync::Arc};

use anyhow::{Context as _, bail};

pub use report::{Code, Found, Report};

use crate::{
    clock::Clock,
    config::{
        Loaded, Location, Places, Severity,
        nearest::nearest,
        settings::{Egress, Profile},
    },
    core::{directory::Directory, intents::Intents, message::MediaType},
    egress::Names,
    gateway::ports::AskError,
    manager::ports::Linted,
    nlp, offline_nlp,
};

/// Of a directory in JSON.
const MAX_DIRECTORY_BYTES: u64 = 64 * 1024 * 1024;

/// What is compared.
#[derive(Clone, Copy, Debug)]
pub struct Sides<'a> {
    pub profile: &'a Profile,
    pub places: &'a Places,
    /// `None`: this kind of engine has none to read.
    pub intents: Option<&'a Intents>,
    /// `None`: it was not given.
    pub directory: Option<&'a Directory>,
}

/// The media types that a profile's virtual agents are logged on for.
pub(super) fn media(profile: &Profile) -> Vec<MediaType> {
    let mut media = vec![MediaType::OpenMedia, MediaType::WebInteraction];
    if profile.speech.enabled {
        media.push(MediaType::Speech);
    }
    media
}

/// The intents as the profile's engine tells them; `None`: it is of a kind that has none.
///
/// # Errors
/// The first when the names cannot be looked up as configured, the second when the engine does not tell.
pub async fn read(
    profile: &Profile,
    egress: &Egress,
    clock: Clock,
) -> anyhow::Result<Option<Result<Intents, AskError>>> {
    let names = Names::new(&egress.resolvers, egress.stale_addresses_for)?;
    Ok(nlp::intents(&profile.engines.primary, profile, &nlp::Deps::new(clock, Arc::new(names))).await)
}

/// The intents of an agent's export, in the profile's language.
///
/// # Errors
/// When there is no agent in it.
pub fn read_export(profile: &Profile, path: &Path) -> Result<Intents, offline_nlp::load::LoadError> {
    let loaded = offline_nlp::load::open(path)?;
    Ok(export::intents(&loaded.agent, &profile.rules.language))
}

/// A business unit's directory, as the operators' door gives it out.
///
/// # Errors
/// When it is none, or larger than any.
pub fn directory(from: impl Read) -> anyhow::Result<Directory> {
    let mut text = String::new();
    from.take(MAX_DIRECTORY_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_DIRECTORY_BYTES {
        bail!("it is larger than {MAX_DIRECTORY_BYTES} bytes");
    }
    let members: serde_json::Result<serde_json::Map<_, _>> = serde_json::from_str(&text);
    let read = members.and_then(|it| serde_json::from_value(serde_json::Value::Object(it)));
    read.context("it is no directory as /directory/UNIT of the operators' door gives it")
}

/// Every finding, those of the profile's file in its order first.
#[must_use]
pub fn compare(sides: &Sides<'_>) -> Report {
    let mut report = Report::default();
    let at = Look { sides: *sides, media: media(sides.profile) };
    queues::check(&at, &mut report);
    match sides.intents {
        Some(intents) => {
            let reach = reach::Reach::of(intents);
            actions::check(&at, intents, &reach, &mut report);
            parameters::check(&at, intents, &reach, &mut report);
            events::check(&at, intents, &mut report);
            answers::check(&at, intents, &reach, &mut report);
            reach::check(&at, intents, &reach, &mut report);
        }
        None => {
            actions::check_media(&at, &mut report);
            report.unchecked(said!(
                "engines of this kind have no intents to read: what they may ask for is what is configured"
            ));
        }
    }
    report.settle();
    report
}

/// All of it at once, for those who look through the Web Manager.
///
/// # Errors
/// When the engine does not tell its intents.
pub(super) async fn look(loaded: &Loaded, profile: &Profile, directory: Option<&Directory>) -> anyhow::Result<Linted> {
    let read = read(profile, &loaded.settings.egress, Clock::system()).await?;
    let intents = read.transpose().context("the agent's intents cannot be read")?;
    let at = loaded.settings.profiles.iter().position(|it| it.name == profile.name && it.unit == profile.unit);
    let places = at.and_then(|at| loaded.places.get(at)).cloned().unwrap_or_default();
    let mut report = compare(&Sides { profile, places: &places, intents: intents.as_ref(), directory });
    if directory.is_none() {
        report.unchecked(said!("queues and users: no routing engine of the business unit has told its directory"));
    }
    let found = report.list.into_iter().map(|it| (it.code.label(), it.finding)).collect();
    Ok(Linted { found, unchecked: report.unchecked })
}

/// What every check looks at.
struct Look<'a> {
    sides: Sides<'a>,
    media: Vec<MediaType>,
}

impl Look<'_> {
    fn place(&self, key: &str) -> Option<&Location> {
        self.sides.places.of(key)
    }

    fn place_of_action(&self, name: &str, media: MediaType, key: &str) -> Option<&Location> {
        self.sides.places.of_action(name, media, key)
    }

    fn serves(&self, media: MediaType) -> bool {
        self.media.contains(&media)
    }
}

const fn media_name(media: MediaType) -> &'static str {
    match media {
        MediaType::OpenMedia => "openmedia",
        MediaType::WebInteraction => "webinteraction",
        MediaType::Speech => "speech",
    }
}

/// More names than anybody reads are counted.
const NAMES: usize = 8;

/// `a, b and 3 more`, each in backticks.
fn list<'n>(names: impl IntoIterator<Item = &'n str>) -> Said {
    let names: Vec<&str> = names.into_iter().collect();
    let shown: Vec<String> = names.iter().take(NAMES).map(|it| format!("`{it}`")).collect();
    let more = names.len().saturating_sub(NAMES);
    match (shown.split_last(), more) {
        (None, _) => Said::default(),
        (Some(_), 1..) => said!("{} and {} more", shown.join(", "), more),
        (Some((only, [])), 0) => Said::foreign(only),
        (Some((last, others)), 0) => said!("{} and {}", others.join(", "), last),
    }
}

/// The same but for case and what stands between words: nobody who writes both means two things.
fn is_slip(a: &str, b: &str) -> bool {
    let plain =
        |it: &str| -> String { it.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect() };
    a != b && plain(a) == plain(b) && !plain(a).is_empty()
}

/// What one side says where the other says `name`.
fn meant<'n>(name: &str, known: impl IntoIterator<Item = &'n str> + Clone) -> Option<(&'n str, Severity)> {
    let slip = known.clone().into_iter().find(|it| is_slip(it, name)).map(|it| (it, Severity::Error));
    slip.or_else(|| nearest(name, known).map(|it| (it, Severity::Warning)))
}
