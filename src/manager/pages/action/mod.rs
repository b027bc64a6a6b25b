//! One action as a form: of its kind what is mandatory and nothing more, queues and targets chosen from the engine's directory.
//!
//! Here is what is done with it; [`sheet`] shows it. Whose it is, is the owner's to say.

mod sheet;

use axum::{
    extract::State,
    response::{IntoResponse as _, Redirect, Response},
};
use http::StatusCode;
use serde::Deserialize;

use super::{not_found, refusal, unavailable};
use crate::{
    core::{
        action::{What, find},
        message::MediaType,
    },
    gateway::storage::Document,
    manager::{
        Manager,
        building::{self, Form, Key, Order, Parameter, Trouble, action_in},
        guard::{Fields, Seat},
        owner::{self, Found, Owner, Whose},
        ports::Refusal,
        query::Query,
    },
};
use sheet::{Sheet, kinds, show};

/// As many as the validation takes.
const MAX_PARAMETERS: usize = 32;
/// What the action was when its form was shown.
const SEEN: &str = "seen";

/// Which action, or which kind of a new one.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::manager) struct Wanted {
    kind: String,
    media: String,
    name: String,
}

impl Wanted {
    fn key(&self) -> Option<Key> {
        Some((MediaType::of(&self.media)?, self.name.clone()))
    }

    fn query(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("media", &self.media).append_pair("name", &self.name).finish()
    }
}

/// What comes early is an answer as well: it is not there, or the store is not.
type Answer = Result<Response, Response>;

/// The owner and its document, unless it is a file.
async fn found(manager: &Manager, seat: &Seat, whose: &Whose) -> Result<(Owner, Document), Response> {
    match owner::found(manager, whose).await {
        Ok(Found::Kept(owner, document)) => Ok((owner, document)),
        Ok(Found::File(owner)) => Err(of_file(seat, &owner)),
        Ok(Found::Nothing) => Err(not_found(seat)),
        Err(error) => Err(unavailable(seat, &error)),
    }
}

fn of_file(seat: &Seat, owner: &Owner) -> Response {
    let text = seat.words.f("This is written in {} and is changed there.", &[&owner.origin()]);
    refusal(seat, StatusCode::CONFLICT, &text)
}

pub(in crate::manager) async fn new(
    State(manager): State<Manager>,
    seat: Seat,
    whose: Whose,
    Query(wanted): Query<Wanted>,
) -> Answer {
    let (owner, document) = found(&manager, &seat, &whose).await?;
    let like = wanted.key().and_then(|(media, name)| find(owner.rules(), media, &name)).map(Form::of_rule);
    let Some(form) = like.or_else(|| What::of(&wanted.kind).map(Form::new)) else { return Ok(kinds(&seat, &owner)) };
    let sheet = Sheet::new(&owner, (None, None), document.version, &form);
    Ok(show(&manager, &seat, StatusCode::OK, &sheet))
}

pub(in crate::manager) async fn edit(
    State(manager): State<Manager>,
    seat: Seat,
    whose: Whose,
    Query(wanted): Query<Wanted>,
) -> Answer {
    let (owner, document) = found(&manager, &seat, &whose).await?;
    let Some(form) = form_in(&owner, &document, &wanted) else { return Err(not_found(&seat)) };
    let sheet = Sheet::new(&owner, (Some(&wanted), Some(form.clone())), document.version, &form);
    Ok(show(&manager, &seat, StatusCode::OK, &sheet))
}

fn form_in(owner: &Owner, document: &Document, wanted: &Wanted) -> Option<Form> {
    action_in(document, owner.list(), &wanted.key()?)
}

pub(in crate::manager) async fn add(
    State(manager): State<Manager>,
    seat: Seat,
    whose: Whose,
    fields: Fields,
) -> Answer {
    save(&manager, &seat, &whose, None, &fields).await
}

pub(in crate::manager) async fn change(
    State(manager): State<Manager>,
    seat: Seat,
    whose: Whose,
    Query(wanted): Query<Wanted>,
    fields: Fields,
) -> Answer {
    save(&manager, &seat, &whose, Some(&wanted), &fields).await
}

