//! What a profile can say beside its engines, as a table that forms are made of.
//!
//! A test holds it against the printed defaults. What each setting may be is judged where it is read (`profile`, `engines`).

use super::schema::{Field, Form, Required};

/// Settings that stand together.
#[derive(Debug)]
pub struct Group {
    /// The table that holds them; empty: they stand at the top.
    pub section: &'static str,
    pub title: &'static str,
    pub help: &'static str,
    pub settings: &'static [Setting],
}

/// One setting, as people call it.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    pub label: &'static str,
    pub field: Field,
    /// What it means to set it to nothing, where that is not the default.
    pub none: Option<&'static str>,
}

impl Group {
    /// `handover.queue`
    #[must_use]
    pub fn path(&self, setting: &Setting) -> String {
        if self.section.is_empty() {
            setting.field.key.to_owned()
        } else {
            format!("{}.{}", self.section, setting.field.key)
        }
    }
}

const PLAIN: Field =
    Field { key: "", help: "", form: Form::Text(128), default: None, example: "", required: Required::No };
const MESSAGE: Form = Form::LongText(4096);
const EVENT: Form = Form::Text(150);
const COUNT: Form = Form::Number(0, 1000);
const NOTHING: Option<&str> = Some("\"\"");

const fn setting(label: &'static str, field: Field) -> Setting {
    Setting { label, field, none: None }
}

const fn event(label: &'static str, key: &'static str) -> Setting {
    Setting { label, field: Field { key, form: EVENT, default: NOTHING, ..PLAIN }, none: None }
}

const fn message(label: &'static str, key: &'static str, help: &'static str) -> Setting {
    Setting { label, field: Field { key, help, form: MESSAGE, default: NOTHING, ..PLAIN }, none: None }
}

/// All but the engines: their fields are their kinds'.
pub const GROUPS: &[Group] = &[
    Group { section: "", title: "The profile", help: "", settings: TOP },
    Group {
        section: "inactivity",
        title: "Silent contacts",
        help: "A silent contact is closed. The clock stands still while a call, an action or a playback is pending.",
        settings: INACTIVITY,
    },
    Group {
        section: "handover",
        title: "Going to a person",
        help: "Each count is so many in a row, 0: never. Actions hand over in any case.",
        settings: HANDOVER,
    },
    Group {
        section: "long_text",
        title: "Long text",
        help: "Text above the engine's limit (Dialogflow: 256 characters).",
        settings: LONG_TEXT,
    },
    Group {
        section: "speech",
        title: "Speech",
        help: "For contacts that are calls. What is said is played and heard by a media server.",
        settings: SPEECH,
    },
    Group {
        section: "events",
        title: "Events",
        help: "Names of the events by which the engine is told of outcomes; empty: it is not told.",
        settings: EVENTS,
    },
];

const TOP: &[Setting] = &[
    setting(
        "Name",
        Field {
            key: "name",
            help: "Unique in its business unit.",
            required: Required::Yes("a profile needs a name, unique in its business unit"),
            example: "\"support\"",
            ..PLAIN
        },
    ),
    setting(
        "Business unit",
        Field { key: "unit", help: "Needed when there are several.", example: "\"DEFAULT\"", ..PLAIN },
    ),
    setting(
        "Language",
        Field {
            key: "language",
            help: "For contacts that name none (BCP 47).",
            form: Form::Text(35),
            default: Some("\"en\""),
            ..PLAIN
        },
    ),
    setting(
        "Virtual agents",
        Field {
            key: "agents",
            help: "The users that this profile serves, one a line; a user serves one profile at most.",
            form: Form::Texts(100_000),
            default: Some("[]"),
            ..PLAIN
        },
    ),
    setting(
        "Password of the virtual agents",
        Field {
            key: "agent_password",
            help: "One for all of the profile's virtual agents.",
            form: Form::Secret,
            required: Required::Yes("the profile's virtual agents log on with it"),
            example: "{ env = \"SUPPORT_AGENT_PASSWORD\" }",
            ..PLAIN
        },
    ),
    setting(
        "Fallback message",
        Field {
            key: "fallback_message",
            help: "Said to the customer on system errors, not when the engine merely did not understand.",
            form: MESSAGE,
            required: Required::Yes("say what the customer hears on system errors"),
            example: "\"Something went wrong. Please say that again.\"",
            ..PLAIN
        },
    ),
    Setting {
        label: "Welcome event",
        field: Field {
            key: "welcome_event",
            help: "Asked of the engine when a contact starts.",
            form: EVENT,
            default: Some("\"WELCOME\""),
            ..PLAIN
        },
        none: Some("No event: wait for the customer"),
    },
    setting(
        "A question that a restart interrupts",
        Field {
            key: "on_uncertain",
            help: "It is asked again, or the engine is told by the event `turn_interrupted`.",
            form: Form::Choice(&["retry", "event"]),
            default: Some("\"retry\""),
            ..PLAIN
        },
    ),
    setting(
        "Short messages are asked as one (ms)",
        Field {
            key: "coalesce_ms",
            help: "Those that follow each other within this time. 0: each by itself, at once.",
            form: Form::Millis(0, 10_000),
            default: Some("0"),
            ..PLAIN
        },
    ),
];

