//! Tracing, metrics, and the closed sets of labels.
