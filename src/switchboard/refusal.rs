//! Why something was not done: a closed list, and what a client of ours may see of it.

use crate::problem::{Problem, ProblemKind};

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("there is no such contact: it was never opened, or it has been over for too long")]
    UnknownContact,
    #[error("there is no such person at a desk")]
    UnknownPerson,
    #[error("there is no such queue")]
    UnknownQueue,
    #[error("there is no such callback")]
    UnknownCallback,
    #[error("the contact is over: open a new one")]
    Ended,
    #[error("{field} {why}")]
    Invalid { field: &'static str, why: String },
    #[error("{field} is longer than {most} characters: shorten or split it")]
    TooLong { field: &'static str, most: usize },
    #[error("this id has been used for another text: give every message an id of its own")]
    Conflict,
    /// Right in itself, but not now.
    #[error("{0}")]
    NotNow(&'static str),
    #[error("too much waits for an answer: try again in a moment")]
    TooMuch,
    #[error("too many contacts are open: try again later")]
    Full,
    #[error("the journal cannot be written at the moment: try again with the same id")]
    Unavailable,
}

impl Refusal {
    #[must_use]
    pub const fn kind(&self) -> ProblemKind {
        match self {
            Self::UnknownContact | Self::UnknownPerson | Self::UnknownQueue | Self::UnknownCallback => {
                ProblemKind::NotFound
            }
            Self::Ended | Self::Conflict | Self::NotNow(_) => ProblemKind::Precondition,
            Self::Invalid { .. } => ProblemKind::Invalid,
            Self::TooLong { .. } => ProblemKind::TooLarge,
            Self::TooMuch => ProblemKind::Busy,
            Self::Full | Self::Unavailable => ProblemKind::Unavailable,
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal.kind(), refusal.to_string())
    }
}
