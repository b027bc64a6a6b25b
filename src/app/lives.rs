//! `usher serve`: one life of the gateway after the other, on the same doors, until a signal ends it.
//!
//! A life ends before the process does where the store is needed alone (`overhaul`): it drains as at a signal, the overhaul is done,
//! and the next life begins as every start does.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use futures::FutureExt as _;
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
};

use super::{
    Listeners, Running,
    change::{self, Errand},
    keeping::{self, Restored},
    load_beside,
    office::{self, Office},
    overhaul::{self, Anew, Done, Ready},
    past,
    serve::{bind, twin},
};
use crate::{
    config::{Findings, Loaded, Sources, watch::Watcher},
    core::said::said,
    manager::ports::Overhauled,
    telemetry,
};

/// Serves until a signal ends it. Loads again by `sources` when they change.
///
/// # Errors
/// [`super::CannotConnect`] when a door cannot be opened; others when a part cannot be built.
pub async fn serve(loaded: Loaded, sources: Sources) -> anyhow::Result<()> {
    // From the beginning: one that comes while the parts are put together ends what has been put together, in order.
    let signals = Signals::listen()?;
    let settings = &loaded.settings;
    let traces = telemetry::start(&settings.log, settings.otlp_endpoint.as_deref())?;
    let doors =
        Doors { listeners: Listeners::bind(settings).await?, desk: bind(settings.manager.listen, office::KEY).await? };
    doors.listeners.tell()?;
    let watcher = Watcher::new(sources.clone(), &loaded.files)?;
    let ended = Lives { sources, doors, watcher, signals }.live(loaded).await;
    traces.flush().await;
    ended
}

/// What asks for the end of the process.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Safe to cancel.
    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Whether one has come.
    fn came(&mut self) -> bool {
        self.next().now_or_never().is_some()
    }
}

/// Open from the first life to the last.
struct Doors {
    listeners: Listeners,
    desk: TcpListener,
}

/// Why a life ends in order.
enum Ended {
    Signal,
    Overhaul(Ready),
}

/// The store that was there before a restore, and the configuration that it was served with.
struct Undo {
    restored: Restored,
    directory: PathBuf,
    before: Loaded,
}

struct Lives {
    sources: Sources,
    doors: Doors,
    watcher: Watcher,
    signals: Signals,
}

/// How the next life begins.
struct Next {
    loaded: Loaded,
    /// What was done before it, in this process or in one before.
    past: Option<Overhauled>,
    /// It follows another in this process.
    is_anew: bool,
    /// Should it not begin.
    undo: Option<Undo>,
    /// Why the configuration could not be loaded again: it is that of the life before.
    outdated: Option<Findings>,
}

impl Lives {
    async fn live(mut self, loaded: Loaded) -> anyhow::Result<()> {
        let past = past::find(&loaded.settings.store.path);
        let mut next = Next { loaded, past, is_anew: false, undo: None, outdated: None };
        loop {
            let (mut running, mut office) = Box::pin(self.begin_or_put_back(next)).await?;
            let ended = self.run(&mut running, &mut office).await;
            let (directory, before) = (running.store_path().to_owned(), office.configuration());
            office.close().await;
            let ready = match ended? {
                Ended::Overhaul(ready) => ready,
                Ended::Signal => {
                    // Nobody is let in who would wait for a life that does not come.
                    drop(self.doors);
                    return running.drain().await;
                }
            };
            running.drain().await?;
            if self.signals.came() {
                tracing::warn!(overhaul = ready.label(), "it was not begun: a signal ends the process");
                past::keep(&directory, &ready.not_begun());
                return Ok(());
            }
            let done = overhaul::carry_out(ready, &directory, &self.sources).await;
            past::keep(&directory, &done.past);
            if self.signals.came() {
                return Ok(());
            }
            next = self.next(&directory, &before, done).await;
        }
    }

