//! Integration tests: the real parts in process, fakes only on the wire.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test that meets the unexpected fails there and then"
)]

mod chain;
mod chat;
mod cli;
mod config;
mod connector;
mod contract;
mod conversation;
mod cx;
mod demo;
mod dialogflow;
mod dialogflow_v1;
mod egress;
mod engine;
mod fakes;
mod harness;
mod house;
mod keeping;
mod lex;
mod life;
mod lint;
mod llm;
mod manager;
mod offline;
mod ops;
mod python;
mod replay;
mod sight;
mod store;
mod switchboard;
mod traces;
mod webhook;
