//! Imports that somebody has looked at and not approved yet: kept between the two, a few of them, in memory alone. And what the log says of
//! what has left.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{
    Manager,
    ports::{Files, Leaves},
};
use crate::gateway::storage::StoreError;

/// The oldest goes first.
const MOST: usize = 4;

/// Protects a short queue.
#[derive(Debug, Default)]
pub(super) struct Imports(Mutex<VecDeque<(String, Files)>>);

impl Imports {
    fn locked(&self) -> MutexGuard<'_, VecDeque<(String, Files)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Yields what it is found by again.
    pub(super) fn put(&self, files: Files) -> String {
        let id = format!("{:032x}", rand::random::<u128>());
        let mut kept = self.locked();
        if kept.len() >= MOST {
            kept.pop_front();
        }
        kept.push_back((id.clone(), files));
        id
    }

    pub(super) fn get(&self, id: &str) -> Option<Files> {
        self.locked().iter().find(|(it, _)| it == id).map(|(_, files)| files.clone())
    }

    pub(super) fn forget(&self, id: &str) {
        self.locked().retain(|(it, _)| it != id);
    }
}

impl Manager {
    /// The whole configuration has left, by whom, and how its secrets did.
    pub(super) async fn tell_of_export(&self, by: &str, leaves: Leaves) -> Result<(), StoreError> {
        let secrets = match leaves {
            Leaves::Sealed => "secrets sealed",
            Leaves::Environment => "secrets as names of variables",
        };
        self.people.tell(self.people.line(by, "configuration.exported", "").after(secrets)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_are_kept_and_the_oldest_goes_first() {
        let imports = Imports::default();
        let ids: Vec<String> = (0..=MOST).map(|it| imports.put([(it.to_string(), String::new())].into())).collect();
        assert_eq!(imports.get(&ids[0]), None);
        assert!(ids[1..].iter().all(|it| imports.get(it).is_some()));
        imports.forget(&ids[1]);
        assert_eq!(imports.get(&ids[1]), None);
    }
}
