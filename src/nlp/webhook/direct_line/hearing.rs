//! What a bot says in one turn, activity by activity, as an answer.

use serde_json::{Value, json};

use super::{
    super::fit::{self, MAX_ITEMS, MAX_REPLIES, Wish},
    activity::{Activity, Attachment, Card, CardAction, Offer},
};
use crate::core::message::{Answer, Button, Parameters, Reply};

/// By which a bot asks for a person, in Microsoft's handoff protocol.
const HANDOFF: &str = "handoff.initiate";
const MAX_OFFERS: usize = 64;

#[derive(Debug)]
pub(super) struct Hearing<'a> {
    /// Names of the profile's actions.
    actions: &'a [String],
    /// What is not said yet, and what is wanted so far.
    pub(super) answer: Answer,
    replies: usize,
    /// An event with a name that no action has; it is one if nothing better comes.
    other: Option<(String, Parameters)>,
    hint: Hint,
    pub(super) typing: bool,
    pub(super) offers: Vec<Offer>,
    /// Activities with which the bot said or wanted something.
    heard: usize,
}

/// What the bot says of its own readiness with its last message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Hint {
    /// More may follow.
    #[default]
    Accepting,
    /// It waits for the customer.
    Expecting,
    /// It goes on by itself.
    Ignoring,
    /// The conversation is over.
    Over,
}

impl<'a> Hearing<'a> {
    pub(super) fn new(actions: &'a [String]) -> Self {
        Self {
            actions,
            answer: fit::blank_answer(),
            replies: 0,
            other: None,
            hint: Hint::default(),
            typing: false,
            offers: Vec::new(),
            heard: 0,
        }
    }

