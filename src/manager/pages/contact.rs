//! One contact's why-timeline (B13), as it happens and afterwards.

use std::{collections::VecDeque, convert::Infallible, time::Duration};

use axum::{
    extract::{Path, State},
    response::{
        IntoResponse as _, Redirect, Response, Sse,
        sse::{Event, KeepAlive},
    },
};
use futures::stream;
use http::{HeaderMap, StatusCode};
use maud::{Markup, html};

use super::{
    Section,
    live::{contact_path, standing},
    not_found, page,
    profiles::path_of,
    refusal, time, token, unavailable,
};
use crate::{
    core::{
        contact::{Order, Standing},
        ids::{ContactId, ContactName, QueueId, Timestamp, UnitName},
    },
    gateway::{
        Content, Opened,
        live::Ordered,
        storage::{Pos, StoreError},
        timeline::as_lines,
    },
    manager::{
        Manager,
        guard::{Fields, Seat},
        people::Role,
        words::Words,
    },
};

/// Nearly every conversation is shorter.
const RECORDS: usize = 2_000;
const KEEP_ALIVE: Duration = Duration::from_secs(15);

pub(super) fn id((unit, name): (String, String)) -> Option<ContactId> {
    Some(ContactId { unit: UnitName::try_from(unit).ok()?, name: ContactName::try_from(name).ok()? })
}

pub(in crate::manager) async fn show(
    State(manager): State<Manager>,
    seat: Seat,
    Path(names): Path<(String, String)>,
) -> Response {
    let Some(id) = id(names) else { return not_found(&seat) };
    let records = match manager.gateway.timeline(&id, Pos(0), RECORDS).await {
        Ok(records) if records.is_empty() => return not_found(&seat),
        Ok(records) => records,
        Err(error) => return unavailable(&seat, &error),
    };
    let w = &seat.words;
    let verdict = manager.gateway.verify(&records);
    let began = records.first().map_or(Timestamp(0), |it| it.record.at);
    let last = records.last().map_or(0, |it| it.record.pos.0);
    let is_cut = records.first().is_some_and(|it| it.record.prev != Pos(0));
    let body = html! {
        p class="trail" { a href="/" { (w.t("Contacts")) } }
        div class="head" {
            h1 { (w.f("Contact {}", &[&id.name])) }
            p { (w.t("Business unit")) " " b { (id.unit) } }
        }
        div id="state" { (state(&manager, w, &id)) }
        @match verdict {
            Ok(()) => p class="hint" { (w.f("{} records, each chained to the one before: unaltered.", &[&records.len()])) },
            Err(_) => p class="problem" role="alert" { (w.t("This timeline has been altered: a record is not what was written.")) },
        }
        (hand(&manager, &seat, &id))
        @if seat.may(Role::Administrator) && manager.gateway.contact(&id).is_none() {
            p { a href={ (contact_path(&id)) "/erase" } { (w.t("Erase what is kept of it")) } }
        }
        @if is_cut { p class="hint" { (w.t("What happened before is left out, or has been pruned.")) } }
        ol class="timeline" data-events={ (contact_path(&id)) "/events?began=" (began.0) } data-last=(last)
            data-lost=(w.t("The connection is lost; this is not up to date.")) {
            @for opened in &records { (entry(w, opened, began)) }
        }
    };
    page(&seat, Section::Live, id.name.as_str(), &body)
}

/// Where an open contact stands; a person has it, or a virtual agent.
fn state(manager: &Manager, w: &Words, id: &ContactId) -> Markup {
    let Some(now) = manager.gateway.contact(id) else { return html! { p { b { (w.t("It is over.")) } } } };
    html! {
        p class="facts" {
            span class={ "state " (now.standing.label()) } { b { (standing(w, now.standing)) } }
            @if let Some(place) = now.place() { span { (w.t("Queue")) " " b { (place) } } }
            span { (w.t("Profile")) " " a href=(path_of(now.id.unit.as_str(), now.profile.as_str())) { (now.profile) } }
            span { (w.t("Virtual agent")) " " b { (now.agent) } }
            @if let Some(engine) = &now.engine { span { (w.t("Engine")) " " b { (engine) } } }
            span { (w.t("Kind of contact")) " " b { (now.media.label()) } }
            span { (w.t("Language")) " " b { (now.language) } }
        }
    }
}

/// What an operator can do with a contact that the virtual agent has.
fn hand(manager: &Manager, seat: &Seat, id: &ContactId) -> Markup {
    let w = &seat.words;
    let Some(now) = manager.gateway.contact(id) else { return html! {} };
    let is_bots = matches!(now.standing, Standing::Listening | Standing::Asking | Standing::Acting);
    let directory = manager.gateway.directory(&id.unit);
    let fitting =
        directory.iter().flat_map(|it| &it.queues).filter(|(_, queue)| queue.open && queue.media == now.media);
    let queues: Vec<&str> = fitting.map(|(queue, _)| queue.as_str()).collect();
    html! {
        @if is_bots && seat.may(Role::Operator) {
            div class="hand" {
                @if !queues.is_empty() {
                    form method="post" action={ (contact_path(id)) "/hand-over" } class="row" {
                        (token(seat))
                        label { span { (w.t("Queue")) } select name="queue" { @for it in &queues { option value=(it) { (it) } } } }
                        button { (w.t("Hand over to a person")) }
                    }
                }
                form method="post" action={ (contact_path(id)) "/end" } {
                    (token(seat))
                    button class="danger" { (w.t("End the contact")) }
                }
            }
        }
    }
}

