//! Whether a person can be promised, and what the person is told (B2).

use serde::{Deserialize, Serialize};

use super::{directory::Directory, message::FailureKind, profile::Destination, profile::Handover};

/// Why a contact goes to a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The language engine asked for it by this action.
    Action(String),
    /// The matched intent carries the live-agent flag.
    LiveAgent,
    /// So many inputs in a row were not understood.
    NotUnderstood(u32),
    /// So many technical failures in a row, the last of this kind.
    Failures(u32, FailureKind),
    /// So many slow answers in a row.
    Slow(u32),
}

impl Cause {
    /// What the routing engine is given as the requeue's reason.
    #[must_use]
    pub fn reason(&self) -> String {
        match self {
            Self::Action(name) => format!("action {name}"),
            Self::LiveAgent => "live agent requested".to_owned(),
            Self::NotUnderstood(n) => format!("{n} inputs in a row not understood"),
            Self::Failures(n, kind) => format!("{n} technical failures in a row, the last: {}", kind.label()),
            Self::Slow(n) => format!("{n} slow answers in a row"),
        }
    }

    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Action(_) => "action",
            Self::LiveAgent => "live_agent",
            Self::NotUnderstood(_) => "not_understood",
            Self::Failures(..) => "failures",
            Self::Slow(_) => "slow",
        }
    }
}

/// Why no person can be promised now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Unavailable {
    #[error("queue_closed")]
    QueueClosed,
    #[error("wait_too_long")]
    WaitTooLong,
    #[error("queue_unknown")]
    QueueUnknown,
    /// The contact has been with a person as often as the profile allows.
    #[error("handovers_used_up")]
    BudgetUsed,
}

/// Consults the queue before anything is promised. Speech targets have no opening state.
///
/// # Errors
/// Why a person cannot be promised.
pub fn check(
    rules: &Handover,
    directory: &Directory,
    to: &Destination,
    handovers_so_far: u32,
) -> Result<(), Unavailable> {
    if handovers_so_far >= rules.max_handovers {
        return Err(Unavailable::BudgetUsed);
    }
    match to {
        Destination::Target(target) if directory.targets.contains_key(target) => Ok(()),
        Destination::Target(_) => Err(Unavailable::QueueUnknown),
        Destination::Queue(id) => {
            let queue = directory.queues.get(id).ok_or(Unavailable::QueueUnknown)?;
            if !queue.open {
                return Err(Unavailable::QueueClosed);
            }
            let wait_s = u64::from(queue.expected_wait_s.unwrap_or(0));
            let longest_s = rules.max_wait.as_secs();
            if longest_s > 0 && wait_s > longest_s {
                return Err(Unavailable::WaitTooLong);
            }
            Ok(())
        }
    }
}
