//! What the Web Manager needs of the house around it; `app` gives it.

use std::{collections::BTreeMap, fmt, io, path::PathBuf, sync::Arc};

use bytes::Bytes;
use futures::{future::BoxFuture, stream::BoxStream};
use secrecy::SecretString;

use crate::{
    config::{self, Finding, Loaded, schema::Schema, settings::Profile},
    core::{
        directory::Directory,
        ids::{ProfileName, Timestamp, UnitName},
        said::Said,
    },
    gateway::storage::{ConnectorToken, Document, DocumentKind, Expected, Holdings, StoreError},
};

/// One of a profile's engines, and whether it takes its credential.
pub type Checked = (String, Result<Said, Said>);

/// The house that the Web Manager looks after.
pub trait House: Send + Sync + fmt::Debug {
    /// What is in force.
    fn configuration(&self) -> Arc<Loaded>;

    /// Who looks after the store.
    fn keeper(&self) -> &dyn Keeper;

    /// The kinds of language engines that a profile can have.
    fn kinds(&self) -> Vec<&'static Schema>;

    /// Validates what is wanted with all the rest, puts it in force and keeps it: all of it, or nothing. Yields the new versions.
    fn change(&self, order: Order) -> BoxFuture<'_, Result<Vec<u64>, Refusal>>;

    /// The same for one profile.
    fn change_profile(&self, order: ProfileOrder) -> BoxFuture<'_, Result<u64, Refusal>> {
        let changed = self.change(order.whole(self.configuration().settings.units.first()));
        // Of two the last is what it is now.
        Box::pin(async move { Ok(changed.await?.last().copied().unwrap_or_default()) })
    }

    /// All of the configuration as files.
    fn export(&self, leaves: Leaves) -> BoxFuture<'_, Result<Exported, Refusal>>;

    /// What these files would change, if they stood for all of the configuration.
    fn plan(&self, files: Files) -> BoxFuture<'_, Result<Plan, Refusal>>;

    /// Changes it, if it is still what was approved.
    fn import(&self, files: Files, approved: Approved) -> BoxFuture<'_, Result<(), Refusal>>;

    /// Files in one zip.
    ///
    /// # Errors
    /// When they do not go into one.
    fn pack(&self, files: &Files) -> Result<Vec<u8>, Said>;

    /// The files of a zip, or of a text.
    ///
    /// # Errors
    /// Says what is wrong with it.
    fn unpack(&self, bytes: &[u8]) -> Result<Files, Said>;

    /// Ends the gateway in order, does this with the store, and begins the gateway anew. `Ok`: it is about to end.
    fn overhaul(&self, order: OverhaulOrder) -> BoxFuture<'_, Result<(), Refusal>>;

    /// Compares a profile with its engine's agent and the directory of its business unit.
    fn lint(&self, profile: Arc<Profile>, directory: Option<Arc<Directory>>) -> BoxFuture<'_, Result<Linted, Said>>;

    /// Which connectors are attached, by business unit, profile and token.
    fn connectors(&self) -> Vec<DeskNow>;

    /// Seals what somebody has typed, as a document keeps it; `Err`: why it cannot.
    fn seal(&self, secret: &str) -> Result<String, Said>;

    /// The names of the tokens by which a profile's connectors dial in: mostly one, which is empty.
    fn token_names(&self, profile: &Profile) -> Vec<String>;

    /// All tokens of a profile, those of a name from the newest on.
    fn tokens<'a>(&'a self, profile: &'a Profile) -> BoxFuture<'a, Result<Vec<ConnectorToken>, StoreError>>;

    /// Makes a connector's new token (S11); the one before it is good a little longer. `None`: somebody was faster, and none is made.
    fn reload_token(&self, order: TokenOrder) -> BoxFuture<'_, Result<Option<NewToken>, StoreError>>;

    /// Asks a profile's engines whether they take their credentials.
    fn check_profile(&self, profile: Arc<Profile>) -> BoxFuture<'_, Result<Vec<Checked>, Said>>;
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

