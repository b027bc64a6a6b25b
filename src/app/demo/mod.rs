//! `usher demo`: offline Dialogflow, gateway, contact centre and web chat in one process, as they are anywhere else: each speaks
//! to the next over its own door. One address serves all pages.

mod back_office;
mod bundle;
mod config;
mod data;
mod door;
mod pages;
mod site;

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

use self::{config::Secrets, data::Data};
use super::{CannotConnect, Listeners, Office, Running, change, machine};
use crate::{
    chat,
    clock::Clock,
    config::{Environment, Sources},
    offline_nlp::{
        self,
        demo::BACK_OFFICE,
        load::{self, Source},
        server::{self, Server},
    },
    switchboard::{
        self, Board, Limits, Setup, Switchboard,
        link::{LinkConfig, Pace},
    },
    telemetry::{Health, Readiness},
};

/// Streams between contact centre and gateway.
const LANES: u32 = 2;
/// Where the Web Manager usually is.
const MANAGER: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 7404);
/// How long answers that are under way may take once the doors close.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);
/// How far a free port is looked for, to suggest it.
const PORTS: u16 = 50;

/// What somebody who starts a demo may decide.
#[derive(Clone, Debug)]
pub struct Options {
    pub listen: SocketAddr,
    /// Where the Web Manager listens; `None`: where it usually does, or anywhere if that is taken.
    pub manager: Option<SocketAddr>,
    pub data: PathBuf,
    /// Forget what earlier demos wrote into `data`.
    pub reset: bool,
    pub chat: chat::Settings,
}

/// Where everything is.
#[derive(Clone, Debug)]
pub struct Addresses {
    /// Where the pages are reached from this machine, as in `http://127.0.0.1:7410`.
    pub pages: String,
    /// Where other machines most likely reach them, in place of `pages`; only where every address is listened at.
    pub elsewhere: Option<String>,
    /// By which name the network may know this machine; only where every address is listened at.
    pub host: Option<String>,
    /// What to add to a page's address on other machines; `None`: only this one reaches it.
    pub key: Option<SecretString>,
    pub engines: SocketAddr,
    pub ops: SocketAddr,
    pub dialogflow: SocketAddr,
    /// The Web Manager's pages.
    pub manager: String,
    pub data: PathBuf,
}

/// A demo that runs.
#[derive(Debug)]
pub struct Demo {
    addresses: Addresses,
    gateway: Running,
    office: Office,
    /// What the gateway's configuration is made of, for whoever changes it.
    sources: Sources,
    switchboard: Switchboard,
    dialogflow: Server,
    readiness: Readies,
    closing: CancellationToken,
    pages: JoinHandle<io::Result<()>>,
    /// Last: nobody else may take the directory before all is written.
    _data: Data,
}

impl Demo {
    /// Starts all parts. They find each other in a moment: see [`Self::ready`].
    ///
    /// # Errors
    /// [`CannotConnect`] when the address is taken; others when the data directory cannot be used or a part not be built.
    pub async fn start(options: Options, clock: Clock) -> anyhow::Result<Self> {
        let listener = bind(options.listen, "--listen").await?;
        let desk = bind_manager(options.manager).await?;
        let listen = listener.local_addr()?;
        let data = Data::take(&options.data)?;
        if options.reset {
            data.clear()?;
        }
        let office = reached(listen);
        let dialogflow = dialogflow(office, &clock).await?;
        let secrets = Secrets::new();
        let sources = config::sources(&data.gateway(), office, dialogflow.address(), &secrets)?;
        let loaded = config::load(&sources).await?;
        let listeners = Listeners::bind(&loaded.settings).await?;
        let (engines, ops) = (listeners.engines.local_addr()?, listeners.ops.local_addr()?);
        let gateway = Box::pin(Running::start(loaded.settings.clone(), listeners, &Environment::default())).await?;
        let manager = format!("http://{}", desk.local_addr()?);
        let desk = Office::open(desk, loaded, &gateway, &Environment::default()).await?;
        let switchboard = switchboard(&data, engines, secrets, clock.clone()).await?;
        let closing = CancellationToken::new();
        let readiness = Readies { gateway: Arc::clone(gateway.health()), board: switchboard.board() };
        let base = format!("http://{office}");
        let key = data.key()?;
        let site = site::Site {
            base: base.clone(),
            manager: manager.clone(),
            key: key.clone(),
            gateway: Arc::clone(gateway.gateway()),
            chat: chat::Chat {
                switchboard: switchboard.clone(),
                key: chat::Key::open_or_create(data.directory())?,
                settings: options.chat,
                clock,
                closing: closing.clone(),
            },
            switchboard: switchboard.clone(),
            readiness: readiness.clone(),
            closing: closing.clone(),
        };
        let pages = tokio::spawn(site.serve(listener)?);
        let key = (!listen.ip().is_loopback()).then_some(key);
        let (elsewhere, host) = elsewhere(listen);
        let addresses = Addresses {
            pages: base,
            elsewhere,
            host,
            key,
            engines,
            ops,
            dialogflow: dialogflow.address(),
            manager,
            data: options.data,
        };
        let office = desk;
        Ok(Self {
            addresses,
            gateway,
            office,
            sources,
            switchboard,
            dialogflow,
            readiness,
            closing,
            pages,
            _data: data,
        })
    }

