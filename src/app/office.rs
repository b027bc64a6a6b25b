//! The Web Manager's door within a running gateway, and what it is shown of the configuration.

use std::{
    io::{self, Write as _},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use arc_swap::ArcSwap;
use axum::{
    extract::{ConnectInfo, Request},
    middleware::{self, Next},
    response::Response,
};
use futures::future::BoxFuture;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::{
    net::TcpListener,
    sync::{
        mpsc::{self, error::SendTimeoutError},
        oneshot,
    },
    task::JoinHandle,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{
    Running, change,
    change::Errand,
    keeping::{Desk, Waiting},
    lint,
    overhaul::Anew,
    secured::Secured,
    tokens, transfer,
};
use crate::{
    clock::Clock,
    config::{Environment, Loaded, schema::Schema, settings::Profile},
    core::{
        directory::Directory,
        said::{Said, said},
    },
    engine::TlsDoor,
    manager::{
        self, Manager, Parts, Terms,
        ports::{
            Approved, Checked, DeskNow, Exported, Files, House, Keeper, Leaves, Linted, NewToken, Order, OverhaulOrder,
            Plan, Refusal, SocketNow, TokenOrder,
        },
    },
    nlp::{
        self,
        connector::{self, Hub},
    },
    ops::listener::{Bounded, Peer},
    store::{ConnectorToken, Store, StoreError, seal::Sealer},
};

/// The setting that names its address.
pub(super) const KEY: &str = "manager.listen";
/// More than one administrator's browsers need; each page that is live holds one.
const MAX_CONNECTIONS: usize = 512;
/// How long answers that are under way may take once the door closes.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);

/// What the Web Manager is shown.
#[derive(Debug)]
struct Shown {
    current: ArcSwap<Loaded>,
    errands: mpsc::Sender<Errand>,
    connectors: Hub,
    desk: Desk,
    store: Arc<dyn Store>,
    clock: Clock,
    sealer: Sealer,
}

/// Changes that wait for their turn.
const MAX_ERRANDS: usize = 16;
/// Whoever finds them all there waits for a place.
const QUEUED_FOR: Duration = Duration::from_secs(45);
/// Of one profile's connectors.
const MAX_SOCKETS_SHOWN: usize = 50;

impl Shown {
    /// To the task that keeps the configuration; with what came of it.
    fn send<T: Send + 'static>(
        &self,
        errand: impl FnOnce(oneshot::Sender<Result<T, Refusal>>) -> Errand,
    ) -> BoxFuture<'_, Result<T, Refusal>> {
        let (tell, told) = oneshot::channel();
        let sent = self.errands.send_timeout(errand(tell), QUEUED_FOR);
        Box::pin(async move {
            let leaving = || Refusal::Unable(said!("the gateway is going down"));
            sent.await.map_err(|error| match error {
                SendTimeoutError::Timeout(_) => Refusal::Unable(said!("too many changes wait")),
                SendTimeoutError::Closed(_) => leaving(),
            })?;
            told.await.map_err(|_dropped| leaving())?
        })
    }
}

impl House for Shown {
    fn configuration(&self) -> Arc<Loaded> {
        self.current.load_full()
    }

    fn keeper(&self) -> &dyn Keeper {
        &self.desk
    }