/// Texts by their paths.
pub type Files = BTreeMap<String, String>;

/// What a profile's lint has found.
#[derive(Clone, Debug, Default)]
pub struct Linted {
    /// Each with its code, from a closed set.
    pub found: Vec<(&'static str, Finding)>,
    /// What could not be looked at, and why.
    pub unchecked: Vec<Said>,
}

/// How secrets leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaves {
    /// As what the master key seals them to: good wherever the same key is.
    Sealed,
    /// As names of variables that hold them elsewhere.
    Environment,
}

/// The configuration as files, and what is not in them.
#[derive(Clone, Debug)]
pub struct Exported {
    pub files: Files,
    pub notes: Vec<Said>,
}

/// What files would change.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    pub steps: Vec<Step>,
    /// What stands in files here that the import does not have.
    pub stays: Vec<Said>,
    /// What stands in files here and should be other, or does not go with the import: nothing can be imported until that is mended.
    pub blocked: Vec<Said>,
    /// What of the import is left out.
    pub notes: Vec<Said>,
    /// The import with its secrets sealed.
    pub files: Files,
    /// Tells this plan from another one.
    pub seen: String,
}

/// One document of a plan.
#[derive(Clone, Debug)]
pub struct Step {
    pub kind: DocumentKind,
    pub name: String,
    pub what: What,
    /// With `+`, `-` or a blank before each; secrets are hidden.
    pub lines: Vec<(char, String)>,
    /// What it is kept as.
    pub document: String,
    pub text: Option<String>,
}

/// What becomes of a document, and which version was seen of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Added,
    Changed(u64),
    Removed(u64),
}

impl What {
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Changed(_) => "changed",
            Self::Removed(_) => "removed",
        }
    }
}

/// Who wants a plan, and which.
#[derive(Clone, Debug)]
pub struct Approved {
    pub by: String,
    pub seen: String,
}

/// Documents of the configuration as somebody wants them.
#[derive(Clone, Debug)]
pub struct Order {
    pub by: String,
    pub wanted: Vec<Wanted>,
    /// What the audit log says of them as a whole; `None`: what the first is.
    pub told: Option<Told>,
}

impl Order {
    #[must_use]
    pub fn of(by: String, wanted: Wanted) -> Self {
        Self { by, wanted: vec![wanted], told: None }
    }
}

/// One of them.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub kind: DocumentKind,
    pub name: String,
    pub expected: Expected,
    /// TOML; `None`: it goes.
    pub text: Option<String>,
}

/// A line of the audit log without who and when.
#[derive(Clone, Debug)]
pub struct Told {
    /// From a closed set: `configuration.imported`.
    pub action: &'static str,
    pub subject: String,
    pub after: String,
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

impl ProfileOrder {
    /// A profile that gets another name takes its document along: another may have the old one then. `only`: the business unit
    /// of those that name none.
    fn whole(self, only: Option<&UnitName>) -> Order {
        let Self { by, name, expected, text } = self;
        let named = text.as_deref().and_then(config::named_in);
        let now =
            named.and_then(|(unit, own)| Some(format!("{}/{own}", unit.or_else(|| only.map(ToString::to_string))?)));
        let wanted = |name, expected, text| Wanted { kind: DocumentKind::Profile, name, expected, text };
        match now {
            Some(now) if now != name && matches!(expected, Expected::Version(_)) => {
                let (gone, comes) = (wanted(name, expected, None), wanted(now, Expected::New, text));
                Order { by, wanted: vec![gone, comes], told: None }
            }
            Some(_) | None => Order::of(by, wanted(name, expected, text)),
        }
    }
}

/// A new token as somebody wants it.
#[derive(Clone, Debug)]
pub struct TokenOrder {
    pub by: String,
    pub unit: UnitName,
    pub profile: ProfileName,
    /// Mostly empty: see the profile's `connector.token_name`.
    pub name: String,
    /// The version of the token that was seen; 0: there was none.
    pub seen: u64,
}

/// A connector's token that has just been made: told once.
#[derive(Debug)]
pub struct NewToken {
    pub token: SecretString,
    pub version: u64,
}

/// Why a change was not made.
#[derive(Debug)]
pub enum Refusal {
    /// The configuration would not be good.
    Findings(Vec<Finding>),
    /// Somebody was faster: this is what is there now.
    Conflict(Option<Box<Document>>),
    Store(StoreError),
    Unable(Said),
}

/// What is done with the store while no gateway runs on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overhaul {
    /// Everything is sealed under a new master key.
    Rotation,
    /// A backup takes the store's place.
    Restore,
}

