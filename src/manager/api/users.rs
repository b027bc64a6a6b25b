//! Who may sign in to the Web Manager.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    asked::{Json, Named, Seen},
    etag,
    moment::Moment,
    names,
    operation::{Call, Draft, Operation},
    problem::{Current, Kind, Problem},
    told::{Changed, Done, Found, Kept, Made, Shown},
};
use crate::manager::{
    Manager, address,
    people::{self, Refused, Role, UserName},
};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Draft::get("/users", Role::Administrator, "listUsers").says("Users", "").by(list),
        Draft::post("/users", Role::Administrator, "addUser")
            .says("Add a user", "The answer has a link by which the password is chosen: it is good once, for three days, and is nowhere else.")
            .refuses(&[Kind::Conflict])
            .by(add),
        Draft::get("/users/{user}", Role::Administrator, "getUser").says("One user", "").by(show),
        Draft::put("/users/{user}", Role::Administrator, "changeUser")
            .says("Change a user's role, or disable the user", "Whoever is signed in as that user is signed out. The last administrator stays one.")
            .refuses(&[Kind::Conflict])
            .by(change),
        Draft::delete("/users/{user}", Role::Administrator, "removeUser")
            .says("Remove a user", "What the user did stays in the audit log. The last administrator stays.")
            .refuses(&[Kind::Conflict])
            .by(remove),
        Draft::post("/users/{user}/invitation", Role::Administrator, "inviteUser")
            .says("Make a link for a new password", "Until it is used the old one is good; the second factor is taken off then.")
            .refuses(&[Kind::Conflict])
            .by(invite),
        Draft::get("/users/{user}/sign-ins", Role::Administrator, "countSignIns")
            .says("How often a user is signed in now", "To the Web Manager, in all browsers.")
            .by(signed_in),
        Draft::delete("/users/{user}/sign-ins", Role::Administrator, "endSignIns")
            .says("End all sign-ins of a user", "To the Web Manager, in every browser. It changes nothing of who may sign in.")
            .by(end),
    ]
}

#[derive(Debug, Serialize, JsonSchema)]
struct User {
    name: String,
    role: Role,
    /// May not sign in.
    disabled: bool,
    second_factor: bool,
    /// Has chosen a password.
    has_password: bool,
    changed_at: Moment,
    changed_by: String,
}

impl User {
    fn of(kept: &people::Kept) -> Self {
        Self {
            name: kept.name.to_string(),
            role: kept.user.role,
            disabled: kept.user.disabled,
            second_factor: kept.user.totp.is_some(),
            has_password: kept.user.password.is_some(),
            changed_at: Moment(kept.changed_at),
            changed_by: kept.changed_by.clone(),
        }
    }
}