pub(in crate::manager) async fn hand_over(
    State(manager): State<Manager>,
    seat: Seat,
    Path(names): Path<(String, String)>,
    fields: Fields,
) -> Response {
    let Ok(queue) = QueueId::new(fields.get("queue")) else { return not_found(&seat) };
    ordered(&manager, &seat, names, Order::HandOver(queue)).await
}

pub(in crate::manager) async fn end(
    State(manager): State<Manager>,
    seat: Seat,
    Path(names): Path<(String, String)>,
) -> Response {
    ordered(&manager, &seat, names, Order::End).await
}

async fn ordered(manager: &Manager, seat: &Seat, names: (String, String), order: Order) -> Response {
    let w = &seat.words;
    let Some(id) = id(names) else { return not_found(seat) };
    match carry_out(manager, seat.name(), &id, order).await {
        Err(error) => unavailable(seat, &error),
        Ok(Ordered::Unknown) => not_found(seat),
        Ok(Ordered::Taken) => Redirect::to(&contact_path(&id)).into_response(),
        Ok(Ordered::NotTheBots) => {
            refusal(seat, StatusCode::CONFLICT, w.t("The virtual agent does not have this contact any more."))
        }
        Ok(Ordered::Refused) => {
            let text = w.t("The queue is closed, unknown, or its wait is longer than the profile allows. The contact stays with the virtual agent.");
            refusal(seat, StatusCode::CONFLICT, text)
        }
    }
}

/// Does it, and tells the audit log of what was done.
pub(in crate::manager) async fn carry_out(
    manager: &Manager,
    by: &str,
    id: &ContactId,
    order: Order,
) -> Result<Ordered, StoreError> {
    let line = |action| manager.people.line(by, action, &id.to_string());
    let line = match &order {
        Order::HandOver(queue) => line("contact.handed_over").after(queue.as_str()),
        Order::End => line("contact.ended"),
    };
    let ordered = manager.gateway.order(id, order, by);
    if ordered == Ordered::Taken {
        // It is done, whether or not whoever asked still waits.
        let log = manager.clone();
        if let Ok(told) = tokio::spawn(async move { log.people.tell(line).await }).await {
            told?;
        }
    }
    Ok(ordered)
}

fn entry(w: &Words, opened: &Opened, began: Timestamp) -> Markup {
    let at = opened.record.at;
    let after = at.since(began).as_secs_f64();
    let lines = match &opened.content {
        Content::Erased(erased) => vec![("erased".to_owned(), w.f("erased by {}: nobody can read it", &[&erased.by]))],
        Content::Readable(_) | Content::Sealed => {
            as_lines(opened, w).unwrap_or_else(|error| vec![("unreadable".to_owned(), error.to_string())])
        }
    };
    html! {
        @for (kind, text) in lines {
            li class=(kind) { span class="after" { (format!("+{after:.3} s")) } (time(at)) span class="what" { (text) } }
        }
    }
}

/// Records as they are committed, from the one behind `Last-Event-ID` on.
pub(in crate::manager) async fn events(
    State(manager): State<Manager>,
    seat: Seat,
    Path(names): Path<(String, String)>,
    headers: HeaderMap,
    axum::extract::RawQuery(query): axum::extract::RawQuery,
) -> Response {
    let Some(id) = id(names) else { return not_found(&seat) };
    let asked: Vec<(String, String)> =
        form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect();
    let number = |name: &str| asked.iter().find(|it| it.0 == name).and_then(|it| it.1.parse::<i64>().ok());
    let header = headers.get("last-event-id").and_then(|it| it.to_str().ok()).and_then(|it| it.parse::<u64>().ok());
    let last = header.or_else(|| number("last").map(i64::unsigned_abs)).unwrap_or_default();
    let began = Timestamp(number("began").unwrap_or_default());
    let (Some(place), Ok(watch)) = (manager.follow(), manager.gateway.watch(&id)) else {
        return refusal(&seat, StatusCode::TOO_MANY_REQUESTS, seat.words.t("Too many pages are live. Close some."));
    };
    let begin = (manager, seat, id, Pos(last), (VecDeque::<Opened>::new(), String::new()), (watch, place));
    let told = stream::unfold(begin, move |(manager, seat, id, last, (mut page, mut shown), held)| async move {
        loop {
            if let Some(opened) = page.pop_front() {
                let position = opened.record.pos;
                let text = entry(&seat.words, &opened, began).into_string();
                let event = Event::default().event("record").id(position.0.to_string()).data(text);
                return Some((Ok::<_, Infallible>(event), (manager, seat, id, position, (page, shown), held)));
            }
            manager.still(&seat)?;
            page = manager.gateway.timeline(&id, last, RECORDS).await.ok()?.into();
            if page.is_empty() {
                let now = state(&manager, &seat.words, &id).into_string();
                if now != shown {
                    shown.clone_from(&now);
                    let event = Event::default().event("state").data(now);
                    return Some((Ok(event), (manager, seat, id, last, (page, shown), held)));
                }
                let closing = manager.closing.clone();
                closing.run_until_cancelled(held.0.grown()).await?;
            }
        }
    });
    Sse::new(told).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response()
}
