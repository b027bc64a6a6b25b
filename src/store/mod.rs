//! Durable state behind one trait: journal, snapshots, closed contacts, contacts' keys, sealed secrets.
//!
//! [`sqlite`] is the embedded default; [`memory`] serves simulations. One conformance suite holds for all.

pub mod memory;
pub mod sqlite;

pub use crate::gateway::storage::*;
pub use crate::seal;
