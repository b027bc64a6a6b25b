//! The offline Dialogflow (B16): loads a Dialogflow ES agent export and serves the V2 API, gRPC and REST on one port.
//!
//! A peer that we ship: it speaks to the gateway over the wire alone. It claims to converse like the service, not to be it.

pub mod agent;
pub mod demo;
pub mod evaluate;
pub mod lexicon;
pub mod load;
pub mod matcher;
pub mod server;
pub mod session;

pub use demo::demo_files;
