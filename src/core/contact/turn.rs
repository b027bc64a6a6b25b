//! Turns: one customer input, the question to the language engine, and all of its answer.

use serde_json::Value;

use super::{Addressee, Asked, Contact, Context, Effect, Heard, Out, Pending, Phase};
use crate::core::{
    action::{self, Request, Wanted},
    handover::Cause,
    ids::{Epoch, Turn},
    message::{Answer, FailureKind, Input, Parameters, Reply},
    profile::{LongText, OnUncertain},
    said::{Said, said},
    step::Step,
};

impl Heard {
    /// How the input may be shown and kept: a sensitive body never.
    pub(super) fn shown(&self) -> Input {
        if self.sensitive { Input::Redacted } else { self.input.clone() }
    }
}

/// How many events of ours may follow each other before the customer speaks again.
const MAX_CHAIN: u8 = 3;

impl Contact {
    /// Asks the next waiting input, if nothing else is going on.
    pub(super) fn advance(&mut self, cx: Context<'_>, out: &mut Out) {
        while self.state.phase == Phase::Bot && self.state.pending.is_none() && self.state.gathering.is_none() {
            let Some((heard, joined)) = self.next_input(cx) else { return };
            if heard.input == Input::Redacted {
                self.lost(heard, cx, out);
            } else if let Some(heard) = self.fit(heard, cx, out) {
                self.ask((heard, joined), 0, cx, out);
            }
        }
    }

    /// Words open a window in which more may follow (B9); each further one keeps it open, anything else closes it.
    pub(super) fn gather(&mut self, heard: &Heard, cx: Context<'_>) {
        let open = matches!(heard.input, Input::Text(_)) && !cx.rules.coalesce.is_zero();
        self.state.gathering = open.then(|| cx.now + cx.rules.coalesce);
    }

    /// What waits first, together with the words that follow it if they are to be one input, and how many messages those were.
    fn next_input(&mut self, cx: Context<'_>) -> Option<(Heard, u32)> {
        let mut first = self.state.waiting.pop_front()?;
        let mut joined = 0_u32;
        if cx.rules.coalesce.is_zero() {
            return Some((first, joined));
        }
        while let (Input::Text(words), Some(Heard { input: Input::Text(more), sensitive, .. })) =
            (&mut first.input, self.state.waiting.front())
        {
            words.push(' ');
            words.push_str(more);
            first.sensitive |= *sensitive;
            joined = joined.saturating_add(1);
            first.joined = first.joined.saturating_add(1);
            self.state.waiting.pop_front();
        }
        Some((first, joined))
    }

    /// A sensitive input that waited over a restart: its body was not kept, so it cannot be asked.
    fn lost(&mut self, heard: Heard, cx: Context<'_>, out: &mut Out) {
        if let Some(id) = heard.id {
            out.steps.push(Step::Unanswered { id, why: said!("it is sensitive and was not kept over a restart") });
        }
        self.failed(FailureKind::Interrupted, false, cx, out);
    }

    /// Applies the policy for text above the engine's limit (B9). `None`: politely rejected.
    fn fit(&mut self, heard: Heard, cx: Context<'_>, out: &mut Out) -> Option<Heard> {
        let limit = cx.rules.text_limit.characters;
        let Input::Text(text) = &heard.input else { return Some(heard) };
        if limit == 0 || text.len() <= limit {
            return Some(heard);
        }
        let characters = text.chars().count();
        if characters <= limit {
            return Some(heard);
        }
        // White space around it asks nothing, and must not become a question of its own.
        let text = text.trim();
        if text.chars().count() <= limit {
            let input = Input::Text(text.to_owned());
            return Some(Heard { input, ..heard });
        }
        let (kept, rest) = cut(text, limit);
        let (kept, rest) = (kept.to_owned(), rest.to_owned());
        let mut note = |done: &str| out.steps.push(Step::TextTooLong { characters, limit, done: done.to_owned() });
        match cx.rules.text_limit.policy {
            LongText::Reject => {
                note("rejected");
                self.say_text(&cx.rules.text_limit.message, cx, out);
                None
            }
            LongText::Truncate => {
                note("truncated");
                Some(Heard { input: Input::Text(kept), ..heard })
            }
            LongText::Split => {
                note("split");
                self.state.waiting.push_front(Heard { input: Input::Text(rest), ..heard.clone() });
                Some(Heard { input: Input::Text(kept), ..heard })
            }
        }
    }

