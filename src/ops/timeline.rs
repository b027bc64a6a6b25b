//! The why-timeline of a contact over HTTP (B13): as one document, and as events while it grows.
//!
//! It shows what customers said: whoever mounts this router answers for who comes in.

use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::HeaderMap,
    response::{
        IntoResponse, Response, Sse,
        sse::{Event, KeepAlive},
    },
    routing::get,
};
use futures::{Stream, stream};
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::problem::Problem;
use crate::{
    core::{
        directory::Directory,
        ids::{ContactId, ContactName, UnitName},
    },
    gateway::{
        Gateway, NoDirectory, Opened, Watch,
        storage::{Pos, StoreError},
        timeline::{as_event, as_json},
    },
    problem::ProblemKind,
};

/// Of a document. Nearly every conversation is shorter; `previous` of the first record tells that there is more.
const DOCUMENT_RECORDS: usize = 10_000;
/// Read at a time for those who follow; also how much history they get.
const PAGE_RECORDS: usize = 500;
/// Who follows keeps a connection.
const MAX_FOLLOWERS: usize = 32;
/// Proxies cut what is silent for longer.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How soon a browser comes back.
const RETRY: Duration = Duration::from_secs(1);

/// What the router reads from.
#[derive(Clone, Debug)]
pub struct Timelines {
    gateway: Arc<Gateway>,
    /// Ends all events.
    closing: CancellationToken,
    followers: Arc<Semaphore>,
}

impl Timelines {
    #[must_use]
    pub fn new(gateway: Arc<Gateway>, closing: CancellationToken) -> Self {
        Self { gateway, closing, followers: Arc::new(Semaphore::new(MAX_FOLLOWERS)) }
    }

    /// See [`Gateway::directory`].
    pub(super) fn directory(&self, unit: &UnitName) -> Result<Arc<Directory>, NoDirectory> {
        self.gateway.directory(unit)
    }
}

/// `/timeline/{unit}/{contact}` and `/timeline/{unit}/{contact}/events`.
pub fn router<S: Clone + Send + Sync + 'static>(timelines: Timelines) -> Router<S> {
    Router::new()
        .route("/timeline/{unit}/{contact}", get(document))
        .route("/timeline/{unit}/{contact}/events", get(events))
        .with_state(timelines)
}

async fn document(State(timelines): State<Timelines>, Path(names): Path<(String, String)>) -> Response {
    let Some(contact) = contact(names) else { return no_name().into_response() };
    let records = match timelines.gateway.timeline(&contact, Pos(0), DOCUMENT_RECORDS).await {
        Ok(records) if records.is_empty() => {
            let detail = "no such contact in this business unit: it is unknown, or its timeline has been pruned";
            return Problem::new(ProblemKind::NotFound, detail).into_response();
        }
        Ok(records) => records,
        Err(error) => return unreadable(&contact, &error).into_response(),
    };
    match as_json(&contact, &records, timelines.gateway.verify(&records)) {
        Ok(document) => Json(document).into_response(),
        Err(error) => {
            tracing::error!(contact.id = %contact, error = %error, "a timeline cannot be shown");
            Problem::new(ProblemKind::Internal, "a record of this timeline cannot be read").into_response()
        }
    }
}

/// History, then each record as it is committed. A contact that is not known may still come.
async fn events(
    State(timelines): State<Timelines>,
    Path(names): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let Some(contact) = contact(names) else { return no_name().into_response() };
    let last = match headers.get("last-event-id").map(|it| it.to_str().ok().and_then(|it| it.parse().ok())) {
        None => Pos(0),
        Some(Some(position)) => Pos(position),
        Some(None) => {
            return Problem::new(ProblemKind::Invalid, "Last-Event-ID is the position of a record").into_response();
        }
    };
    let too_many =
        || Problem::new(ProblemKind::Busy, "too many timelines are being followed; close one").into_response();
    let Ok(permit) = Arc::clone(&timelines.followers).try_acquire_owned() else { return too_many() };
    let Ok(watch) = timelines.gateway.watch(&contact) else { return too_many() };
    let follower = Follower { timelines, contact, watch, last, page: VecDeque::new(), greeted: false, _permit: permit };
    Sse::new(follower.events()).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response()
}

