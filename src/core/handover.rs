//! Whether a person can be promised, and what the person is told (B2).