    pub(super) fn ask_event(&mut self, name: &str, parameters: Parameters, chain: u8, cx: Context<'_>, out: &mut Out) {
        let input = Input::Event { name: name.to_owned(), parameters };
        self.ask((Heard { id: None, input, sensitive: false, joined: 0 }, 0), chain, cx, out);
    }

    fn ask(&mut self, (heard, joined): (Heard, u32), chain: u8, cx: Context<'_>, out: &mut Out) {
        self.check_engine(cx, out);
        let (since, news) = (cx.now, Parameters::new());
        self.put(
            Asked { heard, since, slow_told: false, typing_told: false, failed: 0, chain, news },
            (false, joined),
            out,
        );
    }

    /// Puts a question to the contact's engine, as a new turn: what an engine that was asked before says is stale then.
    /// `joined`: see [`Step::Asked`].
    pub(super) fn put(&mut self, asked: Asked, (again, joined): (bool, u32), out: &mut Out) {
        self.state.turn = Turn(self.state.turn.0.saturating_add(1));
        let Heard { input, sensitive, .. } = &asked.heard;
        let event = match input {
            Input::Event { name, .. } if !sensitive => Some(name.clone()),
            Input::Event { .. } | Input::Text(_) | Input::Structured(_) | Input::Dtmf(_) | Input::Redacted => None,
        };
        let news = std::mem::take(&mut self.state.news);
        let engine = self.state.engine.clone();
        let (new, ongoing, sensitive) = (self.state.moved, self.state.answered, *sensitive);
        out.steps.push(Step::Asked { turn: self.state.turn, event, joined, engine: engine.clone() });
        out.effects.push(Effect::Ask {
            turn: self.state.turn,
            epoch: self.state.epoch,
            to: Addressee { returns: self.has_answered(engine.as_ref()), engine, new, again, ongoing, sensitive },
            input: input.clone(),
            payload: self.payload(news.clone()),
        });
        self.state.pending = Some(Pending::Ask(Asked { news, ..asked }));
    }

    /// What the engine's webhook may want to know: the contact's card, and the news since the last turn.
    fn payload(&self, mut payload: Parameters) -> Parameters {
        let card = &self.card;
        if let Some(queue) = &card.queue {
            payload.insert("queue".to_owned(), Value::from(queue.as_str()));
        }
        for (key, value) in [("customerId", &card.customer_id), ("customerName", &card.customer_name)] {
            if !value.is_empty() {
                payload.insert(key.to_owned(), Value::from(value.as_str()));
            }
        }
        if !card.attributes.is_empty() {
            let attributes = card.attributes.iter().map(|(k, v)| (k.clone(), Value::from(v.as_str())));
            payload.insert("attributes".to_owned(), Value::Object(attributes.collect()));
        }
        payload
    }

    /// Takes the pending question if the answer belongs to it; otherwise the answer is stale (B1).
    fn take_asked(&mut self, turn: Turn, epoch: Epoch, out: &mut Out) -> Option<Asked> {
        if turn == self.state.turn && epoch == self.state.epoch && self.state.phase == Phase::Bot {
            match self.state.pending.take() {
                Some(Pending::Ask(asked)) => return Some(asked),
                other => self.state.pending = other,
            }
        }
        out.steps.push(Step::Stale { turn });
        None
    }

