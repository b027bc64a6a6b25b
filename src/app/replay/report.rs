//! What a replay tells: turn by turn where something differs, then in sum.

use std::{fmt::Write as _, time::Duration};

use serde_json::{Value, json};

use super::{is_grave, shown};
use crate::core::{
    ids::{ContactId, Turn},
    message::{FailureKind, Input, Reply},
    replay::{Came, Difference, Heard},
};

/// A question that was asked again.
#[derive(Clone, Debug)]
pub struct Replayed {
    pub turn: Turn,
    pub input: Input,
    pub came: Came,
    /// The answer of now, or why there is none, with advice for an administrator.
    pub now: Result<Heard, (FailureKind, String)>,
    pub differs: Vec<Difference>,
    pub took: Duration,
}

/// Why a question was not asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skipped {
    /// Its body was not recorded.
    Sensitive,
    Unknown,
    TooMany,
}

impl Skipped {
    const fn why(self) -> &'static str {
        match self {
            Self::Sensitive => "it was sensitive, so its words were not recorded",
            Self::Unknown => "what was asked is not in the timeline",
            Self::TooMany => "the contact has more turns than are replayed",
        }
    }
}

/// What came of one contact.
#[derive(Clone, Debug)]
pub struct Contact {
    pub contact: ContactId,
    pub turns: Vec<Replayed>,
    pub skipped: Vec<(Turn, Skipped)>,
    /// Set: none of it was asked.
    pub why_not: Option<String>,
}

/// What is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    Everything,
    /// Actions and what goes along with them.
    OnlyActions,
}

impl Told {
    const fn shows(self, difference: Difference) -> bool {
        match self {
            Self::Everything => true,
            Self::OnlyActions => is_grave(difference),
        }
    }
}

impl Replayed {
    const fn failed(&self) -> bool {
        self.now.is_err()
    }

    /// Answered then.
    fn was_answered(&self) -> bool {
        matches!(self.came, Came::Answered { .. })
    }

    fn shown(&self, told: Told) -> Vec<Difference> {
        self.differs.iter().copied().filter(|it| told.shows(*it)).collect()
    }

    fn is_worth_telling(&self, told: Told) -> bool {
        !self.shown(told).is_empty() || self.failed() && self.was_answered()
    }

    fn tell(&self, told: Told, out: &mut String) {
        line(out, "  ", &format!("turn {}  {}", self.turn.0, of_input(&self.input)));
        match (&self.came, &self.now) {
            (Came::Answered { heard, .. }, Ok(now)) => {
                for difference in self.shown(told) {
                    of_difference(difference, heard, now, out);
                }
            }
            (_, Err((kind, advice))) => line(out, "    ", &format!("no answer now ({}): {advice}", kind.label())),
            (Came::Nothing | Came::Failed { .. }, Ok(_)) => {}
        }
    }

    fn as_json(&self, told: Told) -> Value {
        let recorded = match &self.came {
            Came::Nothing => json!(null),
            Came::Failed { ms, kind } => json!({ "failed": kind.label(), "ms": ms }),
            Came::Answered { ms, heard } => with_ms(heard, *ms),
        };
        let took = u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX);
        let now = match &self.now {
            Ok(heard) => with_ms(heard, took),
            Err((kind, advice)) => json!({ "failed": kind.label(), "advice": advice, "ms": took }),
        };
        json!({
            "turn": self.turn.0,
            "input": self.input,
            "differs": self.shown(told).iter().map(|it| it.label()).collect::<Vec<_>>(),
            "recorded": recorded,
            "now": now,
        })
    }
}

fn with_ms(heard: &Heard, ms: u64) -> Value {
    let mut value = heard.as_json();
    if let Value::Object(members) = &mut value {
        members.insert("ms".to_owned(), ms.into());
    }
    value
}

fn of_difference(difference: Difference, then: &Heard, now: &Heard, out: &mut String) {
    let named = |heard: &Heard| {
        let name = if heard.action.is_empty() { "none" } else { &heard.action };
        format!("{name} ({})", heard.does.tell())
    };
    let intent = |heard: &Heard| heard.intent.clone().unwrap_or_else(|| "none".to_owned());
    let understood = |heard: &Heard| if heard.not_understood { "not understood" } else { "understood" }.to_owned();
    let slots = |heard: &Heard| {
        let list = heard.slots.iter().flatten().map(|(name, value)| format!("{name}={value}"));
        list.collect::<Vec<_>>().join(" ")
    };
    let (then, now) = match difference {
        Difference::Action => (named(then), named(now)),
        Difference::Slots => (slots(then), slots(now)),
        Difference::Intent => (intent(then), intent(now)),
        Difference::Understanding => (understood(then), understood(now)),
        Difference::Texts => {
            let said = |heard: &Heard| heard.replies.iter().flatten().map(Reply::text).collect::<Vec<_>>();
            for text in said(then) {
                line(out, "    - ", &text);
            }
            for text in said(now) {
                line(out, "    + ", &text);
            }
            return;
        }
    };
    line(out, "    ", &format!("{}: {then} -> {now}", difference.label()));
}

