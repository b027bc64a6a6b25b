//! How somebody is reached: e-mail addresses, URLs, phone numbers, postal codes. Alike in every language.

use serde_json::Value;

use super::{calendar, money, numbers, scene::Scene, text::Kind};

/// Ends of host names that are known without `http://` or `www.`.
const TOP: &[&str] = &[
    "com", "de", "org", "net", "io", "eu", "at", "ch", "uk", "fr", "info", "shop", "app", "dev", "biz", "nl", "it",
    "es", "example",
];
/// Words of one address; what is longer is none.
const MOST_WORDS: usize = 120;

/// The end of the piece that begins at `at` and holds no space, quote or bracket.
fn end_of_piece(scene: &Scene<'_>, at: usize) -> usize {
    let text = scene.text;
    let is_end = |it: &usize| !text.is_tight(*it) || scene.is(*it, &["<", ">", "\"", "(", ")", "[", "]", "{", "}"]);
    let end = (at + 1..text.len().min(at + MOST_WORDS)).find(is_end).unwrap_or(text.len().min(at + MOST_WORDS));
    let last = (at + 1..end).rev().find(|it| !scene.is(*it, &[".", ",", "!", "?", ";", ":", "'"]));
    last.map_or(at + 1, |it| it + 1)
}

pub(super) fn email_at(scene: &Scene<'_>, at: usize) -> Option<(usize, Value)> {
    const IN_NAME: &[&str] = &[".", "_", "-", "+", "%", "&", "'"];
    const IN_HOST: &[&str] = &[".", "-"];
    let text = scene.text;
    let is_middle = text.is_tight(at) && at > 0 && !scene.follows(at, &["<", "(", ":", "\"", "'", ",", ";", "["]);
    if text.kind(at)? == Kind::Sign || is_middle {
        return None;
    }
    let runs_on = |from: usize, signs: &[&str]| {
        (from..text.len().min(at + MOST_WORDS))
            .find(|it| !text.is_tight(*it) || text.kind(*it) == Some(Kind::Sign) && !scene.is(*it, signs))
            .unwrap_or(text.len().min(at + MOST_WORDS))
    };
    let sign = runs_on(at + 1, IN_NAME);
    if !text.is_sign(sign, "@")
        || !text.is_tight(sign)
        || text.kind(sign - 1) == Some(Kind::Sign)
        || !text.is_tight(sign + 1)
    {
        return None;
    }
    let mut end = runs_on(sign + 2, IN_HOST);
    while end > sign + 1 && text.kind(end - 1) == Some(Kind::Sign) {
        end -= 1;
    }
    let host = text.slice(sign + 1, end);
    let is_host = host.rsplit_once('.').is_some_and(|(name, top)| !name.is_empty() && top.chars().count() >= 2)
        && !host.contains("..")
        && text.kind(sign + 1) != Some(Kind::Sign);
    is_host.then(|| (end, Value::from(text.slice(at, end))))
}

pub(super) fn url_at(scene: &Scene<'_>, at: usize) -> Option<(usize, Value)> {
    let text = scene.text;
    if text.is_tight(at) && at > 0 && !scene.follows(at, &["(", "<", "\"", ":", "["]) {
        return None;
    }
    let has_scheme = scene.is(at, &["http", "https"]) && scene.after(at + 1, &[":", "/", "/"]).is_some();
    let has_www = scene.after(at, &["www", "."]).is_some() && text.is_tight(at + 2);
    let end = end_of_piece(scene, at);
    if has_scheme && end > at + 4 || has_www && end > at + 3 {
        return Some((end, Value::from(text.slice(at, end))));
    }
    // `example.com/order`: labels up to a known end.
    let mut host = at;
    while text.kind(host).is_some_and(|it| it != Kind::Sign) && host < end {
        let is_label =
            |it: usize| scene.is(it, &[".", "-"]) && text.is_tight(it) && text.is_tight(it + 1) && it + 1 < end;
        if scene.is(host, TOP)
            && host > at + 1
            && scene.follows(host, &["."])
            && !scene.is(host + 1, &["@", "-"])
            && !is_label(host + 1)
        {
            let end = if scene.is(host + 1, &["/", ":", "?"]) && text.is_tight(host + 1) {
                end.max(host + 1)
            } else {
                host + 1
            };
            let has_letters = text.kind(at) == Some(Kind::Letters) || host > at + 2;
            return has_letters.then(|| (end, Value::from(text.slice(at, end))));
        }
        host += if text.is_glued(host + 1) {
            1
        } else if is_label(host + 1) {
            2
        } else {
            break;
        };
    }
    None
}

