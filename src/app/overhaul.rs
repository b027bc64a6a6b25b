//! Overhauls: what is done with the store while nobody else has it, asked for at a running gateway.
//!
//! `lives` ends the gateway in order, has it done here, and begins the gateway anew. What fails leaves the store as it was.

use std::{path::Path, sync::Arc};

use super::{Office, Running, keeping, load_beside};
use crate::{
    clock::Clock,
    config::{Environment, Sources},
    core::ids::UnitName,
    gateway::alerts::{Alert, AlertKey, AlertKind, Alerts},
    manager::ports::{Overhaul, OverhaulOrder, Overhauled, Refusal},
    telemetry::Readiness,
};

/// A life that another may follow in this process.
#[derive(Clone, Debug)]
pub(super) struct Anew {
    /// What was done before it.
    pub(super) past: Option<Overhauled>,
}

/// An overhaul that nothing speaks against.
#[derive(Debug)]
pub(super) struct Ready {
    by: String,
    what: Overhaul,
}

impl Ready {
    pub(super) const fn label(&self) -> &'static str {
        self.what.label()
    }
}

/// Looks whether the gateway could begin anew afterwards.
pub(super) async fn prepare(
    running: &Running,
    office: &Office,
    sources: &Sources,
    order: OverhaulOrder,
) -> Result<Ready, Refusal> {
    if running.health().readiness() == Readiness::StoreUnavailable {
        return Err(Refusal::Unable("the store cannot be written now: mend that first".to_owned()));
    }
    let OverhaulOrder { by, what } = order;
    match what {
        Overhaul::Rotation => {
            if sources.environment.master_key().is_some() {
                return Err(Refusal::Unable(
                    "the master key comes from the environment, which a process cannot change for its successors: run `usher key rotate` \
                     with the new one as USHER_MASTER_KEY_NEXT while no gateway runs"
                        .to_owned(),
                ));
            }
            load_beside(sources, running.store_path()).await.map_err(|it| Refusal::Findings(it.list))?;
        }
    }
    tracing::info!(overhaul = what.label(), by, key = %office.sealer().id(), "the gateway ends, and begins anew");
    Ok(Ready { by, what })
}

/// Does it; nobody else has the store.
pub(super) async fn carry_out(ready: Ready, directory: &Path, environment: &Environment) -> Overhauled {
    let Ready { by, what } = ready;
    let began = Clock::instant();
    let told = match what {
        Overhaul::Rotation => keeping::rotate(directory, environment, &by).await,
    };
    match &told {
        Ok(_) => tracing::info!(overhaul = what.label(), took = ?began.elapsed(), "done"),
        Err(error) => tracing::error!(overhaul = what.label(), "not done, the store is as it was: {error:#}"),
    }
    Overhauled { what, by, at: Clock::system().now(), told: told.map_err(|error| format!("{error:#}")) }
}

/// What failed has to be mended.
pub(super) fn tell(past: &Overhauled, alerts: &Arc<Alerts>) {
    let Err(why) = &past.told else { return };
    let (text, mending) = match past.what {
        Overhaul::Rotation => (
            format!("the master key was not changed: {why}"),
            "mend that and change the key again, on the page Store or by `usher key rotate`",
        ),
    };
    let key = AlertKey { kind: AlertKind::Overhaul, unit: None::<UnitName>, subject: past.what.label().to_owned() };
    alerts.raise(Alert { key, text, mending: mending.to_owned(), raised_at: past.at });
}
