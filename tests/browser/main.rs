//! The web pages in Debian's Chromium, as customers use them: by keyboard and eye, with the real parts behind them.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that meets the unexpected fails there and then"
)]

mod axe;
mod chat;
mod demo;
mod driver;
#[expect(dead_code, reason = "shared with the integration tests, which use the rest")]
#[path = "../it/fakes/mod.rs"]
mod fakes;
#[expect(dead_code, reason = "shared with the integration tests, which use the rest")]
#[path = "../it/harness.rs"]
mod harness;
mod manager;
mod stage;
mod window;
mod wire;
