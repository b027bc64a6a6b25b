//! What stands before every language engine: its breaker (B7) and its governor (B12). An engine only says truthfully why it
//! did not answer; what follows from that for the next question is decided here.
//!
//! While all is well a question takes no lock, as long as there is neither a quota nor another engine to go to.

use std::{
    fmt,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use futures::future::BoxFuture;
use tokio::{
    pin,
    sync::{Notify, futures::Notified},
    time::{sleep, timeout_at},
};

use super::{
    breaker::{Admitted, Breaker, Change, Verdict},
    gate::{Gate, Governors, NoTurn},
    governor::Class,
};
use crate::{
    clock::Clock,
    core::{
        contact::name_hash,
        ids::{ContactId, Timestamp},
        message::{Answer, FailureKind},
        said::{Said, said},
        step::Step,
    },
    gateway::ports::{Ask, AskError, LanguageEngine, Outage, Progress},
};

/// With less left until its deadline a question that was refused is not put again.
const LEAST_TIME: Duration = Duration::from_millis(50);

/// At least so long between two looks at whether an engine hangs.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What an engine is guarded by.
#[derive(Clone, Debug)]
pub struct Protection {
    /// `profile support, engine primary`: for the log and for advice.
    pub name: String,
    /// For one question with everything that it waits for.
    pub deadline: Duration,
    /// There is another engine to go to, and this one cannot tell by itself that it is cut off: one that hangs is given up before
    /// its deadline.
    pub may_hang: bool,
    /// It takes of the quota only what nobody else wants (a shadow).
    pub spare: bool,
    /// Who shares the engine's quota: a Google project, or an endpoint with its credential. Holds no secret.
    pub quota_key: String,
    /// 0: unknown.
    pub quota_per_minute: u32,
}

/// An engine with its breaker and governor.
pub struct Guarded {
    engine: Arc<dyn LanguageEngine>,
    name: String,
    deadline: Duration,
    clock: Clock,
    gate: Arc<Gate>,
    may_hang: bool,
    spare: bool,
    /// Protects the breaker and what opened it; not taken for a question while it is calm and need not be found to hang.
    watched: Mutex<Watched>,
    /// The breaker is closed, and the last question was answered.
    calm: AtomicBool,
    /// Answers in calm times, of which the breaker has not been told.
    answers: AtomicU32,
    /// The engine was found to hang: what it has been asked goes elsewhere.
    hangs: Notify,
    /// A part of an answer has come, or that one is being written.
    signs: Arc<AtomicBool>,
}

/// Whether a question's answer has come in part.
#[derive(Debug)]
struct Life(Arc<AtomicBool>);

impl Life {
    /// From here on what the engine tells before its answer is a sign of life.
    fn of(ask: &mut Ask, signs: &Arc<AtomicBool>) -> Self {
        let spoken = Arc::new(AtomicBool::new(false));
        if ask.progress.is_heard() {
            let (inner, signs, said) = (ask.progress.clone(), Arc::clone(signs), Arc::clone(&spoken));
            ask.progress = Progress::new(move |replies| {
                signs.store(true, Relaxed);
                said.fetch_or(!replies.is_empty(), Relaxed);
                inner.say(replies);
            });
        }
        Self(spoken)
    }

    fn has_spoken(&self) -> bool {
        self.0.load(Relaxed)
    }
}

#[derive(Debug)]
struct Watched {
    breaker: Breaker,
    last: Option<(FailureKind, Said)>,
}

/// A question on its way. Dropped without a verdict it says nothing of the engine, but a probe is over.
struct Asked<'a> {
    guard: &'a Guarded,
    admitted: Option<Admitted>,
}

impl Guarded {
    #[must_use]
    pub fn new(engine: Arc<dyn LanguageEngine>, protection: Protection, governors: &Governors) -> Self {
        let Protection { name, deadline, may_hang, spare, quota_key, quota_per_minute } = protection;
        let breaker = Breaker::new(may_hang, name_hash(&name));
        Self {
            engine,
            name,
            deadline,
            clock: governors.clock().clone(),
            gate: governors.of(&quota_key, quota_per_minute),
            may_hang,
            spare,
            watched: Mutex::new(Watched { breaker, last: None }),
            calm: AtomicBool::new(true),
            answers: AtomicU32::new(0),
            hangs: Notify::new(),
            signs: Arc::default(),
        }
    }

