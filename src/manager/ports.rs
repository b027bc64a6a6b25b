//! What the Web Manager needs of the house around it; `app` gives it.

use std::{fmt, sync::Arc};

use futures::future::BoxFuture;

use crate::{
    config::{Finding, Loaded, schema::Schema, settings::Profile},
    core::ids::{ProfileName, Timestamp, UnitName},
    gateway::storage::{Document, Expected, StoreError},
};

/// One of a profile's engines, and whether it takes its credential.
pub type Checked = (String, Result<String, String>);

/// The house that the Web Manager looks after.
pub trait House: Send + Sync + fmt::Debug {
    /// What is in force.
    fn configuration(&self) -> Arc<Loaded>;

    /// The kinds of language engines that a profile can have.
    fn kinds(&self) -> Vec<&'static Schema>;

    /// Validates a profile, puts it in force and keeps it: all of it, or nothing.
    fn change_profile(&self, order: ProfileOrder) -> BoxFuture<'_, Result<(), Refusal>>;

    /// Which connectors are attached, by business unit, profile and token.
    fn connectors(&self) -> Vec<DeskNow>;

    /// Asks a profile's engines whether they take their credentials.
    fn check_profile(&self, profile: Arc<Profile>) -> BoxFuture<'_, Result<Vec<Checked>, String>>;
}

/// The connectors that dial in with one token of a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeskNow {
    pub unit: UnitName,
    pub profile: ProfileName,
    /// The token's name; mostly it has none.
    pub token: String,
    pub attached: usize,
    /// Turns that a socket has, and turns that wait for one.
    pub turns: usize,
    /// The oldest sockets; there may be more.
    pub sockets: Vec<SocketNow>,
}

/// One connector's socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketNow {
    pub since: Timestamp,
    pub in_flight: usize,
    /// How many it may have.
    pub credits: u32,
    /// It takes no further turn.
    pub leaves: bool,
}

/// A profile as somebody wants it.
#[derive(Clone, Debug)]
pub struct ProfileOrder {
    pub by: String,
    /// Of the document.
    pub name: String,
    pub expected: Expected,
    /// TOML; `None`: it goes.
    pub text: Option<String>,
}

/// Why a change was not made.
#[derive(Debug)]
pub enum Refusal {
    /// The configuration would not be good.
    Findings(Vec<Finding>),
    /// Somebody was faster: this is what is there now.
    Conflict(Option<Box<Document>>),
    Store(StoreError),
    Unable(String),
}
