//! Whoever is signed in: the password, the second factor, the browsers, the language.

use axum::{
    extract::State,
    response::{IntoResponse as _, Redirect, Response},
};
use http::{HeaderValue, StatusCode, header};
use maud::{Markup, html};
use secrecy::SecretString;
use serde::Deserialize;

use super::{
    Field, Section, confirmation, done, qr, quiet_beside, sign_in::told_inside, summary, time, token, unavailable,
    users::role_told, with_status,
};
use crate::manager::{
    Manager,
    guard::{Fields, LANGUAGE_COOKIE, Seat, Signed},
    people::{People, Refused, totp},
    query::Query,
    words::{Language, Words},
};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::manager) struct Said {
    /// What was done, from a closed set.
    done: String,
}

pub(in crate::manager) async fn show(
    State(manager): State<Manager>,
    seat: Seat,
    Query(Said { done }): Query<Said>,
) -> Response {
    shown(&manager, &seat, &done, None).await
}

/// At which field, and what.
type Wrong = (&'static str, String);

/// `confirmed`: the field that the password was asked for in.
fn wrong(w: &Words, refused: &Refused, confirmed: &'static str) -> Wrong {
    let field = match refused {
        Refused::SignIn | Refused::Throttled(_) => confirmed,
        Refused::Password(_) => "new",
        Refused::Code => "code",
        Refused::Invitation
        | Refused::Name(_)
        | Refused::Taken
        | Refused::Unknown
        | Refused::LastAdministrator
        | Refused::Conflict
        | Refused::Hash(_)
        | Refused::Store(_)
        | Refused::Sealed => "",
    };
    (field, told_inside(w, refused))
}

fn at<'a>(wrong: Option<&'a Wrong>, field: &str) -> Option<&'a str> {
    wrong.filter(|it| it.0 == field).map(|it| it.1.as_str())
}

fn above(w: &Words, wrong: Option<&Wrong>) -> Markup {
    summary(w, &wrong.map(|it| it.1.clone()).into_iter().collect::<Vec<_>>())
}

const fn status(wrong: Option<&Wrong>) -> StatusCode {
    if wrong.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK }
}

async fn shown(manager: &Manager, seat: &Seat, said: &str, wrong: Option<Wrong>) -> Response {
    let w = &seat.words;
    let Some(signed) = &seat.signed else { return Redirect::to("/sign-in").into_response() };
    let has_factor = match manager.people.find(&signed.session.user).await {
        Ok(found) => found.is_some_and(|it| it.user.totp.is_some()),
        Err(error) => return unavailable(seat, &error),
    };
    let title = w.t("Your account");
    let body = html! {
        h1 { (title) }
        p { (seat.name()) " · " (role_told(w, signed.session.role)) }
        @match said {
            "password" => (done(w.t("Your password was changed. Your other browsers are signed out."))),
            "factor" => (done(w.t("The second factor is on: the app's code is asked for at the next sign-in. Your other browsers are signed out."))),
            "no-factor" => (done(w.t("The second factor is off. Your other browsers are signed out."))),
            "ended" => (done(w.t("That browser is signed out."))),
            _ => {}
        }
        (above(w, wrong.as_ref()))
        h2 { (w.t("Change the password")) }
        (password(seat, wrong.as_ref()))
        h2 { (w.t("Second factor")) }
        @if has_factor {
            form method="post" action="/account/factor/off" class="narrow" {
                (token(seat))
                p { (w.t("An authenticator app's code is asked for when you sign in.")) }
                (confirmation(w, at(wrong.as_ref(), "password")))
                button class="danger" { (w.t("Turn it off")) }
            }
        } @else {
            p { (w.t("An app on your telephone shows a code that is asked for beside the password.")) }
            p { a class="button second" href="/account/factor" { (w.t("Set up an app")) } }
        }
        h2 { (w.t("Where you are signed in")) }
        (browsers(manager, seat, signed))
        h2 { (w.t("Language")) }
        form method="post" action="/account/language" class="row" {
            (token(seat))
            button class="second" name="language" value="en" lang="en" aria-pressed=(w.language == Language::English) { "English" }
            button class="second" name="language" value="de" lang="de" aria-pressed=(w.language == Language::German) { "Deutsch" }
        }
    };
    with_status(status(wrong.as_ref()), seat, (Section::Account, title), &body)
}

fn password(seat: &Seat, wrong: Option<&Wrong>) -> Markup {
    let w = &seat.words;
    let field = |name, label, hint| Field { name, label, hint, problem: at(wrong, name) };
    html! {
        form method="post" action="/account/password" class="narrow" {
            (token(seat))
            (field("old", w.t("The password now"), "").text("", "password", "current-password"))
            (field("new", w.t("The new password"), w.t("At least 12 characters. Several words that do not belong together are good."))
                .text("", "password", "new-password"))
            (field("again", w.t("The password again"), "").text("", "password", "new-password"))
            button { (w.t("Change the password")) }
        }
    }
}

