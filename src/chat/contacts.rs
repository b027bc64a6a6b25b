//! What a customer does: begin, say, write, leave.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, StatusCode, header};
use serde::Serialize;

use super::{Shared, asked::Named, body::Fields, problem::Refused, token::Right};
use crate::{
    core::ids::ContactName,
    switchboard::{Media, NewContact, Refusal},
};

/// Where a server mounts us.
const MOUNTED_AT: &str = "/chat";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Opened<'a> {
    contact_id: &'a str,
    token: String,
    /// Where to listen, on this server; with a token of its own that is good for nothing else.
    events: String,
}

pub(super) async fn open(State(shared): State<Arc<Shared>>, request: Request) -> Result<Response, Refused> {
    let household = shared.household(&request);
    let mut fields = Fields::read(request).await?;
    let contact = NewContact {
        media: Media::WebInteraction,
        language: fields.text("language")?,
        name: fields.optional_text("name")?,
        attributes: fields.texts("attributes")?,
    };
    // What is no contact costs none.
    contact.check()?;
    let refusal = "your address has begun many contacts: wait a little";
    shared.take(&shared.contacts, household, refusal)?;
    let name = shared.switchboard.open(contact).await?;
    let contact_id = name.as_str();
    let token = shared.key.token(Right::Speak, contact_id);
    let reading = shared.key.token(Right::Read, contact_id);
    let events = format!("{MOUNTED_AT}/v1/contacts/{contact_id}/events?token={reading}");
    Ok((StatusCode::CREATED, Json(Opened { contact_id, token, events })).into_response())
}

#[derive(Serialize)]
struct Taken {
    /// The entry's number.
    seq: u64,
}

pub(super) async fn say(
    State(shared): State<Arc<Shared>>,
    Named(id): Named,
    request: Request,
) -> Result<Response, Refused> {
    let contact = speaker(&shared, &id, request.headers())?;
    let mut fields = Fields::read(request).await?;
    let (message, text) = (fields.text("id")?, fields.text("text")?);
    shared.take(
        &shared.messages,
        id,
        "too many messages at once: wait a moment, then send it again with the same id",
    )?;
    let said = shared.switchboard.customer_says(&contact, &message, &text).await?;
    let status = if said.repeated { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok((status, Json(Taken { seq: said.seq })).into_response())
}

pub(super) async fn typing(
    State(shared): State<Arc<Shared>>,
    Named(id): Named,
    headers: HeaderMap,
) -> Result<StatusCode, Refused> {
    let contact = speaker(&shared, &id, &headers)?;
    shared.switchboard.customer_types(&contact)?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn leave(
    State(shared): State<Arc<Shared>>,
    Named(id): Named,
    headers: HeaderMap,
) -> Result<StatusCode, Refused> {
    let contact = speaker(&shared, &id, &headers)?;
    match shared.switchboard.customer_leaves(&contact).await {
        // Who leaves twice has left.
        Ok(()) | Err(Refusal::Ended) => Ok(StatusCode::NO_CONTENT),
        Err(refusal) => Err(refusal.into()),
    }
}

/// The contact, if the request carries its token. An unknown contact has none, so that nobody learns which there are.
pub(super) fn speaker(shared: &Shared, id: &str, headers: &HeaderMap) -> Result<ContactName, Refused> {
    let token = bearer(headers).ok_or_else(Refused::unauthenticated)?;
    if !shared.key.grants(Right::Speak, id, token) {
        return Err(Refused::unauthenticated());
    }
    ContactName::new(id).map_err(|_no_name| Refused::unauthenticated())
}

pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut sent = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (sent.next(), sent.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
