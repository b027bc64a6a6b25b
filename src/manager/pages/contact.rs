//! One contact's why-timeline (B13), as it happens and afterwards.

use std::{collections::VecDeque, convert::Infallible};

use axum::{
    extract::{Path, State},
    response::{IntoResponse as _, Redirect, Response, sse::Event},
};
use futures::stream;
use http::{HeaderMap, StatusCode};
use jiff::{Zoned, civil::Date, tz::TimeZone};
use maud::{Markup, html};
use serde::Deserialize;
use tokio::{sync::OwnedSemaphorePermit, time::timeout};

use super::{
    Section, day, done, end_kind,
    live::{contact_path, standing},
    marked, media_name, not_found, page,
    profiles::path_of,
    refusal,
    stream::{self as live_page, EVERY},
    token, unavailable,
};
use crate::{
    core::{
        contact::{Order, Standing},
        handover::Unavailable,
        ids::{ContactId, ContactName, ProfileName, QueueId, SpeechTargetId, Timestamp, UnitName},
        message::MediaType,
        profile::Destination,
    },
    gateway::{
        Content, Opened,
        live::{ContactNow, Ordered},
        storage::{Closed, Pos, StoreError},
        timeline::{Line, as_lines},
        watch::Watch,
    },
    manager::{
        Manager,
        guard::{Fields, Seat},
        people::Role,
        query::Query,
        words::Words,
    },
};

/// Nearly every conversation is shorter.
const RECORDS: usize = 2_000;

pub(super) fn id((unit, name): (String, String)) -> Option<ContactId> {
    Some(ContactId { unit: UnitName::try_from(unit).ok()?, name: ContactName::try_from(name).ok()? })
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::manager) struct Said {
    /// What was done, from a closed set.
    done: String,
}

fn handed(w: &Words) -> &str {
    w.t("The handover is on its way: the timeline tells what comes of it.")
}

fn ended(w: &Words) -> &str {
    w.t("The contact is being ended: the timeline tells what comes of it.")
}

/// The business unit's: whoever talks about a contact talks about the same times.
struct Zone {
    name: String,
    zone: TimeZone,
}

impl Zone {
    fn of(manager: &Manager, unit: &UnitName) -> Self {
        let loaded = manager.house.configuration();
        let named = loaded.units.iter().find(|it| it.name == *unit).map(|it| it.zone.clone());
        let found = named.and_then(|name| Some((TimeZone::get(&name).ok()?, name)));
        let (zone, name) = found.unwrap_or((TimeZone::UTC, "UTC".to_owned()));
        Self { name, zone }
    }

    fn at(&self, at: Timestamp) -> Zoned {
        jiff::Timestamp::from_millisecond(at.0).unwrap_or_default().to_zoned(self.zone.clone())
    }

    fn day_of(&self, at: Timestamp) -> Date {
        self.at(at).date()
    }

    fn now(&self, at: Timestamp, w: &Words) -> String {
        let at = self.at(at);
        format!("{} {}", day(w, at.date()), at.strftime("%H:%M:%S"))
    }
}

pub(in crate::manager) async fn show(
    State(manager): State<Manager>,
    seat: Seat,
    Path(names): Path<(String, String)>,
    Query(Said { done: said }): Query<Said>,
) -> Response {
    let Some(id) = id(names) else { return not_found(&seat) };
    let zone = Zone::of(&manager, &id.unit);
    let mut last_day = None;
    let records = match manager.gateway.timeline(&id, Pos(0), RECORDS).await {
        Ok(records) => records,
        Err(error) => return unavailable(&seat, &error),
    };
    let is_open = manager.gateway.contact(&id).is_some();
    let is_erased = match is_erased(&manager, &id).await {
        Ok(is_erased) => is_erased,
        Err(error) => return unavailable(&seat, &error),
    };
    if records.is_empty() && !is_open {
        return not_found(&seat);
    }
    let past = match manager.gateway.past(&id).await {
        Ok(past) => past,
        Err(error) => return unavailable(&seat, &error),
    };
    let w = &seat.words;
    let verdict = manager.gateway.verify(&records);
    let began = records.first().map_or_else(|| manager.people.now(), |it| it.record.at);
    let newest = records.last().map_or(began, |it| it.record.at);
    let last = records.last().map_or(0, |it| it.record.pos.0);
    let is_cut = records.first().is_none_or(|it| it.record.prev != Pos(0));
    let body = html! {
        p class="trail" {
            @if is_open { a href="/" { (w.t("Contacts")) } } @else { a href="/contacts/ended" { (w.t("Contacts that are over")) } }
        }
        div class="head" {
            h1 { (w.f("Contact {}", &[&id.name])) }
            p class="hint" { (w.t("Business unit")) " " b { (id.unit) } " · " (w.t("Times of")) " " (zone.name) }
        }
        p class="printed" { (w.t("Printed")) " " time data-zone=(zone.name) { (zone.now(manager.people.now(), w)) } " (" (zone.name) ")" }
        @match said.as_str() {
            "handed" => (done(handed(w))),
            "ended" => (done(ended(w))),
            "erased" if is_erased => (done(w.t("It is erased: nobody can read any more what was said and done."))),
            _ => {}
        }
        div id="state" { (state(&manager, w, &id, (past.as_ref(), &zone))) }
        @match verdict {
            Ok(()) if records.is_empty() => {},
            Ok(()) if is_open => p class="hint" { (w.f("{} records when this page was loaded, each chained to the one before: unaltered.", &[&records.len()])) },
            Ok(()) => p class="hint" { (w.f("{} records, each chained to the one before: unaltered.", &[&records.len()])) },
            Err(_) => p class="problem" role="alert" { (w.t("This timeline has been altered: a record is not what was written.")) },
        }
        div id="hand" tabindex="-1" data-handed=(handed(w)) data-ended=(ended(w)) { (hand(&manager, &seat, &id, is_erased)) }
        @if is_cut { p class="hint" { (w.t("What happened before is left out, or has been pruned.")) } }
        ol class="timeline" data-events={ (contact_path(&id)) "/events?began=" (began.0) "&day=" (zone.day_of(newest)) } data-last=(last) {
            @for opened in &records { (entry(w, opened, began, (&zone, &mut last_day))) }
        }
    };
    page(&seat, Section::Live, id.name.as_str(), &body)
}