    pub(super) fn on_answered(&mut self, turn: Turn, epoch: Epoch, answer: Answer, cx: Context<'_>, out: &mut Out) {
        let Some(Asked { heard, since, chain, .. }) = self.take_asked(turn, epoch, out) else { return };
        let took = cx.now.since(since);
        out.steps.push(Step::Answered {
            turn,
            ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            intent: answer.intent.clone(),
            confidence: answer.confidence,
            action: answer.action.clone(),
            not_understood: answer.not_understood,
            sentiment: answer.sentiment,
            contexts: answer.contexts.clone(),
            webhook_failure: answer.webhook_failure.clone(),
        });
        self.heard_of_engine(&answer, heard.sensitive, cx);
        let rules = &cx.rules.handover;
        let counters = &mut self.state.counters;
        counters.failures = 0;
        // Counts what the customer said; an event of ours is nobody's misunderstanding, and the pieces of one text are one.
        let goes_on = self.state.waiting.front().is_some_and(|next| next.id == heard.id);
        match (heard.id.is_some(), answer.not_understood) {
            (true, true) if !goes_on => counters.not_understood = counters.not_understood.saturating_add(1),
            (true, false) => counters.not_understood = 0,
            (true | false, _) => {}
        }
        let slow = !rules.slow_threshold.is_zero() && took >= rules.slow_threshold;
        counters.slow = if slow { counters.slow.saturating_add(1) } else { 0 };
        if answer.intent.is_some() {
            self.state.last_intent.clone_from(&answer.intent);
        }
        self.act_on(answer, chain, cx, out);
        self.advance(cx, out);
    }

    /// A part of the answer goes out as it comes; the turn stays open. Late ones are nobody's any more.
    pub(super) fn on_progressed(
        &mut self,
        turn: Turn,
        epoch: Epoch,
        replies: Vec<Reply>,
        cx: Context<'_>,
        out: &mut Out,
    ) {
        let asked = self.state.phase == Phase::Bot && matches!(self.state.pending, Some(Pending::Ask(_)));
        if !asked || turn != self.state.turn || epoch != self.state.epoch {
            return;
        }
        if replies.is_empty() {
            self.saw_typing();
            out.effects.push(Effect::Typing);
        } else if self.state.undelivered.len() < cx.rules.limits.undelivered {
            self.say(replies, cx, out);
        }
    }

    /// What the answer leads to: a handover, another action, or plain talk.
    fn act_on(&mut self, answer: Answer, chain: u8, cx: Context<'_>, out: &mut Out) {
        let rules = &cx.rules.handover;
        let wanted = self.wanted(&answer, cx, out);
        // Both flags are the intent's, and come with its questions for parameters too.
        let end = answer.end_interaction && answer.parameters_complete;
        let live_agent = answer.live_agent_handoff && answer.parameters_complete;
        match (wanted, &rules.to) {
            (Some(Ok(Request::Requeue(to))), _) => {
                let cause = Cause::Action(answer.action.clone());
                self.hand_over((to, cause), answer, chain, cx, out);
            }
            (None, Some(to)) if live_agent => {
                self.hand_over((to.clone(), Cause::LiveAgent), answer, chain, cx, out);
            }
            (None, Some(to)) if reached(self.state.counters.not_understood, rules.not_understood_after) => {
                let cause = Cause::NotUnderstood(self.state.counters.not_understood);
                self.hand_over_for((to.clone(), cause), &rules.not_understood_message, answer.replies, cx, out);
            }
            (None, Some(to)) if !end && reached(self.state.counters.slow, rules.slow_after) => {
                let cause = Cause::Slow(self.state.counters.slow);
                // Late, but an answer.
                self.say(answer.replies, cx, out);
                self.hand_over_for((to.clone(), cause), "", Vec::new(), cx, out);
            }
            (Some(Ok(request)), _) => self.carry_out(request, answer, chain, cx, out),
            (Some(Err(bad)), _) => self.on_bad_request(bad, chain, cx, out),
            (None, _) => {
                self.say(answer.replies, cx, out);
                if end {
                    self.complete(cx, out);
                }
            }
        }
    }

