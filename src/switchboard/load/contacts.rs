//! Load from a routing engine: attaches by the same [`Link`] as the demo's switchboard, offers contacts, and lets them talk.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::{FutureExt as _, future::BoxFuture};
use tokio::{
    sync::{Notify, SetOnce},
    task::JoinSet,
    time::{Instant, timeout},
};

use super::{
    LoadError, Plan, Said, Voice, converse,
    report::{Report, Tally},
    talk::Talk,
};
use crate::{
    clock::Clock,
    switchboard::link::{Centre, Link, LinkConfig, Recalled, Receipt, SendError},
    wire::engine::{
        AgentLoggedOn, Busy, CommandOutcome, ContactEnded, ContactOffered, CustomerMessage, Directory, MediaType,
        Refused, SignOn, User, contact_rejected, customer_message, engine_frame, gateway_frame::Body,
    },
};

/// How long contacts may take to say hello unasked, before the run begins.
const GREET_WITHIN: Duration = Duration::from_secs(5);
/// Nothing came for so long: nothing more will.
const QUIET: Duration = Duration::from_millis(300);
const SETTLE_WITHIN: Duration = Duration::from_secs(10);

/// Whom the contacts talk to.
#[derive(Clone, Debug)]
pub struct Callee {
    /// The virtual agent's user id.
    pub agent: String,
    pub media: Media,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    Open,
    Web,
}

/// What the gateway told us, by contact.
struct Calls {
    agent: String,
    talks: HashMap<String, Arc<Talk>>,
    link: Arc<SetOnce<Link>>,
    lanes: u64,
    /// The gateway is about to read it: contacts may be offered behind.
    is_logged_on: Arc<AtomicBool>,
    /// Frames of ours that must reach the gateway, and those that it has taken or refused.
    sent: AtomicUsize,
    settled: AtomicUsize,
    frames: AtomicUsize,
    changed: Arc<Notify>,
}

/// Runs the plan against the gateway of `link`.
///
/// # Errors
/// When it could not begin: not attached, not logged on, a contact not accepted.
pub async fn run(plan: &Plan, callee: &Callee, link: LinkConfig) -> Result<Report, LoadError> {
    plan.check()?;
    let gateway = link.gateway.to_string();
    let talks: Vec<_> = (0..plan.contacts).map(|it| (plan.contact_name(it), Arc::new(Talk::default()))).collect();
    let calls = Arc::new(Calls {
        agent: callee.agent.clone(),
        talks: talks.iter().cloned().collect(),
        link: Arc::default(),
        lanes: u64::from(link.lanes.max(1)),
        is_logged_on: Arc::default(),
        sent: AtomicUsize::new(0),
        settled: AtomicUsize::new(0),
        frames: AtomicUsize::new(0),
        changed: Arc::default(),
    });
    let centre: Arc<dyn Centre> = Arc::<Calls>::clone(&calls);
    let link = Link::start(link, &centre);
    // Set once, here.
    drop(calls.link.set(link.clone()));
    let report = Run { plan, callee, calls: &calls, link: &link, talks: &talks }.whole(gateway).await;
    link.stop().await;
    report
}

struct Run<'a> {
    plan: &'a Plan,
    callee: &'a Callee,
    calls: &'a Arc<Calls>,
    link: &'a Link,
    talks: &'a [(String, Arc<Talk>)],
}

