//! The closed sets of metric labels. Nothing a peer or a customer sends ever becomes a label.

use crate::{
    core::{
        action::ActionKind,
        agent::Standing,
        contact::Outcome,
        message::{FailureKind, MediaType},
    },
    problem::ProblemKind,
};

/// A label with a known set of values.
pub trait Label: Copy + 'static {
    const KEY: &'static str;
    const ALL: &'static [Self];
    fn text(self) -> &'static str;
    /// Below the length of [`Self::ALL`].
    fn index(self) -> usize;

    fn find(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|it| it.text() == text)
    }
}

/// Makes a label of an enum that exists. A variant that is left out does not compile.
macro_rules! label {
    ($type:ident, $key:literal, { $($variant:ident = $text:expr),+ $(,)? }) => {
        impl Label for $type {
            const KEY: &'static str = $key;
            const ALL: &'static [Self] = &[$(Self::$variant),+];

            fn text(self) -> &'static str {
                match self {
                    $(Self::$variant => $text),+
                }
            }

            fn index(self) -> usize {
                self as usize
            }
        }
    };
}

/// Makes an enum and a label of it.
macro_rules! labels {
    ($(#[$doc:meta])* $type:ident, $key:literal, { $($(#[$note:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $type { $($(#[$note])* $variant),+ }

        label!($type, $key, { $($variant = $text),+ });
    };
}

labels!(
    /// How a contact ended. Contained are those that ended by bot, inactivity or customer: no person was needed.
    EndKind, "end", {
        /// The virtual agent closed it: the language engine said that the conversation is over.
        Bot = "bot",
        Inactivity = "inactivity",
        /// The customer left, or the routing engine ended it without a handover.
        Customer = "customer",
        HandedOver = "handed_over",
        /// Given up: nothing could be answered and nobody could take over, or it came with a backup.
        Failed = "failed",
        /// Given up: the routing engine stayed away too long.
        EngineAway = "engine_away",
        /// A person at the Web Manager ended it.
        Operator = "operator",
    }
);

labels!(
    /// Why a contact is offered to a person.
    HandoverCause, "cause", {
        /// A requeue action.
        Action = "action",
        /// The language engine's own flag.
        LiveAgent = "live_agent",
        NotUnderstood = "not_understood",
        Failures = "failures",
        Slow = "slow",
        /// A person at the Web Manager.
        Operator = "operator",
        /// A person at the Web Manager has paused the profile.
        Paused = "paused",
    }
);

labels!(
    /// Which bound refused new work.
    BusyCause, "cause", {
        Contacts = "contacts",
        RunningCalls = "running_calls",
        Journal = "journal",
        WaitingInputs = "waiting_inputs",
        Undelivered = "undelivered",
        Store = "store",
        Draining = "draining",
        /// The routing engine has more frames unacknowledged than it may.
        Credits = "credits",
    }
);

labels!(
    /// What a token stands for (B10).
    TokenKind, "kind", {
        Card = "card",
        Iban = "iban",
        /// A configured pattern, whichever.
        Pattern = "pattern",
    }
);

labels!(
    ActionLabel, "action", {
        Requeue = "requeue",
        SpeechRequeue = "speech_requeue",
        Callback = "callback",
        External = "external",
        PushUrl = "push_url",
    }
);

impl From<&ActionKind> for ActionLabel {
    fn from(kind: &ActionKind) -> Self {
        match kind {
            ActionKind::Requeue { .. } => Self::Requeue,
            ActionKind::SpeechRequeue { .. } => Self::SpeechRequeue,
            ActionKind::Callback { .. } => Self::Callback,
            ActionKind::External { .. } => Self::External,
            ActionKind::PushUrl { .. } => Self::PushUrl,
        }
    }
}

labels!(
    /// Who waits for a turn within an engine's quota.
    QuotaClass, "class", {
        /// Contacts that have had an answer before: they come first.
        Ongoing = "ongoing",
        New = "new",
    }
);

labels!(
    /// How a shadow's answer compares with the one that was given; the first difference that matters.
    ShadowResult, "result", {
        Same = "same",
        /// One of the two did not answer.
        Failure = "failure",
        Action = "action",
        Parameters = "parameters",
        NotUnderstood = "not_understood",
        Intent = "intent",
        /// The turn was over when the answers came.
        Stale = "stale",
        /// Not asked: too much was running, or the input was sensitive.
        Skipped = "skipped",
    }
);

labels!(
    /// Where the time of a turn goes.
    Stage, "stage", {
        /// One question to a language engine, with its retries.
        Ask = "ask",
        /// One group commit of the journal.
        Commit = "commit",
        /// One query to an external system.
        External = "external",
    }
);

labels!(
    /// What became of a sign-in to the Web Manager.
    SignIn, "result", {
        Ok = "ok",
        /// The name, the password or the code is not right.
        Refused = "refused",
        /// Too many tries, or too many at once.
        Throttled = "throttled",
        /// The store or the master key was at fault.
        Failed = "failed",
    }
);

labels!(
    /// How a connector's socket ended.
    ConnectorClose, "why", {
        /// The connector closed it, or was done after it said that it wanted to leave.
        Left = "left",
        /// Without a word.
        Cut = "cut",
        Draining = "draining",
        TooLarge = "too_large",
        /// It broke the WebSocket protocol.
        Protocol = "protocol",
        NoHello = "no_hello",
        TokenRevoked = "token_revoked",
        BadFrames = "bad_frames",
        SlowConsumer = "slow_consumer",
        /// Its session goes on on another socket.
        Replaced = "replaced",
        ProfileGone = "profile_gone",
        NoSignOfLife = "no_sign_of_life",
    }
);

labels!(
    /// What was wrong with a connector's frame.
    ConnectorBadFrame, "code", {
        BadJson = "bad_json",
        BadFrame = "bad_frame",
        NotText = "not_text",
        Unexpected = "unexpected",
    }
);

label!(MediaType, "media", {
    OpenMedia = "openmedia",
    WebInteraction = "webinteraction",
    Speech = "speech",
});

label!(Outcome, "outcome", {
    Done = "done",
    Offered = "offered",
    Accepted = "accepted",
    Failed = "failed",
    Expired = "expired",
    Superseded = "superseded",
});

label!(Standing, "state", {
    Unassigned = "unassigned",
    AwaitingEngine = "awaiting_engine",
    LoggingOn = "logging_on",
    LoggedOn = "logged_on",
    BackingOff = "backing_off",
    Stopped = "stopped",
});

label!(ProblemKind, "problem", {
    Unauthenticated = Self::Unauthenticated.label(),
    Forbidden = Self::Forbidden.label(),
    NotFound = Self::NotFound.label(),
    Invalid = Self::Invalid.label(),
    Precondition = Self::Precondition.label(),
    TooLarge = Self::TooLarge.label(),
    Busy = Self::Busy.label(),
    Unavailable = Self::Unavailable.label(),
    Replaced = Self::Replaced.label(),
    Internal = Self::Internal.label(),
});

label!(FailureKind, "kind", {
    Unavailable = Self::Unavailable.label(),
    Deadline = Self::Deadline.label(),
    Quota = Self::Quota.label(),
    Credential = Self::Credential.label(),
    NotFound = Self::NotFound.label(),
    Invalid = Self::Invalid.label(),
    Precondition = Self::Precondition.label(),
    Empty = Self::Empty.label(),
    Webhook = Self::Webhook.label(),
    Malformed = Self::Malformed.label(),
    Interrupted = Self::Interrupted.label(),
    Internal = Self::Internal.label(),
});

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[track_caller]
    fn check<L: Label + std::fmt::Debug>() {
        let mut texts = BTreeSet::new();
        for (n, label) in L::ALL.iter().enumerate() {
            assert_eq!(label.index(), n, "{label:?}: list the variants in their order");
            assert!(texts.insert(label.text()), "{label:?}: two variants with one text");
            assert!(label.text().chars().all(|it| it.is_ascii_lowercase() || it == '_'), "{label:?}");
        }
    }

    #[test]
    fn every_label_has_a_cell_and_a_text_of_its_own() {
        check::<EndKind>();
        check::<HandoverCause>();
        check::<BusyCause>();
        check::<ActionLabel>();
        check::<Stage>();
        check::<QuotaClass>();
        check::<ShadowResult>();
        check::<TokenKind>();
        check::<ConnectorClose>();
        check::<ConnectorBadFrame>();
        check::<MediaType>();
        check::<Outcome>();
        check::<Standing>();
        check::<FailureKind>();
    }
}
