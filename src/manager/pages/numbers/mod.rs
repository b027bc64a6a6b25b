//! Numbers per profile and day: small pictures with the table behind each, what they come to, and all of it as files; and the
//! questions most often not understood.

mod chart;
mod sheet;

use axum::{
    extract::State,
    response::{IntoResponse as _, Response},
};
use http::{HeaderValue, StatusCode, header};
use maud::{Markup, html};

use super::{
    Section, Tab, empty,
    live::{choice, contact_path},
    not_found, problems_of, short, time, unavailable, with_status,
};
use crate::{
    core::ids::{ProfileName, UnitName},
    gateway::{
        numbers::Questions,
        storage::{Day, NumbersOf},
    },
    manager::{
        Manager, access, address,
        guard::Seat,
        numbers::{Asked, MAX_DAYS, NoSpan, Report, Span, report},
        people::Role,
        query::Query,
        words::Words,
    },
};
use sheet::{Cell, Sheet, Topic, shown_day};

/// Rows of a table that is not by day; a file has all of them.
const ROWS: usize = 20;
/// Profiles to choose from; of more, one is typed.
const CHOICES: usize = 60;
/// Questions that are shown.
pub(in crate::manager) const QUESTIONS: usize = 100;

pub(in crate::manager) async fn show(
    State(manager): State<Manager>,
    seat: Seat,
    Query(asked): Query<Asked>,
) -> Response {
    let w = &seat.words;
    let Some((unit, profile)) = asked.names() else { return not_found(&seat) };
    let today = manager.gateway.today(unit.as_ref());
    let (span, wrong) = span_of(&asked, today);
    let report = match report(&manager.gateway, (unit, profile), span).await {
        Ok(report) => report,
        Err(error) => return unavailable(&seat, &error),
    };
    let title = w.t("Numbers");
    let body = html! {
        (Tab::Numbers.of_numbers(&seat))
        (top(&manager, w, title, &asked, (span, wrong), "/numbers"))
        @if report.is_empty() {
            (empty(w.t("Nothing has been counted in this span. Contacts count from their offer on."), Some(("/", w.t("Look at the contacts now")))))
        } @else {
            @if asked.unit.is_empty() && has_several_zones(&manager) {
                p class="hint" { (w.t("A day is that of its business unit's own zone: days of several zones are added up by their date.")) }
            }
            (pictures(w, &asked, &report, today))
            (lists(w, &asked, &report))
        }
    };
    let status = if wrong.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    with_status(status, &seat, (Section::Numbers, title), &body)
}

fn has_several_zones(manager: &Manager) -> bool {
    let loaded = manager.house.configuration();
    let mut zones = loaded.units.iter().map(|it| &it.zone);
    zones.next().is_some_and(|first| zones.any(|it| it != first))
}

fn span_of(asked: &Asked, today: Day) -> (Span, Option<NoSpan>) {
    match asked.span(today) {
        Ok(span) => (span, None),
        Err(wrong) => {
            let usual = Asked::default().span(today);
            (usual.unwrap_or(Span { from: today, to: today }), Some(wrong))
        }
    }
}

fn problem(w: &Words, wrong: NoSpan) -> String {
    match wrong {
        NoSpan::From | NoSpan::To => w.t("A day is written as 2026-11-28.").to_owned(),
        NoSpan::Backwards => w.t("The last day comes before the first, or the first is still to come.").to_owned(),
        NoSpan::TooLong => w.f("A span has {} days at most.", &[&MAX_DAYS]),
    }
}

/// What a page of numbers begins with: its name, its span, and how another is chosen.
fn top(
    manager: &Manager,
    w: &Words,
    title: &str,
    asked: &Asked,
    (span, wrong): (Span, Option<NoSpan>),
    action: &str,
) -> Markup {
    html! {
        div class="head" {
            h1 { (title) }
            p class="hint" { (shown_day(w, span.from)) " – " (shown_day(w, span.to)) }
        }
        @if let Some(wrong) = wrong { (problems_of(w.t("This span cannot be shown"), &[problem(w, wrong)])) }
        (form(manager, w, asked, (span, wrong), action))
    }
}

