//! A Bot Framework bot by Direct Line 3.0: questions are posted as activities, answers fetched until the bot has said its part.
//!
//! Direct Line knows no turns. A turn ends when its question is delivered and the bot has fallen quiet, or has said that it
//! expects input, or that the conversation is over. `docs/engines/bot-framework.md` is for the bot's authors.

use crate::core::said::{Said, said};

mod activity;
mod conversation;
mod hearing;
mod requests;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;
use serde_json::Value;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::{call::Wire, notices::Notices, recent::Recent, schema::Webhook};
use crate::{
    clock::Clock,
    core::{
        contact::Outcome,
        ids::ContactId,
        message::{Answer, FailureKind, Input},
        step::Step,
    },
    gateway::ports::{Ask, AskError, LanguageEngine},
    nlp::CredentialReport,
};

use activity::{Activity, ActivitySet, user};
use conversation::Slot;
use hearing::Hearing;
use requests::Requests;

/// Conversations that are remembered; who was silent for the longest begins a new one.
const MAX_CONVERSATIONS: usize = 100_000;
/// How long a bot that has taken an event may be silent before that is its answer.
const EVENT_SILENCE: Duration = Duration::from_secs(2);
const PROBE_USER: &str = "usher-check";
/// How long to leave Direct Line alone when it says that it is asked too often.
const LIMITED_PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct DirectLine {
    line: Arc<Line>,
    notices: Notices<Notice>,
}

#[derive(Debug)]
struct Line {
    requests: Requests,
    slots: Recent<Arc<Slot>>,
    /// Names of the profile's actions.
    actions: Vec<String>,
    deadline: Duration,
    poll: Duration,
    quiet: Duration,
}

/// What the bot is told without being asked.
#[derive(Debug)]
struct Notice {
    slot: Arc<Slot>,
    activity: Value,
}

/// Gives a question up, unless it was answered.
struct Open<'a> {
    slot: &'a Slot,
    tag: String,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.slot.state().give_up();
    }
}

/// The question is not there, so that asking it elsewhere is no repetition.
struct ConversationGone;

impl DirectLine {
    /// To be called within a Tokio runtime.
    pub(super) fn new(wire: Wire, config: &Webhook, actions: Vec<String>) -> Self {
        let line = Arc::new(Line {
            requests: Requests::new(wire, config.token.clone()),
            slots: Recent::new(MAX_CONVERSATIONS),
            actions,
            deadline: config.deadline,
            poll: config.poll,
            quiet: config.quiet,
        });
        let teller = Arc::clone(&line);
        let notices = Notices::new(move |contact, notice| {
            let line = Arc::clone(&teller);
            async move { line.tell(&contact, notice).await }
        });
        Self { line, notices }
    }

    /// Whether Direct Line takes the secret: a conversation is begun, and ended.
    pub(super) async fn check(&self) -> Result<CredentialReport, AskError> {
        let requests = &self.line.requests;
        let end = Clock::instant() + self.line.deadline;
        let id = requests.start(end).await?;
        let about = requests.post(&id, &activity::end_of_conversation(PROBE_USER), end).await;
        Ok(CredentialReport {
            account: Some(said!("the Direct Line secret")),
            about: about.map(|_| said!("a conversation can be begun")),
        })
    }
}

impl Line {
    async fn converse(&self, ask: Ask) -> Result<Answer, AskError> {
        let end = Clock::instant() + self.deadline;
        let slot = self.slots.find_or(&ask.contact, Arc::default);
        let turn = timeout_at(end, slot.turn.lock()).await;
        let _turn = turn.map_err(|_elapsed| self.requests.place().late())?;
        loop {
            let known = slot.state().id.clone();
            let is_new = known.is_none();
            let id = match known {
                Some(id) => id,
                None => {
                    let id = self.requests.start(end).await?;
                    slot.state().begin(id.clone());
                    id
                }
            };
            match self.exchange(&ask, &slot, (&id, is_new), end).await? {
                Ok(answer) => return Ok(answer),
                // Once: a conversation that was just begun is there.
                Err(ConversationGone) if !is_new => slot.state().lose(),
                Err(ConversationGone) => {
                    let advice = said!("Direct Line does not know a conversation that it has just begun");
                    return Err(self.requests.place().failure(FailureKind::NotFound, &advice, None));
                }
            }
        }
    }

