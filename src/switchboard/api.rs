//! The desk's API: what its page, scripts and tests do with the contact centre. Mounted at `/desk/v1`; who may come in is the
//! business of whoever mounts it.

use std::{collections::BTreeMap, convert::Infallible, time::Duration};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, FromRequest, FromRequestParts, Path, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::{
        IntoResponse, Response, Sse,
        sse::{self, KeepAlive},
    },
    routing::{get, post},
};
use futures::{Stream, StreamExt as _, stream};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{Event, NewContact, Presence, Refusal, Switchboard};
use crate::{
    core::ids::ContactName,
    problem::{Problem, ProblemKind},
};

const MAX_BODY: usize = 64 * 1024;
/// A sign of life, so that nothing on the way takes a quiet connection for a dead one.
const ALIVE_EVERY: Duration = Duration::from_secs(15);

pub fn router(switchboard: Switchboard) -> Router {
    Router::new()
        .route("/events", get(board))
        .route("/people/{person}/state", post(set_state))
        .route("/queues/{queue}", post(set_queue))
        .route("/callbacks/{callback}", post(set_callback))
        .route("/contacts", post(open))
        .route("/contacts/{contact}/events", get(entries))
        .route("/contacts/{contact}/customer", post(customer_says))
        .route("/contacts/{contact}/accept", post(accept))
        .route("/contacts/{contact}/messages", post(person_says))
        .route("/contacts/{contact}/typing", post(person_types))
        .route("/contacts/{contact}/return", post(give_back))
        .route("/contacts/{contact}/close", post(close))
        .method_not_allowed_fallback(|| async {
            let problem = Problem::new(ProblemKind::Invalid, "this resource does not know this method");
            Refused { problem, status: Some(StatusCode::METHOD_NOT_ALLOWED) }
        })
        .fallback(|| async {
            Refused::from(Problem::new(ProblemKind::NotFound, "there is no such resource in the desk's API"))
        })
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(switchboard)
}

/// A problem document (RFC 9457); `type` `about:blank`: the status says what kind it is.
struct Refused {
    problem: Problem,
    /// Where the kind has no status of its own.
    status: Option<StatusCode>,
}

#[derive(Serialize)]
struct Document {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self { problem, status: None }
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self::from(Problem::from(refusal))
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = self.status.unwrap_or_else(|| self.problem.kind.http());
        let document = Document {
            r#type: "about:blank",
            title: status.canonical_reason().unwrap_or_default(),
            status: status.as_u16(),
            detail: self.problem.detail,
        };
        let mut response = (status, Json(document)).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response
    }
}

type Answer<T = StatusCode> = Result<T, Refused>;

/// The name in a path.
struct Named(String);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let found = Path::from_request_parts(parts, state).await;
        let wrong = |_| Problem::new(ProblemKind::Invalid, "the name in the address is not UTF-8: encode it as such");
        Ok(Self(found.map_err(wrong)?.0))
    }
}

/// A request's body.
struct Sent(Bytes);

impl<S: Send + Sync> FromRequest<S> for Sent {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        match Bytes::from_request(request, state).await {
            Ok(body) => Ok(Self(body)),
            Err(error) if error.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                Err(Problem::new(ProblemKind::TooLarge, "the body is larger than 64 KiB: shorten it").into())
            }
            Err(_broken) => {
                Err(Problem::new(ProblemKind::Invalid, "the body did not arrive whole: send it again").into())
            }
        }
    }
}

fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Refused> {
    serde_json::from_slice(body).map_err(|error| Problem::new(ProblemKind::Invalid, format!("body: {error}")).into())
}

