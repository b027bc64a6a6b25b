//! What a bot wants of Usher beside what it says, where its protocol has no words of its own for it: the object `usher`.

use serde::Deserialize;
use serde_json::Value;

use super::fit;
use crate::core::message::{Answer, Parameters};

/// The key of that object in a payload.
pub(super) const KEY: &str = "usher";

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Wish {
    action: Option<String>,
    parameters: Option<Parameters>,
    parameters_complete: Option<bool>,
    not_understood: bool,
    end: bool,
    live_agent: bool,
    intent: Option<String>,
    confidence: Option<f32>,
}

impl Wish {
    pub(super) fn action(name: String, parameters: Parameters) -> Self {
        Self { action: Some(name), parameters: Some(parameters), ..Self::default() }
    }

    /// Takes it out of a payload, of which the rest is for the customer's channel. A payload of nothing but an `action` and its
    /// `parameters` is a wish as it is.
    ///
    /// # Errors
    /// What is wrong with it, in words for an administrator.
    pub(super) fn take_from(payload: &mut Parameters) -> Result<Option<Self>, &'static str> {
        let is_wish = payload.get("action").is_some_and(Value::is_string)
            && payload.iter().all(|(key, it)| key == "action" || key == "parameters" && it.is_object());
        if is_wish {
            return Self::of(Value::Object(std::mem::take(payload))).map(Some);
        }
        payload.remove(KEY).map(Self::of).transpose()
    }

    /// # Errors
    /// As [`Self::take_from`].
    pub(super) fn of(json: Value) -> Result<Self, &'static str> {
        // What stands in it may be a customer's.
        Self::deserialize(json).map_err(|_unsaid| {
            "its `usher` may hold `action` and `intent` (text), `parameters` (object), `confidence` (number), \
             `parameters_complete`, `not_understood`, `end` and `live_agent` (true or false), and nothing else"
        })
    }

    /// # Errors
    /// What two of one answer contradict each other in.
    pub(super) fn grant(self, answer: &mut Answer) -> Result<(), &'static str> {
        if let Some(action) = self.action.filter(|it| !it.is_empty()) {
            if !answer.action.is_empty() {
                return Err("one answer asks for two actions");
            }
            answer.action = fit::name(action);
        }
        let parameters = self.parameters.and_then(|it| fit::object(Value::Object(it)));
        answer.parameters.extend(parameters.unwrap_or_default());
        answer.parameters_complete &= self.parameters_complete.unwrap_or(true);
        answer.not_understood |= self.not_understood;
        answer.end_interaction |= self.end;
        answer.live_agent_handoff |= self.live_agent;
        if let Some(intent) = self.intent.filter(|it| !fit::is_blank(it)) {
            answer.intent = Some(fit::name(intent));
        }
        if let Some(confidence) = self.confidence {
            answer.confidence = fit::confidence(confidence.into()).or(answer.confidence);
        }
        Ok(())
    }
}

/// Of an engine with intents of its own. A wish says more than the intent it stands in: its action takes the place of the
/// intent's, and it is meant now, whatever the intent still asks for.
///
/// # Errors
/// When they contradict each other.
pub(super) fn grant(wishes: Vec<Wish>, answer: &mut Answer) -> Result<(), &'static str> {
    if wishes.iter().any(|it| it.action.is_some()) {
        answer.action.clear();
    }
    answer.parameters_complete |= !wishes.is_empty();
    wishes.into_iter().try_for_each(|wish| wish.grant(answer))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn wish(json: Value) -> Result<Answer, &'static str> {
        let mut answer = Answer::default();
        grant(vec![Wish::of(json)?], &mut answer)?;
        Ok(answer)
    }

    #[test]
    fn a_wish_is_taken_out_of_its_payload() {
        let mut payload = json!({"usher": {"end": true}, "map": 1}).as_object().unwrap().clone();
        let mut answer = Answer::default();
        grant(Wish::take_from(&mut payload).unwrap().into_iter().collect(), &mut answer).unwrap();
        assert!(answer.end_interaction && answer.parameters_complete);
        assert_eq!(Value::Object(payload.clone()), json!({"map": 1}));
        assert!(Wish::take_from(&mut payload).unwrap().is_none());
        let mut payload = json!({"action": "call", "parameters": {}}).as_object().unwrap().clone();
        assert!(Wish::take_from(&mut payload).unwrap().is_some() && payload.is_empty());
        let mut of_a_channel = json!({"action": "call", "colour": "red"}).as_object().unwrap().clone();
        assert!(Wish::take_from(&mut of_a_channel).unwrap().is_none());
    }

    #[test]
    fn a_wish_is_granted_whole_or_refused() {
        let answer = wish(json!({"action": "call", "parameters": {"phone": "1"}, "live_agent": true})).unwrap();
        assert_eq!((answer.action.as_str(), &answer.parameters["phone"]), ("call", &json!("1")));
        assert!(answer.live_agent_handoff && answer.parameters_complete && !answer.end_interaction);
        for bad in [json!({"ende": true}), json!({"end": "true"}), json!("call"), json!(null), json!({"action": 1})] {
            assert!(wish(bad.clone()).is_err(), "{bad}");
        }
        let [one, two] = ["one", "two"].map(|it| json!({"action": it}));
        let mut answer = Answer { action: "of the intent".into(), ..Answer::default() };
        let all = |of: [&Value; 2]| of.map(|it| Wish::of(it.clone()).unwrap()).into();
        assert!(grant(all([&one, &two]), &mut answer).is_err());
        grant(all([&json!({"end": true}), &two]), &mut answer).unwrap();
        assert_eq!(answer.action, "two");
    }
}
