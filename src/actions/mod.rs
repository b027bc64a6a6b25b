//! External systems: the query of S22, through `egress`.
