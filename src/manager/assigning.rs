//! Which users a profile can have as its virtual agents (S3, S4, S16), and taking them on and off.

use std::collections::{BTreeSet, HashMap};

use super::{
    Manager,
    ports::{ProfileOrder, Refusal},
};
use crate::{
    config::{
        Finding, Loaded, Severity,
        draft::{Draft, DraftError, Value, path_at},
        settings::Profile,
        text_of,
    },
    core::{
        assignment::{Unfit, unfit},
        directory::{Directory, User},
        ids::{ProfileName, UserId},
    },
    gateway::storage::{Document, Expected},
};

/// Why a user cannot be a profile's virtual agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Hindrance {
    /// S3, S4, S16
    Unfit(Unfit),
    /// S16
    Serves(ProfileName),
    /// The directory does not have it.
    Unknown,
}

/// A user as one of the two lists shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Person {
    pub(super) user: UserId,
    pub(super) name: String,
    /// All that stands in the way.
    pub(super) hindrances: Vec<Hindrance>,
}

/// The two lists of a profile, before a filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Staff {
    /// Users that other profiles have are among them. Those that can be chosen come first.
    pub(super) available: Vec<Person>,
    pub(super) assigned: Vec<Person>,
    /// So many users have no agent rights, and are not offered.
    pub(super) without_rights: usize,
}

impl Staff {
    /// `directory`: `None` while no routing engine has told one.
    pub(super) fn of(profile: &Profile, loaded: &Loaded, directory: Option<&Directory>) -> Self {
        let others = served_by_others(profile, loaded);
        let own: BTreeSet<&UserId> = profile.rules.agents.iter().collect();
        let mut staff = Self { assigned: assigned(profile, loaded, directory), ..Self::default() };
        for (user, known) in directory.iter().flat_map(|it| &it.users).filter(|(user, _)| !own.contains(user)) {
            if known.agent_rights {
                staff.available.push(person(user, Some(known), true, &others));
            } else {
                staff.without_rights += 1;
            }
        }
        // Stable: by their ids among themselves.
        staff.available.sort_by_key(|it| !it.hindrances.is_empty());
        staff
    }
}

/// By their ids.
pub(super) fn assigned(profile: &Profile, loaded: &Loaded, directory: Option<&Directory>) -> Vec<Person> {
    let others = served_by_others(profile, loaded);
    let own: BTreeSet<&UserId> = profile.rules.agents.iter().collect();
    let known = |user: &UserId| directory.and_then(|it| it.users.get(user));
    own.into_iter().map(|user| person(user, known(user), directory.is_some(), &others)).collect()
}

fn person(user: &UserId, known: Option<&User>, is_told: bool, others: &HashMap<&UserId, &ProfileName>) -> Person {
    Person {
        user: user.clone(),
        name: known.map(|it| it.name.clone()).unwrap_or_default(),
        hindrances: hindrances(user, known, is_told, others),
    }
}

/// Who of the same business unit serves another profile, and which.
fn served_by_others<'a>(profile: &Profile, loaded: &'a Loaded) -> HashMap<&'a UserId, &'a ProfileName> {
    let others = loaded.settings.profiles.iter().filter(|it| it.unit == profile.unit && it.name != profile.name);
    others.flat_map(|it| it.rules.agents.iter().map(|user| (user, &it.name))).collect()
}

fn hindrances(
    user: &UserId,
    known: Option<&User>,
    is_told: bool,
    others: &HashMap<&UserId, &ProfileName>,
) -> Vec<Hindrance> {
    let serves = others.get(user).map(|it| Hindrance::Serves(ProfileName::clone(it)));
    let missing = (known.is_none() && is_told).then_some(Hindrance::Unknown);
    let unfit = known.into_iter().flat_map(unfit).map(Hindrance::Unfit);
    serves.into_iter().chain(missing).chain(unfit).collect()
}

/// What somebody wants of a profile's virtual agents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) assign: Vec<UserId>,
    pub(super) take_off: Vec<UserId>,
}

/// Why it was not done.
#[derive(Debug)]
pub(super) enum Trouble {
    /// These users, and why not.
    Users(Vec<(UserId, Hindrance)>),
    /// What the validation says of these users, and what it says beyond them.
    Invalid { users: Vec<(UserId, Finding)>, others: Vec<Finding> },
    /// The profile's document cannot be changed so.
    Draft(DraftError),
    /// Somebody was faster, and other things.
    Refused(Refusal),
}

