//! The store's administration: backup and restore, and the master key.

mod archive;
mod backup;
mod carried;
mod desk;
mod key;
mod restore;
mod rotate;
mod staged;
mod why;

pub use archive::{Manifest, Packed};
pub use backup::{Backup, backup};
pub(super) use desk::Desk;
pub(super) use key::take as take_key;
pub use key::{find as find_key, named as named_key, told as key_told};
pub use restore::{Restore, Restored, check, restore};
pub use rotate::{Rotation, rotate};
pub(super) use staged::{SHOWN, Waiting, usable};
pub(super) use why::why;

use crate::{
    core::said::{Said, said},
    gateway::storage::{Holdings, StoreError, StoreErrorKind},
};

/// How commands sign in the audit log.
pub const BY_COMMAND: &str = "cli";

/// In words: what a backup or a store holds.
fn told(holds: &Holdings) -> Said {
    let Holdings { contacts, open, erased, records, secrets, audit_lines, .. } = holds;
    let documents: u64 = holds.documents.values().sum();
    let since = holds.oldest_ms.and_then(|it| jiff::Timestamp::from_millisecond(it).ok());
    let since = since.map(|it| said!(" since {}", format!("{it:.0}"))).unwrap_or_default();
    said!(
        "{} contacts ({} open, {} erased), {} records{}, {} secrets, {} documents of the Web Manager, {} lines of the audit log",
        contacts,
        open,
        erased,
        records,
        since,
        secrets,
        documents,
        audit_lines
    )
}

/// What the store says beneath the kind of its error.
#[expect(clippy::needless_pass_by_value, reason = "what `map_err` hands over")]
fn with_reason(error: StoreError) -> anyhow::Error {
    let said = error.said().cloned().unwrap_or_else(|| Said::foreign(error.source.to_string()));
    if error.kind == StoreErrorKind::Full { why::Full(said).into() } else { why::because(said) }
}
