//! Integration tests: the real parts in process, fakes only on the wire.

mod fakes;
mod ops;
mod sight;
mod traces;