impl Run<'_> {
    async fn whole(&self, gateway: String) -> Result<Report, LoadError> {
        let within = self.plan.patience;
        let attached = self.calls.wait(|_| self.link.welcomes() > 0);
        timeout(within, attached).await.map_err(|_elapsed| LoadError::NotAttached { gateway, within })?;
        let logged_on = self.calls.wait(|calls| calls.is_logged_on.load(Ordering::Relaxed));
        let agent = || self.callee.agent.clone();
        timeout(within, logged_on).await.map_err(|_elapsed| LoadError::NotLoggedOn { agent: agent(), within })?;
        self.open().await?;
        self.greeted().await;
        for (_, talk) in self.talks {
            talk.change(|state| state.further = 0);
        }
        let start = Clock::instant();
        let tallies = self.talk(start).await;
        let took = start.elapsed();
        self.end().await?;
        let mut report = Report::of(tallies).timed(self.plan.rate, took);
        let reconnects = self.link.welcomes().saturating_sub(self.calls.lanes);
        report.reconnects = usize::try_from(reconnects).unwrap_or(usize::MAX);
        let settled = self.calls.wait(|calls| calls.unsettled() == 0);
        if timeout(SETTLE_WITHIN, settled).await.is_err() {
            let missing = self.calls.unsettled();
            report.faults.push(format!("{missing} frames were never acknowledged"));
        }
        Ok(report)
    }

    /// Offers every contact and waits until each is accepted.
    async fn open(&self) -> Result<(), LoadError> {
        let media = match self.callee.media {
            Media::Open => MediaType::OpenMedia,
            Media::Web => MediaType::WebInteraction,
        };
        for (name, _) in self.talks {
            let offer = ContactOffered {
                contact: name.clone(),
                agent: self.callee.agent.clone(),
                media_type: media.into(),
                language: self.plan.language.clone(),
                ..ContactOffered::default()
            };
            self.calls.send(self.link, engine_frame::Body::ContactOffered(offer)).await?;
        }
        let deadline = Clock::instant() + self.plan.patience;
        for (name, talk) in self.talks {
            let opened = tokio::time::timeout_at(deadline, talk.wait(|state| state.opened.clone())).await;
            let opened = opened.unwrap_or_else(|_elapsed| Err("no answer in time".to_owned()));
            opened.map_err(|why| LoadError::NotOpened { contact: name.clone(), why })?;
        }
        Ok(())
    }

    /// Waits until nothing more comes unasked, so that no greeting is taken for an answer.
    async fn greeted(&self) {
        let quiet = async {
            loop {
                let before = self.calls.frames.load(Ordering::Relaxed);
                tokio::time::sleep(QUIET).await;
                if self.calls.frames.load(Ordering::Relaxed) == before {
                    return;
                }
            }
        };
        // Who talks on without being asked will be counted as such.
        drop(timeout(GREET_WITHIN, quiet).await);
    }

    async fn talk(&self, start: Instant) -> Vec<Tally> {
        let mut talking = JoinSet::new();
        for (number, (name, talk)) in self.talks.iter().enumerate() {
            let (plan, link) = (self.plan.clone(), self.link.clone());
            let (name, talk, calls) = (name.clone(), Arc::clone(talk), Arc::clone(self.calls));
            let caller = Caller { name, talk, calls, link, patience: plan.patience };
            talking.spawn(async move {
                let mut tally = converse(&plan, number, start, &caller).await;
                let state = caller.talk.state();
                tally.repeated += state.repeated;
                tally.again += state.again;
                tally.further += state.further;
                tally.busy += state.busy;
                tally.refused += state.refusals.len();
                state.refusals.iter().for_each(|why| tally.fault(format!("{}: {why}", caller.name)));
                tally
            });
        }
        talking.join_all().await
    }

    /// Ends what is not over.
    async fn end(&self) -> Result<(), LoadError> {
        for (name, talk) in self.talks {
            if talk.state().is_over {
                continue;
            }
            let ended = ContactEnded { contact: name.clone(), reason: "load is done".to_owned() };
            self.calls.send(self.link, engine_frame::Body::ContactEnded(ended)).await?;
        }
        Ok(())
    }
}

/// A contact's customer.
struct Caller {
    name: String,
    talk: Arc<Talk>,
    calls: Arc<Calls>,
    link: Link,
    patience: Duration,
}

impl Voice for Caller {
    async fn say(&self, turn: u64, line: &str, tally: &mut Tally) -> Said {
        if self.talk.state().is_over {
            return Said::Over;
        }
        let id = format!("m{turn}");
        self.talk.asks(&id);
        let message = CustomerMessage {
            contact: self.name.clone(),
            message_id: id,
            sensitive: false,
            body: Some(customer_message::Body::Text(line.to_owned())),
        };
        if self.calls.send(&self.link, engine_frame::Body::CustomerMessage(message)).await.is_err() {
            return Said::Silence;
        }
        let heard = self.talk.wait(|state| match (state.answered, state.is_over) {
            (Some(at), _) => Some(Said::Answered(at)),
            (None, true) => Some(Said::Over),
            (None, false) => None,
        });
        timeout(self.patience, heard).await.unwrap_or_else(|_elapsed| {
            tally.fault(format!("{}: line {turn} was not answered within {:?}", self.name, self.patience));
            Said::Silence
        })
    }
}

