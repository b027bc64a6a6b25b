//! Pages that are live: what moves is looked at every two seconds and sent again when it has changed, as long as whoever watches
//! is signed in. The count of alerts in the bar goes along.

use std::{convert::Infallible, time::Duration};

use axum::response::{
    IntoResponse as _, Response, Sse,
    sse::{Event, KeepAlive},
};
use futures::{Stream, StreamExt as _, stream};
use http::StatusCode;
use maud::{Markup, html};
use tokio::{sync::OwnedSemaphorePermit, time::sleep};

use super::refusal;
use crate::manager::{Manager, guard::Seat, words::Words};

/// How often whoever watches is told.
pub(super) const EVERY: Duration = Duration::from_secs(2);
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// What a look has come to.
pub(super) enum Look {
    /// There is nothing to look at any more.
    Gone,
    Same,
    /// Sent if it is not what was sent last.
    Now(String),
}

struct Live<F> {
    manager: Manager,
    seat: Seat,
    look: F,
    begun: bool,
    /// What was sent last.
    last: Option<String>,
    /// As they were told last.
    alerts: Option<usize>,
    /// Given back when the stream ends.
    _place: OwnedSemaphorePermit,
}

/// Tells of what `look` sees, as events of this name.
pub(super) fn follow<F>(manager: Manager, seat: Seat, name: &'static str, look: F) -> Response
where
    F: FnMut(&Manager, &Seat) -> Look + Send + 'static,
{
    let Some(place) = manager.follow() else { return crowded(&seat) };
    let live = Live { manager, seat, look, begun: false, last: None, alerts: None, _place: place };
    let told = stream::unfold(live, move |mut live| async move {
        loop {
            let pause = if live.begun { EVERY } else { Duration::ZERO };
            let closing = live.manager.closing.clone();
            closing.run_until_cancelled(sleep(pause)).await?;
            live.begun = true;
            // Whoever is signed out meanwhile sees nothing more.
            live.manager.still(&live.seat)?;
            let mut events = Vec::new();
            match (live.look)(&live.manager, &live.seat) {
                Look::Gone => return None,
                Look::Now(now) if live.last.as_ref() != Some(&now) => {
                    events.push(Ok(event(name, &now)));
                    live.last = Some(now);
                }
                Look::Now(_) | Look::Same => {}
            }
            let count = live.manager.alerts.count();
            if live.alerts != Some(count) {
                live.alerts = Some(count);
                events.push(Ok(event("alerts", &alerts(&live.seat.words, count).into_string())));
            }
            if !events.is_empty() {
                return Some((stream::iter(events), live));
            }
        }
    });
    answer(told.flatten())
}

/// Tells what stands in a place now. Browsers pass over an event without data: that there is nothing has to be said, too.
pub(super) fn event(name: &str, html: &str) -> Event {
    Event::default().event(name).data(if html.is_empty() { "<!-- nothing -->" } else { html })
}

pub(super) fn answer(events: impl Stream<Item = Result<Event, Infallible>> + Send + 'static) -> Response {
    Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response()
}

/// There is no place left for another page.
pub(super) fn crowded(seat: &Seat) -> Response {
    refusal(seat, StatusCode::TOO_MANY_REQUESTS, seat.words.t("Too many pages are live. Close some."))
}

/// Beside the word in the bar; nothing where nothing has to be mended.
pub(super) fn alerts(w: &Words, count: usize) -> Markup {
    html! { @if count > 0 { " " b { (count) } span class="unseen" { " " (w.t("to be mended")) } } }
}
