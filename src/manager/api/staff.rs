//! A profile's virtual agents, the operator's hand on the whole profile, and the connectors that are attached.

use schemars::JsonSchema;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    asked::{Json, Named, Seen},
    etag::of_version,
    moment::Moment,
    operation::{Call, Draft, Operation},
    problem::{Current, Kind, Problem, Told},
    profiles::{OfProfile, etag_of, none, outdated, refused, written},
    told::{Changed, Done, Shown, Written},
};
use crate::{
    core::ids::UserId,
    gateway::storage,
    manager::{
        assigning::{self, Hindrance, Person, Staff, Trouble, Wanted},
        pages::pause,
        people::Role,
        ports::{DeskNow, NewToken, TokenOrder},
    },
};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Draft::get("/profiles/{unit}/{profile}/agents", Role::Viewer, "getProfileAgents")
            .says(
                "Who is a profile's virtual agent, and who could be",
                "Each with all that stands in the way. Users without agent rights are counted, and not offered.",
            )
            .by(show),
        Draft::post("/profiles/{unit}/{profile}/agents", Role::Administrator, "assignAgents")
            .says(
                "Take virtual agents on and off",
                "`If-Match` has the profile's `etag`. It is done as a whole, or not at all.",
            )
            .refuses(&[Kind::Conflict])
            .by(assign),
        Draft::post("/profiles/{unit}/{profile}/pause", Role::Operator, "pauseProfile")
            .says(
                "Pause a profile",
                "New contacts go to its fallback queue, or are refused; those that it has go on to their end.",
            )
            .by(pause),
        Draft::post("/profiles/{unit}/{profile}/resume", Role::Operator, "resumeProfile")
            .says("Let a paused profile go on", "")
            .by(resume),
        Draft::get("/profiles/{unit}/{profile}/connector-tokens", Role::Viewer, "listConnectorTokens")
            .says(
                "The tokens that a profile's connectors dial in with",
                "Never with the token itself: that is told once, when it is made.",
            )
            .by(tokens),
        Draft::post("/profiles/{unit}/{profile}/connector-tokens", Role::Administrator, "reloadConnectorToken")
            .says(
                "Make a connector's new token",
                "The answer has it: it is nowhere else. The one before it is good for 15 minutes more. `If-Match` has the `etag` of its name in the list.",
            )
            .by(reload),
        Draft::get("/connectors", Role::Viewer, "listConnectors")
            .says("Connectors that are attached", "By business unit, profile and token.")
            .by(connectors),
    ]
}

#[derive(Debug, Serialize, JsonSchema)]
struct Somebody {
    agent: String,
    /// As the routing engine tells it.
    name: String,
    /// All that stands in the way.
    hindrances: Vec<String>,
}

impl From<Person> for Somebody {
    fn from(it: Person) -> Self {
        let hindrances = it.hindrances.iter().map(told).collect();
        Self { agent: it.user.to_string(), name: it.name, hindrances }
    }
}

fn told(hindrance: &Hindrance) -> String {
    match hindrance {
        Hindrance::Unfit(why) => why.to_string(),
        Hindrance::Serves(profile) => format!("serves profile {profile}"),
        Hindrance::Unknown => "is not in the business unit".to_owned(),
    }
}

#[derive(Debug, Serialize, JsonSchema)]
struct Agents {
    assigned: Vec<Somebody>,
    /// Of the routing engine's directory; empty while it has told none.
    available: Vec<Somebody>,
    without_rights: usize,
    /// What `If-Match` has to say to change them; `null`: the profile is written in a file.
    etag: Option<String>,
}

