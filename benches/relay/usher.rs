//! Usher as its users start it: the real binary with a configuration file and one profile, everything else at its defaults.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;
use rcgen::{KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::json;

use crate::{
    engine::{AGENT, ENGINE, TOKEN, UNIT},
    fake::Fake,
    messages::{LANGUAGE, PROJECT},
    process::free_address,
};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_usher");
/// Frames that may be unacknowledged: enough for 10,000 messages a second at 20 ms engine time.
const CREDITS: u32 = 4096;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    Sync,
    Async,
}

impl Durability {
    fn name(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Async => "async",
        }
    }
}

/// A configured Usher.
pub(crate) struct Config {
    pub(crate) listen: SocketAddr,
    file: PathBuf,
    profiles: PathBuf,
}

impl Config {
    /// A new one in a folder of its own: an empty store, and a Google credential that the fake accepts.
    pub(crate) fn create(folder: &Path, durability: Durability, fake: &Fake) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("usher-").tempdir_in(folder)?.keep();
        let profiles = folder.join("profiles");
        fs::create_dir(&profiles)?;
        let listen = free_address()?;
        let ops = free_address()?;
        let file = folder.join("usher.toml");
        fs::write(
            &file,
            format!(
                "[server]
listen = \"{listen}\"
workers = 1
credits = {CREDITS}
[ops]
listen = \"{ops}\"
[manager]
listen = \"127.0.0.1:0\"
[store]
path = \"data\"
durability = \"{}\"
[[unit]]
name = \"{UNIT}\"
[[engine]]
id = \"{ENGINE}\"
token = \"{TOKEN}\"
units = [\"{UNIT}\"]
",
                durability.name()
            ),
        )?;
        fs::write(folder.join("profiles/service-account.json"), service_account(fake.token_address)?)?;
        fs::write(
            profiles.join("bench.toml"),
            format!(
                "name = \"bench\"
unit = \"{UNIT}\"
type = \"dialogflow-v2\"
language = \"{LANGUAGE}\"
agents = [\"{AGENT}\"]
agent_password = \"bench-password\"
fallback_message = \"Something went wrong.\"
welcome_event = \"\"
[dialogflow]
credential = {{ file = \"service-account.json\" }}
project = \"{PROJECT}\"
endpoint = \"http://{}\"
[inactivity]
timeout_minutes = 600
",
                fake.address
            ),
        )?;
        Ok(Self { listen, file, profiles })
    }

    pub(crate) fn arguments(&self, command: &mut Command) {
        command.arg("serve").arg("--config").arg(&self.file).arg("--profiles").arg(&self.profiles);
    }
}

/// A service-account file as Google issues them, with a key made for this run.
fn service_account(tokens: SocketAddr) -> Result<String> {
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?;
    let account = json!({
        "type": "service_account",
        "project_id": PROJECT,
        "private_key_id": "0f3c5a7e9b1d2f4a6c8e0b2d4f6a8c0e1b3d5f70",
        "private_key": key.serialize_pem(),
        "client_email": format!("bench@{PROJECT}.iam.gserviceaccount.com"),
        "client_id": "100000000000000000001",
        "token_uri": format!("http://{tokens}/token"),
    });
    Ok(serde_json::to_string_pretty(&account)?)
}
