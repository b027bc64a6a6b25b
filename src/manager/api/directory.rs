//! What a business unit's routing engine has told: queues, targets, and the users that may serve.

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    asked::Named,
    contacts::MediaType,
    operation::{Call, Draft, Operation},
    problem::{Kind, Problem},
    told::Shown,
    units::{self, OfUnit},
};
use crate::{
    core::assignment::unfit,
    manager::{estate::find_unit, people::Role},
};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Draft::get("/directory/{unit}", Role::Viewer, "getDirectory")
            .says("A business unit's directory", "What handovers, actions and virtual agents can name. 404 as well while no routing engine has told one since the start.")
            .by(show),
    ]
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "DirectoryQueue")]
struct Queue {
    queue: String,
    name: String,
    /// Which contacts it takes.
    media: MediaType,
    open: bool,
    /// Contacts that wait.
    waiting: u32,
    /// `null`: the routing engine does not tell.
    expected_wait_s: Option<u32>,
}

/// Of calls; it has no opening state.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "DirectoryTarget")]
struct Target {
    target: String,
    name: String,
}

/// One with agent rights.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "DirectoryUser")]
struct User {
    user: String,
    name: String,
    /// The profile that it serves.
    serves: Option<String>,
    /// All that stands in the way of its being a virtual agent.
    hindrances: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Directory {
    queues: Vec<Queue>,
    targets: Vec<Target>,
    users: Vec<User>,
    /// So many users have no agent rights, and are not offered.
    without_rights: usize,
}

async fn show(call: Call, Named(OfUnit { unit }): Named<OfUnit>) -> Result<Shown<Directory>, Problem> {
    let loaded = call.manager.house.configuration();
    let unit = find_unit(&loaded, &unit).ok_or_else(units::none)?;
    let told = call.manager.gateway.directory(&unit.name).map_err(|_not_yet| {
        Kind::NotFound.says("no routing engine has told this business unit's directory since the start")
    })?;
    let queues = told.queues.iter().map(|(id, it)| Queue {
        queue: id.to_string(),
        name: it.name.clone(),
        media: it.media.into(),
        open: it.open,
        waiting: it.waiting,
        expected_wait_s: it.expected_wait_s,
    });
    let profiles: Vec<_> = loaded.settings.profiles.iter().filter(|it| it.unit == unit.name).collect();
    let users = told.users.iter().filter(|(_, it)| it.agent_rights).map(|(id, it)| User {
        user: id.to_string(),
        name: it.name.clone(),
        serves: profiles.iter().find(|it| it.rules.agents.contains(id)).map(|it| it.name.to_string()),
        hindrances: unfit(it).map(|why| why.to_string()).collect(),
    });
    Ok(Shown(Directory {
        queues: queues.collect(),
        targets: told.targets.iter().map(|(id, name)| Target { target: id.to_string(), name: name.clone() }).collect(),
        without_rights: told.users.values().filter(|it| !it.agent_rights).count(),
        users: users.collect(),
    }))
}
