//! The domain, pure: no async, no I/O, no clock, no locks.
//!
//! Everything here is a function of (state, event, now). Neighbours call in; nothing here calls out.

pub mod action;
pub mod agent;
pub mod assignment;
pub mod backoff;
pub mod callback;
pub mod clock;
pub mod contact;
pub mod directory;
pub mod handover;
pub mod hex;
pub mod ids;
pub mod intents;
pub mod message;
pub mod profile;
pub mod rehearsal;
pub mod replay;
pub mod said;
pub mod step;
pub mod tell;
