//! The order within each contact: while a customer's message is under way, what comes after it waits, so that a gateway that is
//! too busy for one message is never given a later one first.
//!
//! Typing and outcomes of commands do not wait: the gateway may need an outcome before it has room for another message.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    mem,
};

use tokio::time::Instant;

use super::{Outgoing, contact_of};
use crate::wire::engine::engine_frame::Body;

#[derive(Debug, Default)]
pub(super) struct Order {
    /// Contacts with a message under way, or with something that waits.
    lines: HashMap<String, Line>,
    /// When messages that were given back may go again.
    due: BTreeSet<(Instant, String)>,
    waiting: usize,
}

#[derive(Debug, Default)]
struct Line {
    /// A message has left and has not been settled.
    under_way: bool,
    /// Not before this moment.
    pause: Option<Instant>,
    waiting: VecDeque<Outgoing>,
}

impl Order {
    /// How many frames wait.
    pub(super) const fn waiting(&self) -> usize {
        self.waiting
    }

    /// Yields the frame if it may go now, and keeps it otherwise.
    pub(super) fn admit(&mut self, item: Outgoing) -> Option<Outgoing> {
        let Some(contact) = contact_of(&item.body).filter(|_| keeps_order(&item.body)) else { return Some(item) };
        if let Some(line) = self.lines.get_mut(contact) {
            line.waiting.push_back(item);
            self.waiting += 1;
            return None;
        }
        if is_message(&item.body) {
            self.lines.insert(contact.to_owned(), Line { under_way: true, ..Line::default() });
        }
        Some(item)
    }

    /// The message that was under way is taken, refused, or given back: yields what may go now.
    pub(super) fn settle(&mut self, contact: &str) -> Vec<Outgoing> {
        if let Some(line) = self.lines.get_mut(contact) {
            line.under_way = false;
        }
        self.release(contact)
    }

    /// A message goes again, before everything that waits, but not before `at`.
    pub(super) fn give_back(&mut self, contact: &str, item: Outgoing, at: Instant) {
        let line = self.lines.entry(contact.to_owned()).or_default();
        line.waiting.push_front(item);
        self.waiting += 1;
        let at = line.pause.map_or(at, |before| before.max(at));
        if let Some(before) = line.pause.replace(at) {
            self.due.remove(&(before, contact.to_owned()));
        }
        self.due.insert((at, contact.to_owned()));
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Yields what may go again now.
    pub(super) fn release_due(&mut self, now: Instant) -> Vec<Outgoing> {
        let mut released = Vec::new();
        while self.due.first().is_some_and(|(at, _)| *at <= now) {
            let Some((_, contact)) = self.due.pop_first() else { break };
            if let Some(line) = self.lines.get_mut(&contact) {
                line.pause = None;
            }
            released.extend(self.release(&contact));
        }
        released
    }

    fn release(&mut self, contact: &str) -> Vec<Outgoing> {
        let mut released = Vec::new();
        let Some(line) = self.lines.get_mut(contact) else { return released };
        while !line.under_way && line.pause.is_none() {
            let Some(item) = line.waiting.pop_front() else { break };
            self.waiting -= 1;
            line.under_way = is_message(&item.body);
            released.push(item);
        }
        if !line.under_way && line.waiting.is_empty() {
            self.lines.remove(contact);
        } else if line.waiting.capacity() > 64 && line.waiting.len() < 16 {
            line.waiting = mem::take(&mut line.waiting).into_iter().collect();
        }
        released
    }
}

pub(super) const fn is_message(body: &Body) -> bool {
    matches!(body, Body::CustomerMessage(_))
}

const fn keeps_order(body: &Body) -> bool {
    matches!(body, Body::ContactOffered(_) | Body::CustomerMessage(_) | Body::ContactEnded(_))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        clock::Clock,
        wire::engine::{CommandOutcome, ContactEnded, CustomerMessage},
    };

    fn message(contact: &str, id: &str) -> Outgoing {
        let (contact, message_id) = (contact.to_owned(), id.to_owned());
        let message = CustomerMessage { contact, message_id, ..CustomerMessage::default() };
        Outgoing { body: Body::CustomerMessage(message), receipt: None }
    }

    fn end(contact: &str) -> Outgoing {
        let ended = ContactEnded { contact: contact.to_owned(), reason: String::new() };
        Outgoing { body: Body::ContactEnded(ended), receipt: None }
    }

    fn outcome(contact: &str) -> Outgoing {
        let outcome = CommandOutcome { contact: contact.to_owned(), ..CommandOutcome::default() };
        Outgoing { body: Body::CommandOutcome(outcome), receipt: None }
    }

    fn names(items: &[Outgoing]) -> Vec<&str> {
        fn name(body: &Body) -> &str {
            if let Body::CustomerMessage(message) = body { &message.message_id } else { "end" }
        }
        items.iter().map(|it| name(&it.body)).collect()
    }

    #[test]
    fn one_message_of_a_contact_is_under_way_at_a_time_and_what_follows_waits_in_order() {
        let mut order = Order::default();
        assert!(order.admit(message("c", "1")).is_some());
        assert!(order.admit(message("c", "2")).is_none());
        assert!(order.admit(end("c")).is_none());
        assert!(order.admit(message("other", "1")).is_some(), "another contact is not held up");
        assert_eq!(order.waiting(), 2);
        assert_eq!(names(&order.settle("c")), ["2"]);
        assert_eq!(names(&order.settle("c")), ["end"]);
        assert!(order.settle("other").is_empty());
        assert!(order.lines.is_empty() && order.waiting() == 0, "nothing is left behind");
    }

    #[test]
    fn outcomes_do_not_wait() {
        let mut order = Order::default();
        order.admit(message("c", "1"));
        assert!(order.admit(outcome("c")).is_some());
    }

    #[test]
    fn what_is_given_back_goes_again_when_its_time_has_come_and_before_everything_else() {
        let (mut order, now) = (Order::default(), Clock::instant());
        let first = order.admit(message("c", "1")).unwrap();
        order.admit(message("c", "2"));
        order.give_back("c", first, now + Duration::from_secs(1));
        assert!(order.settle("c").is_empty(), "not before its time");
        assert_eq!(order.next_due(), Some(now + Duration::from_secs(1)));
        assert!(order.release_due(now).is_empty());
        assert_eq!(names(&order.release_due(now + Duration::from_secs(1))), ["1"]);
        assert_eq!(order.next_due(), None);
        assert_eq!(names(&order.settle("c")), ["2"]);
    }

    #[test]
    fn a_late_give_back_waits_for_what_is_under_way() {
        let (mut order, now) = (Order::default(), Clock::instant());
        order.admit(message("c", "2"));
        order.give_back("c", message("c", "1"), now);
        assert!(order.release_due(now).is_empty(), "2 is under way");
        assert_eq!(names(&order.settle("c")), ["1"]);
        assert!(order.settle("c").is_empty());
        assert!(order.lines.is_empty());
    }
}
