//! What the Web Manager needs of the house around it; `app` gives it.

use std::{fmt, io, path::PathBuf, sync::Arc};

use bytes::Bytes;
use futures::{future::BoxFuture, stream::BoxStream};
use secrecy::SecretString;

use crate::{
    config::{Finding, Loaded, schema::Schema, settings::Profile},
    core::ids::{ProfileName, Timestamp, UnitName},
    gateway::storage::{ConnectorToken, Document, Expected, Holdings, StoreError},
};

/// One of a profile's engines, and whether it takes its credential.
pub type Checked = (String, Result<String, String>);

/// The house that the Web Manager looks after.
pub trait House: Send + Sync + fmt::Debug {
    /// What is in force.
    fn configuration(&self) -> Arc<Loaded>;

    /// Who looks after the store.
    fn keeper(&self) -> &dyn Keeper;

    /// The kinds of language engines that a profile can have.
    fn kinds(&self) -> Vec<&'static Schema>;

    /// Validates a profile, puts it in force and keeps it: all of it, or nothing.
    fn change_profile(&self, order: ProfileOrder) -> BoxFuture<'_, Result<(), Refusal>>;

    /// Which connectors are attached, by business unit, profile and token.
    fn connectors(&self) -> Vec<DeskNow>;

    /// Seals what somebody has typed, as a document keeps it; `Err`: why it cannot.
    fn seal(&self, secret: &str) -> Result<String, String>;

    /// The names of the tokens by which a profile's connectors dial in: mostly one, which is empty.
    fn token_names(&self, profile: &Profile) -> Vec<String>;

    /// All tokens of a profile, those of a name from the newest on.
    fn tokens<'a>(&'a self, profile: &'a Profile) -> BoxFuture<'a, Result<Vec<ConnectorToken>, StoreError>>;

    /// Makes a connector's new token (S11); the one before it is good a little longer.
    fn reload_token(&self, order: TokenOrder) -> BoxFuture<'_, Result<SecretString, StoreError>>;

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
    /// Of the document, as it is now.
    pub name: String,
    pub expected: Expected,
    /// TOML; `None`: it goes.
    pub text: Option<String>,
}

/// A new token as somebody wants it.
#[derive(Clone, Debug)]
pub struct TokenOrder {
    pub by: String,
    pub unit: UnitName,
    pub profile: ProfileName,
    /// Mostly empty: see the profile's `connector.token_name`.
    pub name: String,
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

/// Looks after the store.
pub trait Keeper: Send + Sync + fmt::Debug {
    /// What is kept, and where.
    fn kept(&self) -> BoxFuture<'_, Result<KeptStore, StoreError>>;

    /// A backup of now, without the master key; one at a time.
    fn archive(&self) -> BoxFuture<'_, Result<Archive, NoArchive>>;
}

/// The store as it is.
#[derive(Clone, Debug)]
pub struct KeptStore {
    pub directory: PathBuf,
    pub holds: Holdings,
    /// On its disk; `None`: it cannot be told.
    pub free_bytes: Option<u64>,
    /// Tells the master key from others, and nothing of it.
    pub key: String,
    pub key_from_environment: bool,
}

/// A backup on its way.
pub struct Archive {
    pub name: String,
    pub bytes: u64,
    /// Of the database in it.
    pub sha256: String,
    pub body: BoxStream<'static, io::Result<Bytes>>,
}

impl fmt::Debug for Archive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Archive").field("name", &self.name).field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

/// Why there is no backup now.
#[derive(Debug)]
pub enum NoArchive {
    /// Another is being made or fetched.
    Another,
    NoSpace {
        needed: u64,
        free: u64,
    },
    Store(StoreError),
    Failed(String),
}
