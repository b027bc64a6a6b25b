//! What the Web Manager needs of the house around it; `app` gives it.

use std::{fmt, sync::Arc};

use crate::config::Loaded;

/// The house that the Web Manager looks after.
pub trait House: Send + Sync + fmt::Debug {
    /// What is in force.
    fn configuration(&self) -> Arc<Loaded>;
}
