//! One contact of a routing engine, as the load generator knows it: what it was told, what it waits for, and what came twice.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::{sync::Notify, time::Instant};

use crate::wire::engine::{Command, command, command_outcome::Outcome};

#[derive(Debug, Default)]
pub(super) struct Talk {
    /// Protects the contact's state; held for a look or a change alone.
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// Whether the gateway took the contact, or why not.
    pub(super) opened: Option<Result<(), String>>,
    /// The highest action carried out.
    done: u32,
    /// The message that waits for its answer.
    asked: Option<String>,
    /// The last message said.
    newest: String,
    pub(super) answered: Option<Instant>,
    pub(super) is_over: bool,
    pub(super) repeated: usize,
    pub(super) again: usize,
    pub(super) further: usize,
    pub(super) busy: usize,
    pub(super) refusals: Vec<String>,
}

impl Talk {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.changed.notify_waiters();
    }

    /// Until `look` finds something.
    pub(super) async fn wait<T>(&self, look: impl Fn(&State) -> Option<T>) -> T {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            if let Some(found) = look(&self.state()) {
                return found;
            }
            changed.await;
        }
    }

    pub(super) fn asks(&self, id: &str) {
        self.change(|state| {
            state.asked = Some(id.to_owned());
            id.clone_into(&mut state.newest);
            state.answered = None;
        });
    }

    /// Carries a command out, once; yields what is to be answered. `streams_lost`: it may come again.
    pub(super) fn on_command(&self, command: &Command, now: Instant, streams_lost: bool) -> Option<Outcome> {
        let mut answer = None;
        self.change(|state| {
            if command.action_seq <= state.done {
                if streams_lost {
                    state.again += 1;
                } else {
                    state.repeated += 1;
                }
                return;
            }
            state.done = command.action_seq;
            if state.asked.take().is_some() {
                state.answered = Some(now);
            } else {
                state.further += 1;
            }
            answer = match &command.command {
                None | Some(command::Command::Say(_)) => None,
                // Nobody is there to take it.
                Some(command::Command::Requeue(_)) => Some(Outcome::Failed),
                Some(command::Command::CreateCallback(_) | command::Command::PushUrl(_)) => Some(Outcome::Done),
                Some(command::Command::EndContact(end)) if end.unless_after != state.newest => {
                    Some(Outcome::Superseded)
                }
                Some(command::Command::EndContact(_)) => {
                    state.is_over = true;
                    Some(Outcome::Done)
                }
            };
        });
        answer
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;
    use crate::{
        clock::Clock,
        wire::engine::{EndContact, Say},
    };

    fn say(action_seq: u32) -> Command {
        let command = Some(command::Command::Say(Say::default()));
        Command { contact: "c".to_owned(), action_seq, command }
    }

    fn end(action_seq: u32, unless_after: &str) -> Command {
        let end = EndContact { unless_after: unless_after.to_owned(), ..EndContact::default() };
        Command { contact: "c".to_owned(), action_seq, command: Some(command::Command::EndContact(end)) }
    }

    #[test]
    fn the_first_command_answers_and_a_second_one_is_one_too_many() {
        let (talk, now) = (Talk::default(), Clock::instant());
        talk.asks("m1");
        assert!(talk.wait(|state| state.answered).now_or_never().is_none());
        talk.on_command(&say(2), now, false);
        assert_eq!(talk.wait(|state| state.answered).now_or_never(), Some(now));
        talk.on_command(&say(3), now, false);
        assert_eq!(talk.state().further, 1);
    }

    #[test]
    fn a_number_that_comes_again_is_not_carried_out_again() {
        let (talk, now) = (Talk::default(), Clock::instant());
        talk.on_command(&say(2), now, false);
        talk.asks("m1");
        talk.on_command(&say(2), now, true);
        talk.on_command(&say(1), now, false);
        let state = talk.state();
        assert_eq!((state.again, state.repeated, state.answered), (1, 1, None));
    }

    #[test]
    fn the_last_word_is_the_customers() {
        let (talk, now) = (Talk::default(), Clock::instant());
        talk.asks("m1");
        talk.asks("m2");
        assert_eq!(talk.on_command(&end(1, "m1"), now, false), Some(Outcome::Superseded));
        assert!(!talk.state().is_over);
        assert_eq!(talk.on_command(&end(2, "m2"), now, false), Some(Outcome::Done));
        assert!(talk.state().is_over);
    }
}