    #[must_use]
    pub const fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Until contacts are taken: the contact centre is attached and a virtual agent is logged on.
    pub async fn ready(&mut self) {
        while self.readiness.now().is_err() {
            if self.readiness.board.changed().await.is_err() {
                return;
            }
        }
    }

    /// # Errors
    /// Why contacts are not taken.
    pub fn readiness(&self) -> Result<(), &'static str> {
        self.readiness.now()
    }

    /// The link that makes the Web Manager's first administrator; `None`: there is somebody.
    #[must_use]
    pub const fn first_link(&self) -> Option<&SecretString> {
        self.office.first_link()
    }

    /// Does what the Web Manager asks for, until something happens that should not: a part that the rest cannot do without
    /// has ended.
    ///
    /// # Errors
    /// Always: with what happened.
    pub async fn broken(&mut self) -> anyhow::Result<()> {
        loop {
            tokio::select! {
                broken = self.gateway.broken() => return broken,
                pages = &mut self.pages => {
                    pages.context("the pages' door failed")?.context("the pages' door failed")?;
                    anyhow::bail!("the pages' door was closed")
                }
                errand = self.office.next() => change::attend(&mut self.gateway, &self.office, &self.sources, errand).await,
            }
        }
    }

    /// Goes down in order: nobody comes in any more, running turns finish, everything is written.
    ///
    /// # Errors
    /// When the gateway's journal could not be written.
    pub async fn drain(mut self) -> anyhow::Result<()> {
        self.closing.cancel();
        self.office.close().await;
        let drained = self.gateway.drain().await;
        // Ends the desks' events, too, for which the pages' door waits.
        self.switchboard.stop().await;
        if timeout(CLOSE_WITHIN, &mut self.pages).await.is_err() {
            self.pages.abort();
        }
        self.dialogflow.stop().await.context("the offline Dialogflow")?;
        drained
    }
}

/// Whether the whole can take a contact.
#[derive(Clone, Debug)]
struct Readies {
    gateway: Arc<Health>,
    board: watch::Receiver<Arc<Board>>,
}

impl Readies {
    /// `Err`: why not.
    fn now(&self) -> Result<(), &'static str> {
        match self.gateway.readiness() {
            Readiness::Ready => {}
            readiness @ (Readiness::Starting | Readiness::StoreUnavailable | Readiness::Draining) => {
                return Err(readiness.reason());
            }
        }
        let board = self.board.borrow();
        if !board.attached {
            return Err("the contact centre is not attached to the gateway yet");
        }
        if !board.virtual_agents.iter().any(|it| it.logged_on) {
            return Err("no virtual agent is logged on yet");
        }
        Ok(())
    }
}

/// The gateway's store and the business unit in a demo's directory; `None`: it is no demo's.
#[must_use]
pub fn gateway_of(directory: &Path) -> Option<(PathBuf, &'static str)> {
    data::gateway_of(directory).map(|store| (store, config::UNIT))
}

