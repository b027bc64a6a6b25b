//! What comes of one cue, and what is overheard of the questions that it leads to.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    core::{
        message::{Answer, FailureKind, Reply},
        rehearsal::{Cue, Found, does},
        said::Said,
        step::Step,
    },
    gateway::ports::{Ear, Overheard},
};

/// Of one answer as the engine gave it.
const MAX_RAW_BYTES: usize = 32 * 1024;

/// One question to the engine, and what came of it.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// Of an event: its name.
    pub event: Option<String>,
    pub answer: Result<Answer, Failure>,
    /// Nobody waits for the answer: the engine was only told.
    pub told: bool,
    pub took: Duration,
    /// Until it had its turn within the quota; within `took`.
    pub waited: Option<Duration>,
    /// Until the first part of an answer that came in parts.
    pub first_part: Option<Duration>,
    /// As the engine gave it, cut where it is long. `None`: it is not told, or was forgotten for want of room.
    pub raw: Option<String>,
}

/// Why an engine did not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub kind: FailureKind,
    /// For an administrator.
    pub advice: Said,
}

/// What came of one cue.
#[derive(Clone, Debug)]
pub struct Scene {
    /// With tokens in place of what is private.
    pub cue: Cue,
    pub exchanges: Vec<Exchange>,
    /// What the customer sees, in order.
    pub said: Vec<Reply>,
    /// Why, as a contact's timeline would tell it.
    pub steps: Vec<Step>,
    /// All of it, the engine's part as well.
    pub took: Duration,
}

impl Scene {
    /// What tests compare.
    #[must_use]
    pub fn found(&self) -> Found {
        let heeded = || self.exchanges.iter().filter(|it| !it.told);
        let answer = heeded().find_map(|it| it.answer.as_ref().ok());
        let failure = heeded().filter_map(|it| it.answer.as_ref().err()).map(|it| it.kind.label().to_owned()).next();
        let all = does(&self.steps);
        Found {
            intent: answer.and_then(|it| it.intent.clone()),
            action: answer.map(|it| it.action.clone()).unwrap_or_default(),
            does: if all.is_empty() { "nothing".to_owned() } else { all.join("; ") },
            parameters: answer.map(|it| it.parameters.clone()).unwrap_or_default(),
            texts: self.said.iter().map(Reply::text).collect(),
            failure,
        }
    }

    /// What the engines took of the time.
    #[must_use]
    pub fn asked_for(&self) -> Duration {
        self.exchanges.iter().map(|it| it.took).sum()
    }
}

/// What is overheard of one question.
pub(super) struct Hearing {
    /// Protects what was heard so far; held for one word.
    heard: Arc<Mutex<(Option<Duration>, String)>>,
}

impl Hearing {
    pub(super) fn begin(began: Instant) -> (Ear, Self) {
        let hearing = Self { heard: Arc::default() };
        let heard = Arc::clone(&hearing.heard);
        let ear = Ear::new(move |word| {
            let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
            match word {
                // Put again after a refusal: it had waited until then.
                Overheard::Put => heard.0 = Some(began.elapsed()),
                Overheard::Raw(text) => {
                    if !heard.1.is_empty() {
                        heard.1.push('\n');
                    }
                    heard.1.push_str(&text);
                    let cut = heard.1.floor_char_boundary(MAX_RAW_BYTES);
                    heard.1.truncate(cut);
                }
            }
        });
        (ear, hearing)
    }

    pub(super) fn end(self) -> (Option<Duration>, Option<String>) {
        let (waited, raw) = std::mem::take(&mut *self.heard.lock().unwrap_or_else(PoisonError::into_inner));
        (waited, Some(raw).filter(|it| !it.is_empty()))
    }
}
