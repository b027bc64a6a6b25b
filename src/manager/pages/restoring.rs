//! Restoring a backup by page: it is brought and looked at, what it holds and what would be lost is shown, and somebody says yes.

use axum::{
    body::Body,
    extract::{Request, State},
    response::{IntoResponse as _, Redirect, Response},
};
use futures::{StreamExt as _, TryStreamExt as _};
use http::{StatusCode, header};
use maud::{Markup, html};
use secrecy::SecretString;

use super::{
    Field, Section, confirmation, edit,
    overhaul::begins_anew,
    refused, sign_in,
    store::{self, size},
    summary, time, token, unavailable, with_status,
};
use crate::{
    core::ids::Timestamp,
    manager::{
        Manager, RESTORING,
        api::Kind,
        guard::{Fields, Seat},
        ports::{Brought, KeptStore, NotStaged, Staged},
        words::Words,
    },
    peer::{LEAST_KIB_A_SECOND, Patience},
};

/// The section of the page Store.
pub(super) fn section(seat: &Seat, kept: &KeptStore, waiting: Option<&Staged>, problem: Option<&str>) -> Markup {
    let w = &seat.words;
    let file = Field { name: "file", label: w.t("A backup"), hint: "", problem };
    let key = Field {
        name: "key",
        label: w.t("Its master key, if that is not here"),
        hint: w.t("The keys in the store's directory are tried, those of before a change included, and one that lies in the backup."),
        problem: None,
    };
    html! {
        h2 { (w.t("Restore")) }
        p { (w.t("A backup takes the place of everything that is here, users and the audit log included. It is looked at first, and what would come of it is shown before anything is changed.")) }
        @if !kept.begins_anew {
            p { (w.t("This gateway cannot begin anew by itself: it is done at the machine, while no gateway runs.")) }
            pre class="link" {
                "usher restore --check FILE --data " (kept.directory.display())
                "\nusher restore FILE --replace --data " (kept.directory.display())
            }
        } @else {
            @if waiting.is_some() {
                p { (w.t("A backup waits to be restored.")) " " a href=(RESTORING) { (w.t("See what it holds")) } }
            }
            // What stands before the file is read before it.
            form method="post" action=(RESTORING) enctype="multipart/form-data" class="narrow" {
                (token(seat))
                @if !kept.key_from_environment { (key.text("", "password", "off")) }
                (file.with(|id, described, invalid| html! {
                    input id=(id) name="file" type="file" accept=".tar" aria-describedby=[described]
                        aria-invalid=[invalid.then_some("true")];
                }))
                button { (w.t("Look at the backup")) }
            }
        }
    }
}

pub(in crate::manager) async fn bring(
    State(manager): State<Manager>,
    seat: Seat,
    fields: Fields,
    request: Request,
) -> Response {
    let w = &seat.words;
    let (parts, body) = request.into_parts();
    // It takes as long as it takes: what sends nothing is given up by who reads it.
    let _lifted = parts.extensions.get::<Patience>().map(Patience::lift);
    let length = parts.headers.get(header::CONTENT_LENGTH).and_then(|it| it.to_str().ok()?.parse().ok());
    let key = Some(fields.get("key").trim()).filter(|it| !it.is_empty()).map(SecretString::from);
    let body = Body::into_data_stream(body).map_err(std::io::Error::other).boxed();
    match manager.bring(Brought { by: seat.name().to_owned(), key, bytes: length, body }).await {
        Ok(_) => Redirect::to(RESTORING).into_response(),
        Err(NotStaged::Findings(list)) => {
            let lead = w.t("The backup is good, but with what is written in it no gateway would begin beside the files that are here.");
            let above = html! { (summary(w, &[lead.to_owned()])) (edit::text::findings(w, &list)) };
            let typed = store::Typed { above, ..store::Typed::default() };
            store::shown(&manager, &seat, StatusCode::UNPROCESSABLE_ENTITY, &typed).await
        }
        Err(NotStaged::Store(error)) => unavailable(&seat, &error),
        Err(why) => {
            let (status, text) = told(w, why);
            let typed = store::Typed { restore: Some(&text), ..store::Typed::default() };
            store::shown(&manager, &seat, status, &typed).await
        }
    }
}

