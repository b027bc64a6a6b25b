//! Who works on a store's directory: many at a time, or one alone.
//!
//! Gateways and commands hold a shared lock on the directory while they have its database open: whoever claims last writes, as ever.
//! What replaces the database or its key (`usher restore`, `usher key rotate`) holds it alone. The kernel lets go however a process
//! ends. It is the directory that is locked: a second descriptor of the database's own file would undo `SQLite`'s locks when closed.

use std::{
    fs::{File, TryLockError},
    path::Path,
};

use super::schema::Reason;
use crate::{
    core::said::said,
    store::{StoreError, StoreErrorKind},
};

/// The lock, let go of at once: a descriptor that a child process has inherited does not hold it.
#[derive(Debug)]
pub(super) struct Held(File);

impl Drop for Held {
    fn drop(&mut self) {
        if let Err(error) = self.0.unlock() {
            tracing::warn!(%error, "the lock of the store's directory goes with this process alone");
        }
    }
}

fn unavailable(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, why)
}

/// Beside others.
pub(super) fn shared(dir: &Path) -> Result<Held, StoreError> {
    let directory = File::open(dir).map_err(unavailable)?;
    match directory.try_lock_shared() {
        Ok(()) => Ok(Held(directory)),
        Err(TryLockError::WouldBlock) => Err(unavailable(Reason(said!(
            "{} is being worked on by `usher restore` or `usher key rotate`: wait for its end",
            dir.display()
        )))),
        Err(TryLockError::Error(error)) => Err(unavailable(error)),
    }
}

/// Nobody else is there.
pub(super) fn alone(dir: &Path) -> Result<Held, StoreError> {
    let directory = File::open(dir).map_err(unavailable)?;
    match directory.try_lock() {
        Ok(()) => Ok(Held(directory)),
        Err(TryLockError::WouldBlock) => Err(unavailable(Reason(said!(
            "a gateway or another command runs on the store in {}: end it first",
            dir.display()
        )))),
        Err(TryLockError::Error(error)) => Err(unavailable(error)),
    }
}
