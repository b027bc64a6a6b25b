//! The validated configuration: what the parts are built from. Made by [`super::load`] alone.

use std::{fmt, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use secrecy::{ExposeSecret as _, SecretString};

use super::schema::{Schema, Values};
use crate::core::{
    action::ActionRule,
    ids::{EngineId, EngineName, ProfileName, UnitName},
    profile::Rules,
};

/// Everything, immutable. A change is a new one (see [`super::load`]).
#[derive(Clone, Debug)]
pub struct Settings {
    pub server: Server,
    pub ops: Ops,
    pub connectors: Connectors,
    pub manager: Manager,
    pub store: Store,
    pub limits: Limits,
    pub egress: Egress,
    pub privacy: Privacy,
    pub log: Log,
    /// OTLP gRPC endpoint for traces; `None`: no traces leave.
    pub otlp_endpoint: Option<String>,
    pub engines: Vec<Engine>,
    pub units: Vec<UnitName>,
    pub profiles: Vec<Arc<Profile>>,
    /// How long a drain waits for running turns.
    pub drain: Duration,
}

/// The door for routing engines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    pub listen: SocketAddr,
    pub tls: Option<Tls>,
    /// Worker threads; 0: one per core. 1: a single-threaded runtime.
    pub workers: usize,
    /// Frames that one lane may have unacknowledged.
    pub credits: u32,
    pub max_frame_bytes: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// Set: whoever connects must present a certificate signed by it (mutual TLS).
    pub client_ca: Option<PathBuf>,
}

/// The door for operators: `/healthz`, `/readyz`, `/metrics`, `/alerts`.
#[derive(Clone, Debug)]
pub struct Ops {
    pub listen: SocketAddr,
    /// SHA-256 of the bearer token for `/metrics` and `/alerts`; `None`: open, and then only on loopback.
    pub token_sha256: Option<[u8; 32]>,
}

/// The Web Manager's door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manager {
    pub listen: SocketAddr,
    pub tls: Option<Tls>,
    /// How browsers reach it, without a slash at the end.
    pub public_url: Option<String>,
    /// How long a sign-in lasts without a request.
    pub idle: Duration,
    /// How long it lasts in any case.
    pub absolute: Duration,
    /// Proxies of ours in front, whose `X-Forwarded-For` is believed.
    pub proxies: usize,
}

/// The door for connectors; opened while a profile's engine dials in, or may post its answers there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connectors {
    pub listen: SocketAddr,
    pub tls: Option<Tls>,
    pub max_sockets: usize,
    pub max_frame_bytes: usize,
    /// How connectors reach the door; `None`: no webhook can answer later.
    pub public_url: Option<String>,
    /// How long one frame may take to be written.
    pub write_deadline: Duration,
    pub ping_every: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    /// The directory of the database and the master key.
    pub path: PathBuf,
    pub durability: Durability,
    /// How long closed contacts' timelines are kept.
    pub retention: Duration,
    /// How many days the numbers are kept.
    pub numbers_days: u16,
    /// How often changed contacts are written as snapshots.
    pub checkpoint_every: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    Sync,
    Async,
}

/// Bounds of the whole gateway; one contact's are in [`Rules::limits`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub contacts: usize,
    /// Language-engine calls and external queries running at a time.
    pub running_calls: usize,
    /// Journal records that may wait for their commit before new work is refused.
    pub journal_backlog: usize,
    /// A contact whose routing engine stays away longer is given up.
    pub engine_absence: Duration,
}

/// Rules for outbound calls (B11).
#[derive(Clone)]
pub struct Egress {
    pub allow: Vec<AllowedHost>,
    pub max_answer_bytes: usize,
    pub deadline: Duration,
    /// Key of the HMAC-SHA256 signature; `None`: unsigned.
    pub signing_key: Option<SecretString>,
    /// `http://[user:password@]host:port`; `None`: direct.
    pub proxy: Option<String>,
    /// Name servers asked in order, for language engines as well; empty: the system's.
    pub resolvers: Vec<SocketAddr>,
    /// How long the last good address serves when no name server answers (S32).
    pub stale_addresses_for: Duration,
}

impl Egress {
    /// Whether both lead to the same calls.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        let exposed = |it: &Self| it.signing_key.as_ref().map(|key| key.expose_secret().to_owned());
        let plain = |it: &Self| format!("{:?}", Self { signing_key: None, ..it.clone() });
        exposed(self) == exposed(other) && self.proxy == other.proxy && plain(self) == plain(other)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedHost {
    /// `api.example.com`, `*.example.com` (any depth below, not the name itself), or an address.
    pub host: String,
    /// `None`: any port.
    pub port: Option<u16>,
    /// Private, loopback and link-local addresses are allowed for this host.
    pub private: bool,
    /// `http://` is allowed for this host.
    pub plaintext: bool,
    /// It is given what tokens stand for (B10).
    pub restore_tokens: bool,
}

/// What becomes a token in customers' words (B10).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Privacy {
    pub card: bool,
    pub iban: bool,
    pub patterns: Vec<Pattern>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// Stands in its tokens: `[name:1]`.
    pub name: String,
    pub regex: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    pub format: LogFormat,
    /// A `tracing` filter, such as `info,usher::nlp=debug`.
    pub filter: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    Pretty,
    Json,
}

/// A business unit as it is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    pub name: UnitName,
    /// An IANA name.
    pub zone: String,
    /// Of ISO 3166.
    pub country: String,
    /// Those that it serves; the first is what its profiles speak that say nothing else. Empty: it says nothing of them.
    pub languages: Vec<String>,
    pub media_servers: Vec<String>,
    pub actions: Vec<ActionRule>,
    /// `usher.toml`, for messages.
    pub origin: String,
}

