//! Counters, gauges and histograms as plain atomics, and the Prometheus text they are shown as.
//!
//! All of them are relaxed: a scrape is a moment's picture, nothing is decided by it.

use std::{
    fmt::Display,
    marker::PhantomData,
    sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use super::labels::Label;

#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub fn increment(&self) {
        self.0.fetch_add(1, Relaxed);
    }

    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Relaxed);
    }

    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

#[derive(Debug, Default)]
pub struct Gauge(AtomicI64);

impl Gauge {
    pub fn set(&self, value: i64) {
        self.0.store(value, Relaxed);
    }

    pub fn set_len(&self, len: usize) {
        self.set(i64::try_from(len).unwrap_or(i64::MAX));
    }

    pub fn add(&self, change: i64) {
        self.0.fetch_add(change, Relaxed);
    }

    pub fn increment(&self) {
        self.0.fetch_add(1, Relaxed);
    }

    pub fn decrement(&self) {
        self.0.fetch_sub(1, Relaxed);
    }

    #[must_use]
    pub fn get(&self) -> i64 {
        self.0.load(Relaxed)
    }
}

/// Upper bounds of the buckets in microseconds, and how Prometheus is told of them in seconds.
const BOUNDS: [(u64, &str); 17] = [
    (100, "0.0001"),
    (250, "0.00025"),
    (500, "0.0005"),
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (25_000, "0.025"),
    (50_000, "0.05"),
    (100_000, "0.1"),
    (250_000, "0.25"),
    (500_000, "0.5"),
    (1_000_000, "1"),
    (2_500_000, "2.5"),
    (5_000_000, "5"),
    (10_000_000, "10"),
    (30_000_000, "30"),
];

/// Durations, from 100 µs to 30 s and above.
#[derive(Debug, Default)]
pub struct Histogram {
    /// Not cumulative; what lies above the last bound has no bucket of its own.
    buckets: [AtomicU64; BOUNDS.len()],
    count: AtomicU64,
    sum_ns: AtomicU64,
}

impl Histogram {
    pub fn record(&self, span: Duration) {
        let nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.partition_point(|(bound_us, _)| bound_us.saturating_mul(1_000) < nanos);
        if let Some(bucket) = self.buckets.get(bucket) {
            bucket.fetch_add(1, Relaxed);
        }
        self.count.fetch_add(1, Relaxed);
        self.sum_ns.fetch_add(nanos, Relaxed);
    }
}

/// One cell per value of a label.
#[derive(Debug)]
pub(super) struct Family<L, C> {
    cells: Box<[C]>,
    label: PhantomData<L>,
}

impl<L: Label, C: Default> Default for Family<L, C> {
    fn default() -> Self {
        Self { cells: L::ALL.iter().map(|_| C::default()).collect(), label: PhantomData }
    }
}

