//! One lane's book, without any I/O: who sent what, who has it, what must be sent again, and what has to wait.
//!
//! It outlives sessions. Within a session numbers leave no gap; a new session numbers again whatever was never acknowledged.

use std::{collections::VecDeque, mem};

use tokio::time::Instant;

use super::{
    Outgoing, Receipt, directory,
    order::{Order, is_message},
};
use crate::wire::engine::{Busy, DirectoryDelta, Empty, EngineFrame, Refused, Welcome, engine_frame::Body, refused};

/// Frames without a number that are taken in at a time; the rest waits in the lane's queue.
const MAX_PENDING: usize = 64;
/// Frames that wait for their contacts' turn; beyond this the whole lane waits.
const MAX_WAITING: usize = 4096;
/// Until a Welcome tells: what every gateway takes.
const MAX_FRAME_BYTES: usize = 65_536;
/// What a frame has around its body, generously.
const AROUND: usize = 64;

/// The gateway breaks the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Breach {
    #[error("it acknowledges frame {ack}, and the last one sent is {given}")]
    AckBeyond { ack: u64, given: u64 },
    #[error("its frame {seq} came where {expected} was due")]
    Gap { seq: u64, expected: u64 },
    #[error("it resumes after our frame {last_received}, which is not between {first} and {given}")]
    ResumesNowhere { last_received: u64, first: u64, given: u64 },
    #[error("it resumes a session that was never its own")]
    ResumesAnother,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    New,
    /// Handed over before: dropped, and acknowledged again.
    Duplicate,
}

/// What the stream carries next.
#[derive(Debug)]
pub(super) enum Next {
    Frame(EngineFrame),
    /// Larger than the gateway takes: it got no number.
    TooLarge(Refused, Option<Receipt>),
    Nothing,
}

#[derive(Debug)]
struct Kept {
    item: Outgoing,
    fate: Fate,
}

/// What the gateway has said of a frame before it acknowledged it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Open,
    /// It goes again at this moment.
    Busy(Instant),
    Refused,
}

#[derive(Debug)]
pub(super) struct Book {
    session: String,
    /// The highest gateway frame handed to the centre, and the highest that is durable there.
    taken: u64,
    durable: u64,
    /// The highest `ack` told on the present stream.
    told: u64,
    repeat_ack: bool,
    /// The highest number given to a frame of ours; `unacked` are the last ones.
    given: u64,
    unacked: VecDeque<Kept>,
    /// How many of `unacked`, from the front, the gateway has or the present stream has carried.
    carried: usize,
    /// What has no number yet.
    pending: VecDeque<Outgoing>,
    order: Order,
    credits: usize,
    max_frame_bytes: usize,
}

impl Default for Book {
    fn default() -> Self {
        Self {
            session: String::new(),
            taken: 0,
            durable: 0,
            told: 0,
            repeat_ack: false,
            given: 0,
            unacked: VecDeque::new(),
            carried: 0,
            pending: VecDeque::new(),
            order: Order::default(),
            credits: 1,
            max_frame_bytes: MAX_FRAME_BYTES,
        }
    }
}

impl Book {
    /// The resume point. What lies between what is durable and what was handed over comes again, and is dropped.
    pub(super) fn resume_point(&self) -> (String, u64) {
        (self.session.clone(), self.durable)
    }

    pub(super) const fn max_frame_bytes(&self) -> usize {
        self.max_frame_bytes
    }

    /// The next attach begins a new session.
    pub(super) fn forget_session(&mut self) {
        self.session.clear();
    }

    /// The whole directory goes with the next Hello: changes that were to follow would only bring back what is old.
    pub(super) fn drop_directory_changes(&mut self) {
        let items = self.unacked.iter_mut().map(|kept| &mut kept.item).chain(&mut self.pending);
        for item in items.filter(|it| matches!(it.body, Body::Directory(_))) {
            item.body = Body::Heartbeat(Empty {});
        }
    }

