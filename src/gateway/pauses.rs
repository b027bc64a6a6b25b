//! Profiles that somebody has paused: their new contacts go to a person at once, running ones go on. Kept in the store, since
//! profiles of files can be paused as well, and a restart must not undo it.

use std::{collections::BTreeMap, sync::Arc};

use arc_swap::ArcSwap;
use tokio::sync::Mutex;

use super::{
    Gateway, Roster,
    alerts::{Alert, AlertKey, AlertKind},
    storage::{AuditLine, Change, ChangeError, Document, DocumentKind, Expected, StoreError},
};
use crate::core::{
    ids::{ProfileName, Timestamp, UnitName},
    profile::{Destination, Rules},
};

/// Who has paused a profile, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    pub by: String,
    pub since: Timestamp,
}

type Paused = BTreeMap<(UnitName, ProfileName), Pause>;

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

fn read(document: Document) -> Option<((UnitName, ProfileName), Pause)> {
    let names = serde_json::from_str(&document.name).inspect_err(|error| {
        tracing::error!(%error, "a pause in the store cannot be read and is passed over");
    });
    Some((names.ok()?, Pause { by: document.changed_by, since: document.changed_at }))
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

fn alert(rules: &Rules, pause: &Pause) -> Alert {
    let whither = match &rules.handover.to {
        Some(Destination::Queue(queue)) => format!("new contacts go to queue {queue}"),
        Some(Destination::Target(target)) => format!("new contacts go to target {target}"),
        None => "new contacts are refused, since its [handover] names no queue".to_owned(),
    };
    Alert {
        key: AlertKey::engine(AlertKind::Paused, rules, None),
        text: format!("profile {} was paused by {}: {whither}", rules.profile, pause.by),
        mending: "resume the profile in the Web Manager once it is to answer again".to_owned(),
        raised_at: pause.since,
    }
}
