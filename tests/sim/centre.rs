//! The contact centre: a routing engine that keeps the contract, its customers and its people.
//!
//! Everything it sees is written down with its time, for [`super::check`].

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet, VecDeque},
    rc::Rc,
    time::Duration,
};

use futures::FutureExt as _;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use tokio::time::{sleep, timeout};
use usher::wire::engine::{
    Command, CommandOutcome, ContactEnded, ContactOffered, CustomerMessage, CustomerTyping, Empty, MediaType, command,
    command_outcome::Outcome, contact_rejected, customer_message, engine_frame::Body, gateway_frame, refused,
};

use super::{
    fakes::engine::{FakeEngine, Setup},
    hosts::{AGENT, TOKEN, UNIT, WARNING, dial},
    plan::{Plan, Step},
};

/// How often it looks around.
const LOOK_EVERY: Duration = Duration::from_millis(40);
const ATTACH_WITHIN: Duration = Duration::from_secs(5);
const ATTACH_AGAIN: Duration = Duration::from_secs(1);
/// With nothing else to say it asks for a sign of life this often,
const PING_EVERY: Duration = Duration::from_secs(8);
/// and gives a connection up on which nothing it said has been acknowledged for so long.
const SILENCE: Duration = Duration::from_secs(12);
const OFFER_AGAIN: Duration = Duration::from_secs(20);

/// How long the routing engine stays away, and whether it forgets its session.
pub(crate) type Trouble = Cell<Option<(Duration, bool)>>;

/// What was seen.
#[derive(Default)]
pub(crate) struct Log {
    pub(crate) contacts: BTreeMap<String, Seen>,
    /// Where the gateway broke the contract: its numbers,
    pub(crate) contract: Vec<String>,
    /// and what it said.
    pub(crate) breaches: Vec<String>,
    pub(crate) unacknowledged: usize,
}

#[derive(Default)]
pub(crate) struct Seen {
    /// Messages in the order in which they were sent; again when they were `Busy`.
    pub(crate) sent: Vec<String>,
    /// Sent and not taken when the customer left.
    pub(crate) abandoned: BTreeSet<String>,
    /// Answered by `Refused`.
    pub(crate) refused: BTreeSet<String>,
    pub(crate) commands: Vec<(Duration, Command)>,
    pub(crate) end: Option<(Duration, End)>,
    idle: Idle,
    /// How it was when the gateway wanted to end it.
    pub(crate) closing: Option<(Duration, Idle)>,
}

/// Since when nobody has said anything.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Idle {
    /// The clock began to run no earlier than this,
    pub(crate) from: Duration,
    /// and, if nothing failed, no later than this.
    pub(crate) for_sure_from: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Why the gateway wanted it.
    Gateway(String),
    Customer,
    Person,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Coming,
    Offered { since: Duration },
    WithBot,
    WithPerson,
    Over,
}

struct Contact {
    name: String,
    stage: Stage,
    steps: VecDeque<(Duration, Step)>,
    next_at: Duration,
    messages: u32,
    /// `Busy`, to be sent again.
    held_back: BTreeSet<String>,
    texts: BTreeMap<String, String>,
    /// In the order of sending, for `Busy` changes the customer's.
    last_message: String,
    /// The `unless_after` that was superseded.
    superseded: Option<String>,
}

/// What the centre does a while after something.
enum Later {
    Outcome(u32, Outcome),
    GiveBack(u32),
    EndByPerson,
    SendAgain(String),
}

pub(crate) struct Scene {
    setup: Setup,
    contacts: Vec<Contact>,
    rng: StdRng,
    later: Vec<(Duration, usize, Later)>,
    healed_at: Duration,
}

struct Centre {
    scene: Scene,
    engine: FakeEngine,
    log: Rc<RefCell<Log>>,
    link: Link,
}

/// How the connection fares.
#[derive(Default)]
struct Link {
    acknowledged: u64,
    heard_at: Duration,
    try_at: Duration,
    away_until: Duration,
}

fn now() -> Duration {
    turmoil::sim_elapsed().unwrap_or_default()
}

impl Scene {
    pub(crate) fn new(plan: &Plan, healed_at: Duration) -> Self {
        let setup = Setup::new(dial(), TOKEN, "engine-1", UNIT)
            .user(AGENT)
            .queue("people", MediaType::OpenMedia)
            .queue("callbacks", MediaType::OpenMedia);
        let contact = |(n, it): (usize, &super::plan::Customer)| Contact {
            name: format!("c{n}"),
            stage: Stage::Coming,
            steps: it.steps.iter().cloned().collect(),
            next_at: it.comes_at,
            messages: 0,
            held_back: BTreeSet::new(),
            texts: BTreeMap::new(),
            last_message: String::new(),
            superseded: None,
        };
        Self {
            setup: Setup { retries: false, ..setup },
            contacts: plan.customers.iter().enumerate().map(contact).collect(),
            rng: StdRng::seed_from_u64(plan.seed ^ 0xce47),
            later: Vec::new(),
            healed_at,
        }
    }
}

