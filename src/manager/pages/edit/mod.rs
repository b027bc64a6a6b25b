//! A profile, added and changed: by the form of its type, or as text. Both end in the same TOML, which is validated as a file would
//! be and put in force. Secrets that are typed are sealed before they are kept.

mod show;
pub(super) mod text;

use axum::{
    extract::{Path, State},
    response::{IntoResponse as _, Redirect, Response},
};
use http::{HeaderValue, StatusCode, header};
use maud::{Markup, html};
use serde::Deserialize;

use super::{Section, no_store, not_found, profiles, refusal, unavailable};
use crate::{
    config::{
        Finding, Severity,
        draft::{Draft, DraftError},
    },
    core::said::Said,
    gateway::storage::{Document, Expected, StoreError},
    manager::{
        Manager,
        drafting::{self, Failed, Found, MARK, document_of, found, known, misnamed, name_in, of_file},
        form::{self, Problems},
        guard::{Fields, Seat},
        ports::{ProfileOrder, Refusal},
        query::Query,
        words::Words,
    },
};

/// A profile under change.
struct Work {
    /// `None`: it is new.
    at: Option<Place>,
    /// Its text when it was opened; of a new one where it began.
    seen: String,
    version: u64,
    draft: Draft,
}

/// Where a profile is, and its document.
struct Place {
    path: String,
    document: String,
}

impl Place {
    /// Of the profile.
    fn name(&self) -> &str {
        self.document.rsplit('/').next().unwrap_or_default()
    }
}