async fn dialogflow(office: SocketAddr, clock: &Clock) -> anyhow::Result<Server> {
    let mut files = offline_nlp::demo_files();
    let base = format!("http://{office}");
    for bytes in files.values_mut() {
        if let Ok(text) = std::str::from_utf8(bytes)
            && text.contains(BACK_OFFICE)
        {
            *bytes = text.replace(BACK_OFFICE, &base).into_bytes();
        }
    }
    let loaded = load::load(Source::files(files)).context("the demo agent")?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let options = server::Options { seed: rand::rng().random(), ..server::Options::default() };
    Server::start(listener, loaded.agent, options, clock.clone()).await.context("the demo agent")
}

async fn switchboard(data: &Data, gateway: SocketAddr, secrets: Secrets, clock: Clock) -> anyhow::Result<Switchboard> {
    let mut rng = rand::rng();
    let link = LinkConfig {
        gateway: format!("http://{gateway}").parse()?,
        token: secrets.engine_token,
        engine_id: config::ENGINE.to_owned(),
        unit: config::UNIT.to_owned(),
        lanes: LANES,
        seed: rng.random(),
        pace: Pace::default(),
    };
    let config = switchboard::Config {
        link: Some(link),
        journal: Some(data.directory().join("switchboard.jsonl")),
        setup: Setup { password: Some(secrets.agent_password), ..Setup::demo() },
        limits: Limits::default(),
    };
    Ok(Switchboard::start(config, clock, StdRng::from_seed(rng.random())).await?)
}

/// Beside a gateway that has its usual address any other is as good: it is told.
async fn bind_manager(listen: Option<SocketAddr>) -> anyhow::Result<TcpListener> {
    match listen {
        Some(listen) => Ok(bind(listen, "--manager").await?),
        None => match TcpListener::bind(MANAGER).await {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?)
            }
            bound => Ok(bound?),
        },
    }
}

async fn bind(listen: SocketAddr, flag: &str) -> Result<TcpListener, CannotConnect> {
    TcpListener::bind(listen).await.map_err(|source| {
        let what = if source.kind() == io::ErrorKind::AddrInUse {
            let ip = listen.ip();
            let free = (1..=PORTS)
                .filter_map(|further| listen.port().checked_add(further))
                .map(|port| SocketAddr::new(ip, port))
                .find(|it| std::net::TcpListener::bind(it).is_ok())
                .unwrap_or(SocketAddr::new(ip, 0));
            format!(
                "port {} is taken at {ip}: try `usher demo {flag} {free}`, or end what listens there",
                listen.port()
            )
        } else {
            format!("cannot listen on {listen}: name an address of this machine with {flag}")
        };
        CannotConnect { what, source }
    })
}

/// How this machine reaches what listens there.
fn reached(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, listen.port())
}

/// What other machines may call a door that is open at every address.
fn elsewhere(listen: SocketAddr) -> (Option<String>, Option<String>) {
    if !listen.ip().is_unspecified() {
        return (None, None);
    }
    let way_out = machine::way_out(listen.ip()).map(|ip| format!("http://{}", SocketAddr::new(ip, listen.port())));
    (way_out, machine::host_name())
}

/// A refusal as a problem document (RFC 9457).
fn problem(status: StatusCode, detail: &str) -> Response {
    let title = status.canonical_reason().unwrap_or_default();
    let document =
        serde_json::json!({ "type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail });
    let mut response = (status, document.to_string()).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    response
}

impl Addresses {
    /// A page's address for people; on other machines with the key.
    #[must_use]
    pub fn page(&self, path: &str) -> String {
        self.page_at(&self.pages, path)
    }

    /// The same by another address of this machine.
    #[must_use]
    pub fn page_at(&self, base: &str, path: &str) -> String {
        let key = self.key.as_ref().map(|key| format!("?key={}", key.expose_secret())).unwrap_or_default();
        format!("{base}{path}{key}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b14_only_a_door_at_every_address_has_others_than_its_own() {
        assert_eq!(elsewhere("192.0.2.7:7410".parse().unwrap()), (None, None));
        assert_eq!(elsewhere("127.0.0.1:7410".parse().unwrap()), (None, None));
        let (way_out, host) = elsewhere("0.0.0.0:7410".parse().unwrap());
        assert_eq!(host, machine::host_name());
        assert_eq!(way_out.is_some(), machine::way_out(Ipv4Addr::UNSPECIFIED.into()).is_some());
        assert!(way_out.is_none_or(|it| it.starts_with("http://") && it.ends_with(":7410") && !it.contains("0.0.0.0")));
    }
}
