//! The driver's edge for Usher: a routing engine that attaches over one stream, logs its agent on, offers contacts and
//! speaks for their customers.

use std::{cell::RefCell, collections::VecDeque, mem, net::SocketAddr, rc::Rc, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};
use bytes::{Buf as _, BytesMut};
use prost::Message as _;
use tokio::{
    task::{JoinHandle, spawn_local},
    time::{Instant, sleep},
};
use usher::{
    clock::Clock,
    wire::engine::{self as wire, engine_frame, gateway_frame},
};

use crate::{
    driver::Edge,
    frames::{Frame, Link, Peer, Unit},
    headers::{self, Name},
    messages::{answer_text, customer_text},
    meter::Meter,
};

pub(crate) const ENGINE: &str = "bench-engine";
pub(crate) const UNIT: &str = "DEFAULT";
pub(crate) const AGENT: &str = "virtual-1";
pub(crate) const TOKEN: &str = "bench-engine-token-4f9d1c7a";

const STREAM: u32 = 1;
const LOOK_EVERY: Duration = Duration::from_millis(2);
/// Frames received before they are acknowledged on their own.
const ACK_AFTER: u64 = 64;

/// An attached routing engine.
pub(crate) struct Engine {
    inner: Rc<Inner>,
    reading: JoinHandle<()>,
}

struct Inner {
    link: Rc<Link>,
    meter: Rc<Meter>,
    lane: RefCell<Lane>,
}

#[derive(Default)]
struct Lane {
    /// Bytes of a message that has not come in whole.
    input: BytesMut,
    sent: u64,
    /// The highest frame of ours that Usher has taken.
    taken: u64,
    received: u64,
    acknowledged: u64,
    credits: u64,
    logged_on: bool,
    contacts: Vec<Contact>,
    /// Contacts that wait for no reply.
    free: VecDeque<usize>,
    accepted: usize,
    /// How many contacts there are to be.
    wanted: usize,
    trouble: Option<String>,
}

#[derive(Clone, Default)]
struct Contact {
    waits_for: Option<u64>,
}

impl Engine {
    /// Attaches, and stays until its agent is logged on.
    pub(crate) async fn attach(address: SocketAddr, meter: Rc<Meter>, patience: Duration) -> Result<Self> {
        let link = Rc::new(Link::connect(address).await?);
        let inner = Rc::new(Inner { link, meter, lane: RefCell::default() });
        let peer = Rc::clone(&inner);
        let reading = spawn_local(async move {
            let end = Rc::clone(&peer.link).run(&peer).await;
            peer.fail(format!("the connection ended: {end:?}"));
        });
        let engine = Self { inner, reading };
        engine.inner.link.greeted().await;
        engine.inner.link.single_stream();
        engine.inner.hello(&address.to_string());
        engine.wait_until("log-on", patience, |lane| lane.logged_on).await?;
        Ok(engine)
    }

    /// Offers contacts until there are `wanted`, all accepted.
    pub(crate) async fn open_contacts(&self, wanted: usize, patience: Duration) -> Result<()> {
        self.inner.lane.borrow_mut().wanted = wanted;
        self.inner.offer();
        self.inner.link.flush();
        self.wait_until("contacts", patience, |lane| lane.accepted == wanted).await
    }

    /// Acknowledges everything, and stays until everything of ours is acknowledged.
    pub(crate) async fn settle(&self, patience: Duration) -> Result<()> {
        self.inner.send(engine_frame::Body::Heartbeat(wire::Empty {}));
        self.inner.link.flush();
        self.wait_until("acknowledgements", patience, |lane| lane.taken == lane.sent).await
    }

