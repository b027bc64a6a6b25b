//! Which language engine a contact is with: fail-over along the profile's chain (B7), what the next engine is to know, and
//! what the customer sees meanwhile (B6).

use super::{Asked, Contact, Context, Out, Pending};
use crate::core::{
    ids::{EngineName, Timestamp, Turn},
    message::{Answer, FailureKind, Parameters},
    profile::Handover,
    said::Said,
    step::{MoveCause, Step},
};

/// Names and values of the gathered parameters, as JSON. They are in every record of the contact.
const MAX_SLOT_BYTES: usize = 4096;

/// What a customer who waits for an answer is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filler {
    Nothing,
    Typing,
    /// That it takes longer.
    Line,
}

impl Asked {
    /// When the customer is to be shown something, at the earliest.
    pub(super) fn due(&self, rules: &Handover) -> Option<Timestamp> {
        let typing = (!self.typing_told && !rules.typing_after.is_zero()).then_some(rules.typing_after);
        let line = (!self.slow_told && !rules.slow_threshold.is_zero()).then_some(rules.slow_threshold);
        let after = typing.into_iter().chain(line).min()?;
        Some(self.since + after)
    }

    /// What is due now. Marks it as shown.
    pub(super) fn fill(&mut self, rules: &Handover, now: Timestamp) -> Filler {
        let waited = now.since(self.since);
        let over = |limit: std::time::Duration| !limit.is_zero() && waited >= limit;
        if !self.slow_told && over(rules.slow_threshold) {
            self.slow_told = true;
            // The line is more than the three dots before it.
            self.typing_told = true;
            return Filler::Line;
        }
        if !self.typing_told && over(rules.typing_after) {
            self.typing_told = true;
            return Filler::Typing;
        }
        Filler::Nothing
    }
}

/// Whether another engine may do better. Not if the engine has answered with nothing, which is an answer; nor if we were
/// interrupted, which says nothing of the engine. An engine that calls the request invalid goes by its own rules (a language
/// it does not speak), and one whose webhook failed by its own services.
const fn may_fail_over(kind: FailureKind) -> bool {
    match kind {
        FailureKind::Unavailable
        | FailureKind::Deadline
        | FailureKind::Quota
        | FailureKind::Credential
        | FailureKind::NotFound
        | FailureKind::Invalid
        | FailureKind::Precondition
        | FailureKind::Webhook
        | FailureKind::Malformed
        | FailureKind::Internal => true,
        FailureKind::Empty | FailureKind::Interrupted => false,
    }
}

impl Contact {
    /// The engine it is with; `None`: the profile's primary.
    #[must_use]
    pub const fn engine(&self) -> Option<&EngineName> {
        self.state.engine.as_ref()
    }

    /// Whether this engine has had a part of the conversation; told apart only where there are several.
    pub(super) fn has_answered(&self, engine: Option<&EngineName>) -> bool {
        let name = engine.map_or(EngineName::PRIMARY, EngineName::as_str);
        self.state.answered_by.iter().any(|it| it.as_str() == name)
    }

    /// What the engines' answers have gathered.
    #[must_use]
    pub const fn slots(&self) -> &Parameters {
        &self.state.slots
    }

    /// The engine may be gone since the contact was last asked (a start with another configuration), or the canary rolled
    /// back: the primary goes on.
    pub(super) fn check_engine(&mut self, cx: Context<'_>, out: &mut Out) {
        let Some(engine) = &self.state.engine else { return };
        if !cx.rules.chain.knows(Some(engine)) {
            self.move_on(None, MoveCause::Gone, out);
        } else if cx.rolled_back && engine.is_canary() {
            self.move_on(None, MoveCause::RolledBack, out);
        }
    }

    /// Whom to ask after a failure of this kind. `None`: nobody; within it `None` is the primary.
    pub(super) fn next_engine(&self, kind: FailureKind, cx: Context<'_>) -> Option<Option<EngineName>> {
        if may_fail_over(kind) { cx.rules.chain.after(self.state.engine.as_ref()) } else { None }
    }

    /// Asks the next engine what the last one failed on. To the customer it is one question: its wait goes on.
    pub(super) fn fail_over(
        &mut self,
        mut asked: Asked,
        to: Option<EngineName>,
        (turn, ms, kind, advice): (Turn, u64, FailureKind, Said),
        out: &mut Out,
    ) {
        asked.failed = asked.failed.saturating_add(1);
        let (from, to) = self.swap_engine(to);
        out.steps.push(Step::FailedOver { turn, ms, from, to, kind, advice });
        self.put(asked, (true, 0), out);
    }

