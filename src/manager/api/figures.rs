//! Numbers by their names: what the Web Manager's pictures and tables are made of, as it was counted.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    core::message::FailureKind,
    gateway::{
        numbers::{Measure as M, Span},
        storage::Counts,
    },
    manager::numbers::Both,
    telemetry::labels::{EndKind, HandoverCause, Label},
};

/// What happened, by its cause; causes that did not happen are left out.
type ByCause = BTreeMap<&'static str, u64>;

fn by_cause<L: Label>(each: impl Fn(L) -> M, counts: &Counts) -> ByCause {
    L::ALL.iter().map(|it| (it.text(), each(*it).of(counts))).filter(|it| it.1 > 0).collect()
}

/// How long something took, in milliseconds; `null`: there was no case.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Times {
    p50: Option<u64>,
    p95: Option<u64>,
    p99: Option<u64>,
    cases: u64,
}

impl Times {
    fn of(span: Span, counts: &Counts) -> Self {
        let of = |percent| span.percentile(counts, percent);
        Self { p50: of(50), p95: of(95), p99: of(99), cases: span.count(counts) }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
struct ContactFigures {
    begun: u64,
    ended: u64,
    /// Of those that have ended.
    ended_by: ByCause,
    /// Ended without a person: by the virtual agent, by inactivity or by the customer.
    contained: u64,
    /// Ended by inactivity were warned before.
    warned: u64,
}

#[derive(Debug, Serialize, JsonSchema)]
struct HandoverFigures {
    /// To a person.
    offered: u64,
    offered_for: ByCause,
    /// A person took it.
    taken: u64,
    /// The routing engine could not hand it over.
    failed: u64,
    /// Nobody took it.
    expired: u64,
    /// A person was wanted, and none could be promised.
    no_person: u64,
    /// A person gave it back.
    returned: u64,
}

#[derive(Debug, Serialize, JsonSchema)]
struct QuestionFigures {
    /// What customers said.
    messages: u64,
    /// Questions that were made of it.
    asked: u64,
    not_understood: u64,
}

#[derive(Debug, Serialize, JsonSchema)]
struct FailureFigures {
    /// Questions, or their tries at one engine, that brought no answer.
    no_answer: u64,
    no_answer_for: ByCause,
    /// Questions that went to the next engine.
    failed_over: u64,
    /// The customer was told that it takes longer.
    slow: u64,
    /// Answers that were dropped because they came too late.
    stale: u64,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ActionFigures {
    callbacks: u64,
    callbacks_refused: u64,
    pages_pushed: u64,
    pages_refused: u64,
    external_queries: u64,
    external_queries_failed: u64,
    unknown: u64,
}

/// Calls to engines.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct CallFigures {
    calls: u64,
    /// Without an answer.
    failed: u64,
    /// Refused by the engine for its quota.
    over_quota: u64,
    /// Held back for the quota until it was too late.
    held_back: u64,
    /// Not asked: the engine was out of order.
    cut_off: u64,
    not_understood: u64,
    /// Of one call.
    time_ms: Times,
}

impl CallFigures {
    pub(super) fn of(counts: &Counts) -> Self {
        Self {
            calls: M::Calls.of(counts),
            failed: M::CallsFailed.of(counts),
            over_quota: M::CallsOverQuota.of(counts),
            held_back: M::HeldBack.of(counts),
            cut_off: M::CutOff.of(counts),
            not_understood: M::CallsNotUnderstood.of(counts),
            time_ms: Times::of(Span::Call, counts),
        }
    }
}

/// Where time went, in milliseconds.
#[derive(Debug, Serialize, JsonSchema)]
struct StageFigures {
    /// The customer's wait for an answer.
    answer: Times,
    /// One query to an external system.
    external: Times,
    /// To the routing engine.
    delivery: Times,
    /// From the offer until a person took the contact.
    person: Times,
}

/// What contacts came to.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Figures {
    contacts: ContactFigures,
    handovers: HandoverFigures,
    questions: QuestionFigures,
    failures: FailureFigures,
    actions: ActionFigures,
    engines: CallFigures,
    time_ms: StageFigures,
}

impl Figures {
    pub(super) fn of(Both { contacts, engines }: &Both) -> Self {
        let of = |measure: M| measure.of(contacts);
        let times = |span| Times::of(span, contacts);
        Self {
            contacts: ContactFigures {
                begun: of(M::Begun),
                ended: M::sum(M::Ended, contacts),
                ended_by: by_cause::<EndKind>(M::Ended, contacts),
                contained: of(M::Contained),
                warned: of(M::Warned),
            },
            handovers: HandoverFigures {
                offered: M::sum(M::HandedOver, contacts),
                offered_for: by_cause::<HandoverCause>(M::HandedOver, contacts),
                taken: of(M::Accepted),
                failed: of(M::Failed),
                expired: of(M::Expired),
                no_person: of(M::NoPerson),
                returned: of(M::Returned),
            },
            questions: QuestionFigures {
                messages: of(M::Messages),
                asked: of(M::Turns),
                not_understood: of(M::NotUnderstood),
            },
            failures: FailureFigures {
                no_answer: M::sum(M::NoAnswer, contacts),
                no_answer_for: by_cause::<FailureKind>(M::NoAnswer, contacts),
                failed_over: of(M::FailedOver),
                slow: of(M::Slow),
                stale: of(M::Stale),
            },
            actions: ActionFigures {
                callbacks: of(M::Callbacks),
                callbacks_refused: of(M::CallbacksRefused),
                pages_pushed: of(M::Pushes),
                pages_refused: of(M::PushesRefused),
                external_queries: of(M::External),
                external_queries_failed: of(M::ExternalFailed),
                unknown: of(M::UnknownActions),
            },
            engines: CallFigures::of(engines),
            time_ms: StageFigures {
                answer: times(Span::Answer),
                external: times(Span::External),
                delivery: times(Span::Delivery),
                person: times(Span::Person),
            },
        }
    }
}
