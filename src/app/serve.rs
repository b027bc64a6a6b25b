//! Start-up, reload and drain of the whole gateway; how one life follows the other is told in `lives`.

use std::{
    net::SocketAddr,
    os::fd::AsFd as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    CannotConnect,
    connectors::{self, Connectors},
    open_store,
    profiles::{roster, serve_profiles},
};
use crate::{
    actions::external::HttpSystems,
    clock::Clock,
    config::{
        Environment,
        settings::{Profile, Settings},
    },
    core::{
        ids::{Timestamp, UnitName},
        said::said,
    },
    egress::{Egress, Names},
    engine::{self, Doors, Edge, TlsDoor},
    gateway::{
        Gateway, JournalStopped, Kept, Parts, Served,
        alerts::{About, Alert, AlertKey, AlertKind, Alerts},
    },
    nlp,
    ops::{self, Door, timeline::Timelines},
    privacy::Scanner,
    store::{Store, seal::Sealer},
    telemetry::{Health, Metrics},
};

/// How long a drain waits for a store that cannot be written.
const LAST_COMMIT_WITHIN: Duration = Duration::from_secs(5);

/// The doors, open but not answered yet.
#[derive(Debug)]
pub struct Listeners {
    pub engines: TcpListener,
    pub ops: TcpListener,
    /// While a profile is served by something that dials in.
    pub connectors: Option<TcpListener>,
}

impl Listeners {
    /// # Errors
    /// [`CannotConnect`] when an address is taken or not ours.
    pub async fn bind(settings: &Settings) -> Result<Self, CannotConnect> {
        Ok(Self {
            engines: bind(settings.server.listen, "server.listen").await?,
            ops: bind(settings.ops.listen, "ops.listen").await?,
            connectors: match nlp::needs_door(settings) {
                true => Some(bind(settings.connectors.listen, connectors::KEY).await?),
                false => None,
            },
        })
    }
}

impl Listeners {
    /// The same doors for one life. They stay open between two: whoever comes meanwhile waits for the next.
    ///
    /// # Errors
    /// [`CannotConnect`] when the connectors' door is needed for the first time, and its address is taken.
    pub(super) async fn twin(&mut self, settings: &Settings) -> anyhow::Result<Self> {
        if !nlp::needs_door(settings) {
            // Whoever dialled in would wait for nobody.
            self.connectors = None;
        } else if self.connectors.is_none() {
            self.connectors = Some(bind(settings.connectors.listen, connectors::KEY).await?);
        }
        Ok(Self {
            engines: twin(&self.engines)?,
            ops: twin(&self.ops)?,
            connectors: self.connectors.as_ref().map(twin).transpose()?,
        })
    }

    pub(super) fn tell(&self) -> std::io::Result<()> {
        tracing::info!(engines = %self.engines.local_addr()?, ops = %self.ops.local_addr()?, "listening");
        if let Some(connectors) = &self.connectors {
            tracing::info!(connectors = %connectors.local_addr()?, "listening");
        }
        Ok(())
    }
}

/// Another descriptor of the same door.
pub(super) fn twin(listener: &TcpListener) -> std::io::Result<TcpListener> {
    TcpListener::from_std(listener.as_fd().try_clone_to_owned()?.into())
}

pub(super) async fn bind(address: SocketAddr, key: &str) -> Result<TcpListener, CannotConnect> {
    TcpListener::bind(address).await.map_err(|source| {
        let what = format!("cannot listen on {address} ({key}): choose another address, or end what listens there");
        CannotConnect { what, source }
    })
}

/// A gateway that serves.
#[derive(Debug)]
pub struct Running {
    gateway: Arc<Gateway>,
    store: Arc<dyn Store>,
    store_path: PathBuf,
    settings: Settings,
    alerts: Arc<Alerts>,
    health: Arc<Health>,
    clock: Clock,
    deps: nlp::Deps,
    metrics: Arc<Metrics>,
    tls: Option<Arc<TlsDoor>>,
    connectors: Option<Connectors>,
    doors: watch::Sender<Arc<Doors>>,
    profiles: Vec<(Arc<Profile>, Arc<Served>)>,
    /// Ends the streams of the engines.
    closing: CancellationToken,
    /// Ends timers and checkpoints.
    stopping: CancellationToken,
    /// Ends the journal, once nothing more can come.
    stop_journal: CancellationToken,
    close_ops: CancellationToken,
    tasks: TaskTracker,
    engines: JoinHandle<Result<(), engine::ServeError>>,
    journal: JoinHandle<Result<(), JournalStopped>>,
}

