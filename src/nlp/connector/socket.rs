//! One socket, from its `hello` to its end: reads frames, writes what its session's outbox holds, pings.
//!
//! There may be very many of them, most of them idle: buffers are small, and what is rarely done is boxed.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{Arc, Weak, atomic::Ordering},
    task::Poll,
    time::Duration,
};

use futures::{SinkExt as _, StreamExt as _};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    time::{Instant, Sleep, sleep_until, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        self, Message,
        protocol::{CloseFrame, WebSocketConfig},
    },
};

use super::{
    convert,
    door::{Direction, Door, Guest},
    frames::{Bad, Code, FromConnector, Hello, MAX_BYTES_TO_CONNECTOR, ToConnector, Welcome},
    hub::{Desk, Wire},
    pool::{Departure, Seat, Take},
};
use crate::{clock::Clock, telemetry::labels::ConnectorClose};

const HELLO_WITHIN: Duration = Duration::from_secs(10);
/// For the last frames, and for the connector to take them.
const FAREWELL_WITHIN: Duration = Duration::from_secs(2);
/// What is read from a socket that was told to go, so that its close frame is not lost to a reset.
const MAX_DISCARDED: u64 = 1 << 20;

/// A frame of up to so many bytes comes from connectors.
pub(super) fn websocket(max_frame_bytes: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(2048)
        .write_buffer_size(0)
        .max_write_buffer_size(MAX_BYTES_TO_CONNECTOR + 65_536)
        .max_message_size(Some(max_frame_bytes))
        .max_frame_size(Some(max_frame_bytes))
}

#[must_use]
pub const fn close_code(why: ConnectorClose) -> u16 {
    match why {
        ConnectorClose::Left | ConnectorClose::Cut => 1000,
        ConnectorClose::Draining => 1001,
        ConnectorClose::Protocol => 1002,
        ConnectorClose::TooLarge => 1009,
        ConnectorClose::NoHello => 4000,
        ConnectorClose::TokenRevoked => 4001,
        ConnectorClose::BadFrames => 4002,
        ConnectorClose::SlowConsumer => 4003,
        ConnectorClose::Replaced => 4004,
        ConnectorClose::ProfileGone => 4005,
        ConnectorClose::NoSignOfLife => 4006,
    }
}

/// How a socket ends: the reason, the last frames, and whether anything can still be written.
struct End {
    why: ConnectorClose,
    last: Vec<ToConnector>,
    writable: bool,
}

impl End {
    const fn told(why: ConnectorClose) -> Self {
        Self { why, last: Vec::new(), writable: true }
    }

    const fn silent(why: ConnectorClose) -> Self {
        Self { why, last: Vec::new(), writable: false }
    }
}

pub(super) async fn run<IO>(mut ws: WebSocketStream<IO>, guest: Guest)
where
    IO: AsyncRead + AsyncWrite + Unpin + Send,
{
    let end = match Box::pin(first(&mut ws, &guest)).await {
        Ok(hello) => attached(&mut ws, &guest, &hello).await,
        Err(end) => end,
    };
    guest.door.metrics.connector_closed(end.why);
    if end.writable {
        Box::pin(farewell(&mut ws, end, &guest.door)).await;
    }
}

/// The `hello`.
async fn first<IO>(ws: &mut WebSocketStream<IO>, guest: &Guest) -> Result<Hello, End>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let read = async {
        loop {
            match ws.next().await {
                Some(Ok(Message::Text(text))) => {
                    guest.door.hear(Direction::FromConnector, &text);
                    return FromConnector::read(&text).map_err(Some);
                }
                Some(Ok(Message::Binary(_))) => return Err(Some(not_text())),
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(None),
            }
        }
    };
    let read = tokio::select! {
        read = timeout(HELLO_WITHIN, read) => read,
        () = guest.door.closing.cancelled() => return Err(End::told(ConnectorClose::Draining)),
    };
    let bad = match read {
        Ok(Ok(FromConnector::Hello(hello))) => return Ok(hello),
        Ok(Ok(_)) => Bad::new(Code::Unexpected, "the first frame is `hello`"),
        Ok(Err(Some(bad))) => bad,
        Ok(Err(None)) => return Err(End::silent(ConnectorClose::Cut)),
        Err(_elapsed) => return Err(End::told(ConnectorClose::NoHello)),
    };
    if let Some(desk) = guest.desk.upgrade() {
        desk.count_bad(bad.code);
    }
    Err(End { last: vec![ToConnector::Error(bad.into())], ..End::told(ConnectorClose::NoHello) })
}

