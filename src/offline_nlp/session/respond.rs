//! What an intent says: its messages in the conversation's language, one variant each, with their references carried out.

use std::collections::BTreeMap;

use super::values::Scope;
use crate::offline_nlp::agent::{Agent, Intent, Language, Message, Parameter, localized};

/// How often each text has been said in a session, so that its variants take turns.
#[derive(Clone, Debug, Default)]
pub(super) struct Turns {
    seed: u64,
    said: BTreeMap<(usize, Place), usize>,
}

/// A text with variants within an intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Message(usize),
    Prompt(usize),
}

impl Turns {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, said: BTreeMap::new() }
    }

    /// The next of `variants`: a session begins anywhere (with prompts, at the first), and then hears all of them before
    /// one comes again.
    fn next<'a>(&mut self, intent: usize, place: Place, variants: &[&'a str]) -> Option<&'a str> {
        let count = u64::try_from(variants.len()).ok()?;
        let first = match place {
            Place::Message(index) => {
                let salt = u64::try_from(intent).ok()?.wrapping_mul(31).wrapping_add(u64::try_from(index).ok()?);
                usize::try_from(self.seed.wrapping_add(salt).checked_rem(count)?).ok()?
            }
            // Written as a question and what is asked when it was not understood.
            Place::Prompt(_) => 0,
        };
        let said = self.said.entry((intent, place)).or_default();
        let chosen = variants.get(first.wrapping_add(*said) % variants.len()).copied();
        *said = said.wrapping_add(1);
        chosen
    }
}

/// Where a text of an intent comes from when the language has none: its root, what serves all, the agent's own language.
fn of_language<'a, T>(
    texts: &'a BTreeMap<Language, T>,
    language: &str,
    agent: &Agent,
    has_some: impl Fn(&T) -> bool,
) -> Option<&'a T> {
    let of = |language: &str| localized(texts, language).filter(|it| has_some(it));
    of(language).or_else(|| of("")).or_else(|| of(&agent.default_language))
}

pub(super) fn messages(
    agent: &Agent,
    intent: usize,
    language: &str,
    scope: &Scope<'_>,
    turns: &mut Turns,
) -> Vec<Message> {
    let Some(own) = agent.intents.get(intent) else { return Vec::new() };
    let Some(messages) = of_language(&own.messages, language, agent, |it| !it.is_empty()) else { return Vec::new() };
    let said = messages.iter().enumerate().filter_map(|(index, it)| match it {
        Message::Text(variants) => {
            let variants: Vec<&str> = variants.iter().map(String::as_str).collect();
            text(&variants, scope, |whole| turns.next(intent, Place::Message(index), whole))
                .map(|it| Message::Text(vec![it]))
        }
        Message::Card { .. } | Message::QuickReplies { .. } | Message::Image { .. } | Message::Payload(_) => {
            Some(filled(it, scope))
        }
    });
    said.collect()
}

/// The question for a parameter.
pub(super) fn prompt(
    agent: &Agent,
    intent: usize,
    asked: usize,
    language: &str,
    scope: &Scope<'_>,
    turns: &mut Turns,
) -> Option<String> {
    let parameter = agent.intents.get(intent)?.parameters.get(asked)?;
    let prompts = of_language(&parameter.prompts, language, agent, |it| !it.is_empty());
    let prompts: Vec<&str> = prompts.map(|it| it.iter().map(String::as_str).collect()).unwrap_or_default();
    let asked = text(&prompts, scope, |whole| turns.next(intent, Place::Prompt(asked), whole));
    Some(asked.unwrap_or_else(|| question(parameter)))
}

/// The service's own question where the agent has none.
fn question(parameter: &Parameter) -> String {
    format!("What is the {}?", parameter.name)
}

/// One variant, carried out. One that refers to something empty is passed over.
fn text<'a>(
    variants: &[&'a str],
    scope: &Scope<'_>,
    next: impl FnOnce(&[&'a str]) -> Option<&'a str>,
) -> Option<String> {
    let whole: Vec<&str> = variants.iter().copied().filter(|it| !scope.text(it).has_gap).collect();
    next(&whole).map(|it| scope.text(it).text).filter(|it| !it.is_empty())
}

fn filled(message: &Message, scope: &Scope<'_>) -> Message {
    let of = |it: &String| scope.text(it).text;
    match message {
        Message::Text(it) => Message::Text(it.iter().map(of).collect()),
        Message::Card { title, subtitle, image_uri, buttons } => Message::Card {
            title: of(title),
            subtitle: of(subtitle),
            image_uri: of(image_uri),
            buttons: buttons.iter().map(|(text, postback)| (of(text), of(postback))).collect(),
        },
        Message::QuickReplies { title, replies } => {
            Message::QuickReplies { title: of(title), replies: replies.iter().map(of).collect() }
        }
        Message::Image { uri, description } => Message::Image { uri: of(uri), description: of(description) },
        Message::Payload(it) => Message::Payload(scope.object(it)),
    }
}

/// Whether a turn of `intent` is the webhook's business.
pub(super) fn asks_webhook(agent: &Agent, intent: &Intent, complete: bool) -> bool {
    agent.webhook.is_some() && if complete { intent.webhook_used } else { intent.webhook_for_slot_filling }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn b16_variants_take_turns_and_each_session_begins_elsewhere() {
        let variants = ["a", "b", "c"];
        let mut firsts = BTreeSet::new();
        for seed in 0..3 {
            let mut turns = Turns::new(seed);
            let round = || (0..3).filter_map(|_| turns.next(1, Place::Message(0), &variants)).collect::<Vec<_>>();
            let mut round = std::iter::repeat_with(round);
            let (first, second) = (round.next().unwrap(), round.next().unwrap());
            assert_eq!(first.iter().copied().collect::<BTreeSet<_>>(), BTreeSet::from(variants));
            assert_eq!(first, second);
            firsts.insert(first[0]);
        }
        assert_eq!(firsts.len(), 3);
    }
}
