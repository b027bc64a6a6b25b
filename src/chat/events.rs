//! What a customer hears: the contact's entries as server-sent events, from any number on, and what is of the moment.

use std::{convert::Infallible, pin::Pin, sync::Arc, time::Duration};

use axum::{
    extract::State,
    response::{
        IntoResponse as _, Response, Sse,
        sse::{self, KeepAlive},
    },
};
use futures::{Stream, StreamExt as _, stream};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::{
    Shared,
    asked::{Asked, Named},
    contacts::bearer,
    problem::Refused,
    streams::Listening,
    token::Right,
};
use crate::{
    core::ids::ContactName,
    switchboard::{
        Event,
        talk::{State as Place, What},
    },
};

/// A word at least so often, so that both sides notice when the other is gone.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// What a browser's `EventSource` waits before it comes again.
const RETRY: Duration = Duration::from_secs(1);

#[derive(Deserialize)]
pub(super) struct From {
    token: Option<String>,
    /// The last entry that the customer has.
    after: Option<String>,
}

pub(super) async fn follow(
    State(shared): State<Arc<Shared>>,
    Named(id): Named,
    Asked(from): Asked<From>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let may_read = from.token.as_deref().is_some_and(|it| shared.key.grants(Right::Read, &id, it));
    let may_speak = bearer(&headers).is_some_and(|it| shared.key.grants(Right::Speak, &id, it));
    let contact = ContactName::new(&id).ok().filter(|_| may_read || may_speak).ok_or_else(Refused::unauthenticated)?;
    let after = after(&headers, from.after.as_deref())?;
    let events = shared.switchboard.follow(&contact, after)?;
    if shared.switchboard.is_over_at(&contact, after) {
        // A browser's `EventSource` would come again every second for ever; this answer alone ends it.
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let heard = Heard {
        events: events.boxed(),
        listening: shared.streams.begin(&id),
        closing: shared.closing.clone(),
        is_over: false,
    };
    let first = stream::once(async { sse::Event::default().retry(RETRY) });
    let events = first.chain(stream::unfold(heard, Heard::next)).map(Ok::<_, Infallible>);
    let mut response = Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response();
    // Proxies that gather answers would hold back what is to be heard now.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// A browser that comes again says what it had last in a header; its address is still the one that it began with.
fn after(headers: &HeaderMap, asked: Option<&str>) -> Result<u64, Refused> {
    let last = headers.get("last-event-id").map(|it| it.to_str().unwrap_or("?"));
    match last.filter(|it| !it.is_empty()).or(asked) {
        None => Ok(0),
        Some(text) => {
            let wrong = |_no_number| Refused::invalid("after", "after must be the number of an entry, as in ?after=12");
            text.parse().map_err(wrong)
        }
    }
}

struct Heard {
    events: Pin<Box<dyn Stream<Item = Event> + Send>>,
    listening: Listening,
    closing: CancellationToken,
    is_over: bool,
}

impl Heard {
    async fn next(mut self) -> Option<(sse::Event, Self)> {
        if self.is_over {
            return None;
        }
        tokio::select! {
            // Who listens again goes on where this one stopped.
            () = self.closing.cancelled() => None,
            () = self.listening.replaced.cancelled() => {
                self.is_over = true;
                let closed = sse::Event::default().event("closed").data(r#"{"reason":"too many windows"}"#);
                Some((closed, self))
            }
            event = self.events.next() => {
                let (event, is_last) = event.map(|it| shown(&it))?;
                self.is_over = is_last;
                Some((event, self))
            }
        }
    }
}

/// And whether nothing follows it.
fn shown(event: &Event) -> (sse::Event, bool) {
    match event {
        Event::Entry(entry) => {
            let is_last = matches!(entry.what, What::State(Place::Ended { .. }));
            (json(sse::Event::default().id(entry.seq.to_string()), entry), is_last)
        }
        Event::Hint(hint) => (json(sse::Event::default(), hint), false),
    }
}

fn json(event: sse::Event, data: &impl serde::Serialize) -> sse::Event {
    // Our own types always become JSON; an event without data is one that listeners pass over.
    let plain = event.clone();
    event.json_data(data).unwrap_or(plain)
}
