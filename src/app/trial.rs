//! The connectors' door without a gateway behind it, for those who write a connector: the same code, so the same rules.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::{CannotConnect, serve::bind};
use crate::{
    clock::Clock,
    core::ids::{ProfileName, UnitName},
    engine,
    gateway::{alerts::Alerts, ports::LanguageEngine},
    nlp::{
        self,
        connector::{self, DeskName, Direction, Door, DoorParts, DoorTerms, Ear, Hub},
    },
    store::{ConnectorToken, Expected, Store as _, memory::Memory},
    telemetry::Metrics,
};

/// Frames that may wait to be looked at; those beyond are not shown.
const OVERHEARD: usize = 1024;

/// A frame as it went over the socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overheard {
    pub direction: Direction,
    pub text: String,
}

/// A door, open.
#[derive(Debug)]
pub struct Trial {
    pub address: SocketAddr,
    /// What asks the connector.
    pub engine: Arc<dyn LanguageEngine>,
    pub frames: mpsc::Receiver<Overheard>,
    close: CancellationToken,
    task: JoinHandle<()>,
}

impl Trial {
    /// Opens the door for connectors with this token.
    ///
    /// # Errors
    /// [`CannotConnect`] when the address is taken or not ours.
    pub async fn open(listen: SocketAddr, token: &SecretString, deadline: Duration) -> anyhow::Result<Self> {
        let listener = bind(listen, "--listen").await?;
        let address = listener.local_addr().map_err(|source| CannotConnect { what: listen.to_string(), source })?;
        let clock = Clock::system();
        let name =
            DeskName { unit: UnitName::new("TRIAL")?, profile: ProfileName::new("trial")?, token: String::new() };
        let store = Memory::new();
        let kept = ConnectorToken {
            unit: name.unit.clone(),
            profile: name.profile.clone(),
            name: String::new(),
            sha256: Sha256::digest(token.expose_secret().as_bytes()).into(),
            made_at: clock.now(),
            valid_until: None,
        };
        store.put_connector_token(&kept, clock.now(), Expected::Any, None).await?;
        let metrics = Arc::<Metrics>::default();
        let hub = Hub::new(clock.clone(), Arc::clone(&metrics), Arc::new(Alerts::new(Arc::clone(&metrics))));
        let engine = connector::on_trial(&hub, &name, deadline);
        let (overheard, frames) = mpsc::channel(OVERHEARD);
        let ear: Ear = Arc::new(move |direction, text: &str| {
            // Somebody who looks too slowly sees less.
            drop(overheard.try_send(Overheard { direction, text: text.to_owned() }));
        });
        let terms = DoorTerms {
            max_sockets: 64,
            max_frame_bytes: 65_536,
            write_within: Duration::from_secs(10),
            ping_every: Duration::from_secs(20),
        };
        let (store, replies) = (Arc::new(store), nlp::webhook::Replies::default());
        let parts = DoorParts { hub, replies, store, clock, metrics, terms, ear: Some(ear) };
        let close = CancellationToken::new();
        let door = Door::new(parts, CancellationToken::new());
        let task = tokio::spawn(connector::serve(engine::tcp(listener), door, close.clone()));
        Ok(Self { address, engine, frames, close, task })
    }

    /// Closes every socket with a notice.
    ///
    /// # Errors
    /// When the door has failed.
    pub async fn close(self) -> anyhow::Result<()> {
        self.close.cancel();
        Ok(self.task.await?)
    }
}