fn of_input(input: &Input) -> String {
    match input {
        Input::Text(text) => format!("{text:?}"),
        Input::Dtmf(keys) => format!("keys {keys}"),
        Input::Event { name, .. } => format!("event {name}"),
        Input::Structured(fields) => format!("form {}", Value::Object(fields.clone())),
        Input::Redacted => "(sensitive)".to_owned(),
    }
}

/// Further lines of a text stand below its first one.
fn line(out: &mut String, lead: &str, text: &str) {
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    let rest = lines.map(|it| format!("\n{:width$}{it}", "", width = lead.len())).collect::<String>();
    writeln!(out, "{lead}{first}{rest}").expect("a String takes whatever is written");
}

impl Contact {
    /// What differs, for people; empty: nothing does.
    #[must_use]
    pub fn tell(&self, told: Told) -> String {
        let mut out = String::new();
        let turns: Vec<&Replayed> = self.turns.iter().filter(|it| it.is_worth_telling(told)).collect();
        if turns.is_empty() && self.why_not.is_none() && self.skipped.is_empty() {
            return out;
        }
        line(&mut out, "", &shown(&self.contact));
        if let Some(why) = &self.why_not {
            line(&mut out, "  ", &format!("not asked again: {why}"));
        }
        for (turn, why) in &self.skipped {
            line(&mut out, "  ", &format!("turn {}  skipped: {}", turn.0, why.why()));
        }
        for turn in turns {
            turn.tell(told, &mut out);
        }
        out
    }

    /// Every turn, for programs.
    #[must_use]
    pub fn as_json(&self, told: Told) -> Value {
        json!({
            "contact": self.contact.name.as_str(),
            "unit": self.contact.unit.as_str(),
            "notAsked": self.why_not,
            "skipped": self.skipped.iter().map(|(turn, why)| json!({"turn": turn.0, "why": why.why()})).collect::<Vec<_>>(),
            "turns": self.turns.iter().map(|it| it.as_json(told)).collect::<Vec<_>>(),
        })
    }
}

/// All contacts in sum.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    pub contacts: usize,
    pub not_asked: usize,
    pub turns: usize,
    pub skipped: usize,
    /// Answered then and now, and in nothing different.
    pub same: usize,
    pub actions: usize,
    pub slots: usize,
    pub intents: usize,
    pub texts: usize,
    pub newly_not_understood: usize,
    pub newly_understood: usize,
    /// No answer now where there was one.
    pub failures: usize,
    /// An answer now where there was none.
    pub mended: usize,
    /// The engine could not be reached, or not in time.
    pub unreachable: usize,
    then_ms: Vec<u64>,
    now_ms: Vec<u64>,
}

impl Summary {
    pub fn add(&mut self, contact: &Contact) {
        self.contacts += 1;
        self.not_asked += usize::from(contact.why_not.is_some());
        self.skipped += contact.skipped.len();
        for turn in &contact.turns {
            self.add_turn(turn);
        }
    }

    fn add_turn(&mut self, turn: &Replayed) {
        self.turns += 1;
        let has = |difference| usize::from(turn.differs.contains(&difference));
        self.actions += has(Difference::Action);
        self.slots += has(Difference::Slots);
        self.intents += has(Difference::Intent);
        self.texts += has(Difference::Texts);
        match (&turn.came, &turn.now) {
            (Came::Answered { ms, heard }, Ok(now)) => {
                self.then_ms.push(*ms);
                self.now_ms.push(u64::try_from(turn.took.as_millis()).unwrap_or(u64::MAX));
                self.same += usize::from(turn.differs.is_empty());
                self.newly_not_understood += usize::from(!heard.not_understood && now.not_understood);
                self.newly_understood += usize::from(heard.not_understood && !now.not_understood);
            }
            (Came::Answered { .. }, Err((kind, _))) => {
                self.failures += 1;
                let away = matches!(kind, FailureKind::Unavailable | FailureKind::Deadline);
                self.unreachable += usize::from(away);
            }
            (Came::Failed { .. }, Ok(_)) => self.mended += 1,
            (Came::Failed { .. }, Err(_)) | (Came::Nothing, _) => {}
        }
    }

