//! Answers that come later: each turn gets an address of its own, good for one final answer and no longer than the turn.
//!
//! The token in it is 256 random bits and known here by its SHA-256 alone; that somebody holds it says who they are. It lives in
//! memory: after a restart nobody waits for the answer any more.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tokio::sync::{mpsc, oneshot};

use super::call::Place;
use crate::{
    core::{
        hex,
        ids::Timestamp,
        message::{Answer, FailureKind},
        said::{Said, said},
    },
    egress::signature,
    gateway::ports::AskError,
    nlp::connector::{
        convert,
        frames::{At, Bad, Code, Failed, FailedKind, FromConnector, MAX_PARTS, Reply},
    },
};

pub(super) const PATH: &str = "/connectors/v1/replies";

/// Tokens that were used or ran out, and are told so: the oldest are only unknown after that.
const MAX_GONE: usize = 16_384;
/// Parts and signs of life that wait to be passed on.
const MAX_WAITING: usize = 8 + MAX_PARTS as usize;
/// How far two clocks may be apart, and how old a signature may be.
const TOLERANCE: Duration = Duration::from_secs(300);

type Hash = [u8; 32];

/// All turns that may be answered later. Cheap to clone.
#[derive(Clone, Default)]
pub struct Replies(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// Without a slash at its end. `None`: nobody reaches us.
    public_url: Option<String>,
    /// Held for one look-up each.
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    open: HashMap<Hash, Pending>,
    gone: HashSet<Hash>,
    /// The same, oldest first.
    going: VecDeque<Hash>,
}

/// A turn that waits.
struct Pending {
    turn_id: String,
    signed_by: Option<SecretString>,
    parts: u32,
    said: mpsc::Sender<Posted>,
    done: oneshot::Sender<Done>,
}

/// What comes before the answer.
#[derive(Debug)]
pub(super) enum Posted {
    Typing,
    Part(Box<Reply>),
}

/// How a turn ended.
#[derive(Debug)]
pub(super) enum Done {
    Final(Box<Reply>),
    Failed(Failed),
    /// What was to end it could not be read, and why.
    Bad(String),
}

#[derive(Debug)]
pub(super) enum Awaited {
    Posted(Posted),
    Done(Done),
}

/// A turn's own address; it is nobody's any more when this is dropped.
pub(super) struct Open {
    replies: Replies,
    hash: Hash,
    url: String,
    said: mpsc::Receiver<Posted>,
    done: oneshot::Receiver<Done>,
}

/// Why a post is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// No token of ours, or one from before a restart.
    Unknown,
    /// Used, or its turn is over.
    Gone,
    /// Its signature is missing, wrong or too old.
    Signature(&'static str),
    /// For another turn than the token's.
    OtherTurn,
    /// What is wrong with it.
    Bad(String),
    /// It comes faster than it is passed on.
    TooMuch,
}

impl fmt::Debug for Replies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replies").field("public_url", &self.0.public_url).finish_non_exhaustive()
    }
}

