//! Resource names: `projects/P[/locations/L]/agent[/environments/E/users/U]/sessions/S[/contexts/C]` and their like.

use tonic::Status;

/// The service counts characters in some places and bytes in others; bytes are the stricter.
pub(super) const MAX_ID_BYTES: usize = 36;
const MAX_CONTEXT_BYTES: usize = 250;

/// A session, as a client names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SessionName {
    /// As the client writes it.
    pub(super) path: String,
    /// The same for every way to write it.
    pub(super) key: String,
    /// `projects/P[/locations/L]/agent`
    pub(super) agent: String,
}

/// What lies below a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ItemName {
    pub(super) session: SessionName,
    pub(super) id: String,
}

/// Which collection of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Collection {
    Contexts,
    EntityTypes,
}

impl Collection {
    pub(super) const fn segment(self) -> &'static str {
        match self {
            Self::Contexts => "contexts",
            Self::EntityTypes => "entityTypes",
        }
    }

    /// # Errors
    /// When `id` cannot name an item of the collection.
    pub(super) fn id(self, id: &str) -> Result<String, Status> {
        let good = !id.is_empty() && id.len() <= MAX_CONTEXT_BYTES;
        match self {
            Self::Contexts if good && id.bytes().all(|it| it.is_ascii_alphanumeric() || b"_-%".contains(&it)) => {
                Ok(id.to_lowercase())
            }
            Self::Contexts => Err(Status::invalid_argument(format!(
                "the context id must have 1 to {MAX_CONTEXT_BYTES} characters of a-z, A-Z, 0-9, _, - and %"
            ))),
            Self::EntityTypes if good && !id.chars().any(char::is_control) => Ok(id.to_owned()),
            Self::EntityTypes => Err(Status::invalid_argument(format!(
                "the entity type's name must have 1 to {MAX_CONTEXT_BYTES} bytes"
            ))),
        }
    }
}

impl SessionName {
    /// # Errors
    /// When `path` is not a session's.
    pub(super) fn parse(path: &str) -> Result<Self, Status> {
        let (name, below) = session(path)?;
        if below.is_empty() { Ok(name) } else { Err(malformed(path)) }
    }
}

impl ItemName {
    /// # Errors
    /// When `path` is not that of an item of the collection.
    pub(super) fn parse(path: &str, collection: Collection) -> Result<Self, Status> {
        let (session, below) = session(path)?;
        match below.as_slice() {
            [kind, id] if *kind == collection.segment() => Ok(Self { session, id: collection.id(id)? }),
            _ => Err(Status::invalid_argument(format!(
                "the name is not of the form …/sessions/S/{}/X: {}",
                collection.segment(),
                shown(path)
            ))),
        }
    }
}

/// An agent, as the list of its intents names it: `projects/P[/locations/L]/agent[/environments/E]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AgentName {
    /// `projects/P[/locations/L]/agent`
    pub(super) path: String,
    /// Not that of an environment, or of the one that stands for it.
    pub(super) is_draft: bool,
}

impl AgentName {
    /// # Errors
    /// When `path` is not an agent's.
    pub(super) fn parse(path: &str) -> Result<Self, Status> {
        let (agent, environment) = path.split_once("/agent/environments/").unwrap_or((path, "draft"));
        let agent = agent.strip_suffix("/agent").unwrap_or(agent);
        let whole = path.ends_with("/agent") || path.contains("/agent/environments/");
        if !whole || !is_project(agent) || environment.is_empty() || environment.contains('/') {
            return Err(Status::invalid_argument(format!(
                "the agent is not of the form projects/P[/locations/L]/agent[/environments/E]: {}",
                shown(path)
            )));
        }
        Ok(Self { path: format!("{agent}/agent"), is_draft: environment == "draft" })
    }

    /// The agent and the id in `projects/P[/locations/L]/agent/intents/I`.
    ///
    /// # Errors
    /// When `path` is not an intent's.
    pub(super) fn of_intent(path: &str) -> Result<(Self, &str), Status> {
        let malformed = || {
            Status::invalid_argument(format!(
                "the name is not of the form projects/P[/locations/L]/agent/intents/I: {}",
                shown(path)
            ))
        };
        let (agent, id) = path.split_once("/intents/").ok_or_else(malformed)?;
        let agent = Self::parse(agent).ok().filter(|it| it.path == agent).ok_or_else(malformed)?;
        if id.is_empty() || id.contains('/') { Err(malformed()) } else { Ok((agent, id)) }
    }
}

/// A project, with or without its location: `projects/P[/locations/L]`.
pub(super) fn is_project(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    let all_there = parts.iter().all(|it| !it.is_empty());
    all_there && matches!(parts.as_slice(), ["projects", _] | ["projects", _, "locations", _])
}

