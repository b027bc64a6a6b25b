//! Which programs may use the API.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    asked::{Json, Named},
    moment::Moment,
    names,
    operation::{Call, Draft, Operation},
    problem::{Kind, Problem},
    told::{Done, Made, Shown},
};
use crate::manager::{
    address,
    people::{
        Role,
        tokens::{KeptToken, MAX_DAYS, NoToken, TokenName},
    },
};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Draft::get("/tokens", Role::Administrator, "listTokens")
            .says("Tokens", "Never with what a program shows: that is told once, when it is made.")
            .by(list),
        Draft::post("/tokens", Role::Administrator, "makeToken")
            .says("Make a token", "The answer has what a program shows: it is nowhere else.")
            .refuses(&[Kind::Conflict])
            .by(make),
        Draft::delete("/tokens/{token}", Role::Administrator, "revokeToken")
            .says("Revoke a token", "It is good for nothing from now on. A token does not revoke itself: that takes another, or the page Tokens.")
            .refuses(&[Kind::Conflict])
            .by(revoke),
    ]
}

#[derive(Debug, Serialize, JsonSchema)]
struct Token {
    name: String,
    role: Role,
    made_at: Moment,
    made_by: String,
    until: Moment,
    /// To the day, of what was before the gateway's start.
    used_at: Option<Moment>,
}

impl From<KeptToken> for Token {
    fn from(KeptToken { name, token, .. }: KeptToken) -> Self {
        Self {
            name: name.to_string(),
            role: token.role,
            made_at: Moment(token.made_at),
            made_by: token.made_by,
            until: Moment(token.until),
            used_at: token.used_at.map(Moment),
        }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
struct Tokens {
    tokens: Vec<Token>,
}

async fn list(call: Call, (): ()) -> Result<Shown<Tokens>, Problem> {
    let tokens = call.manager.people.tokens().await?.into_iter().map(Token::from).collect();
    Ok(Shown(Tokens { tokens }))
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewToken {
    name: names::Token,
    role: Role,
    /// How long it is good.
    days: names::Whole<MAX_DAYS>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct MadeToken {
    /// What a program sends as `Authorization: Bearer …`.
    token: String,
    #[serde(flatten)]
    about: Token,
}

async fn make(call: Call, Json(wanted): Json<NewToken>) -> Result<Made<MadeToken>, Problem> {
    let made = call
        .manager
        .people
        .make_token(&call.caller.signs(), wanted.name.as_str(), (wanted.role, wanted.days.get()))
        .await;
    let (kept, token) = made.map_err(|why| match why {
        NoToken::Store(error) => error.into(),
        NoToken::Name(_) => Problem::field("name", why.to_string()),
        NoToken::Days => Problem::field("days", why.to_string()),
        NoToken::Taken | NoToken::TooMany | NoToken::Unknown | NoToken::Expired | NoToken::Throttled(_) => {
            Kind::Conflict.says(why.to_string())
        }
    })?;
    let at = format!("{}/tokens/{}", super::PREFIX, address::part(kept.name.as_str()));
    Ok(Made { at, value: MadeToken { token, about: kept.into() } })
}

#[derive(Debug, Deserialize, JsonSchema)]
struct OfToken {
    token: names::Token,
}

async fn revoke(call: Call, Named(OfToken { token }): Named<OfToken>) -> Result<Done, Problem> {
    let none = || Kind::NotFound.says("there is no token of this name");
    let name = TokenName::new(token.as_str()).map_err(|_no_name| none())?;
    if call.caller.bearer().is_some_and(|it| it.name == name) {
        return Err(Kind::Conflict.says("a token does not revoke itself: use another, or the page Tokens"));
    }
    let is_gone = call.manager.people.revoke_token(&call.caller.signs(), &name).await?;
    call.manager.trying.trials.end_of_token(&name);
    is_gone.then_some(Done).ok_or_else(none)
}
