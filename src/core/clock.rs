//! The inactivity clock (S14, S15, B8).
