//! One profile: `profiles/NAME.toml` over the defaults of a profile (S7–S16, S25–S31, B6, B8, B9).

use std::{sync::Arc, time::Duration};

use super::{
    actions::{actions, values},
    document::Place,
    engines::{self, Kinds, ReadEngines},
    nearest::{nearest, quoted},
    offers,
    schema::Exclusive,
    section::{At, Section},
    settings::{Engines, Profile, Speech},
    units::{Unit, check_unit},
};
use crate::core::{
    action::ActionRule,
    ids::{ProfileName, QueueId, SpeechTargetId, UnitName, UserId},
    profile::{Chain, Destination, Events, Handover, Inactivity, Limits, LongText, OnUncertain, Rules, TextLimit},
    said::said,
};

/// Dialogflow's limit of an event's name, in characters.
const MAX_EVENT_CHARACTERS: usize = 150;
const MAX_COUNT: u64 = 1000;

/// A profile as far as it could be read, with the places that comparing profiles needs.
pub(super) struct Draft {
    pub(super) file: String,
    pub(super) name: Option<At<ProfileName>>,
    pub(super) unit: Option<UnitName>,
    pub(super) agents: Vec<At<UserId>>,
    /// What no other profile may have (S6).
    pub(super) exclusive: Vec<At<Exclusive>>,
    pub(super) profile: Option<Profile>,
}

pub(super) fn profile(mut root: Section<'_>, units: &[Unit], limits: Limits, kinds: Kinds<'_>) -> Draft {
    let file = root.cx.documents.of(root.place).name.clone();
    let name = root.required_name::<ProfileName>("name", said!("a profile needs a name, unique in its business unit"));
    let unit = unit(&mut root, units);
    let ReadEngines { engines, exclusive } = engines::engines(&mut root, kinds);
    let agents = agents(&mut root);
    let agent_password = root.required_secret(
        "agent_password",
        said!("the profile's virtual agents log on with it: agent_password = { env = \"NAME\" }"),
    );
    let fallback = root.required("fallback_message", said!("say what the customer hears on system errors"));
    let own_actions = actions(&mut root);
    offers::check(&root, engines.as_ref(), &own_actions, unit.map_or(&[], |unit| &unit.actions));
    let parts = Parts {
        language: language(&mut root, unit),
        own_actions: values(own_actions),
        welcome_event: event(&mut root, "welcome_event"),
        fallback_message: fallback.map(|_| root.message("fallback_message")),
        inactivity: inactivity(root.section("inactivity")),
        handover: handover(root.section("handover")),
        text_limit: text_limit(root.section("long_text"), engines.as_ref()),
        coalesce: root.millis("coalesce_ms", 0..=10_000),
        on_uncertain: root.choice("on_uncertain").unwrap_or(OnUncertain::Retry),
        events: events(root.section("events")),
    };
    check_interruption(&mut root, &parts);
    let speech = speech(root.section("speech"), unit);
    root.finish();
    let made = Made { name: name.as_ref(), unit, agents: &agents, limits, origin: &file };
    let profile = agent_password.and_then(|password| made.profile(parts, password.value, engines, speech));
    Draft { file, name, unit: unit.map(|unit| unit.name.clone()), agents, exclusive, profile }
}

/// What makes up the rules, read from the file.
struct Parts {
    language: String,
    own_actions: Vec<ActionRule>,
    welcome_event: String,
    fallback_message: Option<String>,
    inactivity: Inactivity,
    handover: Handover,
    text_limit: TextLimit,
    coalesce: Duration,
    on_uncertain: OnUncertain,
    events: Events,
}

struct Made<'a> {
    name: Option<&'a At<ProfileName>>,
    unit: Option<&'a Unit>,
    agents: &'a [At<UserId>],
    limits: Limits,
    origin: &'a str,
}

impl Made<'_> {
    fn profile(
        &self,
        parts: Parts,
        agent_password: secrecy::SecretString,
        engines: Option<Engines>,
        speech: Speech,
    ) -> Option<Profile> {
        let (name, unit, engines) = (self.name?.value.clone(), self.unit?, engines?);
        let mut actions = parts.own_actions;
        actions.extend(unit.actions.iter().cloned());
        let rules = Rules {
            profile: name.clone(),
            unit: unit.name.clone(),
            agents: self.agents.iter().map(|at| at.value.clone()).collect(),
            language: parts.language,
            actions,
            welcome_event: parts.welcome_event,
            fallback_message: parts.fallback_message?,
            chain: chain(&engines),
            inactivity: parts.inactivity,
            handover: parts.handover,
            events: parts.events,
            text_limit: parts.text_limit,
            coalesce: parts.coalesce,
            on_uncertain: parts.on_uncertain,
            zone: unit.zone.clone(),
            calling_code: unit.calling_code.clone(),
            limits: self.limits,
        };
        Some(Profile {
            name,
            unit: unit.name.clone(),
            rules: Arc::new(rules),
            agent_password,
            engines,
            speech,
            origin: self.origin.to_owned(),
        })
    }
}

