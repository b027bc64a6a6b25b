//! The only reader of time.
//!
//! Wall time is read once, at start; from then on it advances with the runtime's monotonic clock, so that a step of the
//! system clock moves no deadline and simulated time drives everything in tests.

use tokio::time::Instant;

use crate::core::ids::Timestamp;

#[derive(Clone, Debug)]
pub struct Clock {
    wall_at_start: Timestamp,
    start: Instant,
}

impl Clock {
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    pub fn system() -> Self {
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Self::starting_at(Timestamp::default() + since_epoch)
    }

    #[must_use]
    pub fn starting_at(wall: Timestamp) -> Self {
        Self { wall_at_start: wall, start: Instant::now() }
    }

    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.wall_at_start + self.start.elapsed()
    }

    /// How far ahead a moment lies that a library names in wall time; zero when it is past.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    pub fn until(moment: std::time::SystemTime) -> std::time::Duration {
        moment.duration_since(std::time::SystemTime::now()).unwrap_or_default()
    }

    /// The machine's own time zone, by its IANA name.
    #[must_use]
    pub fn zone() -> String {
        jiff::tz::TimeZone::system().iana_name().unwrap_or("UTC").to_owned()
    }

    /// For measuring spans.
    #[must_use]
    pub fn instant() -> Instant {
        Instant::now()
    }
}
