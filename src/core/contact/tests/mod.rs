//! The contact state machine at simulated time: scripts of events, and the effects that each must have, in order.
//!
//! Effects are compared as one line each (see [`shown`]). Whatever a script shows, every step of it is also kept and read
//! back (see [`saved`]).

mod actions;
mod chain;
mod events;
mod given;
mod model;
mod pains;
mod people;
mod quiet;
mod replayed;
mod saved;
mod seen;
mod shown;
mod turns;
mod world;

use std::time::Duration;

use events::*;
use given::*;
use saved::Tape;
use serde_json::json;
use shown::*;

use super::*;
use crate::core::{
    action::{ActionKind, ActionRule, Offer},
    directory::Queue,
    message::Speaker,
    profile::{Chain, Events, Handover, Inactivity, LongText, OnUncertain, TextLimit},
    step::{Aspect, MoveCause},
};

/// 20 November 2026, 10:00 UTC: where every script begins.
const T0: i64 = 1_795_168_800_000;
const TIMEOUT_MS: i64 = 180_000;

/// Milliseconds after [`T0`], what happens, and what it leads to.
type Row<'a> = (i64, Event, &'a [&'a str]);

/// A contact, the rules it follows, and all that came of it.
struct Talk {
    rules: Rules,
    directory: Directory,
    contact: Contact,
    steps: Vec<Step>,
    tape: Tape,
    /// The canary is given up.
    rolled_back: bool,
}

/// Runs a script on a fresh contact of the media type OpenMedia that waits for its customer.
#[track_caller]
fn check(rules: Rules, rows: &[Row<'_>]) -> Talk {
    let mut talk = Talk::start(rules, MediaType::OpenMedia, &[]);
    talk.check(rows);
    talk
}

impl Talk {
    #[track_caller]
    fn start(rules: Rules, media: MediaType, effects: &[&str]) -> Self {
        Self::begin(rules, card(media), false, effects)
    }

    #[track_caller]
    fn begin(rules: Rules, card: Card, returned: bool, effects: &[&str]) -> Self {
        let directory = directory();
        let mut out = Out::default();
        let cx = Context { rules: &rules, directory: &directory, now: Timestamp(T0), rolled_back: false };
        let contact = Contact::start(card, returned, None, cx, &mut out);
        assert_eq!(shown(&out.effects), effects, "at the start");
        let tape = Tape::begin(&contact, &out.steps, Timestamp(T0));
        Self { rules, directory, contact, steps: out.steps, tape, rolled_back: false }
    }

    #[track_caller]
    fn check(&mut self, rows: &[Row<'_>]) {
        for (row, (at, event, effects)) in rows.iter().enumerate() {
            let done = self.on(*at, event.clone());
            assert_eq!(shown(&done), *effects, "row {row}, at {at} ms: {event:?}");
        }
    }

    #[track_caller]
    fn on(&mut self, at: i64, event: Event) -> Vec<Effect> {
        let mut out = Out::default();
        let (rules, directory, rolled_back) = (&self.rules, &self.directory, self.rolled_back);
        let cx = Context { rules, directory, now: Timestamp(T0 + at), rolled_back };
        self.contact.on_event(event.clone(), cx, &mut out);
        self.tape.keep(&self.contact, event, &out.steps, cx);
        self.tape.check(&self.contact, &self.rules, &self.directory);
        self.steps.extend(out.steps);
        out.effects
    }

    /// Milliseconds after [`T0`].
    fn due(&self) -> Option<i64> {
        self.contact.due(&self.rules).map(|at| at.0 - T0)
    }

    /// Why each message that has no answer has none, in order.
    fn unanswered(&self) -> Vec<String> {
        let mut found = Vec::new();
        for step in &self.steps {
            if let Step::Unanswered { id, why } = step {
                found.push(format!("{id}: {why}"));
            }
        }
        found
    }

    fn stale(&self) -> usize {
        self.steps.iter().filter(|step| matches!(step, Step::Stale { .. })).count()
    }

    /// The context of the last requeue or callback.
    fn context(&self) -> &HandoverContext {
        for step in self.steps.iter().rev() {
            if let Step::Sent {
                command: Command::Requeue { context, .. } | Command::CreateCallback { context, .. },
                ..
            } = step
            {
                return context;
            }
        }
        panic!("neither a requeue nor a callback was sent")
    }
}