fn told(w: &Words, why: NotStaged) -> (StatusCode, String) {
    match why {
        NotStaged::NotHere => (
            StatusCode::CONFLICT,
            w.t("This gateway cannot begin anew by itself: it is done at the machine, while no gateway runs.").to_owned(),
        ),
        NotStaged::Another => (
            StatusCode::CONFLICT,
            w.t("Another backup is being brought: there is one at a time. Try again when it has ended.").to_owned(),
        ),
        NotStaged::NoSpace { needed, free } => (
            Kind::NoSpace.status(),
            w.f(
                "The store's disk has no room for the backup: it takes {}, and {} are free. Free some, or run usher restore with the file on another disk.",
                &[&size(needed), &size(free)],
            ),
        ),
        NotStaged::Empty => (StatusCode::UNPROCESSABLE_ENTITY, w.t("Choose a file.").to_owned()),
        NotStaged::CutOff => (
            StatusCode::BAD_REQUEST,
            w.t("The backup was cut off on its way. Nothing is left of it: bring it again.").to_owned(),
        ),
        NotStaged::TooSlow => (
            StatusCode::BAD_REQUEST,
            w.f("The backup came slower than {} KiB a second, and nothing is left of it: bring it on a faster way, or run usher restore at the machine.", &[&LEAST_KIB_A_SECOND]),
        ),
        NotStaged::NoSuchKey => (
            StatusCode::UNPROCESSABLE_ENTITY,
            w.t("A master key is 32 bytes, written as 64 hexadecimal digits or in base64.").to_owned(),
        ),
        NotStaged::NoKey(id) => (
            StatusCode::UNPROCESSABLE_ENTITY,
            w.f("The backup is sealed under the master key {}, which is not here: give it with the file.", &[&id]),
        ),
        NotStaged::Refused(why) => {
            (StatusCode::UNPROCESSABLE_ENTITY, w.f("The backup cannot be restored: {}", &[&w.said(&why)]))
        }
        NotStaged::Findings(_) | NotStaged::Store(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, w.t("The gateway cannot do this now. Its log tells why.").to_owned())
        }
        NotStaged::Failed(why) => {
            tracing::error!(%why, "a backup cannot be taken in");
            (StatusCode::SERVICE_UNAVAILABLE, w.f("The backup cannot be taken in: {}", &[&w.said(&why)]))
        }
    }
}

/// What is wrong with the yes.
#[derive(Default)]
struct Typed<'a> {
    password: Option<&'a str>,
    sure: Option<&'a str>,
    above: Markup,
}

pub(in crate::manager) async fn show(State(manager): State<Manager>, seat: Seat) -> Response {
    shown(&manager, &seat, StatusCode::OK, &Typed::default())
}

fn shown(manager: &Manager, seat: &Seat, status: StatusCode, typed: &Typed<'_>) -> Response {
    let w = &seat.words;
    let title = w.t("Restore a backup");
    let problems: Vec<String> = [typed.password, typed.sure].into_iter().flatten().map(str::to_owned).collect();
    let body = html! {
        p class="trail" { a href="/store" { (w.t("Store")) } }
        h1 { (title) }
        (typed.above)
        (summary(w, &problems))
        @match manager.house.keeper().staged() {
            None => {
                p { (w.t("No backup waits to be restored: bring one on the page Store. It waits for an hour.")) }
                p { a class="button" href="/store" { (w.t("To the store")) } }
            },
            Some(waiting) => {
                (facts(w, &waiting))
                (consequences(w, &waiting))
                form method="post" action="/store/restore" class="narrow" {
                    (token(seat))
                    input type="hidden" name="seen" value=(waiting.sha256);
                    (confirmation(w, typed.password))
                    label class="check" {
                        input type="checkbox" name="sure" value="yes" aria-invalid=[typed.sure.map(|_| "true")];
                        span { (w.t("Yes, put it in the place of what is here")) }
                    }
                    button class="danger" { (w.t("Restore it")) }
                }
                form method="post" action="/store/restoring/forget" { (token(seat)) button class="plain" { (w.t("Cancel")) } }
            }
        }
    };
    with_status(status, seat, (Section::Administration, title), &body)
}

