//! Profiles beside their engines' agents (B3): a look now, and what the last one has found, for pages and programs.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures::{StreamExt as _, future, stream};

use super::{Inner, ports::Linted};
use crate::{
    config::settings::Profile,
    core::{
        ids::{ProfileName, Timestamp, UnitName},
        said::Said,
    },
};

/// Agents that are asked at a time.
const AT_ONCE: usize = 4;

/// The last result of each profile. Protects a map of as many as there are profiles.
#[derive(Debug, Default)]
pub(super) struct Results(Mutex<BTreeMap<(UnitName, ProfileName), Arc<Looked>>>);

/// What came of a look, and when.
#[derive(Debug)]
pub(super) struct Looked {
    pub(super) at: Timestamp,
    pub(super) told: Result<Linted, Said>,
}

impl Results {
    fn locked(&self) -> MutexGuard<'_, BTreeMap<(UnitName, ProfileName), Arc<Looked>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `None`: nobody has looked since the start.
    pub(super) fn find(&self, profile: &Profile) -> Option<Arc<Looked>> {
        self.locked().get(&(profile.unit.clone(), profile.name.clone())).cloned()
    }
}

impl Inner {
    /// Looks at every profile now.
    pub(super) async fn look_at_all(&self) {
        let profiles = self.house.configuration().settings.profiles.clone();
        let looks = profiles.into_iter().map(|it| self.look_at(it));
        stream::iter(looks).buffer_unordered(AT_ONCE).for_each(|_looked| future::ready(())).await;
    }

    /// Looks at one profile now.
    pub(super) async fn look_at(&self, profile: Arc<Profile>) -> Arc<Looked> {
        // What the engine has not told cannot be looked at.
        let directory = self.gateway.directory(&profile.unit).ok();
        let told = self.house.lint(Arc::clone(&profile), directory).await;
        let looked = Arc::new(Looked { at: self.people.now(), told });
        let loaded = self.house.configuration();
        let mut results = self.lints.locked();
        results
            .retain(|(unit, name), _| loaded.settings.profiles.iter().any(|it| it.unit == *unit && it.name == *name));
        results.insert((profile.unit.clone(), profile.name.clone()), Arc::clone(&looked));
        looked
    }
}