fn chain(engines: &Engines) -> Chain {
    Chain {
        canary_percent: engines.canary.as_ref().map(|it| it.share_percent),
        standbys: engines.standbys.iter().map(|it| it.name.clone()).collect(),
    }
}

fn unit<'u>(root: &mut Section<'_>, units: &'u [Unit]) -> Option<&'u Unit> {
    if !root.has("unit") {
        root.know(&["unit"]);
        return match units {
            [only] => Some(only),
            [] => None,
            [_, _, ..] => {
                let known = quoted(units.iter().map(|unit| unit.name.as_str()));
                root.missing("unit", said!("there are several business units: name one of {}", known));
                None
            }
        };
    }
    let At { value, place } = root.name::<UnitName>("unit")?;
    check_unit(root, &value, place, units);
    units.iter().find(|unit| unit.name == value)
}

fn agents(root: &mut Section<'_>) -> Vec<At<UserId>> {
    let mut agents: Vec<At<UserId>> = Vec::new();
    for agent in root.names::<UserId>("agents") {
        if agents.iter().any(|other| other.value == agent.value) {
            root.cx.error(agent.place, said!("user `{}` is listed twice", agent.value), said!("list each user once"));
        } else {
            agents.push(agent);
        }
    }
    agents
}

fn language(section: &mut Section<'_>, unit: Option<&Unit>) -> String {
    let Some(At { value, place }) = section.text("language") else { return String::new() };
    let key = section.name_of("language");
    if !is_language(value) {
        let message = said!("`{}` cannot be `{}`", key, value);
        section.cx.error(place, message, said!("write a BCP 47 tag such as \"de\", \"en-US\" or \"zh-Hant-TW\""));
    } else if let Some(unit) = unit.filter(|it| !it.languages.is_empty() && !it.languages.iter().any(|it| it == value))
    {
        let served = quoted(unit.languages.iter().map(String::as_str));
        let message = said!("business unit `{}` does not serve the language `{}`", unit.name, value);
        section.cx.warn(place, message, said!("it serves {}: choose one, or add it to the unit's `languages`", served));
    }
    value.to_owned()
}

/// Whether it is a BCP 47 tag by its form.
pub(super) fn is_language(tag: &str) -> bool {
    let mut parts = tag.split('-');
    parts.next().is_some_and(|it| matches!(it.len(), 2 | 3) && it.bytes().all(|b| b.is_ascii_alphabetic()))
        && parts.all(|it| (1..=8).contains(&it.len()) && it.bytes().all(|b| b.is_ascii_alphanumeric()))
}

fn event(section: &mut Section<'_>, key: &'static str) -> String {
    let Some(At { value, place }) = section.text(key) else { return String::new() };
    if value.chars().count() > MAX_EVENT_CHARACTERS || value.chars().any(char::is_control) {
        let message = said!("`{}` is no event name", section.name_of(key));
        section.cx.error(place, message, said!("write at most {} characters in one line", MAX_EVENT_CHARACTERS));
    }
    value.to_owned()
}

fn inactivity(mut section: Section<'_>) -> Inactivity {
    let minutes: u64 = section.number("timeout_minutes", 1..=1440);
    let timeout = Duration::from_secs(minutes * 60);
    let place = section.entry("warn_before_s").map_or(section.place, |entry| entry.node.place);
    let warn_before = section.seconds("warn_before_s", 0..=86_400);
    let inactivity = Inactivity {
        timeout,
        timeout_message: section.message("timeout_message"),
        warn_before,
        warning_message: section.message("warning_message"),
    };
    if minutes > 0 && warn_before >= timeout {
        let message = said!("`inactivity.warn_before_s` is not below the timeout of {} seconds", timeout.as_secs());
        section.cx.error(place, message, said!("warn later, or raise `timeout_minutes`"));
    }
    if !warn_before.is_zero() && inactivity.warning_message.is_empty() {
        let message = said!("`inactivity.warning_message` is empty, but `warn_before_s` asks for a warning");
        section.cx.error(place, message, said!("say what the customer hears, or set `warn_before_s = 0`"));
    }
    section.finish();
    inactivity
}

fn handover(mut section: Section<'_>) -> Handover {
    let to = destination(&mut section);
    let handover = Handover {
        to,
        not_understood_after: section.number("not_understood_after", 0..=MAX_COUNT),
        failures_after: section.number("failures_after", 0..=MAX_COUNT),
        slow_after: section.number("slow_after", 0..=MAX_COUNT),
        typing_after: section.millis("typing_after_ms", 0..=60_000),
        slow_threshold: section.millis("slow_threshold_ms", 0..=60_000),
        slow_message: section.message("slow_message"),
        not_understood_message: section.message("not_understood_message"),
        failure_message: section.message("failure_message"),
        max_handovers: section.number("max_handovers", 0..=MAX_COUNT),
        max_wait: section.seconds("max_wait_s", 0..=86_400),
        unavailable_message: section.message("unavailable_message"),
    };
    if handover.slow_after > 0 && handover.slow_threshold.is_zero() {
        let message = said!("`handover.slow_after` counts slow answers, but `slow_threshold_ms` is 0: none is slow");
        section.cx.error(section.place, message, said!("set `slow_threshold_ms`, or `slow_after = 0`"));
    }
    section.finish();
    handover
}

