//! Arguments → a command.
