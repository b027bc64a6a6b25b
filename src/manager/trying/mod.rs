//! Trying a profile before anyone else does: conversations that are held open for whoever has begun them, tests that are kept
//! in the store, and what came of them when they were last run.

pub(super) mod doing;
pub(super) mod kept;
mod runs;
mod trials;

use sha2::{Digest as _, Sha256};

use crate::{
    config::{Loaded, settings::Profile},
    core::{
        hex,
        ids::{ProfileName, UnitName},
    },
};
pub(super) use runs::{Outcome, Runs, Standing};
pub(super) use trials::{Full, IDLE, Owner, Trial, Trials};

/// A profile within its business unit.
pub(super) type Of = (UnitName, ProfileName);

/// All that is held in memory for it.
#[derive(Debug, Default)]
pub(super) struct Trying {
    pub(super) trials: Trials,
    pub(super) runs: Runs,
}

pub(super) fn of(profile: &Profile) -> Of {
    (profile.unit.clone(), profile.name.clone())
}

/// Tells one version of a profile's configuration from another; secrets have no part in it.
pub(super) fn version_of(loaded: &Loaded, profile: &Profile) -> String {
    let index = loaded.settings.profiles.iter().position(|it| it.unit == profile.unit && it.name == profile.name);
    let own = index.map(|it| format!("profile[{it}]."));
    let mut hash = Sha256::new();
    for it in &loaded.effective {
        let is_other = it.key.starts_with("profile[");
        let key = own.as_ref().and_then(|own| it.key.strip_prefix(own.as_str()));
        // What is not of another profile may matter: a business unit's actions, what becomes a token.
        if let Some(key) = key.or_else(|| (!is_other).then_some(&it.key)) {
            for part in [key, &it.value] {
                hash.update(part.len().to_le_bytes());
                hash.update(part);
            }
        }
    }
    hex::encode(hash.finalize().get(..4).unwrap_or_default())
}