    async fn wait_until(&self, what: &str, patience: Duration, done: impl Fn(&Lane) -> bool) -> Result<()> {
        let end = Clock::instant() + patience;
        while !done(&self.inner.lane.borrow()) {
            if let Some(trouble) = &self.inner.lane.borrow().trouble {
                bail!("waiting for {what}: {trouble}");
            }
            ensure!(Clock::instant() < end, "waiting for {what}: nothing for {patience:?}");
            sleep(LOOK_EVERY).await;
        }
        Ok(())
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

impl Edge for Engine {
    fn pump(&self, now: Instant) {
        self.inner.pump(now);
        self.inner.link.flush();
    }
}

impl Inner {
    fn hello(&self, authority: &str) {
        let mut unit = Unit::default();
        unit.headers(STREAM, &header_block(authority), false);
        self.link.send(unit);
        let user = wire::User {
            id: AGENT.to_owned(),
            name: "Virtual agent".to_owned(),
            agent_rights: true,
            sign_on: wire::SignOn::Password.into(),
            ..Default::default()
        };
        let hello = wire::Hello {
            engine_id: ENGINE.to_owned(),
            business_unit: UNIT.to_owned(),
            directory: Some(wire::Directory { users: vec![user], ..Default::default() }),
            ..Default::default()
        };
        self.send_frame(&wire::EngineFrame { seq: 0, ack: 0, body: Some(engine_frame::Body::Hello(hello)) });
        self.link.flush();
    }

    /// Numbers and sends; what was received is acknowledged along with it.
    fn send(&self, body: engine_frame::Body) {
        let mut lane = self.lane.borrow_mut();
        lane.sent += 1;
        lane.acknowledged = lane.received;
        let frame = wire::EngineFrame { seq: lane.sent, ack: lane.received, body: Some(body) };
        drop(lane);
        self.send_frame(&frame);
    }

    fn send_frame(&self, frame: &wire::EngineFrame) {
        let length = frame.encoded_len();
        let mut bytes = Vec::with_capacity(length + 5);
        bytes.push(0);
        bytes.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
        frame.encode_raw(&mut bytes);
        let mut unit = Unit::default();
        unit.data(STREAM, &bytes, false);
        self.link.send(unit);
    }

    fn pump(&self, now: Instant) {
        while self.lane.borrow().may_speak() {
            let Some(number) = self.meter.next(now) else { break };
            let Some(contact) = self.lane.borrow_mut().take_free(number) else { break };
            self.send(engine_frame::Body::CustomerMessage(wire::CustomerMessage {
                contact: contact_name(contact),
                message_id: number.to_string(),
                sensitive: false,
                body: Some(wire::customer_message::Body::Text(customer_text(number))),
            }));
        }
    }

    fn offer(&self) {
        loop {
            let lane = self.lane.borrow();
            let next = lane.contacts.len();
            if next >= lane.wanted || !lane.has_credit() {
                break;
            }
            drop(lane);
            self.lane.borrow_mut().contacts.push(Contact::default());
            self.send(engine_frame::Body::ContactOffered(wire::ContactOffered {
                contact: contact_name(next),
                agent: AGENT.to_owned(),
                media_type: wire::MediaType::WebInteraction.into(),
                queue: "support".to_owned(),
                customer: Some(wire::Customer { id: format!("customer-{next}"), ..Default::default() }),
                ..Default::default()
            }));
        }
    }

    fn on_message(&self, frame: wire::GatewayFrame) -> Result<()> {
        let mut lane = self.lane.borrow_mut();
        lane.taken = lane.taken.max(frame.ack);
        if frame.seq != 0 {
            ensure!(frame.seq == lane.received + 1, "frame {} after {}", frame.seq, lane.received);
            lane.received = frame.seq;
        }
        drop(lane);
        frame.body.map_or(Ok(()), |body| self.on_body(body))
    }

    fn on_body(&self, body: gateway_frame::Body) -> Result<()> {
        use gateway_frame::Body;
        match body {
            Body::Welcome(welcome) => self.lane.borrow_mut().credits = u64::from(welcome.credits),
            Body::LogOnAgent(agent) => {
                self.send(engine_frame::Body::AgentLoggedOn(wire::AgentLoggedOn { user: agent.user }));
                self.lane.borrow_mut().logged_on = true;
            }
            Body::ContactAccepted(accepted) => {
                let contact = contact_number(&accepted.contact)?;
                let mut lane = self.lane.borrow_mut();
                lane.accepted += 1;
                lane.free.push_back(contact);
            }
            Body::Command(command) => {
                let contact = contact_number(&command.contact)?;
                let waits_for = self.lane.borrow_mut().release(contact);
                let number = waits_for.with_context(|| format!("unasked: {command:?}"))?;
                self.meter.on_reply(number, read_reply(number, &command));
            }
            Body::Busy(busy) => {
                let waits_for = self.lane.borrow_mut().release(contact_number(&busy.contact)?);
                let number = waits_for.with_context(|| format!("unasked: {busy:?}"))?;
                self.meter.on_reply(number, Err(format!("busy: {}", busy.reason)));
            }
            Body::Typing(_) => {}
            Body::LogOffAgent(_) | Body::ContactRejected(_) | Body::Refused(_) | Body::Draining(_) => {
                bail!("unexpected: {body:?}");
            }
        }
        Ok(())
    }

    fn take_messages(&self, body: &[u8]) -> Result<()> {
        let mut input = mem::take(&mut self.lane.borrow_mut().input);
        input.extend_from_slice(body);
        while let Some(&[compressed, l0, l1, l2, l3]) = input.first_chunk::<5>() {
            ensure!(compressed == 0, "a compressed message");
            let length = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
            if input.len() < 5 + length {
                break;
            }
            input.advance(5);
            self.on_message(wire::GatewayFrame::decode(input.split_to(length))?)?;
        }
        self.lane.borrow_mut().input = input;
        Ok(())
    }

    /// Nothing more can come: whoever waits is told so.
    fn fail(&self, why: String) {
        let waiting: Vec<u64> =
            self.lane.borrow_mut().contacts.iter_mut().filter_map(|it| it.waits_for.take()).collect();
        for number in waiting {
            self.meter.on_reply(number, Err(why.clone()));
        }
        self.lane.borrow_mut().trouble.get_or_insert(why);
    }
}

impl Peer for Rc<Inner> {
    fn on_frame(&self, frame: Frame<'_>) {
        let outcome = match frame {
            Frame::Data { body, end: false, .. } => self.take_messages(body),
            Frame::Headers { end: false, .. } => Ok(()),
            Frame::Data { .. } | Frame::Headers { .. } => Err(anyhow::anyhow!("Usher ended the stream")),
            Frame::Reset { code, .. } => Err(anyhow::anyhow!("stream reset, code {code}")),
            Frame::GoAway { code, why } => {
                Err(anyhow::anyhow!("going away, code {code}: {}", String::from_utf8_lossy(why)))
            }
        };
        if let Err(trouble) = outcome {
            self.fail(format!("{trouble:#}"));
        }
    }

    fn on_pause(&self) {
        self.offer();
        self.pump(Clock::instant());
        if self.lane.borrow().owes_ack() {
            self.send(engine_frame::Body::Heartbeat(wire::Empty {}));
        }
    }
}

impl Lane {
    fn has_credit(&self) -> bool {
        self.sent - self.taken < self.credits
    }

    fn may_speak(&self) -> bool {
        self.has_credit() && !self.free.is_empty() && self.trouble.is_none()
    }

    fn owes_ack(&self) -> bool {
        self.received - self.acknowledged >= ACK_AFTER
    }

    fn take_free(&mut self, number: u64) -> Option<usize> {
        let contact = self.free.pop_front()?;
        self.contacts.get_mut(contact)?.waits_for = Some(number);
        Some(contact)
    }

    fn release(&mut self, contact: usize) -> Option<u64> {
        let number = self.contacts.get_mut(contact)?.waits_for.take()?;
        self.free.push_back(contact);
        Some(number)
    }
}

fn read_reply(number: u64, command: &wire::Command) -> Result<(), String> {
    let Some(wire::command::Command::Say(say)) = &command.command else {
        return Err(format!("no reply but {command:?}"));
    };
    match say.messages.as_slice() {
        [wire::Message { message: Some(wire::message::Message::Text(text)) }] if *text == answer_text(number) => Ok(()),
        other => Err(format!("another reply: {other:?}")),
    }
}

fn contact_name(contact: usize) -> String {
    format!("contact-{contact:08}")
}

fn contact_number(name: &str) -> Result<usize> {
    let number = name.strip_prefix("contact-").and_then(|number| number.parse().ok());
    number.with_context(|| format!("not a contact of ours: {name}"))
}

fn header_block(authority: &str) -> Vec<u8> {
    let mut block = Vec::new();
    headers::indexed(&mut block, headers::METHOD_POST);
    headers::indexed(&mut block, headers::SCHEME_HTTP);
    headers::passing(&mut block, headers::PATH, b"/usher.engine.v1.VirtualAgents/Attach");
    headers::passing(&mut block, headers::AUTHORITY, authority.as_bytes());
    headers::passing(&mut block, Name::New(b"te"), b"trailers");
    headers::passing(&mut block, headers::CONTENT_TYPE, b"application/grpc");
    headers::secret(&mut block, headers::AUTHORIZATION, format!("Bearer {TOKEN}").as_bytes());
    block
}
