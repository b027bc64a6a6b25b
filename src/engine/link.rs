//! The reading half of a lane's stream: one task that always reads, whatever the gateway and the writing half are doing.
//!
//! HTTP/2 kills a connection that holds many small unread frames, so reading never waits for anything. What is too much is
//! answered `Busy`, and an engine that ignores that loses its stream (not its session).

use std::{future, pin::pin, sync::Arc, time::Duration};

use futures::StreamExt as _;
use tokio::{
    sync::{oneshot, watch},
    task::coop,
    time::{sleep, timeout},
};
use tonic::{Code, Status, Streaming};

use super::{
    Edge,
    auth::{Credential, Doors},
    codec::{Fault, Received},
    convert::{self, Invalid},
    numbering::{Arrival, Numbering},
    sessions::{Attached, Hold, LaneKey, Link, draining, too_slow},
};
use crate::{
    clock::Clock,
    gateway::{
        Gateway,
        lane::{FromEngine, Refusal, ToEngine},
    },
    problem::{Problem, ProblemKind},
    telemetry::labels::BusyCause,
    wire::engine::engine_frame::Body,
};

const HELLO_WITHIN: Duration = Duration::from_secs(10);
/// How long an ending stream may take to say its last frames.
const FLUSH_WITHIN: Duration = Duration::from_secs(5);
/// How often a stream is checked for having been cut by the gateway.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// What an engine is told that has too many messages unacknowledged.
const RETRY_AFTER: Duration = Duration::from_millis(500);
/// Beyond this multiple of its credits an engine loses its stream.
const PATIENCE: u64 = 4;

/// What the reading half needs to know besides the session.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) edge: Arc<Edge>,
    pub(super) credential: Credential,
    /// As they were when the stream began; `watch` tells of later ones.
    pub(super) doors: Arc<Doors>,
    pub(super) watch: watch::Receiver<Arc<Doors>>,
}

/// What ends reading other than the engine.
enum Control {
    /// The stream is over or replaced.
    Gone,
    Draining,
    /// The credential is no longer good, or the gateway has cut the lane.
    Over(Problem),
}

impl Reader {
    /// Runs until the stream is over. `opened` hears whether the engine was let in.
    pub(super) async fn run(
        mut self,
        mut inbound: Streaming<Received>,
        opened: oneshot::Sender<Result<Attached, Problem>>,
    ) {
        let (key, attached) = match self.open(&mut inbound).await {
            Ok(it) => it,
            Err(problem) => {
                self.edge.refused(&problem);
                // The writing half may be gone already; then nobody asks.
                drop(opened.send(Err(problem)));
                return;
            }
        };
        let hold = attached.hold.clone();
        if opened.send(Ok(attached)).is_err() {
            hold.leave(None, &self.edge.gateway, Clock::instant());
            return;
        }
        let ended = self.read(&mut inbound, &hold, &key).await;
        if let Some(kind) = ended {
            self.edge.metrics.engine_problem(kind);
        }
        let why = ended.map_or("closed", ProblemKind::label);
        tracing::info!(engine.id = %key.engine, unit = %key.unit, lane = key.lane, why, "routing engine detached");
    }

    async fn open(&self, inbound: &mut Streaming<Received>) -> Result<(LaneKey, Attached), Problem> {
        let invalid = |detail: String| Problem::new(ProblemKind::Invalid, detail);
        let first = timeout(HELLO_WITHIN, inbound.next()).await;
        let first = first.map_err(|_elapsed| invalid(format!("hello: did not come within {HELLO_WITHIN:?}")))?;
        let received = match first {
            None => return Err(invalid("hello: the stream ended before it".to_owned())),
            Some(Err(status)) => return Err(broken(&status, &self.doors)),
            Some(Ok(received)) => received,
        };
        let Some(Body::Hello(hello)) = received.frame.body else {
            return Err(invalid("hello: must be the first frame".to_owned()));
        };
        if received.frame.seq != 0 {
            return Err(invalid("hello: carries seq 0".to_owned()));
        }
        let hello = convert::hello(hello).map_err(|why| invalid(why.detail))?;
        let key = LaneKey { engine: hello.engine, unit: hello.unit, lane: hello.lane };
        self.doors.admit(&self.credential, &key.engine, &key.unit)?;
        let gateway = &self.edge.gateway;
        let attached = self.edge.sessions.open(key.clone(), hello.resume, gateway, Clock::instant())?;
        if let Some(directory) = hello.directory {
            attached.hold.with(|_, link| link.take(0, FromEngine::Directory(directory), gateway));
        }
        Ok((key, attached))
    }

