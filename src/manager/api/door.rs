//! Who calls: a program with a token, and nobody by a browser's cookie, so that no page of another site can change anything here.

use http::{header, request::Parts};

use super::problem::{Kind, Problem};
use crate::manager::{
    Manager,
    people::{
        Role,
        tokens::{Bearer, NoToken},
    },
};

/// `None`: anybody, where that is enough.
#[derive(Clone, Debug)]
pub(super) struct Caller(Option<Bearer>);

impl Caller {
    /// As it stands in the audit log.
    pub(super) fn signs(&self) -> String {
        self.0.as_ref().map(Bearer::signs).unwrap_or_default()
    }

    pub(super) const fn bearer(&self) -> Option<&Bearer> {
        self.0.as_ref()
    }
}

pub(super) async fn admit(manager: &Manager, parts: &Parts, role: Option<Role>) -> Result<Caller, Problem> {
    let Some(needed) = role else { return Ok(Caller(None)) };
    let shown = parts.headers.get(header::AUTHORIZATION).and_then(|it| it.to_str().ok());
    let Some((scheme, token)) = shown.and_then(|it| it.split_once(' ')) else {
        return Err(
            Kind::Unauthorized.says("send the header `Authorization: Bearer usher_…`, with a token of the page Tokens")
        );
    };
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Kind::Unauthorized.says("the scheme of `Authorization` has to be Bearer"));
    }
    let bearer = manager.people.bearer(token.trim(), manager.address(parts)).await.map_err(|why| match why {
        NoToken::Throttled(seconds) => Kind::TooMany.says(why.to_string()).after(seconds),
        NoToken::Store(error) => error.into(),
        NoToken::Unknown | NoToken::Expired | NoToken::Name(_) | NoToken::Days | NoToken::Taken | NoToken::TooMany => {
            Kind::Unauthorized.says(why.to_string())
        }
    })?;
    if bearer.role < needed {
        let (needed, own) = (needed.label(), bearer.role.label());
        return Err(Kind::Forbidden.says(format!("this takes the role {needed}; the token's is {own}")));
    }
    Ok(Caller(Some(bearer)))
}