/// Of a contact that is over; nothing of an open one is.
pub(super) async fn is_erased(manager: &Manager, id: &ContactId) -> Result<bool, StoreError> {
    if manager.gateway.contact(id).is_some() { Ok(false) } else { manager.gateway.is_erased(id).await }
}

/// Where an open contact stands: a person has it, or a virtual agent; or what one was that is over.
fn state(manager: &Manager, w: &Words, id: &ContactId, (past, zone): (Option<&Closed>, &Zone)) -> Markup {
    let Some(now) = manager.gateway.contact(id) else { return over(manager, w, past, zone) };
    html! {
        p class="facts" {
            span class={ "state " (now.standing.label()) } { b { (standing(w, now.standing)) } }
            @if let Some(place) = now.place() { span { (place_name(w, &now)) " " b { (place) } } }
            span { (w.t("Profile")) " " a href=(path_of(now.id.unit.as_str(), now.profile.as_str())) { (now.profile) } }
            span { (w.t("Virtual agent")) " " b { (now.agent) } }
            @if let Some(engine) = &now.engine { span { (w.t("Engine")) " " b { (engine) } } }
            span { (w.t("Kind of contact")) " " b { (media_name(w, now.media)) } }
            span { (w.t("Language")) " " b { (now.language) } }
        }
    }
}

fn over(manager: &Manager, w: &Words, closed: Option<&Closed>, zone: &Zone) -> Markup {
    let past = closed.and_then(|it| it.past.as_ref());
    let profile = closed.and_then(|it| Some((&it.contact.unit, it.past.as_ref()?.profile.as_ref()?)));
    let loaded = manager.house.configuration();
    let is_there = |unit: &UnitName, name: &ProfileName| {
        loaded.settings.profiles.iter().any(|it| it.unit == *unit && it.name == *name)
    };
    html! {
        p class="facts" {
            b { (w.t("It is over.")) }
            @if let Some(past) = past { span { (w.t("How it ended")) " " b { (end_kind(w, past.end)) } } }
            @if let Some((unit, name)) = profile {
                span {
                    (w.t("Profile")) " "
                    @if is_there(unit, name) { a href=(path_of(unit.as_str(), name.as_str())) { (name) } } @else { b { (name) } }
                }
            }
            @if let Some(past) = past {
                span { (w.t("Virtual agent")) " " b { (past.agent) } }
                span { (w.t("Kind of contact")) " " b { (media_name(w, past.media)) } }
                @if let Some(queue) = &past.queue { span { (w.t("Queue")) " " b { (queue) } } }
                @if let Some(began) = past.began_at { span { (w.t("From")) " " b { (zone.now(began, w)) } } }
            }
            @if let Some(closed) = closed { span { (w.t("To")) " " b { (zone.now(closed.at, w)) } } }
        }
    }
}

fn place_name<'a>(w: &'a Words, now: &ContactNow) -> &'a str {
    match now.goes_to {
        Some(Destination::Target(_)) => w.t("Target"),
        Some(Destination::Queue(_)) | None => w.t("Queue"),
    }
}

