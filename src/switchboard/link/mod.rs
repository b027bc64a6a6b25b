//! The client half of the contract with Usher (`proto/usher/engine/v1/engine.proto`): what every routing engine needs, and no policy.
//!
//! A [`Link`] keeps its lanes attached for ever: it dials, says Hello, numbers, acknowledges, resumes, waits for credits and sends
//! again. What the frames mean is the [`Centre`]'s business. `book` is the arithmetic of one lane without any I/O, `lane` carries it
//! over one stream after another, `dial` opens streams and reads what ended them, `directory` cuts large directories to size.

mod book;
mod dial;
mod directory;
mod lane;
mod order;

use std::{
    fmt,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::future::BoxFuture;
use http::Uri;
use secrecy::SecretString;
use tokio::sync::{mpsc, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::wire::engine::{Busy, CustomerMessage, Directory, Refused, engine_frame, gateway_frame};

/// How many frames may wait for each lane before [`Link::send`] waits.
const QUEUE: usize = 256;
/// The contract's limit.
const MAX_LANES: u32 = 64;

/// Where to attach, and as whom.
#[derive(Clone, Debug)]
pub struct LinkConfig {
    /// `http://…` or `https://…`. Without TLS the token goes in the clear: fit for loopback alone.
    pub gateway: Uri,
    pub token: SecretString,
    pub engine_id: String,
    pub unit: String,
    /// How many streams; contacts are spread over them. 0 means one.
    pub lanes: u32,
    /// For the jitter of waits.
    pub seed: u64,
    pub pace: Pace,
}

/// How long to wait before attaching again; each wait doubles up to the longest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    pub first: Duration,
    pub longest: Duration,
    /// When somebody must mend something first, or another engine has taken the lane.
    pub mend_first: Duration,
    pub mend_longest: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(100),
            longest: Duration::from_secs(10),
            mend_first: Duration::from_secs(5),
            mend_longest: Duration::from_secs(120),
        }
    }
}

/// The sender's own name for a frame, handed back when its fate is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Receipt(pub u64);

/// What a link serves. Its methods are called from the lanes' tasks and return at once; what takes time belongs into the futures.
pub trait Centre: Send + Sync + 'static {
    /// The whole directory, as it is now. Asked for at every attach; later changes are sent as `DirectoryDelta`.
    fn directory(&self) -> Directory;

    /// Whether contacts can be offered: a lane is attached and the gateway is not draining. Told when it changes.
    fn attached(&self, attached: bool);

    /// A frame of the gateway other than `Welcome`, `Busy` and `Refused`, once and in the order of its lane within a session; a
    /// new session may bring it again. State changes at once; the future ends when that is durable, and only then is the frame
    /// acknowledged. It may be dropped unfinished when the session is lost.
    fn on_frame(&self, body: gateway_frame::Body) -> BoxFuture<'static, ()>;

    /// The gateway has taken our frame durably: it need never be sent again.
    fn on_taken(&self, receipt: Receipt);

    /// The gateway (or the link, of a frame that is too large) will not act on our frame; [`Centre::on_taken`] does not follow.
    /// Without a receipt when the frame had none. The future is as in [`Centre::on_frame`].
    fn on_refused(&self, refused: Refused, receipt: Option<Receipt>) -> BoxFuture<'static, ()>;

    /// The gateway has no room for a message now; the link sends it again. For whoever counts.
    fn on_busy(&self, _busy: &Busy) {}

    /// A customer's message that was taken is given back (`Busy` came after its acknowledgement). `None`: it is not known, or
    /// waits for the gateway already.
    fn recall(&self, contact: &str, message_id: &str) -> Option<Recalled>;
}

/// A message that is on its way again.
pub struct Recalled {
    pub message: CustomerMessage,
    pub receipt: Receipt,
    /// That it has yet to be taken; as in [`Centre::on_frame`].
    pub durable: BoxFuture<'static, ()>,
}

impl fmt::Debug for Recalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recalled").field("receipt", &self.receipt).finish_non_exhaustive()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    #[error("too much waits for the gateway already")]
    Full,
    #[error("the link has been stopped")]
    Stopped,
}

/// A frame on its way.
#[derive(Clone, Debug)]
struct Outgoing {
    body: engine_frame::Body,
    receipt: Option<Receipt>,
}

/// What the lanes share.
struct Shared {
    config: LinkConfig,
    centre: Arc<dyn Centre>,
    /// A bit for each lane that is attached and not draining.
    presence: watch::Sender<u64>,
    welcomes: Arc<AtomicU64>,
}

/// A handle on the lanes' tasks; they end with [`Link::stop`], or when the last handle is gone.
#[derive(Clone)]
pub struct Link {
    lanes: Arc<[mpsc::Sender<Outgoing>]>,
    stop: CancellationToken,
    tasks: TaskTracker,
    welcomes: Arc<AtomicU64>,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("lanes", &self.lanes.len()).finish_non_exhaustive()
    }
}

