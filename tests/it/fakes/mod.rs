//! Stand-ins on the wire for systems that cannot be had, with their documented behaviour and errors.
