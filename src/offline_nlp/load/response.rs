//! The messages of a response: those for the default platform, by language.

use std::collections::BTreeMap;

use super::{
    super::agent::{Language, Message},
    lenient::At,
};

pub(super) fn messages(response: &At<'_>) -> BTreeMap<Language, Vec<Message>> {
    let mut messages: BTreeMap<Language, Vec<Message>> = BTreeMap::new();
    let all = response.get("messages");
    let mut others = 0_usize;
    for at in all.items() {
        if !at.is_object() {
            continue;
        }
        if !is_default_platform(&at) {
            others += 1;
            continue;
        }
        if !at.get("condition").is_empty() {
            at.get("condition").warning("conditions are not supported: the message is said without regard to it");
        }
        if let Some(message) = message(&at) {
            messages.entry(at.get("lang").text().to_lowercase()).or_default().push(message);
        }
    }
    if others > 0 {
        all.warning(format!("{others} message(s) for other platforms than the default one are left out"));
    }
    if messages.is_empty() {
        // Exports of the first years.
        let speech = response.get("speech").texts();
        if !speech.is_empty() {
            messages.insert(Language::new(), vec![Message::Text(speech)]);
        }
    }
    messages
}

pub(super) fn is_default_platform(at: &At<'_>) -> bool {
    let platform = at.get("platform");
    platform.is_empty()
        || platform
            .value()
            .as_str()
            .is_some_and(|it| it.eq_ignore_ascii_case("PLATFORM_UNSPECIFIED") || it == "default")
}

/// `None`: says nothing, or cannot be understood (which is reported).
fn message(at: &At<'_>) -> Option<Message> {
    let kind = at.get("type");
    match kind.text().trim() {
        // A type that is absent is a text.
        "" | "0" | "message" => {
            let variants = at.any_of(&["speech", "text"]).texts();
            (!variants.is_empty()).then_some(Message::Text(variants))
        }
        "1" | "card" => Some(Message::Card {
            title: at.get("title").text(),
            subtitle: at.get("subtitle").text(),
            image_uri: at.any_of(&["imageUrl", "imageUri"]).text(),
            buttons: at.get("buttons").items().filter_map(|it| button(&it)).collect(),
        }),
        "2" | "quick_replies" => {
            let replies = at.any_of(&["replies", "quickReplies"]).texts();
            let title = at.get("title").text();
            (!replies.is_empty() || !title.is_empty()).then_some(Message::QuickReplies { title, replies })
        }
        "3" | "image" => {
            let uri = at.any_of(&["imageUrl", "imageUri"]).text();
            let description = at.any_of(&["accessibilityText", "title"]).text();
            (!uri.is_empty()).then_some(Message::Image { uri, description })
        }
        "4" | "custom_payload" => {
            let payload = at.get("payload");
            if payload.is_null() || !payload.is_object() {
                return None;
            }
            payload.value().as_object().filter(|it| !it.is_empty()).cloned().map(Message::Payload)
        }
        other => {
            kind.error(format!("{other} is no type of the default platform (0 to 4): the message is left out"));
            None
        }
    }
}

fn button(at: &At<'_>) -> Option<(String, String)> {
    at.is_object().then(|| (at.get("text").text(), at.any_of(&["postback", "url"]).text()))
}
