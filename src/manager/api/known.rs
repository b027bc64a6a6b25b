//! Whether a filter names something that there is, or was: an answer of zeros for a name that is misspelt would be taken for the truth.

use super::problem::Problem;
use crate::{
    core::ids::{ProfileName, UnitName},
    manager::{Manager, estate::find_unit},
};

pub(super) type Names = (Option<UnitName>, Option<ProfileName>);

/// What is configured now, or has been counted in: what was removed still has its numbers.
pub(super) async fn names(manager: &Manager, unit: Option<&str>, profile: Option<&str>) -> Result<Names, Problem> {
    let none =
        |field: &str, name: &str| Problem::field(field, format!("`{field}`: there is no {name}, and there never was"));
    let unit = match unit.map(|it| (it, UnitName::new(it))) {
        Some((name, Err(_no_name))) => return Err(none("unit", name)),
        Some((_, Ok(unit))) => Some(unit),
        None => None,
    };
    let profile = match profile.map(|it| (it, ProfileName::new(it))) {
        Some((name, Err(_no_name))) => return Err(none("profile", name)),
        Some((_, Ok(profile))) => Some(profile),
        None => None,
    };
    let loaded = manager.house.configuration();
    if let Some(unit) = &unit
        && find_unit(&loaded, unit.as_str()).is_none()
        && !manager.gateway.has_counted(Some(unit), None).await?
    {
        return Err(none("unit", unit.as_str()));
    }
    let mut profiles = loaded.settings.profiles.iter().filter(|it| unit.as_ref().is_none_or(|unit| it.unit == *unit));
    if let Some(profile) = &profile
        && !profiles.any(|it| it.name == *profile)
        && !manager.gateway.has_counted(unit.as_ref(), Some(profile)).await?
    {
        return Err(none("profile", profile.as_str()));
    }
    Ok((unit, profile))
}
