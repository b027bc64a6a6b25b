//! Bounds of a frame's fields, checked while it is read so that a mistake has a place.

use serde::{Deserialize, Deserializer, de::Error};

use super::{Button, MAX_BUTTONS, MAX_MESSAGES, MAX_QUICK_REPLIES, Message};

const MAX_NAME_BYTES: usize = 128;
const MAX_ID_BYTES: usize = 64;
const MAX_LABEL_BYTES: usize = 256;
const MAX_DETAIL_BYTES: usize = 512;
const MAX_URI_BYTES: usize = 2048;

pub(super) fn name<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    text(from, MAX_NAME_BYTES, false)
}

pub(super) fn id<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    text(from, MAX_ID_BYTES, true)
}

pub(super) fn label<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    text(from, MAX_LABEL_BYTES, false)
}

pub(super) fn detail<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    text(from, MAX_DETAIL_BYTES, true)
}

fn text<'de, D: Deserializer<'de>>(from: D, longest: usize, empty: bool) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(from)?;
    if text.len() > longest {
        return Err(D::Error::custom(format!("is {} bytes long; at most {longest} are allowed", text.len())));
    }
    if text.is_empty() && !empty {
        return Err(D::Error::custom("is empty; leave the field out instead"));
    }
    if text.chars().any(char::is_control) {
        return Err(D::Error::custom("holds a control character"));
    }
    Ok(Some(text))
}

pub(super) fn credits<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u32>, D::Error> {
    let credits = u32::deserialize(from)?;
    if credits == 0 {
        return Err(D::Error::custom("must be 1 at least: without credits no turn comes"));
    }
    Ok(Some(credits))
}

pub(super) fn confidence<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f32>, D::Error> {
    let confidence = f32::deserialize(from)?;
    if !(0.0..=1.0).contains(&confidence) {
        return Err(D::Error::custom("must be from 0 to 1"));
    }
    Ok(Some(confidence))
}

pub(super) fn not_blank<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    if text.trim().is_empty() {
        return Err(D::Error::custom("must not be blank; leave out what says nothing"));
    }
    Ok(text)
}

pub(super) fn uri<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let uri = String::deserialize(from)?;
    let rest = uri.strip_prefix("https://").or_else(|| uri.strip_prefix("http://")).unwrap_or_default();
    let is_good = !rest.is_empty() && !rest.starts_with('/') && !uri.chars().any(|it| it.is_control() || it == ' ');
    if !is_good || uri.len() > MAX_URI_BYTES {
        let why =
            format!("must be an absolute address that begins with https:// or http://, up to {MAX_URI_BYTES} bytes");
        return Err(D::Error::custom(why));
    }
    Ok(uri)
}

pub(super) fn some_uri<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    uri(from).map(Some)
}

pub(super) fn messages<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Message>, D::Error> {
    list(from, 0, MAX_MESSAGES, "messages")
}

pub(super) fn buttons<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Button>, D::Error> {
    list(from, 0, MAX_BUTTONS, "buttons")
}

pub(super) fn quick_replies<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    struct Text(#[serde(deserialize_with = "not_blank")] String);
    let replies: Vec<Text> = list(from, 1, MAX_QUICK_REPLIES, "replies")?;
    Ok(replies.into_iter().map(|it| it.0).collect())
}

fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    from: D,
    least: usize,
    most: usize,
    what: &str,
) -> Result<Vec<T>, D::Error> {
    let list = Vec::deserialize(from)?;
    if !(least..=most).contains(&list.len()) {
        return Err(D::Error::custom(format!("{} {what} where {least} to {most} are allowed", list.len())));
    }
    Ok(list)
}
