//! One virtual agent's log-on at the routing engine (S2–S4).

/// Why the routing engine refused a log-on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogOnRefusal {
    WrongPassword,
    UnknownUser,
    NoLicence,
    Locked,
    Temporary,
}