/// The session at the head of `path`, and what is below it.
fn session(path: &str) -> Result<(SessionName, Vec<&str>), Status> {
    let parts: Vec<&str> = path.split('/').collect();
    if parts.iter().any(|it| it.is_empty()) {
        return Err(malformed(path));
    }
    let (project, location, rest) = match parts.as_slice() {
        ["projects", project, "locations", location, "agent", rest @ ..] => (*project, Some(*location), rest),
        ["projects", project, "agent", rest @ ..] => (*project, None, rest),
        _ => return Err(malformed(path)),
    };
    let (environment, user, rest) = match rest {
        ["environments", environment, "users", user, rest @ ..] => (*environment, *user, rest),
        rest => ("draft", "-", rest),
    };
    let ["sessions", id, below @ ..] = rest else { return Err(malformed(path)) };
    for (what, id) in [("session", id), ("user", &user)] {
        if id.len() > MAX_ID_BYTES {
            return Err(Status::invalid_argument(format!(
                "the {what} id has {} bytes: at most {MAX_ID_BYTES} are allowed",
                id.len()
            )));
        }
        if id.chars().any(char::is_control) {
            return Err(Status::invalid_argument(format!("the {what} id holds a control character")));
        }
    }
    let agent = match location {
        Some(location) => format!("projects/{project}/locations/{location}/agent"),
        None => format!("projects/{project}/agent"),
    };
    let key = format!("{project}/{}/{environment}/{user}/{id}", location.unwrap_or("global"));
    let end = path.len() - below.iter().map(|it| it.len() + 1).sum::<usize>();
    let own = path.get(..end).unwrap_or(path).to_owned();
    Ok((SessionName { path: own, key, agent }, below.to_vec()))
}

fn malformed(path: &str) -> Status {
    Status::invalid_argument(format!(
        "the session is not of the form projects/P[/locations/L]/agent[/environments/E/users/U]/sessions/S: {}",
        shown(path)
    ))
}

/// A client's own text in an error: not more of it than helps.
pub(super) fn shown(path: &str) -> String {
    format!("{:?}", path.chars().take(200).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b16_all_forms_of_a_session_name_are_known() {
        let of = |path: &str| SessionName::parse(path).map(|it| (it.key, it.agent)).map_err(|it| it.code());
        for path in [
            "projects/p/agent/sessions/s",
            "projects/p/locations/global/agent/sessions/s",
            "projects/p/agent/environments/draft/users/-/sessions/s",
            "projects/p/locations/global/agent/environments/draft/users/-/sessions/s",
        ] {
            let name = SessionName::parse(path).unwrap();
            assert_eq!((name.path.as_str(), name.key.as_str()), (path, "p/global/draft/-/s"));
        }
        let (key, agent) = of("projects/p/locations/europe-west1/agent/environments/e/users/u/sessions/s").unwrap();
        assert_eq!((key.as_str(), agent.as_str()), ("p/europe-west1/e/u/s", "projects/p/locations/europe-west1/agent"));
        let long = |n| format!("projects/p/agent/sessions/{}", "x".repeat(n));
        assert!(of(&long(36)).is_ok());
        for bad in ["", "projects/p", "projects//agent/sessions/s", "projects/p/agent/sessions/s/contexts/c", &long(37)]
        {
            assert_eq!(of(bad), Err(tonic::Code::InvalidArgument), "{bad}");
        }
    }

    #[test]
    fn b16_an_agent_is_known_with_and_without_its_environment() {
        let of = |path: &str| AgentName::parse(path).map(|it| (it.path, it.is_draft)).map_err(|it| it.code());
        let (plain, located) = ("projects/p/agent", "projects/p/locations/l/agent");
        assert_eq!(of(plain), Ok((plain.to_owned(), true)));
        assert_eq!(of(located), Ok((located.to_owned(), true)));
        assert_eq!(of("projects/p/agent/environments/draft"), Ok((plain.to_owned(), true)));
        assert_eq!(of("projects/p/locations/l/agent/environments/live"), Ok((located.to_owned(), false)));
        for bad in ["", "projects/p", "projects//agent", "projects/p/agent/environments/", "projects/p/agent/intents/i"]
        {
            assert_eq!(of(bad), Err(tonic::Code::InvalidArgument), "{bad}");
        }
        let (agent, id) = AgentName::of_intent("projects/p/agent/intents/i").unwrap();
        assert_eq!((agent.path.as_str(), id), (plain, "i"));
        for bad in ["projects/p/agent/intents/", "projects/p/agent/environments/e/intents/i", "intents/i", plain] {
            assert!(AgentName::of_intent(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn b16_context_names_are_lower_case_and_of_few_characters() {
        let of =
            |id: &str| ItemName::parse(&format!("projects/p/agent/sessions/s/contexts/{id}"), Collection::Contexts);
        let name = of("Order_1-%").unwrap();
        assert_eq!((name.id.as_str(), name.session.path.as_str()), ("order_1-%", "projects/p/agent/sessions/s"));
        for bad in ["a b", "ä", "", &"x".repeat(251)] {
            assert!(of(bad).is_err(), "{bad}");
        }
    }
}
