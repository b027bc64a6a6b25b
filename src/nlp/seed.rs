//! What was said before, for an engine that takes a conversation over: as JSON, wherever its protocol has room for it.

use serde_json::{Value, json};

use crate::{core::message::Parameters, gateway::ports::Seed};

/// What it is called in a payload.
pub(super) const KEY: &str = "seed";
/// Where a payload is bounded by others, and meant for a webhook that wants the gist. The oldest lines are left out.
pub(super) const MAX_BYTES: usize = 8 * 1024;

pub(super) fn json(seed: &Seed) -> Value {
    json!({ "transcript": lines(seed), "slots": seed.slots })
}

/// Puts it beside what the contact centre knows.
pub(super) fn add(seed: Option<&Seed>, payload: &mut Parameters) {
    if let Some(seed) = seed {
        payload.insert(KEY.to_owned(), fitting(seed));
    }
}

/// What [`json()`] says, within [`MAX_BYTES`], as far as lines can be left out.
pub(super) fn fitting(seed: &Seed) -> Value {
    let mut left = MAX_BYTES.saturating_sub(json!({ "transcript": [], "slots": seed.slots }).to_string().len());
    let mut lines = lines(seed);
    let fits = |line: &Value| {
        // A comma follows.
        let rest = left.checked_sub(line.to_string().len() + 1);
        left = rest.unwrap_or_default();
        rest.is_some()
    };
    let kept = lines.iter().rev().map(fits).take_while(|it| *it).count();
    lines.drain(..lines.len() - kept);
    json!({ "transcript": lines, "slots": seed.slots })
}

fn lines(seed: &Seed) -> Vec<Value> {
    let line = |it: &crate::core::message::Line| {
        let at =
            jiff::Timestamp::from_millisecond(it.at.0).map_or_else(|_out_of_range| String::new(), |at| at.to_string());
        json!({ "speaker": it.speaker, "text": it.text, "at": at })
    };
    seed.transcript.iter().map(line).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::core::{
        ids::Timestamp,
        message::{Line, Speaker},
    };

    /// A customer who wants a large one.
    pub(in crate::nlp) fn seed() -> Box<Seed> {
        Box::new(Seed {
            transcript: vec![line("A large one.")],
            slots: Parameters::from_iter([("size".to_owned(), "L".into())]),
            returns: false,
        })
    }

    fn line(text: &str) -> Line {
        Line { speaker: Speaker::Customer, text: text.to_owned(), at: Timestamp(0) }
    }

    #[test]
    fn b7_a_seed_holds_what_was_said_and_gathered() {
        let expected = json!({
            "transcript": [{"speaker": "customer", "text": "A large one.", "at": "1970-01-01T00:00:00Z"}],
            "slots": {"size": "L"}
        });
        assert_eq!(json(&seed()), expected);
        assert_eq!(fitting(&seed()), expected);
        let mut payload = Parameters::new();
        add(None, &mut payload);
        assert!(payload.is_empty());
        add(Some(&seed()), &mut payload);
        assert_eq!(payload["seed"], expected);
    }

    #[test]
    fn b7_where_room_is_bounded_the_oldest_lines_are_left_out() {
        let long = |n: usize| line(&format!("{n} {}", "x".repeat(1000)));
        let seed = Seed { transcript: (0..20).map(long).collect(), ..Seed::default() };
        let fitting = fitting(&seed);
        assert!((MAX_BYTES - 1100..=MAX_BYTES).contains(&fitting.to_string().len()), "{}", fitting.to_string().len());
        let kept = fitting["transcript"].as_array().unwrap();
        assert!(kept.last().unwrap()["text"].as_str().unwrap().starts_with("19 "));
        let slots = Parameters::from_iter([("essay".to_owned(), "x".repeat(MAX_BYTES).into())]);
        let seed = Seed { transcript: vec![long(0)], slots, returns: false };
        assert_eq!(super::fitting(&seed)["transcript"], json!([]), "slots are what an agent goes on with");
    }
}
