//! What goes along with a profile that gets another name, and goes with one that is removed: its tests, its pause, the tokens of
//! its connectors.

use super::change::{is_renamed, shown};
use crate::{
    config::{Loaded, settings::Profile},
    gateway::pauses::Of,
    manager::{
        carried_tests,
        ports::{Order, Wanted},
    },
    store::{Change, DocumentKind, Store, StoreError, TokensMove},
};

/// Profiles by the names that they had, and those that they have; `None`: they are no more.
#[derive(Debug)]
pub(super) struct Moved(pub(super) Vec<(Of, Option<Of>)>);

impl Moved {
    pub(super) fn of(order: &Order, before: &Loaded, after: &Loaded) -> Self {
        let written_in = |loaded: &Loaded, it: &Wanted| {
            let origin = shown(it.kind, &it.name);
            loaded.settings.profiles.iter().find(|it| it.origin == origin).map(|it| named(it))
        };
        let stays = |it: &Of| after.settings.profiles.iter().any(|other| named(other) == *it);
        let next = if is_renamed(order) { order.wanted.last() } else { None };
        let gone = |wanted: &Wanted| {
            let was = written_in(before, wanted).filter(|it| !stays(it))?;
            Some((was, written_in(after, next.unwrap_or(wanted))))
        };
        let profiles = order.wanted.iter().filter(|it| it.kind == DocumentKind::Profile);
        Self(profiles.filter_map(gone).collect())
    }

    /// Documents beside the configuration's own.
    pub(super) async fn along(&self, store: &dyn Store) -> Result<Vec<Change>, StoreError> {
        if self.0.is_empty() {
            return Ok(Vec::new());
        }
        let tests = store.documents(DocumentKind::Test).await?;
        let each = self.0.iter().flat_map(|(from, to)| {
            carried_tests(&tests, (&from.0, &from.1), to.as_ref().map(|(unit, profile)| (unit, profile)))
        });
        Ok(each.collect())
    }

    pub(super) fn tokens(&self) -> Vec<TokensMove> {
        self.0.iter().map(|(from, to)| TokensMove { from: from.clone(), to: to.clone() }).collect()
    }
}

fn named(profile: &Profile) -> Of {
    (profile.unit.clone(), profile.name.clone())
}