fn form(manager: &Manager, w: &Words, asked: &Asked, (span, wrong): (Span, Option<NoSpan>), action: &str) -> Markup {
    let roster = manager.gateway.roster();
    let mut units: Vec<(&str, &str)> =
        roster.profiles().iter().map(|it| (it.rules.unit.as_str(), it.rules.unit.as_str())).collect();
    units.sort_unstable();
    units.dedup();
    let of_unit = roster.profiles().iter().filter(|it| asked.unit.is_empty() || it.rules.unit.as_str() == asked.unit);
    let mut profiles: Vec<(&str, &str)> =
        of_unit.map(|it| (it.rules.profile.as_str(), it.rules.profile.as_str())).collect();
    profiles.sort_unstable();
    profiles.dedup();
    let spans = [
        ("7", w.t("7 days")),
        ("30", w.t("30 days")),
        ("90", w.t("90 days")),
        ("365", w.t("a year")),
        ("own", w.t("from – to")),
    ];
    let chosen = if asked.span.is_empty() { "30" } else { asked.span.as_str() };
    let (from, to) = if asked.span == "own" {
        (asked.from.clone(), asked.to.clone())
    } else {
        (span.from.to_string(), span.to.to_string())
    };
    let wrong_from = wrong.is_some_and(|it| matches!(it, NoSpan::From | NoSpan::Backwards | NoSpan::TooLong));
    let wrong_to = wrong.is_some_and(|it| matches!(it, NoSpan::To));
    let date = |name: &str, label: &str, value: &str, is_wrong: bool| {
        let told = is_wrong.then(|| format!("{name}-problem"));
        html! {
            label { span { (label) }
                input type="date" name=(name) value=(value) aria-invalid=[is_wrong.then_some("true")] aria-describedby=[told.as_deref()];
                @if let (Some(told), Some(wrong)) = (told.as_deref(), wrong) { span class="problem" id=(told) { (problem(w, wrong)) } }
            }
        }
    };
    html! {
        form method="get" action=(action) class="filter" {
            @if units.len() > 1 || !asked.unit.is_empty() { (choice(w, ("unit", w.t("Business unit")), &asked.unit, &units)) }
            @if profiles.len() <= CHOICES { (choice(w, ("profile", w.t("Profile")), &asked.profile, &profiles)) }
            @else { label { span { (w.t("Profile")) } input name="profile" value=(asked.profile) maxlength="128"; } }
            label { span { (w.t("Span")) }
                select name="span" { @for (value, label) in spans { option value=(value) selected[value == chosen] { (label) } } }
            }
            (date("from", w.t("From"), &from, wrong_from))
            (date("to", w.t("To"), &to, wrong_to))
            button { (w.t("Show")) }
        }
    }
}

fn pictures(w: &Words, asked: &Asked, report: &Report, today: Day) -> Markup {
    let newest = shown_day(w, report.span.to);
    html! {
        @if report.span.to == today {
            p class="hint" { (w.f("The last day, {}, is not over yet: its numbers still grow.", &[&newest])) }
        }
        @match report.span.step() {
            1 => {}
            7 => p class="hint" { (w.t("Each point is a week.")) },
            _ => p class="hint" { (w.t("Each point is four weeks.")) },
        }
        div class="numbers" {
            @for topic in Topic::ALL {
                @let sheet = topic.sheet(w, report);
                figure {
                    figcaption {
                        h2 { (sheet.title) @if topic == Topic::Answers { " (p95)" } }
                        (total(w, topic.totals(w, report)))
                    }
                    (chart::picture(w, &sheet, topic.lines(), &newest))
                    details {
                        summary { (w.t("Table")) }
                        (scroll(w, &sheet.title, &sheet.table(w, usize::MAX, |_| None)))
                        (as_file(w, asked, sheet.id))
                    }
                }
            }
        }
    }
}

