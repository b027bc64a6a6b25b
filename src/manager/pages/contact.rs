//! One contact's why-timeline (B13), as it happens and afterwards.

use std::{collections::VecDeque, convert::Infallible};

use axum::{
    extract::{Path, State},
    response::{IntoResponse as _, Redirect, Response, sse::Event},
};
use futures::stream;
use http::{HeaderMap, StatusCode};
use maud::{Markup, html};
use tokio::{sync::OwnedSemaphorePermit, time::timeout};

use super::{
    Section,
    live::{contact_path, standing},
    not_found, page,
    profiles::path_of,
    refusal,
    stream::{self as live_page, EVERY},
    time, token, unavailable,
};
use crate::{
    core::{
        contact::{Order, Standing},
        handover::Unavailable,
        ids::{ContactId, ContactName, QueueId, SpeechTargetId, Timestamp, UnitName},
        message::MediaType,
        profile::Destination,
    },
    gateway::{
        Content, Opened,
        live::{ContactNow, Ordered},
        storage::{Pos, StoreError},
        timeline::as_lines,
        watch::Watch,
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
        div id="hand" tabindex="-1" { (hand(&manager, &seat, &id)) }
        @if is_cut { p class="hint" { (w.t("What happened before is left out, or has been pruned.")) } }
        ol class="timeline" data-events={ (contact_path(&id)) "/events?began=" (began.0) } data-last=(last) {
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
            @if let Some(place) = now.place() { span { (place_name(w, &now)) " " b { (place) } } }
            span { (w.t("Profile")) " " a href=(path_of(now.id.unit.as_str(), now.profile.as_str())) { (now.profile) } }
            span { (w.t("Virtual agent")) " " b { (now.agent) } }
            @if let Some(engine) = &now.engine { span { (w.t("Engine")) " " b { (engine) } } }
            span { (w.t("Kind of contact")) " " b { (now.media.label()) } }
            span { (w.t("Language")) " " b { (now.language) } }
        }
    }
}

fn place_name<'a>(w: &'a Words, now: &ContactNow) -> &'a str {
    match now.goes_to {
        Some(Destination::Target(_)) => w.t("Target"),
        Some(Destination::Queue(_)) | None => w.t("Queue"),
    }
}

/// What can be done with the contact as it is now: an operator's hand while the virtual agent has it, and afterwards its end.
fn hand(manager: &Manager, seat: &Seat, id: &ContactId) -> Markup {
    let (w, at) = (&seat.words, contact_path(id));
    let Some(now) = manager.gateway.contact(id) else {
        return html! {
            @if seat.may(Role::Administrator) { p { a href={ (at) "/erase" } { (w.t("Erase what is kept of it")) } } }
        };
    };
    let is_bots = matches!(now.standing, Standing::Listening | Standing::Asking | Standing::Acting);
    if !is_bots || !seat.may(Role::Operator) {
        return html! {};
    }
    let places = manager.gateway.places(id).unwrap_or(Err(Unavailable::QueueUnknown));
    html! {
        @match places {
            Ok(places) => form method="post" action={ (at) "/hand-over" } class="row" {
                (token(seat))
                label { span { @if now.media == MediaType::Speech { (w.t("Queue or target")) } @else { (w.t("Queue")) } }
                    select id="hand-to" name="to" {
                        @for it in &places { option value=(value(it)) { (called(w, manager, id, it)) } }
                    }
                }
                button id="hand-over" { (w.t("Hand over to a person")) }
            },
            Err(why) => p class="hint" { (nobody(w, manager, id, why)) },
        }
        details class="quiet" {
            summary id="hand-end" { (w.t("End the contact")) }
            p class="hint" { (w.t("The conversation ends for the customer, unless the customer speaks at that moment.")) }
            form method="post" action={ (at) "/end" } {
                (token(seat))
                button id="hand-end-now" class="danger" { (w.t("End it now")) }
            }
        }
    }
}

/// As the form sends it.
fn value(to: &Destination) -> String {
    match to {
        Destination::Queue(queue) => format!("queue:{queue}"),
        Destination::Target(target) => format!("target:{target}"),
    }
}

fn of_value(text: &str) -> Option<Destination> {
    match text.split_once(':')? {
        ("queue", queue) => QueueId::new(queue).ok().map(Destination::Queue),
        ("target", target) => SpeechTargetId::new(target).ok().map(Destination::Target),
        _ => None,
    }
}

