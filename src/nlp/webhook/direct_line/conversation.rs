//! One contact's conversation at Direct Line, as far as it must be remembered between its turns.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::activity::{Activity, Offer};

/// Activities that are known when they come again.
const MAX_SEEN: usize = 256;
/// Turns whose answers are not waited for any more.
const MAX_GIVEN_UP: usize = 32;

/// Shared by a contact's turns, which follow each other, and the notices to it, which come in between.
#[derive(Debug, Default)]
pub(super) struct Slot {
    /// Held during a turn.
    pub(super) turn: tokio::sync::Mutex<()>,
    /// Held for one look.
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// `None`: there is no conversation yet, or none any more.
    pub(super) id: Option<String>,
    pub(super) watermark: Option<String>,
    /// The last activities that were read, as a watermark may repeat some.
    seen: VecDeque<String>,
    /// Questions asked, so that each has a tag of its own.
    asked: u64,
    open: Option<Question>,
    /// Ours, given up or answered by nobody; what replies to them is nobody's either.
    given_up: VecDeque<String>,
    /// Tags of the same, as long as their ids are not known.
    given_up_tags: VecDeque<String>,
    /// Buttons that were shown last.
    pub(super) offers: Vec<Offer>,
    /// There was a conversation before, which the bot does not know of.
    pub(super) lost: bool,
}

#[derive(Debug)]
struct Question {
    tag: String,
    id: Option<String>,
}

impl Slot {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    pub(super) fn begin(&mut self, id: String) {
        let (lost, offers) = (self.lost, Vec::new());
        *self = Self { id: Some(id), lost, offers, asked: self.asked, ..Self::default() };
    }

    /// The conversation cannot be gone on with.
    pub(super) fn lose(&mut self) {
        *self = Self { lost: true, asked: self.asked, ..Self::default() };
    }

    /// A question is about to go; yields its tag.
    pub(super) fn ask(&mut self) -> String {
        self.asked += 1;
        let tag = format!("usher-{}", self.asked);
        self.open = Some(Question { tag: tag.clone(), id: None });
        tag
    }

    /// What Direct Line calls the question.
    pub(super) fn named(&mut self, id: String) {
        if let Some(open) = &mut self.open {
            open.id.get_or_insert(id);
        }
    }

    /// The question has its answer; what the bot still says to it comes late, but is said.
    pub(super) fn answered(&mut self) {
        self.open = None;
    }

    /// The question failed: what the bot still says to it is not for the customer any more.
    pub(super) fn give_up(&mut self) {
        match self.open.take() {
            Some(Question { id: Some(id), .. }) => self.never_mind(id),
            Some(Question { tag, id: None }) => remember(&mut self.given_up_tags, tag, MAX_GIVEN_UP),
            None => {}
        }
    }

    /// No reply to this activity of ours is for the customer.
    pub(super) fn never_mind(&mut self, id: String) {
        remember(&mut self.given_up, id, MAX_GIVEN_UP);
    }

    /// Whether the activity is new, the bot's, and not about something that is over. `user` is our own name.
    pub(super) fn is_news(&mut self, activity: &Activity, user: &str) -> bool {
        if let Some(id) = &activity.id {
            if self.seen.contains(id) {
                return false;
            }
            remember(&mut self.seen, id.clone(), MAX_SEEN);
        }
        if activity.from.as_ref().is_some_and(|it| it.id == user) {
            self.on_echo(activity);
            return false;
        }
        let replies_to = activity.reply_to_id.as_ref();
        !replies_to.is_some_and(|it| self.given_up.contains(it))
    }

    /// Our own activity comes back, with the id that replies name.
    fn on_echo(&mut self, activity: &Activity) {
        let tag = activity.channel_data.as_ref().and_then(|it| it.get("clientActivityID")).and_then(|it| it.as_str());
        let (Some(tag), Some(id)) = (tag, &activity.id) else { return };
        if self.open.as_ref().is_some_and(|it| it.tag == tag) {
            self.named(id.clone());
        } else if self.given_up_tags.iter().any(|it| it == tag) {
            self.given_up_tags.retain(|it| it != tag);
            self.never_mind(id.clone());
        }
    }
}

fn remember(kept: &mut VecDeque<String>, what: String, most: usize) {
    if kept.len() >= most {
        kept.pop_front();
    }
    kept.push_back(what);
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn activity(value: Value) -> Activity {
        serde_json::from_value(value).unwrap()
    }

    fn bots(id: &str, replies_to: &str) -> Activity {
        activity(json!({"type": "message", "id": id, "from": {"id": "bot"}, "replyToId": replies_to}))
    }

    fn echo(id: &str, tag: &str) -> Activity {
        activity(json!({"type": "message", "id": id, "from": {"id": "me"}, "channelData": {"clientActivityID": tag}}))
    }

    #[test]
    fn b1_replies_to_a_question_that_failed_are_dropped_whenever_its_id_becomes_known() {
        let mut state = State::default();
        // Known before it fails.
        state.ask();
        state.named("conv|1".into());
        state.give_up();
        assert!(!state.is_news(&bots("conv|2", "conv|1"), "me"));
        // Known by its echo alone, after it has failed.
        let tag = state.ask();
        state.give_up();
        assert!(!state.is_news(&echo("conv|3", &tag), "me"));
        assert!(!state.is_news(&bots("conv|4", "conv|3"), "me"));
        // What was answered may be added to.
        let tag = state.ask();
        assert!(!state.is_news(&echo("conv|5", &tag), "me"));
        state.answered();
        assert!(state.is_news(&bots("conv|6", "conv|5"), "me"));
        assert!(state.is_news(&bots("conv|7", "somebody's"), "me"));
    }

    #[test]
    fn b17_an_activity_that_comes_twice_is_news_once() {
        let mut state = State::default();
        assert!(state.is_news(&bots("conv|1", "x"), "me"));
        assert!(!state.is_news(&bots("conv|1", "x"), "me"));
        for n in 0..2 * MAX_SEEN {
            state.is_news(&bots(&format!("other|{n}"), "x"), "me");
        }
        assert_eq!(state.seen.len(), MAX_SEEN);
    }
}
