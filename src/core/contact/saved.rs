//! How a contact is kept: a journal record per transition (its steps and the state after it), a snapshot now and then.
//!
//! Nothing is replayed through the rules: the state after the last record *is* the state. Steps only give back what the
//! state leaves out because it grows or repeats: the card, commands, message ids, the transcript.

use std::{collections::VecDeque, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{Card, Command, Contact, Heard, Pending, SEEN, State, transcript::Transcript};
use crate::core::{
    ids::{ActionSeq, Timestamp, Turn},
    message::{Input, Line},
    step::Step,
};

/// What one journal record says.
#[derive(Debug, Serialize)]
pub struct Record<'a> {
    pub steps: &'a [Step],
    after: &'a State,
}

/// A record as it is read.
#[derive(Debug, Deserialize)]
pub struct Recorded {
    pub steps: Vec<Step>,
    after: State,
}

impl Recorded {
    /// The customer's input that is with the language engine after it, in this turn. A sensitive one is `Redacted`.
    #[must_use]
    pub fn asked(&self, turn: Turn) -> Option<&Input> {
        match &self.after.pending {
            Some(Pending::Ask(asked)) if self.after.turn == turn && asked.heard.id.is_some() => {
                Some(&asked.heard.input)
            }
            Some(Pending::Ask(_) | Pending::External { .. } | Pending::Command { .. }) | None => None,
        }
    }
}

#[derive(Serialize)]
struct Snapshot<'a> {
    card: &'a Card,
    state: &'a State,
    #[serde(skip_serializing_if = "Option::is_none")]
    began: Option<Timestamp>,
    commands: Vec<(ActionSeq, &'a Command)>,
    seen: &'a VecDeque<u64>,
    transcript: Vec<&'a Line>,
}

#[derive(Deserialize)]
struct Snapshotted {
    card: Card,
    state: State,
    #[serde(default)]
    began: Option<Timestamp>,
    commands: Vec<(ActionSeq, Command)>,
    seen: VecDeque<u64>,
    transcript: Vec<Line>,
}

impl Contact {
    /// The journal record of the transition that has just happened.
    ///
    /// # Errors
    /// None in practice: every part is plain data.
    pub fn record(&self, steps: &[Step]) -> serde_json::Result<Vec<u8>> {
        let mut body = Vec::with_capacity(512);
        serde_json::to_writer(&mut body, &Record { steps, after: &self.state })?;
        Ok(body)
    }

    /// # Errors
    /// None in practice: every part is plain data.
    pub fn snapshot(&self) -> serde_json::Result<Vec<u8>> {
        let commands = self.undelivered().map(|(seq, command)| (seq, &**command)).collect();
        let mut body = Vec::with_capacity(1024);
        let snapshot = Snapshot {
            card: &self.card,
            state: &self.state,
            began: self.began,
            commands,
            seen: &self.seen,
            transcript: self.transcript.lines().collect(),
        };
        serde_json::to_writer(&mut body, &snapshot)?;
        Ok(body)
    }

    /// # Errors
    /// When `snapshot` is not one.
    pub fn from_snapshot(snapshot: &[u8]) -> serde_json::Result<Self> {
        let Snapshotted { card, state, began, commands, seen, transcript } = serde_json::from_slice(snapshot)?;
        let transcript = Transcript::from_lines(transcript);
        // Of one that is over there is no snapshot.
        let mut contact = Self { card, state, began, ended: None, seen, transcript };
        for (seq, command) in commands {
            contact.give_back(seq, &Arc::new(command));
        }
        Ok(contact)
    }

    /// A contact from its first record.
    ///
    /// # Errors
    /// When `record` is not a record, or not a first one.
    pub fn from_first_record(
        record: &[u8],
        at: Timestamp,
        transcript_bytes: usize,
    ) -> serde_json::Result<Option<Self>> {
        let recorded: Recorded = serde_json::from_slice(record)?;
        let Some(card) = recorded.steps.iter().find_map(card_of) else { return Ok(None) };
        let mut contact = Self::empty(card.clone(), None);
        contact.take_over(recorded, at, transcript_bytes);
        Ok(Some(contact))
    }

    /// Brings the contact to where a later record left it.
    ///
    /// # Errors
    /// When `record` is not a record.
    pub fn apply_record(&mut self, record: &[u8], at: Timestamp, transcript_bytes: usize) -> serde_json::Result<()> {
        self.take_over(serde_json::from_slice(record)?, at, transcript_bytes);
        Ok(())
    }

    fn take_over(&mut self, recorded: Recorded, at: Timestamp, transcript_bytes: usize) {
        let earlier = std::mem::replace(&mut self.state, recorded.after);
        for sent in &earlier.undelivered {
            if let Some(command) = &sent.command {
                self.give_back(sent.seq, command);
            }
        }
        for step in recorded.steps {
            if let Some(card) = card_of(&step) {
                self.card = card.clone();
            }
            if let Step::Started { .. } = &step {
                (self.began, self.ended) = (Some(at), None);
            }
            if let Step::Ended { reason, with_person } = &step {
                self.ended = Some((reason.clone(), *with_person));
            }
            if let Step::Heard { id, input } = &step {
                self.saw(id.as_str());
                self.transcript.heard(input, at, transcript_bytes);
            }
            if let Step::Sent { seq, command } = step {
                self.transcript.sent(&command, at, transcript_bytes);
                self.give_back(seq, &Arc::new(command));
            }
        }
    }

    /// Puts a command back beside its number, if it is still undelivered.
    fn give_back(&mut self, seq: ActionSeq, command: &Arc<Command>) {
        if let Some(sent) = self.state.undelivered.iter_mut().find(|it| it.seq == seq) {
            sent.command = Some(Arc::clone(command));
        }
    }

    /// Remembers a message id; says whether it is new.
    pub(super) fn saw(&mut self, id: &str) -> bool {
        let hash = name_hash(id);
        if self.seen.contains(&hash) {
            return false;
        }
        if self.seen.len() == SEEN {
            self.seen.pop_front();
        }
        self.seen.push_back(hash);
        true
    }

    pub(super) fn has_seen(&self, id: &str) -> bool {
        self.seen.contains(&name_hash(id))
    }
}

const fn card_of(step: &Step) -> Option<&Card> {
    if let Step::Started { card } | Step::Returned { card } = step { Some(card) } else { None }
}

impl Serialize for Heard {
    /// A sensitive body stays in memory.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut fields = serializer.serialize_struct("Heard", 4)?;
        fields.serialize_field("id", &self.id)?;
        fields.serialize_field("input", if self.sensitive { &Input::Redacted } else { &self.input })?;
        fields.serialize_field("sensitive", &self.sensitive)?;
        if self.joined > 0 {
            fields.serialize_field("joined", &self.joined)?;
        }
        fields.end()
    }
}

/// FNV-1a: the same on every machine and in every version, since it is kept.
#[must_use]
pub fn name_hash(id: &str) -> u64 {
    id.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