    fn kinds(&self) -> Vec<&'static Schema> {
        nlp::schemas()
    }

    fn change(&self, order: Order) -> BoxFuture<'_, Result<Vec<u64>, Refusal>> {
        self.send(|tell| Errand::Change(order, tell))
    }

    fn export(&self, leaves: Leaves) -> BoxFuture<'_, Result<Exported, Refusal>> {
        self.send(|tell| Errand::Export(leaves, tell))
    }

    fn plan(&self, files: Files) -> BoxFuture<'_, Result<Plan, Refusal>> {
        self.send(|tell| Errand::Plan(files, tell))
    }

    fn import(&self, files: Files, approved: Approved) -> BoxFuture<'_, Result<(), Refusal>> {
        self.send(|tell| Errand::Import(files, approved, tell))
    }

    fn overhaul(&self, order: OverhaulOrder) -> BoxFuture<'_, Result<(), Refusal>> {
        self.send(|tell| Errand::Overhaul(order, tell))
    }

    fn pack(&self, files: &Files) -> Result<Vec<u8>, Said> {
        transfer::pack(files)
    }

    fn unpack(&self, bytes: &[u8]) -> Result<Files, Said> {
        transfer::unpack(bytes)
    }

    fn lint(&self, profile: Arc<Profile>, directory: Option<Arc<Directory>>) -> BoxFuture<'_, Result<Linted, Said>> {
        Box::pin(async move {
            let loaded = self.current.load_full();
            lint::look(&loaded, &profile, directory.as_deref())
                .await
                .map_err(|error| Said::foreign(format!("{error:#}")))
        })
    }

    fn connectors(&self) -> Vec<DeskNow> {
        let socket = |it: connector::SocketNow| SocketNow {
            since: it.since,
            in_flight: it.in_flight,
            credits: it.credits,
            leaves: it.leaves,
        };
        let desk = |it: connector::DeskNow| DeskNow {
            unit: it.name.unit,
            profile: it.name.profile,
            token: it.name.token,
            attached: it.attached,
            turns: it.turns,
            sockets: it.sockets.into_iter().map(socket).collect(),
        };
        self.connectors.now(MAX_SOCKETS_SHOWN).into_iter().map(desk).collect()
    }

    fn seal(&self, secret: &str) -> Result<String, Said> {
        change::seal_plain(&self.sealer, secret).map_err(|error| said!("a secret cannot be sealed: {}", error))
    }

    fn token_names(&self, profile: &Profile) -> Vec<String> {
        tokens::token_names(profile).map(str::to_owned).collect()
    }

    fn tokens<'a>(&'a self, profile: &'a Profile) -> BoxFuture<'a, Result<Vec<ConnectorToken>, StoreError>> {
        Box::pin(async move {
            let mut tokens = self.store.connector_tokens().await?;
            tokens.retain(|it| it.unit == profile.unit && it.profile == profile.name);
            Ok(tokens)
        })
    }

    fn reload_token(&self, order: TokenOrder) -> BoxFuture<'_, Result<Option<NewToken>, StoreError>> {
        Box::pin(async move { tokens::reload(&*self.store, &self.clock, order).await })
    }

    fn check_profile(&self, profile: Arc<Profile>) -> BoxFuture<'_, Result<Vec<Checked>, Said>> {
        Box::pin(async move {
            let egress = self.current.load().settings.egress.clone();
            let told = super::check_online(&profile, &egress).await;
            told.map_err(|error| Said::foreign(format!("{error:#}")))
        })
    }
}

/// The Web Manager, open.
#[derive(Debug)]
pub struct Office {
    shown: Arc<Shown>,
    tls: Option<Arc<TlsDoor>>,
    /// Makes the first administrator, while there is nobody.
    link: Option<SecretString>,
    errands: mpsc::Receiver<Errand>,
    sealer: Sealer,
    closing: CancellationToken,
    task: JoinHandle<io::Result<()>>,
}

impl Office {
    /// On a listener of the caller's.
    ///
    /// # Errors
    /// When the master key, the store or the certificate cannot be read.
    pub async fn open(
        listener: TcpListener,
        loaded: Loaded,
        running: &Running,
        environment: &Environment,
    ) -> anyhow::Result<Self> {
        Self::open_anew(listener, loaded, running, environment, None).await
    }

