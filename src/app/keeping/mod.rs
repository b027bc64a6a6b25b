//! The store's administration: backup and restore, and the master key.

mod archive;
mod backup;
mod carried;
mod desk;
mod key;
mod restore;
mod rotate;
mod staged;

pub use archive::{Manifest, Packed};
pub use backup::{Backup, backup};
pub(super) use desk::Desk;
pub(super) use key::take as take_key;
pub use key::{find as find_key, named as named_key, told as key_told};
pub use restore::{Restore, Restored, check, restore};
pub use rotate::{Rotation, rotate};
pub(super) use staged::{SHOWN, Waiting, usable};

use crate::gateway::storage::{Holdings, StoreError};

/// How commands sign in the audit log.
pub const BY_COMMAND: &str = "cli";

/// In words: what a backup or a store holds.
fn told(holds: &Holdings) -> String {
    let Holdings { contacts, open, erased, records, secrets, audit_lines, .. } = holds;
    let documents: u64 = holds.documents.values().sum();
    let since = holds.oldest_ms.and_then(|it| jiff::Timestamp::from_millisecond(it).ok());
    let since = since.map(|it| format!(" since {it:.0}")).unwrap_or_default();
    format!(
        "{contacts} contacts ({open} open, {erased} erased), {records} records{since}, {secrets} secrets, {documents} documents of the \
         Web Manager, {audit_lines} lines of the audit log"
    )
}

/// What the store says beneath the kind of its error.
#[expect(clippy::needless_pass_by_value, reason = "what `map_err` hands over")]
fn with_reason(error: StoreError) -> anyhow::Error {
    anyhow::anyhow!("{}", error.source)
}
