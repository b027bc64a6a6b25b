//! The door: signing in and out, the first administrator, a password by invitation; and the way back to a form that the door
//! closed on.

use axum::{
    extract::State,
    response::{IntoResponse as _, Redirect, Response},
};
use http::StatusCode;
use maud::{Markup, html};
use secrecy::SecretString;
use serde::Deserialize;

use super::{Field, Section, page, problems_of, refusal, summary, token, unavailable, with_status};
use crate::manager::{
    Manager,
    guard::{Fields, HELD, Seat, own_path},
    people::{Origin, Refused},
    query::Query,
    words::Words,
};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::manager) struct To {
    to: String,
}

pub(in crate::manager) async fn show(seat: Seat, Query(To { to }): Query<To>) -> Response {
    if seat.signed.is_some() {
        return Redirect::to(own_path(&to)).into_response();
    }
    page(&seat, Section::None, seat.words.t("Sign in"), &form(&seat.words, ("", own_path(&to), ""), &[]))
}

/// Instead of what a form without a session would have done: what was typed is kept.
pub(in crate::manager) fn over(manager: &Manager, seat: &Seat, fields: Fields) -> Response {
    let w = &seat.words;
    let held = manager.hold(seat, fields);
    let (why, to) = match held {
        Some(_) => {
            let text = w.t("You are not signed in any more. Sign in, and what you have typed is still there.");
            (text, own_path(&seat.path))
        }
        None => (w.t("This takes a sign-in. Nothing was changed, and nothing of it is kept."), "/"),
    };
    let body = form(w, ("", to, held.as_deref().unwrap_or_default()), &[why.to_owned()]);
    with_status(StatusCode::UNAUTHORIZED, seat, (Section::None, w.t("Sign in")), &body)
}

fn form(w: &Words, (name, to, held): (&str, &str, &str), problems: &[String]) -> Markup {
    let field = |name, label| Field { name, label, hint: "", problem: None };
    html! {
        h1 { (w.t("Sign in to Usher")) }
        (problems_of(w.t("You are not signed in"), problems))
        form method="post" action="/sign-in" class="narrow" {
            input type="hidden" name="to" value=(to);
            @if !held.is_empty() { input type="hidden" name=(HELD) value=(held); }
            (field("name", w.t("User")).text(name, "text", "username"))
            (field("password", w.t("Password")).text("", "password", "current-password"))
            (Field { hint: w.t("Only if you have set up an authenticator app."), ..field("code", w.t("Code of the app")) }
                .text("", "text", "one-time-code"))
            button { (w.t("Sign in")) }
        }
    }
}

pub(in crate::manager) async fn enter(State(manager): State<Manager>, seat: Seat, fields: Fields) -> Response {
    let w = &seat.words;
    let (name, to, held) = (fields.get("name"), own_path(fields.get("to")), fields.get(HELD));
    let origin = Origin { address: seat.address, browser: &seat.browser, known: seat.known.as_deref() };
    let password = SecretString::from(fields.get("password"));
    let token = match manager.people.sign_in((name, password, fields.get("code")), origin).await {
        Ok(token) => token,
        Err(Refused::Store(error)) => return unavailable(&seat, &error),
        Err(refused) => {
            let throttled = matches!(refused, Refused::Throttled(_));
            let status = if throttled { StatusCode::TOO_MANY_REQUESTS } else { StatusCode::UNAUTHORIZED };
            let body = form(w, (name, to, held), &[told(w, &refused)]);
            return with_status(status, &seat, (Section::None, w.t("Sign in")), &body);
        }
    };
    if held.is_empty() {
        return manager.signed_in(&token, Redirect::to(to).into_response());
    }
    let seat = Seat { signed: manager.signed(&token), ..seat };
    let response = match manager.held_form(&seat, held) {
        Some(form) => go_on(&seat, held, &form.path),
        None => gone(&seat),
    };
    manager.signed_in(&token, response)
}

/// A form that was sent without its session's token is sent again by hand.
pub(in crate::manager) fn resume(manager: &Manager, seat: &Seat, fields: Fields) -> Response {
    match manager.hold(seat, fields) {
        Some(id) => go_on(seat, &id, &seat.path),
        None => gone(seat),
    }
}

fn go_on(seat: &Seat, held: &str, path: &str) -> Response {
    let w = &seat.words;
    let body = html! {
        h1 { (w.t("Your input is still here")) }
        p { (w.t("Nothing has been changed yet. Go on to do what you were about to do.")) }
        p { (deed(w, path)) ": " span class="code" { (path) } }
        form method="post" action=(path) {
            (token(seat))
            input type="hidden" name=(HELD) value=(held);
            button autofocus { (w.t("Continue")) }
            " "
            a href="/" { (w.t("Cancel")) }
        }
    };
    page(seat, Section::None, w.t("Your input is still here"), &body)
}

/// What a form does to what its address names.
fn deed<'a>(w: &'a Words, path: &str) -> &'a str {
    let path = path.split('?').next().unwrap_or_default();
    match path.rsplit('/').next() {
        Some("remove" | "revoke") => w.t("Remove"),
        Some("new" | "edit" | "change" | "password") => w.t("Save"),
        Some("import") => w.t("Import"),
        Some("sign-out") => w.t("Sign out"),
        Some(_) | None => w.t("What you were about to do"),
    }
}

/// Instead of a form that is not there any more.
pub(in crate::manager) fn gone(seat: &Seat) -> Response {
    let text = seat.words.t("What was typed is not kept any more, or another user has typed it. Nothing was changed.");
    refusal(seat, StatusCode::GONE, text)
}

