//! As much HTTP/2 as driver and fake need: frames in, frames out, windows kept, headers written but never decoded.
//!
//! A full stack on both ends would cost more than the systems measured here. Everything lives on one thread.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    io,
    net::SocketAddr,
    rc::Rc,
};

use bytes::{Buf as _, BytesMut};
use tokio::{
    io::AsyncReadExt as _,
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::Notify,
};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const LARGEST_WINDOW: u32 = i32::MAX.unsigned_abs();
const DEFAULT_WINDOW: u32 = 65_535;
/// Received bytes after which the window is given back.
const REFILL: u32 = 1 << 26;
const READ_BYTES: usize = 64 * 1024;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GO_AWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;

const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;

const SETTING_TABLE_SIZE: u16 = 1;
const SETTING_INITIAL_WINDOW: u16 = 4;
const DEFAULT_TABLE_SIZE: u32 = 4096;

/// What a [`Peer`] is shown.
pub(crate) enum Frame<'a> {
    Headers { stream: u32, end: bool },
    Data { stream: u32, end: bool, body: &'a [u8] },
    Reset { stream: u32, code: u32 },
    GoAway { code: u32, why: &'a [u8] },
}

/// The owner of a link: is shown its frames, and told when one read's worth is through, just before the link is flushed.
pub(crate) trait Peer {
    fn on_frame(&self, frame: Frame<'_>);
    fn on_pause(&self);
}

/// Frames that go out together once the window has room for their body.
#[derive(Default)]
pub(crate) struct Unit {
    bytes: Vec<u8>,
    body: u32,
}

impl Unit {
    pub(crate) fn headers(&mut self, stream: u32, block: &[u8], end: bool) {
        put_frame(&mut self.bytes, HEADERS, END_HEADERS | if end { END_STREAM } else { 0 }, stream, block);
    }

    pub(crate) fn data(&mut self, stream: u32, body: &[u8], end: bool) {
        put_frame(&mut self.bytes, DATA, if end { END_STREAM } else { 0 }, stream, body);
        self.body += u32::try_from(body.len()).unwrap_or(u32::MAX);
    }
}

/// One connection's sending half and its windows; [`Link::run`] serves the receiving half.
pub(crate) struct Link {
    writer: OwnedWriteHalf,
    reader: RefCell<Option<OwnedReadHalf>>,
    out: RefCell<Vec<u8>>,
    /// Units in order, waiting for the window.
    held: RefCell<VecDeque<Unit>>,
    room: Cell<i64>,
    /// Set once a single stream carries everything; otherwise each stream's body fits its first window.
    stream_room: Cell<Option<i64>>,
    first_window: Cell<i64>,
    table_size: Cell<u32>,
    received: Cell<u32>,
    client: bool,
    greeted: Cell<bool>,
    greeting: Notify,
    /// Something is left to write, or this link is to end.
    kick: Notify,
}

impl Link {
    pub(crate) async fn connect(address: SocketAddr) -> io::Result<Self> {
        let link = Self::new(TcpStream::connect(address).await?, true)?;
        link.out.borrow_mut().extend_from_slice(PREFACE);
        link.greet();
        Ok(link)
    }

    pub(crate) fn accepted(stream: TcpStream) -> io::Result<Self> {
        let link = Self::new(stream, false)?;
        link.greet();
        Ok(link)
    }

    fn new(stream: TcpStream, client: bool) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let (reader, writer) = stream.into_split();
        Ok(Self {
            writer,
            reader: RefCell::new(Some(reader)),
            out: RefCell::default(),
            held: RefCell::default(),
            room: Cell::new(i64::from(DEFAULT_WINDOW)),
            stream_room: Cell::new(None),
            first_window: Cell::new(i64::from(DEFAULT_WINDOW)),
            table_size: Cell::new(DEFAULT_TABLE_SIZE),
            received: Cell::new(0),
            client,
            greeted: Cell::new(false),
            greeting: Notify::new(),
            kick: Notify::new(),
        })
    }

    fn greet(&self) {
        let mut settings = Vec::new();
        settings.extend_from_slice(&SETTING_INITIAL_WINDOW.to_be_bytes());
        settings.extend_from_slice(&LARGEST_WINDOW.to_be_bytes());
        let mut out = self.out.borrow_mut();
        put_frame(&mut out, SETTINGS, 0, 0, &settings);
        put_frame(&mut out, WINDOW_UPDATE, 0, 0, &(LARGEST_WINDOW - DEFAULT_WINDOW).to_be_bytes());
    }

    /// Everything from now on goes over one stream, whose own window counts too.
    pub(crate) fn single_stream(&self) {
        self.stream_room.set(Some(self.first_window.get()));
    }

    /// Until the other side has sent its settings.
    pub(crate) async fn greeted(&self) {
        while !self.greeted.get() {
            self.greeting.notified().await;
        }
    }

    /// Whether the other side keeps a header table to refer to.
    pub(crate) fn indexes_headers(&self) -> bool {
        self.table_size.get() >= DEFAULT_TABLE_SIZE
    }

    pub(crate) fn send(&self, unit: Unit) {
        let mut held = self.held.borrow_mut();
        if held.is_empty() && self.has_room(unit.body) {
            self.spend(&unit);
        } else {
            held.push_back(unit);
        }
    }

    fn has_room(&self, body: u32) -> bool {
        let body = i64::from(body);
        self.room.get() >= body && self.stream_room.get().unwrap_or(self.first_window.get()) >= body
    }

    fn spend(&self, unit: &Unit) {
        let body = i64::from(unit.body);
        self.room.set(self.room.get() - body);
        self.stream_room.set(self.stream_room.get().map(|room| room - body));
        self.out.borrow_mut().extend_from_slice(&unit.bytes);
    }

    fn release_held(&self) {
        let mut held = self.held.borrow_mut();
        while held.front().is_some_and(|unit| self.has_room(unit.body)) {
            if let Some(unit) = held.pop_front() {
                self.spend(&unit);
            }
        }
    }

    /// Writes what the socket takes; the rest follows when it is writable again.
    pub(crate) fn flush(&self) {
        if let Ok(false) = self.write_some() {
            self.kick.notify_one();
        }
    }

    /// Whether everything is written.
    fn write_some(&self) -> io::Result<bool> {
        let mut out = self.out.borrow_mut();
        while !out.is_empty() {
            match self.writer.try_write(&out) {
                Ok(written) if written == out.len() => out.clear(),
                Ok(written) => drop(out.drain(..written)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Reads until the other side closes.
    pub(crate) async fn run(self: Rc<Self>, peer: &impl Peer) -> io::Result<()> {
        let Some(mut reader) = self.reader.borrow_mut().take() else { return Ok(()) };
        let mut input = BytesMut::with_capacity(2 * READ_BYTES);
        let mut greeting = if self.client { 0 } else { PREFACE.len() };
        loop {
            let written = self.write_some()?;
            input.reserve(READ_BYTES);
            tokio::select! {
                read = reader.read_buf(&mut input) => if read? == 0 { return Ok(()) },
                writable = self.writer.writable(), if !written => { writable?; continue }
                () = self.kick.notified() => continue,
            }
            if input.len() < greeting {
                continue;
            }
            input.advance(greeting);
            greeting = 0;
            let used = self.take_frames(&input, peer)?;
            input.advance(used);
            peer.on_pause();
        }
    }

    fn take_frames(&self, input: &[u8], peer: &impl Peer) -> io::Result<usize> {
        let mut rest = input;
        while let Some((&[l0, l1, l2, kind, flags, s0, s1, s2, s3], tail)) = rest.split_first_chunk::<9>() {
            let length = u32::from_be_bytes([0, l0, l1, l2]);
            let Some((payload, tail)) = tail.split_at_checked(length as usize) else { break };
            rest = tail;
            let stream = u32::from_be_bytes([s0, s1, s2, s3]) & LARGEST_WINDOW;
            self.take_frame(kind, flags, stream, payload, peer)?;
        }
        Ok(input.len() - rest.len())
    }

    fn take_frame(&self, kind: u8, flags: u8, stream: u32, payload: &[u8], peer: &impl Peer) -> io::Result<()> {
        let end = flags & END_STREAM != 0;
        match kind {
            DATA => {
                self.give_back(stream, payload.len());
                peer.on_frame(Frame::Data { stream, end, body: unpadded(flags, payload)? });
            }
            HEADERS => peer.on_frame(Frame::Headers { stream, end }),
            RESET => peer.on_frame(Frame::Reset { stream, code: number(payload)? }),
            SETTINGS if flags & ACK == 0 => self.take_settings(payload)?,
            PING if flags & ACK == 0 => put_frame(&mut self.out.borrow_mut(), PING, ACK, 0, payload),
            GO_AWAY => {
                let why = payload.get(8..).unwrap_or_default();
                peer.on_frame(Frame::GoAway { code: number(payload.get(4..).unwrap_or_default())?, why });
            }
            WINDOW_UPDATE => {
                let more = i64::from(number(payload)?);
                if stream == 0 {
                    self.room.set(self.room.get() + more);
                } else {
                    self.stream_room.set(self.stream_room.get().map(|room| room + more));
                }
                self.release_held();
            }
            // Priorities, continued headers and the like say nothing that is needed here.
            _ => {}
        }
        Ok(())
    }

    fn take_settings(&self, mut payload: &[u8]) -> io::Result<()> {
        while let Some((&[i0, i1, v0, v1, v2, v3], tail)) = payload.split_first_chunk::<6>() {
            payload = tail;
            let value = u32::from_be_bytes([v0, v1, v2, v3]);
            match u16::from_be_bytes([i0, i1]) {
                SETTING_TABLE_SIZE => self.table_size.set(value),
                SETTING_INITIAL_WINDOW => {
                    let change = i64::from(value) - self.first_window.get();
                    self.first_window.set(i64::from(value));
                    self.stream_room.set(self.stream_room.get().map(|room| room + change));
                }
                _ => {}
            }
        }
        if !payload.is_empty() {
            return Err(broken("settings of odd length"));
        }
        put_frame(&mut self.out.borrow_mut(), SETTINGS, ACK, 0, &[]);
        self.release_held();
        self.greeted.set(true);
        self.greeting.notify_waiters();
        Ok(())
    }

    fn give_back(&self, stream: u32, received: usize) {
        let total = self.received.get() + u32::try_from(received).unwrap_or(u32::MAX);
        if total < REFILL {
            self.received.set(total);
            return;
        }
        self.received.set(0);
        let mut out = self.out.borrow_mut();
        put_frame(&mut out, WINDOW_UPDATE, 0, 0, &total.to_be_bytes());
        if self.stream_room.get().is_some() {
            put_frame(&mut out, WINDOW_UPDATE, 0, stream, &total.to_be_bytes());
        }
    }
}

fn put_frame(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    let [_, l0, l1, l2] = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes();
    out.extend_from_slice(&[l0, l1, l2, kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(payload);
}

fn unpadded(flags: u8, payload: &[u8]) -> io::Result<&[u8]> {
    if flags & PADDED == 0 {
        return Ok(payload);
    }
    let cut = payload.split_first().and_then(|(&pad, rest)| rest.get(..rest.len().checked_sub(usize::from(pad))?));
    cut.ok_or_else(|| broken("more padding than frame"))
}

fn number(payload: &[u8]) -> io::Result<u32> {
    payload.first_chunk().map(|bytes| u32::from_be_bytes(*bytes)).ok_or_else(|| broken("frame too short"))
}

fn broken(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}
