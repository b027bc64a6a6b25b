//! A conversation under way: what has been said, what can be put in next, and the way to keep it as a test.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    response::{IntoResponse as _, Redirect, Response},
};
use http::StatusCode;
use maud::{Markup, html};
use serde_json::Value;

use super::{Field, Place, Section, Tab, media_name, not_found, queues_name, scene, summary, token, with_status};
use crate::{
    core::{
        message::Parameters,
        profile::Rules,
        rehearsal::{Awaits, Cue, Feigned, bad_name},
    },
    gateway::rehearsal::{NotTaken, Rehearsal},
    manager::{
        Manager, address,
        guard::{Fields, Seat},
        pages::{quiet_beside, unavailable},
        trying::{
            Trial,
            doing::{NotPut, as_test, put_in},
            kept::NotKept,
        },
        words::Words,
    },
};

/// Of parameters.
const EXAMPLE: &str = "{\"name\": \"value\"}";

type Names = (String, String, String);

/// What was typed and not taken.
#[derive(Clone, Debug, Default)]
struct Draft {
    text: String,
    kind: String,
    name: String,
    given: String,
    reason: String,
    test: String,
    /// At which field, and what.
    problem: Option<(&'static str, String)>,
}

fn find(manager: &Manager, seat: &Seat, (unit, profile, trial): Names) -> Result<(Place, Arc<Trial>), Box<Response>> {
    let Some(place) = Place::find(manager, (unit, profile)) else { return Err(Box::new(not_found(seat))) };
    match super::trial(manager, seat, &place, &trial) {
        Some(trial) => Ok((place, trial)),
        None => Err(Box::new(gone(seat, &place))),
    }
}

/// The conversation is not there any more.
fn gone(seat: &Seat, place: &Place) -> Response {
    let w = &seat.words;
    let body = html! {
        (place.head(seat, Tab::Try))
        p class="refusal" role="alert" { (w.t("This conversation is over: it was ended, nobody went on with it, or it is somebody else's.")) }
        p { a class="button" href={ (place.at) "/try" } { (w.t("Begin another one")) } }
    };
    with_status(StatusCode::NOT_FOUND, seat, (Section::Profiles, &place.title(w.t("Try it"))), &body)
}

pub(in crate::manager) async fn show(State(manager): State<Manager>, seat: Seat, Path(names): Path<Names>) -> Response {
    match find(&manager, &seat, names) {
        Ok((place, trial)) => page(&manager, &seat, (&place, &trial), StatusCode::OK, &Draft::default()).await,
        Err(gone) => *gone,
    }
}

/// What the form asks for.
fn cue_of(w: &Words, fields: &Fields) -> Result<Cue, (&'static str, String)> {
    let text = |name: &str| fields.get(name).replace("\r\n", "\n");
    match fields.get("kind") {
        // A reply that was offered, or what was typed.
        "say" if fields.has(scene::PICK) => Ok(Cue::Say(text(scene::PICK))),
        "say" => Ok(Cue::Say(text("text"))),
        "silence" => Ok(Cue::Silence),
        "keys" => Ok(Cue::Keys(text("name").trim().to_owned())),
        "event" => Ok(Cue::Event { name: text("name").trim().to_owned(), parameters: parameters(w, &text("given"))? }),
        "form" => Ok(Cue::Form(parameters(w, &text("given"))?)),
        other => match Feigned::of(other) {
            Some(outcome) => Ok(Cue::Outcome { outcome, text: text("reason").trim().to_owned() }),
            None => Err(("kind", w.t("Choose what is put in.").to_owned())),
        },
    }
}

fn parameters(w: &Words, text: &str) -> Result<Parameters, (&'static str, String)> {
    if text.trim().is_empty() {
        return Ok(Parameters::new());
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(parameters)) => Ok(parameters),
        Ok(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
            Err(("given", w.f("This is no JSON object such as {}.", &[&EXAMPLE])))
        }
        Err(error) => {
            let place = (&error.line(), &error.column());
            Err(("given", w.f("This is no JSON: line {}, column {}.", &[place.0, place.1])))
        }
    }
}

/// What is wrong, and at which field.
fn not_taken(w: &Words, kind: &str, why: NotTaken) -> (&'static str, String) {
    let field = match kind {
        "say" => "text",
        "keys" | "event" => "name",
        "form" => "given",
        _ => "reason",
    };
    let text = match why {
        NotTaken::Over => w.t("The conversation is over. Begin another one.").to_owned(),
        NotTaken::TooMany => w.t("A conversation takes 100 inputs. Begin another one.").to_owned(),
        NotTaken::NotAwaited => w.t("The conversation does not wait for this now.").to_owned(),
        NotTaken::NothingDue => w.t("Nothing comes of silence now.").to_owned(),
        NotTaken::Bad("is longer than 8 KiB") => w.t("This is longer than 8 KiB.").to_owned(),
        NotTaken::Bad("is empty") => w.t("Say something.").to_owned(),
        NotTaken::Bad("has no name") => w.t("An event needs a name.").to_owned(),
        NotTaken::Bad(_) => w.t("Keys are 0 to 9, * and #.").to_owned(),
    };
    (field, text)
}

