//! What is counted. Each measure has a code that is kept: never change one, and never use one again.

use std::time::Duration;

use super::super::storage::Counts;
use crate::{
    core::message::FailureKind,
    telemetry::labels::{EndKind, HandoverCause, Label},
};

/// Whatever is counted one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Measure {
    Begun,
    /// Ended by the customer, the language engine or the inactivity clock, and no person had it or was about to.
    Contained,
    Ended(EndKind),
    /// Offered to a person.
    HandedOver(HandoverCause),
    /// A person took it.
    Accepted,
    /// The routing engine could not hand it over.
    Failed,
    /// Nobody took it.
    Expired,
    /// A person was wanted, and none could be promised.
    NoPerson,
    /// A person gave it back.
    Returned,
    /// What the customer said.
    Messages,
    /// Questions that were made of it.
    Turns,
    NotUnderstood,
    /// The customer was told that it takes longer.
    Slow,
    /// Answers that were dropped because their turn was over (B1).
    Stale,
    UnknownActions,
    Warned,
    /// Questions that went to the next engine of the chain.
    FailedOver,
    /// Questions, or their tries at one engine, that brought no answer.
    NoAnswer(FailureKind),
    Callbacks,
    CallbacksRefused,
    Pushes,
    PushesRefused,
    External,
    ExternalFailed,
    /// Of an engine: calls.
    Calls,
    /// Of an engine: calls that brought no answer.
    CallsFailed,
    /// Of an engine: calls that it refused for its quota.
    CallsOverQuota,
    /// Of an engine: questions that the governor did not let through before their deadline (B12).
    HeldBack,
    /// Of an engine: questions that its breaker did not let through.
    CutOff,
    /// Of an engine: answers to the customer's words that were no understanding.
    CallsNotUnderstood,
}

impl Measure {
    #[must_use]
    pub fn code(self) -> u16 {
        let one_of = |first: u16, index: usize| first + u16::try_from(index).unwrap_or_default();
        match self {
            Self::Begun => 1,
            Self::Contained => 2,
            Self::Accepted => 3,
            Self::Failed => 4,
            Self::Expired => 5,
            Self::NoPerson => 6,
            Self::Returned => 7,
            Self::Messages => 8,
            Self::Turns => 9,
            Self::NotUnderstood => 10,
            Self::Slow => 11,
            Self::Stale => 12,
            Self::UnknownActions => 13,
            Self::Warned => 14,
            Self::FailedOver => 15,
            Self::Callbacks => 16,
            Self::CallbacksRefused => 17,
            Self::Pushes => 18,
            Self::PushesRefused => 19,
            Self::External => 20,
            Self::ExternalFailed => 21,
            Self::Calls => 22,
            Self::CallsFailed => 23,
            Self::CallsOverQuota => 24,
            Self::HeldBack => 25,
            Self::CutOff => 26,
            Self::CallsNotUnderstood => 27,
            // By their place among the labels, which only grow at their end.
            Self::Ended(end) => one_of(100, end.index()),
            Self::HandedOver(cause) => one_of(150, cause.index()),
            Self::NoAnswer(kind) => one_of(200, kind.index()),
        }
    }

    #[must_use]
    pub fn of(self, counts: &Counts) -> u64 {
        counts.get(self.code())
    }

    /// All of a family.
    #[must_use]
    pub fn sum<L: Label>(each: impl Fn(L) -> Self, counts: &Counts) -> u64 {
        L::ALL.iter().map(|it| each(*it).of(counts)).sum()
    }
}

/// Where time goes, as it is kept by day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Span {
    /// The customer's wait from the question to the engine's answer, fail-overs and quota included.
    Answer,
    /// Of an engine: one call that it answered, with its retries.
    Call,
    /// A query to an external system.
    External,
    /// From a command's commit to the routing engine's word that it has it.
    Delivery,
    /// From the offer to a person until one took the contact.
    Person,
}

/// Upper bounds of the buckets, in milliseconds; a last one has no bound.
const BOUNDS_MS: [u64; 27] = [
    1, 2, 5, 10, 20, 35, 50, 75, 100, 150, 200, 300, 400, 500, 750, 1_000, 1_500, 2_000, 3_000, 5_000, 7_500, 10_000,
    15_000, 30_000, 60_000, 300_000, 900_000,
];
/// Codes of a span's buckets: more than it has.
const CODES: u16 = 64;

impl Span {
    pub const ALL: [Self; 5] = [Self::Answer, Self::Call, Self::External, Self::Delivery, Self::Person];

