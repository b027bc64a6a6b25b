//! The customer's web chat.

mod access;
mod safety;
mod talk;
mod trouble;