/// A routing engine that may attach.
#[derive(Clone, Debug)]
pub struct Engine {
    pub id: EngineId,
    /// SHA-256 of its bearer token.
    pub token_sha256: [u8; 32],
    /// Of the token before that one, as long as it may still be used.
    pub former_token_sha256: Option<[u8; 32]>,
    pub units: Vec<UnitName>,
    /// `usher.toml`, for messages.
    pub origin: String,
}

impl Engine {
    /// Whether this is the hash of a token of its.
    pub(super) fn opened_by(&self, sha256: &[u8; 32]) -> bool {
        self.token_sha256 == *sha256 || self.former_token_sha256.as_ref() == Some(sha256)
    }
}

/// A profile: the rules of the conversation, how its agents log on, and its language engines.
#[derive(Clone, Debug)]
pub struct Profile {
    pub name: ProfileName,
    pub unit: UnitName,
    pub rules: Arc<Rules>,
    /// One for all of the profile's virtual agents (S12).
    pub agent_password: SecretString,
    pub engines: Engines,
    pub speech: Speech,
    /// `profiles/support.toml`, for messages.
    pub origin: String,
}

impl Profile {
    /// Whether the engine of this name is the same in both, with all that it takes from its profile.
    #[must_use]
    pub fn same_engine(&self, engine: &str, other: &Self) -> bool {
        self.name == other.name
            && self.unit == other.unit
            && self.rules.zone == other.rules.zone
            && self.rules.actions == other.rules.actions
            && self.engines.find(engine).is_some_and(|own| other.engines.find(engine) == Some(own))
    }
}

/// The language engines of a profile.
#[derive(Clone, Debug)]
pub struct Engines {
    pub primary: EngineSettings,
    /// In the order in which they step in (B7).
    pub standbys: Vec<Standby>,
    pub canary: Option<Canary>,
    pub shadow: Option<Shadow>,
}

impl Engines {
    /// One engine and nothing beside it.
    #[must_use]
    pub const fn only(primary: EngineSettings) -> Self {
        Self { primary, standbys: Vec::new(), canary: None, shadow: None }
    }

    /// Every engine, with its name.
    pub fn all(&self) -> impl Iterator<Item = (&str, &EngineSettings)> {
        let standbys = self.standbys.iter().map(|it| (it.name.as_str(), &it.engine));
        let canary = self.canary.iter().map(|it| (EngineName::CANARY, &it.engine));
        let shadow = self.shadow.iter().map(|it| (EngineName::SHADOW, &it.engine));
        std::iter::once((EngineName::PRIMARY, &self.primary)).chain(standbys).chain(canary).chain(shadow)
    }

    /// The longest text that all of them take; 0: any.
    #[must_use]
    pub fn text_characters(&self) -> usize {
        self.all().map(|(_, engine)| engine.schema.text_characters).filter(|it| *it > 0).min().unwrap_or_default()
    }

    #[must_use]
    pub fn find(&self, name: &str) -> Option<&EngineSettings> {
        self.all().find(|(it, _)| *it == name).map(|(_, engine)| engine)
    }
}

/// One language engine: its kind, and what is set for it.
#[derive(Clone, Debug)]
pub struct EngineSettings {
    pub schema: &'static Schema,
    pub values: Values,
}

impl PartialEq for EngineSettings {
    fn eq(&self, other: &Self) -> bool {
        self.schema.kind == other.schema.kind && self.values.same(&other.values)
    }
}

/// Steps in when the engines before it fail (B7).
#[derive(Clone, Debug, PartialEq)]
pub struct Standby {
    pub name: EngineName,
    pub engine: EngineSettings,
}

/// Serves a share of the contacts, as long as it is no worse than the primary (B5).
#[derive(Clone, Debug)]
pub struct Canary {
    pub engine: EngineSettings,
    /// Of the contacts that begin.
    pub share_percent: u8,
    pub rollback: Rollback,
}

/// When a canary is taken back.
///
/// After `min_turns` of its own, if one of its shares is so many percentage points above the primary's, or its answers take so
/// many percent of the primary's time. 0: that is no reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rollback {
    pub min_turns: u32,
    pub not_understood_points: u32,
    pub failure_points: u32,
    pub latency_percent: u32,
}

/// Is asked beside the primary, and only compared (B5).
#[derive(Clone, Debug)]
pub struct Shadow {
    pub engine: EngineSettings,
    /// Of the contacts.
    pub share_percent: u8,
}

/// How calls are spoken with (S25–S31).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Speech {
    pub enabled: bool,
    pub media_server: Option<String>,
    pub port: u16,
    /// BCP 47.
    pub language: String,
    pub voice_gender: VoiceGender,
    /// Empty: nothing is played.
    pub welcome_message: String,
    /// Where a call goes while the media server cannot be reached.
    pub fallback_queue_number: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VoiceGender {
    #[default]
    Male,
    Female,
}

/// A proxy's address without its password.
fn without_password(proxy: Option<&str>) -> Option<String> {
    proxy.map(|url| match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://****@{host}"),
        (None, Some((_, host))) => format!("****@{host}"),
        (_, None) => url.to_owned(),
    })
}

impl fmt::Debug for Egress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Egress")
            .field("allow", &self.allow)
            .field("max_answer_bytes", &self.max_answer_bytes)
            .field("deadline", &self.deadline)
            .field("signing_key", &self.signing_key)
            .field("proxy", &without_password(self.proxy.as_deref()))
            .field("resolvers", &self.resolvers)
            .field("stale_addresses_for", &self.stale_addresses_for)
            .finish()
    }
}
