//! How a routing engine keeps the contract: what it remembers, and what it does with each frame.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::StreamExt as _;
use tokio::{
    sync::{Notify, mpsc},
    time::sleep,
};
use tonic::{Status, Streaming};
use usher::wire::engine::{
    AgentLoggedOn, Command, CustomerMessage, Empty, EngineFrame, GatewayFrame, LogOnRefused, Welcome,
    engine_frame::Body, gateway_frame,
};

use super::Setup;

/// What outlives a connection.
#[derive(Default)]
pub(super) struct State {
    pub(super) session: String,
    /// The highest gateway frame received.
    pub(super) received: u64,
    /// The number of the last frame sent.
    pub(super) sent: u64,
    /// What the gateway has not acknowledged.
    pub(super) outbox: VecDeque<EngineFrame>,
    pub(super) credits: usize,
    /// The present stream; `None` while cut.
    pub(super) stream: Option<mpsc::UnboundedSender<EngineFrame>>,
    /// Why the last stream ended.
    pub(super) ended: Option<Result<(), Status>>,
    /// The highest action carried out, by contact.
    pub(super) done: HashMap<String, u32>,
    /// Every command that was carried out: when it comes again it must be the same.
    pub(super) carried_out: HashMap<(String, u32), Command>,
    /// Commands carried out and not yet taken by the test.
    pub(super) commands: VecDeque<Command>,
    /// Commands that came again and were not carried out again.
    pub(super) repeated: usize,
    /// Everything else, not yet taken by the test.
    pub(super) notices: VecDeque<gateway_frame::Body>,
    pub(super) logged_on: HashSet<String>,
    /// For sending again what was `Busy`.
    pub(super) messages: HashMap<(String, String), CustomerMessage>,
    pub(super) next_message: u64,
    /// Breaches of the contract by the gateway.
    pub(super) breaches: Vec<String>,
}

pub(super) struct Shared {
    pub(super) setup: Setup,
    pub(super) state: Mutex<State>,
    pub(super) changed: Notify,
}

impl Shared {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn read(self: Arc<Self>, mut incoming: Streaming<GatewayFrame>) {
        let end = loop {
            match incoming.next().await {
                Some(Ok(frame)) => self.take(frame),
                Some(Err(status)) => break Err(status),
                None => break Ok(()),
            }
            self.changed.notify_waiters();
        };
        let mut state = self.state();
        state.ended = Some(end);
        state.stream = None;
        drop(state);
        self.changed.notify_waiters();
    }

    fn take(self: &Arc<Self>, frame: GatewayFrame) {
        let mut state = self.state();
        state.acknowledged(frame.ack);
        if frame.seq == 0 {
            return;
        }
        if frame.seq != state.received + 1 {
            let breach = format!("frame {} came after {}", frame.seq, state.received);
            state.breaches.push(breach);
        }
        state.received = frame.seq;
        if let Some(body) = frame.body {
            self.carry_out(&mut state, body);
        }
        if self.setup.acknowledges {
            state.heartbeat();
        }
    }

    fn carry_out(self: &Arc<Self>, state: &mut State, body: gateway_frame::Body) {
        match body {
            gateway_frame::Body::Command(command) => {
                let done = state.done.entry(command.contact.clone()).or_default();
                let key = (command.contact.clone(), command.action_seq);
                if command.action_seq > *done {
                    *done = command.action_seq;
                    state.carried_out.insert(key, command.clone());
                    state.commands.push_back(command);
                } else {
                    state.repeated += 1;
                    if state.carried_out.get(&key) != Some(&command) {
                        state.breaches.push(format!("action {} of {} is not what it was before", key.1, key.0));
                    }
                }
            }
            gateway_frame::Body::LogOnAgent(it) => match self.setup.refuses.get(&it.user) {
                None => {
                    state.logged_on.insert(it.user.clone());
                    state.send(Body::AgentLoggedOn(AgentLoggedOn { user: it.user }));
                }
                Some(reason) => {
                    let (user, reason) = (it.user, i32::from(*reason));
                    state.send(Body::LogOnRefused(LogOnRefused { user, reason, detail: String::new() }));
                }
            },
            gateway_frame::Body::Busy(busy) => {
                let known = state.messages.get(&(busy.contact.clone(), busy.message_id.clone())).cloned();
                if let Some(message) = known.filter(|_| self.setup.retries) {
                    let (shared, after) = (Arc::clone(self), Duration::from_millis(busy.retry_after_ms.into()));
                    tokio::spawn(async move {
                        sleep(after).await;
                        shared.state().send(Body::CustomerMessage(message));
                    });
                }
                state.notices.push_back(gateway_frame::Body::Busy(busy));
            }
            other @ (gateway_frame::Body::Welcome(_)
            | gateway_frame::Body::LogOffAgent(_)
            | gateway_frame::Body::ContactAccepted(_)
            | gateway_frame::Body::ContactRejected(_)
            | gateway_frame::Body::Refused(_)
            | gateway_frame::Body::Typing(_)
            | gateway_frame::Body::Draining(_)) => state.notices.push_back(other),
        }
    }
}

impl State {
    pub(super) fn welcomed(&mut self, welcome: &Welcome, ack: u64, stream: mpsc::UnboundedSender<EngineFrame>) {
        if welcome.resumed {
            self.acknowledged(ack);
        } else {
            self.received = 0;
            self.sent = 0;
            for frame in &mut self.outbox {
                self.sent += 1;
                frame.seq = self.sent;
            }
        }
        self.session.clone_from(&welcome.session);
        self.credits = usize::try_from(welcome.credits).unwrap_or(usize::MAX);
        let from = if welcome.resumed { welcome.last_received } else { 0 };
        for frame in self.outbox.iter().filter(|it| it.seq > from) {
            send(&stream, EngineFrame { ack: self.received, ..frame.clone() });
        }
        self.stream = Some(stream);
        self.ended = None;
    }

    pub(super) fn send(&mut self, body: Body) -> u64 {
        self.sent += 1;
        let frame = EngineFrame { seq: self.sent, ack: self.received, body: Some(body) };
        if let Some(stream) = &self.stream {
            send(stream, frame.clone());
        }
        self.outbox.push_back(frame);
        self.sent
    }

    fn acknowledged(&mut self, ack: u64) {
        if ack > self.sent {
            self.breaches.push(format!("{ack} acknowledged, but only {} sent", self.sent));
        }
        while self.outbox.front().is_some_and(|it| it.seq <= ack) {
            self.outbox.pop_front();
        }
    }

    fn heartbeat(&self) {
        if let Some(stream) = &self.stream {
            send(stream, EngineFrame { seq: 0, ack: self.received, body: Some(Body::Heartbeat(Empty {})) });
        }
    }
}

/// A stream that is closing takes nothing any more; what matters is in the outbox.
pub(super) fn send(stream: &mpsc::UnboundedSender<EngineFrame>, frame: EngineFrame) {
    drop(stream.send(frame));
}