/// Until every contact is over and everything is acknowledged.
pub(crate) async fn run(scene: Scene, log: Rc<RefCell<Log>>, trouble: Rc<Trouble>) {
    let engine = loop {
        match timeout(ATTACH_WITHIN, FakeEngine::attach(scene.setup.clone())).await {
            Ok(Ok(engine)) => break engine,
            Ok(Err(_)) | Err(_) => sleep(ATTACH_AGAIN).await,
        }
    };
    let mut centre = Centre { scene, engine, log, link: Link { heard_at: now(), ..Link::default() } };
    loop {
        centre.mind_the_connection(&trouble).await;
        centre.take_notices();
        centre.take_commands();
        centre.do_what_is_due();
        centre.let_customers_act();
        if centre.is_at_rest() {
            return;
        }
        sleep(LOOK_EVERY).await;
    }
}

impl Centre {
    fn is_at_rest(&self) -> bool {
        let mut log = self.log.borrow_mut();
        log.unacknowledged = self.engine.unacknowledged();
        log.contract = self.engine.breaches();
        let over = self.scene.contacts.iter().all(|it| it.stage == Stage::Over);
        over && log.unacknowledged == 0 && now() > self.scene.healed_at
    }

    async fn mind_the_connection(&mut self, trouble: &Trouble) {
        let now = now();
        if let Some((away, forgets)) = trouble.take() {
            if forgets {
                self.engine.forget_session();
            } else {
                self.engine.cut();
            }
            self.link.away_until = now + away;
        }
        if self.engine.is_attached() {
            let open = u64::try_from(self.engine.unacknowledged()).unwrap();
            let acknowledged = self.engine.sent() - open;
            if acknowledged != self.link.acknowledged {
                (self.link.acknowledged, self.link.heard_at) = (acknowledged, now);
            }
            if open == 0 && now >= self.link.heard_at + PING_EVERY {
                self.link.heard_at = now;
                self.engine.send_now(Body::Heartbeat(Empty {}));
            } else if open > 0 && now >= self.link.heard_at + SILENCE {
                self.engine.cut();
            }
        } else if now >= self.link.try_at && now >= self.link.away_until {
            match timeout(ATTACH_WITHIN, self.engine.resume()).await {
                Ok(Ok(_)) => {}
                Ok(Err(_)) | Err(_) => self.engine.cut(),
            }
            self.link.heard_at = self::now();
            self.link.try_at = self::now() + ATTACH_AGAIN;
        }
    }

    fn take_notices(&mut self) {
        while let Some(notice) = self.engine.notice("anything", |it| Some(it.clone())).now_or_never() {
            match notice {
                gateway_frame::Body::ContactAccepted(it) => {
                    let index = index(&it.contact);
                    let contact = &mut self.scene.contacts[index];
                    if matches!(contact.stage, Stage::Offered { .. }) {
                        contact.stage = Stage::WithBot;
                        contact.next_at = now() + contact.steps.front().map(|(after, _)| *after).unwrap_or_default();
                        // The clock may run since the offer came.
                        self.seen(index, |seen| seen.idle.for_sure_from = now());
                    }
                }
                gateway_frame::Body::ContactRejected(it) => self.rejected(&it.contact, it.reason()),
                gateway_frame::Body::Busy(it) => {
                    let after = Duration::from_millis(it.retry_after_ms.into());
                    let index = index(&it.contact);
                    self.scene.contacts[index].held_back.insert(it.message_id.clone());
                    self.later(after, index, Later::SendAgain(it.message_id));
                }
                gateway_frame::Body::Refused(it) if it.reason() == refused::Reason::ContactEnded => {
                    self.seen(index(&it.contact), |seen| seen.refused.insert(it.message_id.clone()));
                }
                gateway_frame::Body::Refused(it) => {
                    let stage = self.scene.contacts[index(&it.contact)].stage;
                    if stage != Stage::Over {
                        self.log.borrow_mut().breaches.push(format!("{it:?} while {stage:?}"));
                    }
                }
                gateway_frame::Body::Welcome(_)
                | gateway_frame::Body::LogOnAgent(_)
                | gateway_frame::Body::LogOffAgent(_)
                | gateway_frame::Body::Command(_)
                | gateway_frame::Body::Typing(_)
                | gateway_frame::Body::Draining(_) => {}
            }
        }
    }