    /// # Errors
    /// What cannot be understood.
    pub(super) fn take(&mut self, activity: Activity) -> Result<(), &'static str> {
        match activity.r#type.as_str() {
            "message" => self.message(activity),
            "typing" => {
                self.typing = true;
                Ok(())
            }
            "event" => {
                self.heard += 1;
                self.event(activity.name.unwrap_or_default(), activity.value)
            }
            "endOfConversation" => {
                self.heard += 1;
                self.hint = Hint::Over;
                self.answer.end_interaction = true;
                let last = activity.text.and_then(fit::text);
                self.say(last);
                Ok(())
            }
            // Members that come and go, traces, reactions: nothing for a customer.
            _ => Ok(()),
        }
    }

    /// How often something was said or wanted.
    pub(super) const fn heard(&self) -> usize {
        self.heard
    }

    /// Whether the bot has said that nothing follows.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.hint, Hint::Over | Hint::Expecting)
    }

    /// Whether the bot has said that more follows.
    pub(super) fn goes_on(&self) -> bool {
        self.hint == Hint::Ignoring
    }

    /// What can be said already.
    pub(super) fn said(&mut self) -> Vec<Reply> {
        std::mem::take(&mut self.answer.replies)
    }

    pub(super) fn finish(mut self) -> Result<Answer, &'static str> {
        if let Some((name, parameters)) = self.other.take()
            && self.answer.action.is_empty()
        {
            Wish::action(name, parameters).grant(&mut self.answer)?;
        }
        Ok(self.answer)
    }

    fn message(&mut self, activity: Activity) -> Result<(), &'static str> {
        let Activity { text, attachments, suggested_actions, input_hint, channel_data, .. } = activity;
        self.heard += 1;
        self.hint = match input_hint.as_deref() {
            _ if self.hint == Hint::Over => Hint::Over,
            Some("expectingInput") => Hint::Expecting,
            Some("ignoringInput") => Hint::Ignoring,
            Some(_) | None => Hint::Accepting,
        };
        let mut actions = suggested_actions.map(|it| it.actions).unwrap_or_default();
        actions.truncate(MAX_ITEMS);
        let buttons = self.buttons(&actions);
        let text = text.unwrap_or_default();
        // The buttons belong below everything; with a picture in between the words go first, by themselves.
        let attachments = attachments.unwrap_or_default();
        if attachments.is_empty() {
            self.say(fit::choice(text, buttons));
        } else {
            self.say(fit::text(text));
            for attachment in attachments.into_iter().take(MAX_ITEMS) {
                let reply = self.attachment(attachment)?;
                self.say(reply);
            }
            self.say(fit::choice(String::new(), buttons));
        }
        let usher = channel_data.and_then(|mut it| it.get_mut("usher").map(Value::take));
        let wish: Option<Wish> = usher
            .map(serde_json::from_value)
            .transpose()
            // What serde says of it might hold what a customer said.
            .map_err(|_unshown| "`channelData.usher` is not as docs/engines/bot-framework.md has it")?;
        wish.map_or(Ok(()), |wish| wish.grant(&mut self.answer))
    }

    fn say(&mut self, reply: Option<Reply>) {
        if self.replies < MAX_REPLIES {
            self.replies += usize::from(reply.is_some());
            self.answer.replies.extend(reply);
        } else if reply.is_some() {
            tracing::warn!("more than {MAX_REPLIES} messages in one turn of a bot's are left out");
        }
    }

    fn buttons(&mut self, actions: &[CardAction]) -> Vec<Button> {
        let room = MAX_OFFERS.saturating_sub(self.offers.len());
        self.offers.extend(actions.iter().filter_map(CardAction::offer).take(room));
        actions.iter().filter_map(|it| fit::button(it.title.clone(), it.sends())).collect()
    }

    fn attachment(&mut self, attachment: Attachment) -> Result<Option<Reply>, &'static str> {
        let Attachment { content_type, content_url, name, content } = attachment;
        match content_type.as_str() {
            "application/vnd.microsoft.card.hero" | "application/vnd.microsoft.card.thumbnail" => {
                let card = serde_json::from_value(content.unwrap_or_default());
                let card: Card = card.map_err(|_unshown| "a hero or thumbnail card is none")?;
                Ok(self.card(card))
            }
            "application/json" => match content {
                Some(Value::Object(payload)) => Ok(Some(Reply::Payload(payload))),
                _ => Err("an attachment of type application/json holds no object as its `content`"),
            },
            kind if kind.starts_with("image/") => {
                Ok(content_url.and_then(|uri| fit::image(uri, name.unwrap_or_default())))
            }
            kind => {
                let mut shown = json!({ "contentType": kind });
                let parts = [
                    ("contentUrl", content_url.map(Value::from)),
                    ("name", name.map(Value::from)),
                    ("content", content),
                ];
                for (key, value) in parts {
                    if let (Some(value), Some(shown)) = (value, shown.as_object_mut()) {
                        shown.insert(key.to_owned(), value);
                    }
                }
                Ok(Some(Reply::Payload(Parameters::from_iter([("attachment".to_owned(), shown)]))))
            }
        }
    }

    fn card(&mut self, card: Card) -> Option<Reply> {
        let Card { title, subtitle, text, images, buttons } = card;
        let mut actions = buttons.unwrap_or_default();
        actions.truncate(MAX_ITEMS);
        let buttons = self.buttons(&actions);
        let lines: Vec<String> = [subtitle, text].into_iter().flatten().filter(|it| !fit::is_blank(it)).collect();
        let (title, subtitle) = (fit::said(title.unwrap_or_default()), fit::said(lines.join("\n")));
        let image_uri = images.unwrap_or_default().into_iter().next().map_or_else(String::new, |it| fit::web(it.url));
        let empty = fit::is_blank(&title) && subtitle.is_empty() && image_uri.is_empty() && buttons.is_empty();
        (!empty).then_some(Reply::Card { title, subtitle, image_uri, buttons })
    }

    fn event(&mut self, name: String, value: Option<Value>) -> Result<(), &'static str> {
        let parameters = match value {
            None | Some(Value::Null) => Parameters::new(),
            Some(Value::Object(parameters)) => parameters,
            Some(value @ (Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_))) => {
                Parameters::from_iter([("value".to_owned(), value)])
            }
        };
        if name == HANDOFF {
            self.answer.live_agent_handoff = true;
            self.answer.parameters.extend(parameters);
            return Ok(());
        }
        if self.actions.contains(&name) {
            return Wish::action(name, parameters).grant(&mut self.answer);
        }
        if !name.is_empty() {
            self.other.get_or_insert((name, parameters));
        }
        Ok(())
    }
}