pub(in crate::manager) async fn put(
    State(manager): State<Manager>,
    seat: Seat,
    Path(names): Path<Names>,
    fields: Fields,
) -> Response {
    let (place, trial) = match find(&manager, &seat, names) {
        Ok(found) => found,
        Err(gone) => return *gone,
    };
    let w = &seat.words;
    let to = format!("{}/try/{}", place.at, trial.id);
    let taken = match cue_of(w, &fields) {
        Ok(cue) => put_in(&trial, cue).await.map_err(|why| match why {
            NotPut::Not(why) => not_taken(w, fields.get("kind"), why),
            NotPut::Broken => ("text", w.t("The turn broke off. Try again.").to_owned()),
        }),
        Err(problem) => Err(problem),
    };
    match taken {
        Ok(()) => Redirect::to(&to).into_response(),
        Err(problem) => {
            let text = |name: &str| fields.get(name).to_owned();
            let draft = Draft {
                text: text("text"),
                kind: text("kind"),
                name: text("name"),
                given: text("given"),
                reason: text("reason"),
                problem: Some(problem),
                ..Draft::default()
            };
            page(&manager, &seat, (&place, &trial), StatusCode::UNPROCESSABLE_ENTITY, &draft).await
        }
    }
}

pub(in crate::manager) async fn end(State(manager): State<Manager>, seat: Seat, Path(names): Path<Names>) -> Response {
    match find(&manager, &seat, names) {
        Ok((place, trial)) => {
            manager.trying.trials.end(&trial.id);
            Redirect::to(&format!("{}/try", place.at)).into_response()
        }
        Err(gone) => *gone,
    }
}

pub(in crate::manager) async fn save(
    State(manager): State<Manager>,
    seat: Seat,
    Path(names): Path<Names>,
    fields: Fields,
) -> Response {
    let (place, trial) = match find(&manager, &seat, names) {
        Ok(found) => found,
        Err(gone) => return *gone,
    };
    let w = &seat.words;
    let name = fields.get("test").trim().to_owned();
    let (status, problem) = match bad_name(&name) {
        Some(_) => (StatusCode::UNPROCESSABLE_ENTITY, super::test::name_problem(w, &name)),
        None => {
            let test = as_test(&*trial.rehearsal.lock().await, &name);
            match manager.people.add_test(seat.name(), &place.of, &test).await {
                Ok(_) => return Redirect::to(&format!("{}/test/{}", place.at, address::part(&name))).into_response(),
                Err(NotKept::Store(error)) => return unavailable(&seat, &error),
                Err(why) => (StatusCode::CONFLICT, super::test::not_kept(w, &why)),
            }
        }
    };
    let draft = Draft { test: name, problem: Some(("test", problem)), ..Draft::default() };
    page(&manager, &seat, (&place, &trial), status, &draft).await
}

async fn page(
    manager: &Manager,
    seat: &Seat,
    (place, trial): (&Place, &Trial),
    status: StatusCode,
    draft: &Draft,
) -> Response {
    let w = &seat.words;
    let rehearsal = trial.rehearsal.lock().await;
    let has_changed = manager.has_changed(trial, &rehearsal);
    let setting = rehearsal.setting();
    let language = setting.language.as_deref().unwrap_or(&place.profile.rules.language);
    let problems: Vec<String> = draft.problem.iter().map(|it| it.1.clone()).collect();
    let to = format!("{}/try/{}", place.at, trial.id);
    let body = html! {
        (place.head(seat, Tab::Try))
        p class="facts" {
            span { (w.t("Language engine")) " " b { (trial.engine) } }
            span { (media_name(w, setting.media)) }
            span { (w.t("Language")) " " b { (language) } }
            span { (w.t("Queues")) ": " (queues_name(w, setting.queues)) }
        }
        div id="trial" data-trial=(w.t("The engine is asked …")) data-lost=(w.t("The answer is not there: reload the page.")) {
            div data-part="problems" { (summary(w, &problems)) }
            div data-part="state" {
                @if has_changed {
                    p class="stale" role="status" { (w.t("The profile has changed since this conversation began. It goes on with what it began with; begin another one to try the profile as it is now.")) }
                }
            }
            div class="talk" role="log" aria-label=(w.t("Conversation")) data-part="log" {
                @for (at, it) in rehearsal.scenes().iter().enumerate() { (scene::turn(w, it, (at + 1, rehearsal.is_over()))) }
            }
            div data-part="forms" { (forms(seat, &to, &rehearsal, draft)) }
        }
    };
    drop(rehearsal);
    with_status(status, seat, (Section::Profiles, &place.title(w.t("Try it"))), &body)
}