    fn rejected(&mut self, contact: &str, reason: contact_rejected::Reason) {
        let contact = &mut self.scene.contacts[index(contact)];
        match (reason, contact.stage) {
            (
                contact_rejected::Reason::AgentNotLoggedOn | contact_rejected::Reason::StoreUnavailable,
                Stage::Offered { .. },
            ) => {
                contact.stage = Stage::Coming;
                contact.next_at = now() + Duration::from_secs(1);
            }
            // Offered again before the first answer came.
            (
                contact_rejected::Reason::AgentNotLoggedOn | contact_rejected::Reason::StoreUnavailable,
                Stage::Coming,
            )
            | (_, Stage::Over) => {}
            (reason, stage) => {
                self.log
                    .borrow_mut()
                    .breaches
                    .push(format!("{} was rejected: {reason:?} while {stage:?}", contact.name));
            }
        }
    }

    fn take_commands(&mut self) {
        for index in 0..self.scene.contacts.len() {
            let name = self.scene.contacts[index].name.clone();
            while let Some(command) = self.engine.next_command(&name).now_or_never() {
                self.seen(index, |seen| seen.commands.push((now(), command.clone())));
                self.carry_out(index, command);
            }
        }
    }

    fn carry_out(&mut self, index: usize, command: Command) {
        let seq = command.action_seq;
        match command.command.expect("a command is one") {
            command::Command::Say(say) => {
                let is_warning = say.messages.first().is_some_and(|it| format!("{it:?}").contains(WARNING));
                if !is_warning {
                    self.active(index);
                }
            }
            command::Command::Requeue(_) => self.requeue(index, seq),
            command::Command::CreateCallback(_) => {
                self.active(index);
                if self.scene.rng.random_bool(0.9) {
                    let outcome = if self.scene.rng.random_bool(0.8) { Outcome::Done } else { Outcome::Failed };
                    let after = self.scene.rng.random_range(0..8_000);
                    self.later(Duration::from_millis(after), index, Later::Outcome(seq, outcome));
                } else {
                    // The gateway waits for the outcome for a while.
                    self.seen(index, |seen| seen.idle.for_sure_from += Duration::from_secs(30));
                }
            }
            command::Command::EndContact(end) => {
                if self.scene.contacts[index].stage == Stage::Over {
                    return;
                }
                self.seen(index, |seen| seen.closing = Some((now(), seen.idle)));
                let contact = &mut self.scene.contacts[index];
                // What was sent twice may have been taken the first time: then `unless_after` never becomes the last one.
                let again = contact.superseded.replace(end.unless_after.clone()) == Some(end.unless_after.clone());
                if !end.unless_after.is_empty() && end.unless_after != contact.last_message && !again {
                    self.outcome(index, seq, Outcome::Superseded);
                } else {
                    self.outcome(index, seq, Outcome::Done);
                    self.over(index, End::Gateway(end.reason));
                }
            }
            command::Command::PushUrl(_) => {}
        }
    }

    /// People take it, or do not, or nobody is there.
    fn requeue(&mut self, index: usize, seq: u32) {
        self.active(index);
        self.outcome(index, seq, Outcome::Offered);
        let rng = &mut self.scene.rng;
        let taken = Duration::from_millis(rng.random_range(0..8_000));
        let outcome = match rng.random_range(0..10) {
            0 => Outcome::Failed,
            1 | 2 => Outcome::Expired,
            _ => Outcome::Accepted,
        };
        if outcome == Outcome::Accepted {
            let done = taken + Duration::from_millis(rng.random_range(500..20_000));
            let what = if rng.random_bool(0.7) { Later::GiveBack(seq) } else { Later::EndByPerson };
            self.later(done, index, what);
        }
        self.later(taken, index, Later::Outcome(seq, outcome));
    }

    fn do_what_is_due(&mut self) {
        let now = now();
        self.scene.later.sort_by_key(|(at, ..)| *at);
        while self.scene.later.first().is_some_and(|(at, ..)| *at <= now) {
            let (_, index, what) = self.scene.later.remove(0);
            if self.scene.contacts[index].stage == Stage::Over {
                continue;
            }
            match what {
                Later::Outcome(seq, outcome) => {
                    if outcome == Outcome::Accepted {
                        self.scene.contacts[index].stage = Stage::WithPerson;
                    }
                    self.outcome(index, seq, outcome);
                }
                Later::GiveBack(seq) => {
                    self.offer(index, seq);
                    let contact = &mut self.scene.contacts[index];
                    contact.stage = Stage::WithBot;
                    contact.next_at = now + contact.steps.front().map(|(after, _)| *after).unwrap_or_default();
                }
                Later::EndByPerson => self.hang_up(index, End::Person),
                Later::SendAgain(id) => {
                    self.scene.contacts[index].held_back.remove(&id);
                    self.send(index, id);
                }
            }
        }
    }