impl Running {
    /// Puts the parts together and serves on `listeners`.
    ///
    /// # Errors
    /// When a part cannot be built: the store, a credential, a certificate.
    pub async fn start(settings: Settings, listeners: Listeners, environment: &Environment) -> anyhow::Result<Self> {
        let clock = Clock::system();
        let directory = &settings.store.path;
        let store = open_store(directory).await?;
        let started = async {
            let sealer = super::keeping::take_key(directory, environment, &*store).await?;
            Self::start_with(settings.clone(), listeners, Arc::clone(&store), sealer, clock).await
        };
        match Box::pin(started).await {
            Ok(running) => Ok(running),
            Err(error) => {
                // In order: another store may be put in its place.
                if let Err(error) = store.close().await {
                    tracing::warn!(error = %error.source, "the store cannot be closed");
                }
                Err(error)
            }
        }
    }

    /// With a store and a clock of the caller's.
    ///
    /// # Errors
    /// As [`Self::start`].
    #[expect(clippy::too_many_lines, reason = "the one place where all parts are put together, line by line")]
    pub async fn start_with(
        settings: Settings,
        listeners: Listeners,
        store: Arc<dyn Store>,
        sealer: Sealer,
        clock: Clock,
    ) -> anyhow::Result<Self> {
        let claim = store.claim("usher").await.context("the store cannot be taken over")?;
        let metrics = Arc::new(Metrics::default());
        let alerts = Arc::new(Alerts::new(Arc::clone(&metrics)));
        let health = Arc::new(Health::default());
        let names = Arc::new(Names::new(&settings.egress.resolvers, settings.egress.stale_addresses_for)?);
        let deps = nlp::Deps::new(clock.clone(), Arc::clone(&names)).seen_by(clock.clone(), &metrics, &alerts);
        let deps = deps.reached_by(settings.connectors.public_url.as_deref());
        let profiles = serve_profiles(&settings, &deps, &[])?;
        let egress = Egress::with_names(&settings.egress, clock.clone(), names).context("[egress]")?;
        let tls = settings.server.tls.clone().map(TlsDoor::open).transpose()?.map(Arc::new);
        let gateway = Gateway::new(Parts {
            clock: clock.clone(),
            store: Arc::clone(&store),
            claim,
            durability: settings.store.durability,
            sealer,
            scanner: Scanner::new(&settings.privacy).context("[privacy]")?,
            limits: settings.limits,
            units: settings.units.clone(),
            roster: roster(&profiles),
            external: Arc::new(HttpSystems::new(Arc::new(egress))),
            metrics: Arc::clone(&metrics),
            alerts: Arc::clone(&alerts),
            health: Arc::clone(&health),
        });
        let began = Clock::instant();
        let recovered = gateway.recover().await.context("the store cannot be read")?;
        tracing::info!(?recovered, took = ?began.elapsed(), "recovered");
        let (doors, doors_watch) = watch::channel(Arc::new(Doors::new(&settings)));
        let closing = CancellationToken::new();
        let edge = Edge::new(Arc::clone(&gateway), doors_watch, Arc::clone(&metrics), closing.clone());
        let stop_journal = CancellationToken::new();
        let journal = tokio::spawn(Arc::clone(&gateway).run_journal(stop_journal.clone()));
        let (stopping, close_ops, tasks) = (CancellationToken::new(), CancellationToken::new(), TaskTracker::new());
        tasks.spawn(Arc::clone(&gateway).run_timers(stopping.clone()));
        let kept = &settings.store;
        tasks.spawn(Arc::clone(&gateway).run_checkpoints(
            kept.checkpoint_every,
            Kept { timelines: kept.retention, numbers_days: kept.numbers_days },
            stopping.clone(),
        ));
        let door = Door {
            health: Arc::clone(&health),
            metrics: Arc::clone(&metrics),
            alerts: Arc::clone(&alerts),
            timelines: Timelines::new(Arc::clone(&gateway), close_ops.clone()),
            token_sha256: settings.ops.token_sha256,
        };
        tasks.spawn(serve_ops(listeners.ops, door, close_ops.clone()));
        let door = |listener| Connectors::open(listener, &settings.connectors, &deps, &store, &clock, &metrics);
        let connectors = listeners.connectors.map(door).transpose()?;
        let engines = tokio::spawn(serve_engines(listeners.engines, tls.clone(), edge, Arc::clone(&health)));
        health.started();
        Ok(Self {
            gateway,
            store,
            store_path: settings.store.path.clone(),
            settings,
            alerts,
            health,
            clock,
            deps,
            tls,
            connectors,
            metrics,
            doors,
            profiles,
            closing,
            stopping,
            stop_journal,
            close_ops,
            tasks,
            engines,
            journal,
        })
    }