fn not_text() -> Bad {
    Bad::new(Code::NotText, "a frame is a text message; this is a binary one")
}

async fn attached<IO>(ws: &mut WebSocketStream<IO>, guest: &Guest, hello: &Hello) -> End
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let Some(desk) = guest.desk.upgrade() else { return End::told(ConnectorClose::ProfileGone) };
    let wire = Arc::new(Wire::default());
    let session = format!("{:032x}", rand::random::<u128>());
    let (arrival, terms) =
        desk.with(|pool, now| (pool.attach(Arc::clone(&wire), guest.token, hello, session, now), pool.terms()));
    let name = hello.name.as_deref().unwrap_or_default();
    tracing::info!(
        unit = %desk.name.unit, profile = %desk.name.profile, connector = name, resumed = arrival.resumed,
        "a connector is attached"
    );
    let (door, now) = (&guest.door, Clock::instant());
    let welcome = Welcome {
        session: arrival.session,
        resumed: arrival.resumed,
        unit: desk.name.unit.to_string(),
        profile: desk.name.profile.to_string(),
        credits: arrival.credits,
        resume_within_ms: convert::millis(terms.resume_within),
        ping_every_ms: convert::millis(door.terms.ping_every),
        max_frame_bytes: door.terms.max_frame_bytes,
    };
    drop(desk);
    let mut socket = Socket {
        ws,
        wire,
        seat: arrival.seat,
        door,
        desk: guest.desk.clone(),
        write_within: door.terms.write_within,
        ping_every: door.terms.ping_every,
        write_by: None,
        heard_at: now,
        ping_at: now + door.terms.ping_every,
    };
    let end = match socket.write_frame(&ToConnector::Welcome(welcome)) {
        Ok(()) => socket.run().await,
        Err(end) => end,
    };
    let how = match end.why {
        ConnectorClose::Cut | ConnectorClose::NoSignOfLife => Departure::Cut,
        ConnectorClose::Left
        | ConnectorClose::Draining
        | ConnectorClose::TooLarge
        | ConnectorClose::Protocol
        | ConnectorClose::NoHello
        | ConnectorClose::TokenRevoked
        | ConnectorClose::BadFrames
        | ConnectorClose::SlowConsumer
        | ConnectorClose::Replaced
        | ConnectorClose::ProfileGone => Departure::End,
    };
    if let Some(desk) = guest.desk.upgrade() {
        desk.with(|pool, now| pool.detach(arrival.seat, how, now));
        let (unit, profile) = (&desk.name.unit, &desk.name.profile);
        tracing::info!(%unit, %profile, connector = name, why = ?end.why, "a connector's socket ended");
    }
    end
}

struct Socket<'a, IO> {
    ws: &'a mut WebSocketStream<IO>,
    wire: Arc<Wire>,
    seat: Seat,
    door: &'a Door,
    /// Weak: a profile that is withdrawn does not wait for its sockets.
    desk: Weak<Desk>,
    write_within: Duration,
    ping_every: Duration,
    /// Something is being written, and has to be gone by then.
    write_by: Option<Instant>,
    heard_at: Instant,
    ping_at: Instant,
}

