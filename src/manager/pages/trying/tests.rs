//! A profile's tests: which there are, what came of them when they were last run, and the way in and out as a file.

use std::time::Duration;

use axum::{
    extract::{Path, State},
    response::{IntoResponse as _, Redirect, Response},
};
use http::{HeaderValue, StatusCode, header};
use maud::{Markup, html};

use super::{Field, Place, Section, Tab, not_found, problems_of, scene, summary, time, token, with_status};
use crate::{
    core::rehearsal::{self, Aspect, Difference},
    gateway::rehearsal::{Came, NotTaken, StepResult, TestResult},
    manager::{
        Manager, address,
        guard::{Fields, Seat},
        pages::{empty, unavailable},
        people::Role,
        trying::{Outcome, Standing, doing::NotRun, kept::Kept, version_of},
        words::Words,
    },
};

pub(in crate::manager) async fn list(
    State(manager): State<Manager>,
    seat: Seat,
    Path(names): Path<(String, String)>,
) -> Response {
    let Some(place) = Place::find(&manager, names) else { return not_found(&seat) };
    page(&manager, &seat, &place, StatusCode::OK, &[]).await
}

async fn page(manager: &Manager, seat: &Seat, place: &Place, status: StatusCode, problems: &[String]) -> Response {
    let w = &seat.words;
    let tests = match manager.people.tests(&place.of).await {
        Ok(tests) => tests,
        Err(error) => return unavailable(seat, &error),
    };
    let standing = manager.trying.runs.of(&place.of);
    let may = seat.may(Role::Operator);
    let body = html! {
        (place.head(seat, Tab::Tests))
        (problems_of(w.t("No test was run"), problems))
        @if tests.is_empty() {
            (empty(w.t("There is no test yet. A conversation that went as it should is kept as one."), may.then_some((&format!("{}/try", place.at), w.t("Try it")))))
            @if may { p { a href={ (place.at) "/tests/import" } { (w.t("Import tests from a file")) } } }
        } @else {
            @if may { (runner(seat, place, &standing)) }
            (outcome(w, manager, place, &standing, &tests))
            p {
                a href={ (place.at) "/tests/export" } { (w.t("Export as a file")) }
                @if may { " · " a href={ (place.at) "/tests/import" } { (w.t("Import tests from a file")) } }
            }
        }
    };
    with_status(status, seat, (Section::Profiles, &place.title(w.t("Tests"))), &body)
}

fn runner(seat: &Seat, place: &Place, standing: &Standing) -> Markup {
    let w = &seat.words;
    let engines: Vec<(&str, &str)> = place.engines().into_iter().map(|it| (it, it)).collect();
    let last = standing.last.as_ref().map_or("", |it| it.engine.as_str());
    html! {
        form method="post" action={ (place.at) "/tests/run" } class="filter" {
            (token(seat))
            label { span { (w.t("Language engine")) } select name="engine" {
                @for (name, label) in &engines { option value=(name) selected[*name == last] { (label) } }
            } }
            button disabled[standing.running.is_some()] { (w.t("Run all tests")) }
        }
    }
}

/// All tests, each with what came of it.
fn outcome(w: &Words, manager: &Manager, place: &Place, standing: &Standing, tests: &[Kept]) -> Markup {
    let last = standing.last.as_deref();
    let result = |name: &str| last.and_then(|it| it.results.iter().find(|it| it.name == name));
    html! {
        @if let Some(progress) = &standing.running {
            p class="stale" role="status" data-again="2000" { (w.f("The tests are being run: {} of {} are done.", &[&progress.done(), &progress.of])) " "
                a href={ (place.at) "/tests" } { (w.t("Look again")) } }
        }
        @if let Some(last) = last { (summed(w, manager, place, last)) }
        div class="scroll" tabindex="0" role="group" aria-label=(w.t("Table")) { table {
            thead { tr {
                th { (w.t("Test")) } th class="number" { (w.t("Steps")) } th { (w.t("Result")) } th class="number" { (w.t("Time taken")) }
                th { (w.t("Changed by")) }
            } }
            tbody {
                @for it in tests {
                    @let result = result(&it.test.name);
                    tr {
                        td { a href={ (place.at) "/test/" (address::part(&it.test.name)) } { (it.test.name) } }
                        td class="number" { (it.test.steps.len()) }
                        td {
                            @match result {
                                None => span class="hint" { (w.t("not run")) },
                                Some(it) if it.passed() => span class="good" { (w.t("passed")) },
                                Some(_) => span class="bad" { (w.t("failed")) },
                            }
                            @if result.is_some() && last.is_some_and(|last| !last.is_of(it)) { " " span class="hint" { (w.t("before its last change")) } }
                        }
                        td class="number" { @if let Some(it) = result { (seconds(w, it.took)) } }
                        td { (it.changed_by) }
                    }
                }
            }
        } }
        @if let Some(last) = last {
            @for it in last.results.iter().filter(|it| !it.passed()) {
                @let is_before = tests.iter().any(|test| test.test.name == it.name && !last.is_of(test));
                (failed(w, it, is_before))
            }
        }
    }
}

