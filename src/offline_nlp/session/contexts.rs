//! A session's contexts: what the conversation is about, for a number of turns or 20 minutes, whichever ends first.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::values::json_bytes;

/// Without a turn for so long a context is gone, whatever its lifespan.
pub const EXPIRE_AFTER: SignedDuration = SignedDuration::from_mins(20);
const MAX_CONTEXTS: usize = 64;
/// Of all parameters of a session together; the oldest contexts go first.
const MAX_BYTES: usize = 256 * 1024;

#[derive(Clone, Debug, PartialEq)]
pub struct Context {
    /// In lower case.
    pub name: String,
    /// How many more turns it is active; 0: until the end of this one.
    pub lifespan: i32,
    pub parameters: Map<String, Value>,
}

/// In the order in which they were first set.
#[derive(Clone, Debug, Default)]
pub struct Contexts(Vec<Held>);

#[derive(Clone, Debug)]
struct Held {
    context: Context,
    until: Timestamp,
}

impl Contexts {
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Context> {
        self.iter().find(|it| it.name == name)
    }

    #[must_use]
    pub fn is_active(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Context> {
        self.0.iter().map(|it| &it.context)
    }

    /// What an active context of the name has as well stays, where `context` says nothing else.
    pub fn set(&mut self, context: Context, now: Timestamp) {
        let until = now.saturating_add(EXPIRE_AFTER).unwrap_or(Timestamp::MAX);
        match self.0.iter_mut().find(|it| it.context.name == context.name) {
            Some(held) => {
                held.until = until;
                held.context.lifespan = context.lifespan;
                held.context.parameters.extend(context.parameters);
            }
            None => self.0.push(Held { context, until }),
        }
        self.bound();
    }

    /// As [`Self::set`], but nothing of an earlier context of the name stays.
    pub fn replace(&mut self, context: Context, now: Timestamp) {
        self.remove(&context.name);
        self.set(context, now);
    }

    pub fn remove(&mut self, name: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|it| it.context.name != name);
        before > self.0.len()
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Drops those whose time is over.
    pub fn expire(&mut self, now: Timestamp) {
        self.0.retain(|it| it.until > now);
    }

    /// A turn has begun to answer: each context has one turn less. Those at 0 stay until [`Self::end_turn`], since the
    /// answer may speak of them.
    pub(super) fn count_down(&mut self, now: Timestamp) {
        let until = now.saturating_add(EXPIRE_AFTER).unwrap_or(Timestamp::MAX);
        for held in &mut self.0 {
            held.context.lifespan = held.context.lifespan.saturating_sub(1).max(0);
            held.until = until;
        }
    }

    /// Every active context learns the turn's parameters, as in the service.
    pub(super) fn learn(&mut self, parameters: &Map<String, Value>) {
        for held in &mut self.0 {
            held.context.parameters.extend(parameters.iter().map(|(key, value)| (key.clone(), value.clone())));
        }
        self.bound();
    }

    pub fn end_turn(&mut self) {
        self.0.retain(|it| it.context.lifespan > 0);
    }

    fn bound(&mut self) {
        while self.0.len() > MAX_CONTEXTS || (self.0.len() > 1 && self.bytes() > MAX_BYTES) {
            self.0.remove(0);
        }
    }

    fn bytes(&self) -> usize {
        let of = |it: &Context| it.parameters.iter().map(|(key, value)| key.len() + json_bytes(value)).sum::<usize>();
        self.iter().map(of).sum()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn context(name: &str, lifespan: i32) -> Context {
        Context { name: name.to_owned(), lifespan, parameters: Map::new() }
    }

    fn names(contexts: &Contexts) -> Vec<&str> {
        contexts.iter().map(|it| it.name.as_str()).collect()
    }

    #[test]
    fn b16_a_context_lives_as_many_turns_as_it_was_given() {
        let mut contexts = Contexts::default();
        contexts.set(context("order", 2), Timestamp::UNIX_EPOCH);
        for expected in [["order"].as_slice(), &[]] {
            contexts.count_down(Timestamp::UNIX_EPOCH);
            assert!(contexts.is_active("order"), "until the turn has been answered");
            contexts.end_turn();
            assert_eq!(names(&contexts), expected);
        }
    }

    #[test]
    fn b16_a_context_expires_after_20_minutes_without_a_turn() {
        let mut contexts = Contexts::default();
        contexts.set(context("order", 5), Timestamp::UNIX_EPOCH);
        let later = |seconds| Timestamp::from_second(seconds).unwrap();
        contexts.expire(later(1199));
        contexts.count_down(later(1199));
        contexts.expire(later(1199 + 1199));
        assert_eq!(names(&contexts), ["order"], "a turn begins the time anew");
        contexts.expire(later(1199 + 1200));
        assert!(names(&contexts).is_empty());
    }

    #[test]
    fn b16_setting_an_active_context_keeps_what_it_has() {
        let mut contexts = Contexts::default();
        let with = |key: &str, value| Context {
            parameters: Map::from_iter([(key.to_owned(), Value::from(value))]),
            ..context("order", 1)
        };
        contexts.set(with("size", 1), Timestamp::UNIX_EPOCH);
        contexts.set(with("colour", 2), Timestamp::UNIX_EPOCH);
        assert_eq!(json!(contexts.find("order").unwrap().parameters), json!({"size": 1, "colour": 2}));
        contexts.replace(with("colour", 3), Timestamp::UNIX_EPOCH);
        assert_eq!(json!(contexts.find("order").unwrap().parameters), json!({"colour": 3}));
    }

    #[test]
    fn contexts_are_bounded_in_number_and_size_and_the_oldest_go() {
        let mut contexts = Contexts::default();
        for n in 0..=MAX_CONTEXTS {
            contexts.set(context(&n.to_string(), 1), Timestamp::UNIX_EPOCH);
        }
        assert_eq!(contexts.0.len(), MAX_CONTEXTS);
        assert!(!contexts.is_active("0"));
        let large = Map::from_iter([("x".to_owned(), Value::from("x".repeat(MAX_BYTES)))]);
        contexts.set(Context { parameters: large, ..context("large", 1) }, Timestamp::UNIX_EPOCH);
        assert_eq!(names(&contexts), ["large"]);
        contexts.set(context("late", 1), Timestamp::UNIX_EPOCH);
        contexts.learn(&Map::from_iter([("y".to_owned(), Value::from("y".repeat(MAX_BYTES)))]));
        assert_eq!(names(&contexts), ["late"], "what all contexts learn counts for each");
    }
}