enum Event {
    Read(Option<Result<Message, tungstenite::Error>>),
    Written(Result<(), tungstenite::Error>),
    Woken,
    Time,
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Socket<'_, IO> {
    async fn run(&mut self) -> End {
        let mut timer = std::pin::pin!(sleep_until(self.due()));
        loop {
            if let Some(end) = self.look() {
                return end;
            }
            let happened = match self.wait(timer.as_mut()).await {
                Event::Read(read) => self.on_read(read),
                Event::Written(Ok(())) => {
                    self.write_by = None;
                    Ok(())
                }
                Event::Written(Err(_)) => Err(End::silent(ConnectorClose::Cut)),
                Event::Woken => Ok(()),
                Event::Time => self.on_time(),
            };
            if let Err(end) = happened {
                return end;
            }
        }
    }

    /// Does what the pool asks for: ends, or begins to write the next frame.
    fn look(&mut self) -> Option<End> {
        if let Some(end) = self.told_to_end() {
            return Some(end);
        }
        let Some(desk) = self.desk.upgrade() else { return Some(End::told(ConnectorClose::ProfileGone)) };
        if self.wire.flooded.load(Ordering::Relaxed) {
            desk.with(|pool, now| pool.on_slow(self.seat, now));
            return self.told_to_end();
        }
        if self.write_by.is_some() {
            return None;
        }
        let frame = match desk.with(|pool, now| pool.take(self.seat, now)) {
            Take::Nothing => return None,
            // It was told why, or its session ended by what itself did.
            Take::Gone => return self.told_to_end().or(Some(End::told(ConnectorClose::Left))),
            Take::Frame(frame) => frame,
        };
        drop(desk);
        self.write_frame(&frame).err()
    }

    fn write_frame(&mut self, frame: &ToConnector) -> Result<(), End> {
        let text = frame.text();
        if text.len() <= MAX_BYTES_TO_CONNECTOR {
            self.door.hear(Direction::ToConnector, &text);
            return self.write(Message::text(text));
        }
        if let (ToConnector::Turn(turn), Some(desk)) = (frame, self.desk.upgrade()) {
            desk.with(|pool, now| pool.on_unsendable(self.seat, &turn.turn_id, now));
        }
        // There may be more.
        self.wire.wake.notify_one();
        Ok(())
    }

    fn told_to_end(&self) -> Option<End> {
        self.wire.take_end().map(|(why, last)| End { why, last, writable: true })
    }

    /// Begins to write; [`Self::wait`] goes on with it.
    fn write(&mut self, message: Message) -> Result<(), End> {
        self.write_by = Some(Clock::instant() + self.write_within);
        self.ws.start_send_unpin(message).map_err(|_broken| End::silent(ConnectorClose::Cut))
    }

    fn due(&self) -> Instant {
        let silence = self.heard_at + self.ping_every * 2;
        self.ping_at.min(silence).min(self.write_by.unwrap_or(silence))
    }

    /// Reads on while it writes: a connector that says much and hears little must not stop us both.
    async fn wait(&mut self, mut timer: Pin<&mut Sleep>) -> Event {
        let due = self.due();
        if timer.deadline() != due {
            timer.as_mut().reset(due);
        }
        let (ws, writes) = (&mut *self.ws, self.write_by.is_some());
        let io = poll_fn(|cx| {
            if writes && let Poll::Ready(written) = ws.poll_flush_unpin(cx) {
                return Poll::Ready(Event::Written(written));
            }
            ws.poll_next_unpin(cx).map(Event::Read)
        });
        tokio::select! {
            event = io => event,
            () = self.wire.wake.notified() => Event::Woken,
            () = timer => Event::Time,
        }
    }

    fn on_time(&mut self) -> Result<(), End> {
        let now = Clock::instant();
        if self.write_by.is_some_and(|it| now >= it) {
            if let Some(desk) = self.desk.upgrade() {
                desk.with(|pool, now| pool.on_slow(self.seat, now));
            }
            return Err(self.told_to_end().unwrap_or(End::told(ConnectorClose::SlowConsumer)));
        }
        if now >= self.heard_at + self.ping_every * 2 {
            return Err(End::told(ConnectorClose::NoSignOfLife));
        }
        if now >= self.ping_at {
            self.ping_at = now + self.ping_every;
            // What is on its way is as good as a ping.
            if self.write_by.is_none() {
                return self.write(Message::Ping(Default::default()));
            }
        }
        Ok(())
    }

