//! What several profiles must not share: names, users, Google keys.

use std::collections::BTreeMap;

use super::{
    profile::Draft,
    section::{At, Context},
};

pub(super) fn check(cx: &Context<'_>, drafts: &[Draft]) {
    names(cx, drafts);
    users(cx, drafts);
    google_keys(cx, drafts);
}

fn title(draft: &Draft) -> &str {
    draft.name.as_ref().map_or(draft.file.as_str(), |name| name.value.as_str())
}

/// S7
fn names(cx: &Context<'_>, drafts: &[Draft]) {
    let mut seen = BTreeMap::new();
    for draft in drafts {
        let (Some(unit), Some(At { value: name, place })) = (&draft.unit, &draft.name) else { continue };
        if let Some(first) = seen.insert((unit, name), draft) {
            let message = format!("business unit `{unit}` has a profile `{name}` already, in {}", first.file);
            cx.error(*place, message, "give it another name, or put it into another business unit");
        }
    }
}

/// S16
fn users(cx: &Context<'_>, drafts: &[Draft]) {
    let mut seen: BTreeMap<_, &Draft> = BTreeMap::new();
    for draft in drafts {
        let Some(unit) = &draft.unit else { continue };
        for At { value: user, place } in &draft.agents {
            match seen.get(&(unit, user)) {
                Some(first) => {
                    let message = format!("user `{user}` serves profile `{}` already, in {}", title(first), first.file);
                    cx.error(*place, message, "a user serves one profile at most: take it out of one of the two");
                }
                None => drop(seen.insert((unit, user), draft)),
            }
        }
    }
}

/// S6
fn google_keys(cx: &Context<'_>, drafts: &[Draft]) {
    let mut seen: BTreeMap<&str, &Draft> = BTreeMap::new();
    for draft in drafts {
        let Some(At { value: key, place }) = &draft.google_key else { continue };
        match seen.get(key.as_str()) {
            Some(first) => {
                let message = format!(
                    "profiles `{}` ({}) and `{}` ({}) share the Google key `{key}`",
                    title(first),
                    first.file,
                    title(draft),
                    draft.file
                );
                cx.error(*place, message, "make each profile a key of its own in Google Cloud's IAM console");
            }
            None => drop(seen.insert(key, draft)),
        }
    }
}
