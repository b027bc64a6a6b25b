//! Dialogflow on the wire: answers every `DetectIntent` with a real answer's shape, at once or after the engine time set.

use std::{
    cell::{Cell, RefCell},
    collections::{HashMap, VecDeque},
    io,
    net::SocketAddr,
    rc::Rc,
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::{spawn_local, yield_now},
    time::Instant,
};
use usher::clock::Clock;

use crate::{
    frames::{Frame, Link, Peer, Unit},
    headers::{self, Name},
    messages::{Answers, Digits, find_number},
};

/// Where the other side's table has our two fields, once the first answer is out.
const REMEMBERED_CONTENT_TYPE: u8 = 63;
const REMEMBERED_GRPC_STATUS: u8 = 62;

/// The language engine that every system under test calls.
pub(crate) struct Fake {
    pub(crate) address: SocketAddr,
    /// Where the service account's token comes from.
    pub(crate) token_address: SocketAddr,
    answers: Answers,
    engine_time: Cell<Duration>,
    /// Answers whose engine time is not over, in order.
    later: RefCell<VecDeque<Later>>,
    asked: Cell<u64>,
    unreadable: Cell<u64>,
}

struct Later {
    due: Instant,
    door: Rc<Door>,
    stream: u32,
    number: Digits,
}

/// One connection to the fake.
struct Door {
    link: Rc<Link>,
    fake: Rc<Fake>,
    first: Cell<bool>,
    /// Bodies that did not come in one frame.
    partial: RefCell<HashMap<u32, Vec<u8>>>,
    body: RefCell<Vec<u8>>,
}

impl Fake {
    pub(crate) async fn start() -> io::Result<Rc<Self>> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let tokens = TcpListener::bind("127.0.0.1:0").await?;
        let fake = Rc::new(Self {
            address: listener.local_addr()?,
            token_address: tokens.local_addr()?,
            answers: Answers::new(),
            engine_time: Cell::new(Duration::ZERO),
            later: RefCell::default(),
            asked: Cell::new(0),
            unreadable: Cell::new(0),
        });
        spawn_local(accept(listener, Rc::clone(&fake)));
        spawn_local(give_tokens(tokens));
        Ok(fake)
    }

    pub(crate) fn set_engine_time(&self, time: Duration) {
        self.engine_time.set(time);
    }

    /// How many calls have come in.
    pub(crate) fn asked(&self) -> u64 {
        self.asked.get()
    }

    /// Calls whose body held no numbered question.
    pub(crate) fn unreadable(&self) -> u64 {
        self.unreadable.get()
    }

    pub(crate) fn answer_bytes(&self) -> usize {
        self.answers.message_bytes()
    }

    /// Sends the answers whose engine time is over.
    pub(crate) fn release(&self, now: Instant) {
        let mut later = self.later.borrow_mut();
        while later.front().is_some_and(|it| it.due <= now) {
            if let Some(Later { door, stream, number, .. }) = later.pop_front() {
                door.answer(stream, &number);
                door.link.flush();
            }
        }
    }
}

async fn accept(listener: TcpListener, fake: Rc<Fake>) {
    loop {
        // A connection that was gone before it was accepted; the next one may not be.
        let Ok((stream, _)) = listener.accept().await else {
            yield_now().await;
            continue;
        };
        let Ok(link) = Link::accepted(stream) else { continue };
        let door = Door {
            link: Rc::new(link),
            fake: Rc::clone(&fake),
            first: Cell::new(true),
            partial: RefCell::default(),
            body: RefCell::default(),
        };
        spawn_local(async move {
            let door = Rc::new(door);
            // A peer that goes away is the end of this connection and no more: what it still owed shows in the counts.
            Rc::clone(&door.link).run(&door).await.ok();
        });
    }
}

