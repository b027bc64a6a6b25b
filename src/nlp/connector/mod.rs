//! Connectors: language engines of others that dial in over WebSocket (S11). `docs/connectors.md` is the contract.
//!
//! ```text
//!   gateway --ask--> engine --> hub --> pool (pure): sockets, turns, credits, affinity
//!                                ^
//!   connector ==WebSocket== door --> socket --> frames
//! ```

pub(super) mod actions;
pub(super) mod convert;
mod door;
mod engine;
pub mod frames;
mod hub;
mod pool;
pub(super) mod refusal;
mod socket;
mod tokens;

#[cfg(test)]
mod contract;

pub use door::{Caller, Direction, Door, DoorParts, Ear, Terms as DoorTerms, serve};
pub use engine::{on_trial, token_name};
pub use hub::{DeskName, DeskNow, Hub, SocketNow};
pub use socket::close_code;

pub(super) use engine::{SCHEMA, build, check_online};
