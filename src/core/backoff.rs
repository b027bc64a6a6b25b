//! Waiting longer after each failure, with jitter from a seed that is passed in.