    const fn first(self) -> u16 {
        let place = match self {
            Self::Answer => 0,
            Self::Call => 1,
            Self::External => 2,
            Self::Delivery => 3,
            Self::Person => 4,
        };
        1_000 + place * CODES
    }

    #[must_use]
    pub fn code(self, span: Duration) -> u16 {
        let ms = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_MS.partition_point(|bound| *bound < ms);
        self.first() + u16::try_from(bucket).unwrap_or_default()
    }

    #[must_use]
    pub fn count(self, counts: &Counts) -> u64 {
        self.buckets(counts).sum()
    }

    fn buckets(self, counts: &Counts) -> impl Iterator<Item = u64> {
        (self.first()..).take(BOUNDS_MS.len() + 1).map(|code| counts.get(code))
    }

    /// So many milliseconds or less it took in this share of the cases, evenly spread within a bucket; `None`: there was no
    /// case. What lies beyond the last bound is told as that.
    #[must_use]
    pub fn percentile(self, counts: &Counts, percent: u64) -> Option<u64> {
        let total = self.count(counts);
        if total == 0 {
            return None;
        }
        // The first whose place is at or above the share.
        let wanted = (total.saturating_mul(percent)).div_ceil(100).max(1);
        let (mut below, mut from) = (0, 0);
        for (bound, count) in BOUNDS_MS.iter().zip(self.buckets(counts)) {
            if count > 0 && below + count >= wanted {
                return Some(from + (bound - from) * (wanted - below) / count);
            }
            below += count;
            from = *bound;
        }
        Some(from)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_measures_share_a_code() {
        use Measure as M;
        let single = [
            M::Begun,
            M::Contained,
            M::Accepted,
            M::Failed,
            M::Expired,
            M::NoPerson,
            M::Returned,
            M::Messages,
            M::Turns,
            M::NotUnderstood,
            M::Slow,
            M::Stale,
            M::UnknownActions,
            M::Warned,
            M::FailedOver,
            M::Callbacks,
            M::CallbacksRefused,
            M::Pushes,
            M::PushesRefused,
            M::External,
            M::ExternalFailed,
            M::Calls,
            M::CallsFailed,
            M::CallsOverQuota,
            M::HeldBack,
            M::CutOff,
            M::CallsNotUnderstood,
        ];
        let ends = EndKind::ALL.iter().map(|it| M::Ended(*it));
        let causes = HandoverCause::ALL.iter().map(|it| M::HandedOver(*it));
        let kinds = FailureKind::ALL.iter().map(|it| M::NoAnswer(*it));
        let measures = single.into_iter().chain(ends).chain(causes).chain(kinds).map(M::code);
        let longest = [Duration::ZERO, Duration::from_secs(100_000)];
        let spans = Span::ALL.iter().flat_map(|it| longest.map(|span| it.code(span)));
        let codes: Vec<u16> = measures.chain(spans).collect();
        assert_eq!(codes.iter().collect::<BTreeSet<_>>().len(), codes.len());
        assert!(BOUNDS_MS.is_sorted() && BOUNDS_MS.len() < usize::from(CODES));
    }

    /// They are in stores.
    #[test]
    fn codes_stay_what_they_are() {
        use Measure as M;
        let codes = [
            M::Ended(EndKind::Bot),
            M::Ended(EndKind::Operator),
            M::HandedOver(HandoverCause::Action),
            M::HandedOver(HandoverCause::Operator),
            M::NoAnswer(FailureKind::Unavailable),
            M::NoAnswer(FailureKind::Internal),
        ]
        .map(M::code);
        assert_eq!(codes, [100, 106, 150, 155, 200, 211]);
        assert_eq!(Span::Person.code(Duration::from_millis(1)), 1_256);
    }

    #[test]
    fn a_percentile_is_within_its_bucket() {
        let mut counts = Counts::default();
        assert_eq!(Span::Answer.percentile(&counts, 50), None);
        for ms in [3, 30, 30, 30, 30, 30, 30, 30, 30, 700] {
            counts.add(Span::Answer.code(Duration::from_millis(ms)), 1);
        }
        assert_eq!(Span::Answer.count(&counts), 10);
        let told = [1, 50, 90, 95, 100].map(|percent| Span::Answer.percentile(&counts, percent).unwrap());
        assert_eq!(told, [5, 27, 35, 750, 750], "20 to 35 holds eight, of which the fourth is in the middle");
        assert_eq!(Span::External.percentile(&counts, 50), None, "each span for itself");
        counts.add(Span::Call.code(Duration::from_secs(9_000)), 1);
        assert_eq!(Span::Call.percentile(&counts, 50), Some(900_000));
    }
}