/// One that follows a timeline.
struct Follower {
    timelines: Timelines,
    contact: ContactId,
    watch: Watch,
    /// What has been given out.
    last: Pos,
    page: VecDeque<Opened>,
    /// The first event, which tells a browser how soon to come back, is out.
    greeted: bool,
    _permit: OwnedSemaphorePermit,
}

impl Follower {
    fn events(self) -> impl Stream<Item = Result<Event, Infallible>> {
        stream::unfold(self, |mut follower| async {
            let event = follower.next().await?;
            Some((Ok(event), follower))
        })
    }

    /// `None`: the door closes, or the store cannot be read; a browser comes back.
    async fn next(&mut self) -> Option<Event> {
        if !self.greeted {
            self.greeted = true;
            return Some(Event::default().retry(RETRY).comment("history, then live"));
        }
        loop {
            if let Some(opened) = self.page.pop_front() {
                let record = &opened.record;
                let gap = record.prev > self.last;
                self.last = record.pos;
                if gap {
                    // Its turn comes again.
                    self.last = record.prev;
                    self.page.push_front(opened);
                    return Some(Event::default().event("omitted").data("older records are left out"));
                }
                return Some(event(&self.contact, &opened));
            }
            self.page = self.read().await?.into();
            if self.page.is_empty() {
                let closing = self.timelines.closing.clone();
                closing.run_until_cancelled(self.watch.grown()).await?;
            }
        }
    }

    async fn read(&self) -> Option<Vec<Opened>> {
        let read = self.timelines.gateway.timeline(&self.contact, self.last, PAGE_RECORDS).await;
        read.inspect_err(
            |error| tracing::error!(contact.id = %self.contact, error = %error.source, "a timeline cannot be read"),
        )
        .ok()
    }
}

/// One that cannot be shown is named, and what follows it is shown: a browser would come back to the same one.
fn event(contact: &ContactId, opened: &Opened) -> Event {
    let position = opened.record.pos.0;
    let event = Event::default().id(position.to_string());
    match as_event(opened) {
        Ok(value) => event.data(value.to_string()),
        Err(error) => {
            tracing::error!(contact.id = %contact, %error, "a record of a timeline cannot be shown");
            event.event("unreadable").data(json!({ "position": position }).to_string())
        }
    }
}

fn contact((unit, name): (String, String)) -> Option<ContactId> {
    Some(ContactId { unit: UnitName::try_from(unit).ok()?, name: ContactName::try_from(name).ok()? })
}

fn no_name() -> Problem {
    Problem::new(ProblemKind::Invalid, "names have 1 to 128 bytes and no control characters")
}

fn unreadable(contact: &ContactId, error: &StoreError) -> Problem {
    tracing::error!(contact.id = %contact, error = %error.source, "a timeline cannot be read");
    Problem::new(ProblemKind::Unavailable, "the store cannot be read now")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        core::ids::Timestamp,
        gateway::{Content, storage::Record},
    };

    #[tokio::test]
    async fn records_that_cannot_be_read_are_named_and_the_stream_goes_on() {
        let contact = contact(("north".to_owned(), "c1".to_owned())).unwrap();
        let record = |pos, body: &[u8]| Opened {
            record: Record {
                pos: Pos(pos),
                contact: contact.clone(),
                prev: Pos(pos - 1),
                at: Timestamp(0),
                hash: [0; 32],
                body: Vec::new(),
            },
            content: Content::Readable(body.to_vec().into()),
        };
        let records = [record(7, b"{\"steps\":"), record(8, b"[]")];
        let events = records.map(|it| Ok::<_, Infallible>(event(&contact, &it)));
        let body = Sse::new(stream::iter(events)).into_response().into_body();
        let heard = axum::body::to_bytes(body, 1 << 16).await.unwrap();
        let heard = std::str::from_utf8(&heard).unwrap();
        let told = |pos| format!("id: {pos}\nevent: unreadable\ndata: {{\"position\":{pos}}}\n\n");
        assert_eq!(heard, told(7) + &told(8), "a browser that comes back goes on behind them");
    }
}