fn destination(section: &mut Section<'_>) -> Option<Destination> {
    let queue = section.name::<QueueId>("queue");
    let target = section.name::<SpeechTargetId>("target");
    if let (Some(_), Some(At { place, .. })) = (&queue, &target) {
        section.cx.error(
            *place,
            said!("`handover.target` beside `handover.queue`"),
            said!("keep one: a target is for speech"),
        );
    }
    queue.map(|at| Destination::Queue(at.value)).or_else(|| target.map(|at| Destination::Target(at.value)))
}

fn events(mut section: Section<'_>) -> Events {
    let events = Events {
        human_returned: event(&mut section, "human_returned"),
        handover_accepted: event(&mut section, "handover_accepted"),
        handover_failed: event(&mut section, "handover_failed"),
        handover_expired: event(&mut section, "handover_expired"),
        queue_unavailable: event(&mut section, "queue_unavailable"),
        callback_done: event(&mut section, "callback_done"),
        callback_failed: event(&mut section, "callback_failed"),
        external_done: event(&mut section, "external_done"),
        external_failed: event(&mut section, "external_failed"),
        push_done: event(&mut section, "push_done"),
        push_failed: event(&mut section, "push_failed"),
        turn_interrupted: event(&mut section, "turn_interrupted"),
    };
    section.finish();
    events
}

fn check_interruption(root: &mut Section<'_>, parts: &Parts) {
    if parts.on_uncertain == OnUncertain::Event && parts.events.turn_interrupted.is_empty() {
        let place: Place = root.entry("on_uncertain").map_or(root.place, |entry| entry.node.place);
        let message = said!("`on_uncertain = \"event\"` needs the event's name");
        root.cx.error(place, message, said!("set `turn_interrupted` in `[events]`, or use \"retry\""));
    }
}

/// The limit is that of the narrowest engine: a standby must be able to take what its primary could not answer.
fn text_limit(mut section: Section<'_>, engines: Option<&Engines>) -> TextLimit {
    let place = section.entry("policy").map_or(section.place, |entry| entry.node.place);
    let limit = TextLimit {
        characters: engines.map(Engines::text_characters).unwrap_or_default(),
        policy: section.choice("policy").unwrap_or(LongText::Split),
        message: section.message("message"),
    };
    if limit.policy == LongText::Reject && limit.message.is_empty() {
        let message = said!("`long_text.policy = \"reject\"` needs a message");
        section.cx.error(place, message, said!("set `message` in `[long_text]`: what the customer hears"));
    }
    section.finish();
    limit
}

fn speech(mut section: Section<'_>, unit: Option<&Unit>) -> Speech {
    let enabled = section.flag("enabled");
    let server = section.text("media_server");
    if let Some(unit) = unit {
        check_media_server(&section, enabled, server.as_ref(), unit);
    }
    let speech = Speech {
        enabled,
        media_server: server.map(|at| at.value.to_owned()),
        port: section.number("port", 1..=65_535),
        language: language(&mut section, None),
        voice_gender: section.choice("voice_gender").unwrap_or_default(),
        welcome_message: section.message("welcome_message"),
        fallback_queue_number: number_of_queue(&mut section),
    };
    section.finish();
    speech
}

/// S31: as it is dialled.
fn number_of_queue(section: &mut Section<'_>) -> Option<String> {
    const MOST: usize = 32;
    let At { value, place } = section.text("fallback_queue_number")?;
    let dialled = value.strip_prefix('+').unwrap_or(value);
    let good =
        (1..=MOST).contains(&dialled.len()) && dialled.bytes().all(|it| it.is_ascii_digit() || b"*#".contains(&it));
    if !good {
        let message = said!("`{}` is no number that can be dialled", section.name_of("fallback_queue_number"));
        section.cx.error(place, message, said!("write up to {} digits, such as \"4711\" or \"+4989123\"", MOST));
    }
    good.then(|| value.to_owned())
}

/// S6: speech needs a media server of the business unit.
fn check_media_server(section: &Section<'_>, enabled: bool, server: Option<&At<&str>>, unit: &Unit) {
    let listed = || unit.media_servers.iter().map(String::as_str);
    if enabled && unit.media_servers.is_empty() {
        let message = said!("speech is enabled, but business unit `{}` has no media server", unit.name);
        section.cx.error(
            section.place,
            message,
            said!("list one in the unit's `media_servers`, or set `speech.enabled = false`"),
        );
    } else if enabled && server.is_none() && !section.has("media_server") {
        section.missing("media_server", said!("speech needs one of the unit's media servers: {}", quoted(listed())));
    } else if let Some(At { value, place }) = server
        && !listed().any(|it| it == *value)
    {
        let message = said!("business unit `{}` has no media server `{}`", unit.name, value);
        let help = nearest(value, listed()).map_or_else(
            || said!("its media servers are {}", quoted(listed())),
            |meant| said!("did you mean `{}`?", meant),
        );
        section.cx.error(*place, message, help);
    }
}