    pub(super) fn on_ask_failed(
        &mut self,
        turn: Turn,
        epoch: Epoch,
        (kind, advice): (FailureKind, Said),
        cx: Context<'_>,
        out: &mut Out,
    ) {
        let Some(mut asked) = self.take_asked(turn, epoch, out) else { return };
        let ms = u64::try_from(cx.now.since(asked.since).as_millis()).unwrap_or(u64::MAX);
        self.not_told(std::mem::take(&mut asked.news));
        if let Some(to) = self.next_engine(kind, cx) {
            self.fail_over(asked, to, (turn, ms, kind, advice), out);
            return;
        }
        out.steps.push(Step::AskFailed { turn, ms, kind, advice });
        let failed = asked.failed;
        match asked.heard {
            Heard { id: None, input: Input::Event { name, .. }, .. } if kind == FailureKind::Empty => {
                self.unanswered_event(&name, cx, out);
            }
            _ => {
                let all_failed = self.all_failed((kind, failed), cx, out);
                self.failed(kind, all_failed, cx, out);
            }
        }
        self.advance(cx, out);
    }

    /// The engine has nothing to say to an event of ours. That is no failure; but where the event stood in for words that
    /// were withheld, the customer must not be left without any.
    fn unanswered_event(&mut self, name: &str, cx: Context<'_>, out: &mut Out) {
        let events = &cx.rules.events;
        let promised_person = [&events.queue_unavailable, &events.handover_failed, &events.handover_expired];
        if promised_person.iter().any(|event| *event == name) {
            self.say_text(&cx.rules.handover.unavailable_message, cx, out);
        } else if name == events.callback_failed || name == events.push_failed {
            self.say_text(&cx.rules.fallback_message, cx, out);
        }
    }

    /// The question failed: its news go with the next one.
    pub(super) fn not_told(&mut self, news: Parameters) {
        for (name, value) in news {
            self.state.news.entry(name).or_insert(value);
        }
    }

    /// One more technical failure: the fallback message (S13), or a person after so many in a row (B6), and at once when the
    /// whole chain of engines has failed (B7).
    fn failed(&mut self, kind: FailureKind, all_failed: bool, cx: Context<'_>, out: &mut Out) {
        let rules = &cx.rules.handover;
        self.state.counters.failures = self.state.counters.failures.saturating_add(1);
        let fallback = vec![Reply::Text(cx.rules.fallback_message.clone())];
        match &rules.to {
            Some(to) if all_failed || reached(self.state.counters.failures, rules.failures_after) => {
                let cause = Cause::Failures(self.state.counters.failures, kind);
                self.hand_over_for((to.clone(), cause), &rules.failure_message, fallback, cx, out);
            }
            Some(_) | None => self.say(fallback, cx, out),
        }
    }

    pub(super) fn on_slow(&mut self, waited: std::time::Duration, cx: Context<'_>, out: &mut Out) {
        let ms = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
        out.steps.push(Step::Slow { turn: self.state.turn, ms });
        out.effects.push(Effect::Typing);
        self.say_text(&cx.rules.handover.slow_message, cx, out);
    }

    /// Tells the engine of an outcome by the event the profile names for it, if it names one, as the next question.
    /// What cannot be told so goes along with the next question as news. Says whether the engine was asked.
    pub(super) fn tell(
        &mut self,
        (event, what): (&str, &str),
        details: Parameters,
        chain: u8,
        cx: Context<'_>,
        out: &mut Out,
    ) -> bool {
        if event.is_empty() || chain >= MAX_CHAIN {
            self.later(what, details);
            return false;
        }
        self.ask_event(event, details, chain + 1, cx, out);
        true
    }

    /// Leaves an outcome to the next question, which carries it as `lastOutcome`.
    pub(super) fn later(&mut self, outcome: &str, mut details: Parameters) {
        details.insert("outcome".to_owned(), Value::from(outcome));
        self.state.news.insert("lastOutcome".to_owned(), Value::Object(details));
    }

