//! One test: its steps, what is expected of each and whether that counts; as a list of switches, and as the text that it is.

use axum::{
    extract::{Path, State},
    response::{IntoResponse as _, Redirect, Response},
};
use http::StatusCode;
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    Field, Place, Section, Tab, media_name, not_found, queues_name, scene, summary, tests, token, with_status,
};
use crate::{
    core::{
        message::Reply,
        rehearsal::{self, BadFile, Checks, Found, MAX_CUES, MAX_NAME_CHARACTERS, Test, bad_name},
    },
    manager::{
        Manager, address,
        api::Kind,
        guard::{Fields, Seat},
        pages::{no_store, quiet, unavailable},
        people::Role,
        query::Query,
        trying::kept::{Kept, NotKept, PER_PROFILE},
        words::Words,
    },
};

type Names = (String, String, String);
/// What comes early is an answer as well: it is not there, or the store is not.
type Answer = Result<Response, Response>;

/// What is wrong with a name.
pub(super) fn name_problem(w: &Words, name: &str) -> String {
    if name.trim().is_empty() {
        w.t("A test needs a name.").to_owned()
    } else if name.chars().count() > MAX_NAME_CHARACTERS {
        w.t("A test's name has 80 characters at most.").to_owned()
    } else {
        w.t("A test's name holds neither a slash nor control characters.").to_owned()
    }
}

/// Why nothing was changed, in words.
pub(super) fn not_kept(w: &Words, why: &NotKept) -> String {
    match why {
        NotKept::Taken => w.t("There is a test of this name already. Choose another one.").to_owned(),
        NotKept::Gone | NotKept::Conflict(None) => w
            .t("Somebody else has removed this test meanwhile. What you have typed can be imported as a new one.")
            .to_owned(),
        NotKept::Conflict(Some(now)) => w.f(
            "{} has changed this test meanwhile. What is there now stands below; bring both together.",
            &[&now.changed_by],
        ),
        NotKept::Name => w.t("A name is neither . nor ..: no address can have it.").to_owned(),
        NotKept::TooMany(there) if *there >= PER_PROFILE => {
            w.f("The profile has {} tests, and no more are kept. Remove some.", &[there])
        }
        NotKept::TooMany(_) => w.t("Too many tests are kept, of all profiles together. Remove some.").to_owned(),
        NotKept::TooLarge => w.t("The test is larger than 256 KiB. Make two of it.").to_owned(),
        NotKept::File(BadFile::Json { line, column, message }) => {
            w.f("Line {}, column {}: {}", &[line, column, message])
        }
        NotKept::File(BadFile::Line { line, problem }) => w.f("Line {}: {}", &[line, problem]),
        NotKept::File(BadFile::None) => w.t("There is no test in it.").to_owned(),
        NotKept::File(BadFile::TooLong) => w.t("It is longer than 400 KiB.").to_owned(),
        NotKept::Store(error) => no_store(w, error).1.to_owned(),
    }
}

async fn find(manager: &Manager, seat: &Seat, (unit, profile, test): Names) -> Result<(Place, Kept), Response> {
    let Some(place) = Place::find(manager, (unit, profile)) else { return Err(not_found(seat)) };
    match manager.people.test(&place.of, &test).await {
        Ok(Some(kept)) => Ok((place, kept)),
        Ok(None) => Err(not_found(seat)),
        Err(error) => Err(unavailable(seat, &error)),
    }
}

fn path(place: &Place, name: &str) -> String {
    format!("{}/test/{}", place.at, address::part(name))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::manager) struct View {
    /// `text`: not as a list.
    view: String,
}

pub(in crate::manager) async fn show(
    State(manager): State<Manager>,
    seat: Seat,
    Path(names): Path<Names>,
    Query(View { view }): Query<View>,
) -> Response {
    match find(&manager, &seat, names).await {
        Ok((place, kept)) => {
            let text = (view == "text" && seat.may(Role::Operator)).then(|| rehearsal::write([&kept.test]));
            page(&manager, &seat, (&place, &kept), StatusCode::OK, &Draft { text, ..Draft::default() })
        }
        Err(none) => none,
    }
}

