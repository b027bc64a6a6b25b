//! What several profiles must not share: names, users, keys.

use std::collections::BTreeMap;

use super::{
    profile::Draft,
    schema::Exclusive,
    section::{At, Context},
};

pub(super) fn check(cx: &Context<'_>, drafts: &[Draft]) {
    names(cx, drafts);
    users(cx, drafts);
    exclusive(cx, drafts);
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
fn exclusive(cx: &Context<'_>, drafts: &[Draft]) {
    let mut seen: BTreeMap<(&str, &str), &Draft> = BTreeMap::new();
    for draft in drafts {
        for At { value: Exclusive { what, id, help, .. }, place } in &draft.exclusive {
            match seen.get(&(*what, id.as_str())) {
                Some(first) => {
                    let message = format!(
                        "profiles `{}` ({}) and `{}` ({}) share the {what} `{id}`",
                        title(first),
                        first.file,
                        title(draft),
                        draft.file
                    );
                    cx.error(*place, message, *help);
                }
                None => drop(seen.insert((what, id), draft)),
            }
        }
    }
}
