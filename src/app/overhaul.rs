//! Overhauls: what is done with the store while nobody else has it, asked for at a running gateway.
//!
//! `lives` ends the gateway in order, has it done here, and begins the gateway anew. What fails leaves the store as it was.

use std::{path::Path, sync::Arc};

use super::{
    Office, Running,
    keeping::{self, Restore, Restored, Waiting, usable},
    load_beside,
};
use crate::{
    clock::Clock,
    config::Sources,
    core::said::{Said, said},
    gateway::alerts::{About, Alert, AlertKey, AlertKind, Alerts},
    manager::ports::{Overhaul, OverhaulOrder, Overhauled, Refusal},
    telemetry::Readiness,
};

/// A life that another may follow in this process.
#[derive(Clone, Debug)]
pub(super) struct Anew {
    pub(super) sources: Sources,
    /// What was done before it.
    pub(super) past: Option<Overhauled>,
}

/// An overhaul that nothing speaks against.
#[derive(Debug)]
pub(super) struct Ready {
    by: String,
    work: Work,
}

#[derive(Debug)]
enum Work {
    Rotation,
    Restore(Box<Waiting>),
}

impl Work {
    const fn what(&self) -> Overhaul {
        match self {
            Self::Rotation => Overhaul::Rotation,
            Self::Restore(_) => Overhaul::Restore,
        }
    }
}

impl Ready {
    pub(super) const fn label(&self) -> &'static str {
        self.work.what().label()
    }

    /// What is said of it where the process ends first.
    pub(super) fn not_begun(self) -> Overhauled {
        let told = Err(said!("a signal ended the process before it was begun"));
        Overhauled { what: self.work.what(), by: self.by, at: Clock::system().now(), told }
    }
}

/// What came of one.
pub(super) struct Done {
    pub(super) past: Overhauled,
    /// How to have it undone, should no gateway begin with it.
    pub(super) restored: Option<Restored>,
}

/// Looks whether the gateway could begin anew afterwards.
pub(super) async fn prepare(
    running: &Running,
    office: &Office,
    sources: &Sources,
    order: OverhaulOrder,
) -> Result<Ready, Refusal> {
    let unable = |why: Said| Err(Refusal::Unable(why));
    if running.health().readiness() == Readiness::StoreUnavailable {
        return unable(said!("the store cannot be written now: mend that first"));
    }
    let OverhaulOrder { by, what, seen } = order;
    let work = match what {
        Overhaul::Rotation => {
            if sources.environment.master_key().is_some() {
                return unable(said!(
                    "the master key comes from the environment, which a process cannot change for its successors: run `usher key rotate` with the new one as USHER_MASTER_KEY_NEXT while no gateway runs"
                ));
            }
            if seen != office.sealer().id().to_string() {
                return unable(said!("the master key in use is another than the one that was looked at: look again"));
            }
            load_beside(sources, running.store_path()).await.map_err(|it| Refusal::Findings(it.list))?;
            Work::Rotation
        }
        Overhaul::Restore => match office.take_staged(&seen) {
            Some(waiting) => Work::Restore(Box::new(waiting)),
            None => return unable(said!("this backup does not wait any more: bring it again")),
        },
    };
    tracing::info!(overhaul = what.label(), by, "the gateway ends, and begins anew");
    Ok(Ready { by, work })
}

/// Does it; nobody else has the store.
pub(super) async fn carry_out(ready: Ready, directory: &Path, sources: &Sources) -> Done {
    let Ready { by, work } = ready;
    let (what, began, environment) = (work.what(), Clock::instant(), &sources.environment);
    let done = match work {
        Work::Rotation => keeping::rotate(directory, environment, &by).await.map(|told| (told, None)),
        Work::Restore(waiting) => {
            let order = Restore {
                file: waiting.file(),
                shown: keeping::SHOWN,
                replace: true,
                key: waiting.key().cloned(),
                keep_contacts: false,
                by: by.clone(),
            };
            // Files may have changed since it was looked at.
            let usable = async |at: &Path, key: Option<&_>| Ok(usable(sources, at, key).await?);
            let restored = keeping::restore(directory, environment, order, usable).await;
            restored.map(|it| (it.told.clone(), Some(it)))
        }
    };
    let (told, restored) = match done {
        Ok((told, restored)) => {
            tracing::info!(overhaul = what.label(), took = ?began.elapsed(), "done");
            (Ok(told), restored)
        }
        Err(error) => {
            tracing::error!(overhaul = what.label(), "not done, the store is as it was: {error:#}");
            (Err(keeping::why(&error)), None)
        }
    };
    Done { past: Overhauled { what, by, at: Clock::system().now(), told }, restored }
}

/// What failed has to be mended.
pub(super) fn tell(past: &Overhauled, alerts: &Arc<Alerts>) {
    let Err(why) = &past.told else { return };
    let (about, text, mending) = match past.what {
        Overhaul::Rotation => (
            About::MasterKey,
            said!("the master key was not changed: {}", why),
            said!("mend that and change the key again, on the page Store or by `usher key rotate`"),
        ),
        Overhaul::Restore => (
            About::Backup,
            said!("the backup was not restored: {}", why),
            said!("mend that and bring the backup again, on the page Store or by `usher restore`"),
        ),
    };
    let key = AlertKey { kind: AlertKind::Overhaul, unit: None, about };
    alerts.raise(Alert { key, text, mending, raised_at: past.at });
}
