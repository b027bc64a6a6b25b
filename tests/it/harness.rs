//! The real gateway in this process, on ports of its own, configured by files as an administrator would.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
};

use tempfile::TempDir;
use tokio::net::TcpListener;
use usher::{
    app::{self, Listeners, Office, Running},
    clock::Clock,
    config::{Environment, Sources, settings::Settings},
    seal::Sealer,
    store::Store,
};

use crate::fakes::engine::{Setup, tcp};

/// One engine and one profile, for units `sales` and `care`.
pub(crate) const CONFIG: &str = r#"
[server]
listen = "127.0.0.1:0"
[ops]
listen = "127.0.0.1:0"
[manager]
listen = "127.0.0.1:0"
[store]
path = "data"
[[unit]]
name = "sales"
[[unit]]
name = "care"
[[engine]]
id = "engine-1"
token = "token-1"
units = ["sales"]
"#;
pub(crate) const TOKEN: &str = "token-1";

/// A profile of unit `sales` whose virtual agent is `va1`.
pub(crate) fn profile(dialogflow: &str) -> String {
    format!(
        r#"
name = "support"
unit = "sales"
type = "dialogflow-v2"
agents = ["va1"]
agent_password = "secret"
fallback_message = "Sorry."
welcome_event = ""
[dialogflow]
project = "p"
endpoint = "{dialogflow}"
"#
    )
}

pub(crate) struct Usher {
    running: Running,
    directory: TempDir,
    pub(crate) engines: SocketAddr,
    pub(crate) ops: SocketAddr,
    /// Where connectors dial in, if the profile is served by one.
    pub(crate) connectors: Option<SocketAddr>,
}

impl Usher {
    pub(crate) async fn start(config: &str, profile: &str) -> Self {
        let directory = TempDir::new().unwrap();
        Self::start_in(directory, config, profile).await
    }

    pub(crate) async fn start_in(directory: TempDir, config: &str, profile: &str) -> Self {
        let (settings, listeners) = prepare(&directory, config, profile).await;
        let Doors { engines, ops, connectors } = Doors::of(&listeners);
        let running = Running::start(settings, listeners, &Environment::default()).await.unwrap();
        Self { running, directory, engines, ops, connectors }
    }

    /// On a store of the test's.
    pub(crate) async fn start_on(store: Arc<dyn Store>, config: &str, profile: &str) -> Self {
        let directory = TempDir::new().unwrap();
        let (settings, listeners) = prepare(&directory, config, profile).await;
        let Doors { engines, ops, connectors } = Doors::of(&listeners);
        let running = Running::start_with(settings, listeners, store, sealer(), Clock::system()).await.unwrap();
        Self { running, directory, engines, ops, connectors }
    }

    /// How the configured engine attaches, with the profile's agent in its directory.
    pub(crate) fn setup(&self) -> Setup {
        Setup::new(tcp(self.engines), TOKEN, "engine-1", "sales").user("va1")
    }

    pub(crate) fn gateway(&self) -> &usher::gateway::Gateway {
        self.running.gateway()
    }

    /// Where the store is.
    pub(crate) fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// Another profile in place of the one there was.
    pub(crate) async fn reload_profile(&mut self, config: &str, profile: &str) {
        fs::write(self.directory.path().join("profiles/support.toml"), profile).unwrap();
        self.reload(config).await;
    }

    pub(crate) async fn reload(&mut self, config: &str) {
        let settings = load(self.directory.path(), config).await;
        self.running.reload(settings).unwrap();
    }

    /// The Web Manager of this gateway, on a port of its own.
    pub(crate) async fn open_office(&self) -> (Office, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let loaded = app::load(&sources(self.directory.path())).await.unwrap();
        let office = Office::open(listener, loaded, &self.running, &Environment::default()).await.unwrap();
        (office, address)
    }

    /// Yields its directory, for a successor.
    pub(crate) async fn drain(self) -> TempDir {
        self.running.drain().await.unwrap();
        self.directory
    }
}

/// A port that stays free until the test takes it, so that both sides know it before the gateway starts. The system gives none
/// from here on its own (on Linux: from 32768 on).
pub(crate) fn own_port() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(21_000);
    loop {
        let address = SocketAddr::from(([127, 0, 0, 1], NEXT.fetch_add(1, Ordering::Relaxed)));
        if std::net::TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

/// Of stores that are the tests'.
pub(crate) fn sealer() -> Sealer {
    Sealer::from_key([0; 32])
}

struct Doors {
    engines: SocketAddr,
    ops: SocketAddr,
    connectors: Option<SocketAddr>,
}

impl Doors {
    fn of(listeners: &Listeners) -> Self {
        Self {
            engines: listeners.engines.local_addr().unwrap(),
            ops: listeners.ops.local_addr().unwrap(),
            connectors: listeners.connectors.as_ref().map(|it| it.local_addr().unwrap()),
        }
    }
}

async fn prepare(directory: &TempDir, config: &str, profile: &str) -> (Settings, Listeners) {
    fs::create_dir_all(directory.path().join("profiles")).unwrap();
    fs::write(directory.path().join("profiles/support.toml"), profile).unwrap();
    let settings = load(directory.path(), config).await;
    let listeners = Listeners::bind(&settings).await.unwrap();
    (settings, listeners)
}

async fn load(directory: &Path, config: &str) -> Settings {
    fs::write(directory.join("usher.toml"), config).unwrap();
    match app::load(&sources(directory)).await {
        Ok(loaded) => loaded.settings,
        Err(findings) => panic!("{:?}", findings.list.iter().map(|it| it.render(false)).collect::<Vec<_>>()),
    }
}

fn sources(directory: &Path) -> Sources {
    Sources { config: Some(directory.join("usher.toml")), ..Sources::default() }
}