    /// A stream begins. `rest` of the directory goes before everything else that has no number.
    pub(super) fn on_welcome(&mut self, welcome: &Welcome, rest: Vec<DirectoryDelta>) -> Result<(), Breach> {
        if welcome.resumed {
            self.resume(welcome)?;
        } else {
            self.begin();
        }
        self.session.clone_from(&welcome.session);
        self.credits = usize::try_from(welcome.credits).unwrap_or(usize::MAX).max(1);
        if let Some(bytes) = usize::try_from(welcome.max_frame_bytes).ok().filter(|bytes| *bytes > 0) {
            self.max_frame_bytes = bytes;
        }
        self.told = self.durable;
        self.repeat_ack = false;
        for delta in rest.into_iter().rev() {
            self.pending.push_front(Outgoing { body: Body::Directory(delta), receipt: None });
        }
        Ok(())
    }

    fn resume(&mut self, welcome: &Welcome) -> Result<(), Breach> {
        if self.session.is_empty() || self.session != welcome.session {
            return Err(Breach::ResumesAnother);
        }
        let (last_received, given) = (welcome.last_received, self.given);
        let first = self.acked();
        if !(first..=given).contains(&last_received) {
            return Err(Breach::ResumesNowhere { last_received, first, given });
        }
        self.carried = usize::try_from(last_received - first).unwrap_or(usize::MAX);
        Ok(())
    }

    /// Both sides number from 1.
    fn begin(&mut self) {
        (self.taken, self.durable, self.given, self.carried) = (0, 0, 0, 0);
        for Kept { item, fate } in mem::take(&mut self.unacked).into_iter().rev() {
            match fate {
                Fate::Open => self.pending.push_front(item),
                Fate::Busy(at) => self.give_back(item, at),
                // The centre knows.
                Fate::Refused => self.settle(&item),
            }
        }
    }

    /// Whether more may be queued.
    pub(super) fn has_room(&self) -> bool {
        self.pending.len() < MAX_PENDING && self.order.waiting() < MAX_WAITING
    }

    pub(super) fn push(&mut self, item: Outgoing) {
        self.pending.extend(self.order.admit(item));
    }

    /// Whether [`Book::next`] yields something. An acknowledgement alone does not count.
    pub(super) fn has_more(&self) -> bool {
        self.carried < self.unacked.len() || (self.unacked.len() < self.credits && !self.pending.is_empty())
    }

    pub(super) fn ack_due(&self) -> bool {
        self.repeat_ack || self.durable > self.told
    }

    /// How many frames the gateway could be told of.
    pub(super) const fn untold(&self) -> u64 {
        self.durable.saturating_sub(self.told)
    }

    pub(super) fn next(&mut self) -> Next {
        if self.carried == self.unacked.len() && self.unacked.len() < self.credits {
            let Some(item) = self.pending.pop_front() else { return Next::Nothing };
            let bytes = item.body.encoded_len() + AROUND;
            if bytes <= self.max_frame_bytes {
                self.given += 1;
                self.unacked.push_back(Kept { item, fate: Fate::Open });
            } else if let Some(refused) = self.too_large(item, bytes) {
                return refused;
            } else {
                return self.next();
            }
        }
        let Some(kept) = self.unacked.get(self.carried) else { return Next::Nothing };
        self.carried += 1;
        let (seq, body) = (self.acked() + len(self.carried), kept.item.body.clone());
        Next::Frame(EngineFrame { seq, ack: self.tell(), body: Some(body) })
    }

    /// A frame that says nothing but `ack`.
    pub(super) fn heartbeat(&mut self) -> EngineFrame {
        EngineFrame { seq: 0, ack: self.tell(), body: Some(Body::Heartbeat(Empty {})) }
    }

    /// A change of the directory goes on in pieces; anything else cannot go.
    fn too_large(&mut self, item: Outgoing, bytes: usize) -> Option<Next> {
        let Outgoing { body, receipt } = item;
        let contact = super::contact_of(&body).unwrap_or_default().to_owned();
        let mut message_id = String::new();
        if let Body::Directory(delta) = body {
            let mut pieces = directory::pieces(delta, self.max_frame_bytes);
            if pieces.len() > 1 {
                let last = pieces.pop().map(|delta| Outgoing { body: Body::Directory(delta), receipt });
                let pieces = pieces.into_iter().map(|it| Outgoing { body: Body::Directory(it), receipt: None });
                let pieces: Vec<_> = pieces.chain(last).collect();
                pieces.into_iter().rev().for_each(|it| self.pending.push_front(it));
                return None;
            }
        } else if let Body::CustomerMessage(message) = body {
            message_id = message.message_id;
            let released = self.order.settle(&contact);
            self.pending.extend(released);
        }
        let detail = format!("frame: {bytes} bytes are above the limit of {}", self.max_frame_bytes);
        let reason = refused::Reason::TooLarge.into();
        Some(Next::TooLarge(Refused { frame: 0, reason, detail, contact, message_id }, receipt))
    }

