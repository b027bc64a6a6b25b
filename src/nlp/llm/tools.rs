//! The tools that a model is offered: the actions of one medium, and those by which it hands over, ends, or does not understand.
//!
//! A tool's name is the action's as far as servers take it; what fires is the action by its own name. What a model asks for
//! beyond them is refused: nothing can be invented.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{arguments, completion::Call};
use crate::core::{
    action::{self, ActionKind, ActionRule, Address, Holds, OfferedParameter},
    ids::Timestamp,
    message::{MediaType, Parameters},
    profile::Rules,
};

const HAND_OVER: &str = "hand_over_to_person";
const END: &str = "end_conversation";
const NOT_UNDERSTOOD: &str = "not_understood";
/// What [`NOT_UNDERSTOOD`] says to the customer.
const REPLY: &str = "reply";

const MAX_NAME_BYTES: usize = 64;

/// What a valid call asks for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Wanted {
    Action { name: String, parameters: Parameters },
    HandOver(Parameters),
    End,
    NotUnderstood(String),
}

/// All tools of one medium.
#[derive(Clone, Debug)]
pub(super) struct Tools {
    tools: Vec<Tool>,
    /// As they stand in a request.
    offered: Value,
}

#[derive(Clone, Debug)]
struct Tool {
    name: String,
    description: String,
    takes: Vec<OfferedParameter>,
    does: Does,
}

#[derive(Clone, Debug)]
enum Does {
    Act(ActionRule),
    HandOver,
    End,
    NotUnderstood,
}

impl Tools {
    pub(super) fn new(rules: &Rules, media: MediaType) -> Self {
        let mut tools = own(rules.handover.to.is_some());
        let mut taken: BTreeSet<String> = [HAND_OVER, END, NOT_UNDERSTOOD].map(str::to_owned).into();
        let mut seen: Vec<&str> = Vec::new();
        for rule in rules.actions.iter().filter(|rule| rule.media == media) {
            // The first rule of a name is the one that fires (S18).
            if seen.contains(&rule.name.as_str()) {
                continue;
            }
            seen.push(&rule.name);
            if rule.free_address().is_none() {
                tools.push(Tool::of(rule, unique(&rule.name, &mut taken)));
            }
        }
        let offered = tools.iter().map(Tool::offered).collect();
        Self { tools, offered }
    }

    pub(super) const fn offered(&self) -> &Value {
        &self.offered
    }

    /// What a call asks for.
    ///
    /// # Errors
    /// Why nothing comes of it, as the model is told.
    pub(super) fn judge(&self, call: &Call, rules: &Rules, now: Timestamp) -> Result<Wanted, String> {
        let Some(tool) = self.tools.iter().find(|tool| tool.name == call.name) else {
            let names: Vec<&str> = self.tools.iter().map(|tool| tool.name.as_str()).collect();
            return Err(format!("there is no such tool, and nothing was done; the tools are {}", names.join(", ")));
        };
        let refused = |problem: String| format!("{problem}; nothing was done");
        let mut parameters = arguments::read(&call.arguments, &tool.takes, &rules.calling_code).map_err(refused)?;
        Ok(match &tool.does {
            Does::Act(rule) => {
                // As it will be read when it is carried out.
                action::resolve(&rule.kind, &parameters, rules, now)
                    .map_err(|bad| refused(format!("`{}`: {}", bad.parameter, bad.problem)))?;
                Wanted::Action { name: rule.name.clone(), parameters }
            }
            Does::HandOver => Wanted::HandOver(parameters),
            Does::End => Wanted::End,
            Does::NotUnderstood => Wanted::NotUnderstood(match parameters.remove(REPLY) {
                Some(Value::String(reply)) => reply,
                Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) | None => {
                    String::new()
                }
            }),
        })
    }
}

/// Those that every model has. `people`: somebody can be handed over to.
fn own(people: bool) -> Vec<Tool> {
    let text = |name: &str, description: &str| OfferedParameter {
        name: name.to_owned(),
        holds: Holds::Text,
        description: description.to_owned(),
        required: true,
    };
    let tool = |name: &str, description: &str, takes, does| Tool {
        name: name.to_owned(),
        description: description.to_owned(),
        takes,
        does,
    };
    let hand_over = tool(
        HAND_OVER,
        "Hands the conversation over to a person. Use it when the customer asks for one, or when you cannot help.",
        vec![
            text("reason", "Why, in a few words, for the person who takes over."),
            text("summary", "What the customer wants and what was said so far, in two or three sentences."),
        ],
        Does::HandOver,
    );
    let end = tool(
        END,
        "Ends the conversation. Use it only when the customer has said that nothing more is wanted, and say goodbye before it.",
        Vec::new(),
        Does::End,
    );
    let not_understood = tool(
        NOT_UNDERSTOOD,
        "Use it when you do not understand what the customer wants.",
        vec![text(REPLY, "What to say to the customer: ask to say it in other words.")],
        Does::NotUnderstood,
    );
    people.then_some(hand_over).into_iter().chain([end, not_understood]).collect()
}

