//! Payloads in the form of Google's own messenger (`richContent`) as replies of ours: chips, cards, images. CX has no other
//! form for them.

use serde_json::Value;

use crate::{
    core::message::{Button, Parameters, Reply},
    nlp::google::content::{MAX_ITEMS, MAX_NAME_BYTES, MAX_TEXT_BYTES, clipped, is_blank, text},
};

/// `None`: the payload is of another form, or holds something that has no form of ours: then it goes as it is.
pub(super) fn replies(payload: &Parameters) -> Option<Vec<Reply>> {
    let blocks = payload.get("richContent")?.as_array().filter(|_| payload.len() == 1)?;
    let mut replies = Vec::new();
    for block in blocks.iter().take(MAX_ITEMS) {
        for element in block.as_array()?.iter().take(MAX_ITEMS) {
            let own = |name: &str| string(element, name, MAX_TEXT_BYTES);
            match element.get("type")?.as_str()? {
                "chips" => replies.push(chips(element)?),
                "image" => replies.push(image(element)?),
                "info" => replies.push(Reply::Card {
                    title: own("title"),
                    subtitle: own("subtitle"),
                    image_uri: element.pointer("/image/rawUrl").map_or_else(String::new, uri),
                    buttons: Vec::new(),
                }),
                "description" => {
                    let lines = element.get("text").and_then(Value::as_array).into_iter().flatten();
                    let lines: Vec<&str> = lines.filter_map(Value::as_str).take(MAX_ITEMS).collect();
                    let title = own("title");
                    let all = std::iter::once(title.as_str()).chain(lines).filter(|it| !is_blank(it));
                    replies.extend(text(all.collect::<Vec<_>>().join("\n")));
                }
                "button" => button(element, &mut replies)?,
                "divider" => {}
                _ => return None,
            }
        }
    }
    (!replies.is_empty()).then_some(replies)
}

fn chips(element: &Value) -> Option<Reply> {
    let options = element.get("options")?.as_array()?.iter().take(MAX_ITEMS);
    let replies = options.map(|it| string(it, "text", MAX_NAME_BYTES)).filter(|it| !is_blank(it)).collect::<Vec<_>>();
    (!replies.is_empty()).then(|| Reply::QuickReplies { title: String::new(), replies })
}

fn image(element: &Value) -> Option<Reply> {
    let uri = element.get("rawUrl").map(uri).filter(|it| !it.is_empty())?;
    Some(Reply::Image { uri, description: string(element, "accessibilityText", MAX_TEXT_BYTES) })
}

/// Of the card before it, or of one of its own.
fn button(element: &Value, replies: &mut Vec<Reply>) -> Option<()> {
    let text = Some(string(element, "text", MAX_NAME_BYTES)).filter(|it| !is_blank(it))?;
    let made = Button { text, postback: string(element, "link", MAX_TEXT_BYTES) };
    match replies.last_mut() {
        Some(Reply::Card { buttons, .. }) if buttons.len() < MAX_ITEMS => buttons.push(made),
        Some(
            Reply::Card { .. } | Reply::Text(_) | Reply::QuickReplies { .. } | Reply::Image { .. } | Reply::Payload(_),
        )
        | None => {
            let (title, subtitle, image_uri) = (made.text.clone(), String::new(), String::new());
            replies.push(Reply::Card { title, subtitle, image_uri, buttons: vec![made] });
        }
    }
    Some(())
}

fn string(from: &Value, name: &str, max_bytes: usize) -> String {
    from.get(name).and_then(Value::as_str).map_or_else(String::new, |it| clipped(it.to_owned(), max_bytes))
}

fn uri(from: &Value) -> String {
    from.as_str().map_or_else(String::new, |it| clipped(it.to_owned(), MAX_TEXT_BYTES))
}
