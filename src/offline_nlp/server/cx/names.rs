//! Resource names of CX: `projects/P/locations/L/agents/A[/environments/E]/sessions/S`.

use tonic::Status;

use crate::offline_nlp::server::names::{self, MAX_ID_BYTES, shown};

/// The id of the one agent that is served: an export of ES has none that CX could be asked by.
pub(in crate::offline_nlp::server) const AGENT: &str = "offline";

/// An agent, as a client names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AgentName {
    pub(super) path: String,
    project: String,
    location: String,
}

/// A session, as a client names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::offline_nlp::server) struct SessionName {
    /// The same session in the words of ES, which webhooks are told. No client of ES meets it: its key is another.
    pub(super) own: names::SessionName,
    pub(super) agent: AgentName,
}

impl AgentName {
    /// # Errors
    /// When `path` is no agent's, or another one's.
    pub(super) fn parse(path: &str) -> Result<Self, Status> {
        let (agent, below) = agent(path)?;
        if below.is_empty() { Ok(agent) } else { Err(malformed(path)) }
    }
}

impl SessionName {
    /// # Errors
    /// When `path` is not a session's of the agent.
    pub(super) fn parse(path: &str) -> Result<Self, Status> {
        let (agent, below) = agent(path)?;
        let (environment, id) = match below.as_slice() {
            ["sessions", id] => ("draft", *id),
            ["environments", environment, "sessions", id] => (*environment, *id),
            _ => return Err(malformed(path)),
        };
        if id.len() > MAX_ID_BYTES {
            let long = format!("the session id has {} bytes: at most {MAX_ID_BYTES} are allowed", id.len());
            return Err(Status::invalid_argument(long));
        }
        if id.chars().any(char::is_control) {
            return Err(Status::invalid_argument("the session id holds a control character"));
        }
        let own = format!("projects/{}/locations/{}/agent", agent.project, agent.location);
        let own = names::SessionName {
            path: format!("{own}/environments/{environment}/users/-/sessions/{id}"),
            key: format!("cx/{}/{}/{environment}/{id}", agent.project, agent.location),
            agent: own,
        };
        Ok(Self { own, agent })
    }
}

/// The agent at the head of `path`, and what is below it.
fn agent(path: &str) -> Result<(AgentName, Vec<&str>), Status> {
    let parts: Vec<&str> = path.split('/').collect();
    let ["projects", project, "locations", location, "agents", id, below @ ..] = parts.as_slice() else {
        return Err(malformed(path));
    };
    if parts.iter().any(|it| it.is_empty()) {
        return Err(malformed(path));
    }
    if *id != AGENT {
        return Err(Status::not_found(format!(
            "there is no agent {}: the one that is served here is …/agents/{AGENT}",
            shown(id)
        )));
    }
    let path = format!("projects/{project}/locations/{location}/agents/{id}");
    Ok((AgentName { path, project: (*project).to_owned(), location: (*location).to_owned() }, below.to_vec()))
}

fn malformed(path: &str) -> Status {
    Status::invalid_argument(format!(
        "the name is not of the form projects/P/locations/L/agents/A[/environments/E][/sessions/S]: {}",
        shown(path)
    ))
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    #[test]
    fn b16_cx_sessions_are_told_apart_and_from_those_of_es() {
        let of = |path: &str| SessionName::parse(path).map(|it| it.own.key).map_err(|it| it.code());
        assert_eq!(of("projects/p/locations/l/agents/offline/sessions/s").unwrap(), "cx/p/l/draft/s");
        let live = "projects/p/locations/l/agents/offline/environments/e/sessions/s";
        assert_eq!(of(live).unwrap(), "cx/p/l/e/s");
        assert_eq!(
            SessionName::parse(live).unwrap().own.path,
            "projects/p/locations/l/agent/environments/e/users/-/sessions/s"
        );
        assert_eq!(of("projects/p/locations/l/agents/other/sessions/s"), Err(Code::NotFound));
        let long = format!("projects/p/locations/l/agents/offline/sessions/{}", "x".repeat(37));
        for bad in ["", "projects/p/agent/sessions/s", "projects/p/locations//agents/offline/sessions/s", &long] {
            assert_eq!(of(bad), Err(Code::InvalidArgument), "{bad}");
        }
        let agent = |path: &str| AgentName::parse(path).map(|it| it.path).map_err(|it| it.code());
        assert_eq!(agent("projects/p/locations/l/agents/offline").unwrap(), "projects/p/locations/l/agents/offline");
        assert_eq!(agent(live), Err(Code::InvalidArgument));
    }
}