/// One of a list, with what `If-Match` has to say to change it.
#[derive(Debug, Serialize, JsonSchema)]
struct Listed {
    #[serde(flatten)]
    user: User,
    /// How often the user is signed in now.
    sign_ins: usize,
    etag: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Users {
    users: Vec<Listed>,
}

async fn list(call: Call, (): ()) -> Result<Shown<Users>, Problem> {
    let all = call.manager.people.all().await?;
    let users = all.iter().map(|it| Listed {
        user: User::of(it),
        sign_ins: sign_ins(&call.manager, &it.name),
        etag: etag::of_version(it.version),
    });
    let users = users.collect();
    Ok(Shown(Users { users }))
}

fn sign_ins(manager: &Manager, name: &UserName) -> usize {
    manager.people.sessions.of(name, manager.people.now()).len()
}

/// Apart from the user, whose version says nothing of them.
#[derive(Debug, Serialize, JsonSchema)]
struct SignIns {
    /// How often the user is signed in now.
    sign_ins: usize,
}

async fn signed_in(call: Call, Named(names): Named<OfUser>) -> Result<Shown<SignIns>, Problem> {
    let kept = found(&call.manager, &names).await?;
    Ok(Shown(SignIns { sign_ins: sign_ins(&call.manager, &kept.name) }))
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewUser {
    name: names::User,
    role: Role,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Invited {
    name: String,
    /// Where the password is chosen.
    link: String,
}

fn invited(manager: &Manager, name: &UserName, token: &str) -> Invited {
    Invited { name: name.to_string(), link: format!("{}/welcome?user={name}&token={token}", manager.base) }
}

async fn add(call: Call, Json(wanted): Json<NewUser>) -> Result<Made<Invited>, Problem> {
    let Call { manager, caller } = call;
    // Names are kept in small letters: what is sent is to be what is kept.
    if UserName::new(wanted.name.as_str()).is_ok_and(|it| it.as_str() != wanted.name.as_str()) {
        return Err(Problem::field("name", people::BadUserName.to_string()));
    }
    let made = manager.people.invite(&caller.signs(), wanted.name.as_str(), wanted.role).await;
    let (name, token) = made.map_err(refused)?;
    let at = format!("{}/users/{}", super::PREFIX, address::part(name.as_str()));
    Ok(Made { at, value: invited(&manager, &name, &token) })
}

#[derive(Debug, Deserialize, JsonSchema)]
struct OfUser {
    user: names::User,
}

async fn found(manager: &Manager, OfUser { user }: &OfUser) -> Result<people::Kept, Problem> {
    let name = UserName::new(user.as_str()).ok().filter(|it| it.as_str() == user.as_str());
    let found = match name {
        Some(name) => manager.people.find(&name).await?,
        None => None,
    };
    found.ok_or_else(|| refused(Refused::Unknown))
}

async fn show(call: Call, Named(names): Named<OfUser>) -> Result<Kept<User>, Problem> {
    let kept = found(&call.manager, &names).await?;
    Ok(Kept { version: kept.version, value: User::of(&kept) })
}

/// What else a user shows may be sent along as it is shown.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ChangedUser {
    role: Role,
    /// May not sign in.
    disabled: bool,
    #[serde(default)]
    #[schemars(skip)]
    name: Option<String>,
    #[serde(default)]
    #[schemars(skip)]
    second_factor: Option<bool>,
    #[serde(default)]
    #[schemars(skip)]
    has_password: Option<bool>,
    #[serde(default)]
    #[schemars(skip)]
    changed_at: Option<String>,
    #[serde(default)]
    #[schemars(skip)]
    changed_by: Option<String>,
}

impl ChangedUser {
    /// What is not changed here is as it is shown, or not sent.
    fn keeps(&self, kept: &people::Kept) -> Result<(), Problem> {
        let Self { name, second_factor, has_password, changed_at, changed_by, .. } = self;
        let is = User::of(kept);
        let moment = serde_json::to_value(is.changed_at).unwrap_or_default();
        let same = [
            ("name", name.as_ref().is_none_or(|it| *it == is.name)),
            ("second_factor", second_factor.is_none_or(|it| it == is.second_factor)),
            ("has_password", has_password.is_none_or(|it| it == is.has_password)),
            ("changed_at", changed_at.as_ref().is_none_or(|it| moment == it.as_str())),
            ("changed_by", changed_by.as_ref().is_none_or(|it| *it == is.changed_by)),
        ];
        match same.into_iter().find(|it| !it.1) {
            Some((field, _)) => Err(Problem::field(field, format!("`{field}` is not changed here: leave it out"))),
            None => Ok(()),
        }
    }
}

fn outdated(now: &people::Kept, sent: Option<&ChangedUser>) -> Problem {
    let value = serde_json::to_value(User::of(now)).unwrap_or_default();
    let sent = sent.map(|sent| {
        let changed = User { role: sent.role, disabled: sent.disabled, ..User::of(now) };
        serde_json::to_value(changed).and_then(|it| serde_json::to_string_pretty(&it)).unwrap_or_default()
    });
    let said = format!("{} has changed this user meanwhile: nothing was changed", now.changed_by);
    let current = Current::new(now.version, (&now.changed_by, now.changed_at), value, sent.as_deref());
    Kind::Outdated.says(said).now(current)
}

async fn change(
    call: Call,
    (Named(names), seen, Json(wanted)): (Named<OfUser>, Seen, Json<ChangedUser>),
) -> Result<Changed<User>, Problem> {
    let Call { manager, caller } = call;
    let kept = found(&manager, &names).await?;
    if seen.expects(kept.version).is_none() {
        return Err(outdated(&kept, Some(&wanted)));
    }
    wanted.keeps(&kept)?;
    let change = (kept.version, wanted.role, wanted.disabled);
    match manager.people.change(&caller.signs(), &kept.name, change).await {
        Ok(version) => {
            let now = found(&manager, &names).await?;
            if now.version != version {
                return Err(outdated(&now, Some(&wanted)));
            }
            Ok(Changed { version, value: User::of(&now) })
        }
        Err(Refused::Conflict) => Err(outdated(&found(&manager, &names).await?, Some(&wanted))),
        Err(why) => Err(refused(why)),
    }
}

async fn remove(call: Call, (Named(names), seen): (Named<OfUser>, Seen)) -> Result<Done, Problem> {
    let Call { manager, caller } = call;
    let kept = found(&manager, &names).await?;
    if seen.expects(kept.version).is_none() {
        return Err(outdated(&kept, None));
    }
    match manager.people.remove(&caller.signs(), &kept.name, kept.version).await {
        Ok(()) => Ok(Done),
        Err(Refused::Conflict) => Err(outdated(&found(&manager, &names).await?, None)),
        Err(why) => Err(refused(why)),
    }
}

async fn invite(call: Call, Named(names): Named<OfUser>) -> Result<Found<Invited>, Problem> {
    let Call { manager, caller } = call;
    let kept = found(&manager, &names).await?;
    let token = manager.people.invite_again(&caller.signs(), &kept.name, None).await.map_err(refused)?;
    Ok(Found(invited(&manager, &kept.name, &token)))
}

async fn end(call: Call, Named(names): Named<OfUser>) -> Result<Done, Problem> {
    let Call { manager, caller } = call;
    let kept = found(&manager, &names).await?;
    manager.people.end_all(&caller.signs(), &kept.name).await.map_err(refused)?;
    Ok(Done)
}

fn refused(why: Refused) -> Problem {
    match why {
        Refused::Store(error) => error.into(),
        Refused::Unknown => Kind::NotFound.says(why.to_string()),
        Refused::Name(_) => Problem::field("name", why.to_string()),
        Refused::Taken
        | Refused::LastAdministrator
        | Refused::Conflict
        | Refused::SignIn
        | Refused::Throttled(_)
        | Refused::Invitation
        | Refused::Password(_)
        | Refused::Code
        | Refused::Hash(_)
        | Refused::Sealed => Kind::Conflict.says(why.to_string()),
    }
}