    fn on_read(&mut self, read: Option<Result<Message, tungstenite::Error>>) -> Result<(), End> {
        use tungstenite::{Error, error::ProtocolError};
        let message = match read {
            Some(Ok(message)) => message,
            Some(Err(Error::Capacity(_))) => return Err(End::told(ConnectorClose::TooLarge)),
            Some(Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake))) | None => {
                return Err(End::silent(ConnectorClose::Cut));
            }
            Some(Err(Error::Protocol(_) | Error::Utf8(_) | Error::AttackAttempt)) => {
                return Err(End::told(ConnectorClose::Protocol));
            }
            Some(Err(
                Error::ConnectionClosed
                | Error::AlreadyClosed
                | Error::Io(_)
                | Error::WriteBufferFull(_)
                | Error::Url(_)
                | Error::Http(_)
                | Error::HttpFormat(_),
            )) => return Err(End::silent(ConnectorClose::Cut)),
            Some(Err(Error::Tls(_))) => return Err(End::silent(ConnectorClose::Cut)),
        };
        self.heard_at = Clock::instant();
        let Some(desk) = self.desk.upgrade() else { return Ok(()) };
        match message {
            Message::Text(text) => self.on_text(&desk, &text),
            Message::Binary(_) => self.on_bad(&desk, not_text()),
            Message::Close(_) => return Err(End::told(ConnectorClose::Left)),
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
        }
        Ok(())
    }

    fn on_text(&self, desk: &Desk, text: &str) {
        self.door.hear(Direction::FromConnector, text);
        let frame = match FromConnector::read(text) {
            Ok(frame) => frame,
            Err(bad) => return self.on_bad(desk, bad),
        };
        let seat = self.seat;
        match frame {
            FromConnector::Hello(_) => {
                self.on_bad(desk, Bad::new(Code::Unexpected, "`hello` comes once, as the first frame"));
            }
            FromConnector::Reply(reply) => {
                if let Some(bad) = desk.with(|pool, now| pool.on_reply(seat, reply, now)) {
                    desk.count_bad(bad);
                }
            }
            FromConnector::Typing(typing) => desk.with(|pool, now| pool.on_typing(seat, &typing, now)),
            FromConnector::Failed(failed) => desk.with(|pool, now| pool.on_failed(seat, failed, now)),
            FromConnector::Leaving(_) => desk.with(|pool, now| pool.on_leaving(seat, now)),
            FromConnector::Ping(ping) => desk.with(|pool, _| pool.on_ping(seat, ping.id)),
        }
    }

    fn on_bad(&self, desk: &Desk, bad: Bad) {
        desk.count_bad(bad.code);
        desk.with(|pool, now| pool.on_bad(self.seat, bad, now));
    }
}

/// Writes the last frames and the close frame, and waits a moment for the connector to take them.
async fn farewell<IO>(ws: &mut WebSocketStream<IO>, end: End, door: &Door)
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let say = async {
        for frame in end.last {
            let text = frame.text();
            door.hear(Direction::ToConnector, &text);
            ws.send(Message::text(text)).await?;
        }
        let reason = crate::telemetry::labels::Label::text(end.why);
        let close = CloseFrame { code: close_code(end.why).into(), reason: reason.into() };
        if ws.send(Message::Close(Some(close))).await.is_err() {
            // It has closed first: the answer to that is on its way.
            ws.flush().await?;
        }
        // No further frame is read: what an oversized one has left behind would be taken for frames.
        let io = ws.get_mut();
        io.shutdown().await?;
        let mut nowhere = tokio::io::sink();
        tokio::io::copy_buf(&mut tokio::io::BufReader::with_capacity(1024, io.take(MAX_DISCARDED)), &mut nowhere)
            .await?;
        Ok::<_, tungstenite::Error>(())
    };
    // It is over, whatever becomes of this.
    drop(timeout(FAREWELL_WITHIN, say).await);
}