/// With the name that the contact centre gives a target, whose id is a number for the most part.
fn called(w: &Words, manager: &Manager, id: &ContactId, to: &Destination) -> String {
    match to {
        Destination::Queue(queue) => w.f("queue {}", &[queue]),
        Destination::Target(target) => {
            let directory = manager.gateway.directory(&id.unit).ok();
            let name = directory.as_ref().and_then(|it| it.targets.get(target)).filter(|it| !it.is_empty());
            let own = w.f("target {}", &[target]);
            name.map_or_else(|| own.clone(), |name| format!("{own} · {name}"))
        }
    }
}

/// Why nobody can be promised.
fn nobody<'a>(w: &'a Words, manager: &Manager, id: &ContactId, why: Unavailable) -> &'a str {
    match why {
        _ if manager.gateway.directory(&id.unit).is_err() => {
            w.t("Nobody can be promised: no routing engine has told its queues yet.")
        }
        Unavailable::QueueUnknown => {
            w.t("Nobody can be promised: the contact centre has no queue or target for this kind of contact.")
        }
        Unavailable::QueueClosed | Unavailable::WaitTooLong => {
            w.t("Nobody can be promised: the queues for this kind of contact are closed, or their wait is longer than the profile allows.")
        }
        Unavailable::BudgetUsed => w.t("Nobody can be promised: the profile allows no handover, by `max_handovers`."),
    }
}

pub(in crate::manager) async fn hand_over(
    State(manager): State<Manager>,
    seat: Seat,
    Path(names): Path<(String, String)>,
    fields: Fields,
) -> Response {
    let Some(to) = of_value(fields.get("to")) else { return not_found(&seat) };
    ordered(&manager, &seat, names, Order::HandOver(to)).await
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
        Ok(Ordered::Refused(_)) => {
            let text = w.t("The queue or target is closed, unknown or for another kind of contact, or its wait is longer than the profile allows. The contact stays with the virtual agent.");
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
        Order::HandOver(Destination::Queue(queue)) => line("contact.handed_over").after(queue.as_str()),
        Order::HandOver(Destination::Target(target)) => line("contact.handed_over").after(&format!("target {target}")),
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

/// What a page that is live has been told.
struct Following {
    manager: Manager,
    seat: Seat,
    id: ContactId,
    began: Timestamp,
    /// The record that was told last.
    last: Pos,
    /// Those that are to be told.
    page: VecDeque<Opened>,
    /// Events that are told again when they have changed, and what they said last.
    shown: [(&'static str, Option<String>); 3],
    watch: Watch,
    /// Given back when the stream ends.
    _place: OwnedSemaphorePermit,
}

impl Following {
    /// `None`: it is over.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(opened) = self.page.pop_front() {
                self.last = opened.record.pos;
                let text = entry(&self.seat.words, &opened, self.began).into_string();
                return Some(Event::default().event("record").id(self.last.0.to_string()).data(text));
            }
            self.manager.still(&self.seat)?;
            if let Some(event) = self.changed() {
                return Some(event);
            }
            // Queues open and close, and sign-ins end, without a record.
            let closing = self.manager.closing.clone();
            if closing.run_until_cancelled(timeout(EVERY, self.watch.grown())).await?.is_ok() {
                self.page = self.manager.gateway.timeline(&self.id, self.last, RECORDS).await.ok()?.into();
            }
        }
    }

    fn changed(&mut self) -> Option<Event> {
        let Self { manager, seat, id, shown, .. } = self;
        shown.iter_mut().find_map(|(name, last)| {
            let now = match *name {
                "state" => state(manager, &seat.words, id),
                "hand" => hand(manager, seat, id),
                _ => live_page::alerts(&seat.words, manager.alerts.count()),
            };
            let now = now.into_string();
            if last.as_ref() == Some(&now) {
                return None;
            }
            let event = live_page::event(name, &now);
            *last = Some(now);
            Some(event)
        })
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
        return live_page::crowded(&seat);
    };
    // Watched first and read then: nothing is missed.
    let page = match manager.gateway.timeline(&id, Pos(last), RECORDS).await {
        Ok(page) => page.into(),
        Err(error) => return unavailable(&seat, &error),
    };
    let shown = ["state", "hand", "alerts"].map(|name| (name, None));
    let following = Following { manager, seat, id, began, last: Pos(last), page, shown, watch, _place: place };
    live_page::answer(stream::unfold(following, async |mut it| {
        it.next().await.map(|event| (Ok::<_, Infallible>(event), it))
    }))
}
