//! What an engine's fake must be able to do to run the suite.

use usher::core::message::FailureKind;

use super::script::Script;
use crate::harness::Usher;

/// A language engine at its wire: a real socket, the kind's documented protocol, answers by [`Script`].
pub(crate) trait Peer: Send + Sync + Sized + 'static {
    /// As in a profile's `type`.
    const KIND: &'static str;
    /// What its protocol has no words for, and why. Cases that need it are left out for this kind; some of it no kind may
    /// decline ([`Ability::is_basic`]).
    const CANNOT: &'static [(Ability, &'static str)];

    /// Listens, on a runtime of its own ([`crate::fakes::server::Server`]), so that a test that waits does not stop it.
    fn start() -> impl Future<Output = Self>;

    /// The end of a profile: `type = "…"` and whatever top-level keys the kind wants, then its tables. A question's deadline
    /// is to be `deadline_ms`; everything else is to be as fast as the kind can.
    fn profile(&self, deadline_ms: u64) -> String;

    /// Tables that `usher.toml` needs for this kind.
    fn config(&self) -> String {
        String::new()
    }

    /// A gateway has been started, at first or again: for kinds that dial it, and those that post to it. Returns when
    /// questions can come.
    fn meets(&self, _gateway: &Usher) -> impl Future<Output = ()> {
        async {}
    }

    fn script(&self) -> &Script;

    /// From now on nobody reaches it: what is open is lost, what is opened fails ([`crate::fakes::server::Line::down`]).
    fn leaves(&self) -> impl Future<Output = ()>;

    /// It is back, where it was. Returns when questions can come.
    fn returns(&self) -> impl Future<Output = ()>;

    fn can(ability: Ability) -> bool {
        Self::CANNOT.iter().all(|(declined, _)| *declined != ability)
    }

    /// Whether it can all of these. What a kind declines is told, so that nothing is left out in silence.
    #[expect(clippy::print_stderr, reason = "a case that is left out says so in the test's own output")]
    fn can_all(abilities: &[Ability]) -> bool {
        for (ability, why) in Self::CANNOT.iter().filter(|(it, _)| abilities.contains(it)) {
            eprintln!("left out: {} has no {ability:?}: {why}", Self::KIND);
        }
        abilities.iter().all(|it| Self::can(*it))
    }
}

/// What a case may need of a protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ability {
    /// Named events reach the engine: the welcome, outcomes.
    Events,
    /// The engine is told the contact's language.
    Language,
    QuickReplies,
    Card,
    Image,
    /// Any JSON, passed through.
    Payload,
    /// An action may be named before its parameters are all there.
    Incomplete,
    /// An action that nobody configured reaches the gateway.
    UnknownAction,
    NotUnderstood,
    End,
    LiveAgent,
    /// An answer may be empty.
    Empty,
    Failure(FailureKind),
    /// The same answer may come twice.
    Twice,
    /// It can tell that it is at work.
    Typing,
    /// It can say a part of its answer before the rest.
    Parts,
    /// It is told when a contact is over.
    HearsEnd,
}

/// Failures that an engine may report; the others are found out by us.
pub(crate) const REPORTED: [FailureKind; 8] = [
    FailureKind::Internal,
    FailureKind::Unavailable,
    FailureKind::Quota,
    FailureKind::Credential,
    FailureKind::NotFound,
    FailureKind::Invalid,
    FailureKind::Precondition,
    FailureKind::Webhook,
];

impl Ability {
    /// What a kind without it could not serve a contact centre with.
    pub(crate) const fn is_basic(self) -> bool {
        match self {
            Self::Failure(FailureKind::Unavailable) => true,
            Self::Events
            | Self::Language
            | Self::QuickReplies
            | Self::Card
            | Self::Image
            | Self::Payload
            | Self::Incomplete
            | Self::UnknownAction
            | Self::NotUnderstood
            | Self::End
            | Self::LiveAgent
            | Self::Empty
            | Self::Failure(_)
            | Self::Twice
            | Self::Typing
            | Self::Parts
            | Self::HearsEnd => false,
        }
    }
}

/// The failure by which a case makes trouble where the kind does not matter.
pub(crate) fn some_failure<P: Peer>() -> FailureKind {
    let failure = REPORTED.into_iter().find(|it| P::can(Ability::Failure(*it)));
    failure.expect("no kind may decline `Unavailable`")
}