fn named(contact: &str) -> Result<ContactName, Refusal> {
    ContactName::new(contact).map_err(|_no_name| Refusal::UnknownContact)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Person {
    person: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PersonState {
    state: Presence,
}

async fn set_state(State(centre): State<Switchboard>, Named(person): Named, Sent(body): Sent) -> Answer {
    let PersonState { state } = read(&body)?;
    centre.set_state(&person, state).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct QueueChange {
    open: Option<bool>,
    expected_wait_s: Option<u32>,
}

async fn set_queue(State(centre): State<Switchboard>, Named(queue): Named, Sent(body): Sent) -> Answer {
    let QueueChange { open, expected_wait_s } = read(&body)?;
    centre.set_queue(&queue, open, expected_wait_s).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CallbackChange {
    done: bool,
}

async fn set_callback(State(centre): State<Switchboard>, Named(callback): Named, Sent(body): Sent) -> Answer {
    let CallbackChange { done } = read(&body)?;
    centre.callback_done(&callback, done).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn open(State(centre): State<Switchboard>, Sent(body): Sent) -> Answer<impl IntoResponse> {
    let contact = centre.open(read::<NewContact>(&body)?).await?;
    Ok((StatusCode::CREATED, Json(BTreeMap::from([("contactId", contact.to_string())]))))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CustomerMessage {
    id: String,
    text: String,
}

/// Where a message became an entry; the same for a repetition.
fn said(seq: u64) -> Response {
    (StatusCode::ACCEPTED, Json(BTreeMap::from([("seq", seq)]))).into_response()
}

async fn customer_says(State(centre): State<Switchboard>, Named(contact): Named, Sent(body): Sent) -> Answer<Response> {
    let CustomerMessage { id, text } = read(&body)?;
    Ok(said(centre.customer_says(&named(&contact)?, &id, &text).await?.seq))
}

async fn accept(State(centre): State<Switchboard>, Named(contact): Named, Sent(body): Sent) -> Answer {
    let Person { person } = read(&body)?;
    centre.accept(&person, &named(&contact)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PersonMessage {
    person: String,
    id: String,
    text: String,
}

async fn person_says(State(centre): State<Switchboard>, Named(contact): Named, Sent(body): Sent) -> Answer<Response> {
    let PersonMessage { person, id, text } = read(&body)?;
    Ok(said(centre.person_says(&person, &named(&contact)?, &id, &text).await?.seq))
}

async fn person_types(State(centre): State<Switchboard>, Named(contact): Named, Sent(body): Sent) -> Answer {
    let Person { person } = read(&body)?;
    centre.person_types(&person, &named(&contact)?)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn give_back(State(centre): State<Switchboard>, Named(contact): Named, Sent(body): Sent) -> Answer {
    let Person { person } = read(&body)?;
    centre.give_back(&person, &named(&contact)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn close(State(centre): State<Switchboard>, Named(contact): Named, Sent(body): Sent) -> Answer {
    let Person { person } = read(&body)?;
    centre.close(&person, &named(&contact)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The house as it is, and again whenever it changes.
async fn board(State(centre): State<Switchboard>) -> impl IntoResponse {
    let closing = centre.inner.closing();
    let events = stream::unfold((centre.board(), true), |(mut board, first)| async move {
        if !first {
            board.changed().await.ok()?;
        }
        let event = sse::Event::default().event("board").json_data(&**board.borrow_and_update());
        Some((event, (board, false)))
    });
    served(events.take_until(closing.cancelled_owned()))
}

/// A contact's entries behind `Last-Event-ID`, and what comes.
async fn entries(State(centre): State<Switchboard>, Named(contact): Named, headers: HeaderMap) -> Answer<Response> {
    let after = match headers.get("last-event-id").map(|it| it.to_str().ok().and_then(|it| it.parse().ok())) {
        None => 0,
        Some(Some(after)) => after,
        Some(None) => {
            return Err(Problem::new(ProblemKind::Invalid, "Last-Event-ID: is not the number of an entry").into());
        }
    };
    let contact = named(&contact)?;
    let events = centre.follow(&contact, after)?;
    if centre.is_over_at(&contact, after) {
        // An `EventSource` would come again for ever; this answer alone ends it.
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let events = events.map(|event| match event {
        Event::Entry(entry) => sse::Event::default().id(entry.seq.to_string()).json_data(&*entry),
        Event::Hint(hint) => sse::Event::default().json_data(&hint),
    });
    Ok(served(events).into_response())
}

fn served<E: Send + 'static>(
    events: impl Stream<Item = Result<sse::Event, E>> + Send + 'static,
) -> Sse<impl Stream<Item = Result<sse::Event, Infallible>>> {
    // What cannot be said as JSON does not exist among our types.
    let events = events.filter_map(|it| async move { it.ok().map(Ok) });
    Sse::new(events).keep_alive(KeepAlive::new().interval(ALIVE_EVERY))
}

#[cfg(test)]
mod tests;
