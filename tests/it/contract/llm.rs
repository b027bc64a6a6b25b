//! A language model behind OpenAI's chat completions as a peer, whole answers and streamed ones.

use futures::FutureExt as _;
use serde_json::json;
use usher::core::message::{FailureKind, Reply as Piece};

use super::{
    peer::{Ability, Peer},
    script::{Asked, Said, Script, Then},
};
use crate::fakes::openai::{self, FakeOpenAi, MODEL, Reply};

pub(crate) struct Llm<const STREAM: bool> {
    fake: FakeOpenAi,
    script: Script,
}

const CANNOT: &[(Ability, &str)] = &[
    (Ability::QuickReplies, "a model answers with text"),
    (Ability::Card, "a model answers with text"),
    (Ability::Image, "a model answers with text"),
    (Ability::Payload, "a model answers with text"),
    (Ability::Incomplete, "a call without its parameters is refused, and the model asks for them in words"),
    (Ability::UnknownAction, "a tool that was not offered is refused before it is an action"),
    (Ability::Failure(FailureKind::Precondition), "a server answers or does not"),
    (Ability::Failure(FailureKind::Webhook), "a model has no webhook"),
    (Ability::Twice, "a request has one response"),
    (Ability::HearsEnd, "a server keeps no conversation"),
    (Ability::Typing, "a response comes whole"),
    (Ability::Parts, "a response comes whole"),
];

impl<const STREAM: bool> Peer for Llm<STREAM> {
    const KIND: &'static str = "llm";
    /// The last two hold for answers that come whole.
    const CANNOT: &'static [(Ability, &'static str)] =
        if STREAM { CANNOT.split_at(CANNOT.len() - 2).0 } else { CANNOT };

    async fn start() -> Self {
        let script = Script::default();
        let shared = script.clone();
        let fake = FakeOpenAi::start(move |asked| {
            let then = shared.ask(understood(&asked));
            async move { reply(then.due().await, STREAM) }.boxed()
        });
        Self { fake, script }
    }

    fn profile(&self, deadline_ms: u64) -> String {
        let (stream, endpoint) = (if STREAM { "paragraphs" } else { "off" }, self.fake.endpoint());
        format!(
            "type = \"llm\"\n[llm]\nendpoint = \"{endpoint}\"\nmodel = \"{MODEL}\"\nstream = \"{stream}\"\n\
             system_prompt = \"You are the virtual agent of Example Ltd.\"\ndeadline_ms = {deadline_ms}\n"
        )
    }

    fn script(&self) -> &Script {
        &self.script
    }

    async fn leaves(&self) {
        self.fake.line().down();
    }

    async fn returns(&self) {
        self.fake.line().up();
    }
}

fn understood(asked: &openai::Asked) -> Asked {
    let input = match asked.event() {
        Some((name, parameters)) => Said::Event { name, parameters },
        None => Said::Text(asked.input().to_owned()),
    };
    let (contact, _turn) = asked.request_id().rsplit_once('-').unwrap();
    let language = asked.facts()["language"].as_str().unwrap_or_default().to_owned();
    Asked { session: contact.to_owned(), input, language, repeated: false }
}

fn reply(then: Then, stream: bool) -> Reply {
    match then {
        Then::Say(replies) => Reply::words(&words(&replies)),
        Then::Act { action, parameters, says, .. } => Reply::calls(&words(&says), &[(&action, parameters)]),
        Then::NotUnderstood(text) => Reply::calls("", &[("not_understood", json!({"reply": text}))]),
        Then::End(text) => Reply::calls(&text, &[("end_conversation", json!({}))]),
        Then::LiveAgent(text) => {
            Reply::calls(&text, &[("hand_over_to_person", json!({"reason": "asked", "summary": "Wants a person."}))])
        }
        Then::Empty => Reply::words(""),
        Then::Fail(kind) => failure(kind),
        Then::Malformed if stream => Reply::Raw(b"data: <html>\n\n".to_vec()),
        Then::Malformed => Reply::Raw(b"<html>".to_vec()),
        // Whole events, and then no more.
        Then::Truncated if stream => {
            let piece = |words: &str| format!("data: {}\n\n", json!({"choices": [{"delta": {"content": words}}]}));
            Reply::Raw((piece("A good answer, ") + &piece("of which")).into_bytes())
        }
        Then::Truncated => {
            let good =
                json!({"choices": [{"message": {"content": "A good answer, of which the second half is lost."}}]});
            let mut bytes = good.to_string().into_bytes();
            bytes.truncate(bytes.len() / 2);
            Reply::Raw(bytes)
        }
        Then::Oversized => Reply::words(&"word".repeat(1024 * 1024)),
        Then::Cut => Reply::Cut,
        Then::First(parts, rest) => first(&parts, *rest),
        Then::After(..) => unreachable!("waited for before"),
        Then::Twice(_) => unreachable!("declined"),
    }
}

/// A paragraph is known to be one when the next has begun, so the rest's first letter comes with it.
fn first(parts: &[Piece], rest: Then) -> Reply {
    if parts.is_empty() {
        return Reply::Begins(String::new(), async move { reply(rest.due().await, true) }.boxed());
    }
    let next = first_text(&rest);
    let letter: String = next.chars().take(1).collect();
    let begun = letter.len();
    let later = async move {
        match reply(rest.due().await, true) {
            Reply::Message(mut message) => {
                message.content.drain(..begun);
                Reply::Message(message)
            }
            other => other,
        }
    };
    Reply::Begins(format!("{}\n\n{letter}", words(parts)), later.boxed())
}

fn first_text(then: &Then) -> String {
    match then {
        Then::After(_, inner) => first_text(inner),
        Then::Say(replies) => words(replies),
        other => panic!("a rest without words: {other:?}"),
    }
}

fn words(replies: &[Piece]) -> String {
    let texts = replies.iter().map(|it| if let Piece::Text(text) = it { text.as_str() } else { panic!("declined") });
    texts.collect::<Vec<_>>().join("\n\n")
}

fn failure(kind: FailureKind) -> Reply {
    match kind {
        FailureKind::Internal => Reply::error(500, "server_error"),
        FailureKind::Unavailable => Reply::error(503, "overloaded"),
        FailureKind::Quota => Reply::error(429, "rate_limit_exceeded"),
        FailureKind::Credential => Reply::error(401, "invalid_api_key"),
        FailureKind::NotFound => Reply::error(404, "model_not_found"),
        FailureKind::Invalid => Reply::error(400, "context_length_exceeded"),
        FailureKind::Precondition
        | FailureKind::Webhook
        | FailureKind::Deadline
        | FailureKind::Empty
        | FailureKind::Malformed
        | FailureKind::Interrupted => unreachable!("nothing that a server reports"),
    }
}
