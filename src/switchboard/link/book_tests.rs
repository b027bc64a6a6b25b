//! The book against a model of the gateway.
