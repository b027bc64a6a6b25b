//! What transitions ask for, carried out: questions at once, everything that others would see after the commit.

use std::{sync::Arc, time::Duration};

use tokio::sync::oneshot;
use tracing::Instrument as _;

use super::{
    Gateway, LaneId, Todo,
    lane::{Refusal, ToEngine},
    ports::{Ask, AskError, ExternalRequest, Progress, Seed},
    private,
    served::Served,
    shadow::{Given, Shadowing},
    shard::Entry,
    unit::Unit,
};
use crate::{
    clock::Clock,
    core::{
        contact::{Addressee, Effect, Event},
        ids::{ActionSeq, ContactId, EngineName, Epoch, MessageId, Turn},
        message::{Answer, Input, Parameters},
    },
    telemetry::{SPANS, labels::Stage},
};

/// When a customer message that was refused for want of room may come again.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// What waits for a commit.
#[derive(Debug)]
pub(super) enum After {
    /// A frame that is not kept: if the lane is gone, its session cannot go on, and the engine sends again what led to it.
    Frame {
        unit: Arc<Unit>,
        lane: LaneId,
        frame: Box<ToEngine>,
    },
    /// A command. If the lane is gone it stays undelivered, for the next one.
    Command {
        lane: LaneId,
        contact: ContactId,
        /// See [`Entry::route`].
        route: u32,
        frame: Box<ToEngine>,
    },
    External(Box<ExternalRequest>, ActionSeq),
}

/// A question that can be asked at once.
#[derive(Debug)]
pub(super) struct Question {
    served: Arc<Served>,
    /// `None`: the primary.
    engine: Option<EngineName>,
    ask: Ask,
    /// Beside it, the shadow is asked, and told of the answer.
    shadow: Option<(Box<Shadowing>, oneshot::Sender<Given>)>,
}

impl Gateway {
    /// Sorts a transition's effects into what may start now and what waits for the commit. Says whether the contact is over.
    pub(super) fn sort(
        &self,
        id: &ContactId,
        entry: &mut Entry,
        effects: Vec<Effect>,
        questions: &mut Vec<Question>,
        after: &mut Vec<After>,
    ) -> bool {
        let mut over = false;
        let lane = self.route(id, entry, after);
        for effect in effects {
            match effect {
                Effect::Ask { turn, epoch, to, input, payload } => {
                    let (again, sensitive) = (to.again, to.sensitive);
                    let mut question = question(id, entry, to, Some((turn, epoch)), (input, payload));
                    if !again {
                        question.shadow = self.shadow(entry, &question.ask, sensitive);
                    }
                    questions.push(question);
                }
                Effect::Tell { engine, event, payload } => {
                    let input = Input::Event { name: event, parameters: Parameters::new() };
                    let to = Addressee { engine, ..Addressee::default() };
                    questions.push(question(id, entry, to, None, (input, payload)));
                }
                Effect::Send { seq, command } => {
                    if let Some(lane) = lane {
                        let frame = ToEngine::Command { contact: id.name.clone(), seq, command };
                        after.push(command_frame(id, entry, lane, frame));
                    }
                }
                Effect::External { seq, uri, parameters } => {
                    let idempotency_key = format!("{id}/{}", seq.0);
                    let secrets = private::secrets(&parameters, entry.contact.values(), &entry.chain);
                    let request = ExternalRequest { contact: id.clone(), idempotency_key, uri, parameters, secrets };
                    after.push(After::External(Box::new(request), seq));
                }
                Effect::Typing => after.extend(frame(entry, ToEngine::Typing { contact: id.name.clone() })),
                // Waits for no commit, as nothing has changed; later the lane might be gone, the message lost with it.
                Effect::Busy(message) => {
                    if let Some(lane) = entry.lane {
                        self.push_or_lose(&entry.unit, lane, busy(id, message, "the contact's queue is full"));
                    }
                }
                Effect::ContactEnded(message) => {
                    let refused = ToEngine::Refused {
                        frame: 0,
                        reason: Refusal::ContactEnded,
                        detail: "the contact is over".to_owned(),
                        contact: id.name.to_string(),
                        message: message.to_string(),
                    };
                    after.extend(frame(entry, refused));
                }
                Effect::Close => over = true,
            }
        }
        over
    }

    /// Where the contact's commands go now. On a lane that has not had them yet, everything undelivered goes first, so that
    /// the engine sees commands in order; the transition's own are among them then, and are not sent twice.
    fn route(&self, id: &ContactId, entry: &mut Entry, after: &mut Vec<After>) -> Option<LaneId> {
        let lane = entry.unit.lane_or_other(entry.lane);
        if lane == entry.lane {
            return lane;
        }
        entry.lane = None;
        self.route_to(id, entry, lane?, after);
        None
    }