/// What it comes to, and how that compares with the span before.
fn total(w: &Words, (now, before): (Cell, Cell)) -> Markup {
    html! {
        p class="total" { b { (now.shown(w)) } " " span class="hint" { (change(w, now, before)) } }
    }
}

fn change(w: &Words, now: Cell, before: Cell) -> String {
    let (Some(value), Some(was)) = (now.value(), before.value()) else {
        return w.t("nothing to compare with").to_owned();
    };
    let sign = match value.total_cmp(&was) {
        std::cmp::Ordering::Greater => "▲",
        std::cmp::Ordering::Less => "▼",
        std::cmp::Ordering::Equal => return w.t("as in the span before").to_owned(),
    };
    w.f("{} from {} in the span before", &[&sign, &before.shown(w)])
}

/// A table may be wider than its place.
fn scroll(w: &Words, title: &str, table: &Markup) -> Markup {
    html! { div class="scroll" tabindex="0" role="group" aria-label=(w.f("Table: {}", &[&title])) { (table) } }
}

fn as_file(w: &Words, asked: &Asked, table: &str) -> Markup {
    let query = asked.query();
    html! { p { a href={ "/numbers.csv?table=" (table) @if !query.is_empty() { "&" (query) } } { (w.t("As CSV")) } } }
}

fn lists(w: &Words, asked: &Asked, report: &Report) -> Markup {
    let to_profile = |index: usize| {
        let ((unit, profile), _) = report.profiles.get(index)?;
        let asked = Asked { unit: unit.to_string(), profile: profile.to_string(), ..asked.clone() };
        Some(format!("/numbers?{}", asked.query()))
    };
    let engines = sheet::engines(w, report);
    let profiles = sheet::profiles(w, report);
    html! {
        (list(w, asked, &sheet::reasons(w, report), |_| None))
        (list(w, asked, &sheet::stages(w, report), |_| None))
        @if !engines.rows.is_empty() { (list(w, asked, &engines, |_| None)) }
        @if asked.profile.is_empty() { (list(w, asked, &profiles, to_profile)) }
        @else {
            p { a href={ "/numbers/questions?" (asked.query()) } { (w.t("The questions most often not understood")) } }
        }
    }
}

fn list(w: &Words, asked: &Asked, sheet: &Sheet, link: impl Fn(usize) -> Option<String>) -> Markup {
    html! {
        h2 { (sheet.title) }
        (scroll(w, &sheet.title, &sheet.table(w, ROWS, link)))
        @if sheet.rows.len() > ROWS { p class="hint" { (w.f("{} of {} are shown; the file has all of them.", &[&ROWS, &sheet.rows.len()])) } }
        (as_file(w, asked, sheet.id))
    }
}

pub(in crate::manager) async fn csv(
    State(manager): State<Manager>,
    seat: Seat,
    Query(asked): Query<Asked>,
) -> Response {
    let Some(names) = asked.names() else { return not_found(&seat) };
    let Ok(span) = asked.span(manager.gateway.today(names.0.as_ref())) else { return not_found(&seat) };
    let report = match report(&manager.gateway, names, span).await {
        Ok(report) => report,
        Err(error) => return unavailable(&seat, &error),
    };
    let Some(sheet) = Sheet::find(&seat.words, &report, &asked.table) else { return not_found(&seat) };
    let name = format!("attachment; filename=\"usher-{}-{}-{}.csv\"", sheet.id, span.from, span.to);
    let Ok(name) = HeaderValue::try_from(name) else { return not_found(&seat) };
    let kind = HeaderValue::from_static("text/csv; charset=utf-8");
    ([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, name)], sheet.csv()).into_response()
}

/// One of the tables as comma-separated values; `None`: there is none of this name.
pub(in crate::manager) fn table(w: &Words, report: &Report, name: &str) -> Option<String> {
    Sheet::find(w, report, name).map(|it| it.csv())
}

