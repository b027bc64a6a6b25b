//! The demo contact centre: a routing engine that attaches to Usher over gRPC like any other, with queues, people at desks and
//! callbacks.
//!
//! A peer that we ship: it knows the contract (`wire`) and nothing of the gateway behind it.

pub mod link;
pub mod load;
pub mod talk;