    /// Sends everything undelivered on `lane`, which becomes the contact's.
    pub(super) fn route_to(&self, id: &ContactId, entry: &mut Entry, lane: LaneId, after: &mut Vec<After>) {
        entry.lane = Some(lane);
        entry.route = entry.route.wrapping_add(1);
        for (seq, command) in entry.contact.undelivered() {
            let frame = ToEngine::Command { contact: id.name.clone(), seq, command: Arc::clone(command) };
            after.push(command_frame(id, entry, lane, frame));
        }
    }

    /// Sends what is undelivered and has not been sent on any lane that is attached. Says no if the lane is too full for it.
    pub(super) fn send_undelivered(&self, id: &ContactId, entry: &mut Entry) -> bool {
        // While nobody is attached the contact stays with its lane: a session that resumes has what it was given.
        let Some(target) = entry.unit.lane_or_other(entry.lane) else { return true };
        if Some(target) == entry.lane || entry.contact.undelivered().next().is_none() {
            return true;
        }
        let room = entry.unit.lane(target).is_none_or(|it| it.out.capacity() > it.out.max_capacity() / 2);
        if room {
            let mut after = Vec::new();
            self.route(id, entry, &mut after);
            let now = self.journal.follow(&mut after);
            self.send_now(entry, now, &mut Todo::default());
        }
        room
    }

    /// Sends what need not wait for a commit, under the shard's lock.
    pub(super) fn send_now(&self, entry: &mut Entry, now: Vec<After>, todo: &mut Todo) {
        for it in now {
            match it {
                After::Frame { unit, lane, frame } => self.push_or_lose(&unit, lane, *frame),
                After::Command { lane, contact, route, frame } => {
                    self.send_command(entry, &contact, (lane, route), *frame);
                }
                After::External(request, seq) => todo.queries.push((request, seq)),
            }
        }
    }

    /// What has been committed, in order.
    pub(super) fn carry_out(self: &Arc<Self>, after: Vec<After>) {
        for it in after {
            match it {
                After::Frame { unit, lane, frame } => self.push_or_lose(&unit, lane, *frame),
                After::Command { lane, contact, route, frame } => {
                    let mut shard = self.shards.of(&contact);
                    // A contact that is over needs nothing more.
                    if let Some(entry) = shard.contacts.get_mut(&contact) {
                        self.send_command(entry, &contact, (lane, route), *frame);
                    }
                }
                After::External(request, seq) => self.query(*request, seq),
            }
        }
    }

    /// Sends a command unless all undelivered ones have been sent again since, it among them. Under the shard's lock: a later
    /// command must not overtake an earlier one, for the engine would take the earlier for a repetition.
    fn send_command(&self, entry: &mut Entry, id: &ContactId, (lane, route): (LaneId, u32), frame: ToEngine) {
        if entry.route != route || self.push(&entry.unit, lane, frame) {
            return;
        }
        // The lane went before it had the command: another one gets all of them, now or when it comes.
        entry.lane = None;
        entry.route = entry.route.wrapping_add(1);
        if !self.send_undelivered(id, entry) {
            entry.unit.sweep.want();
        }
    }

    /// Gives a lane a frame that is sent once.
    pub(super) fn push_or_lose(&self, unit: &Unit, lane: LaneId, frame: ToEngine) {
        if !self.push(unit, lane, frame) {
            unit.lose(lane);
        }
    }