    async fn exchange(
        &self,
        ask: &Ask,
        slot: &Slot,
        (id, is_new): (&str, bool),
        end: Instant,
    ) -> Result<Result<Answer, ConversationGone>, AskError> {
        let (open, anew, offer) = {
            let mut state = slot.state();
            let anew = is_new && (std::mem::take(&mut state.lost) || ask.turn.is_some_and(|(turn, _)| turn.0 > 1));
            let offer = match &ask.input {
                Input::Text(text) => state.offers.iter().find(|it| it.sends == *text).cloned(),
                Input::Event { .. } | Input::Structured(_) | Input::Dtmf(_) | Input::Redacted => None,
            };
            (Open { tag: state.ask(), slot }, anew, offer)
        };
        let question = activity::question(ask, &open.tag, anew, offer.as_ref());
        let question = question.ok_or_else(|| self.requests.place().redacted())?;
        let mut hearing = Hearing::new(&self.actions);
        if let Err(ConversationGone) = self.hear(ask, (slot, id), &question, &mut hearing, end).await? {
            return Ok(Err(ConversationGone));
        }
        {
            let mut state = slot.state();
            state.answered();
            if !hearing.offers.is_empty() {
                state.offers = std::mem::take(&mut hearing.offers);
            }
            if hearing.answer.end_interaction {
                // Nothing can be said there any more.
                state.lose();
            }
        }
        hearing.finish().map(Ok).map_err(|why| self.requests.place().malformed(&Said::foreign(why), None))
    }

    /// Posts the question, and listens until the bot has said its part.
    async fn hear(
        &self,
        ask: &Ask,
        (slot, id): (&Slot, &str),
        question: &Value,
        hearing: &mut Hearing<'_>,
        end: Instant,
    ) -> Result<Result<(), ConversationGone>, AskError> {
        let mut posting = Box::pin(self.requests.post(id, question, end));
        let mut delivered: Option<Instant> = None;
        let mut next = Clock::instant() + self.poll;
        let (mut last_heard, mut limited) = (None, false);
        loop {
            tokio::select! {
                posted = &mut posting, if delivered.is_none() => {
                    match posted {
                        Ok(name) => name.into_iter().for_each(|it| slot.state().named(it)),
                        Err(error) if error.kind == FailureKind::NotFound => return Ok(Err(ConversationGone)),
                        Err(error) => return Err(error),
                    }
                    delivered = Some(Clock::instant());
                }
                () = sleep_until(next.min(end)) => {}
            }
            if Clock::instant() >= end {
                if delivered.is_some() && last_heard.is_some() && !hearing.goes_on() {
                    // Not quiet for long enough, but it has spoken.
                    return Ok(Ok(()));
                }
                return Err(if limited { self.requests.limited() } else { self.requests.place().late() });
            }
            let mut pause = self.poll;
            match self.fetch(slot, id, &ask.contact, hearing, end).await {
                Ok(heard) => {
                    last_heard = if heard { Some(Clock::instant()) } else { last_heard };
                    limited = false;
                }
                Err(error) if error.kind == FailureKind::Quota => (limited, pause) = (true, LIMITED_PAUSE),
                Err(error) => return Err(error),
            }
            let now = Clock::instant();
            if let Some(delivered) = delivered
                && self.is_answered(ask, hearing, (delivered, last_heard, now))?
            {
                return Ok(Ok(()));
            }
            self.pass_on(ask, hearing);
            let quiet = last_heard.filter(|_| delivered.is_some()).map(|it| it + self.quiet);
            next = quiet.map_or(now + pause, |quiet| (now + pause).min(quiet.max(now)));
        }
    }

    fn is_answered(
        &self,
        ask: &Ask,
        hearing: &Hearing<'_>,
        (delivered, last_heard, now): (Instant, Option<Instant>, Instant),
    ) -> Result<bool, AskError> {
        if let Some(heard) = last_heard {
            let quiet = now >= heard.max(delivered) + self.quiet;
            return Ok(hearing.is_over() || (quiet && !hearing.goes_on()));
        }
        let event = matches!(ask.input, Input::Event { .. } | Input::Structured(_));
        if event && now >= delivered + EVENT_SILENCE {
            return Err(self.requests.place().empty(&said!("the bot does not answer this event")));
        }
        Ok(false)
    }

