//! One question to the server and its answer, whole or as it comes.

use std::fmt::Write as _;

use http::{
    HeaderMap, HeaderName, HeaderValue, Method,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE},
};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use super::{
    completion::{Completion, Unusable},
    errors::Place,
    schema::{Llm, Streaming},
    sse::{Event, Parser},
    text::Said,
};
use crate::{
    clock::Clock,
    core::{ids::Turn, said::said},
    egress::{Caller, EgressBuildError, Reply, Request, Stream},
    gateway::ports::{Ask, AskError, Progress},
    nlp::{Deps, web::MAX_ANSWER_BYTES},
};

const DONE: &str = "[DONE]";
/// Finds the question again in a server's log; servers that do not know it pass it over.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-client-request-id");

#[derive(Debug)]
pub(super) struct Server {
    caller: Caller,
    api_key: Option<SecretString>,
    model: String,
    temperature: Option<f64>,
    max_tokens: (String, u64),
    streaming: Streaming,
}

/// What is asked, made ready once.
pub(super) struct Question {
    /// Names contact, turn and round without telling who the contact is.
    id: String,
    round: u8,
    messages: Vec<Value>,
    tools: Value,
}

impl Question {
    pub(super) fn new(ask: &Ask, turn: Turn, messages: Vec<Value>, tools: Value) -> Self {
        let hash = Sha256::digest(ask.contact.to_string());
        let id = hash.iter().take(8).fold(String::from("usher-"), |mut id, byte| {
            write!(id, "{byte:02x}").expect("a String takes whatever is written");
            id
        });
        Self { id: format!("{id}-{}", turn.0), round: 1, messages, tools }
    }

    /// Shows the model its calls and what is wrong with each.
    pub(super) fn correct(&mut self, answer: &Completion, problems: &[String]) {
        self.round += 1;
        let ids = answer.calls.iter().enumerate().map(|(n, call)| match call.id.as_str() {
            "" => format!("call_{n}"),
            id => id.to_owned(),
        });
        let ids: Vec<String> = ids.collect();
        let calls = answer.calls.iter().zip(&ids).map(|(call, id)| {
            // Some servers read the arguments of earlier calls, and fail at what is no JSON.
            let arguments = serde_json::from_str::<Value>(&call.arguments).ok().filter(Value::is_object);
            let arguments = arguments.unwrap_or_else(|| json!({})).to_string();
            json!({"id": id, "type": "function", "function": {"name": call.name, "arguments": arguments}})
        });
        let content = (!answer.content.is_empty()).then_some(answer.content.as_str());
        self.messages.push(json!({"role": "assistant", "content": content, "tool_calls": calls.collect::<Vec<_>>()}));
        for (id, problem) in ids.iter().zip(problems) {
            self.messages.push(json!({"role": "tool", "tool_call_id": id, "content": format!("Refused: {problem}.")}));
        }
    }
}

impl Server {
    pub(super) fn new(config: &Llm, deps: &Deps) -> Result<Self, EgressBuildError> {
        Ok(Self {
            caller: deps.caller(&config.endpoint, config.proxy.as_deref(), MAX_ANSWER_BYTES)?,
            api_key: config.api_key.clone(),
            model: config.model.clone(),
            temperature: config.temperature,
            max_tokens: (config.max_tokens_name.clone(), config.max_tokens),
            streaming: config.streaming,
        })
    }

    pub(super) fn place(&self) -> &str {
        self.caller.place()
    }

    pub(super) const fn has_key(&self) -> bool {
        self.api_key.is_some()
    }

    /// Asked once: a model that has begun has cost its tokens, and the customer may have read its words.
    pub(super) async fn ask(
        &self,
        question: &Question,
        (progress, said): (&Progress, &mut Said),
        place: &Place,
        end: Instant,
    ) -> Result<Completion, AskError> {
        let request = self.request(question, place)?;
        let left = end.saturating_duration_since(Clock::instant());
        let stream = self.caller.stream(request, left).await.map_err(|error| place.failed(error))?;
        // Some servers do not stream, whatever they are asked.
        let streams = stream.status.is_success() && content_type(&stream.headers).contains("event-stream");
        if streams {
            return self.follow(stream, (progress, said), place).await;
        }
        let reply = rest(stream).await.map_err(|error| place.failed(error))?;
        if !reply.status.is_success() {
            return Err(place.refused(&reply));
        }
        Completion::whole(&reply.body).map_err(|why| place.unusable(&why))
    }

