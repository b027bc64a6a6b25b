//! The gateway's configuration in the demo: texts in the binary, by the same code that reads files.

use std::{net::SocketAddr, path::Path};

use anyhow::{Context as _, anyhow, bail};
use secrecy::{ExposeSecret as _, SecretString};

use super::data::random_secret;
use crate::{
    app,
    clock::Clock,
    config::{DEMO_PROFILE, Embedded, Environment, Findings, Flag, Loaded, Sources},
};

/// The business unit and the routing engine of `usher.toml`.
pub(super) const UNIT: &str = "DEMO";
pub(super) const ENGINE: &str = "switchboard";

const MAIN: &str = include_str!("usher.toml");
const ENGINE_TOKEN: &str = "DEMO_ENGINE_TOKEN";
const AGENT_PASSWORD: &str = "DEMO_AGENT_PASSWORD";
/// As the profile has them for those who serve it by hand.
const PROFILE_NAME: &str = "name = \"demo\"";
const PROFILE_ENDPOINT: &str = "endpoint = \"http://127.0.0.1:7403\"";
const PROFILE_PASSWORD: &str = "agent_password = \"demo\"";

/// Made anew by every process: nobody outside needs them.
#[derive(Debug)]
pub(super) struct Secrets {
    pub(super) engine_token: SecretString,
    pub(super) agent_password: SecretString,
}

impl Secrets {
    pub(super) fn new() -> Self {
        Self { engine_token: random_secret().into(), agent_password: random_secret().into() }
    }

    /// The process's own environment has no part in the demo.
    fn environment(&self) -> Environment {
        let secrets = [(ENGINE_TOKEN, &self.engine_token), (AGENT_PASSWORD, &self.agent_password)];
        secrets.into_iter().map(|(name, secret)| (name.to_owned(), secret.expose_secret().to_owned())).collect()
    }
}

/// `back_office`: where the demo's external system answers. `dialogflow`: where the language engine does.
pub(super) fn sources(
    store: &Path,
    back_office: SocketAddr,
    dialogflow: SocketAddr,
    secrets: &Secrets,
) -> anyhow::Result<Sources> {
    let store = store.to_str().context("the data directory's name is no UTF-8: name another one with --data")?;
    // Customers and desks are people at this machine: "at 3 pm" is theirs.
    let main = MAIN
        .replace("@host@", &back_office.ip().to_string())
        .replace("@port@", &back_office.port().to_string())
        .replace("@zone@", &Clock::zone());
    let endpoint = format!("endpoint = \"http://{dialogflow}\"");
    let password = format!("agent_password = {{ env = \"{AGENT_PASSWORD}\" }}");
    let profile = replaced(&replaced(DEMO_PROFILE, PROFILE_ENDPOINT, &endpoint)?, PROFILE_PASSWORD, &password)?;
    // The demo may get further business units.
    let profile = replaced(&profile, PROFILE_NAME, &format!("{PROFILE_NAME}\nunit = \"DEMO\""))?;
    Ok(Sources {
        embedded: Some(Embedded { main, profiles: vec![("profiles/demo.toml".to_owned(), profile)] }),
        environment: secrets.environment(),
        flags: vec![Flag { name: "--data", key: "store.path", value: store.to_owned() }],
        ..Sources::default()
    })
}

/// With what the Web Manager has kept in earlier demos' store.
pub(super) async fn load(sources: &Sources) -> anyhow::Result<Loaded> {
    app::load(sources).await.map_err(|Findings { list, .. }| {
        let found: Vec<String> = list.iter().map(|it| it.render(false)).collect();
        anyhow!(
            "the demo's configuration cannot be used; `usher demo --reset` forgets what was changed in it:\n{}",
            found.join("\n")
        )
    })
}

fn replaced(text: &str, old: &str, new: &str) -> anyhow::Result<String> {
    if text.matches(old).count() != 1 {
        bail!("the demo's profile lacks its `{old}`")
    }
    Ok(text.replace(old, new))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_demos_own_configuration_loads_and_calls_its_back_office_alone() {
        let (office, dialogflow) = ("127.0.0.1:7410".parse().unwrap(), "127.0.0.1:7403".parse().unwrap());
        let secrets = Secrets::new();
        let sources = sources(Path::new("some where/gateway"), office, dialogflow, &secrets).unwrap();
        let settings = load(&sources).await.unwrap().settings;
        assert_eq!(settings.store.path, Path::new("some where/gateway"));
        assert_eq!(settings.units[0].as_str(), UNIT);
        assert!(settings.server.listen.ip().is_loopback() && settings.ops.listen.ip().is_loopback());
        let [profile] = settings.profiles.as_slice() else { panic!("{:?}", settings.profiles) };
        assert_eq!(profile.agent_password.expose_secret(), secrets.agent_password.expose_secret());
        let allowed = format!("{:?}", settings.egress);
        assert!(allowed.contains("127.0.0.1") && allowed.contains("7410"), "{allowed}");
    }
}
