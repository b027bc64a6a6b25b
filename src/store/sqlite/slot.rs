//! One connection that is opened when it is needed, and thrown away after an error or a cancelled call.
//!
//! A fresh connection is the one recovery that holds for every kind of failure: a full disk, an I/O error, a transaction
//! whose end is unknown.

use sqlx::{ConnectOptions, SqliteConnection, sqlite::SqliteConnectOptions};
use tokio::sync::{Mutex, MutexGuard};

use crate::store::{StoreError, StoreErrorKind};

#[derive(Debug)]
pub(super) struct Slot<T> {
    options: SqliteConnectOptions,
    /// Held for as long as a call uses the connection: `SQLite` has one writer, and one reader is enough. Asynchronous
    /// because the calls wait for the disk.
    open: Mutex<Option<T>>,
}

impl<T: From<SqliteConnection>> Slot<T> {
    pub(super) fn new(options: SqliteConnectOptions, open: Option<T>) -> Self {
        Self { options, open: Mutex::new(open) }
    }

    pub(super) async fn lease(&self) -> Result<Lease<'_, T>, StoreError> {
        let mut home = self.open.lock().await;
        let open = match home.take() {
            Some(open) => open,
            None => self.options.connect().await?.into(),
        };
        Ok(Lease { home, open })
    }

    /// Nobody uses the connection while this is held.
    pub(super) async fn pause(&self) -> MutexGuard<'_, Option<T>> {
        self.open.lock().await
    }
}

/// The connection out of its slot. It only gets back by [`Lease::settle`].
#[derive(Debug)]
pub(super) struct Lease<'a, T> {
    home: MutexGuard<'a, Option<T>>,
    pub(super) open: T,
}

impl<T> Lease<'_, T> {
    pub(super) fn settle<R>(mut self, result: Result<R, StoreError>) -> Result<R, StoreError> {
        match &result {
            Ok(_) | Err(StoreError { kind: StoreErrorKind::Fenced, .. }) => *self.home = Some(self.open),
            Err(StoreError {
                kind: StoreErrorKind::Unavailable | StoreErrorKind::Full | StoreErrorKind::Corrupt,
                ..
            }) => drop(self.open),
        }
        result
    }
}
