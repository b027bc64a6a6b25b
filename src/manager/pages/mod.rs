//! The pages: rendered here, whole without a script; one style sheet and one script make them pleasant.

pub(super) mod account;
pub(super) mod action;
pub(super) mod actions;
pub(super) mod alerts;
pub(super) mod api;
pub(super) mod assigned;
pub(super) mod attached;
pub(super) mod audit;
pub(super) mod configuration;
pub(super) mod connector_tokens;
pub(super) mod contact;
pub(super) mod edit;
pub(super) mod ended;
pub(super) mod engines;
pub(super) mod erase;
pub(super) mod lint;
pub(super) mod live;
pub(super) mod numbers;
pub(super) mod overhaul;
mod part;
pub(super) mod pause;
pub(super) mod profiles;
mod qr;
pub(super) mod restoring;
mod setup;
pub(super) mod sign_in;
pub(super) mod store;
mod stream;
pub(super) mod tokens;
pub(super) mod trying;
pub(super) mod units;
pub(super) mod users;

use axum::response::{Html, IntoResponse as _, Response};
use http::StatusCode;
use jiff::civil::Date;
use maud::{DOCTYPE, Markup, html};

use super::{
    api::Kind,
    guard::{CSRF, Seat},
    look,
    people::Role,
    ports::Refusal,
    words::{Language, Words},
};
use crate::{
    config::masked,
    core::{ids::Timestamp, message::MediaType},
    gateway::storage::{Document, StoreError},
    telemetry::labels::EndKind,
};

/// A place of the navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    Live,
    Agents,
    Profiles,
    Numbers,
    Alerts,
    Administration,
    Api,
    Account,
    /// Before the door.
    None,
}

impl Section {
    /// In order, with who sees it.
    const ALL: [(Self, &'static str, Role); 7] = [
        (Self::Live, "/", Role::Viewer),
        (Self::Agents, "/agents", Role::Viewer),
        (Self::Profiles, "/profiles", Role::Viewer),
        (Self::Numbers, "/numbers", Role::Viewer),
        (Self::Alerts, "/alerts", Role::Viewer),
        (Self::Administration, "/units", Role::Viewer),
        (Self::Api, "/api", Role::Viewer),
    ];

    fn title(self, w: &Words) -> &str {
        match self {
            Self::Live => w.t("Contacts"),
            Self::Agents => w.t("Virtual agents"),
            Self::Profiles => w.t("Profiles"),
            Self::Numbers => w.t("Numbers"),
            Self::Alerts => w.t("Alerts"),
            Self::Administration => w.t("Administration"),
            Self::Api => w.t("API"),
            Self::Account => w.t("Your account"),
            Self::None => "",
        }
    }
}

/// The pages of one thing, side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tab {
    Open,
    Ended,
    Numbers,
    Questions,
    Profile,
    Agents,
    Actions,
    Try,
    Tests,
    Units,
    Engines,
    Configuration,
    Lint,
    Settings,
    Users,
    Store,
    Tokens,
    Audit,
}