impl Peer for Rc<Door> {
    fn on_frame(&self, frame: Frame<'_>) {
        match frame {
            Frame::Data { stream, end, body } => self.on_data(stream, end, body),
            Frame::Reset { stream, .. } => drop(self.partial.borrow_mut().remove(&stream)),
            Frame::Headers { .. } | Frame::GoAway { .. } => {}
        }
    }

    fn on_pause(&self) {}
}

impl Door {
    fn on_data(self: &Rc<Self>, stream: u32, end: bool, body: &[u8]) {
        let mut partial = self.partial.borrow_mut();
        if !end {
            partial.entry(stream).or_default().extend_from_slice(body);
            return;
        }
        match partial.remove(&stream) {
            None => self.on_question(stream, body),
            Some(start) => self.on_question(stream, &[start.as_slice(), body].concat()),
        }
    }

    fn on_question(self: &Rc<Self>, stream: u32, body: &[u8]) {
        let fake = &self.fake;
        fake.asked.set(fake.asked.get() + 1);
        let Some(number) = find_number(body) else {
            fake.unreadable.set(fake.unreadable.get() + 1);
            return;
        };
        let wait = fake.engine_time.get();
        if wait.is_zero() {
            self.answer(stream, number);
        } else {
            let due = Clock::instant() + wait;
            fake.later.borrow_mut().push_back(Later { due, door: Rc::clone(self), stream, number: *number });
        }
    }

    fn answer(&self, stream: u32, number: &Digits) {
        let mut body = self.body.borrow_mut();
        self.fake.answers.fill(number, &mut body);
        let (head, trailers) = self.header_blocks();
        let mut unit = Unit::default();
        unit.headers(stream, &head, false);
        unit.data(stream, &body, false);
        unit.headers(stream, &trailers, true);
        self.link.send(unit);
    }

    fn header_blocks(&self) -> (Vec<u8>, Vec<u8>) {
        let (mut head, mut trailers) = (Vec::with_capacity(32), Vec::with_capacity(32));
        let first = self.first.replace(false);
        if !self.link.indexes_headers() {
            if first {
                headers::no_table(&mut head);
            }
            headers::indexed(&mut head, headers::STATUS_200);
            headers::passing(&mut head, headers::CONTENT_TYPE, b"application/grpc");
            headers::passing(&mut trailers, Name::New(b"grpc-status"), b"0");
        } else if first {
            headers::indexed(&mut head, headers::STATUS_200);
            headers::remembered(&mut head, headers::CONTENT_TYPE, b"application/grpc");
            headers::remembered(&mut trailers, Name::New(b"grpc-status"), b"0");
        } else {
            headers::indexed(&mut head, headers::STATUS_200);
            headers::indexed(&mut head, REMEMBERED_CONTENT_TYPE);
            headers::indexed(&mut trailers, REMEMBERED_GRPC_STATUS);
        }
        (head, trailers)
    }
}

/// The token endpoint of the service account, for the one or two requests that a run makes.
async fn give_tokens(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        spawn_local(async move { give_token(stream).await.ok() });
    }
}

async fn give_token(mut stream: TcpStream) -> io::Result<()> {
    let mut request = Vec::new();
    while !is_whole(&request) {
        if stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let body = format!(r#"{{"access_token":"{TOKEN}","expires_in":3599,"token_type":"Bearer"}}"#);
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

/// Whether an HTTP/1 request with a `content-length` has come in whole.
fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    body.len() >= length.unwrap_or_default()
}

/// As long as those of Google's service accounts.
pub(crate) const TOKEN: &str = concat!(
    "ya29.c.c0ASRK0GYjT1nRk5wB4dM7xQ2sLhVt9eUa3fZoXcPiDq6bNgHrWyKmSvJ8lEuT0pOAzF1CkQdYnBhMxRjGsLwVtIeUa3fZoXcP",
    "iDq6bNgHrWyKmSvJ8lEuT0pOAzF1CkQdYnBhMxRjGsLwVtIeUa3fZoXcPiDq6bNgHrWyKmSvJ8lEuT0pOAzF1CkQdYnBhMxRjGsLwVtI"
);
