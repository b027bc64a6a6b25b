//! The actions of an owner that are in force: of a profile its own and its business unit's, of a business unit those that it lends.

use super::owner::Owner;
use crate::{
    config::{
        Loaded, Places,
        settings::{Profile, Unit},
    },
    core::{action::ActionRule, ids::ProfileName},
};

/// An action, and whose it is.
pub(super) struct Line<'a> {
    pub(super) rule: &'a ActionRule,
    pub(super) is_own: bool,
    /// The business unit's, and the profile has one of its own in its place.
    pub(super) is_overridden: bool,
    /// Of a business unit: the profiles that have one of their own in its place.
    pub(super) overriding: Vec<ProfileName>,
    /// Where it is written.
    pub(super) place: Option<String>,
}

/// The owner's own, then those that are lent to it, each by media type and name.
pub(super) fn lines<'a>(loaded: &Loaded, owner: &'a Owner) -> Vec<Line<'a>> {
    let mut list = match owner {
        Owner::Profile(profile) => of_profile(loaded, profile),
        Owner::Unit(unit) => of_unit(loaded, unit),
    };
    let order = |it: &Line<'_>| (!it.is_own, it.rule.media, it.rule.name.clone());
    list.sort_by_key(order);
    list
}

fn of_profile<'a>(loaded: &Loaded, profile: &'a Profile) -> Vec<Line<'a>> {
    let at = loaded.settings.profiles.iter().position(|it| it.unit == profile.unit && it.name == profile.name);
    let places = at.and_then(|at| loaded.places.get(at)).cloned().unwrap_or_default();
    let rules = &profile.rules.actions;
    let line = |(index, rule): (usize, &'a ActionRule)| {
        let same = |it: &ActionRule| it.media == rule.media && it.name == rule.name;
        let is_overridden = rules.iter().take(index).any(same);
        let is_own = !is_overridden && places.is_own(&rule.name, rule.media);
        let place = if is_overridden { None } else { place_of(&places, rule) };
        Line { rule, is_own, is_overridden, overriding: Vec::new(), place }
    };
    rules.iter().enumerate().map(line).collect()
}

fn of_unit<'a>(loaded: &Loaded, unit: &'a Unit) -> Vec<Line<'a>> {
    let at = loaded.units.iter().position(|it| it.name == unit.name);
    let places = at.and_then(|at| loaded.unit_places.get(at)).cloned().unwrap_or_default();
    let profiles = loaded.settings.profiles.iter().zip(&loaded.places).filter(|(it, _)| it.unit == unit.name);
    let line = |rule: &'a ActionRule| {
        let overrides = profiles.clone().filter(|(_, places)| places.is_own(&rule.name, rule.media));
        let overriding = overrides.map(|(it, _)| it.name.clone()).collect();
        Line { rule, is_own: true, is_overridden: false, overriding, place: place_of(&places, rule) }
    };
    unit.actions.iter().map(line).collect()
}

fn place_of(places: &Places, rule: &ActionRule) -> Option<String> {
    places.of_action(&rule.name, rule.media, "name").map(|at| format!("{}:{}", at.file, at.line))
}
