//! What a request's address asks for; one that cannot be read is refused like everything else.

use axum::extract::{FromRequestParts, Path, Query};
use http::request::Parts;
use serde::de::DeserializeOwned;

use super::problem::Refused;
use crate::problem::ProblemKind;

/// The name in the path.
pub(super) struct Named(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let wrong = "the name in the address is not UTF-8: take the address as it was given";
        let found = Path::from_request_parts(parts, state).await;
        Ok(Self(found.map_err(|_rejection| Refused::new(ProblemKind::Invalid, wrong))?.0))
    }
}

/// The query. What is in it may be a token, so a refusal repeats none of it.
pub(super) struct Asked<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let wrong = "the query cannot be read: give every key once, in UTF-8";
        let found = Query::from_request_parts(parts, state).await;
        Ok(Self(found.map_err(|_rejection| Refused::new(ProblemKind::Invalid, wrong))?.0))
    }
}
