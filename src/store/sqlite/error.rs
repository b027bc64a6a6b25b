//! `SQLite`'s result codes in the store's closed kinds; the only place that knows the codes.

use crate::store::{StoreError, StoreErrorKind};

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::new(kind(&error), error)
    }
}

fn kind(error: &sqlx::Error) -> StoreErrorKind {
    if let Some(database) = error.as_database_error() {
        let extended = database.code().and_then(|code| code.parse::<u32>().ok());
        return extended.map_or(StoreErrorKind::Corrupt, |code| of_code(code & 0xff));
    }
    if matches!(error, sqlx::Error::Io(_) | sqlx::Error::WorkerCrashed | sqlx::Error::BeginFailed) {
        StoreErrorKind::Unavailable
    } else {
        // A value or a statement does not fit: it is not our schema.
        StoreErrorKind::Corrupt
    }
}

/// By `SQLite`'s primary result codes.
fn of_code(code: u32) -> StoreErrorKind {
    const PERM: u32 = 3;
    const BUSY: u32 = 5;
    const LOCKED: u32 = 6;
    const NOMEM: u32 = 7;
    const READONLY: u32 = 8;
    const INTERRUPT: u32 = 9;
    const IOERR: u32 = 10;
    const FULL: u32 = 13;
    const CANTOPEN: u32 = 14;
    const PROTOCOL: u32 = 15;
    const NOLFS: u32 = 22;
    const AUTH: u32 = 23;
    match code {
        PERM | BUSY | LOCKED | NOMEM | READONLY | INTERRUPT | IOERR | CANTOPEN | PROTOCOL | NOLFS | AUTH => {
            StoreErrorKind::Unavailable
        }
        FULL => StoreErrorKind::Full,
        _ => StoreErrorKind::Corrupt,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_is_unavailable_or_full_and_what_is_broken_is_corrupt() {
        for may_pass in [3, 5, 6, 7, 8, 10, 14] {
            assert_eq!(of_code(may_pass), StoreErrorKind::Unavailable, "{may_pass}");
        }
        assert_eq!(of_code(13), StoreErrorKind::Full);
        // ERROR (no such table), CORRUPT, SCHEMA, CONSTRAINT, NOTADB
        for broken in [1, 11, 17, 19, 26] {
            assert_eq!(of_code(broken), StoreErrorKind::Corrupt, "{broken}");
        }
    }
}
