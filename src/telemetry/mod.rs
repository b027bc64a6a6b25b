//! How the gateway is watched from outside: logs, traces, metrics and readiness, with their closed sets of labels.
//!
//! [`Metrics`] is one value that is handed to whoever counts; nothing here is global but the log subscriber that
//! [`start`] installs. Metrics are our own atomics instead of a metrics façade: no look-up, lock or allocation on the path of
//! a message, and no memory that grows between two scrapes.

mod cells;
mod engines;
mod health;
pub mod labels;
mod log;
mod metrics;
mod traces;

pub use cells::{Counter, Gauge, Histogram};
pub use engines::EngineCells;
pub use health::{Health, Readiness};
pub use log::{StartError, check_filter, start, subscriber};
pub use metrics::Metrics;
pub use traces::{SPANS, Traces};