impl Replies {
    /// `public_url`: how others reach the connectors' door.
    pub(in crate::nlp) fn new(public_url: Option<&str>) -> Self {
        let public_url = public_url.map(|it| it.trim_end_matches('/').to_owned());
        Self(Arc::new(Shared { public_url, table: Mutex::default() }))
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `None`: nobody reaches us.
    pub(super) fn open(&self, turn_id: &str, signed_by: Option<&SecretString>) -> Option<Open> {
        let public_url = self.0.public_url.as_ref()?;
        let token = hex::encode(&rand::random::<[u8; 32]>());
        let hash: Hash = Sha256::digest(&token).into();
        let (said, hears) = mpsc::channel(MAX_WAITING);
        let (done, ends) = oneshot::channel();
        let pending = Pending { turn_id: turn_id.to_owned(), signed_by: signed_by.cloned(), parts: 0, said, done };
        self.table().open.insert(hash, pending);
        let url = format!("{public_url}{PATH}/{token}");
        Some(Open { replies: self.clone(), hash, url, said: hears, done: ends })
    }

    /// Takes what was posted with `token`.
    pub(super) fn take(&self, token: &str, signed: Option<&str>, body: &[u8], now: Timestamp) -> Result<(), Refused> {
        // The table is asked for the hash: how long that takes says nothing of the token.
        let hash: Hash = Sha256::digest(token).into();
        let turn_id = self.admit(&hash, signed, body, now)?;
        match read(body, &turn_id)? {
            Frame::Said(posted) => self.say(&hash, posted),
            Frame::Done(done) => self.end(&hash, done),
            Frame::Bad(bad) => {
                self.end(&hash, Done::Bad(told_without_words(&bad)))?;
                Err(Refused::Bad(bad.message))
            }
        }
    }

    /// Yields the turn's name.
    fn admit(&self, hash: &Hash, signed: Option<&str>, body: &[u8], now: Timestamp) -> Result<String, Refused> {
        let (turn_id, signed_by) = {
            let table = self.table();
            let pending = table.open.get(hash).ok_or_else(|| table.absent(hash))?;
            (pending.turn_id.clone(), pending.signed_by.clone())
        };
        match signed_by {
            Some(key) => check_signature(&key, signed, body, now).map_err(Refused::Signature).map(|()| turn_id),
            None => Ok(turn_id),
        }
    }

    fn say(&self, hash: &Hash, posted: Posted) -> Result<(), Refused> {
        let mut table = self.table();
        let Some(pending) = table.open.get_mut(hash) else { return Err(table.absent(hash)) };
        let is_part = matches!(posted, Posted::Part(_));
        if is_part && pending.parts >= MAX_PARTS {
            return Err(Refused::Bad(format!("more than {MAX_PARTS} replies that are not final")));
        }
        match pending.said.try_send(posted) {
            Ok(()) => pending.parts += u32::from(is_part),
            Err(_full) if is_part => return Err(Refused::TooMuch),
            // One sign of life is as good as another.
            Err(_full) => {}
        }
        Ok(())
    }

    /// Once: whoever comes second finds the token used.
    fn end(&self, hash: &Hash, done: Done) -> Result<(), Refused> {
        let pending = {
            let mut table = self.table();
            let Some(pending) = table.open.remove(hash) else { return Err(table.absent(hash)) };
            table.bury(*hash);
            pending
        };
        // The turn may have ended between the two.
        pending.done.send(done).map_err(|_unheard| Refused::Gone)
    }
}

impl Table {
    fn absent(&self, hash: &Hash) -> Refused {
        if self.gone.contains(hash) { Refused::Gone } else { Refused::Unknown }
    }