    #[must_use]
    pub const fn gateway(&self) -> &Arc<Gateway> {
        &self.gateway
    }

    /// Where the store is that this gateway runs on.
    pub(super) fn store_path(&self) -> &Path {
        &self.store_path
    }

    pub(super) const fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    pub(super) const fn connectors(&self) -> &nlp::connector::Hub {
        &self.deps.connectors
    }

    pub(super) const fn alerts(&self) -> &Arc<Alerts> {
        &self.alerts
    }

    pub(super) const fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    pub(super) const fn clock(&self) -> &Clock {
        &self.clock
    }

    #[must_use]
    pub const fn health(&self) -> &Arc<Health> {
        &self.health
    }

    /// Puts a changed configuration in force, as far as a running gateway can: units, engines, profiles, certificates.
    /// On error everything stays as it was.
    ///
    /// # Errors
    /// When a part cannot be built.
    pub fn reload(&mut self, settings: Settings) -> anyhow::Result<()> {
        let profiles = serve_profiles(&settings, &self.deps, &self.profiles)?;
        let scanner = Scanner::new(&settings.privacy).context("[privacy]")?;
        if let Some(tls) = &self.tls {
            tls.reload()?;
        }
        match &self.connectors {
            Some(connectors) => connectors.reload()?,
            // The first profile that needs it.
            None if nlp::needs_door(&settings) => {
                let listener = connectors::bind_now(&settings.connectors)?;
                let (door, deps) = (&settings.connectors, &self.deps);
                let opened = Connectors::open(listener, door, deps, &self.store, &self.clock, &self.metrics)?;
                self.connectors = Some(opened);
            }
            None => {}
        }
        // First, so that no engine is let in any more for a unit that is about to go.
        self.gateway.set_scanner(scanner);
        self.doors.send_replace(Arc::new(Doors::new(&settings)));
        self.gateway.reload(settings.units.clone(), roster(&profiles));
        self.profiles = profiles;
        for key in fixed_changes(&self.settings, &settings) {
            tracing::warn!(key, "this change takes effect at the next start");
        }
        self.settings = settings;
        Ok(())
    }

    /// Says that a changed configuration cannot be used; the old one stays in force.
    pub fn reload_failed(&self, why: &str) {
        tracing::error!("the changed configuration cannot be used, the old one stays in force:\n{why}");
        self.alerts.raise(configuration_alert(self.clock.now()));
    }

    pub fn reload_done(&self) {
        self.alerts.clear(&configuration_key());
    }

    /// Waits for what should not happen: the store is lost, or the engines' door.
    ///
    /// # Errors
    /// Always: with what happened.
    pub async fn broken(&mut self) -> anyhow::Result<()> {
        tokio::select! {
            journal = &mut self.journal => match journal.context("the journal's task failed")? {
                Ok(()) => anyhow::bail!("the journal ended"),
                Err(JournalStopped(error)) => Err(anyhow::Error::new(error).context("the journal is lost")),
            },
            engines = &mut self.engines => {
                engines.context("the engines' door failed")??;
                anyhow::bail!("the engines' door was closed")
            }
            failed = Connectors::broken(&mut self.connectors) => failed,
        }
    }