const INACTIVITY: &[Setting] = &[
    setting(
        "Closed after (minutes)",
        Field {
            key: "timeout_minutes",
            help: "Whole minutes without a word of the customer's.",
            form: Form::Number(1, 1440),
            default: Some("3"),
            ..PLAIN
        },
    ),
    message("Said on closing", "timeout_message", "Empty: closed silently."),
    setting(
        "Warned before (s)",
        Field {
            key: "warn_before_s",
            help: "How long before closing the customer is warned; 0: never.",
            form: Form::Seconds(0, 86_400),
            default: Some("0"),
            ..PLAIN
        },
    ),
    message("Warning", "warning_message", ""),
];

const HANDOVER: &[Setting] = &[
    setting(
        "Queue",
        Field {
            key: "queue",
            help: "Where to. Neither a queue nor a target: these counts never hand over.",
            example: "\"support\"",
            ..PLAIN
        },
    ),
    setting("Target, for speech", Field { key: "target", help: "Instead of a queue.", example: "\"4711\"", ..PLAIN }),
    setting(
        "Not understood, in a row",
        Field { key: "not_understood_after", form: COUNT, default: Some("3"), ..PLAIN },
    ),
    message("Said then", "not_understood_message", ""),
    setting("Failures, in a row", Field { key: "failures_after", form: COUNT, default: Some("2"), ..PLAIN }),
    message("Said then", "failure_message", ""),
    setting("Slow answers, in a row", Field { key: "slow_after", form: COUNT, default: Some("0"), ..PLAIN }),
    setting(
        "Slow is later than (ms)",
        Field {
            key: "slow_threshold_ms",
            help: "An answer later than this counts as slow. 0: none does.",
            form: Form::Millis(0, 60_000),
            default: Some("0"),
            ..PLAIN
        },
    ),
    message("Said meanwhile", "slow_message", "While an answer is slow."),
    setting(
        "Typing is shown after (ms)",
        Field {
            key: "typing_after_ms",
            help: "While an answer is not there after this, the customer sees that somebody writes. 0: never.",
            form: Form::Millis(0, 60_000),
            default: Some("500"),
            ..PLAIN
        },
    ),
    setting(
        "Handovers of one contact",
        Field {
            key: "max_handovers",
            help: "How often one contact may go to a person and come back.",
            form: COUNT,
            default: Some("3"),
            ..PLAIN
        },
    ),
    setting(
        "Longest wait in the queue (s)",
        Field {
            key: "max_wait_s",
            help: "A queue with a longer expected wait counts as unavailable. 0: any wait will do.",
            form: Form::Seconds(0, 86_400),
            default: Some("0"),
            ..PLAIN
        },
    ),
    message("No person can be promised", "unavailable_message", "Said then."),
];

const LONG_TEXT: &[Setting] = &[
    setting(
        "What becomes of it",
        Field {
            key: "policy",
            help: "Asked in parts, cut off, or not asked at all.",
            form: Form::Choice(&["reject", "split", "truncate"]),
            default: Some("\"split\""),
            ..PLAIN
        },
    ),
    message("Said by `reject`", "message", ""),
];

const SPEECH: &[Setting] = &[
    setting("Answer calls", Field { key: "enabled", form: Form::Flag, default: Some("false"), ..PLAIN }),
    setting(
        "Media server",
        Field {
            key: "media_server",
            help: "One of the business unit's.",
            form: Form::Text(253),
            example: "\"cms1.example.com\"",
            ..PLAIN
        },
    ),
    setting(
        "Port of the media server",
        Field { key: "port", form: Form::Number(1, 65_535), default: Some("6017"), ..PLAIN },
    ),
    setting(
        "Language of the voice",
        Field {
            key: "language",
            help: "What is spoken and understood (BCP 47).",
            form: Form::Text(35),
            default: Some("\"en-US\""),
            ..PLAIN
        },
    ),
    setting(
        "Voice",
        Field { key: "voice_gender", form: Form::Choice(&["male", "female"]), default: Some("\"male\""), ..PLAIN },
    ),
    message("Welcome message", "welcome_message", "Played when the call is answered."),
    setting(
        "Fallback queue number",
        Field {
            key: "fallback_queue_number",
            help: "Where a call goes while the media server cannot be reached.",
            form: Form::Text(33),
            example: "\"4711\"",
            ..PLAIN
        },
    ),
];