/// What was typed and not kept.
#[derive(Clone, Debug, Default)]
struct Draft {
    /// `None`: it is shown as a list.
    text: Option<String>,
    copy: String,
    /// At which field, and what.
    problem: Option<(&'static str, String)>,
    /// Which version the form goes on from; `None`: the one that is there.
    version: Option<u64>,
}

impl Draft {
    fn problem(&self, field: &str) -> Option<&str> {
        self.problem.as_ref().filter(|it| it.0 == field).map(|it| it.1.as_str())
    }
}

fn page(manager: &Manager, seat: &Seat, (place, kept): (&Place, &Kept), status: StatusCode, draft: &Draft) -> Response {
    let w = &seat.words;
    let Kept { test, version, .. } = kept;
    let problems: Vec<String> = draft.problem.iter().map(|it| it.1.clone()).collect();
    let here = path(place, &test.name);
    let may = seat.may(Role::Operator);
    let language = test.setting.language.as_deref().unwrap_or(&place.profile.rules.language);
    let body = html! {
        (place.head(seat, Tab::Tests))
        (summary(w, &problems))
        h2 { (w.f("Test {}", &[&test.name])) }
        p class="facts" {
            span { (media_name(w, test.setting.media)) }
            span { (w.t("Language")) " " b { (language) } }
            span { (w.t("Queues")) ": " (queues_name(w, test.setting.queues)) }
        }
        @if let Some(text) = &draft.text {
            @if status == StatusCode::CONFLICT { h2 { (w.t("What is there now")) } pre { (rehearsal::write([test])) } }
            (as_text(seat, &here, draft.version.unwrap_or(*version), (text, draft.problem("text"))))
        } @else {
            @if may { (run_form(seat, place, &test.name)) }
            (tests::last_of(w, manager, place, kept))
            h2 { (w.t("Steps")) }
            (steps(seat, &here, test, *version, may))
            @if may { h2 { (w.t("Export, copy, remove")) } }
            p { a href={ (here) "/export" } { (w.t("Export as a file")) } }
            @if may { (beside(seat, &here, *version, draft)) }
        }
    };
    with_status(status, seat, (Section::Profiles, &place.title(&test.name)), &body)
}

fn as_text(seat: &Seat, here: &str, version: u64, (text, problem): (&str, Option<&str>)) -> Markup {
    let w = &seat.words;
    let hint = w.t("One line for the test, one for each step.");
    html! {
        h2 { (w.t("Change it as text")) }
        form method="post" action={ (here) "/text" } {
            (token(seat))
            input type="hidden" name="version" value=(version);
            (Field { name: "text", label: w.t("The test, as lines of JSON"), hint, problem }.with(|id, described, invalid| html! {
                textarea id=(id) name="text" class="some" spellcheck="false" aria-describedby=[described] aria-invalid=[invalid.then_some("true")] {
                    "\n" (text)
                }
            }))
            div class="acts" {
                button { (w.t("Save")) }
                a href=(here) { (w.t("As a list")) }
            }
        }
    }
}

/// What else is done with a test.
fn beside(seat: &Seat, here: &str, version: u64, draft: &Draft) -> Markup {
    let w = &seat.words;
    html! {
        form method="post" action={ (here) "/copy" } class="row" {
            (token(seat))
            (Field { name: "copy", label: w.t("Name of the copy"), hint: "", problem: draft.problem("copy") }.text(&draft.copy, "text", "off"))
            button class="second" { (w.t("Copy it")) }
        }
        (quiet(w.t("Remove the test"), &html! {
            form method="post" action={ (here) "/remove" } {
                (token(seat))
                input type="hidden" name="version" value=(version);
                button class="danger" { (w.t("Remove it now")) }
            }
        }))
    }
}

fn run_form(seat: &Seat, place: &Place, name: &str) -> Markup {
    let w = &seat.words;
    html! {
        form method="post" action={ (place.at) "/tests/run" } class="filter" {
            (token(seat))
            input type="hidden" name="test" value=(name);
            label { span { (w.t("Language engine")) } select name="engine" {
                @for it in place.engines() { option value=(it) { (it) } }
            } }
            button { (w.t("Run this test")) }
        }
    }
}

/// What counts can be switched, step by step.
fn steps(seat: &Seat, here: &str, test: &Test, version: u64, may: bool) -> Markup {
    let w = &seat.words;
    let table = html! {
        div class="scroll" tabindex="0" role="group" aria-label=(w.t("Table")) { table class="steps" {
            thead { tr {
                th class="number" { "#" } th { (w.t("What is put in")) } th { (w.t("Intent")) } th { (w.t("Action")) }
                th { (w.t("Parameters")) } th { (w.t("Text")) }
            } }
            tbody { @for (at, it) in test.steps.iter().enumerate() {
                @let number = at + 1;
                @let Found { intent, action, does, parameters, texts, failure } = &it.expected;
                tr {
                    td class="number" { (number) }
                    td { (scene::cue(w, &it.cue)) @if let Some(why) = failure { p class="hint" { (w.f("expected: no answer ({})", &[why])) } } }
                    td { (switch(w, may, ("intent", number, it.checks.intent), &html! { (intent.as_deref().unwrap_or_else(|| w.t("none"))) })) }
                    td {
                        (switch(w, may, ("action", number, it.checks.action), &html! { (if action.is_empty() { w.t("none") } else { action }) }))
                        @if !does.is_empty() { p class="hint" { (does) } }
                    }
                    td { (switch(w, may, ("parameters", number, it.checks.parameters), &html! {
                        @if parameters.is_empty() { (w.t("none")) } @else { span class="code" { (Reply::Payload(parameters.clone()).text()) } }
                    })) }
                    td { (switch(w, may, ("texts", number, it.checks.texts), &html! { @for it in texts { span class="said" { (it) } } })) }
                }
            } }
        } }
    };
    html! {
        @if may {
            form method="post" action={ (here) "/checks" } {
                (token(seat))
                input type="hidden" name="version" value=(version);
                p class="hint" { (w.t("What is ticked counts. That the engine answers always does.")) }
                (table)
                div class="acts" {
                    button { (w.t("Save")) }
                    a href={ (here) "?view=text" } { (w.t("Change it as text")) }
                }
            }
        } @else { (table) }
    }
}

/// `of`: what it is about, beside it.
fn switch(w: &Words, may: bool, (what, number, is_on): (&str, usize, bool), of: &Markup) -> Markup {
    let label = match what {
        "intent" => w.f("The intent of step {} counts", &[&number]),
        "action" => w.f("The action of step {} counts", &[&number]),
        "parameters" => w.f("The parameters of step {} count", &[&number]),
        _ => w.f("The text of step {} counts", &[&number]),
    };
    html! {
        label class="tick" {
            input type="checkbox" name={ (what) "-" (number) } value="on" checked[is_on] disabled[!may] aria-label=(label);
            span { (of) }
        }
    }
}

fn version_in(fields: &Fields) -> u64 {
    // 0 is no version: such a form is told that somebody was faster.
    fields.get("version").parse().unwrap_or_default()
}

pub(in crate::manager) async fn checks(
    State(manager): State<Manager>,
    seat: Seat,
    Path(names): Path<Names>,
    fields: Fields,
) -> Answer {
    let (place, kept) = find(&manager, &seat, names).await?;
    let mut test = kept.test.clone();
    for (at, step) in test.steps.iter_mut().enumerate().take(MAX_CUES) {
        let on = |what: &str| fields.has(&format!("{what}-{}", at + 1));
        step.checks =
            Checks { action: on("action"), parameters: on("parameters"), intent: on("intent"), texts: on("texts") };
    }
    let wanted = Wanted { test, typed: None };
    Ok(change(&manager, &seat, (&place, &kept), version_in(&fields), wanted).await)
}

/// The test as it is to be, and as it was typed.
struct Wanted {
    test: Test,
    typed: Option<String>,
}

pub(in crate::manager) async fn text(
    State(manager): State<Manager>,
    seat: Seat,
    Path(names): Path<Names>,
    fields: Fields,
) -> Answer {
    let (place, kept) = find(&manager, &seat, names).await?;
    let w = &seat.words;
    let (text, version) = (fields.get("text").replace("\r\n", "\n"), version_in(&fields));
    let problem = match rehearsal::read(&text) {
        Ok(list) => match <[Test; 1]>::try_from(list) {
            Ok([test]) => {
                let wanted = Wanted { test, typed: Some(text) };
                return Ok(change(&manager, &seat, (&place, &kept), version, wanted).await);
            }
            Err(_) => w.t("There is more than one test in it. Import them instead.").to_owned(),
        },
        Err(error) => not_kept(w, &NotKept::File(error)),
    };
    let draft =
        Draft { text: Some(text), problem: Some(("text", problem)), version: Some(version), ..Draft::default() };
    Ok(page(&manager, &seat, (&place, &kept), StatusCode::UNPROCESSABLE_ENTITY, &draft))
}

pub(super) fn status_of(why: &NotKept) -> StatusCode {
    match why {
        NotKept::Taken | NotKept::Conflict(_) | NotKept::Gone => StatusCode::CONFLICT,
        NotKept::Name | NotKept::TooMany(_) | NotKept::TooLarge | NotKept::File(_) => StatusCode::UNPROCESSABLE_ENTITY,
        NotKept::Store(error) => Kind::of_store(error).status(),
    }
}

async fn change(
    manager: &Manager,
    seat: &Seat,
    (place, kept): (&Place, &Kept),
    version: u64,
    Wanted { test, typed }: Wanted,
) -> Response {
    match manager.people.change_test(seat.name(), &place.of, (&kept.test.name, version), &test).await {
        Ok(_) => Redirect::to(&path(place, &test.name)).into_response(),
        Err(why) => {
            let problem = Some(("text", not_kept(&seat.words, &why)));
            // What was ticked is in the text as well: nothing of it is lost.
            let text = Some(typed.unwrap_or_else(|| rehearsal::write([&test])));
            let status = status_of(&why);
            // Where nothing else is there now, the form goes on from what it began with.
            let (now, version) =
                if let NotKept::Conflict(Some(now)) = why { (*now, None) } else { (kept.clone(), Some(version)) };
            page(manager, seat, (place, &now), status, &Draft { text, problem, version, ..Draft::default() })
        }
    }
}

pub(in crate::manager) async fn copy(
    State(manager): State<Manager>,
    seat: Seat,
    Path(names): Path<Names>,
    fields: Fields,
) -> Answer {
    let (place, kept) = find(&manager, &seat, names).await?;
    let w = &seat.words;
    let name = fields.get("copy").trim().to_owned();
    let (status, problem) = match bad_name(&name) {
        Some(_) => (StatusCode::UNPROCESSABLE_ENTITY, name_problem(w, &name)),
        None => {
            let test = Test { name: name.clone(), ..kept.test.clone() };
            match manager.people.add_test(seat.name(), &place.of, &test).await {
                Ok(_) => return Ok(Redirect::to(&path(&place, &name)).into_response()),
                Err(why) => (status_of(&why), not_kept(w, &why)),
            }
        }
    };
    let draft = Draft { copy: name, problem: Some(("copy", problem)), ..Draft::default() };
    Ok(page(&manager, &seat, (&place, &kept), status, &draft))
}

pub(in crate::manager) async fn remove(
    State(manager): State<Manager>,
    seat: Seat,
    Path(names): Path<Names>,
    fields: Fields,
) -> Answer {
    let (place, kept) = find(&manager, &seat, names).await?;
    let named = (kept.test.name.as_str(), version_in(&fields));
    match manager.people.remove_test(seat.name(), &place.of, named).await {
        Ok(()) => Ok(Redirect::to(&format!("{}/tests", place.at)).into_response()),
        Err(why) => {
            let problem = Some(("remove", not_kept(&seat.words, &why)));
            Ok(page(&manager, &seat, (&place, &kept), status_of(&why), &Draft { problem, ..Draft::default() }))
        }
    }
}

pub(in crate::manager) async fn export(
    State(manager): State<Manager>,
    seat: Seat,
    Path(names): Path<Names>,
) -> Response {
    match find(&manager, &seat, names).await {
        Ok((_, kept)) => tests::as_file(&kept.test.name, rehearsal::write([&kept.test])),
        Err(none) => none,
    }
}
