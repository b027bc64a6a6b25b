//! Whether a person can be promised, and what the person is told (B2).

use serde::{Deserialize, Serialize};

use super::{
    directory::Directory,
    message::{FailureKind, MediaType},
    profile::{Destination, Handover},
    tell::{English, of_cause},
};

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
    /// A person at the Web Manager has decided it.
    Operator(String),
    /// The profile was paused, by this person at the Web Manager.
    Paused(String),
}

impl Cause {
    /// What the routing engine is given as the requeue's reason.
    #[must_use]
    pub fn reason(&self) -> String {
        of_cause(&English, self)
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
    takes(directory, to)?;
    let queue = if let Destination::Queue(id) = to { directory.queues.get(id) } else { None };
    let wait_s = u64::from(queue.and_then(|it| it.expected_wait_s).unwrap_or(0));
    let longest_s = rules.max_wait.as_secs();
    if longest_s > 0 && wait_s > longest_s {
        return Err(Unavailable::WaitTooLong);
    }
    Ok(())
}

/// Whether the destination takes contacts at all, however long they wait there.
///
/// # Errors
/// Why it does not.
pub fn takes(directory: &Directory, to: &Destination) -> Result<(), Unavailable> {
    match to {
        Destination::Target(target) if directory.targets.contains_key(target) => Ok(()),
        Destination::Target(_) => Err(Unavailable::QueueUnknown),
        Destination::Queue(id) => {
            let queue = directory.queues.get(id).ok_or(Unavailable::QueueUnknown)?;
            if queue.open { Ok(()) } else { Err(Unavailable::QueueClosed) }
        }
    }
}

/// Whether the destination is for contacts of this kind.
///
/// # Errors
/// It is not, or is unknown.
pub fn fits(directory: &Directory, to: &Destination, media: MediaType) -> Result<(), Unavailable> {
    let own = match to {
        Destination::Target(_) => Some(MediaType::Speech),
        Destination::Queue(id) => directory.queues.get(id).map(|it| it.media),
    };
    if own == Some(media) { Ok(()) } else { Err(Unavailable::QueueUnknown) }
}

/// Whether an operator can send a contact there, who may go beyond the handovers that the profile allows it.
///
/// # Errors
/// Why not.
pub fn may_go(rules: &Handover, directory: &Directory, to: &Destination, media: MediaType) -> Result<(), Unavailable> {
    fits(directory, to, media)?;
    check(rules, directory, to, 0)
}

/// Where an operator can send a contact of this kind now: queues, then targets.
///
/// # Errors
/// Why it is nowhere.
pub fn places(rules: &Handover, directory: &Directory, media: MediaType) -> Result<Vec<Destination>, Unavailable> {
    let queues = directory.queues.keys().cloned().map(Destination::Queue);
    let all = queues.chain(directory.targets.keys().cloned().map(Destination::Target));
    let (mut places, mut why) = (Vec::new(), Unavailable::QueueUnknown);
    for to in all.filter(|it| fits(directory, it, media).is_ok()) {
        match check(rules, directory, &to, 0) {
            Ok(()) => places.push(to),
            Err(it) => why = it,
        }
    }
    if places.is_empty() { Err(why) } else { Ok(places) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::core::{
        directory::Queue,
        ids::{QueueId, SpeechTargetId},
    };

    fn rules(max_handovers: u32, max_wait_s: u64) -> Handover {
        Handover {
            to: None,
            not_understood_after: 3,
            failures_after: 2,
            slow_after: 0,
            typing_after: Duration::ZERO,
            slow_threshold: Duration::ZERO,
            slow_message: String::new(),
            not_understood_message: String::new(),
            failure_message: String::new(),
            max_handovers,
            max_wait: Duration::from_secs(max_wait_s),
            unavailable_message: String::new(),
        }
    }

    fn queue() -> Destination {
        Destination::Queue(QueueId::new("people").unwrap())
    }

    fn target() -> Destination {
        Destination::Target(SpeechTargetId::new("desk").unwrap())
    }

    fn directory(open: bool, expected_wait_s: Option<u32>) -> Directory {
        let people =
            Queue { name: "People".to_owned(), media: MediaType::OpenMedia, open, waiting: 9, expected_wait_s };
        Directory {
            queues: [(QueueId::new("people").unwrap(), people)].into(),
            users: std::collections::BTreeMap::new(),
            targets: [(SpeechTargetId::new("desk").unwrap(), "Desk".to_owned())].into(),
        }
    }

    #[test]
    fn b2_a_queue_is_promised_only_while_it_is_open_and_its_wait_is_bearable() {
        let known = |open, wait_s, max_wait_s| check(&rules(1, max_wait_s), &directory(open, wait_s), &queue(), 0);
        assert_eq!(known(true, Some(60), 60), Ok(()));
        assert_eq!(known(true, Some(61), 60), Err(Unavailable::WaitTooLong));
        assert_eq!(known(true, Some(u32::MAX), 0), Ok(()), "any wait will do");
        assert_eq!(known(true, None, 1), Ok(()), "the engine does not know the wait");
        assert_eq!(known(false, Some(0), 60), Err(Unavailable::QueueClosed));
    }

    #[test]
    fn b2_what_the_directory_does_not_name_is_not_promised() {
        assert_eq!(check(&rules(1, 0), &directory(true, None), &target(), 0), Ok(()));
        assert_eq!(check(&rules(1, 0), &Directory::default(), &queue(), 0), Err(Unavailable::QueueUnknown));
        assert_eq!(check(&rules(1, 0), &Directory::default(), &target(), 0), Err(Unavailable::QueueUnknown));
    }

    #[test]
    fn b2_the_budget_comes_before_everything_else() {
        for to in [queue(), target()] {
            assert_eq!(check(&rules(2, 0), &directory(true, None), &to, 1), Ok(()));
            assert_eq!(check(&rules(2, 0), &directory(true, None), &to, 2), Err(Unavailable::BudgetUsed));
            assert_eq!(check(&rules(0, 0), &directory(false, None), &to, 0), Err(Unavailable::BudgetUsed));
        }
    }

    #[test]
    fn s20_an_operator_chooses_among_the_places_of_the_contacts_kind() {
        let places = |handovers, open, wait_s, media| places(&rules(handovers, 60), &directory(open, wait_s), media);
        assert_eq!(places(1, true, None, MediaType::OpenMedia), Ok(vec![queue()]));
        assert_eq!(places(1, true, None, MediaType::Speech), Ok(vec![target()]));
        assert_eq!(places(1, true, None, MediaType::WebInteraction), Err(Unavailable::QueueUnknown));
        assert_eq!(places(1, false, None, MediaType::OpenMedia), Err(Unavailable::QueueClosed));
        assert_eq!(places(1, true, Some(61), MediaType::OpenMedia), Err(Unavailable::WaitTooLong));
        assert_eq!(places(0, true, None, MediaType::Speech), Err(Unavailable::BudgetUsed));
    }

    #[test]
    fn b2_the_person_is_told_the_cause() {
        for (cause, reason) in [
            (Cause::Action("human".to_owned()), "action human"),
            (Cause::LiveAgent, "live agent requested"),
            (Cause::NotUnderstood(3), "3 inputs in a row not understood"),
            (Cause::Failures(2, FailureKind::Quota), "2 technical failures in a row, the last: quota"),
            (Cause::Slow(4), "4 slow answers in a row"),
            (Cause::Operator("ann".to_owned()), "operator ann"),
            (Cause::Paused("ann".to_owned()), "the profile was paused by ann"),
        ] {
            assert_eq!(cause.reason(), reason);
        }
    }
}