fn forms(seat: &Seat, to: &str, rehearsal: &Rehearsal, draft: &Draft) -> Markup {
    let w = &seat.words;
    let at = |field: &str| draft.problem.as_ref().filter(|it| it.0 == field).map(|it| it.1.as_str());
    html! {
        @if rehearsal.is_over() {
            p class="done" role="status" { (w.t("The conversation is over.")) }
        } @else {
            form method="post" action=(to) class="say" id=(scene::SAY) {
                (token(seat))
                input type="hidden" name="kind" value="say";
                (Field { name: "text", label: w.t("The customer says"), hint: "", problem: at("text") }.with(|id, described, invalid| html! {
                    input id=(id) name="text" type="text" value=(draft.text) autocomplete="off" autofocus[draft.problem.is_none()]
                        aria-describedby=[described] aria-invalid=[invalid.then_some("true")];
                }))
                button { (w.t("Send")) }
            }
            @if let Some(awaits) = rehearsal.awaits() { (outcomes(seat, to, awaits, draft, at("reason"))) }
            (others(seat, to, rehearsal, draft))
        }
        div class="hand" {
            @if !rehearsal.scenes().is_empty() {
                form method="post" action={ (to) "/save" } class="row" {
                    (token(seat))
                    (Field { name: "test", label: w.t("Keep it as a test, named"), hint: "", problem: at("test") }.text(&draft.test, "text", "off"))
                    button class="second" { (w.t("Save as test")) }
                }
            }
            (quiet_beside(w.t("End the conversation"), None, &html! {
                p class="hint" { (w.t("What is not saved as a test is gone.")) }
                form method="post" action={ (to) "/end" } {
                    (token(seat))
                    button class="danger" { (w.t("End it now")) }
                }
            }))
        }
    }
}

/// What may come of what the conversation waits for.
fn outcomes(seat: &Seat, to: &str, awaits: Awaits, draft: &Draft, problem: Option<&str>) -> Markup {
    let w = &seat.words;
    let what = match awaits {
        Awaits::Person => w.t("It waits for a person to take the contact. What comes of it?"),
        Awaits::Return => w.t("A person has the contact."),
        Awaits::Callback => w.t("It waits for the callback to be booked. What comes of it?"),
        Awaits::Push => w.t("It waits for the page to be pushed. What comes of it?"),
        Awaits::External => w.t("It waits for the external system. What comes of it?"),
    };
    let label = if awaits == Awaits::External { w.t("What it says, or why it fails") } else { w.t("Reason, if any") };
    html! {
        form method="post" action=(to) class="outcomes" {
            (token(seat))
            p { (what) }
            @if awaits != Awaits::Return {
                (Field { name: "reason", label, hint: "", problem }.text(&draft.reason, "text", "off"))
            }
            div class="row" { @for it in awaits.outcomes() {
                button class="second" name="kind" value=(it.label()) { (scene::outcome(w, *it)) }
            } }
        }
    }
}

/// What is put in more seldom.
fn others(seat: &Seat, to: &str, rehearsal: &Rehearsal, draft: &Draft) -> Markup {
    let w = &seat.words;
    let at = |field: &str| draft.problem.as_ref().filter(|it| it.0 == field).map(|it| it.1.as_str());
    let kinds = [("event", w.t("Event")), ("keys", w.t("Keys")), ("form", w.t("Form fields"))];
    let is_open = ["name", "given", "kind"].iter().any(|it| at(it).is_some());
    html! {
        details class="others" open[is_open] {
            summary { (w.t("Something else than words")) }
            form method="post" action=(to) class="narrow" {
                (token(seat))
                (Field { name: "kind", label: w.t("What"), hint: "", problem: at("kind") }.choice(&draft.kind, &kinds))
                (Field { name: "name", label: w.t("The event's name, or the keys"), hint: "", problem: at("name") }.with(|id, described, invalid| html! {
                    input id=(id) name="name" type="text" value=(draft.name) autocomplete="off" list="events"
                        aria-describedby=[described] aria-invalid=[invalid.then_some("true")];
                }))
                datalist id="events" { @for it in events(&rehearsal.stage().rules) { option value=(it) {} } }
                (Field { name: "given", label: w.t("Parameters or fields, as JSON"), hint: &w.f("Such as {}; empty: none.", &[&EXAMPLE]), problem: at("given") }.with(|id, described, invalid| html! {
                    textarea id=(id) name="given" class="few" rows="3" spellcheck="false"
                        aria-describedby=[described] aria-invalid=[invalid.then_some("true")] { "\n" (draft.given) }
                }))
                button class="second" { (w.t("Send this")) }
            }
        }
        @if rehearsal.can_wait() {
            form method="post" action=(to) class="acts" {
                (token(seat))
                input type="hidden" name="kind" value="silence";
                button class="second long" { (w.t("The customer stays silent until something happens")) }
            }
        }
    }
}

/// Those that the profile names.
fn events(rules: &Rules) -> Vec<&str> {
    let events = &rules.events;
    let all = [
        &rules.welcome_event,
        &events.human_returned,
        &events.handover_accepted,
        &events.handover_failed,
        &events.handover_expired,
        &events.queue_unavailable,
        &events.callback_done,
        &events.callback_failed,
        &events.external_done,
        &events.external_failed,
        &events.push_done,
        &events.push_failed,
        &events.turn_interrupted,
    ];
    let mut names: Vec<&str> = all.into_iter().map(String::as_str).filter(|it| !it.is_empty()).collect();
    names.sort_unstable();
    names.dedup();
    names
}
