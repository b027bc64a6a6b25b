//! What was said, as far as a person who takes over needs it: bounded, the oldest lines go first.

use std::collections::VecDeque;

use super::{Command, Contact, Pending};
use crate::core::{
    ids::Timestamp,
    message::{Input, Line, Reply, Speaker},
};

#[derive(Clone, Debug, Default)]
pub(super) struct Transcript {
    lines: VecDeque<Line>,
    bytes: usize,
}

impl Transcript {
    pub(super) fn from_lines(lines: Vec<Line>) -> Self {
        let bytes = lines.iter().map(weight).sum();
        Self { lines: lines.into(), bytes }
    }

    pub(super) fn lines(&self) -> impl DoubleEndedIterator<Item = &Line> {
        self.lines.iter()
    }

    pub(super) fn last_of_customer(&self) -> Option<&str> {
        self.lines.iter().rev().find(|line| line.speaker == Speaker::Customer).map(|line| line.text.as_str())
    }

    pub(super) fn heard(&mut self, input: &Input, at: Timestamp, limit: usize) {
        let text = match input {
            Input::Text(text) | Input::Dtmf(text) => text.clone(),
            Input::Event { name, .. } => format!("[event {name}]"),
            Input::Structured(fields) => serde_json::Value::Object(fields.clone()).to_string(),
            Input::Redacted => "[not kept]".to_owned(),
        };
        self.push(Line { speaker: Speaker::Customer, text, at }, limit);
    }

    pub(super) fn sent(&mut self, command: &Command, at: Timestamp, limit: usize) {
        let replies: &[Reply] = match command {
            Command::Say(replies) | Command::EndContact { farewell: replies, .. } => replies,
            Command::PushUrl(url) => {
                self.push(Line { speaker: Speaker::System, text: format!("[page pushed: {url}]"), at }, limit);
                return;
            }
            Command::Requeue { .. } | Command::CreateCallback { .. } => return,
        };
        for reply in replies {
            self.push(Line { speaker: Speaker::VirtualAgent, text: reply.text(), at }, limit);
        }
    }

    fn push(&mut self, line: Line, limit: usize) {
        self.bytes += weight(&line);
        self.lines.push_back(line);
        while self.bytes > limit && self.lines.len() > 1 {
            if let Some(oldest) = self.lines.pop_front() {
                self.bytes -= weight(&oldest);
            }
        }
    }
}

impl Contact {
    /// What was said before the running question, as far as it is kept; the oldest lines first. What the customer said and is
    /// not answered yet is not among it.
    #[must_use]
    pub fn said_before(&self) -> Vec<Line> {
        let asked = match &self.state.pending {
            Some(Pending::Ask(asked)) => Some(&asked.heard),
            Some(Pending::External { .. } | Pending::Command { .. }) | None => None,
        };
        let mut open: Vec<_> = asked.into_iter().chain(&self.state.waiting).filter(|it| it.id.is_some()).collect();
        // Pieces of one long text are one line, words that were joined are one each.
        open.dedup_by(|next, one| next.id == one.id);
        let mut open: usize = open.iter().map(|it| 1 + usize::try_from(it.joined).unwrap_or(usize::MAX - 1)).sum();
        let mut lines: Vec<Line> = self
            .card
            .history
            .iter()
            .chain(self.transcript.lines())
            .rev()
            .filter(|line| {
                let is_open = line.speaker == Speaker::Customer && open > 0;
                open -= usize::from(is_open);
                !is_open
            })
            .cloned()
            .collect();
        lines.reverse();
        lines
    }
}

/// What a line takes of the bound: an empty one takes memory too.
const fn weight(line: &Line) -> usize {
    size_of::<Line>() + line.text.len()
}