    /// `anew`: of a gateway that may begin anew in its process.
    pub(super) async fn open_anew(
        listener: TcpListener,
        loaded: Loaded,
        running: &Running,
        environment: &Environment,
        anew: Option<Anew>,
    ) -> anyhow::Result<Self> {
        let settings = loaded.settings.manager.clone();
        let sealer = super::keeping::take_key(running.store_path(), environment, &**running.store()).await?;
        let tls = settings.tls.map(|files| TlsDoor::open_for(files, &[b"http/1.1"])).transpose()?.map(Arc::new);
        let scheme = if tls.is_some() { "https" } else { "http" };
        let base = settings.public_url.unwrap_or_else(|| format!("{scheme}://{}", told(&listener, settings.listen)));
        let (tell, errands) = mpsc::channel(MAX_ERRANDS);
        let desk = Desk::new(
            (Arc::clone(running.store()), running.clock().clone()),
            running.store_path().to_owned(),
            (sealer.id(), environment.master_key().is_some()),
            anew,
        );
        let shown = Arc::new(Shown {
            current: ArcSwap::from_pointee(loaded),
            errands: tell,
            connectors: running.connectors().clone(),
            desk,
            store: Arc::clone(running.store()),
            clock: running.clock().clone(),
            sealer: sealer.clone(),
        });
        let closing = CancellationToken::new();
        let manager = Manager::new(Parts {
            store: Arc::clone(running.store()),
            sealer: sealer.clone(),
            clock: running.clock().clone(),
            gateway: Arc::clone(running.gateway()),
            alerts: Arc::clone(running.alerts()),
            house: Arc::clone(&shown) as Arc<dyn House>,
            metrics: Arc::clone(running.metrics()),
            terms: Terms { idle: settings.idle, absolute: settings.absolute },
            proxies: settings.proxies,
            base: base.clone(),
            closing: closing.clone(),
        })?;
        tracing::info!(manager = %base, "listening");
        let link = manager.first_link().await.context("the store cannot be read")?;
        let app = manager::router(&manager).layer(middleware::from_fn(name_peer));
        let app = app.into_make_service_with_connect_info::<Peer>();
        let (listener, closed) = (Bounded::new(listener, MAX_CONNECTIONS), closing.clone().cancelled_owned());
        let task = match tls.clone() {
            Some(tls) => {
                let served = axum::serve(Secured::new(listener, tls), app).with_graceful_shutdown(closed);
                tokio::spawn(async move { served.await })
            }
            None => {
                let served = axum::serve(listener, app).with_graceful_shutdown(closed);
                tokio::spawn(async move { served.await })
            }
        };
        Ok(Self { shown, tls, link, errands, sealer, closing, task })
    }

    /// The link that makes the first administrator; `None`: there is somebody.
    #[must_use]
    pub const fn first_link(&self) -> Option<&SecretString> {
        self.link.as_ref()
    }

    /// To the console alone: whoever has the link is an administrator.
    pub(super) fn tell(&self) -> io::Result<()> {
        let Some(link) = &self.link else { return Ok(()) };
        let text = format!("nobody can sign in yet: make the first administrator at {}\n", link.expose_secret());
        io::stderr().write_all(text.as_bytes())
    }

    /// The next that somebody asks for.
    pub(super) async fn next(&mut self) -> Errand {
        tokio::select! {
            errand = self.errands.recv() => match errand {
                Some(errand) => errand,
                // The other end is kept here.
                None => std::future::pending().await,
            },
            never = self.shown.desk.tidy() => match never {},
        }
    }

    /// The backup that somebody has seen waiting to be restored.
    pub(super) fn take_staged(&self, sha256: &str) -> Option<Waiting> {
        self.shown.desk.take_staged(sha256)
    }

    pub(super) const fn sealer(&self) -> &Sealer {
        &self.sealer
    }

    pub(super) fn configuration(&self) -> Arc<Loaded> {
        self.shown.current.load_full()
    }

    /// Reads the certificate again; what is open goes on with the old one.
    pub(super) fn renew(&self) -> anyhow::Result<()> {
        self.tls.as_ref().map(|it| it.reload()).transpose()?;
        Ok(())
    }

    /// What is in force from now on.
    pub fn show(&self, loaded: Loaded) {
        self.shown.current.store(Arc::new(loaded));
    }

    pub async fn close(self) {
        let Self { errands, closing, mut task, .. } = self;
        // Whoever waits for a change is told.
        drop(errands);
        closing.cancel();
        match timeout(CLOSE_WITHIN, &mut task).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => tracing::error!(%error, "the Web Manager's door failed"),
            Ok(Err(error)) => tracing::error!(%error, "the Web Manager's door failed"),
            // Somebody's connection does not end: the gateway's own end does not wait for it.
            Err(_late) => task.abort(),
        }
    }
}

fn told(listener: &TcpListener, configured: SocketAddr) -> SocketAddr {
    listener.local_addr().unwrap_or(configured)
}

/// The room asks for a peer's address in the usual way, and for more time where it takes in something large.
async fn name_peer(ConnectInfo(Peer(peer, patience)): ConnectInfo<Peer>, mut request: Request, next: Next) -> Response {
    request.extensions_mut().insert(patience);
    request.extensions_mut().insert(ConnectInfo::<SocketAddr>(peer));
    next.run(request).await
}