impl Calls {
    /// Sends what must reach the gateway.
    async fn send(&self, link: &Link, body: engine_frame::Body) -> Result<(), SendError> {
        self.sent.fetch_add(1, Ordering::Relaxed);
        link.send(body, Some(Receipt(0))).await
    }

    fn unsettled(&self) -> usize {
        self.sent.load(Ordering::Relaxed).saturating_sub(self.settled.load(Ordering::Relaxed))
    }

    async fn wait(&self, look: impl Fn(&Self) -> bool) {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            if look(self) {
                return;
            }
            changed.await;
        }
    }

    fn change(&self, contact: &str, change: impl FnOnce(&mut super::talk::State)) {
        if let Some(talk) = self.talks.get(contact) {
            talk.change(change);
        }
    }

    /// Says something when there is room for it; only then is what led to it acknowledged.
    fn answer(&self, body: engine_frame::Body) -> BoxFuture<'static, ()> {
        let link = Arc::clone(&self.link);
        async move {
            if let Err(why) = link.wait().await.send(body, None).await {
                tracing::debug!(%why, "an answer was not sent");
            }
        }
        .boxed()
    }
}

impl Centre for Calls {
    fn directory(&self) -> Directory {
        let user = User {
            id: self.agent.clone(),
            name: self.agent.clone(),
            agent_rights: true,
            sign_on: SignOn::Password.into(),
            ..User::default()
        };
        Directory { users: vec![user], ..Directory::default() }
    }

    fn attached(&self, _attached: bool) {
        self.changed.notify_waiters();
    }

    fn on_frame(&self, body: Body) -> BoxFuture<'static, ()> {
        self.frames.fetch_add(1, Ordering::Relaxed);
        let mut answer = None;
        match body {
            Body::LogOnAgent(it) => {
                let is_ours = it.user == self.agent;
                let answered = self.answer(engine_frame::Body::AgentLoggedOn(AgentLoggedOn { user: it.user }));
                let (is_logged_on, changed) = (Arc::clone(&self.is_logged_on), Arc::clone(&self.changed));
                return async move {
                    answered.await;
                    is_logged_on.store(is_ours, Ordering::Relaxed);
                    changed.notify_waiters();
                }
                .boxed();
            }
            Body::ContactAccepted(it) => self.change(&it.contact, |state| state.opened = Some(Ok(()))),
            Body::ContactRejected(it) => {
                let reason = contact_rejected::Reason::try_from(it.reason).unwrap_or_default();
                let why = format!("{} {}", reason.as_str_name(), it.detail);
                self.change(&it.contact, |state| state.opened = Some(Err(why)));
            }
            Body::Command(command) => {
                let streams_lost = self.link.get().is_some_and(|it| it.welcomes() > self.lanes);
                let talk = self.talks.get(&command.contact);
                let outcome = talk.and_then(|it| it.on_command(&command, Clock::instant(), streams_lost));
                answer = outcome.map(|outcome| {
                    let (contact, action_seq) = (command.contact, command.action_seq);
                    let outcome = outcome.into();
                    engine_frame::Body::CommandOutcome(CommandOutcome {
                        contact,
                        action_seq,
                        outcome,
                        detail: String::new(),
                    })
                });
            }
            Body::Welcome(_)
            | Body::LogOffAgent(_)
            | Body::Busy(_)
            | Body::Refused(_)
            | Body::Typing(_)
            | Body::Draining(_) => {}
        }
        answer.map_or_else(|| std::future::ready(()).boxed(), |body| self.answer(body))
    }

    fn on_taken(&self, _receipt: Receipt) {
        self.settled.fetch_add(1, Ordering::Relaxed);
        self.changed.notify_waiters();
    }

    fn on_refused(&self, refused: Refused, receipt: Option<Receipt>) -> BoxFuture<'static, ()> {
        if receipt.is_some() {
            self.on_taken(Receipt(0));
        }
        let why = refused.detail;
        self.change(&refused.contact, |state| {
            if state.opened.is_none() {
                state.opened = Some(Err(why.clone()));
            }
            // What crossed the contact's end on its way is no fault.
            if !state.is_over {
                state.refusals.push(why);
            }
        });
        std::future::ready(()).boxed()
    }

    fn on_busy(&self, busy: &Busy) {
        self.change(&busy.contact, |state| state.busy += 1);
    }

    fn recall(&self, _contact: &str, _message_id: &str) -> Option<Recalled> {
        // What was acknowledged is not kept here: a message that is given back so late counts as lost.
        None
    }
}
