//! Carrying out what an answer asks for: handover, callback, external system, push.

use serde_json::Value;

use super::{Command, Commanded, Contact, Context, Effect, HandoverContext, Out, Pending, Phase};
use crate::core::{
    action::{BadRequest, Request, What, host_of},
    handover::{self, Cause, Unavailable},
    message::{Answer, Parameters, Reply},
    profile::Destination,
    step::Step,
};

impl Contact {
    /// A handover that the engine announces in its answer. Its words promise a person, so they go out only if there is one.
    pub(super) fn hand_over(
        &mut self,
        (to, cause): (Destination, Cause),
        answer: Answer,
        chain: u8,
        cx: Context<'_>,
        out: &mut Out,
    ) {
        match handover::check(&cx.rules.handover, cx.directory, &to, self.state.counters.handovers) {
            Ok(()) => {
                self.say(answer.replies, cx, out);
                self.requeue(to, cause, &answer.parameters, cx, out);
            }
            Err(why) => {
                out.steps.push(Step::NoPerson { cause, why });
                let details = no_person(&to, why, cx);
                let event = &cx.rules.events.queue_unavailable;
                if !self.tell((event, "queue_unavailable"), details, chain, cx, out) {
                    self.say_text(&cx.rules.handover.unavailable_message, cx, out);
                }
            }
        }
    }

    /// A handover that one of our counters asks for; `otherwise` is said if there is no person to be had.
    pub(super) fn hand_over_for(
        &mut self,
        (to, cause): (Destination, Cause),
        message: &str,
        otherwise: Vec<Reply>,
        cx: Context<'_>,
        out: &mut Out,
    ) {
        match handover::check(&cx.rules.handover, cx.directory, &to, self.state.counters.handovers) {
            Ok(()) => {
                self.say_text(message, cx, out);
                self.requeue(to, cause, &Parameters::new(), cx, out);
            }
            Err(why) => {
                out.steps.push(Step::NoPerson { cause, why });
                self.say(otherwise, cx, out);
            }
        }
    }

    pub(super) fn requeue(
        &mut self,
        to: Destination,
        cause: Cause,
        slots: &Parameters,
        cx: Context<'_>,
        out: &mut Out,
    ) {
        self.raise_epoch();
        self.state.counters.handovers = self.state.counters.handovers.saturating_add(1);
        let reason = cause.reason();
        let context = self.handover_context(&reason, slots);
        let seq = self.send(Command::Requeue { to: to.clone(), reason, context }, cx, out);
        out.steps.push(Step::HandingOver { seq, to: to.clone(), cause });
        self.state.phase = Phase::HandingOver { seq, to: Some(to) };
        // Counted in a row with the virtual agent; a return starts afresh.
        self.state.counters.not_understood = 0;
        self.state.counters.failures = 0;
        self.state.counters.slow = 0;
    }

    pub(super) fn handover_context(&self, reason: &str, slots: &Parameters) -> HandoverContext {
        let card = &self.card;
        let mut summary = reason.to_owned();
        if let Some(intent) = &self.state.last_intent {
            summary.push_str("; last intent: ");
            summary.push_str(intent);
        }
        if let Some(line) = self.transcript.last_of_customer() {
            summary.push_str("; last said: ");
            summary.push_str(line);
        }
        let attributes = card.attributes.iter().cloned();
        // What earlier engines gathered counts as well; the last word is this answer's.
        let gathered = self.state.slots.iter().filter(|(name, _)| !slots.contains_key(*name));
        let slots = gathered.chain(slots).map(|(name, value)| (name.clone(), as_text(value)));
        let transcript = card.history.iter().cloned().chain(self.transcript.lines().cloned()).collect();
        HandoverContext { summary, transcript, parameters: attributes.chain(slots).collect() }
    }

