//! What several profiles must not share: names, users, keys.

use std::collections::BTreeMap;

use super::{
    profile::Draft,
    schema::Exclusive,
    section::{At, Context},
};
use crate::core::said::{Said, said};

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
            let message = said!("business unit `{}` has a profile `{}` already, in {}", unit, name, first.file);
            cx.error(*place, message, said!("give it another name, or put it into another business unit"));
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
                    let message = said!("user `{}` serves profile `{}` already, in {}", user, title(first), first.file);
                    cx.error(
                        *place,
                        message,
                        said!("a user serves one profile at most: take it out of one of the two"),
                    );
                }
                None => drop(seen.insert((unit, user), draft)),
            }
        }
    }
}

/// S6
fn exclusive(cx: &Context<'_>, drafts: &[Draft]) {
    let mut seen: BTreeMap<(&Said, &str), &Draft> = BTreeMap::new();
    for draft in drafts {
        for At { value: Exclusive { what, id, help, .. }, place } in &draft.exclusive {
            match seen.get(&(what, id.as_str())) {
                Some(first) => {
                    let message = said!(
                        "profiles `{}` ({}) and `{}` ({}) share the {} `{}`",
                        title(first),
                        first.file,
                        title(draft),
                        draft.file,
                        what,
                        id
                    );
                    cx.error(*place, message, help.clone());
                }
                None => drop(seen.insert((what, id), draft)),
            }
        }
    }
}
