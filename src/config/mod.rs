//! Configuration: embedded defaults < file < environment < flags, validated once, with errors that say where and how to mend.

pub mod settings;
