//! The actions of a profile that are in force: its own, and its business unit's.

use crate::{
    config::{Loaded, Places, settings::Profile},
    core::action::ActionRule,
};

/// An action, and whose it is.
pub(super) struct Line<'a> {
    pub(super) rule: &'a ActionRule,
    pub(super) is_own: bool,
    /// The business unit's, and the profile has one of its own in its place.
    pub(super) is_overridden: bool,
    /// Where it is written.
    pub(super) place: Option<String>,
}

/// The profile's own, then its business unit's, each by media type and name.
pub(super) fn lines<'a>(loaded: &Loaded, profile: &'a Profile) -> Vec<Line<'a>> {
    let at = loaded.settings.profiles.iter().position(|it| it.unit == profile.unit && it.name == profile.name);
    let places = at.and_then(|at| loaded.places.get(at)).cloned().unwrap_or_default();
    let rules = &profile.rules.actions;
    let mut list: Vec<Line<'_>> = Vec::new();
    for (index, rule) in rules.iter().enumerate() {
        let same = |it: &ActionRule| it.media == rule.media && it.name == rule.name;
        let is_overridden = rules.iter().take(index).any(same);
        let is_own = !is_overridden && places.is_own(&rule.name, rule.media);
        let place = if is_overridden { None } else { place_of(&places, rule) };
        list.push(Line { rule, is_own, is_overridden, place });
    }
    let order = |it: &Line<'_>| (!it.is_own, it.rule.media, it.rule.name.clone());
    list.sort_by_key(order);
    list
}

fn place_of(places: &Places, rule: &ActionRule) -> Option<String> {
    places.of_action(&rule.name, rule.media, "name").map(|at| format!("{}:{}", at.file, at.line))
}