    /// Whether a pipeline should stop: an action, or what goes along with it, is another one.
    #[must_use]
    pub const fn actions_differ(&self) -> bool {
        self.actions + self.slots > 0
    }

    #[must_use]
    pub fn tell(&self) -> String {
        let mut out = String::new();
        let skipped = if self.skipped + self.not_asked == 0 {
            String::new()
        } else {
            format!(" (not asked again: {} contacts, {} turns)", self.not_asked, self.skipped)
        };
        line(
            &mut out,
            "",
            &format!("{} contacts, {} turns{skipped}: {} the same", self.contacts, self.turns, self.same),
        );
        line(
            &mut out,
            "",
            &format!(
                "different: {} actions, {} of what goes along, {} intents, {} texts",
                self.actions, self.slots, self.intents, self.texts
            ),
        );
        line(
            &mut out,
            "",
            &format!(
                "newly not understood {}, newly understood {}, no answer now {}, an answer where there was none {}",
                self.newly_not_understood, self.newly_understood, self.failures, self.mended
            ),
        );
        if let (Some(then), Some(now)) = (median(&self.then_ms), median(&self.now_ms)) {
            line(&mut out, "", &format!("half of the answers took up to {then} ms then, {now} ms now"));
        }
        out
    }

    #[must_use]
    pub fn as_json(&self) -> Value {
        json!({
            "contacts": self.contacts,
            "contactsNotAsked": self.not_asked,
            "turns": self.turns,
            "turnsSkipped": self.skipped,
            "same": self.same,
            "differentActions": self.actions,
            "differentSlots": self.slots,
            "differentIntents": self.intents,
            "differentTexts": self.texts,
            "newlyNotUnderstood": self.newly_not_understood,
            "newlyUnderstood": self.newly_understood,
            "failures": self.failures,
            "mended": self.mended,
            "p50Ms": { "recorded": median(&self.then_ms), "now": median(&self.now_ms) },
        })
    }
}

fn median(values: &[u64]) -> Option<u64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len().saturating_sub(1) / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b4_half_of_the_answers_took_no_longer() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[9]), Some(9));
        assert_eq!(median(&[9, 1]), Some(1));
        assert_eq!(median(&[5, 9, 1]), Some(5));
    }

    fn turn(came: Came, now: Result<Heard, (FailureKind, String)>, input: Input) -> Replayed {
        let differs = match (&came, &now) {
            (Came::Answered { heard, .. }, Ok(now)) => crate::core::replay::differences(heard, now),
            (_, _) => Vec::new(),
        };
        Replayed { turn: Turn(1), input, came, now, differs, took: Duration::from_millis(7) }
    }

    #[test]
    fn b4_what_is_counted() {
        let text = || Input::Text("hi".to_owned());
        let heard = |not_understood| Heard { not_understood, replies: Some(Vec::new()), ..Heard::default() };
        let then = |not_understood| Came::Answered { ms: 5, heard: heard(not_understood) };
        let failed = |kind| Err((kind, "see to it".to_owned()));
        let contact = ContactId {
            unit: crate::core::ids::UnitName::new("u").unwrap(),
            name: crate::core::ids::ContactName::new("c").unwrap(),
        };
        let turns = vec![
            turn(then(false), Ok(heard(false)), text()),
            turn(then(false), Ok(heard(true)), text()),
            turn(then(true), Ok(heard(false)), text()),
            turn(then(false), failed(FailureKind::Unavailable), text()),
            turn(then(false), failed(FailureKind::Empty), text()),
            turn(Came::Failed { ms: 9, kind: FailureKind::Quota }, Ok(heard(false)), text()),
            turn(Came::Nothing, failed(FailureKind::Quota), text()),
        ];
        let skipped = vec![(Turn(9), Skipped::Sensitive)];
        let contact = Contact { contact, turns, skipped, why_not: None };
        let mut sum = Summary::default();
        sum.add(&contact);
        assert_eq!((sum.contacts, sum.turns, sum.skipped, sum.same), (1, 7, 1, 1));
        assert_eq!((sum.newly_not_understood, sum.newly_understood), (1, 1));
        assert_eq!((sum.failures, sum.unreachable, sum.mended), (2, 1, 1));
        assert!(!sum.actions_differ());
        assert!(sum.tell().contains("half of the answers took up to 5 ms then, 7 ms now"), "{}", sum.tell());
        let told = contact.tell(Told::Everything);
        assert!(told.starts_with("contact c in u\n  turn 9  skipped: it was sensitive"), "{told}");
        assert_eq!(told.matches("no answer now").count(), 2, "{told}");
        assert_eq!(contact.tell(Told::OnlyActions).matches("understood").count(), 0);
    }
}