    /// Reads until the stream ends; yields the kind of problem that ended it.
    async fn read(&mut self, inbound: &mut Streaming<Received>, hold: &Hold, key: &LaneKey) -> Option<ProblemKind> {
        let edge = Arc::clone(&self.edge);
        let control = control(&edge, &mut self.watch, self.credential, hold, key);
        let mut control = pin!(control);
        let why = loop {
            // One busy lane must not keep a worker thread from the others.
            coop::consume_budget().await;
            let received = tokio::select! {
                biased;
                control = &mut control => match control {
                    Control::Gone => return None,
                    Control::Draining => break Some(draining()),
                    Control::Over(problem) => return Some(leave(hold, problem, &edge.gateway)),
                },
                received = inbound.next() => received,
            };
            let taken = match received {
                None => break None,
                Some(Ok(received)) => {
                    hold.with(|numbers, link| take(received, numbers, link, &self.doors, &edge)).unwrap_or(Ok(()))
                }
                Some(Err(status)) => Err(broken(&status, &self.doors)),
            };
            if let Err(problem) = taken {
                return Some(leave(hold, problem, &edge.gateway));
            }
        };
        let kind = why.as_ref().map(|it| it.kind);
        flush(inbound, hold, why, &edge.gateway).await;
        kind
    }
}

impl Edge {
    /// An engine was not let in.
    pub(super) fn refused(&self, problem: &Problem) {
        self.metrics.engine_problem(problem.kind);
        tracing::warn!(problem = problem.kind.label(), %problem, "routing engine refused");
    }
}

fn leave(hold: &Hold, problem: Problem, gateway: &Gateway) -> ProblemKind {
    let kind = problem.kind;
    hold.leave(Some(problem), gateway, Clock::instant());
    kind
}

/// Waits for what ends the stream from our side.
async fn control(
    edge: &Edge,
    doors: &mut watch::Receiver<Arc<Doors>>,
    credential: Credential,
    hold: &Hold,
    key: &LaneKey,
) -> Control {
    let revoked = async {
        while doors.changed().await.is_ok() {
            let admitted = doors.borrow_and_update().admit(&credential, &key.engine, &key.unit);
            if let Err(problem) = admitted {
                return problem;
            }
        }
        future::pending().await
    };
    // The writing half notices a cut itself, but not while the engine reads nothing.
    let cut = async {
        while !hold.with(|_, link| link.is_cut()).unwrap_or_default() {
            sleep(LOOK_EVERY).await;
        }
    };
    tokio::select! {
        () = hold.gone.cancelled() => Control::Gone,
        () = edge.shutdown.cancelled() => Control::Draining,
        problem = revoked => Control::Over(problem),
        () = cut => Control::Over(too_slow()),
    }
}

/// Lets the writing half say everything that is due, while acknowledgements (and nothing else) are still taken in.
async fn flush(inbound: &mut Streaming<Received>, hold: &Hold, why: Option<Problem>, gateway: &Gateway) {
    hold.finish(why.clone());
    let acknowledgements = async {
        while let Some(Ok(received)) = inbound.next().await {
            hold.with(|numbers, link| {
                if let Ok(delivered) = numbers.on_ack(received.frame.ack) {
                    link.delivered(delivered, gateway);
                }
            });
        }
        future::pending::<()>().await;
    };
    tokio::select! {
        () = hold.gone.cancelled() => {}
        () = acknowledgements => {}
        () = sleep(FLUSH_WITHIN) => {}
    }
    hold.leave(why, gateway, Clock::instant());
}