impl<L: Label, C> Family<L, C> {
    pub(super) fn with(&self, label: L, change: impl FnOnce(&C)) {
        // Every value of a label is in `ALL`, by construction of the macro that makes both.
        if let Some(cell) = self.cells.get(label.index()) {
            change(cell);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (L, &C)> {
        L::ALL.iter().filter_map(|label| Some((*label, self.cells.get(label.index())?)))
    }
}

/// A page in Prometheus' text format, version 0.0.4.
#[derive(Debug, Default)]
pub(super) struct Page(String);

impl Page {
    pub(super) fn counter(&mut self, name: &str, help: &str, counter: &Counter) {
        self.head(name, help, "counter");
        self.sample(name, &[], counter.get());
    }

    pub(super) fn counters<L: Label>(&mut self, name: &str, help: &str, counters: &Family<L, Counter>) {
        self.head(name, help, "counter");
        for (label, counter) in counters.iter() {
            self.sample(name, &[(L::KEY, label.text())], counter.get());
        }
    }

    pub(super) fn gauge(&mut self, name: &str, help: &str, gauge: &Gauge) {
        self.head(name, help, "gauge");
        self.sample(name, &[], gauge.get());
    }

    pub(super) fn gauges<L: Label>(&mut self, name: &str, help: &str, gauges: &Family<L, Gauge>) {
        self.head(name, help, "gauge");
        for (label, gauge) in gauges.iter() {
            self.sample(name, &[(L::KEY, label.text())], gauge.get());
        }
    }

    pub(super) fn histograms<L: Label>(&mut self, name: &str, help: &str, histograms: &Family<L, Histogram>) {
        self.head(name, help, "histogram");
        for (label, histogram) in histograms.iter() {
            self.histogram(name, &[(L::KEY, label.text())], histogram);
        }
    }

    pub(super) fn histogram(&mut self, name: &str, labels: &[(&str, &str)], histogram: &Histogram) {
        let bucket_name = format!("{name}_bucket");
        let mut below = 0;
        for ((_, bound), bucket) in BOUNDS.iter().zip(&histogram.buckets) {
            below += bucket.load(Relaxed);
            self.sample(&bucket_name, &[labels, &[("le", *bound)]].concat(), below);
        }
        // Records that arrive while we read must not make the total smaller than a bucket.
        let count = histogram.count.load(Relaxed).max(below);
        self.sample(&bucket_name, &[labels, &[("le", "+Inf")]].concat(), count);
        let sum = Duration::from_nanos(histogram.sum_ns.load(Relaxed)).as_secs_f64();
        self.sample(&format!("{name}_sum"), labels, sum);
        self.sample(&format!("{name}_count"), labels, count);
    }

    pub(super) fn head(&mut self, name: &str, help: &str, kind: &str) {
        self.0.push_str(&format!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    pub(super) fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.0.push_str(name);
        for (n, (key, text)) in labels.iter().enumerate() {
            let opening = if n == 0 { '{' } else { ',' };
            let text = text.replace('\\', r"\\").replace('"', r#"\""#).replace('\n', r"\n");
            self.0.push_str(&format!("{opening}{key}=\"{text}\""));
        }
        let closing = if labels.is_empty() { "" } else { "}" };
        self.0.push_str(&format!("{closing} {value}\n"));
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::labels::Stage;

    #[test]
    fn buckets_are_cumulative_and_include_their_bound() {
        let family = Family::<Stage, Histogram>::default();
        for micros in [100, 101, 2_500, 31_000_000] {
            family.with(Stage::Commit, |it| it.record(Duration::from_micros(micros)));
        }
        let mut page = Page::default();
        page.histograms("t_seconds", "Help.", &family);
        let text = page.into_text();
        let lines: Vec<&str> = text.lines().filter(|it| it.contains("commit")).collect();
        let value = |le: &str| {
            let start = format!("t_seconds_bucket{{stage=\"commit\",le=\"{le}\"}} ");
            lines.iter().find_map(|it| it.strip_prefix(&start)).unwrap().to_owned()
        };
        assert_eq!(
            ["0.0001", "0.00025", "0.001", "0.0025", "30", "+Inf"].map(value),
            ["1", "2", "2", "3", "3", "4"].map(String::from)
        );
        assert_eq!(
            lines[lines.len() - 2..],
            ["t_seconds_sum{stage=\"commit\"} 31.002701", "t_seconds_count{stage=\"commit\"} 4"]
        );
    }

    #[test]
    fn the_bounds_ascend_and_say_the_same_in_seconds() {
        assert!(BOUNDS.is_sorted_by(|a, b| a.0 < b.0));
        for (micros, seconds) in BOUNDS {
            let seconds: f64 = seconds.parse().unwrap();
            assert_eq!(Duration::from_micros(micros), Duration::from_secs_f64(seconds));
        }
    }

    #[test]
    fn label_values_are_escaped() {
        let mut page = Page::default();
        page.sample("t", &[("a", "x\"y\\z\n"), ("b", "c")], 1);
        assert_eq!(page.into_text(), "t{a=\"x\\\"y\\\\z\\n\",b=\"c\"} 1\n");
    }
}