    async fn put(&self, mut ask: Ask) -> Result<Answer, AskError> {
        let life = Life::of(&mut ask, &self.signs);
        let hung = self.hangs.notified();
        pin!(hung);
        // Before it is admitted, so that nothing is missed: it is told under the lock that admits.
        hung.as_mut().enable();
        let asked = self.admit()?;
        let end = Clock::instant() + self.deadline;
        let class = Class::of(ask.ongoing && !self.spare);
        let patience = if self.spare { Clock::instant() } else { end };
        let mut refused: Option<AskError> = None;
        loop {
            let waited = match self.gate.pass(class, refused.is_some(), patience, &self.clock).await {
                Ok(waited) => waited || refused.is_some(),
                // What the engine said of it is more than what we can say.
                Err(no_turn) => {
                    return Err(asked.failed(refused.unwrap_or_else(|| self.no_turn(class, no_turn))));
                }
            };
            // The engine keeps the deadline itself, and says better what was late, unless we have taken of its time.
            ask.until = waited.then_some(end);
            ask.ear.put();
            let answer = self.unless_it_hangs(&ask, hung.as_mut(), &life);
            let result =
                if waited { timeout_at(end, answer).await.unwrap_or_else(|_| Err(self.late())) } else { answer.await };
            match result {
                Ok(answer) => {
                    self.gate.answered(&self.clock);
                    asked.settle(Verdict::Answered);
                    return Ok(answer);
                }
                Err(error) if error.kind == FailureKind::Quota => {
                    self.gate.refused(error.retry_after, &self.clock);
                    // It has answered, though not this.
                    self.not_its_silence();
                    if patience.saturating_duration_since(Clock::instant()) < LEAST_TIME {
                        return Err(asked.failed(error));
                    }
                    refused = Some(error);
                }
                Err(error) => return Err(asked.failed(error)),
            }
        }
    }

    /// The answer, or that the engine has stopped answering whatever it is asked. What has been answered in part is waited for:
    /// another engine would say it again.
    async fn unless_it_hangs(
        &self,
        ask: &Ask,
        mut hung: Pin<&mut Notified<'_>>,
        life: &Life,
    ) -> Result<Answer, AskError> {
        if !self.may_hang {
            return self.engine.ask(ask.clone()).await;
        }
        // While it waited for its turn the engine may have been found to hang.
        if hung.as_mut().enable() {
            return Err(self.hanging());
        }
        self.lock().breaker.puts(self.clock.now());
        let mut answer = self.engine.ask(ask.clone());
        while let Some(pause) = self.look_again() {
            tokio::select! {
                biased;
                answer = &mut answer => return answer,
                () = hung.as_mut() => break,
                () = sleep(pause) => self.look(),
            }
        }
        // Left by what `hung` told, also where another has found it out a moment before; or because this is a probe, or the
        // breaker has opened by other means, and what was asked before may still be answered.
        if !life.has_spoken() && hung.as_mut().enable() {
            return Err(self.hanging());
        }
        answer.await
    }

    fn look_again(&self) -> Option<Duration> {
        let now = self.clock.now();
        let at = self.lock().breaker.look_at(now)?;
        let pause = u64::try_from(at.0.saturating_sub(now.0)).unwrap_or_default();
        // While too few are asked the time may have come long since.
        Some(Duration::from_millis(pause).max(LOOK_EVERY))
    }

    fn look(&self) {
        let mut watched = self.lock();
        if self.signs.swap(false, Relaxed) {
            watched.breaker.forget_silence();
        }
        let change = watched.breaker.look(self.clock.now());
        if change.is_some() {
            self.found_hanging(change, &mut watched);
        }
    }

    /// Under the lock, so that nobody who is admitted misses it.
    fn found_hanging(&self, change: Option<Change>, watched: &mut Watched) {
        watched.last = Some((FailureKind::Deadline, self.hanging().advice));
        self.tell(change, watched);
        self.calm.store(false, Relaxed);
        self.hangs.notify_waiters();
    }

    fn hanging(&self) -> AskError {
        let advice = said!("{}: it takes questions and has stopped answering them: see whether it hangs", self.name);
        AskError::new(FailureKind::Deadline, advice)
    }

    /// What we hold back the engine cannot answer.
    fn not_its_silence(&self) {
        if self.may_hang {
            self.lock().breaker.forget_silence();
        }
    }

