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
    end: bool,
    live_agent: bool,
}

impl Wish {
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
            "its `usher` may hold `action` (text), `parameters` (object), `end` and `live_agent` (true or false), and nothing else"
        })
    }
}

/// Each says more than the intent it stands in, and takes the place of its action.
///
/// # Errors
/// When they contradict each other.
pub(super) fn grant(wishes: Vec<Wish>, answer: &mut Answer) -> Result<(), &'static str> {
    let mut actions = wishes.iter().filter_map(|it| it.action.as_ref());
    if let Some(action) = actions.next() {
        if actions.any(|other| other != action) {
            return Err("it asks for two actions");
        }
        answer.action = fit::name(action);
    }
    // Who says so wants it now, whatever else the intent still asks for.
    answer.parameters_complete |= !wishes.is_empty();
    for Wish { parameters, end, live_agent, .. } in wishes {
        let parameters = parameters.and_then(|it| fit::object(Value::Object(it)));
        answer.parameters.extend(parameters.unwrap_or_default());
        answer.end_interaction |= end;
        answer.live_agent_handoff |= live_agent;
    }
    Ok(())
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
        grant(all([&two, &two]), &mut answer).unwrap();
        assert_eq!(answer.action, "two");
    }
}
