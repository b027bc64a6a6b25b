//! Runs the core: contacts in shards, their journal, their timers, their effects.

pub mod alerts;
pub mod lane;
pub mod ports;

use std::sync::Arc;

use lane::{FromEngine, ToEngine};
use tokio::sync::mpsc;

use crate::core::ids::{ActionSeq, ContactName, EngineId, UnitName};

/// One attached lane, until it is detached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LaneId(pub u64);

/// Everything transports call. Cheap to share; every method returns at once.
#[derive(Debug)]
pub struct Gateway {}

#[expect(clippy::unused_self, clippy::needless_pass_by_value, unused_variables, clippy::todo, reason = "being built")]
impl Gateway {
    /// Whether `engine` may attach for `unit` is decided by the caller's credential; this checks that the unit exists and that
    /// the gateway is not draining.
    ///
    /// The gateway pushes into `out` without waiting; when it is full the gateway drops the sender, and the lane is to be
    /// closed. Undelivered commands are pushed again right after attaching: `resumed` tells that the lane itself still knows
    /// them, and then they are not.
    pub fn attach(
        self: &Arc<Self>,
        unit: &UnitName,
        engine: &EngineId,
        out: mpsc::Sender<ToEngine>,
        resumed: bool,
    ) -> Result<LaneId, AttachError> {
        todo!()
    }

    /// One frame, in order. Never blocks. The gateway answers with `ToEngine::Ack(frame)` once everything it led to is durable.
    pub fn on_frame(&self, lane: LaneId, frame: u64, from: FromEngine) {
        todo!()
    }

    /// The routing engine has acknowledged the frame that carried this command.
    pub fn on_delivered(&self, lane: LaneId, contact: &ContactName, seq: ActionSeq) {
        todo!()
    }

    pub fn detach(&self, lane: LaneId) {
        todo!()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttachError {
    #[error("business unit is not configured here")]
    UnknownUnit,
    #[error("the gateway is going down")]
    Draining,
}