    /// The server's models, for `usher check --online`.
    pub(super) async fn models(&self, place: &Place, end: Instant) -> Result<Reply, AskError> {
        let headers = self.headers(None).ok_or_else(|| self.unsendable(place))?;
        let request = Request { method: Method::GET, path: "models".to_owned(), headers, body: bytes::Bytes::new() };
        let left = end.saturating_duration_since(Clock::instant());
        self.caller.send(request, left).await.map_err(|error| place.failed(error))
    }

    fn request(&self, question: &Question, place: &Place) -> Result<Request, AskError> {
        let Question { id, round, messages, tools } = question;
        let headers = self.headers(Some(&format!("{id}.{round}"))).ok_or_else(|| self.unsendable(place))?;
        let (limit, tokens) = &self.max_tokens;
        // Nothing that is not needed: some servers refuse what they do not know.
        let own = [("model", json!(self.model)), ("messages", json!(messages)), ("tools", tools.clone())];
        let set = [
            Some((limit.as_str(), json!(tokens))),
            self.temperature.map(|it| ("temperature", json!(it))),
            (self.streaming != Streaming::Off).then_some(("stream", Value::Bool(true))),
        ];
        let body = own.into_iter().chain(set.into_iter().flatten()).map(|(key, value)| (key.to_owned(), value));
        let body = Value::Object(body.collect()).to_string().into();
        Ok(Request { method: Method::POST, path: "chat/completions".to_owned(), headers, body })
    }

    fn headers(&self, id: Option<&str>) -> Option<HeaderMap> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
        if let Some(id) = id {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            headers.insert(REQUEST_ID, HeaderValue::from_str(id).ok()?);
        }
        if let Some(key) = &self.api_key {
            let mut bearer = HeaderValue::from_str(&format!("Bearer {}", key.expose_secret().trim())).ok()?;
            bearer.set_sensitive(true);
            headers.insert(AUTHORIZATION, bearer);
        }
        Some(headers)
    }

    fn unsendable(&self, place: &Place) -> AskError {
        let advice = said!("`api_key` holds characters that no key has");
        place.failure(crate::core::message::FailureKind::Credential, &advice)
    }

    /// Reads a stream to its end. What has been said of it stays said if it breaks off.
    async fn follow(
        &self,
        mut stream: Stream,
        (progress, said): (&Progress, &mut Said),
        place: &Place,
    ) -> Result<Completion, AskError> {
        let mut incoming = Incoming::default();
        let mut is_typing = false;
        while !incoming.is_done {
            let chunk = stream.chunk().await.map_err(|error| place.failed(error))?;
            let at_end = chunk.is_none();
            incoming.take(chunk).map_err(|why| place.unusable(&why))?;
            if incoming.has_begun && !is_typing {
                is_typing = true;
                progress.typing();
            }
            let so_far = &incoming.completion;
            // From its first tool call on nothing is said: what the call comes to decides about the words.
            if self.streaming == Streaming::Paragraphs && so_far.calls.is_empty() && so_far.refusal.is_empty() {
                let replies = said.whole_paragraphs(&so_far.content);
                if !replies.is_empty() {
                    progress.say(replies);
                }
            }
            if at_end {
                break;
            }
        }
        // Some servers forget their last line, but none the reason why they ended.
        if incoming.completion.finish.is_none() && !incoming.is_done {
            return Err(place.malformed(&said!("ends in the middle")));
        }
        Ok(incoming.completion)
    }
}

/// A streamed answer on its way in.
#[derive(Debug, Default)]
struct Incoming {
    parser: Parser,
    completion: Completion,
    has_begun: bool,
    is_done: bool,
}

impl Incoming {
    /// `None`: there is no more.
    fn take(&mut self, chunk: Option<bytes::Bytes>) -> Result<(), Unusable> {
        let events = match chunk {
            Some(chunk) => self.parser.feed(&chunk),
            None => std::mem::take(&mut self.parser).finish().map(|last| last.into_iter().collect()),
        };
        for event in events.map_err(|_no_text| Unusable::Malformed)? {
            match event {
                Event::Data(data) if data.trim() == DONE => self.is_done = true,
                Event::Data(data) => self.completion.add(&data)?,
                Event::Error(error) => return Err(Unusable::reported(&error)),
            }
            self.has_begun = true;
        }
        Ok(())
    }
}

async fn rest(mut stream: Stream) -> Result<Reply, crate::egress::EgressError> {
    let mut body = bytes::BytesMut::new();
    while let Some(chunk) = stream.chunk().await? {
        body.extend_from_slice(&chunk);
    }
    Ok(Reply { status: stream.status, headers: stream.headers, body: body.freeze() })
}

fn content_type(headers: &HeaderMap) -> &str {
    headers.get(CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or_default()
}
