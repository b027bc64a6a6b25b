//! The floor by itself, at simulated time.