/// What can be done with the contact as it is now: an operator's hand while the virtual agent has it; afterwards it is erased, once.
fn hand(manager: &Manager, seat: &Seat, id: &ContactId, is_erased: bool) -> Markup {
    let (w, at) = (&seat.words, contact_path(id));
    let Some(now) = manager.gateway.contact(id) else {
        return html! {
            @if seat.may(Role::Administrator) && !is_erased { p { a href={ (at) "/erase" } { (w.t("Erase what is kept of it")) } } }
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
            Err(why) => p class="hint" { (marked(nobody(w, manager, id, why))) },
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
    let said = if matches!(order, Order::End) { "ended" } else { "handed" };
    match carry_out(manager, seat.name(), &id, order).await {
        Err(error) => unavailable(seat, &error),
        Ok(Ordered::Unknown) => not_found(seat),
        Ok(Ordered::Taken) => Redirect::to(&format!("{}?done={said}", contact_path(&id))).into_response(),
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

/// What a record tells, below its day where that is another than the one before.
fn entry(w: &Words, opened: &Opened, began: Timestamp, (zone, before): (&Zone, &mut Option<Date>)) -> Markup {
    let at = zone.at(opened.record.at);
    let after = opened.record.at.since(began).as_secs_f64();
    let other = |kind: &str, text: String| vec![Line { kind: kind.to_owned(), hands_over: false, id: None, text }];
    let lines = match &opened.content {
        Content::Erased(erased) => other("erased", w.f("erased by {}: nobody can read it", &[&erased.by])),
        Content::Readable(_) | Content::Sealed => {
            as_lines(opened, w).unwrap_or_else(|error| other("unreadable", error.to_string()))
        }
    };
    let is_new_day = before.replace(at.date()) != Some(at.date());
    html! {
        @if is_new_day { li class="day" { (day(w, at.date())) } }
        @for Line { kind, hands_over, id, text } in lines {
            @let (look, who) = who(w, &kind, hands_over);
            li class={ (kind) " " (look) } {
                span class="after" { (format!("+{after:.3} s")) }
                time data-zone=(zone.name) datetime=(at.timestamp()) { (at.strftime("%H:%M:%S")) }
                span class="what" title=[id] { span class="who" { (who) } (text) }
            }
        }
    }
}

/// Whose doing a step is: how it looks, and in words.
fn who<'w>(w: &'w Words, kind: &str, hands_over: bool) -> (&'static str, &'w str) {
    match kind {
        "heard" | "held" | "tokenised" | "duplicate" => ("customer", w.t("Customer")),
        "unanswered" | "busy" => ("customer fault", w.t("Customer")),
        "asked" | "answered" | "shadowed" | "moved" | "slow" | "text_too_long" => ("", w.t("Language engine")),
        "ask_failed" | "failed_over" | "stale" => ("fault", w.t("Language engine")),
        "sent" if !hands_over => ("bot", w.t("Virtual agent")),
        "sent" | "handing_over" | "handover_outcome" | "returned" => ("hand", w.t("Handover")),
        "no_person" => ("hand fault", w.t("Handover")),
        "outcome" | "action_waits" => ("", w.t("Action")),
        "outcome_missing" | "unknown_action" | "action_refused" => ("fault", w.t("Action")),
        "external_asked" | "external_answered" => ("", w.t("External system")),
        "external_failed" => ("fault", w.t("External system")),
        "unreadable" => ("fault", w.t("Contact")),
        _ => ("", w.t("Contact")),
    }
}

/// What a page that is live has been told.
struct Following {
    manager: Manager,
    seat: Seat,
    id: ContactId,
    began: Timestamp,
    is_erased: bool,
    zone: Zone,
    /// Once it is over.
    past: Option<Closed>,
    /// Of what was told last.
    day: Option<Date>,
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
                let text = entry(&self.seat.words, &opened, self.began, (&self.zone, &mut self.day)).into_string();
                return Some(Event::default().event("record").id(self.last.0.to_string()).data(text));
            }
            self.manager.still(&self.seat)?;
            self.past = self.past().await.ok()?;
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

    /// Of the contact that is over, and not of one that had its name before.
    async fn past(&mut self) -> Result<Option<Closed>, StoreError> {
        if self.manager.gateway.contact(&self.id).is_some() {
            return Ok(None);
        }
        match self.past.take() {
            Some(past) => Ok(Some(past)),
            None => Ok(self.manager.gateway.past(&self.id).await?.filter(|it| it.last >= self.last)),
        }
    }

    fn changed(&mut self) -> Option<Event> {
        let Self { manager, seat, id, is_erased, shown, past, zone, .. } = self;
        shown.iter_mut().find_map(|(name, last)| {
            let now = match *name {
                "state" => state(manager, &seat.words, id, (past.as_ref(), &*zone)),
                "hand" => hand(manager, seat, id, *is_erased),
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
    let day = asked.iter().find(|it| it.0 == "day").and_then(|it| it.1.parse().ok());
    let zone = Zone::of(&manager, &id.unit);
    let (Some(place), Ok(watch)) = (manager.follow(), manager.gateway.watch(&id)) else {
        return live_page::crowded(&seat);
    };
    // Watched first and read then: nothing is missed.
    let page = match manager.gateway.timeline(&id, Pos(last), RECORDS).await {
        Ok(page) => page.into(),
        Err(error) => return unavailable(&seat, &error),
    };
    let is_erased = match is_erased(&manager, &id).await {
        Ok(is_erased) => is_erased,
        Err(error) => return unavailable(&seat, &error),
    };
    let shown = ["state", "hand", "alerts"].map(|name| (name, None));
    let following = Following {
        manager,
        seat,
        id,
        began,
        is_erased,
        zone,
        past: None,
        day,
        last: Pos(last),
        page,
        shown,
        watch,
        _place: place,
    };
    live_page::answer(stream::unfold(following, async |mut it| {
        it.next().await.map(|event| (Ok::<_, Infallible>(event), it))
    }))
}
