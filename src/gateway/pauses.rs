//! Profiles that somebody has paused: their new contacts go to a person at once, running ones go on. Kept in the store, since
//! profiles of files can be paused as well, and a restart must not undo it.

use std::{collections::BTreeMap, sync::Arc};

use arc_swap::ArcSwap;
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, MutexGuard};

use super::{
    Gateway, Roster,
    alerts::{Alert, AlertKey, AlertKind},
    storage::{AuditLine, Change, ChangeError, Document, DocumentKind, Expected, StoreError},
};
use crate::core::{
    ids::{ProfileName, Timestamp, UnitName},
    profile::{Destination, Rules},
    said::said,
};

/// Who has paused a profile, and since when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    pub by: String,
    pub since: Timestamp,
}

/// A profile within its business unit.
pub type Of = (UnitName, ProfileName);

type Paused = BTreeMap<Of, Pause>;

#[derive(Debug, Default)]
pub(super) struct Pauses {
    current: ArcSwap<Paused>,
    /// Held over the store's answer: what is in force is what was kept last.
    changing: Mutex<()>,
}

/// What a document is called; names hold whatever characters they like.
fn document_name(unit: &UnitName, profile: &ProfileName) -> Result<String, StoreError> {
    serde_json::to_string(&(unit, profile))
        .map_err(|error| StoreError::new(super::storage::StoreErrorKind::Corrupt, error))
}

fn read(document: Document) -> Option<(Of, Pause)> {
    let names = serde_json::from_str(&document.name).inspect_err(|error| {
        tracing::error!(%error, "a pause in the store cannot be read and is passed over");
    });
    // What has come along with a profile's new name says who has paused it: that is not who has named it. Any other says nothing.
    let carried = (!document.body.is_empty()).then(|| serde_json::from_slice(&document.body));
    let carried = carried.transpose().unwrap_or_else(|error| {
        tracing::error!(%error, "who has paused a profile cannot be read: whoever has named it is told instead");
        None
    });
    Some((names.ok()?, carried.unwrap_or(Pause { by: document.changed_by, since: document.changed_at })))
}

impl Gateway {
    /// What the store holds; before the first contact is taken.
    pub(super) async fn recover_pauses(&self) -> Result<(), StoreError> {
        let documents = self.store.documents(DocumentKind::Pause).await?;
        self.pauses.current.store(Arc::new(documents.into_iter().filter_map(read).collect()));
        self.tell_pauses(&Roster::default());
        Ok(())
    }

    /// Whether new contacts of a profile go to a person at once.
    pub fn paused(&self, unit: &UnitName, profile: &ProfileName) -> Option<Pause> {
        let current = self.pauses.current.load();
        // Mostly there is none, and nothing to be looked for.
        if current.is_empty() { None } else { current.get(&(unit.clone(), profile.clone())).cloned() }
    }

    /// Pauses a profile, or lets it go on, and keeps that with its line of the audit log, which says who does it. Says whether
    /// it was otherwise before. To be run to its end, whoever waits for it.
    ///
    /// # Errors
    /// When it cannot be kept; then nothing has changed.
    pub async fn set_paused(
        &self,
        (unit, profile): (&UnitName, &ProfileName),
        paused: bool,
        line: &AuditLine,
    ) -> Result<bool, StoreError> {
        let _guard = self.pauses.changing.lock().await;
        if self.paused(unit, profile).is_some() == paused {
            return Ok(false);
        }
        let change = Change {
            kind: DocumentKind::Pause,
            name: document_name(unit, profile)?,
            expected: Expected::Any,
            body: paused.then(Vec::new),
        };
        match self.store.change(&[change], line).await {
            // Whatever was there is replaced: there is nothing to be in conflict with.
            Ok(_) | Err(ChangeError::Conflict { .. }) => {}
            Err(ChangeError::Store(error)) => return Err(error),
        }
        let mut now = Paused::clone(&self.pauses.current.load());
        let key = (unit.clone(), profile.clone());
        if paused {
            now.insert(key, Pause { by: line.by.clone(), since: line.at });
        } else {
            now.remove(&key);
        }
        self.pauses.current.store(Arc::new(now));
        self.tell_pauses(&self.roster());
        Ok(true)
    }

