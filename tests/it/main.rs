//! Integration tests: the real parts in process, fakes only on the wire.

mod cli;
mod config;
mod fakes;
