//! What tests of the edge's parts share: a gateway without contacts, and frames for it to push.

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;

use super::sessions::{Attached, LaneKey};
use crate::{
    clock::Clock,
    config::settings::{Durability, Limits},
    core::{
        contact::Command,
        ids::{ActionSeq, ContactName, EngineId, UnitName},
    },
    gateway::{
        Gateway, Parts, Roster,
        alerts::Alerts,
        lane::ToEngine,
        ports::{ExternalError, ExternalRequest, ExternalSystems},
        storage::Store as _,
    },
    store::memory::Memory,
    telemetry::{Health, Metrics},
};

/// No contact is ever opened here.
#[derive(Debug)]
struct NoSystems;

impl ExternalSystems for NoSystems {
    fn query(&self, _: ExternalRequest) -> BoxFuture<'_, Result<String, ExternalError>> {
        panic!("nobody asks")
    }
}

pub(super) async fn gateway() -> Arc<Gateway> {
    let store = Arc::new(Memory::new());
    let claim = store.claim("test").await.unwrap();
    let metrics = Arc::new(Metrics::default());
    Gateway::new(Parts {
        clock: Clock::system(),
        store,
        claim,
        durability: Durability::Sync,
        sealer: crate::seal::Sealer::from_key([0; 32]),
        scanner: crate::privacy::Scanner::default(),
        limits: Limits { contacts: 1, running_calls: 1, journal_backlog: 1, engine_absence: Duration::from_secs(1) },
        units: vec![UnitName::new("u").unwrap()],
        roster: Roster::default(),
        external: Arc::new(NoSystems),
        alerts: Arc::new(Alerts::new(Arc::clone(&metrics))),
        metrics,
        health: Arc::new(Health::default()),
    })
}

pub(super) fn key() -> LaneKey {
    LaneKey { engine: EngineId::new("e").unwrap(), unit: UnitName::new("u").unwrap(), lane: 0 }
}

pub(super) fn command(seq: u32) -> ToEngine {
    let contact = ContactName::new("c").unwrap();
    ToEngine::Command { contact, seq: ActionSeq(seq), command: Arc::new(Command::Say(Vec::new())) }
}

/// As the gateway does it.
pub(super) fn push(attached: &Attached, frame: ToEngine) {
    let sender = attached.hold.with(|_, link| link.push.upgrade()).flatten().unwrap();
    sender.try_send(frame).unwrap();
}