    /// Gives a frame to a lane. A lane that does not take its frames any more is cut: its engine attaches again.
    pub(super) fn push(&self, unit: &Unit, lane: LaneId, frame: ToEngine) -> bool {
        let Some(lane) = unit.lane(lane) else { return false };
        match lane.out.try_send(frame) {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(engine.id = %lane.engine, unit = %unit.name, %error, "the engine does not read: its lane is cut");
                unit.remove(lane.id, Some(&lane.out), self.clock.now());
                false
            }
        }
    }

    pub(super) fn ask(self: &Arc<Self>, question: Question) {
        let gateway = Arc::clone(self);
        self.calls.start();
        self.tasks.spawn(async move {
            let Question { served, engine, mut ask, shadow } = question;
            let tell = shadow.map(|(shadowing, tell)| {
                gateway.run_shadow(*shadowing);
                tell
            });
            let (id, turn, words) = (ask.contact.clone(), ask.turn, !matches!(ask.input, Input::Event { .. }));
            ask.progress = gateway.progress(&id, turn);
            let span = tracing::debug_span!(
                target: SPANS,
                "ask",
                contact.id = %id,
                profile = %served.rules.profile,
                engine = engine.as_ref().map(EngineName::as_str),
                turn = turn.map(|(turn, _)| turn.0),
            );
            let began = Clock::instant();
            let result = served.engine(engine.as_ref()).ask(ask).instrument(span).await;
            let took = began.elapsed();
            gateway.metrics.stage(Stage::Ask, took);
            gateway.count_call(&served, engine.as_ref(), (&result, took, turn.is_some() && words));
            if turn.is_some() {
                gateway.measure(&served, engine.as_ref(), &result, (took, words));
            }
            let given = tell.map(|tell| (tell, Given::of(&result)));
            let taken = gateway.on_answer(&id, (&served, engine.as_ref()), turn, result);
            if let (true, Some((tell, given))) = (taken, given) {
                // A shadow that was given up has gone.
                tell.send(given).unwrap_or_default();
            }
            // Only now, so that a drain does not find the turn at rest between its question and what follows.
            gateway.calls.end();
        });
    }

    /// What an engine says before its answer becomes an event like any other.
    fn progress(self: &Arc<Self>, id: &ContactId, turn: Option<(Turn, Epoch)>) -> Progress {
        let Some((turn, epoch)) = turn else { return Progress::default() };
        // Weak: an adapter may keep it for longer than the gateway lives.
        let (gateway, id) = (Arc::downgrade(self), id.clone());
        Progress::new(move |replies| {
            if let Some(gateway) = gateway.upgrade() {
                gateway.apply(&id, Event::Progressed { turn, epoch, replies });
            }
        })
    }

    fn on_answer(
        self: &Arc<Self>,
        id: &ContactId,
        (served, engine): (&Served, Option<&EngineName>),
        turn: Option<(Turn, Epoch)>,
        result: Result<Answer, AskError>,
    ) -> bool {
        // What is held back is told once, where it is held back, and in the timeline.
        if let Some(error) = result.as_ref().err().filter(|it| !it.held_back) {
            tracing::warn!(
                contact.id = %id,
                profile = %served.rules.profile,
                engine = engine.map_or(EngineName::PRIMARY, EngineName::as_str),
                kind = error.kind.label(),
                advice = %error.advice,
                source = error.source.as_deref().map(tracing::field::display),
                "the language engine did not answer"
            );
        }
        self.watch_engine(served, engine, &result);
        let Some((turn, epoch)) = turn else { return false };
        let event = match result {
            Ok(answer) => Event::Answered { turn, epoch, answer: Box::new(answer) },
            Err(AskError { kind, advice, .. }) => Event::AskFailed { turn, epoch, kind, advice },
        };
        self.apply(id, event)
    }

    pub(super) fn query(self: &Arc<Self>, request: ExternalRequest, seq: ActionSeq) {
        let gateway = Arc::clone(self);
        self.calls.start();
        self.tasks.spawn(async move {
            let id = request.contact.clone();
            let began = Clock::instant();
            let span = tracing::debug_span!(target: SPANS, "external", contact.id = %id, action.seq = seq.0);
            let result = gateway.external.query(request).instrument(span).await;
            gateway.metrics.stage(Stage::External, began.elapsed());
            let event = match result {
                Ok(content) => Event::ExternalAnswered { seq, content },
                Err(error) => Event::ExternalFailed { seq, label: error.label, detail: error.detail },
            };
            gateway.apply(&id, event);
            gateway.calls.end();
        });
    }
}

fn question(
    id: &ContactId,
    entry: &Entry,
    to: Addressee,
    turn: Option<(Turn, Epoch)>,
    (input, payload): (Input, Parameters),
) -> Question {
    let (card, served) = (entry.contact.card(), &entry.served);
    let Addressee { engine, new, returns, ongoing, .. } = to;
    let seed = (new || served.engine(engine.as_ref()).wants_transcript()).then(|| seed(entry, returns));
    let (media, language) = (card.media, card.language.clone());
    let ask = Ask { media, turn, payload, ongoing, seed, ..Ask::new(id.clone(), input, language) };
    Question { served: Arc::clone(served), engine, ask, shadow: None }
}

pub(super) fn seed(entry: &Entry, returns: bool) -> Box<Seed> {
    Box::new(Seed { transcript: entry.contact.said_before(), slots: entry.contact.slots().clone(), returns })
}

/// A frame to where the contact is talked to; without a lane there is nobody to tell.
fn frame(entry: &Entry, frame: ToEngine) -> Option<After> {
    let lane = entry.lane?;
    Some(After::Frame { unit: Arc::clone(&entry.unit), lane, frame: Box::new(frame) })
}

fn command_frame(id: &ContactId, entry: &Entry, lane: LaneId, frame: ToEngine) -> After {
    After::Command { lane, contact: id.clone(), route: entry.route, frame: Box::new(frame) }
}

pub(super) fn busy(id: &ContactId, message: MessageId, reason: &str) -> ToEngine {
    let contact = id.name.clone();
    ToEngine::Busy { contact, message, retry_after: RETRY_AFTER, reason: reason.to_owned() }
}
