//! The driver's edge for what stands between a gRPC client and Dialogflow: nothing, nginx or haproxy.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    io,
    net::SocketAddr,
    rc::Rc,
};

use tokio::{
    task::{JoinHandle, spawn_local},
    time::Instant,
};
use usher::clock::Clock;

use crate::{
    driver::Edge,
    fake::TOKEN,
    frames::{Frame, Link, Peer, Unit},
    headers::{self, Name},
    messages::{Answers, Questions, digits, session_path},
    meter::Meter,
};

/// Calls that may run at a time, and so connections that nginx may open: fewer than a process may commonly have.
pub(crate) const MOST_STREAMS: usize = 512;

/// Where the other side's table has our fields, once the first request is out; the last one added is the first.
const REMEMBERED: &[u8] = &[66, 65, 64, 63, 62];

/// A gRPC client on one connection.
pub(crate) struct Unary {
    inner: Rc<Inner>,
    reading: JoinHandle<()>,
}

struct Inner {
    link: Rc<Link>,
    meter: Rc<Meter>,
    /// The first call's headers, and every later one's.
    first_headers: Vec<u8>,
    headers: Vec<u8>,
    next_stream: Cell<u32>,
    waiting: RefCell<HashMap<u32, Waiting>>,
    questions: Questions,
    answers: Answers,
    /// Kept to save an allocation.
    body: RefCell<Vec<u8>>,
}

struct Waiting {
    number: u64,
    verdict: Option<bool>,
    /// What came before the last frame of a body that does not fit one.
    partial: Vec<u8>,
}

impl Unary {
    pub(crate) async fn connect(address: SocketAddr, meter: Rc<Meter>) -> io::Result<Self> {
        let inner = Rc::new(Inner {
            link: Rc::new(Link::connect(address).await?),
            meter,
            first_headers: header_block(Some(&address.to_string())),
            headers: header_block(None),
            next_stream: Cell::new(1),
            waiting: RefCell::default(),
            questions: Questions::new(),
            answers: Answers::new(),
            body: RefCell::default(),
        });
        let peer = Rc::clone(&inner);
        let reading = spawn_local(async move {
            let end = Rc::clone(&peer.link).run(&peer).await;
            peer.fail_all(&format!("the connection ended: {end:?}"));
        });
        inner.link.greeted().await;
        Ok(Self { inner, reading })
    }
}

impl Drop for Unary {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

impl Edge for Unary {
    fn pump(&self, now: Instant) {
        self.inner.pump(now);
        self.inner.link.flush();
    }
}

impl Inner {
    fn pump(&self, now: Instant) {
        while self.waiting.borrow().len() < MOST_STREAMS {
            let Some(number) = self.meter.next(now) else { break };
            self.ask(number);
        }
    }

    fn ask(&self, number: u64) {
        let stream = self.next_stream.replace(self.next_stream.get() + 2);
        let mut body = self.body.borrow_mut();
        self.questions.fill(&digits(number), &mut body);
        let mut unit = Unit::default();
        unit.headers(stream, if stream == 1 { &self.first_headers } else { &self.headers }, false);
        unit.data(stream, &body, true);
        self.link.send(unit);
        self.waiting.borrow_mut().insert(stream, Waiting { number, verdict: None, partial: Vec::new() });
    }

    fn on_data(&self, stream: u32, body: &[u8]) {
        let mut waiting = self.waiting.borrow_mut();
        let Some(waiting) = waiting.get_mut(&stream) else { return };
        let mut scratch = self.body.borrow_mut();
        if waiting.partial.is_empty() && self.answers.is_answer(waiting.number, body, &mut scratch) {
            waiting.verdict = Some(true);
            return;
        }
        waiting.partial.extend_from_slice(body);
        waiting.verdict = Some(self.answers.is_answer(waiting.number, &waiting.partial, &mut scratch));
    }

    fn on_end(&self, stream: u32, verdict: impl FnOnce(&Waiting) -> Result<(), String>) {
        let ended = self.waiting.borrow_mut().remove(&stream);
        if let Some(waiting) = ended {
            self.meter.on_reply(waiting.number, verdict(&waiting));
        }
    }

    fn fail_all(&self, why: &str) {
        for (_, waiting) in self.waiting.borrow_mut().drain() {
            self.meter.on_reply(waiting.number, Err(why.to_owned()));
        }
    }
}

/// A call's headers; with `authority` those of a connection's first, which the other side is to remember.
fn header_block(authority: Option<&str>) -> Vec<u8> {
    let mut block = Vec::new();
    headers::indexed(&mut block, headers::METHOD_POST);
    headers::indexed(&mut block, headers::SCHEME_HTTP);
    match authority {
        Some(authority) => {
            headers::remembered(&mut block, headers::PATH, b"/google.cloud.dialogflow.v2.Sessions/DetectIntent");
            headers::remembered(&mut block, headers::AUTHORITY, authority.as_bytes());
            headers::remembered(&mut block, Name::New(b"te"), b"trailers");
            headers::remembered(&mut block, headers::CONTENT_TYPE, b"application/grpc");
            headers::remembered(&mut block, headers::USER_AGENT, b"relay-bench/1");
        }
        None => REMEMBERED.iter().for_each(|index| headers::indexed(&mut block, *index)),
    }
    headers::secret(&mut block, headers::AUTHORIZATION, format!("Bearer {TOKEN}").as_bytes());
    headers::passing(&mut block, Name::New(b"grpc-timeout"), b"7000000u");
    let session = session_path().replace('/', "%2F");
    headers::passing(&mut block, Name::New(b"x-goog-request-params"), format!("session={session}").as_bytes());
    block
}

fn read_verdict(waiting: &Waiting) -> Result<(), String> {
    match waiting.verdict {
        Some(true) => Ok(()),
        Some(false) => Err(format!("another answer: {}", String::from_utf8_lossy(&waiting.partial))),
        None => Err("the call ended without an answer".to_owned()),
    }
}

impl Peer for Rc<Inner> {
    fn on_frame(&self, frame: Frame<'_>) {
        match frame {
            Frame::Data { stream, end, body } => {
                if !body.is_empty() {
                    self.on_data(stream, body);
                }
                if end {
                    self.on_end(stream, read_verdict);
                }
            }
            Frame::Headers { stream, end: true } => self.on_end(stream, read_verdict),
            Frame::Headers { .. } => {}
            Frame::Reset { stream, code } => self.on_end(stream, |_| Err(format!("stream reset, code {code}"))),
            Frame::GoAway { code, why } => {
                self.fail_all(&format!("going away, code {code}: {}", String::from_utf8_lossy(why)));
            }
        }
    }

    fn on_pause(&self) {
        self.pump(Clock::instant());
    }
}