impl Link {
    /// Begins to attach, within a tokio runtime. An absent gateway is no error: it is dialled until it is there.
    #[must_use]
    pub fn start(config: LinkConfig, centre: &Arc<dyn Centre>) -> Self {
        let lanes = config.lanes.clamp(1, MAX_LANES);
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let (presence, present) = watch::channel(0);
        tasks.spawn(tell_presence(present, Arc::clone(centre)));
        let shared = Shared {
            config: LinkConfig { lanes, ..config },
            centre: Arc::clone(centre),
            presence,
            welcomes: Arc::default(),
        };
        let shared = Arc::new(shared);
        dial::warn_of_plaintext(&shared.config.gateway);
        let lane = |number| {
            let (sender, queue) = mpsc::channel(QUEUE);
            tasks.spawn(lane::Lane::new(number, Arc::clone(&shared)).run(queue, stop.clone()));
            sender
        };
        let senders = (0..lanes).map(lane).collect();
        let welcomes = Arc::clone(&shared.welcomes);
        Self { lanes: senders, stop, tasks, welcomes }
    }

    /// Queues a frame; waits while too much is queued for its lane. Frames of one contact keep their order. A customer's message
    /// that the gateway is too busy for is sent again by the link, and what follows it in its contact waits.
    ///
    /// # Errors
    /// [`SendError::Stopped`].
    pub async fn send(&self, body: engine_frame::Body, receipt: Option<Receipt>) -> Result<(), SendError> {
        let lane = self.lane(&body)?;
        lane.send(Outgoing { body, receipt }).await.map_err(|_closed| SendError::Stopped)
    }

    /// The same without waiting.
    ///
    /// # Errors
    /// [`SendError::Full`] when too much is queued, [`SendError::Stopped`].
    pub fn try_send(&self, body: engine_frame::Body, receipt: Option<Receipt>) -> Result<(), SendError> {
        self.lane(&body)?.try_send(Outgoing { body, receipt }).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => SendError::Full,
            mpsc::error::TrySendError::Closed(_) => SendError::Stopped,
        })
    }

    /// How many streams have been welcomed so far; more than there are lanes: some were lost.
    #[must_use]
    pub fn welcomes(&self) -> u64 {
        self.welcomes.load(Ordering::Relaxed)
    }

    /// Half-closes the streams, hears what the gateway still acknowledges (for two seconds at most) and ends every task. What was
    /// not acknowledged is the sender's to send again.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn lane(&self, body: &engine_frame::Body) -> Result<&mpsc::Sender<Outgoing>, SendError> {
        let number = contact_of(body).map_or(0, |contact| lane_of(contact, self.lanes.len()));
        self.lanes.get(number).ok_or(SendError::Stopped)
    }
}

/// Whose frame it is; `None`: the unit's.
fn contact_of(body: &engine_frame::Body) -> Option<&str> {
    match body {
        engine_frame::Body::ContactOffered(it) => Some(&it.contact),
        engine_frame::Body::CustomerMessage(it) => Some(&it.contact),
        engine_frame::Body::CustomerTyping(it) => Some(&it.contact),
        engine_frame::Body::ContactEnded(it) => Some(&it.contact),
        engine_frame::Body::CommandOutcome(it) => Some(&it.contact),
        engine_frame::Body::Hello(_)
        | engine_frame::Body::Directory(_)
        | engine_frame::Body::AgentLoggedOn(_)
        | engine_frame::Body::LogOnRefused(_)
        | engine_frame::Body::AgentLoggedOff(_)
        | engine_frame::Body::Heartbeat(_) => None,
    }
}

/// The same for a contact in every process, so that a restart finds it on its lane.
fn lane_of(contact: &str, lanes: usize) -> usize {
    let mut hasher = DefaultHasher::new();
    contact.hash(&mut hasher);
    usize::try_from(hasher.finish() % u64::try_from(lanes).unwrap_or(1).max(1)).unwrap_or_default()
}

/// Tells the centre when the first lane is there and when the last one is gone. Each bit of `lanes` is one.
async fn tell_presence(mut lanes: watch::Receiver<u64>, centre: Arc<dyn Centre>) {
    let mut told = false;
    while lanes.changed().await.is_ok() {
        let attached = *lanes.borrow_and_update() != 0;
        if attached != told {
            told = attached;
            centre.attached(attached);
        }
    }
    if told {
        centre.attached(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contacts_are_spread_over_the_lanes_and_keep_to_theirs() {
        let mut counts = [0; 4];
        for contact in 0..1000 {
            let name = format!("c{contact}");
            assert_eq!(lane_of(&name, 4), lane_of(&name, 4));
            counts[lane_of(&name, 4)] += 1;
        }
        assert!(counts.iter().all(|it| *it > 200), "{counts:?}");
        assert_eq!(lane_of("any", 1), 0);
    }
}