pub(in crate::manager) async fn leave(State(manager): State<Manager>, seat: Seat) -> Response {
    if let Some(signed) = &seat.signed
        && let Err(error) = manager.people.sign_out(signed.id).await
    {
        return unavailable(&seat, &error);
    }
    manager.signed_out(Redirect::to("/sign-in").into_response())
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::manager) struct Link {
    user: String,
    token: String,
}

/// Where a link leads: to choose a password. Without a user: the first administrator.
pub(in crate::manager) async fn welcome(
    State(manager): State<Manager>,
    seat: Seat,
    Query(link): Query<Link>,
) -> Response {
    let is_good = if link.user.is_empty() {
        Ok(manager.people.is_first(&link.token))
    } else {
        manager.people.is_invited(&link.user, &link.token).await
    };
    match is_good {
        Ok(true) => welcome_page(&seat, &link, ("", &[])),
        Ok(false) => refusal(&seat, StatusCode::NOT_FOUND, &told(&seat.words, &Refused::Invitation)),
        Err(error) => unavailable(&seat, &error),
    }
}

fn welcome_page(seat: &Seat, Link { user, token }: &Link, (typed, problems): (&str, &[String])) -> Response {
    let w = &seat.words;
    let is_first = user.is_empty();
    let hint = w.t("At least 12 characters. Several words that do not belong together are good.");
    let field = |name, label, hint| Field { name, label, hint, problem: None };
    let title = if is_first { w.t("Welcome to Usher") } else { w.t("Choose a password") };
    let body = html! {
        h1 { (title) }
        @if is_first { p { (w.t("You are the first administrator. Choose a name and a password.")) } }
        (summary(w, problems))
        form method="post" action="/welcome" class="narrow" {
            input type="hidden" name="token" value=(token);
            @if is_first {
                (field("name", w.t("User"), w.t("Letters, digits and . _ - @")).text(typed, "text", "username"))
            } @else {
                input type="hidden" name="user" value=(user);
                p { (w.t("User")) ": " strong { (user) } }
            }
            (field("password", w.t("Password"), hint).text("", "password", "new-password"))
            (field("again", w.t("The password again"), "").text("", "password", "new-password"))
            button { (w.t("Continue")) }
        }
    };
    page(seat, Section::None, title, &body)
}

pub(in crate::manager) async fn accept(State(manager): State<Manager>, seat: Seat, fields: Fields) -> Response {
    let w = &seat.words;
    let (user, link) = (fields.get("user"), fields.get("token"));
    let again = Link { user: user.to_owned(), token: link.to_owned() };
    if fields.get("password") != fields.get("again") {
        return welcome_page(&seat, &again, (fields.get("name"), &[w.t("The two passwords differ.").to_owned()]));
    }
    let password = SecretString::from(fields.get("password"));
    let done = if user.is_empty() {
        manager.people.begin(link, fields.get("name"), password.clone()).await
    } else {
        manager.people.accept(user, link, password.clone()).await
    };
    match done {
        Ok(name) => {
            let origin = Origin { address: seat.address, browser: &seat.browser, known: seat.known.as_deref() };
            match manager.people.sign_in((name.as_str(), password, ""), origin).await {
                Ok(token) => manager.signed_in(&token, Redirect::to("/").into_response()),
                Err(_later) => Redirect::to("/sign-in").into_response(),
            }
        }
        Err(Refused::Invitation) => refusal(&seat, StatusCode::NOT_FOUND, &told(w, &Refused::Invitation)),
        Err(Refused::Store(error)) => unavailable(&seat, &error),
        Err(refused) => welcome_page(&seat, &again, (fields.get("name"), &[told(w, &refused)])),
    }
}

/// The same to somebody who is signed in and was asked for the password once more.
pub(in crate::manager) fn told_inside(w: &Words, refused: &Refused) -> String {
    if matches!(refused, Refused::SignIn) { w.t("This is not your password.").to_owned() } else { told(w, refused) }
}

/// A refusal in the reader's language.
pub(in crate::manager) fn told(w: &Words, refused: &Refused) -> String {
    match refused {
        Refused::SignIn => format!(
            "{} {}",
            w.t("The name, the password or the code is not right."),
            w.t("No code can be used twice: wait for the next one. After several failures, wait a minute.")
        ),
        Refused::Throttled(seconds) => w.f("Too many tries. Wait {} seconds and try again.", &[seconds]),
        Refused::Invitation => w.t("This link is not good any more. Ask an administrator for another.").to_owned(),
        Refused::Name(_) => {
            w.t("A user's name is 1 to 64 letters, digits and . _ - @, and neither . nor ..").to_owned()
        }
        Refused::Taken => w.t("There is a user of this name already. Choose another name.").to_owned(),
        Refused::Unknown => w.t("There is no such user any more.").to_owned(),
        Refused::Password(weak) => weak_told(w, *weak).to_owned(),
        Refused::LastAdministrator => {
            w.t("This is the last administrator who can sign in. Make somebody else one first.").to_owned()
        }
        Refused::Code => w.t("This is not the code that the app shows. Compare the clocks and try again.").to_owned(),
        Refused::Conflict => {
            w.t("Somebody else has changed this meanwhile. Look at what it is now, and try again.").to_owned()
        }
        Refused::Hash(_) | Refused::Sealed | Refused::Store(_) => {
            w.t("The gateway cannot do this now. Its log tells why.").to_owned()
        }
    }
}

fn weak_told(w: &Words, weak: crate::manager::people::password::Weak) -> &str {
    use crate::manager::people::password::Weak;
    match weak {
        Weak::Short => w.t("The password is shorter than 12 characters. Add some words."),
        Weak::Long => w.t("The password is longer than 1024 bytes. Take a shorter one."),
        Weak::HoldsName => w.t("The password holds the user's name. Take another."),
        Weak::Monotonous => w.t("The password is one character over and over. Take another."),
    }
}
