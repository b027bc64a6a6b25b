//! What stands behind the question mark of a page's address. One that cannot be read is refused by a page, like everything else.

use axum::{extract::FromRequestParts, response::Response};
use http::{StatusCode, request::Parts};
use serde::de::DeserializeOwned;

use super::{Manager, guard::Seat, pages::refusal};

#[derive(Clone, Copy, Debug)]
pub(super) struct Query<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<Manager> for Query<T> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, manager: &Manager) -> Result<Self, Response> {
        axum::extract::Query::try_from_uri(&parts.uri).map(|it| Self(it.0)).map_err(|_unreadable| {
            let seat = Seat::of(manager, &parts.headers, parts);
            let text = seat.words.t("What stands behind the question mark of this address cannot be read.");
            refusal(&seat, StatusCode::BAD_REQUEST, text)
        })
    }
}