    /// A restored store that no gateway begins with gives way to the one before.
    async fn begin_or_put_back(&mut self, next: Next) -> anyhow::Result<(Running, Office)> {
        let (undo, past) = (next.undo, next.past.clone());
        let error = match self.begin(Next { undo: None, ..next }).await {
            Ok(life) => return Ok(life),
            Err(error) => error,
        };
        let (Some(Undo { restored, directory, before }), Some(past)) = (undo, past) else { return Err(error) };
        tracing::error!("no gateway begins with the restored store, the one before is put back: {error:#}");
        restored.put_back(&directory).await.context("the store before the restore cannot be put back")?;
        let told = Err(said!("no gateway begins with it: {}", keeping::why(&error)));
        let past = Overhauled { told, ..past };
        past::keep(&directory, &past);
        let mut loaded = before;
        directory.clone_into(&mut loaded.settings.store.path);
        self.begin(Next { loaded, past: Some(past), is_anew: true, undo: None, outdated: None }).await
    }

    async fn begin(&mut self, next: Next) -> anyhow::Result<(Running, Office)> {
        let Next { loaded, past, is_anew, outdated, undo: _ } = next;
        let listeners = self.doors.listeners.twin(&loaded.settings).await?;
        let environment = &self.sources.environment;
        let running = Running::start(loaded.settings.clone(), listeners, environment).await?;
        if let Some(findings) = outdated {
            refuse(&running, &findings);
        }
        if let Some(past) = &past {
            overhaul::tell(past, running.alerts());
        }
        let anew = Anew { sources: self.sources.clone(), past };
        let office = match Office::open_anew(twin(&self.doors.desk)?, loaded, &running, environment, Some(anew)).await {
            Ok(office) => office,
            Err(error) => {
                running.drain().await?;
                return Err(error);
            }
        };
        office.tell()?;
        if is_anew {
            tracing::info!("begun anew");
        }
        Ok((running, office))
    }

    /// Until a signal asks for the end, the store is needed alone, or something breaks for good.
    async fn run(&mut self, running: &mut Running, office: &mut Office) -> anyhow::Result<Ended> {
        loop {
            tokio::select! {
                cause = self.watcher.changed() => {
                    tracing::info!(?cause, "loading the configuration again");
                    self.reload(running, office).await;
                }
                errand = office.next() => match errand {
                    Errand::Overhaul(order, tell) => match overhaul::prepare(running, office, &self.sources, order).await {
                        Ok(ready) => {
                            drop(tell.send(Ok(())));
                            return Ok(Ended::Overhaul(ready));
                        }
                        Err(refusal) => drop(tell.send(Err(refusal))),
                    },
                    errand @ (Errand::Change(..) | Errand::Export(..) | Errand::Plan(..) | Errand::Import(..)) => {
                        change::attend(running, office, &self.sources, errand).await;
                    }
                },
                broken = running.broken() => broken?,
                () = self.signals.next() => return Ok(Ended::Signal),
            }
        }
    }

    async fn reload(&mut self, running: &mut Running, office: &Office) {
        match load_beside(&self.sources, running.store_path()).await {
            Ok(loaded) => {
                self.watcher.follow(&loaded.files);
                warn(&loaded);
                match running.reload(loaded.settings.clone()).and_then(|()| office.renew()) {
                    Ok(()) => {
                        running.reload_done();
                        office.show(loaded);
                    }
                    Err(error) => running.reload_failed(&format!("{error:#}")),
                }
            }
            Err(findings) => {
                self.watcher.follow(&findings.files);
                refuse(running, &findings);
            }
        }
    }

    /// With what files and store say now, or else as before.
    async fn next(&mut self, directory: &Path, before: &Loaded, done: Done) -> Next {
        let (mut loaded, outdated) = match load_beside(&self.sources, directory).await {
            Ok(loaded) => {
                warn(&loaded);
                self.watcher.follow(&loaded.files);
                (loaded, None)
            }
            Err(findings) => {
                self.watcher.follow(&findings.files);
                (before.clone(), Some(findings))
            }
        };
        // Whatever a file says of it by now: another place takes effect at the next start of the process, as the doors do.
        directory.clone_into(&mut loaded.settings.store.path);
        let Done { past, restored } = done;
        let undo = restored.map(|restored| Undo { restored, directory: directory.to_owned(), before: before.clone() });
        Next { loaded, past: Some(past), is_anew: true, undo, outdated }
    }
}

fn warn(loaded: &Loaded) {
    for warning in &loaded.warnings {
        tracing::warn!("{}", warning.render(false));
    }
}

fn refuse(running: &Running, findings: &Findings) {
    let text: Vec<String> = findings.list.iter().map(|finding| finding.render(false)).collect();
    running.reload_failed(&text.join("\n"));
}