    fn tell(&mut self) -> u64 {
        self.repeat_ack = false;
        self.told = self.durable;
        self.told
    }

    /// A numbered gateway frame.
    pub(super) fn arrive(&mut self, seq: u64) -> Result<Arrival, Breach> {
        let expected = self.taken + 1;
        if seq == expected {
            self.taken = seq;
            Ok(Arrival::New)
        } else if seq < expected {
            self.repeat_ack = true;
            Ok(Arrival::Duplicate)
        } else {
            Err(Breach::Gap { seq, expected })
        }
    }

    /// The highest gateway frame that was handed over.
    pub(super) const fn handed_over(&self) -> u64 {
        self.taken
    }

    /// Gateway frames up to `seq` are durable with the centre.
    pub(super) fn on_durable(&mut self, seq: u64) {
        self.durable = self.durable.max(seq.min(self.taken));
    }

    /// The gateway has our frames up to `ack`: yields the receipts of those it has taken.
    pub(super) fn on_ack(&mut self, ack: u64) -> Result<Vec<Receipt>, Breach> {
        if ack > self.given {
            return Err(Breach::AckBeyond { ack, given: self.given });
        }
        let mut taken = Vec::new();
        while self.acked() < ack {
            let Some(Kept { item, fate }) = self.unacked.pop_front() else { break };
            self.carried = self.carried.saturating_sub(1);
            match fate {
                Fate::Open => {
                    taken.extend(item.receipt);
                    self.settle(&item);
                }
                Fate::Busy(at) => self.give_back(item, at),
                Fate::Refused => self.settle(&item),
            }
        }
        Ok(taken)
    }

    /// The gateway has no room for a message: it goes again at `again`. `false`: the message is not among the unacknowledged.
    pub(super) fn on_busy(&mut self, busy: &Busy, again: Instant) -> bool {
        let is_it = |kept: &&mut Kept| {
            matches!(&kept.item.body, Body::CustomerMessage(it)
                if it.contact == busy.contact && it.message_id == busy.message_id)
        };
        let Some(kept) = self.unacked.iter_mut().find(is_it) else { return false };
        kept.fate = Fate::Busy(again);
        true
    }

    /// A message that had been acknowledged goes again at `again`.
    pub(super) fn recall(&mut self, contact: &str, item: Outgoing, again: Instant) {
        self.order.give_back(contact, item, again);
    }

    /// The gateway will not act on one of our frames: yields the frame's receipt.
    pub(super) fn on_refused(&mut self, frame: u64) -> Option<Receipt> {
        let at = usize::try_from(frame.checked_sub(self.acked() + 1)?).ok()?;
        let kept = self.unacked.get_mut(at)?;
        kept.fate = Fate::Refused;
        kept.item.receipt
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        self.order.next_due()
    }

    /// What was given back goes again when its time has come.
    pub(super) fn on_time(&mut self, now: Instant) {
        let released = self.order.release_due(now);
        self.pending.extend(released);
    }

    fn give_back(&mut self, item: Outgoing, at: Instant) {
        let Some(contact) = super::contact_of(&item.body).map(str::to_owned) else { return };
        self.order.give_back(&contact, item, at);
        let released = self.order.settle(&contact);
        self.pending.extend(released);
    }

    fn settle(&mut self, item: &Outgoing) {
        if let Some(contact) = super::contact_of(&item.body).filter(|_| is_message(&item.body)) {
            let released = self.order.settle(contact);
            self.pending.extend(released);
        }
    }

    /// The highest of our frames that is acknowledged.
    fn acked(&self) -> u64 {
        self.given - len(self.unacked.len())
    }
}

fn len(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[path = "book_tests.rs"]
mod tests;
