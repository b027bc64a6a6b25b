//! What came of a run: the account of every message, and how long answers took.

use std::{fmt, time::Duration};

use hdrhistogram::Histogram;
use serde::Serialize;

/// So many faults are told in full.
const MAX_FAULTS: usize = 20;

/// One contact's account.
#[derive(Debug, Default)]
pub struct Tally {
    pub(super) messages: usize,
    pub(super) answered: usize,
    pub(super) lost: usize,
    pub(super) over: usize,
    pub(super) unsaid: usize,
    pub(super) repeated: usize,
    pub(super) again: usize,
    pub(super) further: usize,
    pub(super) busy: usize,
    pub(super) refused: usize,
    pub(super) reconnects: usize,
    pub(super) latencies_us: Vec<u32>,
    pub(super) lags_us: Vec<u32>,
    pub(super) faults: Vec<String>,
}

impl Tally {
    pub(super) fn latency(&mut self, it: Duration) {
        self.latencies_us.push(micros(it));
    }

    pub(super) fn lag(&mut self, it: Duration) {
        self.lags_us.push(micros(it));
    }

    pub(super) fn fault(&mut self, what: String) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(what);
        }
    }
}

fn micros(it: Duration) -> u32 {
    u32::try_from(it.as_micros()).unwrap_or(u32::MAX)
}

/// Milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Spread {
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub max: f64,
}

/// All contacts' account. Field by field as `--json` prints it.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub contacts: usize,
    /// Messages in a second that were asked for, and that were answered.
    pub rate_wanted: f64,
    pub rate: f64,
    pub seconds: f64,
    pub messages: usize,
    pub answered: usize,
    /// Said and never answered, or gone from what the other side keeps.
    pub lost: usize,
    /// Came twice where it may not: a command without a lost stream between, an entry of a chat, an answer.
    pub repeated: usize,
    /// Commands that came again after a lost stream and were recognised by their number: the contract has it so.
    pub again: usize,
    /// Commands or bot messages beyond one answer for each message: greetings, a second text of one turn.
    pub further: usize,
    /// Answers `Busy`, or status 429: the message was sent again.
    pub busy: usize,
    /// Refused for good.
    pub refused: usize,
    /// Streams that were lost and opened again.
    pub reconnects: usize,
    /// Contacts that the virtual agent ended before their last line.
    pub over: usize,
    /// Lines that there was no time for, so far behind was the system.
    pub unsaid: usize,
    pub latency_ms: Spread,
    /// How late the driver itself was.
    pub lag_ms: Spread,
    /// The first of what went wrong, in words.
    pub faults: Vec<String>,
}

impl Report {
    pub(super) fn of(tallies: impl IntoIterator<Item = Tally>) -> Self {
        let mut report = Self::default();
        let (mut latencies, mut lags) = (Vec::new(), Vec::new());
        for tally in tallies {
            report.contacts += 1;
            report.messages += tally.messages;
            report.answered += tally.answered;
            report.lost += tally.lost;
            report.over += tally.over;
            report.unsaid += tally.unsaid;
            report.repeated += tally.repeated;
            report.again += tally.again;
            report.further += tally.further;
            report.busy += tally.busy;
            report.refused += tally.refused;
            report.reconnects += tally.reconnects;
            report.faults.extend(tally.faults);
            latencies.extend(tally.latencies_us);
            lags.extend(tally.lags_us);
        }
        report.faults.truncate(MAX_FAULTS);
        report.latency_ms = Spread::of(&latencies);
        report.lag_ms = Spread::of(&lags);
        report
    }

    pub(super) fn timed(mut self, rate_wanted: f64, took: Duration) -> Self {
        self.rate_wanted = rate_wanted;
        self.seconds = took.as_secs_f64();
        self.rate = if took.is_zero() { 0.0 } else { self.answered as f64 / self.seconds };
        self
    }