const EVENTS: &[Setting] = &[
    event("A person has given the contact back", "human_returned"),
    event("Handed over", "handover_accepted"),
    event("Handing over failed", "handover_failed"),
    event("Nobody took the contact in time", "handover_expired"),
    event("The queue is closed, or the wait is too long", "queue_unavailable"),
    event("A callback is booked", "callback_done"),
    event("A callback was not booked", "callback_failed"),
    event("The external system has answered", "external_done"),
    event("The external system has not answered", "external_failed"),
    event("The page was pushed", "push_done"),
    event("The page was not pushed", "push_failed"),
    event("A restart has interrupted a question", "turn_interrupted"),
];

/// Of a `[[standby]]`, beside its engine.
pub const STANDBY: &[Setting] =
    &[setting("Name", Field { key: "name", help: "For the timeline.", example: "\"second\"", ..PLAIN })];

/// Of the `[canary]`, beside its engine.
pub const CANARY: &[Setting] = &[
    setting(
        "Share of the contacts (%)",
        Field { key: "share_percent", form: Form::Number(0, 100), example: "5", ..PLAIN },
    ),
    setting(
        "Judged after so many turns",
        Field {
            key: "min_turns",
            help: "Then it is taken back by itself if it is worse than the profile's engine by one of what follows; 0: that is no reason.",
            form: Form::Number(0, 1_000_000),
            default: Some("50"),
            ..PLAIN
        },
    ),
    setting(
        "Not understood more often (points)",
        Field { key: "not_understood_points", form: Form::Number(0, 100), default: Some("10"), ..PLAIN },
    ),
    setting(
        "Failing more often (points)",
        Field { key: "failure_points", form: Form::Number(0, 100), default: Some("5"), ..PLAIN },
    ),
    setting(
        "Taking so many percent of the time",
        Field { key: "latency_percent", form: Form::Number(0, 100_000), default: Some("300"), ..PLAIN },
    ),
];

/// Of the `[shadow]`, beside its engine.
pub const SHADOW: &[Setting] = &[setting(
    "Share of the contacts (%)",
    Field { key: "share_percent", form: Form::Number(0, 100), example: "10", ..PLAIN },
)];

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::DEFAULT_PROFILE;

    /// What the printed defaults name in these tables: each with its value where it is set, `None` where it is a comment.
    fn printed() -> BTreeMap<String, Option<String>> {
        let (mut found, mut section) = (BTreeMap::new(), String::new());
        for line in DEFAULT_PROFILE.lines() {
            let bare = line.trim_start_matches('#');
            if let Some(name) = bare.strip_prefix('[') {
                section = name.trim_matches(['[', ']']).to_owned();
            } else if let Some((key, value)) = bare.split_once(" = ")
                && key.bytes().all(|it| it.is_ascii_lowercase() || it == b'_')
            {
                let path = if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") };
                let set = bare.len() == line.len();
                found.insert(path, set.then(|| value.split(" #").next().unwrap().trim().to_owned()));
            }
        }
        found
    }

    #[test]
    fn no_setting_of_a_profile_is_missing_and_each_has_its_default() {
        let mut printed = printed();
        // Named in a comment: it stands instead of a queue.
        printed.insert("handover.target".to_owned(), None);
        let is_here = |path: &str| {
            let section = path.rsplit_once('.').map_or("", |it| it.0);
            GROUPS.iter().any(|it| it.section == section) && path != "type"
        };
        let expected: BTreeMap<_, _> = printed.iter().filter(|it| is_here(it.0)).collect();
        let told = GROUPS
            .iter()
            .flat_map(|group| group.settings.iter().map(|it| (group.path(it), it.field.default.map(str::to_owned))));
        let told: BTreeMap<_, _> = told.collect();
        assert_eq!(told.iter().collect::<BTreeMap<_, _>>(), expected);
        assert!(GROUPS.len() > 5 && expected.len() > 45, "{}", expected.len());
        for (section, settings) in [("canary", CANARY), ("shadow", SHADOW), ("standby", STANDBY)] {
            let mut keys: Vec<_> = settings.iter().map(|it| format!("{section}.{}", it.field.key)).collect();
            keys.push(format!("{section}.type"));
            keys.sort();
            let prefix = format!("{section}.");
            let known: Vec<_> =
                printed.keys().filter(|it| it.strip_prefix(&prefix).is_some_and(|it| !it.contains('.'))).collect();
            assert_eq!(keys.iter().collect::<Vec<_>>(), known);
        }
    }
}