fn seconds(w: &Words, took: Duration) -> String {
    format!("{} s", w.decimal(took.as_secs_f64(), 2))
}

fn summed(w: &Words, manager: &Manager, place: &Place, last: &Outcome) -> Markup {
    let failed = last.failed();
    let is_same = version_of(&manager.house.configuration(), &place.profile) == last.version;
    html! {
        div class="ran" role="status" {
            p {
                @if failed == 0 { span class="good" { (w.f("All tests passed: {}", &[&last.results.len()])) } }
                @else { span class="bad" { (w.f("Tests failed: {} of {}", &[&failed, &last.results.len()])) } }
                ", " (w.f("in {}", &[&seconds(w, last.took)]))
            }
            p class="hint" {
                (w.f("Run by {} against the engine {}, configuration {}:", &[&last.by, &last.engine, &last.version])) " " (time(last.at))
            }
            @if !is_same { p class="stale" { (w.t("The configuration has changed since: run them again.")) } }
        }
    }
}

/// `is_before`: the test has been changed since.
fn failed(w: &Words, result: &TestResult, is_before: bool) -> Markup {
    html! {
        section class="failed" {
            h2 { (result.name) }
            @if is_before { (changed_since(w)) }
            @if result.cut_off { p class="problem" { (w.t("The time for all tests was over before its end.")) } }
            ol { @for it in &result.steps { @if !is_good(it) { (step(w, it)) } @else { li class="hint" { (scene::cue(w, &it.cue)) } } } }
        }
    }
}

fn changed_since(w: &Words) -> Markup {
    html! { p class="stale" { (w.t("That was before the last change of this test: run it again.")) } }
}

fn is_good(of: &StepResult) -> bool {
    matches!(&of.came, Came::Compared(differences) if differences.is_empty())
}

fn step(w: &Words, of: &StepResult) -> Markup {
    html! {
        li {
            b { (scene::cue(w, &of.cue)) }
            @match &of.came {
                Came::NotReached => p class="hint" { (w.t("It was not reached.")) },
                Came::NotTaken(NotTaken::Over) => p class="problem" { (w.t("The conversation was over before.")) },
                Came::NotTaken(_) => p class="problem" { (w.t("The conversation was at another point: it did not wait for this.")) },
                Came::Compared(differences) => div class="scroll" tabindex="0" role="group" aria-label=(w.t("Table")) { table class="differences" {
                    thead { tr { th { (w.t("What")) } th { (w.t("Expected")) } th { (w.t("Now")) } } }
                    tbody { @for it in differences { tr {
                        td { (aspect(w, it)) } td { pre { (it.expected) } } td { pre { (it.now) } }
                    } } }
                } },
            }
        }
    }
}

fn aspect(w: &Words, of: &Difference) -> String {
    match of.aspect {
        Aspect::Answer => w.t("Answer").to_owned(),
        Aspect::Action => w.t("Action").to_owned(),
        Aspect::Parameter => w.f("Parameter {}", &[&of.name]),
        Aspect::Intent => w.t("Intent").to_owned(),
        Aspect::Texts => w.t("Text").to_owned(),
    }
}

/// All tests, or the one that the form names.
pub(in crate::manager) async fn run(
    State(manager): State<Manager>,
    seat: Seat,
    Path(names): Path<(String, String)>,
    fields: Fields,
) -> Response {
    let w = &seat.words;
    let Some(place) = Place::find(&manager, names) else { return not_found(&seat) };
    let only = Some(fields.get("test")).filter(|it| !it.is_empty());
    let refused = async |status, text: &str| page(&manager, &seat, &place, status, &[text.to_owned()]).await;
    match manager.run_tests(seat.name(), &place.profile, (fields.get("engine"), only)).await {
        Ok(()) => Redirect::to(&format!("{}/tests", place.at)).into_response(),
        Err(NotRun::NoTest) => not_found(&seat),
        Err(NotRun::NoEngine) => {
            refused(StatusCode::UNPROCESSABLE_ENTITY, w.t("The profile has no such language engine now.")).await
        }
        Err(NotRun::Busy) => {
            refused(StatusCode::TOO_MANY_REQUESTS, w.t("Tests are being run already. Wait until they are done.")).await
        }
        Err(NotRun::Store(error)) => unavailable(&seat, &error),
    }
}