    /// Goes down in order: no new contacts, running turns finish, the journal is written, streams end with a notice.
    ///
    /// # Errors
    /// When the journal could not be written.
    #[expect(
        clippy::cognitive_complexity,
        reason = "an order of steps, each with its own end; there is no choice in it"
    )]
    pub async fn drain(mut self) -> anyhow::Result<()> {
        tracing::info!("draining");
        self.health.draining();
        self.connectors.iter().for_each(Connectors::let_nobody_in);
        self.gateway.drain(self.settings.drain).await;
        self.stopping.cancel();
        // Streams end when the last commit's acknowledgements have gone out.
        self.gateway.flushed().await;
        self.closing.cancel();
        (&mut self.engines).await.context("the engines' door failed")??;
        if let Some(connectors) = self.connectors.take() {
            connectors.close().await;
        }
        self.gateway.checkpoint().await;
        self.stop().await?;
        tracing::info!("drained");
        Ok(())
    }

    /// The last commit, then everything else.
    async fn stop(&mut self) -> anyhow::Result<()> {
        self.stop_journal.cancel();
        let journal = timeout(LAST_COMMIT_WITHIN, &mut self.journal).await;
        self.close_ops.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        journal
            .context("the store could not be written before the end; what was acknowledged is safe")?
            .context("the journal's task failed")?
            .map_err(|JournalStopped(error)| error)?;
        // What lies in the directory is one file then, to be copied as it is.
        Ok(self.store.close().await?)
    }
}

async fn serve_engines(
    listener: TcpListener,
    tls: Option<Arc<TlsDoor>>,
    edge: Arc<Edge>,
    health: Arc<Health>,
) -> Result<(), engine::ServeError> {
    let incoming = engine::tcp(listener);
    match tls {
        Some(tls) => Box::pin(engine::serve(tls.accept(incoming), edge, &health)).await,
        None => Box::pin(engine::serve(incoming, edge, &health)).await,
    }
}

async fn serve_ops(listener: TcpListener, door: Door, close: CancellationToken) {
    if let Err(error) = ops::serve(listener, door, close.cancelled_owned()).await {
        tracing::error!(%error, "the operators' door failed");
    }
}

/// Builds what of a start these settings may spoil, and lets it go.
///
/// # Errors
/// When a part cannot be built.
pub(super) fn could_start(settings: &Settings) -> anyhow::Result<()> {
    let clock = Clock::system();
    let names = Arc::new(Names::new(&settings.egress.resolvers, settings.egress.stale_addresses_for)?);
    let deps = nlp::Deps::new(clock.clone(), Arc::clone(&names));
    let deps = deps.reached_by(settings.connectors.public_url.as_deref());
    drop(serve_profiles(settings, &deps, &[])?);
    drop(Egress::with_names(&settings.egress, clock, names).context("[egress]")?);
    drop(settings.server.tls.clone().map(TlsDoor::open).transpose()?);
    drop(settings.manager.tls.clone().map(|files| TlsDoor::open_for(files, &[b"http/1.1"])).transpose()?);
    drop(Scanner::new(&settings.privacy).context("[privacy]")?);
    Ok(())
}

/// Settings that are read once, at start.
fn fixed_changes(old: &Settings, new: &Settings) -> Vec<&'static str> {
    let mut keys = Vec::new();
    let mut check = |changed: bool, key| {
        if changed {
            keys.push(key);
        }
    };
    let fixed = |it: &Settings| (it.server.listen, it.server.tls.clone(), it.server.workers);
    check(fixed(old) != fixed(new), "server");
    check(old.ops.listen != new.ops.listen || old.ops.token_sha256 != new.ops.token_sha256, "ops");
    check(old.connectors != new.connectors, "connectors");
    check(old.manager != new.manager, "manager");
    check(old.store != new.store, "store");
    check(old.limits != new.limits, "limits");
    check(old.log != new.log || old.otlp_endpoint != new.otlp_endpoint, "log, otlp");
    check(!old.egress.same(&new.egress), "egress");
    keys
}

fn configuration_key() -> AlertKey {
    AlertKey { kind: AlertKind::Configuration, unit: None::<UnitName>, about: About::Configuration }
}

fn configuration_alert(now: Timestamp) -> Alert {
    Alert {
        key: configuration_key(),
        text: said!("the changed configuration cannot be used; the old one is in force"),
        mending: said!("run `usher check` and mend what it says"),
        raised_at: now,
    }
}