    fn let_customers_act(&mut self) {
        let now = now();
        for index in 0..self.scene.contacts.len() {
            let contact = &mut self.scene.contacts[index];
            match contact.stage {
                Stage::Coming if now >= contact.next_at => {
                    contact.stage = Stage::Offered { since: now };
                    self.offer(index, 0);
                }
                Stage::Offered { since } if now >= since + OFFER_AGAIN => contact.stage = Stage::Coming,
                Stage::WithBot if now >= contact.next_at => {
                    let Some((_, step)) = contact.steps.pop_front() else { continue };
                    contact.next_at = now + contact.steps.front().map(|(after, _)| *after).unwrap_or_default();
                    self.act(index, step);
                }
                Stage::Coming | Stage::Offered { .. } | Stage::WithBot | Stage::WithPerson | Stage::Over => {}
            }
        }
    }

    fn act(&mut self, index: usize, step: Step) {
        match step {
            Step::Say(wishes) => {
                for wish in wishes {
                    let contact = &mut self.scene.contacts[index];
                    contact.messages += 1;
                    let id = format!("{}m{}", contact.name, contact.messages);
                    contact.texts.insert(id.clone(), format!("{id} {}", wish.word()));
                    self.send(index, id);
                }
            }
            Step::Type => {
                let contact = self.scene.contacts[index].name.clone();
                self.engine.send_now(Body::CustomerTyping(CustomerTyping { contact }));
                // It may or may not come before the clock runs.
                self.seen(index, |seen| seen.idle.for_sure_from = now());
            }
            Step::HangUp => self.hang_up(index, End::Customer),
        }
    }

    fn send(&mut self, index: usize, id: String) {
        let contact = &mut self.scene.contacts[index];
        contact.last_message.clone_from(&id);
        let body = Some(customer_message::Body::Text(contact.texts[&id].clone()));
        let message = CustomerMessage { contact: contact.name.clone(), message_id: id.clone(), sensitive: false, body };
        self.engine.send_now(Body::CustomerMessage(message));
        self.seen(index, |seen| seen.sent.push(id));
        self.active(index);
    }

    fn offer(&mut self, index: usize, returned_from: u32) {
        let contact = self.scene.contacts[index].name.clone();
        let media_type = MediaType::OpenMedia.into();
        let offer =
            ContactOffered { contact, agent: AGENT.to_owned(), media_type, returned_from, ..ContactOffered::default() };
        self.engine.send_now(Body::ContactOffered(offer));
        self.active(index);
    }

    fn outcome(&mut self, index: usize, action_seq: u32, outcome: Outcome) {
        let contact = self.scene.contacts[index].name.clone();
        let outcome = CommandOutcome { contact, action_seq, outcome: outcome.into(), detail: String::new() };
        self.engine.send_now(Body::CommandOutcome(outcome));
        self.active(index);
    }

    fn hang_up(&mut self, index: usize, end: End) {
        let contact = self.scene.contacts[index].name.clone();
        self.engine.send_now(Body::ContactEnded(ContactEnded { contact, reason: format!("{end:?}") }));
        self.over(index, end);
    }

    fn over(&mut self, index: usize, end: End) {
        let contact = &mut self.scene.contacts[index];
        contact.stage = Stage::Over;
        let abandoned = contact.held_back.clone();
        self.seen(index, |seen| {
            seen.end = Some((now(), end));
            seen.abandoned = abandoned;
        });
    }

    fn active(&mut self, index: usize) {
        self.seen(index, |seen| {
            seen.idle.from = now();
            seen.idle.for_sure_from = seen.idle.for_sure_from.max(now());
        });
    }

    fn later(&mut self, after: Duration, index: usize, what: Later) {
        self.scene.later.push((now() + after, index, what));
    }

    fn seen<T>(&self, index: usize, change: impl FnOnce(&mut Seen) -> T) {
        let name = &self.scene.contacts[index].name;
        change(self.log.borrow_mut().contacts.entry(name.clone()).or_default());
    }
}

fn index(contact: &str) -> usize {
    contact.trim_start_matches('c').parse().expect("a contact of ours")
}