    /// The last engine of the chain failed. Says whether that was a chain. The next question begins with the first again:
    /// staying with the one that has just failed would be the worst choice.
    pub(super) fn all_failed(&mut self, (kind, before): (FailureKind, u32), cx: Context<'_>, out: &mut Out) -> bool {
        let all = may_fail_over(kind) && !cx.rules.chain.standbys.is_empty();
        if all {
            // The person reads how many failed.
            self.state.counters.failures = self.state.counters.failures.saturating_add(before);
        }
        if all && self.state.engine.is_some() {
            self.move_on(None, MoveCause::AllFailed, out);
        }
        all
    }

    fn move_on(&mut self, to: Option<EngineName>, why: MoveCause, out: &mut Out) {
        let (from, to) = self.swap_engine(to);
        out.steps.push(Step::Moved { from, to, why });
    }

    fn swap_engine(&mut self, to: Option<EngineName>) -> (EngineName, EngineName) {
        let named = |engine: Option<EngineName>| engine.unwrap_or_else(EngineName::primary);
        let from = std::mem::replace(&mut self.state.engine, to.clone());
        self.state.moved = true;
        (named(from), named(to))
    }

    /// The engine has answered: it knows the conversation from here on.
    pub(super) fn heard_of_engine(&mut self, answer: &Answer, sensitive: bool, cx: Context<'_>) {
        self.state.moved = false;
        self.state.answered = true;
        // What a sensitive input holds must not be kept by way of what the engine found in it.
        if !cx.rules.chain.is_single() && !self.has_answered(self.state.engine.as_ref()) {
            self.state.answered_by.push(self.state.engine.clone().unwrap_or_else(EngineName::primary));
        }
        if !cx.rules.chain.is_single() && !sensitive {
            gather(&mut self.state.slots, &answer.parameters);
        }
    }

    /// The engine itself has shown the customer that it writes.
    pub(super) const fn saw_typing(&mut self) {
        if let Some(Pending::Ask(asked)) = &mut self.state.pending {
            asked.typing_told = true;
        }
    }
}

/// Later values take the place of earlier ones. What is not filled, or would not fit, is left out.
fn gather(slots: &mut Parameters, found: &Parameters) {
    use serde_json::Value;
    let size = |name: &str, value: &Value| name.len() + value.to_string().len();
    let mut bytes: usize = slots.iter().map(|(name, value)| size(name, value)).sum();
    for (name, value) in found {
        let before = slots.get(name).map_or(0, |value| size(name, value));
        let after = bytes - before + size(name, value);
        if is_filled(value) && after <= MAX_SLOT_BYTES {
            slots.insert(name.clone(), value.clone());
            bytes = after;
        }
    }
}

/// Whether an engine's parameter says anything.
pub(in crate::core) fn is_filled(value: &serde_json::Value) -> bool {
    use serde_json::Value;
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(values) => !values.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parameters(value: serde_json::Value) -> Parameters {
        let serde_json::Value::Object(parameters) = value else { panic!("{value} is no object") };
        parameters
    }

    #[test]
    fn b7_what_is_not_filled_takes_nothing_away_and_later_values_win() {
        let mut slots = parameters(json!({"size": "L", "colour": "red"}));
        gather(
            &mut slots,
            &parameters(json!({"size": "", "colour": "blue", "n": 0, "gone": null, "many": [], "of": {}})),
        );
        assert_eq!(slots, parameters(json!({"size": "L", "colour": "blue", "n": 0})));
    }

    #[test]
    fn b7_what_would_not_fit_is_left_out_and_the_rest_is_kept() {
        let mut slots = parameters(json!({"a": "x".repeat(3_000)}));
        gather(&mut slots, &parameters(json!({"b": "y".repeat(2_000), "c": "z"})));
        assert_eq!(slots.keys().collect::<Vec<_>>(), ["a", "c"]);
        gather(&mut slots, &parameters(json!({"a": "short"})));
        gather(&mut slots, &parameters(json!({"b": "y".repeat(2_000)})));
        assert_eq!(slots.keys().collect::<Vec<_>>(), ["a", "b", "c"]);
    }
}
