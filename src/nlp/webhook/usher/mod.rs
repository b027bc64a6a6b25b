//! A connector by webhook (S11): the frames of `connector`, each posted by itself and signed. `docs/engines/webhook.md` is the
//! contract.
//!
//! An answer comes in the response, or is posted to a one-time address later ([`replies`](super::replies)); the first final one
//! counts.

use crate::core::said::said;

mod answer;
mod post;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::future::BoxFuture;
use http::StatusCode;
use tokio::time::{Instant, sleep_until};

use super::{
    notices::Notices,
    replies::{Awaited, Open, Posted, Replies},
    schema::Webhook,
};
use crate::{
    clock::Clock,
    core::{
        action::ActionRule,
        ids::ContactId,
        message::{Answer, FailureKind},
        step::Step,
    },
    gateway::ports::{Ask, AskError, Ear, LanguageEngine, Progress},
    nlp::{
        CredentialReport,
        connector::{
            actions::{Actions, Told},
            convert,
            frames::{ToConnector, Turn},
        },
    },
};

use answer::Heard;
pub(super) use post::{Poster, SIGNATURE, Sender};

/// Contacts whose actions are told by name; of others the outcome is told without it.
const MAX_CONTACTS: usize = 250_000;

pub(super) struct Usher {
    poster: Arc<Poster>,
    replies: Replies,
    /// The profile's.
    actions: Vec<ActionRule>,
    deadline: Duration,
    async_deadline: Duration,
    signed_replies: bool,
    /// Begins every turn's name, so that no other process gives it again.
    life: u64,
    turns: AtomicU64,
    /// What each contact has asked for by name. Held for one step each.
    asked_for: Mutex<HashMap<ContactId, Actions>>,
    notices: Notices<ToConnector>,
}

impl fmt::Debug for Usher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").field("poster", &self.poster).finish_non_exhaustive()
    }
}

impl Usher {
    /// To be called within a Tokio runtime.
    pub(super) fn new(poster: Poster, config: &Webhook, actions: Vec<ActionRule>, replies: Replies) -> Self {
        let (poster, life) = (Arc::new(poster), rand::random());
        let (teller, told) = (Arc::clone(&poster), Arc::new(AtomicU64::new(0)));
        let within = config.deadline;
        let notices = Notices::new(move |contact: ContactId, frame| {
            let (teller, told) = (Arc::clone(&teller), Arc::clone(&told));
            async move {
                let name = format!("{life:016x}-n{}", told.fetch_add(1, Ordering::Relaxed));
                let end = Clock::instant() + within;
                if let Err(error) = teller.notice(&contact, &name, &frame, end).await {
                    tracing::warn!(contact.id = %contact, advice = %error.advice, "the webhook was not told");
                }
            }
        });
        Self {
            poster,
            replies,
            actions,
            deadline: config.deadline,
            async_deadline: config.async_deadline,
            signed_replies: config.signed_replies,
            life,
            turns: AtomicU64::new(0),
            asked_for: Mutex::default(),
            notices,
        }
    }

    /// Whether the webhook takes what we sign.
    pub(super) async fn check(&self) -> Result<CredentialReport, AskError> {
        let end = Clock::instant() + self.deadline;
        let name = format!("{:016x}-check", self.life);
        self.poster.check(&name, end).await?;
        Ok(CredentialReport {
            account: Some(said!("our signature")),
            about: Ok(said!("the webhook takes what we post")),
        })
    }

    async fn converse(&self, ask: Ask) -> Result<Answer, AskError> {
        let (began, end) = (Clock::instant(), ask.end(self.deadline));
        let last = ask.end(self.async_deadline.max(self.deadline));
        let turn_id = format!("{:016x}-{}", self.life, self.turns.fetch_add(1, Ordering::Relaxed));
        let (contact, progress, ear) = (ask.contact.clone(), ask.progress.clone(), ask.ear.clone());
        let question = convert::question(ask, &self.actions).ok_or_else(|| self.poster.place().redacted())?;
        let question = Arc::new(question);
        let signed_by = self.poster.key().filter(|_| self.signed_replies);
        let open = self.replies.open(&turn_id, signed_by);
        let turn = |again| {
            let (turn_id, question) = (turn_id.clone(), Arc::clone(&question));
            let left = end.saturating_duration_since(Clock::instant());
            let turn = Turn { turn_id, question, deadline_ms: convert::millis(left), again };
            ToConnector::Turn(Box::new(turn))
        };
        let url = open.as_ref().map(|it| it.url().to_owned());
        let patience = self.async_deadline.min(last.saturating_duration_since(began));
        let later = url.as_deref().map(|it| (it, convert::millis(patience)));
        let posting = self.poster.turn(&contact, &turn_id, turn, later, end);
        self.listen(Box::pin(posting), (open, &turn_id), (end, last), (&progress, &ear)).await
    }

    /// Until the first final answer, whichever way it comes.
    async fn listen(
        &self,
        mut posting: std::pin::Pin<Box<impl Future<Output = Result<crate::egress::Reply, AskError>>>>,
        (mut open, turn_id): (Option<Open>, &str),
        (mut end, last): (Instant, Instant),
        (progress, ear): (&Progress, &Ear),
    ) -> Result<Answer, AskError> {
        let place = self.poster.place();
        let (mut posted, mut spoke) = (false, false);
        loop {
            tokio::select! {
                // What was posted has been acknowledged: it counts before whatever the response says.
                biased;
                awaited = Open::next(&mut open) => match awaited {
                    Awaited::Posted(Posted::Typing) => progress.typing(),
                    Awaited::Posted(Posted::Part(reply)) => {
                        spoke = true;
                        progress.say(convert::replies(reply.messages));
                    }
                    Awaited::Done(done) => return done.answer(spoke, place),
                },
                response = &mut posting, if !posted => {
                    let response = response?;
                    ear.answered_in(&response.body);
                    if response.status != StatusCode::ACCEPTED {
                        return Heard::read(&response.body, turn_id).answer(spoke, place);
                    }
                    if open.is_none() {
                        let advice = said!(
                            "the webhook answers later (202), but nobody can post to us: set `connectors.public_url` to \
                                      the address by which it reaches the connectors' door");
                        return Err(place.failure(FailureKind::Precondition, &advice, None));
                    }
                    (posted, end) = (true, last);
                }
                () = sleep_until(end) => return Err(place.late()),
            }
        }
    }
}

impl LanguageEngine for Usher {
    fn ask(&self, ask: Ask) -> BoxFuture<'_, Result<Answer, AskError>> {
        Box::pin(self.converse(ask))
    }

    fn hears_steps(&self) -> bool {
        true
    }

    fn on_step(&self, contact: &ContactId, step: &Step) {
        let told = {
            let mut asked_for = self.asked_for.lock().unwrap_or_else(PoisonError::into_inner);
            let told = match asked_for.get_mut(contact) {
                Some(actions) => actions.on_step(&contact.name, step),
                None => {
                    let mut actions = Actions::default();
                    let told = actions.on_step(&contact.name, step);
                    if asked_for.len() < MAX_CONTACTS {
                        asked_for.insert(contact.clone(), actions);
                    }
                    told
                }
            };
            if matches!(told, Told::Closed(_)) {
                asked_for.remove(contact);
            }
            told
        };
        match told {
            Told::Nothing => {}
            Told::Outcome(outcome) => self.notices.push(contact, ToConnector::Outcome(outcome)),
            Told::Closed(closed) => self.notices.push(contact, ToConnector::Closed(closed)),
        }
    }
}