impl Tab {
    /// What is to be seen of one profile: each page's path goes on from the profile's.
    const OF_PROFILE: &[(Self, &'static str, Role)] = &[
        (Self::Profile, "", Role::Viewer),
        (Self::Settings, "/edit", Role::Administrator),
        (Self::Agents, "/agents", Role::Viewer),
        (Self::Actions, "/actions", Role::Viewer),
        (Self::Try, "/try", Role::Operator),
        (Self::Tests, "/tests", Role::Viewer),
    ];
    /// And of one business unit.
    const OF_UNIT: &[(Self, &'static str, Role)] =
        &[(Self::Settings, "/edit", Role::Administrator), (Self::Actions, "/actions", Role::Viewer)];
    const OF_CONTACTS: &[(Self, &'static str, Role)] =
        &[(Self::Open, "/", Role::Viewer), (Self::Ended, "/contacts/ended", Role::Viewer)];
    const OF_NUMBERS: &[(Self, &'static str, Role)] =
        &[(Self::Numbers, "/numbers", Role::Viewer), (Self::Questions, "/numbers/questions", Role::Viewer)];
    const OF_ADMINISTRATION: &[(Self, &'static str, Role)] = &[
        (Self::Users, "/users", Role::Administrator),
        (Self::Units, "/units", Role::Viewer),
        (Self::Engines, "/engines", Role::Administrator),
        (Self::Configuration, "/configuration", Role::Administrator),
        (Self::Lint, "/lint", Role::Viewer),
        (Self::Store, "/store", Role::Administrator),
        (Self::Tokens, "/tokens", Role::Administrator),
        (Self::Audit, "/audit", Role::Administrator),
    ];

    fn title(self, w: &Words) -> &str {
        match self {
            Self::Open => w.t("Open contacts"),
            Self::Ended => w.t("Contacts that are over"),
            Self::Numbers => w.t("Numbers"),
            Self::Questions => w.t("Questions not understood"),
            Self::Profile => w.t("Overview"),
            Self::Agents => w.t("Virtual agents"),
            Self::Actions => w.t("Actions"),
            Self::Try => w.t("Try it"),
            Self::Tests => w.t("Tests"),
            Self::Units => w.t("Business units"),
            Self::Engines => w.t("Routing engines"),
            Self::Configuration => w.t("Configuration"),
            Self::Lint => w.t("Lint"),
            Self::Settings => w.t("Settings"),
            Self::Users => w.t("Users"),
            Self::Store => w.t("Store"),
            Self::Tokens => w.t("Tokens"),
            Self::Audit => w.t("Audit log"),
        }
    }

    fn bar(self, seat: &Seat, (label, base): (&str, &str), all: &[(Self, &str, Role)]) -> Markup {
        let w = &seat.words;
        html! {
            nav class="tabs" aria-label=(label) {
                ul {
                    @for (it, path, role) in all {
                        @if seat.may(*role) {
                            li {
                                a href={ (base) (path) } aria-current=[(*it == self).then_some("page")] { (it.title(w)) }
                            }
                        }
                    }
                }
            }
        }
    }

    /// Above a page of the profile at `base`.
    pub(super) fn of_profile(self, seat: &Seat, base: &str) -> Markup {
        self.bar(seat, (seat.words.t("Pages of this profile"), base), Self::OF_PROFILE)
    }

    /// Above a page of the business unit at `base`.
    pub(super) fn of_unit(self, seat: &Seat, base: &str) -> Markup {
        self.bar(seat, (seat.words.t("Pages of this business unit"), base), Self::OF_UNIT)
    }

    /// Above a page of contacts.
    pub(super) fn of_contacts(self, seat: &Seat) -> Markup {
        self.bar(seat, (seat.words.t("Pages of this section"), ""), Self::OF_CONTACTS)
    }

    /// Above a page of numbers.
    pub(super) fn of_numbers(self, seat: &Seat) -> Markup {
        self.bar(seat, (seat.words.t("Pages of this section"), ""), Self::OF_NUMBERS)
    }

    /// Above a page of the administration.
    pub(super) fn of_administration(self, seat: &Seat) -> Markup {
        self.bar(seat, (seat.words.t("Pages of this section"), ""), Self::OF_ADMINISTRATION)
    }
}

/// A whole page.
pub(super) fn page(seat: &Seat, section: Section, title: &str, body: &Markup) -> Response {
    with_status(StatusCode::OK, seat, (section, title), body)
}

pub(super) fn with_status(
    status: StatusCode,
    seat: &Seat,
    (section, title): (Section, &str),
    body: &Markup,
) -> Response {
    let w = &seat.words;
    let markup = html! {
        (DOCTYPE)
        html lang=(w.language.tag()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Usher" }
                link rel="icon" href=(look::ICON.href());
                link rel="stylesheet" href=(look::STYLE.href());
                script type="module" src=(look::SCRIPT.href()) {}
            }
            body data-lost=(w.t("The connection is lost; this is not up to date."))
                data-over=(w.t("You are not signed in any more; this is not up to date.")) data-enter=(w.t("Sign in again")) {
                a class="skip" href="#main" { (w.t("To the content")) }
                @if seat.signed.is_some() { (bar(seat, section)) }
                main id="main" tabindex="-1" class=[seat.signed.is_none().then_some("before")] { (body) }
            }
        }
    };
    (status, Html(markup.into_string())).into_response()
}

fn bar(seat: &Seat, section: Section) -> Markup {
    let w = &seat.words;
    html! {
        header class="bar" {
            a class="mark" href="/" { "Usher" }
            nav aria-label=(w.t("Sections")) {
                ul {
                    @for (it, path, role) in Section::ALL {
                        @if seat.may(role) {
                            li {
                                a href=(path) aria-current=[(it == section).then_some("page")] {
                                    (it.title(w))
                                    @if it == Section::Alerts { span id="alerts" { (stream::alerts(w, seat.alerts)) } }
                                }
                            }
                        }
                    }
                }
            }
            div class="who" {
                a href="/account" aria-current=[(section == Section::Account).then_some("page")] { (seat.name()) }
                form method="post" action="/sign-out" { (token(seat)) button class="plain" { (w.t("Sign out")) } }
            }
        }
    }
}

/// What every form of a signed-in user holds.
pub(super) fn token(seat: &Seat) -> Markup {
    html! { input type="hidden" name=(CSRF) value=(seat.csrf()); }
}

/// A page that says why there is none.
pub(super) fn refusal(seat: &Seat, status: StatusCode, text: &str) -> Response {
    let w = &seat.words;
    let title = w.t("This cannot be done");
    let body = html! {
        h1 { (title) }
        p class="refusal" role="alert" { (text) }
        p { a href="/" { (w.t("To the start page")) } }
    };
    with_status(status, seat, (Section::None, title), &body)
}

pub(super) fn not_found(seat: &Seat) -> Response {
    refusal(seat, StatusCode::NOT_FOUND, seat.words.t("There is no such page, or what it shows is gone."))
}

/// Where nothing has been typed; a form says [`no_store`] and keeps what is in it.
pub(super) fn unavailable(seat: &Seat, error: &StoreError) -> Response {
    let (status, text) = no_store(&seat.words, error);
    refusal(seat, status, text)
}

/// What is said of an error of the store's, with the answer's status; its cause is for the log.
pub(super) fn no_store<'w>(w: &'w Words, error: &StoreError) -> (StatusCode, &'w str) {
    tracing::error!(error = %error.source, "a page of the Web Manager cannot have what it wants of the store");
    let kind = Kind::of_store(error);
    let text = if kind == Kind::NoSpace {
        w.t("The store's disk is full, and nothing was kept. Free some room on it, and try again.")
    } else {
        w.t("The store cannot be read or written now. Try again; if it stays so, look at the alerts.")
    };
    (kind.status(), text)
}

/// What is wrong, above a form that changes something. Empty: nothing.
pub(super) fn summary(w: &Words, problems: &[String]) -> Markup {
    problems_of(w.t("Nothing was changed"), problems)
}

/// The same where there was nothing to change. `title`: what did not come about.
pub(super) fn problems_of(title: &str, problems: &[String]) -> Markup {
    html! {
        @if !problems.is_empty() {
            div class="problems" role="alert" tabindex="-1" autofocus {
                h2 { (title) }
                ul { @for it in problems { li { (it) } } }
            }
        }
    }
}

/// Why a change of the configuration was not made, above its form; with the answer's status.
pub(super) fn refused(w: &Words, refusal: &Refusal) -> (StatusCode, Markup) {
    match refusal {
        Refusal::Findings(list) => (StatusCode::UNPROCESSABLE_ENTITY, edit::text::findings(w, list)),
        Refusal::Conflict(now) => (StatusCode::CONFLICT, collision(w, now.as_deref())),
        Refusal::Unable(why) => (StatusCode::UNPROCESSABLE_ENTITY, summary(w, &[w.said(why)])),
        Refusal::Store(error) => {
            let (status, text) = no_store(w, error);
            (status, summary(w, &[text.to_owned()]))
        }
    }
}

/// What is there now, beside what one has typed.
fn collision(w: &Words, now: Option<&Document>) -> Markup {
    html! {
        div class="problems" role="alert" tabindex="-1" autofocus {
            h2 { (w.t("Nothing was changed")) }
            @match now {
                None => p { (w.t("Somebody else has removed this meanwhile.")) },
                Some(now) => {
                    p { (w.f("{} has written this meanwhile. What is there now stands below; what you have typed is in the form.", &[&now.changed_by])) }
                    pre { (masked(&String::from_utf8_lossy(&now.body))) }
                },
            }
        }
    }
}

/// What destroys is two steps away: nobody comes upon its button by accident.
pub(super) fn quiet(title: &str, inside: &Markup) -> Markup {
    html! { details class="quiet apart" { summary { (title) } (inside) } }
}

/// The same beside what it is about, as in a row of a table. `label`: where the title does not say of what.
pub(super) fn quiet_beside(title: &str, label: Option<&str>, inside: &Markup) -> Markup {
    html! { details class="quiet" { summary aria-label=[label] { (title) } (inside) } }
}

/// Lines of two texts, as [`crate::config::difference`] has them.
pub(super) fn difference(name: &str, lines: &[(char, String)]) -> Markup {
    html! {
        pre class="difference" tabindex="0" role="group" aria-label=(name) {
            @for (mark, line) in lines {
                @match mark {
                    '+' => ins { "+ " (line) "\n" },
                    '-' => del { "- " (line) "\n" },
                    _ => { "  " (line) "\n" },
                }
            }
        }
    }
}

/// What was done, after a form.
pub(super) fn done(text: &str) -> Markup {
    html! { p class="done" role="status" { (text) } }
}

/// That whoever is signed in has the password: a sign-in that somebody else has got hold of is not enough.
pub(super) fn confirmation(w: &Words, problem: Option<&str>) -> Markup {
    Field { name: "password", label: w.t("The password now"), hint: "", problem }.text(
        "",
        "password",
        "current-password",
    )
}

/// An address with what is asked for in it; what is empty is left out.
fn asking<'a>(path: &str, fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(fields.into_iter().filter(|it| !it.1.is_empty()));
    let query = query.finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

/// What a list says that has nothing to show.
pub(super) fn empty(text: &str, then: Option<(&str, &str)>) -> Markup {
    html! {
        div class="empty" {
            p { (text) }
            @if let Some((path, label)) = then { p { a class="button" href=(path) { (label) } } }
        }
    }
}

/// What a kind of contact is called on the pages.
pub(super) fn media_name(w: &Words, media: MediaType) -> &str {
    match media {
        MediaType::WebInteraction => w.t("Web chat"),
        MediaType::OpenMedia => w.t("Message"),
        MediaType::Speech => w.t("Call"),
    }
}

/// How a contact ended.
pub(super) fn end_kind(w: &Words, end: EndKind) -> &str {
    match end {
        EndKind::Bot => w.t("by the virtual agent"),
        EndKind::Inactivity => w.t("by inactivity"),
        EndKind::Customer => w.t("by the customer"),
        EndKind::HandedOver => w.t("after a handover"),
        EndKind::Failed => w.t("given up"),
        EndKind::EngineAway => w.t("routing engine away"),
        EndKind::Operator => w.t("by an operator"),
    }
}

/// A name that may be long, in a list: its head and its end, the whole of it for who asks.
pub(super) fn short(name: &str) -> Markup {
    const MOST: usize = 28;
    let count = name.chars().count();
    html! {
        @if count <= MOST { (name) } @else {
            @let head: String = name.chars().take(MOST - 10).collect();
            @let end: String = name.chars().skip(count - 8).collect();
            span class="long" title=(name) { (head) "…" (end) }
        }
    }
}

/// Beside the label of a field that cannot be left empty.
pub(super) fn needed(w: &Words) -> Markup {
    html! { span class="needed" { (w.t("Required")) } }
}

/// A text in which what stands between backticks is typed or read as it is.
pub(super) fn marked(text: &str) -> Markup {
    html! {
        @for (at, part) in text.split('`').enumerate() {
            @if at % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

/// A day, as the page's language writes it.
pub(super) fn day(w: &Words, day: Date) -> String {
    match w.language {
        Language::English => day.strftime("%-d %B %Y").to_string(),
        Language::German => day.strftime("%d.%m.%Y").to_string(),
    }
}

/// A moment: in the reader's own time where there is a script, in UTC where there is none.
pub(super) fn time(at: Timestamp) -> Markup {
    let Ok(at) = jiff::Timestamp::from_millisecond(at.0) else { return html! {} };
    let shown = at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    html! { time datetime=(at.to_string()) { (shown) } }
}

/// A field with its label, a hint and what is wrong with it.
pub(super) struct Field<'a> {
    pub(super) name: &'a str,
    pub(super) label: &'a str,
    pub(super) hint: &'a str,
    pub(super) problem: Option<&'a str>,
}

impl Field<'_> {
    /// `control`: gets the attributes that tie it to label, hint and problem.
    pub(super) fn with(&self, control: impl FnOnce(&str, Option<&str>, bool) -> Markup) -> Markup {
        let id = format!("f-{}", self.name);
        let described = match (self.hint.is_empty(), self.problem) {
            (true, None) => None,
            (false, None) => Some(format!("{id}-hint")),
            (true, Some(_)) => Some(format!("{id}-problem")),
            (false, Some(_)) => Some(format!("{id}-hint {id}-problem")),
        };
        html! {
            div class="field" {
                label for=(id) { (self.label) }
                @if !self.hint.is_empty() { p class="hint" id={ (id) "-hint" } { (marked(self.hint)) } }
                @if let Some(problem) = self.problem { p class="problem" id={ (id) "-problem" } { (problem) } }
                (control(&id, described.as_deref(), self.problem.is_some()))
            }
        }
    }

    /// `completes`: what a browser may fill in.
    pub(super) fn text(&self, value: &str, kind: &str, completes: &str) -> Markup {
        self.with(|id, described, invalid| {
            html! {
                input id=(id) name=(self.name) type=(kind) value=(value) autocomplete=(completes)
                    aria-describedby=[described] aria-invalid=[invalid.then_some("true")];
            }
        })
    }

    pub(super) fn choice(&self, chosen: &str, options: &[(&str, &str)]) -> Markup {
        self.with(|id, described, invalid| {
            html! {
                select id=(id) name=(self.name) aria-describedby=[described] aria-invalid=[invalid.then_some("true")] {
                    @for (value, label) in options { option value=(value) selected[*value == chosen] { (label) } }
                }
            }
        })
    }
}