pub(in crate::manager) async fn questions(
    State(manager): State<Manager>,
    seat: Seat,
    Query(asked): Query<Asked>,
) -> Response {
    let w = &seat.words;
    let Some((unit, profile)) = asked.names() else { return not_found(&seat) };
    let (unit, profile) = one_profile(&manager, unit, profile);
    let asked = Asked {
        unit: unit.as_ref().map(UnitName::to_string).unwrap_or_default(),
        profile: profile.as_ref().map(ProfileName::to_string).unwrap_or_default(),
        ..asked
    };
    let today = manager.gateway.today(unit.as_ref());
    let (span, wrong) = span_of(&asked, today);
    let of = NumbersOf { unit, profile, engines: false, from: span.from, to: span.to };
    let found = match manager.gateway.questions(&of, QUESTIONS).await {
        Ok(found) => found,
        Err(error) => return unavailable(&seat, &error),
    };
    let title = w.t("Questions not understood");
    let body = html! {
        (Tab::Questions.of_numbers(&seat))
        (top(&manager, w, title, &asked, (span, wrong), "/numbers/questions"))
        @if asked.profile.is_empty() {
            (empty(w.t("Choose a profile: its questions are shown."), None))
        } @else {
            (list_of(&seat, &asked, &found))
        }
    };
    let status = if wrong.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    with_status(status, &seat, (Section::Numbers, title), &body)
}

/// Where there is one alone, it is meant.
fn one_profile(
    manager: &Manager,
    unit: Option<UnitName>,
    profile: Option<ProfileName>,
) -> (Option<UnitName>, Option<ProfileName>) {
    let roster = manager.gateway.roster();
    let fits = |it: &&std::sync::Arc<crate::gateway::Served>| {
        unit.as_ref().is_none_or(|unit| *unit == it.rules.unit)
            && profile.as_ref().is_none_or(|profile| *profile == it.rules.profile)
    };
    let mut fitting = roster.profiles().iter().filter(fits);
    match (fitting.next(), fitting.next()) {
        (Some(only), None) => (Some(only.rules.unit.clone()), Some(only.rules.profile.clone())),
        // Of two business units' profiles of one name neither is meant.
        (Some(_), Some(_)) if unit.is_none() => (None, None),
        (Some(_) | None, _) => (unit, profile),
    }
}

/// The page on which a profile is talked to.
const TRY_IT: &str = "/profiles/{unit}/{profile}/try";

fn list_of(seat: &Seat, asked: &Asked, found: &Questions) -> Markup {
    let w = &seat.words;
    let (unit, profile) = (address::part(&asked.unit), address::part(&asked.profile));
    let try_it = TRY_IT.replace("{unit}", &unit).replace("{profile}", &profile);
    html! {
        @if seat.may(Role::Operator) && access().any(|(path, ..)| path == TRY_IT) {
            p { a class="button second" href=(try_it) { (w.t("Try it")) } }
        }
        @if found.questions.is_empty() {
            (empty(w.t("No question in this span was not understood, as far as its contact can still be read."), None))
        } @else {
            (scroll(w, w.t("Questions not understood"), &html! {
                table {
                    thead { tr { th { (w.t("Question")) } th class="number" { (w.t("Times")) } th { (w.t("Last asked by")) } th { (w.t("When")) } } }
                    tbody {
                        @for it in &found.questions {
                            tr {
                                td class="what" { (it.text) }
                                td class="number" { (it.count) }
                                td { a href=(contact_path(&it.contact)) { (short(it.contact.name.as_str())) } }
                                td { (time(it.at)) }
                            }
                        }
                    }
                }
            }))
        }
        @if found.looked_up > 0 {
            p class="hint" {
                (w.f("Looked up: {}.", &[&found.looked_up]))
                @if found.hidden > 0 { " " (w.f("{} of them cannot be shown: sensitive, erased, or not in words.", &[&found.hidden])) }
                @if found.is_cut { " " (w.t("There may be more before them.")) }
            }
        }
    }
}