    /// Everything but a requeue: the engine's text first, then the action (S24); the contact stays with the bot.
    pub(super) fn carry_out(&mut self, request: Request, answer: Answer, chain: u8, cx: Context<'_>, out: &mut Out) {
        let end_after = answer.end_interaction;
        let parameters = answer.parameters;
        self.say(answer.replies, cx, out);
        let (what, seq) = match request {
            // Taken care of by `hand_over`; the match is kept complete.
            Request::Requeue(to) => return self.requeue(to, Cause::Action(answer.action), &parameters, cx, out),
            Request::Callback { queue, phone, at } => {
                let context = self.handover_context("callback", &parameters);
                (Commanded::Callback, self.send(Command::CreateCallback { queue, phone, at, context }, cx, out))
            }
            Request::PushUrl(url) => (Commanded::Push, self.send(Command::PushUrl(url), cx, out)),
            Request::External { uri } => {
                let seq = self.next_seq();
                out.steps.push(Step::ExternalAsked { seq, host: host_of(&uri).to_owned() });
                out.effects.push(Effect::External { seq, uri: uri.clone(), parameters: parameters.clone() });
                self.state.pending = Some(Pending::External { uri, parameters, seq, since: cx.now, chain, end_after });
                return;
            }
        };
        self.state.pending = Some(Pending::Command { what, seq, due: None, chain, end_after });
    }

    /// The action cannot be carried out as asked. The engine's words would promise it, so they are withheld; the engine is
    /// told if the profile names an event, and the customer hears the fallback otherwise (S21).
    pub(super) fn on_bad_request(&mut self, bad: BadRequest, chain: u8, cx: Context<'_>, out: &mut Out) {
        let events = &cx.rules.events;
        let (event, what) = match bad.action {
            What::Callback => (&events.callback_failed, "callback_failed"),
            What::External => (&events.external_failed, "external_failed"),
            What::PushUrl => (&events.push_failed, "push_failed"),
            // Needs no parameter, so nothing can be wrong with one.
            What::Requeue | What::SpeechRequeue => return,
        };
        let mut details = Parameters::new();
        details.insert("parameter".to_owned(), Value::from(bad.parameter.as_str()));
        details.insert("reason".to_owned(), Value::from(bad.problem.to_string()));
        out.steps.push(Step::ActionRefused(bad));
        if !self.tell((event, what), details, chain, cx, out) {
            self.say_text(&cx.rules.fallback_message, cx, out);
        }
    }

    pub(super) fn on_external(
        &mut self,
        answered: crate::core::ids::ActionSeq,
        result: Result<String, (&'static str, String)>,
        cx: Context<'_>,
        out: &mut Out,
    ) {
        let (since, chain, end_after) = match self.state.pending.take() {
            Some(Pending::External { seq, since, chain, end_after, .. }) if seq == answered => {
                (since, chain, end_after)
            }
            other => {
                self.state.pending = other;
                out.steps.push(Step::Stale { turn: self.state.turn });
                return;
            }
        };
        let ms = u64::try_from(cx.now.since(since).as_millis()).unwrap_or(u64::MAX);
        let events = &cx.rules.events;
        let mut details = Parameters::new();
        let told = match result {
            Ok(content) => {
                out.steps.push(Step::ExternalAnswered { seq: answered, ms });
                self.say_text(&content, cx, out);
                details.insert("content".to_owned(), Value::from(content));
                self.tell((&events.external_done, "external_done"), details, chain, cx, out)
            }
            Err((label, detail)) => {
                out.steps.push(Step::ExternalFailed { seq: answered, ms, label: label.to_owned(), detail });
                self.say_text(&cx.rules.fallback_message, cx, out);
                details.insert("reason".to_owned(), Value::from(label));
                self.tell((&events.external_failed, "external_failed"), details, chain, cx, out)
            }
        };
        if end_after && !told {
            self.complete(cx, out);
        }
        self.advance(cx, out);
    }
}

fn no_person(to: &Destination, why: Unavailable, cx: Context<'_>) -> Parameters {
    let mut details = Parameters::new();
    details.insert("reason".to_owned(), Value::from(why.to_string()));
    if let Destination::Queue(id) = to {
        details.insert("queue".to_owned(), Value::from(id.as_str()));
        if let Some(wait_s) = cx.directory.queues.get(id).and_then(|queue| queue.expected_wait_s) {
            details.insert("expectedWaitSeconds".to_owned(), Value::from(wait_s));
        }
    }
    details
}

pub(super) fn as_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