pub(super) fn phone_at(scene: &Scene<'_>, at: usize) -> Option<(usize, Value)> {
    let text = scene.text;
    let has_plus = text.is_sign(at, "+");
    if text.kind(at)? != Kind::Digits && !has_plus && !text.is_sign(at, "(") {
        return None;
    }
    let is_middle = text.is_tight(at) && at > 0 && !scene.follows(at, &[":", "(", ",", "/", "\""]);
    if is_middle || text.is_glued(at) || scene.follows(at, &["$", "€", "£", "+"]) {
        return None;
    }
    let (mut digits, mut end, mut groups) = (String::new(), at, 0);
    for next in at..text.len().min(at + 32) {
        match text.kind(next) {
            Some(Kind::Digits) => {
                if digits.len() + text.folded(next).len() > 15 {
                    break;
                }
                digits.push_str(text.folded(next));
                (end, groups) = (next + 1, groups + 1);
            }
            Some(Kind::Sign) if next == at && has_plus => {}
            Some(Kind::Sign) if scene.is(next, &["(", ")", "-", ".", "/"]) => {}
            _ => break,
        }
    }
    if let Some(zero) = optional_zero(scene, at, end).filter(|it| has_plus && *it < digits.len()) {
        digits.remove(zero);
    }
    let is_national = digits.starts_with('0') || text.is_sign(at, "(");
    let shortest = if is_national || has_plus { 6 } else { 7 };
    let runs_on =
        text.is_glued(end) || scene.is(end, &["%", "€", "$", "@", ":"]) || money::currency_at(scene, end).is_some();
    if digits.len() < shortest || runs_on {
        return None;
    }
    if !has_plus && groups > 1 {
        let is_date = calendar::day_at(scene, at).is_some();
        let is_amount = numbers::number_at(text, at, scene.tongue).is_some_and(|it| it.end >= end && !it.is_plain);
        if is_date || is_amount {
            return None;
        }
    }
    let plus = if has_plus { "+" } else { "" };
    Some((end, Value::from(format!("{plus}{digits}"))))
}

/// Which digit is the zero of `+49 (0) 30 …`: it is dialled at home only. Italy and San Marino keep it.
fn optional_zero(scene: &Scene<'_>, at: usize, end: usize) -> Option<usize> {
    let zero = (at..end).find(|it| scene.after(*it, &["(", "0", ")"]).is_some())?;
    let before = (at..zero).filter(|it| scene.text.kind(*it) == Some(Kind::Digits));
    let before: String = before.map(|it| scene.text.folded(it)).collect();
    (!before.starts_with("39") && !before.starts_with("378")).then_some(before.len())
}

/// Five digits, four where something says so, or the letters and digits of a British one.
pub(super) fn zip_at(scene: &Scene<'_>, at: usize) -> Option<(usize, Value)> {
    let text = scene.text;
    let digits = |at: usize| if text.kind(at) == Some(Kind::Digits) { text.folded(at).len() } else { 0 };
    let is_free = !(text.is_tight(at) && at > 0 && scene.follows(at, &[".", ",", "-", ":", "/", "+"]));
    let ends = |end: usize| {
        let goes_on = text.is_tight(end) && text.is_tight(end + 1) && scene.is(end, &[".", ",", "-", ":", "/"]);
        !goes_on && !text.is_glued(end) && !scene.is(end, &["%", "€", "$"])
    };
    let named = scene.follows(at, &["plz", "postleitzahl", "zip", "postcode", "code"]) || text.len() == 1;
    if is_free && (digits(at) == 5 || digits(at) == 4 && named) {
        let is_long = text.is_sign(at + 1, "-") && text.is_tight(at + 2) && digits(at + 2) == 4;
        let end = if is_long { at + 3 } else { at + 1 };
        return ends(end).then(|| (end, Value::from(text.slice(at, end))));
    }
    british(scene, at).filter(|(end, _)| is_free && ends(*end))
}

/// `SW1A 1AA`, `M1 1AE`: letters, digits, perhaps a letter; a digit, two letters.
fn british(scene: &Scene<'_>, at: usize) -> Option<(usize, Value)> {
    let text = scene.text;
    let is = |at: usize, kind: Kind, most: usize| {
        text.kind(at) == Some(kind) && text.folded(at).len() <= most && text.folded(at).is_ascii()
    };
    if !text.is_capital(at) || !is(at, Kind::Letters, 2) || !text.is_glued(at + 1) || !is(at + 1, Kind::Digits, 2) {
        return None;
    }
    let next = if text.is_glued(at + 2) && is(at + 2, Kind::Letters, 1) { at + 3 } else { at + 2 };
    let ends = is(next, Kind::Digits, 1)
        && text.is_glued(next + 1)
        && is(next + 1, Kind::Letters, 2)
        && text.folded(next + 1).len() == 2;
    (ends && !text.is_glued(next)).then(|| (next + 2, Value::from(text.slice(at, next + 2))))
}

/// Digits as they stand, such as an order's number.
pub(super) fn digits_at(scene: &Scene<'_>, at: usize) -> Option<(usize, Value)> {
    (scene.text.kind(at) == Some(Kind::Digits)).then(|| (at + 1, Value::from(scene.text.folded(at))))
}
