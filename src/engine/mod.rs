//! The gRPC edge to routing engines.
