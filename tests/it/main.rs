//! Integration tests: the real parts in process, fakes only on the wire.

mod cli;
mod config;
mod conversation;
mod dialogflow;
mod egress;
mod fakes;
mod harness;
mod ops;
mod sight;
mod store;
mod traces;