impl Work {
    fn action(&self) -> String {
        self.at.as_ref().map_or_else(|| "/profiles/new".to_owned(), |it| format!("{}/edit", it.path))
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::manager) struct Wanted {
    /// Of which type.
    kind: String,
    /// The profile that is copied, with its business unit: `sales/support`.
    from: String,
    /// `text`: not as a form.
    view: String,
}

pub(in crate::manager) async fn new(
    State(manager): State<Manager>,
    seat: Seat,
    Query(Wanted { kind, from, view }): Query<Wanted>,
) -> Response {
    let known = known(&manager);
    if !from.is_empty() {
        let Some((unit, name)) = from.rsplit_once('/') else { return not_found(&seat) };
        let names = (unit.to_owned(), name.to_owned());
        return match drafting::copied(&manager, names, &kind, &known).await {
            Ok(Some(draft)) => {
                let (seen, w) = (String::new(), &seat.words);
                let note = w.t("The name, the virtual agents and Google's keys are each profile's own: they are still to be filled in.");
                let work = Work { at: None, seen, version: 0, draft };
                show::page(&manager, &seat, StatusCode::OK, &work, &show::Told::note(note))
            }
            Ok(None) => not_found(&seat),
            Err(Failed::Shape(error)) => refusal(&seat, StatusCode::CONFLICT, &seat.words.said(&error.tell())),
            Err(Failed::Store(error)) => unavailable(&seat, &error),
        };
    }
    let schema = known.kinds.iter().find(|it| it.kind == kind);
    if view == "text" {
        let schema = schema.or(known.kinds.first());
        let text = schema.map(|it| text::begin(&known.units, it)).unwrap_or_default();
        let shown = text::Shown { text: &text, ..text::Shown::default() };
        return text::page(&manager, &seat, StatusCode::OK, &shown, &html! {});
    }
    let Some(schema) = schema else { return show::kinds(&manager, &seat) };
    let unit = if let [only] = known.units.as_slice() { only.as_str() } else { "" };
    let draft = drafting::begun(unit, schema.kind);
    let work = Work { at: None, seen: String::new(), version: 0, draft };
    show::page(&manager, &seat, StatusCode::OK, &work, &show::Told::default())
}

fn body(document: &Document) -> String {
    String::from_utf8_lossy(&document.body).into_owned()
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::manager) struct View {
    /// `text`: not as a form.
    view: String,
}

pub(in crate::manager) async fn show(
    State(manager): State<Manager>,
    seat: Seat,
    Path(names): Path<(String, String)>,
    Query(View { view }): Query<View>,
) -> Response {
    match found(&manager, names).await {
        Ok(Found::Managed(document, profile)) => {
            let (seen, version) = (body(&document), document.version);
            let at = Some(Place { path: profiles::path(&profile), document: document.name });
            let shown = text::Shown { at: at.as_ref(), text: &seen, version, former: "" };
            match Draft::read(&seen) {
                Ok(draft) if view != "text" => {
                    let warnings = warnings(&manager, &seat.words, (&at, &seen, &draft));
                    let told = show::Told { warnings, ..show::Told::default() };
                    show::page(&manager, &seat, StatusCode::OK, &Work { at, seen, version, draft }, &told)
                }
                Ok(_) | Err(_) => text::page(&manager, &seat, StatusCode::OK, &shown, &html! {}),
            }
        }
        Ok(Found::File(profile)) => {
            let draft = of_file(&manager, &profile);
            show::read_only(&manager, &seat, &profile, &draft)
        }
        Ok(Found::Nothing) => not_found(&seat),
        Err(error) => unavailable(&seat, &error),
    }
}

/// What the configuration in force warns of in this profile.
fn warnings(manager: &Manager, w: &Words, (at, text, draft): (&Option<Place>, &str, &Draft)) -> Problems {
    let Some(Place { document, .. }) = at else { return Problems::default() };
    let blocks = form::blocks(draft, &known(manager));
    let (loaded, own) = (manager.house.configuration(), format!("{document}{MARK}"));
    let of_it = loaded.warnings.iter().filter(|it| it.location.as_ref().is_some_and(|at| at.file == own));
    let of_it: Vec<Finding> = of_it.cloned().collect();
    Problems::of(&of_it, Severity::Warning, (&own, text), (&blocks, w))
}

pub(in crate::manager) async fn add(State(manager): State<Manager>, seat: Seat, fields: Fields) -> Response {
    send(&manager, &seat, None, &fields).await
}

pub(in crate::manager) async fn change(
    State(manager): State<Manager>,
    seat: Seat,
    Path(names): Path<(String, String)>,
    fields: Fields,
) -> Response {
    let profile = profiles::find(&manager.house.configuration(), names.clone());
    let place =
        profile.and_then(|it| Some(Place { path: profiles::path(&it), document: document_of(&it.origin)?.to_owned() }));
    match found(&manager, names).await {
        Ok(Found::Managed(document, profile)) => {
            let at = Place { path: profiles::path(&profile), document: document.name };
            send(&manager, &seat, Some(at), &fields).await
        }
        Ok(Found::File(profile)) => refusal(&seat, StatusCode::CONFLICT, &show::file_note(&seat.words, &profile)),
        // Removed by somebody else, or moved by another name: what was typed is not lost.
        Ok(Found::Nothing) if fields.has("text") => {
            let text = typed_text(&fields);
            let shown = text::Shown { text: &text, former: fields.get("former"), ..text::Shown::default() };
            text::again(&manager, &seat, StatusCode::CONFLICT, &shown, &text::conflict(&seat.words, None))
        }
        Ok(Found::Nothing) => match typed(&manager, &seat, None, &fields) {
            Ok((work, _)) => gone(&manager, &seat, work),
            Err(error) => refusal(&seat, StatusCode::CONFLICT, &seat.words.said(&error.tell())),
        },
        Err(error) => unread(&manager, &seat, place, (&fields, &error)),
    }
}

/// The store does not even say what is there: what was typed stays in the form.
fn unread(manager: &Manager, seat: &Seat, at: Option<Place>, (fields, error): (&Fields, &StoreError)) -> Response {
    let (status, why) = no_store(&seat.words, error);
    if fields.has("text") {
        let (text, version) = (typed_text(fields), fields.get("version").parse().unwrap_or_default());
        let shown = text::Shown { at: at.as_ref(), text: &text, version, former: fields.get("former") };
        return text::again(manager, seat, status, &shown, &super::summary(&seat.words, &[why.to_owned()]));
    }
    match typed(manager, seat, at, fields) {
        Ok((work, _)) => show::page(manager, seat, status, &work, &show::Told::general(why)),
        Err(shape) => refusal(seat, status, &seat.words.said(&shape.tell())),
    }
}

fn typed_text(fields: &Fields) -> String {
    fields.get("text").replace("\r\n", "\n")
}

/// What the form was, with what was typed into it.
fn typed(manager: &Manager, seat: &Seat, at: Option<Place>, fields: &Fields) -> Result<(Work, Problems), DraftError> {
    let newlines = |name: &str| fields.get(name).replace("\r\n", "\n");
    let (seen, begun) = (newlines("seen"), newlines("begun"));
    let mut draft = Draft::read(if begun.is_empty() { &seen } else { &begun })?;
    let seal = |secret: &str| manager.house.seal(secret);
    let mut problems = Problems::default();
    for (path, problem) in form::apply(&mut draft, fields, &known(manager), &seal)? {
        problems.at_field(&path, &seat.words.said(&problem));
    }
    // 0 is no version: such a form is told that somebody was faster.
    let version = fields.get("version").parse().unwrap_or_default();
    Ok((Work { at, seen, version, draft }, problems))
}

/// Whatever a form's button asks for.
async fn send(manager: &Manager, seat: &Seat, at: Option<Place>, fields: &Fields) -> Response {
    let wanted = fields.get("do");
    if fields.has("text") {
        return send_text(manager, seat, at, fields).await;
    }
    let (mut work, problems) = match typed(manager, seat, at, fields) {
        Ok(typed) => typed,
        Err(error) => return refusal(seat, StatusCode::UNPROCESSABLE_ENTITY, &seat.words.said(&error.tell())),
    };
    match wanted {
        "" | "save" if problems.is_empty() => save(manager, seat, work).await,
        "" | "save" => show::page(manager, seat, StatusCode::UNPROCESSABLE_ENTITY, &work, &show::Told::of(problems)),
        "text" => {
            let known = known(manager);
            let (text, former) = match form::settled(&work.draft, &known) {
                Ok(settled) => (settled.to_string(), form::former(&work.draft, &known)),
                Err(error) => return refusal(seat, StatusCode::UNPROCESSABLE_ENTITY, &seat.words.said(&error.tell())),
            };
            let shown = text::Shown { at: work.at.as_ref(), text: &text, version: work.version, former: &former };
            text::page(manager, seat, StatusCode::OK, &shown, &html! {})
        }
        other => {
            let told = match form::rearrange(&mut work.draft, other, &known(manager)) {
                Ok(()) => show::Told { problems, focus: added(&work.draft, other), ..show::Told::default() },
                Err(error) => show::Told::general(&seat.words.said(&error.tell())),
            };
            show::page(manager, seat, StatusCode::OK, &work, &told)
        }
    }
}

/// The part that a button has added.
fn added(draft: &Draft, button: &str) -> Option<String> {
    match button.strip_prefix("add:")? {
        "standby" => Some(format!("standby.{}", draft.count(&["standby"]).checked_sub(1)?)),
        other => Some(other.to_owned()),
    }
}

async fn send_text(manager: &Manager, seat: &Seat, at: Option<Place>, fields: &Fields) -> Response {
    let (text, wanted) = (typed_text(fields), fields.get("do"));
    let version = fields.get("version").parse().unwrap_or_default();
    let shown = text::Shown { at: at.as_ref(), text: &text, version, former: fields.get("former") };
    let refused = |why: &Said| {
        let problem = super::summary(&seat.words, &[seat.words.said(why)]);
        text::again(manager, seat, StatusCode::UNPROCESSABLE_ENTITY, &shown, &problem)
    };
    let (known, seal) = (known(manager), |secret: &str| manager.house.seal(secret));
    if let Some(kind) = wanted.strip_prefix(text::KIND).and_then(|it| known.kinds.iter().find(|kind| kind.kind == it)) {
        let sealed = form::seal_text(&text, &known, &seal);
        return match text::turned(&sealed, shown.former, &known, kind) {
            Ok((text, former)) => {
                let shown = text::Shown { text: &text, former: &former, ..shown };
                text::page(manager, seat, StatusCode::OK, &shown, &html! {})
            }
            Err(error) => refused(&error.tell()),
        };
    }
    if wanted != "form" {
        return text::save(manager, seat, shown).await;
    }
    let sealed = Draft::read(&text).map_err(|error| error.tell()).and_then(|mut draft| {
        form::seal_typed(&mut draft, &known, &seal)?;
        form::remember(&mut draft, shown.former, &known).map_err(|error| error.tell())?;
        Ok(draft)
    });
    match sealed {
        Ok(draft) => {
            let seen = seen_now(manager, at.as_ref(), version).await.unwrap_or_default();
            show::page(manager, seat, StatusCode::OK, &Work { at, seen, version, draft }, &show::Told::default())
        }
        Err(error) => refused(&error),
    }
}

/// The document's text, if it is still the version that was opened.
async fn seen_now(manager: &Manager, at: Option<&Place>, version: u64) -> Option<String> {
    let document = manager.people.profile(&at?.document).await.ok()??;
    (document.version == version).then(|| body(&document))
}

fn order(manager: &Manager, seat: &Seat, at: Option<&Place>, version: u64, text: &str) -> ProfileOrder {
    let (name, expected) = match at {
        Some(at) => (at.document.clone(), Expected::Version(version)),
        None => (name_in(manager, text), Expected::New),
    };
    ProfileOrder { by: seat.name().to_owned(), name, expected, text: Some(text.to_owned()) }
}

/// To the profile as it is now in force.
fn saved(manager: &Manager, text: &str) -> Response {
    let name = name_in(manager, text);
    let names = name.rsplit_once('/').map(|(unit, name)| (unit.to_owned(), name.to_owned()));
    let profile = names.and_then(|it| profiles::find(&manager.house.configuration(), it));
    let to = profile.map_or_else(|| "/profiles".to_owned(), |it| format!("{}?done=saved", profiles::path(&it)));
    Redirect::to(&to).into_response()
}

async fn save(manager: &Manager, seat: &Seat, mut work: Work) -> Response {
    // What was typed for other types stays in the form alone, should it be shown again.
    let text = match form::settled(&work.draft, &known(manager)) {
        Ok(settled) => settled.to_string(),
        Err(error) => {
            let told = show::Told::general(&seat.words.said(&error.tell()));
            return show::page(manager, seat, StatusCode::UNPROCESSABLE_ENTITY, &work, &told);
        }
    };
    if let Some((field, reason)) = misnamed(&text, work.at.as_ref().map(|it| it.document.as_str())) {
        let mut problems = Problems::default();
        problems.at_field(field, &seat.words.f("The name {}.", &[&reason]));
        return show::page(manager, seat, StatusCode::UNPROCESSABLE_ENTITY, &work, &show::Told::of(problems));
    }
    let order = order(manager, seat, work.at.as_ref(), work.version, &text);
    let document = format!("{}{MARK}", if work.at.is_some() { name_in(manager, &text) } else { order.name.clone() });
    match manager.house.change_profile(order).await {
        Ok(_) => saved(manager, &text),
        Err(Refusal::Findings(list)) => {
            let blocks = form::blocks(&work.draft, &known(manager));
            let problems = Problems::of(&list, Severity::Error, (&document, &text), (&blocks, &seat.words));
            // A secret that is no good is typed anew; the one before it is still there.
            let seen = Draft::read(&work.seen).unwrap_or_default();
            for entry in blocks.iter().flat_map(|it| &it.entries).filter(|it| it.control.is_secret()) {
                if problems.of_field(&entry.path).is_some() {
                    work.draft.take(&form::parts(&entry.path), &seen).unwrap_or_default();
                }
            }
            show::page(manager, seat, StatusCode::UNPROCESSABLE_ENTITY, &work, &show::Told::of(problems))
        }
        Err(Refusal::Conflict(None)) => gone(manager, seat, work),
        Err(Refusal::Conflict(Some(now))) if work.at.is_none() => {
            let text = seat.words.f(
                "There is a profile of this name already; {} has changed it last. Give this one another name.",
                &[&now.changed_by],
            );
            let mut problems = Problems::default();
            problems.at_field("name", &text);
            show::page(manager, seat, StatusCode::CONFLICT, &work, &show::Told::of(problems))
        }
        Err(Refusal::Conflict(Some(now))) => clash(manager, seat, work, &now),
        Err(Refusal::Store(error)) => {
            let (status, why) = no_store(&seat.words, &error);
            show::page(manager, seat, status, &work, &show::Told::general(why))
        }
        Err(Refusal::Unable(why)) => show::page(
            manager,
            seat,
            StatusCode::UNPROCESSABLE_ENTITY,
            &work,
            &show::Told::general(&seat.words.said(&why)),
        ),
    }
}

/// Somebody has removed it meanwhile: what was typed can become a new one.
fn gone(manager: &Manager, seat: &Seat, work: Work) -> Response {
    let text = seat.words.t("Somebody else has removed this profile meanwhile, or has given it another name. Save what you have typed as a new one if it is still wanted.");
    let work = Work { at: None, seen: String::new(), version: 0, draft: work.draft };
    show::page(manager, seat, StatusCode::CONFLICT, &work, &show::Told::general(text))
}

/// Somebody was faster: what both have changed comes into the form, and the second is told of the first, field by field.
fn clash(manager: &Manager, seat: &Seat, work: Work, now: &Document) -> Response {
    let (current, known) = (body(now), known(manager));
    let former = form::former(&work.draft, &known);
    let merged = Draft::read(&work.seen).and_then(|seen| {
        let (mine, now) = (form::settled(&work.draft, &known)?, Draft::read(&current)?);
        let (mut merged, clashes) = form::merge(&seen, &now, &mine, &known)?;
        form::remember(&mut merged, &former, &known)?;
        Ok((merged, clashes))
    });
    match merged {
        Ok((draft, clashes)) => {
            let told = show::Told { clashes, by: now.changed_by.clone(), ..show::Told::default() };
            let work = Work { at: work.at, seen: current, version: now.version, draft };
            show::page(manager, seat, StatusCode::CONFLICT, &work, &told)
        }
        // Not of a form's shape any more.
        Err(_) => {
            let text = form::settled(&work.draft, &known).as_ref().unwrap_or(&work.draft).to_string();
            let shown = text::Shown { at: work.at.as_ref(), text: &text, version: now.version, former: &former };
            text::page(manager, seat, StatusCode::CONFLICT, &shown, &text::conflict(&seat.words, Some(now)))
        }
    }
}

pub(in crate::manager) async fn remove(
    State(manager): State<Manager>,
    seat: Seat,
    Path(names): Path<(String, String)>,
    fields: Fields,
) -> Response {
    let (document, path) = match found(&manager, names).await {
        Ok(Found::Managed(document, profile)) => (document, profiles::path(&profile)),
        Ok(Found::File(profile)) => {
            return refusal(&seat, StatusCode::CONFLICT, &show::file_note(&seat.words, &profile));
        }
        Ok(Found::Nothing) => return not_found(&seat),
        Err(error) => return unavailable(&seat, &error),
    };
    let version = fields.get("version").parse().unwrap_or_default();
    let (by, expected) = (seat.name().to_owned(), Expected::Version(version));
    let order = ProfileOrder { by, name: document.name.clone(), expected, text: None };
    let why: Markup = match manager.house.change_profile(order).await {
        Ok(_) => return Redirect::to("/profiles").into_response(),
        Err(Refusal::Store(error)) => return unavailable(&seat, &error),
        Err(Refusal::Findings(list)) => text::findings(&seat.words, &list),
        Err(Refusal::Conflict(now)) => text::conflict(&seat.words, now.as_deref()),
        Err(Refusal::Unable(why)) => super::summary(&seat.words, &[seat.words.said(&why)]),
    };
    let (at, text) = (Place { path, document: document.name.clone() }, body(&document));
    let shown = text::Shown { at: Some(&at), text: &text, version: document.version, former: "" };
    text::page(&manager, &seat, StatusCode::CONFLICT, &shown, &why)
}

/// As a file that stands beside the others: `usher check` takes it where the same master key is.
pub(in crate::manager) async fn export(
    State(manager): State<Manager>,
    seat: Seat,
    Path(names): Path<(String, String)>,
) -> Response {
    let name = names.1.clone();
    match found(&manager, names).await {
        Ok(Found::Managed(document, _)) => {
            let plain: String =
                name.chars().filter(|it| it.is_ascii_alphanumeric() || matches!(it, '-' | '_')).collect();
            let file = HeaderValue::try_from(format!("attachment; filename=\"{plain}.toml\""));
            let mut response =
                ([(header::CONTENT_TYPE, "application/toml; charset=utf-8")], document.body).into_response();
            if let Ok(file) = file {
                response.headers_mut().insert(header::CONTENT_DISPOSITION, file);
            }
            response
        }
        Ok(Found::File(_) | Found::Nothing) => not_found(&seat),
        Err(error) => unavailable(&seat, &error),
    }
}

/// The trail above a page of a profile's.
fn trail(w: &Words, at: Option<&Place>) -> Markup {
    html! {
        p class="trail" {
            a href="/profiles" { (w.t("Profiles")) }
            @if let Some(at) = at { " / " a href=(at.path) { (at.name()) } }
        }
    }
}

const SECTION: Section = Section::Profiles;