    /// Takes pauses along with profiles that get another name, or go: from here on those are paused by both names.
    pub async fn carry_pauses(&self, moves: &[(Of, Option<Of>)]) -> Carried<'_> {
        let guard = self.pauses.changing.lock().await;
        let mut now = Paused::clone(&self.pauses.current.load());
        let own = |(from, to): &(Of, Option<Of>)| Some((from.clone(), to.clone(), now.get(from)?.clone()));
        let moves: Vec<_> = moves.iter().filter_map(own).collect();
        for (_, to, pause) in &moves {
            now.extend(to.clone().map(|to| (to, pause.clone())));
        }
        self.pauses.current.store(Arc::new(now));
        Carried { gateway: self, _guard: guard, moves }
    }

    /// Raises an alert for every profile that is paused, and clears those of others. `old`: the profiles that may have one.
    pub(super) fn tell_pauses(&self, old: &Roster) {
        let roster = self.roster();
        let paused = |rules: &Rules| self.paused(&rules.unit, &rules.profile);
        for rules in old.profiles().iter().map(|it| &it.rules) {
            let stays = paused(rules).is_some() && roster.find(&rules.unit, &rules.profile).is_some();
            if !stays {
                self.alerts.clear(&AlertKey::engine(AlertKind::Paused, rules, None));
            }
        }
        for rules in roster.profiles().iter().map(|it| &it.rules) {
            if let Some(pause) = paused(rules) {
                self.alerts.raise(alert(rules, &pause));
            }
        }
    }
}

/// Pauses on their way. Nobody pauses or resumes meanwhile; to be settled, whatever comes of it.
#[derive(Debug)]
pub struct Carried<'a> {
    gateway: &'a Gateway,
    _guard: MutexGuard<'a, ()>,
    moves: Vec<(Of, Option<Of>, Pause)>,
}

impl Carried<'_> {
    /// What the store is to keep of it.
    ///
    /// # Errors
    /// When a name cannot be written.
    pub fn changes(&self) -> Result<Vec<Change>, StoreError> {
        changes(&self.moves)
    }

    /// From here on they are paused by one name: the new one if it was kept, the old one if not.
    pub fn settle(self, kept: bool) {
        let mut now = Paused::clone(&self.gateway.pauses.current.load());
        for (from, to, _) in &self.moves {
            let gone = if kept { Some(from) } else { to.as_ref() };
            gone.and_then(|it| now.remove(it));
        }
        self.gateway.pauses.current.store(Arc::new(now));
    }
}

fn changes(moves: &[(Of, Option<Of>, Pause)]) -> Result<Vec<Change>, StoreError> {
    let change = |(unit, profile): &Of, body| -> Result<Change, StoreError> {
        let name = document_name(unit, profile)?;
        Ok(Change { kind: DocumentKind::Pause, name, expected: Expected::Any, body })
    };
    let mut changes = Vec::new();
    for (from, to, pause) in moves {
        changes.push(change(from, None)?);
        if let Some(to) = to {
            let body = serde_json::to_vec(pause)
                .map_err(|error| StoreError::new(super::storage::StoreErrorKind::Corrupt, error))?;
            changes.push(change(to, Some(body))?);
        }
    }
    Ok(changes)
}

/// What a store is to keep of its pauses when profiles get other names, or go, and no gateway carries them.
///
/// # Errors
/// When a name cannot be written.
pub fn carried(pauses: Vec<Document>, moves: &[(Of, Option<Of>)]) -> Result<Vec<Change>, StoreError> {
    let paused: Paused = pauses.into_iter().filter_map(read).collect();
    let own = |(from, to): &(Of, Option<Of>)| Some((from.clone(), to.clone(), paused.get(from)?.clone()));
    changes(&moves.iter().filter_map(own).collect::<Vec<_>>())
}

fn alert(rules: &Rules, pause: &Pause) -> Alert {
    let (profile, by) = (&rules.profile, &pause.by);
    let text = match &rules.handover.to {
        Some(Destination::Queue(queue)) => {
            said!("profile {} was paused by {}: new contacts go to queue {}", profile, by, queue)
        }
        Some(Destination::Target(target)) => {
            said!("profile {} was paused by {}: new contacts go to target {}", profile, by, target)
        }
        None => said!(
            "profile {} was paused by {}: new contacts are refused, since its [handover] names no queue",
            profile,
            by
        ),
    };
    Alert {
        key: AlertKey::engine(AlertKind::Paused, rules, None),
        text,
        mending: said!("resume the profile in the Web Manager once it is to answer again"),
        raised_at: pause.since,
    }
}
