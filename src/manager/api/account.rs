//! Whose token this is.

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    moment::Moment,
    operation::{Call, Draft, Operation},
    problem::{Kind, Problem},
    told::Shown,
};
use crate::manager::people::Role;

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Draft::get("/account", Role::Viewer, "getAccount")
            .says("Whose token this is", "Its name, its role, and until when it is good.")
            .by(show),
    ]
}

#[derive(Debug, Serialize, JsonSchema)]
struct Account {
    token: String,
    role: Role,
    until: Moment,
}

async fn show(call: Call, (): ()) -> Result<Shown<Account>, Problem> {
    let bearer = call.caller.bearer().ok_or_else(|| Kind::Unauthorized.says("there is no token"))?;
    let (token, role, until) = (bearer.name.to_string(), bearer.role, Moment(bearer.until));
    Ok(Shown(Account { token, role, until }))
}
