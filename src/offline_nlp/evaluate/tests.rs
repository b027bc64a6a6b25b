//! The accuracy must not rot.
