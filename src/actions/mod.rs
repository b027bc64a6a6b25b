//! Actions that reach beyond the contact centre.

pub mod external;