    fn bury(&mut self, hash: Hash) {
        if self.going.len() >= MAX_GONE
            && let Some(oldest) = self.going.pop_front()
        {
            self.gone.remove(&oldest);
        }
        self.gone.insert(hash);
        self.going.push_back(hash);
    }
}

impl Open {
    /// Holds the token: for the webhook alone.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// The next thing that is posted, in order. Without an address nothing ever is.
    pub(super) async fn next(open: &mut Option<Self>) -> Awaited {
        let Some(open) = open else { return std::future::pending().await };
        tokio::select! {
            biased;
            Some(posted) = open.said.recv() => Awaited::Posted(posted),
            // Its sender goes with the entry, which goes with this.
            Ok(done) = &mut open.done => Awaited::Done(done),
            else => std::future::pending().await,
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut table = self.replies.table();
        if table.open.remove(&self.hash).is_some() {
            table.bury(self.hash);
        }
    }
}

impl Done {
    /// `spoke`: parts of the answer were said already.
    pub(super) fn answer(self, spoke: bool, place: &Place) -> Result<Answer, AskError> {
        match self {
            Self::Final(reply) => convert::answer(*reply, spoke),
            Self::Bad(why) => Err(place.malformed(&Said::foreign(why), None)),
            Self::Failed(Failed { kind, detail, .. }) => {
                let kind = match kind.unwrap_or_default() {
                    FailedKind::Internal => FailureKind::Internal,
                    FailedKind::Unavailable => FailureKind::Unavailable,
                    FailedKind::Quota => FailureKind::Quota,
                };
                let detail = detail.map_or_else(|| said!("it does not say why"), Said::foreign);
                Err(place.failure(kind, &said!("the webhook says that it cannot answer: {}", detail), None))
            }
        }
    }
}

enum Frame {
    Said(Posted),
    Done(Done),
    /// It was to end the turn, and cannot be read.
    Bad(Bad),
}

/// For administrators: what is wrong with a frame and where, without its words. Its author is told more.
pub(super) fn told_without_words(bad: &Bad) -> String {
    let what = match bad.code {
        Code::BadJson => "it is no JSON",
        Code::BadFrame | Code::NotText | Code::Unexpected | Code::UnknownTurn => "it is no frame as documented",
    };
    match &bad.at {
        Some(At { path, .. }) if !path.is_empty() => format!("{what} at `{path}`"),
        Some(At { line: Some(line), column: Some(column), .. }) => format!("{what} (line {line}, column {column})"),
        Some(_) | None => what.to_owned(),
    }
}

pub(super) fn wrong_turn() -> String {
    "its `turn_id` is another turn's".to_owned()
}

fn read(body: &[u8], turn_id: &str) -> Result<Frame, Refused> {
    let text = std::str::from_utf8(body).map_err(|_position| Refused::Bad("the body is not UTF-8".to_owned()))?;
    let frame = match FromConnector::read(text) {
        Ok(frame) => frame,
        Err(bad) if bad.ends_turn && bad.turn_id.as_deref() == Some(turn_id) => return Ok(Frame::Bad(bad)),
        Err(bad) => return Err(Refused::Bad(bad.message)),
    };
    let (named, frame) = match frame {
        FromConnector::Reply(reply) if reply.is_final() => (reply.turn_id.clone(), Frame::Done(Done::Final(reply))),
        FromConnector::Reply(reply) => (reply.turn_id.clone(), Frame::Said(Posted::Part(reply))),
        FromConnector::Typing(typing) => (typing.turn_id, Frame::Said(Posted::Typing)),
        FromConnector::Failed(failed) => (failed.turn_id.clone(), Frame::Done(Done::Failed(failed))),
        FromConnector::Hello(_) | FromConnector::Leaving(_) | FromConnector::Ping(_) => {
            let why = "`reply`, `typing` and `failed` may be posted; `hello`, `leaving` and `ping` belong to sockets";
            return Err(Refused::Bad(why.to_owned()));
        }
    };
    if named == turn_id { Ok(frame) } else { Err(Refused::OtherTurn) }
}

/// `t=<unix seconds>,v1=<hex HMAC-SHA256 of "<t>.<body>">`, as we sign ourselves.
fn check_signature(key: &SecretString, signed: Option<&str>, body: &[u8], now: Timestamp) -> Result<(), &'static str> {
    let signed = signed.ok_or("send `Usher-Signature`, made with the profile's signing key")?;
    let time = signed.strip_prefix("t=").and_then(|it| it.split_once(',')).map(|it| it.0);
    let seconds: i64 = time.and_then(|it| it.parse().ok()).ok_or("`Usher-Signature` is not of the form t=…,v1=…")?;
    let at = Timestamp(seconds.saturating_mul(1_000));
    let expected = signature(key.expose_secret().as_bytes(), at, body).unwrap_or_default();
    if !bool::from(expected.as_bytes().ct_eq(signed.as_bytes())) {
        return Err("`Usher-Signature` does not fit the body and the profile's signing key");
    }
    if now.since(at) > TOLERANCE || at.since(now) > TOLERANCE {
        return Err("`Usher-Signature` is more than five minutes away from now: sign anew, and compare the clocks");
    }
    Ok(())
}

#[cfg(test)]
#[path = "replies_tests.rs"]
mod tests;