async fn show(call: Call, Named(names): Named<OfProfile>) -> Result<Shown<Agents>, Problem> {
    let manager = &call.manager;
    let (_, profile) = names.find(manager).ok_or_else(none)?;
    // Without one it is said that nobody has told it yet: either cause comes to that.
    let directory = manager.gateway.directory(&profile.unit).ok();
    let staff = Staff::of(&profile, &manager.house.configuration(), directory.as_deref());
    let list = |all: Vec<Person>| all.into_iter().map(Somebody::from).collect();
    let without_rights = staff.without_rights;
    let etag = etag_of(manager, &profile).await?;
    Ok(Shown(Agents { assigned: list(staff.assigned), available: list(staff.available), without_rights, etag }))
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Change {
    /// Users of the routing engine's directory.
    #[serde(default)]
    assign: Vec<String>,
    #[serde(default)]
    take_off: Vec<String>,
}

fn users(field: &str, list: &[String]) -> Result<Vec<UserId>, Problem> {
    let read = |(at, it): (usize, &String)| {
        let why = |error| Problem::field(&format!("{field}[{at}]"), format!("this is no user's id, it {error}"));
        UserId::new(it).map_err(why)
    };
    list.iter().enumerate().map(read).collect()
}

async fn assign(
    call: Call,
    (Named(names), seen, Json(change)): (Named<OfProfile>, Seen, Json<Change>),
) -> Result<Written, Problem> {
    let Call { manager, caller } = call;
    let (_, profile) = names.find(&manager).ok_or_else(none)?;
    let document = written(&manager, &names).await?.ok_or_else(none)?;
    if seen.expects(document.version).is_none() {
        return Err(outdated(&document, None));
    }
    let wanted = Wanted { assign: users("assign", &change.assign)?, take_off: users("take_off", &change.take_off)? };
    let mut off = wanted.take_off.iter().enumerate();
    if let Some((at, user)) = off.find(|(_, it)| !profile.rules.agents.contains(it)) {
        return Err(Problem::field(&format!("take_off[{at}]"), format!("{user} is no virtual agent of this profile")));
    }
    let version = document.version;
    let done = assigning::assign(&manager, &caller.signs(), &profile, (document, version), &wanted).await;
    done.map(Written).map_err(|trouble| match trouble {
        Trouble::Users(list) => {
            let at = |user: &UserId| wanted.assign.iter().position(|it| it == user).unwrap_or_default();
            let told = list
                .iter()
                .map(|(user, why)| Told::at(&format!("assign[{}]", at(user)), format!("{user} {}", told(why))));
            let told = told.collect();
            Kind::Invalid.says("not all of these users can be virtual agents: nothing was changed").with(told)
        }
        Trouble::Invalid { users, others } => {
            let all: Vec<_> = users.into_iter().map(|it| it.1).chain(others).collect();
            Problem::findings(&all)
        }
        Trouble::Draft(error) => Kind::Conflict.says(error.to_string()),
        Trouble::Refused(why) => refused(why, None),
    })
}

async fn pause(call: Call, Named(names): Named<OfProfile>) -> Result<Done, Problem> {
    set(&call, &names, true).await
}

async fn resume(call: Call, Named(names): Named<OfProfile>) -> Result<Done, Problem> {
    set(&call, &names, false).await
}

async fn set(call: &Call, names: &OfProfile, paused: bool) -> Result<Done, Problem> {
    let (_, profile) = names.find(&call.manager).ok_or_else(none)?;
    pause::set(&call.manager, &call.caller.signs(), &profile, paused).await?;
    Ok(Done)
}

#[derive(Debug, Serialize, JsonSchema)]
struct ConnectorToken {
    /// Mostly it has none.
    name: String,
    made_at: Moment,
    /// `null`: the current one of its name.
    until: Option<Moment>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ConnectorTokens {
    /// By these names the profile's connectors dial in; none: no connector answers for it.
    names: Vec<TokenName>,
    tokens: Vec<ConnectorToken>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ConnectorTokenName")]
struct TokenName {
    /// Mostly it has none.
    name: String,
    /// What `If-Match` has to say to make a new one.
    etag: String,
}

async fn tokens(call: Call, Named(names): Named<OfProfile>) -> Result<Shown<ConnectorTokens>, Problem> {
    let (_, profile) = names.find(&call.manager).ok_or_else(none)?;
    let house = &call.manager.house;
    let kept = house.tokens(&profile).await?;
    let names = house.token_names(&profile).into_iter().map(|name| {
        let etag = of_version(storage::ConnectorToken::version_of(&kept, &name));
        TokenName { name, etag }
    });
    let names = names.collect();
    let tokens = kept.into_iter().map(|it| ConnectorToken {
        name: it.name,
        made_at: Moment(it.made_at),
        until: it.valid_until.map(Moment),
    });
    Ok(Shown(ConnectorTokens { names, tokens: tokens.collect() }))
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WantedToken {
    /// One of the profile's `token_name`; mostly it has none.
    #[serde(default)]
    name: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct NewConnectorToken {
    name: String,
    /// What the connector sends.
    token: String,
}

async fn reload(
    call: Call,
    (Named(names), seen, Json(WantedToken { name })): (Named<OfProfile>, Seen, Json<WantedToken>),
) -> Result<Changed<NewConnectorToken>, Problem> {
    let Call { manager, caller } = call;
    let (_, profile) = names.find(&manager).ok_or_else(none)?;
    let all = manager.house.token_names(&profile);
    if !all.contains(&name) {
        let told = match all.as_slice() {
            [] => "no connector dials in for this profile".to_owned(),
            [only] if only.is_empty() => "the profile's connectors dial in without a name: leave it out".to_owned(),
            _ => {
                let all: Vec<&str> = all.iter().map(|it| if it.is_empty() { "(none)" } else { it }).collect();
                format!("the profile's connectors dial in by these names: {}", all.join(", "))
            }
        };
        return Err(Problem::field("name", told));
    }
    let (unit, of) = (profile.unit.clone(), profile.name.clone());
    let now = storage::ConnectorToken::version_of(&manager.house.tokens(&profile).await?, &name);
    if seen.expects(now).is_none() {
        return Err(made_meanwhile(&name, now));
    }
    let order = TokenOrder { by: caller.signs(), unit, profile: of, name: name.clone(), seen: now };
    let Some(NewToken { token, version }) = manager.house.reload_token(order).await? else {
        let now = storage::ConnectorToken::version_of(&manager.house.tokens(&profile).await?, &name);
        return Err(made_meanwhile(&name, now));
    };
    Ok(Changed { version, value: NewConnectorToken { name, token: token.expose_secret().to_owned() } })
}

fn made_meanwhile(name: &str, now: u64) -> Problem {
    let current = Current::default_now(now, json!({ "name": name }), None);
    let text = "another token has been made since you looked, and that one is good: no new one was made";
    Kind::Outdated.says(text).now(current)
}

#[derive(Debug, Serialize, JsonSchema)]
struct Socket {
    since: Moment,
    in_flight: usize,
    /// How many turns it may have at a time.
    credits: u32,
    /// It takes no further turn.
    leaves: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Connector {
    unit: String,
    profile: String,
    /// The token's name; mostly it has none.
    token: String,
    attached: usize,
    /// Turns that a socket has, or that wait for one.
    turns: usize,
    /// The oldest; there may be more.
    sockets: Vec<Socket>,
}

impl From<DeskNow> for Connector {
    fn from(it: DeskNow) -> Self {
        let sockets = it.sockets.into_iter().map(|it| Socket {
            since: Moment(it.since),
            in_flight: it.in_flight,
            credits: it.credits,
            leaves: it.leaves,
        });
        Self {
            unit: it.unit.to_string(),
            profile: it.profile.to_string(),
            token: it.token,
            attached: it.attached,
            turns: it.turns,
            sockets: sockets.collect(),
        }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
struct Connectors {
    connectors: Vec<Connector>,
}

async fn connectors(call: Call, (): ()) -> Result<Shown<Connectors>, Problem> {
    let connectors = call.manager.house.connectors().into_iter().map(Connector::from).collect();
    Ok(Shown(Connectors { connectors }))
}