/// As a file that is imported elsewhere, or kept beside the profile's.
pub(super) fn as_file(name: &str, text: String) -> Response {
    let plain: String = name.chars().map(|it| if it.is_ascii_alphanumeric() || it == '-' { it } else { '_' }).collect();
    let mut response = ([(header::CONTENT_TYPE, "application/jsonl; charset=utf-8")], text).into_response();
    if let Ok(file) = HeaderValue::try_from(format!("attachment; filename=\"{plain}.tests.jsonl\"")) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, file);
    }
    response
}

pub(in crate::manager) async fn export(
    State(manager): State<Manager>,
    seat: Seat,
    Path(names): Path<(String, String)>,
) -> Response {
    let Some(place) = Place::find(&manager, names) else { return not_found(&seat) };
    match manager.people.tests(&place.of).await {
        Ok(tests) => as_file(place.profile.name.as_str(), rehearsal::write(tests.iter().map(|it| &it.test))),
        Err(error) => unavailable(&seat, &error),
    }
}

pub(in crate::manager) async fn begin_import(
    State(manager): State<Manager>,
    seat: Seat,
    Path(names): Path<(String, String)>,
) -> Response {
    let Some(place) = Place::find(&manager, names) else { return not_found(&seat) };
    import_form(&seat, &place, StatusCode::OK, "", None)
}

fn import_form(seat: &Seat, place: &Place, status: StatusCode, text: &str, problem: Option<&str>) -> Response {
    let w = &seat.words;
    let problems: Vec<String> = problem.iter().map(|it| (*it).to_owned()).collect();
    let body = html! {
        (place.head(seat, Tab::Tests))
        (summary(w, &problems))
        h2 { (w.t("Import tests from a file")) }
        form method="post" action={ (place.at) "/tests/import" } {
            (token(seat))
            (Field { name: "text", label: w.t("The file"), hint: w.t("Lines of JSON, as the export writes them. A test of the same name is replaced."), problem }.with(|id, described, invalid| html! {
                textarea id=(id) name="text" spellcheck="false" aria-describedby=[described] aria-invalid=[invalid.then_some("true")]
                    data-file=(w.t("Read a file")) { "\n" (text) }
            }))
            button { (w.t("Import")) }
        }
    };
    with_status(status, seat, (Section::Profiles, &place.title(w.t("Tests"))), &body)
}

pub(in crate::manager) async fn import(
    State(manager): State<Manager>,
    seat: Seat,
    Path(names): Path<(String, String)>,
    fields: Fields,
) -> Response {
    let Some(place) = Place::find(&manager, names) else { return not_found(&seat) };
    let text = fields.get("text").replace("\r\n", "\n");
    match manager.people.import_tests(seat.name(), &place.of, &text).await {
        Ok(_) => Redirect::to(&format!("{}/tests", place.at)).into_response(),
        Err(why) => {
            let (status, told) = (super::test::status_of(&why), super::test::not_kept(&seat.words, &why));
            import_form(&seat, &place, status, &text, Some(&told))
        }
    }
}

/// What came of one test when it was run last, and whether that is still true of it.
pub(super) fn last_of(w: &Words, manager: &Manager, place: &Place, test: &Kept) -> Markup {
    let last = manager.trying.runs.of(&place.of).last;
    let result = last.as_ref().and_then(|it| it.results.iter().find(|it| it.name == test.test.name));
    let (Some(last), Some(result)) = (&last, result) else { return html! {} };
    let is_same = version_of(&manager.house.configuration(), &place.profile) == last.version;
    html! {
        p {
            @if result.passed() { span class="good" { (w.t("passed")) } } @else { span class="bad" { (w.t("failed")) } }
            ", " (w.f("in {}", &[&seconds(w, result.took)])) " · " (last.engine) " · " (time(last.at))
        }
        @if !last.is_of(test) { (changed_since(w)) }
        @if !is_same { p class="stale" { (w.t("The configuration has changed since: run it again.")) } }
        @if !result.passed() { (failed(w, result, false)) }
    }
}