fn facts(w: &Words, waiting: &Staged) -> Markup {
    let holds = &waiting.holds;
    let documents: u64 = holds.documents.values().sum();
    let rows = [
        (w.t("Contacts"), w.f("{} ({} open, {} erased)", &[&holds.contacts, &holds.open, &holds.erased])),
        (w.t("Records"), holds.records.to_string()),
        (w.t("Secrets"), holds.secrets.to_string()),
        (w.t("Documents of the Web Manager"), documents.to_string()),
        (w.t("Users"), users(waiting).to_string()),
        (w.t("Lines of the audit log"), holds.audit_lines.to_string()),
        (w.t("Size"), size(waiting.bytes)),
    ];
    html! {
        h2 { (w.t("What it holds")) }
        div class="scroll" tabindex="0" role="group" aria-label=(w.t("What it holds")) { table class="pairs" { tbody {
            tr { th scope="row" { (w.t("Made")) } td { (time(waiting.made_at)) " " (w.f("by version {}", &[&waiting.usher])) } }
            @for (name, value) in &rows { tr { th scope="row" { (name) } td { (value) } } }
            tr {
                th scope="row" { (w.t("Newest record")) }
                td { @match holds.newest_ms { Some(at) => (time(Timestamp(at))), None => (w.t("none yet")) } }
            }
            tr { th scope="row" { (w.t("Brought")) } td { (waiting.by) " " (time(waiting.at)) } }
            tr { th scope="row" { (w.t("Waits until")) } td { (time(waiting.until)) } }
            tr { th scope="row" { "SHA-256" } td class="code" { (waiting.sha256) } }
        } } }
    }
}

fn users(waiting: &Staged) -> u64 {
    waiting.holds.documents.get("user").copied().unwrap_or_default()
}

fn consequences(w: &Words, waiting: &Staged) -> Markup {
    html! {
        h2 { (w.t("What comes of it")) }
        ul {
            li { (w.t("Everything since it was made is lost here: contacts, records, changes of profiles and users, lines of the audit log. What is here now stays on the disk in a directory of its own, until somebody removes it.")) }
            li { (w.t("The gateway ends in order and begins anew; routing engines attach again. Contacts that are open now are not known any more: a customer who writes on is given to somebody else.")) }
            @if waiting.holds.open > 0 {
                li { (w.f("{} contacts are open in the backup: they end, and their timelines say why.", &[&waiting.holds.open])) }
            }
            li { (w.t("Contacts that were erased here after it was made are erased in it, too.")) }
            li {
                @match users(waiting) {
                    0 => (w.t("There is no user in it: the gateway prints the link that makes the first administrator.")),
                    _ => (w.t("Users, their passwords and second factors and the tokens of programs are those of the backup. Everybody signs in again.")),
                }
            }
            @match (&waiting.key, waiting.changes_key) {
                (Some(key), true) => li { (w.f("The master key {} opens it, and takes the place of the one in use, which stays beside it as a file.", &[key])) },
                (Some(key), false) => li { (w.f("The master key {} opens it.", &[key])) },
                (None, _) => li { (w.t("Nothing in it is sealed.")) },
            }
        }
    }
}

pub(in crate::manager) async fn forget(State(manager): State<Manager>) -> Response {
    manager.house.keeper().forget();
    Redirect::to("/store").into_response()
}

pub(in crate::manager) async fn restore(State(manager): State<Manager>, seat: Seat, fields: Fields) -> Response {
    let w = &seat.words;
    let Some(signed) = &seat.signed else { return Redirect::to("/sign-in").into_response() };
    if fields.get("sure") != "yes" {
        let sure = Some(w.t("Say that you are sure: what is here now does not come back by itself."));
        return shown(&manager, &seat, StatusCode::UNPROCESSABLE_ENTITY, &Typed { sure, ..Typed::default() });
    }
    let password = SecretString::from(fields.get("password"));
    if let Err(why) = manager.people.confirm(&signed.session.user, password).await {
        let problem = sign_in::told_inside(w, &why);
        let typed = Typed { password: Some(&problem), ..Typed::default() };
        return shown(&manager, &seat, StatusCode::UNPROCESSABLE_ENTITY, &typed);
    }
    match manager.restore(seat.name().to_owned(), fields.get("seen").to_owned()).await {
        Ok(()) => begins_anew(&seat, w.t("The backup takes the place of what was here.")),
        Err(why) => {
            let (status, above) = refused(w, &why);
            shown(&manager, &seat, status, &Typed { above, ..Typed::default() })
        }
    }
}
