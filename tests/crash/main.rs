//! The real binary under violence: killed at random moments under load, out of disk, told to go; and how fast it is back.
//!
//! `USHER_CRASH_CYCLES=500 cargo test --test crash kills` runs longer; `USHER_CRASH_SEED` repeats a run's choices.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    reason = "a test that meets the unexpected fails there and then, and prints what it measured"
)]

mod centre;
mod disk;
mod external;
#[path = "../it/fakes/mod.rs"]
#[expect(dead_code, reason = "shared with the integration tests, which use the rest")]
mod fakes;
mod house;
mod kills;
mod life;
mod process;
mod speed;