/// Takes users on and off, and yields the document's new version; `document` is the profile's as whoever wants it has seen it.
pub(super) async fn assign(
    manager: &Manager,
    by: &str,
    profile: &Profile,
    (document, version): (Document, u64),
    wanted: &Wanted,
) -> Result<u64, Trouble> {
    let loaded = manager.house.configuration();
    // Without one it is said that nobody has told it yet: either cause comes to that.
    let directory = manager.gateway.directory(&profile.unit).ok();
    let others = served_by_others(profile, &loaded);
    let hindered = wanted.assign.iter().filter_map(|user| {
        let known = directory.as_ref().and_then(|it| it.users.get(user));
        let first = hindrances(user, known, directory.is_some(), &others).into_iter().next()?;
        Some((user.clone(), first))
    });
    let hindered: Vec<_> = hindered.collect();
    if !hindered.is_empty() {
        return Err(Trouble::Users(hindered));
    }
    let before = String::from_utf8_lossy(&document.body);
    let text = rewritten(&before, wanted).map_err(Trouble::Draft)?;
    let order = ProfileOrder {
        by: by.to_owned(),
        name: document.name.clone(),
        expected: Expected::Version(version),
        text: Some(text.clone()),
    };
    match manager.house.change_profile(order).await {
        Ok(version) => Ok(version),
        Err(Refusal::Findings(list)) => Err(sorted(&text, &profile.origin, list)),
        Err(other) => Err(Trouble::Refused(other)),
    }
}

/// The profile's document with its list of agents as it is wanted; all else stays as it is written.
fn rewritten(text: &str, wanted: &Wanted) -> Result<String, DraftError> {
    let mut draft = Draft::read(text)?;
    let mut agents = match draft.get(&["agents"]) {
        Some(Value::Texts(agents)) => agents,
        // Nothing is there yet, or nothing that the validation would have taken.
        Some(Value::Text(_) | Value::Integer(_) | Value::Decimal(_) | Value::Flag(_) | Value::Other(_)) | None => {
            Vec::new()
        }
    };
    agents.retain(|it| !wanted.take_off.iter().any(|off| off.as_str() == it));
    for user in &wanted.assign {
        if !agents.iter().any(|it| it == user.as_str()) {
            agents.push(user.to_string());
        }
    }
    draft.set(&["agents"], &Value::Texts(agents))?;
    Ok(draft.to_string())
}

/// What is found of a user stands where the user is named.
fn sorted(text: &str, document: &str, list: Vec<Finding>) -> Trouble {
    let (mut users, mut others) = (Vec::new(), Vec::new());
    for finding in list.into_iter().filter(|it| it.severity == Severity::Error) {
        match user_at(text, document, &finding) {
            Some(user) => users.push((user, finding)),
            None => others.push(finding),
        }
    }
    Trouble::Invalid { users, others }
}

fn user_at(text: &str, document: &str, finding: &Finding) -> Option<UserId> {
    let at = finding.location.as_ref().filter(|it| it.file == document)?;
    if path_at(text, at.line, at.column) != ["agents"] {
        return None;
    }
    let line = text.lines().nth(at.line.checked_sub(1)?)?;
    let rest: String = line.chars().skip(at.column.checked_sub(1)?).collect();
    let quote = rest.chars().next().filter(|it| matches!(it, '"' | '\''))?;
    // The first end that makes a text of it: names may hold quotes.
    let ends = rest.char_indices().skip(1).filter(|(_, it)| *it == quote).map(|(at, _)| at);
    let name = ends.into_iter().find_map(|end| text_of(rest.get(..=end)?))?;
    UserId::new(&name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Location;

    fn user(name: &str) -> UserId {
        UserId::new(name).unwrap()
    }

    #[test]
    fn s16_a_users_name_is_added_or_taken_out_and_the_rest_stays_as_it_is_written() {
        let text = "# Ann's.\nname = \"a\"\nagents = [\"va1\", \"va2\"] # two\n\n[handover]\nqueue = \"q\"\n";
        let wanted = Wanted { assign: vec![user("va3"), user("va2")], take_off: vec![user("va1"), user("none")] };
        let expected = text.replace("[\"va1\", \"va2\"]", "[\"va2\", \"va3\"]");
        assert_eq!(rewritten(text, &wanted).unwrap(), expected);
        let wanted = Wanted { assign: vec![user("va\"4")], ..Wanted::default() };
        let written = rewritten("name = \"a\"\n[handover]\n", &wanted).unwrap();
        let again = Draft::read(&written).unwrap();
        assert_eq!(again.get(&["agents"]), Some(Value::Texts(vec!["va\"4".to_owned()])), "{written}");
        assert!(rewritten("agents = [", &wanted).is_err());
    }

    #[test]
    fn s16_a_finding_is_shown_at_the_user_that_it_is_about() {
        let text = "name = \"a\"\nagents = [\"va1\", 'va\"2', \"va3\"]\n";
        let finding = |file: &str, line: usize, column: usize| Finding {
            severity: Severity::Error,
            message: crate::core::said::Said::foreign("user serves another"),
            setting: None,
            help: crate::core::said::Said::default(),
            location: Some(Location { file: file.to_owned(), line, column, text: String::new(), highlight: 0..0 }),
        };
        let own = "sales/a (Web Manager)";
        assert_eq!(user_at(text, own, &finding(own, 2, 11)), Some(user("va1")));
        assert_eq!(user_at(text, own, &finding(own, 2, 18)), Some(user("va\"2")));
        assert_eq!(user_at(text, own, &finding("profiles/b.toml", 2, 11)), None);
        assert_eq!(user_at(text, own, &finding(own, 1, 8)), None);
    }
}