fn browsers(manager: &Manager, seat: &Seat, signed: &Signed) -> Markup {
    let w = &seat.words;
    let open = manager.people.sessions.of(&signed.session.user, manager.people.now());
    html! {
        div class="scroll" tabindex="0" role="group" aria-label=(w.t("Table")) { table {
            thead { tr { th { (w.t("Browser")) } th { (w.t("Address")) } th { (w.t("Since")) } th { (w.t("Last seen")) } th { (w.t("Sign out")) } } }
            tbody {
                @for (id, it) in &open {
                    tr {
                        td { (it.browser) }
                        td { @if let Some(address) = it.address { (address) } }
                        td { (time(it.began)) }
                        td { (time(it.seen)) }
                        td {
                            @if *id == signed.id { (w.t("this one")) } @else {
                                (quiet_beside(w.t("Sign it out"), Some(&w.f("Sign out {}", &[&it.browser])), &html! {
                                    form method="post" action="/account/end" {
                                        (token(seat))
                                        input type="hidden" name="session" value=(id.shown());
                                        button class="danger" { (w.t("Sign it out now")) }
                                    }
                                }))
                            }
                        }
                    }
                }
            }
        } }
    }
}

/// `confirmed`: the field that the password was asked for in.
async fn after(
    manager: &Manager,
    seat: &Seat,
    result: Result<(), Refused>,
    (said, confirmed): (&str, &'static str),
) -> Response {
    match result {
        Ok(()) => Redirect::to(&format!("/account?done={said}")).into_response(),
        Err(Refused::Store(error)) => unavailable(seat, &error),
        Err(refused) => shown(manager, seat, "", Some(wrong(&seat.words, &refused, confirmed))).await,
    }
}

pub(in crate::manager) async fn change_password(
    State(manager): State<Manager>,
    seat: Seat,
    fields: Fields,
) -> Response {
    let Some(signed) = &seat.signed else { return Redirect::to("/sign-in").into_response() };
    if fields.get("new") != fields.get("again") {
        let problem = ("again", seat.words.t("The two passwords differ.").to_owned());
        return shown(&manager, &seat, "", Some(problem)).await;
    }
    let (old, new) = (SecretString::from(fields.get("old")), SecretString::from(fields.get("new")));
    let changed = manager.people.change_password((signed.id, &signed.session.user), old, new).await;
    after(&manager, &seat, changed, ("password", "old")).await
}

pub(in crate::manager) async fn end(State(manager): State<Manager>, seat: Seat, fields: Fields) -> Response {
    let Some(signed) = &seat.signed else { return Redirect::to("/sign-in").into_response() };
    let ended = manager.people.end_own(&signed.session.user, fields.get("session")).await;
    after(&manager, &seat, ended.map_err(Refused::Store), ("ended", "")).await
}

/// The secret is in the form alone until a code of it is shown: nothing is kept of an app that was not set up.
pub(in crate::manager) async fn new_factor(seat: Seat) -> Response {
    factor(&seat, &totp::written(&People::new_totp()), None)
}

fn factor(seat: &Seat, secret: &str, wrong: Option<&Wrong>) -> Response {
    let w = &seat.words;
    let title = w.t("Set up an app");
    let Some(bytes) = totp::read(secret) else { return Redirect::to("/account/factor").into_response() };
    let uri = totp::uri(seat.name(), &bytes);
    let body = html! {
        p class="trail" { a href="/account" { (w.t("Your account")) } }
        h1 { (title) }
        (above(w, wrong))
        p { (w.t("Read the picture with your authenticator app, or give it the key; on your telephone open the link. Then type the code that the app shows.")) }
        @if let Some(picture) = qr::picture(&uri, w.t("The key as a picture for an authenticator app")) { (picture) }
        p { output class="link" data-copy=(w.t("Copy")) { (secret) } }
        p { a href=(*uri) { (w.t("Open in an app")) } }
        form method="post" action="/account/factor" class="narrow" {
            (token(seat))
            input type="hidden" name="secret" value=(secret);
            (Field { name: "code", label: w.t("Code of the app"), hint: "", problem: at(wrong, "code") }.text("", "text", "one-time-code"))
            (confirmation(w, at(wrong, "password")))
            button { (w.t("Turn it on")) }
        }
    };
    with_status(status(wrong), seat, (Section::Account, title), &body)
}

pub(in crate::manager) async fn set_factor(State(manager): State<Manager>, seat: Seat, fields: Fields) -> Response {
    let Some(signed) = &seat.signed else { return Redirect::to("/sign-in").into_response() };
    let secret = fields.get("secret");
    let Some(bytes) = totp::read(secret) else { return Redirect::to("/account/factor").into_response() };
    let (password, shown) = (SecretString::from(fields.get("password")), (bytes.as_slice(), fields.get("code")));
    match manager.people.set_totp((signed.id, &signed.session.user), password, shown).await {
        // The secret stays: the app has it already.
        Err(refused @ (Refused::Code | Refused::SignIn | Refused::Throttled(_))) => {
            factor(&seat, secret, Some(&wrong(&seat.words, &refused, "password")))
        }
        done => after(&manager, &seat, done, ("factor", "")).await,
    }
}

pub(in crate::manager) async fn drop_factor(State(manager): State<Manager>, seat: Seat, fields: Fields) -> Response {
    let Some(signed) = &seat.signed else { return Redirect::to("/sign-in").into_response() };
    let password = SecretString::from(fields.get("password"));
    let done = manager.people.drop_totp((signed.id, &signed.session.user), password).await;
    after(&manager, &seat, done, ("no-factor", "password")).await
}

pub(in crate::manager) async fn language(seat: Seat, fields: Fields) -> Response {
    let tag = if fields.get("language") == "de" { "de" } else { "en" };
    let mut response = Redirect::to("/account").into_response();
    let cookie = format!("{LANGUAGE_COOKIE}={tag}; Path=/; SameSite=Lax; Max-Age=31536000");
    if let (Ok(cookie), true) = (HeaderValue::try_from(cookie), seat.signed.is_some()) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}
