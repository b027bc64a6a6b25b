//! The customer's web chat.

mod talk;