    pub(super) fn on_recovered(&mut self, cx: Context<'_>, out: &mut Out) {
        match self.state.pending.take() {
            Some(Pending::Ask(asked)) => self.ask_again(asked, cx, out),
            Some(pending @ Pending::External { .. }) => {
                out.steps.push(Step::Recovered { what: "external query".to_owned() });
                if let Pending::External { uri, parameters, seq, .. } = &pending {
                    let (seq, uri, parameters) = (*seq, uri.clone(), parameters.clone());
                    out.effects.push(Effect::External { seq, uri, parameters });
                }
                self.state.pending = Some(pending);
            }
            other @ (Some(Pending::Command { .. }) | None) => self.state.pending = other,
        }
        self.advance(cx, out);
    }

    /// A crash during a question is ambiguous: the engine may have had it.
    fn ask_again(&mut self, asked: Asked, cx: Context<'_>, out: &mut Out) {
        let Asked { heard, chain, news, .. } = asked;
        self.not_told(news);
        out.steps.push(Step::Recovered { what: "question".to_owned() });
        let interrupted = &cx.rules.events.turn_interrupted;
        match cx.rules.on_uncertain {
            _ if heard.sensitive => self.failed(FailureKind::Interrupted, false, cx, out),
            OnUncertain::Retry => self.ask((heard, 0), chain, cx, out),
            OnUncertain::Event if interrupted.is_empty() => self.failed(FailureKind::Interrupted, false, cx, out),
            OnUncertain::Event => {
                // Perhaps interrupted again while it was being told.
                let told = matches!(&heard.input, Input::Event { name, .. } if name == interrupted);
                let input = if told {
                    heard.input
                } else {
                    Input::Event { name: interrupted.clone(), parameters: was_asked(heard.input) }
                };
                self.ask((Heard { input, ..heard }, 0), chain, cx, out);
            }
        }
    }

    /// The configured request in an answer, if it names one that may fire (S17, S24).
    fn wanted(&self, answer: &Answer, cx: Context<'_>, out: &mut Out) -> Option<Result<Request, action::BadRequest>> {
        match action::wanted(answer, self.card.media, cx.rules, cx.now) {
            Wanted::Nothing => None,
            Wanted::Unknown => {
                out.steps.push(Step::UnknownAction { name: answer.action.clone() });
                None
            }
            Wanted::Waits => {
                out.steps.push(Step::ActionWaits { name: answer.action.clone() });
                None
            }
            Wanted::Refused(bad) => Some(Err(bad)),
            Wanted::Request(request) => Some(Ok(request)),
        }
    }
}

/// What the engine is told of an interrupted question.
fn was_asked(input: Input) -> Parameters {
    let (name, value) = match input {
        Input::Text(text) => ("text", Value::from(text)),
        Input::Dtmf(keys) => ("dtmf", Value::from(keys)),
        Input::Structured(fields) => ("structured", Value::Object(fields)),
        Input::Event { name, parameters } => {
            return [("event".to_owned(), Value::from(name)), ("parameters".to_owned(), Value::Object(parameters))]
                .into_iter()
                .collect();
        }
        Input::Redacted => return Parameters::new(),
    };
    std::iter::once((name.to_owned(), value)).collect()
}

/// Whether a counter has come to its threshold; a threshold of 0 is never reached.
const fn reached(count: u32, threshold: u32) -> bool {
    threshold > 0 && count >= threshold
}

/// Cuts a longer, trimmed text after at most `limit` characters, at the last white space if there is one; both parts are
/// trimmed at the cut, and neither is empty.
pub(in crate::core) fn cut(text: &str, limit: usize) -> (&str, &str) {
    let hard = text.char_indices().nth(limit).map_or(text.len(), |(at, _)| at);
    let (head, tail) = text.split_at(hard);
    let at = if tail.starts_with(char::is_whitespace) { hard } else { head.rfind(char::is_whitespace).unwrap_or(hard) };
    let (head, rest) = text.split_at(at);
    (head.trim_end(), rest.trim_start())
}