    /// Every message was answered, and nothing came twice.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.messages > 0
            && self.answered == self.messages
            && self.lost + self.repeated + self.refused + self.unsaid == 0
            && self.faults.is_empty()
    }
}

impl Spread {
    fn of(micros: &[u32]) -> Self {
        let Ok(mut histogram) = Histogram::<u64>::new_with_bounds(1, u64::from(u32::MAX), 3) else {
            return Self::default();
        };
        for it in micros {
            histogram.saturating_record(u64::from(*it));
        }
        let at = |quantile| histogram.value_at_quantile(quantile) as f64 / 1000.0;
        Self { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: histogram.max() as f64 / 1000.0 }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = [
            ("contacts", self.contacts, "of which the bot ended early", self.over),
            ("messages", self.messages, "unsaid for want of time", self.unsaid),
            ("answered", self.answered, "further answers", self.further),
            ("lost", self.lost, "refused", self.refused),
            ("repeated", self.repeated, "again after a lost stream", self.again),
            ("busy", self.busy, "streams opened again", self.reconnects),
        ];
        for (left, count, right, other) in rows {
            writeln!(f, "{left:<10}{count:>10}   {right:<30}{other:>10}")?;
        }
        writeln!(
            f,
            "rate      {:>10.1}   of {} messages in a second, for {:.1} s",
            self.rate, self.rate_wanted, self.seconds
        )?;
        writeln!(f, "{:<13}{:>10}{:>10}{:>10}{:>10}", "ms", "p50", "p90", "p99", "max")?;
        for (name, it) in [("latency", self.latency_ms), ("driver lag", self.lag_ms)] {
            writeln!(f, "{name:<13}{:>10.2}{:>10.2}{:>10.2}{:>10.2}", it.p50, it.p90, it.p99, it.max)?;
        }
        self.faults.iter().try_for_each(|fault| writeln!(f, "fault: {fault}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(latencies_ms: &[u32]) -> Tally {
        let count = latencies_ms.len();
        let latencies_us = latencies_ms.iter().map(|it| it * 1000).collect();
        Tally { messages: count, answered: count, latencies_us, ..Tally::default() }
    }

    #[test]
    fn contacts_are_added_up() {
        let (first, second) = (tally(&(1..=50).collect::<Vec<_>>()), tally(&(51..=100).collect::<Vec<_>>()));
        let report = Report::of([first, second]).timed(10.0, Duration::from_secs(10));
        assert_eq!((report.contacts, report.messages, report.answered), (2, 100, 100));
        assert!((report.rate - 10.0).abs() < f64::EPSILON);
        assert!((report.latency_ms.p50 - 50.0).abs() < 0.1 && (report.latency_ms.max - 100.0).abs() < 0.1);
        assert!(report.is_clean());
    }

    #[test]
    fn whatever_is_lost_or_repeated_is_not_clean() {
        let dirty = [
            Tally { messages: 1, lost: 1, ..Tally::default() },
            Tally { repeated: 1, ..tally(&[1]) },
            Tally { refused: 1, ..tally(&[1]) },
            Tally { unsaid: 1, ..tally(&[1]) },
            Tally { faults: vec!["x".to_owned()], ..tally(&[1]) },
            Tally { messages: 2, answered: 1, ..Tally::default() },
            Tally::default(),
        ];
        for tally in dirty {
            let report = Report::of([tally]);
            assert!(!report.is_clean(), "{report:?}");
        }
        assert!(Report::of([Tally { again: 3, busy: 2, further: 1, ..tally(&[1]) }]).is_clean());
    }

    #[test]
    fn the_table_and_the_json_say_the_same() {
        let report = Report::of([tally(&[7])]);
        let table = report.to_string();
        assert!(table.contains("answered           1") && table.contains("driver lag"), "{table}");
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!((&json["answered"], &json["latencyMs"]["p50"]), (&1.into(), &7.003.into()));
    }
}