impl Overhaul {
    /// For logs, alerts and programs.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Rotation => "rotation",
            Self::Restore => "restore",
        }
    }
}

/// Who wants it.
#[derive(Clone, Debug)]
pub struct OverhaulOrder {
    pub by: String,
    pub what: Overhaul,
    /// What they have looked at: the master key in use, by its id; the backup that waits, by its digest.
    pub seen: String,
}

/// What came of it; known until the next one, for a week.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Overhauled {
    pub what: Overhaul,
    pub by: String,
    pub at: Timestamp,
    /// What was done, line by line; `Err`: why nothing was.
    pub told: Result<Vec<Said>, Said>,
}

/// Looks after the store.
pub trait Keeper: Send + Sync + fmt::Debug {
    /// What is kept, and where.
    fn kept(&self) -> BoxFuture<'_, Result<KeptStore, StoreError>>;

    /// A backup of now, without the master key; one at a time.
    fn archive(&self) -> BoxFuture<'_, Result<Archive, NoArchive>>;

    /// Takes in a backup that is to be restored and looks at all of it. It waits for an hour, in place of the one before.
    fn bring(&self, brought: Brought) -> BoxFuture<'_, Result<Staged, NotStaged>>;

    /// The backup that waits.
    fn staged(&self) -> Option<Staged>;

    /// Removes it; says whether there was one.
    fn forget(&self) -> bool;
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
    /// The gateway can end and begin anew in its process: a demo's cannot.
    pub begins_anew: bool,
    /// What was done before it began anew the last time.
    pub past: Option<Overhauled>,
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

/// A backup on its way in.
pub struct Brought {
    pub by: String,
    /// The master key that opens it, if that is not here.
    pub key: Option<SecretString>,
    /// How long it says that it is.
    pub bytes: Option<u64>,
    pub body: BoxStream<'static, io::Result<Bytes>>,
}

impl fmt::Debug for Brought {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Brought").field("by", &self.by).field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

/// A backup that was found good and waits for a yes.
#[derive(Clone, Debug)]
pub struct Staged {
    /// Of the file.
    pub sha256: String,
    pub bytes: u64,
    /// Who has brought it, and when.
    pub by: String,
    pub at: Timestamp,
    /// When it goes by itself.
    pub until: Timestamp,
    /// The version that made it, and when.
    pub usher: String,
    pub made_at: Timestamp,
    pub holds: Holdings,
    /// The master key that opens it, by its id; `None`: nothing in it is sealed.
    pub key: Option<String>,
    /// That is another than the one in use.
    pub changes_key: bool,
}

/// Why a backup does not wait to be restored.
#[derive(Debug)]
pub enum NotStaged {
    /// The gateway cannot begin anew in its process.
    NotHere,
    /// Another is being brought.
    Another,
    NoSpace {
        needed: u64,
        free: u64,
    },
    Empty,
    /// Whoever sent it has gone, or sends nothing.
    CutOff,
    /// It comes below the least rate.
    TooSlow,
    /// What was given as a master key is none.
    NoSuchKey,
    /// It is sealed under this master key, which is not here.
    NoKey(String),
    /// It is not good.
    Refused(Said),
    /// The configuration would not be, with the documents in it and the files that are here.
    Findings(Vec<Finding>),
    Store(StoreError),
    Failed(Said),
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