/// The stream broke. Where that was the engine's fault it hears why; otherwise nobody is there to hear anything.
fn broken(status: &Status, doors: &Doors) -> Problem {
    if status.code() == Code::OutOfRange || status.code() == Code::ResourceExhausted {
        let limit = doors.max_frame_bytes;
        let detail = format!("a message is far above the limit of {limit} bytes: {}", status.message());
        return Problem::new(ProblemKind::TooLarge, detail);
    }
    if status.code() == Code::InvalidArgument || status.code() == Code::Internal {
        return Problem::new(ProblemKind::Invalid, status.message());
    }
    Problem::new(ProblemKind::Unavailable, "the connection was lost")
}

/// One message of the stream. An error ends the stream; the session survives it.
fn take(
    received: Received,
    numbers: &mut Numbering<ToEngine>,
    link: &mut Link,
    doors: &Doors,
    edge: &Edge,
) -> Result<(), Problem> {
    let Received { frame, fault } = received;
    let delivered = numbers.on_ack(frame.ack).map_err(|why| Problem::new(ProblemKind::Invalid, why.to_string()))?;
    link.delivered(delivered, &edge.gateway);
    if link.is_cut() {
        return Err(too_slow());
    }
    if matches!(frame.body, Some(Body::Hello(_))) {
        return Err(Problem::new(ProblemKind::Invalid, "hello: came a second time"));
    }
    if frame.seq == 0 {
        return match frame.body {
            Some(Body::Heartbeat(_)) => Ok(()),
            _unnumbered => Err(Problem::new(ProblemKind::Invalid, "seq: only Hello and Heartbeat may carry 0")),
        };
    }
    let credits = u64::from(doors.credits);
    if numbers.pending() >= credits.saturating_mul(PATIENCE) {
        let detail = format!("{} frames are unacknowledged, of {credits} that may be", numbers.pending());
        return Err(Problem::new(ProblemKind::Busy, detail));
    }
    match numbers.arrive(frame.seq) {
        Arrival::Gap { expected } => {
            let detail = format!("seq: frame {expected} expected, got {}", frame.seq);
            return Err(Problem::new(ProblemKind::Precondition, detail));
        }
        Arrival::Duplicate => {
            link.wake();
            return Ok(());
        }
        Arrival::New => {}
    }
    let content = match fault {
        None => convert::from_engine(frame.body).map_err(|why| refused(frame.seq, Refusal::Invalid, why)),
        Some(fault) => Err(refused_unread(frame.seq, fault)),
    };
    let from = match content {
        Ok(FromEngine::Message { contact, id, .. }) if numbers.pending() > credits => {
            edge.metrics.busy(BusyCause::Credits);
            let reason = "too many frames are unacknowledged".to_owned();
            link.own.push_back(ToEngine::Busy { contact, message: id, retry_after: RETRY_AFTER, reason });
            FromEngine::Heartbeat
        }
        Ok(from) => from,
        Err(refused) => {
            edge.metrics.frame_refused();
            link.own.push_back(refused);
            FromEngine::Heartbeat
        }
    };
    if !link.own.is_empty() {
        link.wake();
    }
    link.take(frame.seq, from, &edge.gateway);
    Ok(())
}

fn refused(frame: u64, reason: Refusal, why: Invalid) -> ToEngine {
    ToEngine::Refused { frame, reason, detail: why.detail, contact: why.contact, message: why.message }
}

fn refused_unread(frame: u64, fault: Fault) -> ToEngine {
    let (reason, detail) = match fault {
        Fault::TooLarge { bytes, limit } => {
            (Refusal::TooLarge, format!("frame: {bytes} bytes are above the limit of {limit}"))
        }
        Fault::Unreadable => (Refusal::Invalid, "frame: is no EngineFrame, or is nested too deep".to_owned()),
    };
    refused(frame, reason, Invalid { detail, ..Invalid::default() })
}
