//! An engine as a profile's contacts meet it: built, and guarded by what its settings say of deadline and quota.

use std::{fmt::Write as _, sync::Arc, time::Duration};

use secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};

use super::{BuildError, Deps, Guarded, Protection, build, connector};
use crate::{
    config::{
        schema::{Field, Form, Required, Values},
        service_account,
        settings::{EngineSettings, Profile},
    },
    gateway::ports::LanguageEngine,
};

/// For the schema of every engine that has a quota.
pub const QUOTA_FIELD: Field = Field {
    key: "quota_per_minute",
    help: "Requests a minute that the engine grants, for all that share its project or credential. Questions beyond it wait for their turn.\n0: unknown; it is learned when the engine refuses some.",
    form: Form::Number(0, 1_000_000),
    default: Some("0"),
    example: "",
    required: Required::No,
};

/// For engines that have no deadline of their own.
const DEADLINE: Duration = Duration::from_secs(30);

/// What an engine is to its profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Role<'a> {
    pub name: &'a str,
    /// Another engine steps in when it fails.
    pub has_next: bool,
    /// It takes of a quota only what nobody else wants.
    pub spare: bool,
}

/// Makes one of a profile's engines with its breaker, behind the governor of its quota.
///
/// # Errors
/// As [`build`].
pub fn build_guarded(
    role: Role<'_>,
    engine: &EngineSettings,
    profile: &Profile,
    deps: &Deps,
) -> Result<Arc<dyn LanguageEngine>, BuildError> {
    let Role { name, has_next, spare } = role;
    let values = &engine.values;
    let deadline = values.millis("deadline_ms");
    let protection = Protection {
        name: format!("profile {}, engine {name}", profile.name),
        deadline: if deadline.is_zero() { DEADLINE } else { deadline },
        // A connector's sockets ping, and a turn of one that is away waits for it, or moves.
        may_hang: has_next && engine.schema.kind != connector::SCHEMA.kind,
        spare,
        quota_key: quota_key(engine),
        quota_per_minute: u32::try_from(values.number(QUOTA_FIELD.key)).unwrap_or(u32::MAX),
    };
    Ok(Arc::new(Guarded::new(build(engine, profile, deps)?, protection, &deps.governors)))
}

/// Who shares a quota: with Google a project in a region, elsewhere an endpoint with its credential. It holds no secret, only
/// what tells one from another.
fn quota_key(engine: &EngineSettings) -> String {
    let values = &engine.values;
    let of_file = || service_account::field(values.secret("credential")?, "project_id");
    let at = ["endpoint", "url", "region", "location"].map(|key| values.text(key).unwrap_or_default());
    if let Some(project) = values.owned("project").or_else(of_file) {
        return format!("project {project} at {at:?}");
    }
    format!("{} at {at:?} by {}", engine.schema.kind, secrets_of(engine, values))
}

fn secrets_of(engine: &EngineSettings, values: &Values) -> String {
    let mut hash = Sha256::new();
    for secret in engine.schema.fields.iter().filter_map(|field| values.secret(field.key)) {
        hash.update(secret.expose_secret().as_bytes());
        hash.update([0]);
    }
    hash.finalize().iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes whatever is written");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::schema::Value, nlp::dialogflow_v2};

    fn engine(values: &[(&'static str, &str)]) -> EngineSettings {
        let value = |(key, text): &(&'static str, &str)| match *key {
            "credential" => (*key, Value::Secret((*text).into())),
            _ => (*key, Value::Text((*text).to_owned())),
        };
        EngineSettings { schema: &dialogflow_v2::SCHEMA, values: values.iter().map(value).collect() }
    }

    fn key(values: &[(&'static str, &str)]) -> String {
        quota_key(&engine(values))
    }

    #[test]
    fn b12_a_quota_is_a_projects_in_its_region_whatever_profile_asks() {
        let file = r#"{"project_id":"p","private_key":"planted"}"#;
        let of_file = key(&[("credential", file), ("region", "global"), ("environment", "a")]);
        assert_eq!(of_file, key(&[("credential", file), ("region", "global"), ("environment", "b")]));
        assert_eq!(of_file, key(&[("project", "p"), ("region", "global")]));
        assert_ne!(of_file, key(&[("project", "p"), ("region", "europe-west1")]));
        assert_ne!(of_file, key(&[("project", "q"), ("region", "global")]));
        // As Dialogflow CX calls it; Google counts the two apart.
        assert_ne!(of_file, key(&[("project", "p"), ("location", "global")]));
        assert_ne!(key(&[("project", "p"), ("location", "eu")]), key(&[("project", "p"), ("location", "global")]));
    }

    #[test]
    fn b12_without_a_project_it_is_an_endpoints_and_a_credentials_and_tells_no_secret() {
        let one = key(&[("endpoint", "http://llm.example"), ("credential", "planted-1")]);
        assert_ne!(one, key(&[("endpoint", "http://llm.example"), ("credential", "planted-2")]));
        assert_ne!(one, key(&[("endpoint", "http://other.example"), ("credential", "planted-1")]));
        assert!(!one.contains("planted"), "{one}");
    }
}
