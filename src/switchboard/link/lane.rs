//! One lane's task: attaches, carries its book over the stream, and attaches again, for ever.
//!
//! It always reads: neither a slow centre nor a gateway that takes nothing holds reading up. What waits is bounded by the book
//! and by the lane's queue, and holds up the sender.

use std::{
    future,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures::{
    FutureExt as _, StreamExt as _,
    future::{BoxFuture, OptionFuture},
    stream::FuturesOrdered,
};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;
use tonic::Streaming;

use super::{
    Outgoing, Recalled, Receipt, Shared,
    book::{Arrival, Book, Next},
    dial::{self, Opened, Trouble},
    directory,
};
use crate::{
    clock::Clock,
    core::backoff::Backoff,
    wire::engine::{Busy, DirectoryDelta, EngineFrame, GatewayFrame, Hello, engine_frame, gateway_frame::Body},
};

/// Acknowledgements alone keep this distance; otherwise they ride on what is said anyway.
const ACK_EVERY: Duration = Duration::from_millis(10);
/// So many go at once.
const ACK_AT_ONCE: u64 = 64;
/// Frames that the centre has not made durable; a stream with more is given up.
const MAX_HANDLED: usize = 65_536;
/// A stream that stood so long was no failure.
const STOOD: Duration = Duration::from_secs(5);
const CLOSE_WITHIN: Duration = Duration::from_secs(2);
/// However long a gateway asks us to wait before a message goes again.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

pub(super) struct Lane {
    number: u32,
    shared: Arc<Shared>,
    book: Book,
    /// What the centre is making durable, in order. Yields the frame's number. Outlives streams, but not sessions.
    handled: FuturesOrdered<BoxFuture<'static, u64>>,
    backoff: Backoff,
    mending: Backoff,
}

/// Why a stream is over.
enum End {
    Stopped,
    Trouble(Trouble),
}

/// What one step of a stream came to.
enum Step {
    Moved,
    Stop,
}

impl Lane {
    pub(super) fn new(number: u32, shared: Arc<Shared>) -> Self {
        let seed = shared.config.seed.wrapping_add(u64::from(number));
        let pace = shared.config.pace;
        Self {
            number,
            shared,
            book: Book::default(),
            handled: FuturesOrdered::new(),
            backoff: Backoff::new(pace.first, pace.longest, seed),
            mending: Backoff::new(pace.mend_first, pace.mend_longest, seed),
        }
    }

    pub(super) async fn run(mut self, mut queue: mpsc::Receiver<Outgoing>, stop: CancellationToken) {
        while !queue.is_closed() {
            let opened = tokio::select! {
                () = stop.cancelled() => break,
                opened = self.open() => opened,
            };
            let (began, end) = (Clock::instant(), self.carry(opened, &mut queue, &stop).await);
            self.present(false);
            let End::Trouble(trouble) = end else { break };
            if began.elapsed() >= STOOD {
                self.backoff.reset();
                self.mending.reset();
            }
            let wait = self.after(&trouble);
            tokio::select! {
                () = stop.cancelled() => break,
                () = sleep(wait) => {}
            }
        }
    }

    /// How long to wait, said aloud.
    fn after(&mut self, trouble: &Trouble) -> Duration {
        let remedy = trouble.remedy();
        if remedy.anew {
            self.book.forget_session();
        }
        let error = trouble as &dyn std::error::Error;
        let (lane, unit, gateway) = (self.number, self.shared.config.unit.as_str(), &self.shared.config.gateway);
        if let Some(mend) = remedy.mend {
            let wait = self.mending.after_failure();
            tracing::error!(%gateway, unit, lane, error, mend, ?wait, "not attached to the gateway");
            wait
        } else {
            let wait = self.backoff.after_failure();
            tracing::warn!(%gateway, unit, lane, error, ?wait, "not attached to the gateway");
            wait
        }
    }

    async fn open(&mut self) -> Result<Opened, Trouble> {
        let (session, last_received) = self.book.resume_point();
        let mut hello = Hello {
            engine_id: self.shared.config.engine_id.clone(),
            business_unit: self.shared.config.unit.clone(),
            lane: self.number,
            lanes: self.shared.config.lanes,
            session,
            last_received,
            directory: None,
        };
        let mut rest = Vec::new();
        if self.number == 0 {
            self.book.drop_directory_changes();
            let (first, more) = directory::split(self.shared.centre.directory(), self.book.max_frame_bytes());
            hello.directory = Some(first);
            rest = more;
        }
        let opened = dial::open(&self.shared.config, hello).await?;
        self.on_welcome(&opened, rest)?;
        Ok(opened)
    }

    fn on_welcome(&mut self, opened: &Opened, rest: Vec<DirectoryDelta>) -> Result<(), Trouble> {
        let welcome = &opened.welcome;
        self.book.on_welcome(welcome, rest)?;
        if !welcome.resumed {
            self.handled = FuturesOrdered::new();
        }
        self.on_ack(opened.ack)?;
        let (lane, unit, resumed, credits) =
            (self.number, self.shared.config.unit.as_str(), welcome.resumed, welcome.credits);
        tracing::info!(unit, lane, resumed, credits, "attached to the gateway");
        self.shared.welcomes.fetch_add(1, Ordering::Relaxed);
        self.present(true);
        Ok(())
    }

    fn present(&self, is_present: bool) {
        let bit = 1_u64 << (self.number % u64::BITS);
        self.shared.presence.send_if_modified(|lanes| {
            let before = *lanes;
            *lanes = if is_present { before | bit } else { before & !bit };
            *lanes != before
        });
    }

    /// Until the stream is over.
    async fn carry(
        &mut self,
        opened: Result<Opened, Trouble>,
        queue: &mut mpsc::Receiver<Outgoing>,
        stop: &CancellationToken,
    ) -> End {
        let Opened { mut inbound, out, .. } = match opened {
            Ok(opened) => opened,
            Err(trouble) => return End::Trouble(trouble),
        };
        let mut next_ack = Clock::instant();
        loop {
            match self.step(&mut inbound, &out, queue, stop, &mut next_ack).await {
                Ok(Step::Moved) => {}
                Ok(Step::Stop) => break,
                Err(Trouble::Ended) => return End::Trouble(why_ended(&mut inbound).await),
                Err(trouble) => return End::Trouble(trouble),
            }
        }
        self.close(inbound, out).await;
        End::Stopped
    }

    async fn step(
        &mut self,
        inbound: &mut Streaming<GatewayFrame>,
        out: &mpsc::Sender<EngineFrame>,
        queue: &mut mpsc::Receiver<Outgoing>,
        stop: &CancellationToken,
        next_ack: &mut Instant,
    ) -> Result<Step, Trouble> {
        let ack_at = self.book.ack_due().then_some(*next_ack);
        let due = self.book.next_due();
        let (has_room, has_more, is_handling) = (self.book.has_room(), self.book.has_more(), !self.handled.is_empty());
        tokio::select! {
            () = stop.cancelled() => return Ok(Step::Stop),
            received = inbound.next() => self.on_frame(received.ok_or(Trouble::Ended)??)?,
            Some(seq) = self.handled.next(), if is_handling => {
                self.book.on_durable(seq);
                if self.book.untold() >= ACK_AT_ONCE {
                    *next_ack = Clock::instant();
                }
            }
            item = queue.recv(), if has_room => match item {
                Some(item) => self.book.push(item),
                None => return Ok(Step::Stop),
            },
            permit = out.reserve(), if has_more => {
                let permit = permit.map_err(|_closed| Trouble::Ended)?;
                if let Some(frame) = self.next() {
                    permit.send(frame);
                }
            }
            Some(()) = until(ack_at) => {
                *next_ack = Clock::instant() + ACK_EVERY;
                self.acknowledge(out);
            }
            Some(()) = until(due) => self.book.on_time(Clock::instant()),
        }
        Ok(Step::Moved)
    }

    /// What the stream carries next. Of what cannot go, the centre hears.
    fn next(&mut self) -> Option<EngineFrame> {
        match self.book.next() {
            Next::Frame(frame) => Some(frame),
            Next::TooLarge(refused, receipt) => {
                tracing::warn!(unit = %self.shared.config.unit, detail = %refused.detail, "a frame cannot be sent");
                let noted = self.shared.centre.on_refused(refused, receipt);
                // It stands behind no frame of the gateway's; it must only be carried to its end.
                let taken = self.book.handed_over();
                self.handled.push_back(noted.map(move |()| taken).boxed());
                None
            }
            Next::Nothing => None,
        }
    }

    fn acknowledge(&mut self, out: &mpsc::Sender<EngineFrame>) {
        // While there is no room, frames are on their way that will be followed by more.
        if let Ok(permit) = out.try_reserve() {
            permit.send(self.book.heartbeat());
        }
    }

    fn on_frame(&mut self, frame: GatewayFrame) -> Result<(), Trouble> {
        let GatewayFrame { seq, ack, body } = frame;
        if matches!(body, Some(Body::Welcome(_))) {
            return Err(Trouble::Unexpected("a second Welcome"));
        }
        if seq == 0 {
            if body.is_some() {
                return Err(Trouble::Unexpected("a frame without a number says more than an acknowledgement"));
            }
        } else if self.book.arrive(seq)? == Arrival::New {
            if self.handled.len() >= MAX_HANDLED {
                return Err(Trouble::Behind(self.handled.len()));
            }
            let handled = self.hand_over(body);
            self.handled.push_back(handled.map(move |()| seq).boxed());
        }
        // After the body: what was answered Busy or Refused is acknowledged by the same frame, or by a later one.
        self.on_ack(ack)
    }

    fn on_ack(&mut self, ack: u64) -> Result<(), Trouble> {
        for receipt in self.book.on_ack(ack)? {
            self.shared.centre.on_taken(receipt);
        }
        Ok(())
    }

    fn hand_over(&mut self, body: Option<Body>) -> BoxFuture<'static, ()> {
        match body {
            Some(Body::Busy(busy)) => self.on_busy(&busy),
            Some(Body::Refused(refused)) => {
                let receipt: Option<Receipt> = self.book.on_refused(refused.frame);
                self.shared.centre.on_refused(refused, receipt)
            }
            Some(body) => {
                if matches!(body, Body::Draining(_)) {
                    self.present(false);
                }
                self.shared.centre.on_frame(body)
            }
            None => {
                tracing::warn!(unit = %self.shared.config.unit, "the gateway sent a frame of a kind that is not known here");
                future::ready(()).boxed()
            }
        }
    }

    fn on_busy(&mut self, busy: &Busy) -> BoxFuture<'static, ()> {
        self.shared.centre.on_busy(busy);
        let pause = Duration::from_millis(busy.retry_after_ms.into()).min(LONGEST_PAUSE);
        let again = Clock::instant() + pause;
        if self.book.on_busy(busy, again) {
            return future::ready(()).boxed();
        }
        let Some(Recalled { message, receipt, durable }) = self.shared.centre.recall(&busy.contact, &busy.message_id)
        else {
            let (unit, contact) = (&self.shared.config.unit, &busy.contact);
            tracing::warn!(%unit, contact.id = %contact, "a message was given back that is not known, or waits already");
            return future::ready(()).boxed();
        };
        let item = Outgoing { body: engine_frame::Body::CustomerMessage(message), receipt: Some(receipt) };
        self.book.recall(&busy.contact, item, again);
        durable
    }

    /// Says what can be acknowledged, half-closes, and hears what the gateway still acknowledges.
    async fn close(&mut self, mut inbound: Streaming<GatewayFrame>, out: mpsc::Sender<EngineFrame>) {
        if self.book.ack_due() {
            self.acknowledge(&out);
        }
        drop(out);
        let rest = async {
            while let Some(Ok(GatewayFrame { ack, body, .. })) = inbound.next().await {
                // What else it says comes again at the next attach: it can no longer be acknowledged.
                match body {
                    Some(Body::Busy(busy)) => drop(self.on_busy(&busy)),
                    Some(Body::Refused(refused)) => drop(self.book.on_refused(refused.frame)),
                    _other => {}
                }
                if self.on_ack(ack).is_err() {
                    break;
                }
            }
        };
        if timeout(CLOSE_WITHIN, rest).await.is_err() {
            tracing::debug!(unit = %self.shared.config.unit, "the gateway did not end the stream in time");
        }
    }
}

/// What the gateway says of a stream that takes nothing any more. Frames that come meanwhile come again on the next one.
async fn why_ended(inbound: &mut Streaming<GatewayFrame>) -> Trouble {
    let status = async {
        loop {
            match inbound.next().await {
                Some(Ok(_unread)) => {}
                Some(Err(status)) => return status.into(),
                None => return Trouble::Ended,
            }
        }
    };
    timeout(CLOSE_WITHIN, status).await.unwrap_or(Trouble::Ended)
}

/// `None` never comes: there is nothing to wait for.
async fn until(moment: Option<Instant>) -> Option<()> {
    OptionFuture::from(moment.map(sleep_until)).await
}
