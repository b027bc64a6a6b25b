//! How much of the memory a session takes, about.

use serde_json::{Map, Value};

use super::{Context, Session, SessionEntity, parameters};

impl Session {
    /// Of everything that clients and webhooks have put there.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let contexts = self.contexts.iter().map(|it| size_of::<Context>() + it.name.len() + of_map(&it.parameters));
        let slots = self.filling.as_ref().map(|it| of_map(&parameters::with_originals(&it.slots)));
        contexts.sum::<usize>()
            + of_map(&self.parameters)
            + self.entities().map(entity_bytes).sum::<usize>()
            + slots.unwrap_or_default()
    }
}

/// Of a session entity type; an empty synonym takes room as well.
#[must_use]
pub fn entity_bytes(entity: &SessionEntity) -> usize {
    let text = |it: &String| size_of::<String>() + it.len();
    let entries = entity.entries.iter().map(|it| text(&it.value) + it.synonyms.iter().map(text).sum::<usize>());
    size_of::<SessionEntity>() + entity.name.len() + entries.sum::<usize>()
}

fn of_map(map: &Map<String, Value>) -> usize {
    map.iter().map(|(key, value)| size_of::<String>() + key.len() + of_value(value)).sum()
}

fn of_value(value: &Value) -> usize {
    let inner = match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(it) => it.len(),
        Value::Array(it) => it.iter().map(of_value).sum(),
        Value::Object(it) => of_map(it),
    };
    size_of::<Value>() + inner
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::offline_nlp::{agent::Entry, lexicon::Mode};

    #[test]
    fn what_a_session_holds_counts_and_small_things_are_not_free() {
        let mut session = Session::new(0);
        assert_eq!(session.bytes(), 0);
        let parameters = Map::from_iter([("x".to_owned(), json!([[], [], "y".repeat(1000)]))]);
        session.contexts.set(Context { name: "c".to_owned(), lifespan: 1, parameters }, Timestamp::UNIX_EPOCH);
        let with_context = session.bytes();
        assert!(with_context >= 1000 + 4 * size_of::<Value>(), "{with_context}");
        let entries = vec![Entry { value: "v".to_owned(), synonyms: vec![String::new(); 100] }];
        let entity = SessionEntity { name: "drink".to_owned(), mode: Mode::Override, entries };
        let expected = with_context + entity_bytes(&entity);
        session.set_entity(entity, Timestamp::UNIX_EPOCH);
        assert_eq!(session.bytes(), expected);
        assert!(expected - with_context >= 100 * size_of::<String>());
    }
}