    fn admit(&self) -> Result<Asked<'_>, AskError> {
        let now = self.clock.now();
        if !self.may_hang && self.calm.load(Relaxed) {
            return Ok(Asked { guard: self, admitted: Some(Admitted::usual(now)) });
        }
        let mut watched = self.lock();
        if self.signs.swap(false, Relaxed) {
            watched.breaker.forget_silence();
        }
        let (admitted, change) = watched.breaker.admit(now);
        if change == Some(Change::Opened) {
            self.found_hanging(change, &mut watched);
        }
        self.calm.store(watched.breaker.is_calm(), Relaxed);
        match admitted {
            Ok(admitted) => Ok(Asked { guard: self, admitted: Some(admitted) }),
            Err(since) => Err(self.open(since, watched.last.as_ref())),
        }
    }

    fn settle(&self, admitted: Admitted, verdict: Verdict, failure: Option<&AskError>) {
        if verdict == Verdict::Answered && !self.may_hang && self.calm.load(Relaxed) {
            self.answers.fetch_add(1, Relaxed);
            return;
        }
        let now = self.clock.now();
        let mut watched = self.lock();
        watched.breaker.answered(self.answers.swap(0, Relaxed), now);
        let change = watched.breaker.settle(admitted, verdict, now);
        if let (Some(error), Verdict::Failed(_)) = (failure, verdict) {
            watched.last = Some((error.kind, error.advice.clone()));
        }
        self.tell(change, &watched);
        self.calm.store(watched.breaker.is_calm(), Relaxed);
    }

    fn tell(&self, change: Option<Change>, watched: &Watched) {
        match (change, &watched.last) {
            (None, _) => {}
            (Some(Change::Closed), _) => {
                tracing::info!(engine = %self.name, "the language engine answers again: it is asked as before");
            }
            (Some(Change::Opened), last) => tracing::warn!(
                engine = %self.name,
                kind = last.as_ref().map(|(kind, _)| kind.label()),
                advice = last.as_ref().map(|(_, advice)| advice.to_string()),
                "the language engine failed too often: it is not asked for the moment"
            ),
        }
    }

    fn open(&self, since: Timestamp, last: Option<&(FailureKind, Said)>) -> AskError {
        let since = jiff::Timestamp::from_millisecond(since.0).map(|it| it.to_string()).unwrap_or_default();
        let last =
            last.map(|(kind, advice)| said!("; it failed last ({}): {}", kind.label(), advice)).unwrap_or_default();
        let advice = said!("{}: breaker open since {}{}", self.name, since, last);
        AskError { held_back: true, ..AskError::new(FailureKind::Unavailable, advice) }
    }

    fn no_turn(&self, class: Class, NoTurn { rate, waiting }: NoTurn) -> AskError {
        let who = match class {
            Class::Ongoing => said!("contacts under way alone ask more than that"),
            Class::New => said!("contacts under way come first"),
        };
        let rate = rate.map(|it| said!(" of {} a second", format!("{it:.1}"))).unwrap_or_default();
        let advice = said!(
            "{}: no turn within {} ms at a quota{} while {} questions wait: {}; have the quota raised, or raise \
             `quota_per_minute` if it is higher",
            self.name,
            self.deadline.as_millis(),
            rate,
            waiting,
            who
        );
        AskError { held_back: true, ..AskError::new(FailureKind::Quota, advice) }
    }

    fn late(&self) -> AskError {
        let advice = said!(
            "{}: no answer within {} ms, a part of which it waited for its turn: have the quota raised, or raise the deadline",
            self.name,
            self.deadline.as_millis()
        );
        AskError::new(FailureKind::Deadline, advice)
    }

    fn lock(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Asked<'_> {
    fn settle(mut self, verdict: Verdict) {
        if let Some(admitted) = self.admitted.take() {
            self.guard.settle(admitted, verdict, None);
        }
    }

    /// Settles with the error's verdict. That we held the question back ourselves says nothing of the engine.
    fn failed(mut self, error: AskError) -> AskError {
        let verdict = if error.held_back { Verdict::Unknown } else { Verdict::of(error.kind) };
        if let Some(admitted) = self.admitted.take() {
            self.guard.settle(admitted, verdict, Some(&error));
        }
        error
    }
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        if let Some(admitted) = self.admitted.take() {
            self.guard.settle(admitted, Verdict::Unknown, None);
        }
    }
}

impl LanguageEngine for Guarded {
    fn ask(&self, ask: Ask) -> BoxFuture<'_, Result<Answer, AskError>> {
        Box::pin(self.put(ask))
    }

    fn wants_transcript(&self) -> bool {
        self.engine.wants_transcript()
    }

    fn hears_steps(&self) -> bool {
        self.engine.hears_steps()
    }

    fn on_step(&self, contact: &ContactId, step: &Step) {
        self.engine.on_step(contact, step);
    }

    fn outage(&self) -> Option<Outage> {
        if self.calm.load(Relaxed) {
            return None;
        }
        let watched = self.lock();
        let (since, probing) = watched.breaker.outage()?;
        let (kind, advice) = watched.last.clone().unwrap_or((FailureKind::Unavailable, Said::default()));
        Some(Outage { since, kind, advice, probing })
    }

    fn credential_valid_until(&self) -> Option<Timestamp> {
        self.engine.credential_valid_until()
    }
}

impl fmt::Debug for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guarded").field("name", &self.name).field("engine", &self.engine).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