async fn save(manager: &Manager, seat: &Seat, whose: &Whose, of: Option<&Wanted>, fields: &Fields) -> Answer {
    let Some(form) = typed(fields) else { return Err(not_found(seat)) };
    // 0 is no version, but of what nobody has written: such a form is told that somebody was faster.
    let version = fields.get("version").parse().unwrap_or_default();
    let seen = (of, of.and_then(|_| Form::of_alone(&fields.get(SEEN).replace("\r\n", "\n"))));
    let (owner, document) = match owner::found(manager, whose).await {
        Ok(Found::Kept(owner, document)) => (owner, document),
        Ok(Found::File(owner)) => return Err(of_file(seat, &owner)),
        Ok(Found::Nothing) => return Err(not_found(seat)),
        Err(error) => {
            let Some(owner) = whose.find(&manager.house.configuration()) else { return Err(not_found(seat)) };
            let mut sheet = Sheet::new(&owner, seen, version, &form);
            let status = sheet.tell(&seat.words, Trouble::Refused(Refusal::Store(error)));
            return Ok(show(manager, seat, status, &sheet));
        }
    };
    let mut sheet = Sheet::new(&owner, seen, version, &form);
    if fields.has("more") {
        sheet.rows = (sheet.rows + 3).min(MAX_PARAMETERS);
        return Ok(show(manager, seat, StatusCode::OK, &sheet));
    }
    let key = match of.map(Wanted::key) {
        None => None,
        Some(Some(key)) => Some(key),
        Some(None) => return Err(not_found(seat)),
    };
    let order = key.as_ref().map_or(Order::Add(&form), |key| Order::Change(key, &form));
    match building::carry_out(manager, seat.name(), &owner, (document, version), order).await {
        Ok(_) => Ok(done(&owner)),
        Err(trouble) => {
            let status = sheet.tell(&seat.words, trouble);
            Ok(show(manager, seat, status, &sheet))
        }
    }
}

pub(in crate::manager) async fn remove(
    State(manager): State<Manager>,
    seat: Seat,
    whose: Whose,
    Query(wanted): Query<Wanted>,
    fields: Fields,
) -> Answer {
    let (owner, document) = found(&manager, &seat, &whose).await?;
    let version = fields.get("version").parse().unwrap_or_default();
    let Some(key) = wanted.key() else { return Err(not_found(&seat)) };
    let form = form_in(&owner, &document, &wanted);
    let current = document.version;
    match building::carry_out(&manager, seat.name(), &owner, (document, version), Order::Remove(&key)).await {
        Ok(_) => Ok(done(&owner)),
        Err(trouble) => {
            let Some(form) = form else { return Err(not_found(&seat)) };
            let mut sheet = Sheet::new(&owner, (Some(&wanted), Some(form.clone())), current, &form);
            let status = sheet.tell(&seat.words, trouble);
            Ok(show(&manager, &seat, status, &sheet))
        }
    }
}

fn done(owner: &Owner) -> Response {
    Redirect::to(&format!("{}/actions", owner.path())).into_response()
}

/// `None`: of no kind that there is.
fn typed(fields: &Fields) -> Option<Form> {
    let kind = What::of(fields.get("kind"))?;
    let all = |name: &str| fields.kept().filter(move |it| it.0 == name).map(|it| it.1.to_owned()).collect::<Vec<_>>();
    let own = building::keys(kind).iter().map(|key| (*key, fields.get(key).trim().to_owned()));
    let row = |row: usize| {
        let text = |key: &str| fields.get(&format!("parameter.{row}.{key}")).trim().replace("\r\n", "\n");
        Parameter {
            name: text("name"),
            holds: text("type"),
            description: text("description"),
            required: !text("required").is_empty(),
            values: text("values"),
        }
    };
    let is_filled = |it: &Parameter| !(it.name.is_empty() && it.description.is_empty() && it.values.is_empty());
    Some(Form {
        kind,
        name: fields.get("name").to_owned(),
        media: all("media").iter().filter_map(|it| MediaType::of(it)).collect(),
        own: own.filter(|it| !it.1.is_empty()).collect(),
        description: fields.get("description").replace("\r\n", "\n").trim().to_owned(),
        parameters: (0..MAX_PARAMETERS).map(row).filter(is_filled).collect(),
    })
}