impl Tool {
    fn of(rule: &ActionRule, name: String) -> Self {
        let description = match rule.offer.description.as_str() {
            "" => described(rule),
            description => description.to_owned(),
        };
        Self { name, description, takes: takes(rule), does: Does::Act(rule.clone()) }
    }

    fn offered(&self) -> Value {
        let properties = self.takes.iter().map(|it| (it.name.clone(), property(it))).collect::<Parameters>();
        let required: Vec<&str> = self.takes.iter().filter(|it| it.required).map(|it| it.name.as_str()).collect();
        json!({"type": "function", "function": {
            "name": self.name,
            "description": self.description,
            "parameters": {
                "type": "object",
                "properties": properties,
                "required": required,
                "additionalProperties": false,
            },
        }})
    }
}

fn described(rule: &ActionRule) -> String {
    let what = match &rule.kind {
        ActionKind::Requeue { queue } => format!("Hands the conversation over to the people of queue {queue}."),
        ActionKind::SpeechRequeue { target } => format!("Connects the call to {target}."),
        ActionKind::Callback { .. } => {
            "Books a call to the customer by telephone at a time that the customer chose.".to_owned()
        }
        ActionKind::External { .. } => {
            "Asks a system of the company's; what it answers is told to the customer.".to_owned()
        }
        ActionKind::PushUrl { .. } => "Shows the customer a page.".to_owned(),
    };
    format!("{}: {what}", rule.name)
}

/// What the action's kind needs first, then what is listed beside it.
fn takes(rule: &ActionRule) -> Vec<OfferedParameter> {
    let listed = &rule.offer.parameters;
    let needed = |name: &str, holds: Holds, description: &str| {
        let own = listed.iter().find(|it| it.name == name);
        let description = own.map(|it| it.description.as_str()).filter(|it| !it.is_empty()).unwrap_or(description);
        OfferedParameter { name: name.to_owned(), holds, description: description.to_owned(), required: true }
    };
    let mut takes = match &rule.kind {
        ActionKind::Callback { phone_parameter, time_parameter, .. } => vec![
            needed(phone_parameter, Holds::Phone, "The number to call, as the customer gave it."),
            needed(time_parameter, Holds::DateTime, "When to call."),
        ],
        ActionKind::External { uri: Address::Parameter(name) }
        | ActionKind::PushUrl { url: Address::Parameter(name) } => {
            let own = listed.iter().find(|it| it.name == *name);
            own.map(|it| needed(name, it.holds.clone(), "Which one.")).into_iter().collect()
        }
        ActionKind::Requeue { .. }
        | ActionKind::SpeechRequeue { .. }
        | ActionKind::External { uri: Address::Fixed(_) }
        | ActionKind::PushUrl { url: Address::Fixed(_) } => Vec::new(),
    };
    for parameter in listed {
        if takes.iter().all(|it| it.name != parameter.name) {
            takes.push(parameter.clone());
        }
    }
    takes
}

fn property(parameter: &OfferedParameter) -> Value {
    let (mut property, hint) = match &parameter.holds {
        Holds::Text => (json!({"type": "string"}), ""),
        Holds::Number => (json!({"type": "number"}), ""),
        Holds::Integer => (json!({"type": "integer"}), ""),
        Holds::Flag => (json!({"type": "boolean"}), ""),
        Holds::DateTime => {
            (json!({"type": "string", "format": "date-time"}), "ISO 8601, such as 2030-01-31T14:30:00+01:00.")
        }
        Holds::Phone => (json!({"type": "string"}), "With a leading + and country code, or a leading 0."),
        Holds::OneOf(values) => (json!({"type": "string", "enum": values}), ""),
    };
    let description = [parameter.description.as_str(), hint].into_iter().filter(|it| !it.is_empty());
    let description = description.collect::<Vec<_>>().join(" ");
    if let (false, Some(property)) = (description.is_empty(), property.as_object_mut()) {
        property.insert("description".to_owned(), Value::from(description));
    }
    property
}

/// A name that every server takes and no other tool has.
fn unique(action: &str, taken: &mut BTreeSet<String>) -> String {
    let fit = |it: char| if it.is_ascii_alphanumeric() || matches!(it, '_' | '-') { it } else { '_' };
    let base: String = action.chars().map(fit).take(MAX_NAME_BYTES).collect();
    let mut name = base.clone();
    let mut number = 2_u32;
    while !taken.insert(name.clone()) {
        let end = format!("_{number}");
        name = base.chars().take(MAX_NAME_BYTES - end.len()).chain(end.chars()).collect();
        number += 1;
    }
    name
}

#[cfg(test)]
#[path = "tools_tests.rs"]
mod tests;