    /// What need not wait for the rest: only what the bot itself says more will follow, for words may promise a person whom an
    /// event asks for that comes a moment later.
    fn pass_on(&self, ask: &Ask, hearing: &mut Hearing<'_>) {
        let said = if hearing.goes_on() { hearing.said() } else { Vec::new() };
        if !said.is_empty() {
            ask.progress.say(said);
        } else if std::mem::take(&mut hearing.typing) {
            ask.progress.typing();
        }
    }

    /// Takes what is new. Says whether the bot has said something.
    async fn fetch(
        &self,
        slot: &Slot,
        id: &str,
        contact: &ContactId,
        hearing: &mut Hearing<'_>,
        end: Instant,
    ) -> Result<bool, AskError> {
        let watermark = slot.state().watermark.clone();
        let fetched = self.requests.fetch(id, watermark.as_deref(), end).await;
        let set = match fetched {
            Ok(set) => set,
            Err(error) => {
                // Whatever cannot be read stays in the way of what follows it.
                if matches!(error.kind, FailureKind::NotFound | FailureKind::Malformed) {
                    slot.state().lose();
                }
                return Err(error);
            }
        };
        let ActivitySet { activities, watermark } = set;
        let (before, mut bad) = (hearing.heard(), None);
        let user = user(contact);
        for activity in activities {
            let Ok(activity) = serde_json::from_value::<Activity>(activity) else {
                bad = Some("an activity has another shape than documented");
                continue;
            };
            if slot.state().is_news(&activity, &user) {
                bad = hearing.take(activity).err().or(bad);
            }
        }
        if watermark.is_some() {
            slot.state().watermark = watermark;
        }
        match bad {
            Some(why) => Err(self.requests.place().malformed(&Said::foreign(why), None)),
            None => Ok(hearing.heard() > before),
        }
    }

    async fn tell(&self, contact: &ContactId, Notice { slot, activity }: Notice) {
        let Some(id) = slot.state().id.clone() else { return };
        let end = Clock::instant() + self.deadline;
        match self.requests.post(&id, &activity, end).await {
            Ok(name) => name.into_iter().for_each(|it| slot.state().never_mind(it)),
            Err(error) => tracing::warn!(contact.id = %contact, advice = %error.advice, "the bot was not told"),
        }
    }
}

impl LanguageEngine for DirectLine {
    fn ask(&self, ask: Ask) -> BoxFuture<'_, Result<Answer, AskError>> {
        Box::pin(self.line.converse(ask))
    }

    fn hears_steps(&self) -> bool {
        true
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "most steps are no concern of a bot")]
    fn on_step(&self, contact: &ContactId, step: &Step) {
        let state = match step {
            Step::HandoverOutcome { outcome, detail, .. } => handoff(*outcome).map(|it| (it, detail.as_str())),
            Step::Returned { .. } => Some(("completed", "")),
            Step::Ended { with_person, .. } => with_person.then_some(("completed", "")),
            _ => return,
        };
        let over = matches!(step, Step::Ended { .. });
        let slot = if over { self.line.slots.forget(contact) } else { self.line.slots.find(contact) };
        let Some(slot) = slot else { return };
        let user = user(contact);
        let status = state.map(|(state, message)| activity::handoff_status(&user, state, message));
        let last = over.then(|| activity::end_of_conversation(&user));
        for activity in status.into_iter().chain(last) {
            self.notices.push(contact, Notice { slot: Arc::clone(&slot), activity });
        }
    }
}

/// In the three words of Microsoft's handoff protocol; while nobody has decided there is nothing to tell.
const fn handoff(outcome: Outcome) -> Option<&'static str> {
    match outcome {
        Outcome::Accepted => Some("accepted"),
        Outcome::Done => Some("completed"),
        Outcome::Failed | Outcome::Expired | Outcome::Superseded => Some("failed"),
        Outcome::Offered => None,
    }
}
