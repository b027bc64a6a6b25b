//! Connectors over real sockets (S11): a contact centre, the gateway, raw WebSocket clients.

mod door;
mod frames;
mod life;
mod sdk;
mod sockets;
mod tokens;
mod turns;

use std::{net::SocketAddr, time::Duration};

use secrecy::ExposeSecret as _;
use serde_json::Value;
use usher::{
    app::{self, TokenOf},
    core::ids::{ProfileName, UnitName},
    wire::engine::{MediaType, gateway_frame},
};

use crate::{
    fakes::{
        connector::FakeConnector,
        engine::{FakeEngine, Setup},
    },
    harness::{CONFIG, Usher},
};

/// The door on a port of its own.
pub(crate) const DOOR: &str = "[connectors]\nlisten = \"127.0.0.1:0\"\n";

/// A profile served by a connector, with these settings of its section and `more` tables.
pub(crate) fn profile(settings: &str, more: &str) -> String {
    format!(
        "name = \"support\"\nunit = \"sales\"\ntype = \"connector\"\nagents = [\"va1\"]\nagent_password = \"secret\"\n\
         fallback_message = \"Sorry.\"\nwelcome_event = \"\"\n[connector]\n{settings}\n{more}"
    )
}

/// A new token for the profile, made as the command line does: beside the running gateway.
pub(crate) async fn reload_token(usher: &Usher, grace: Duration) -> String {
    let of = TokenOf {
        unit: UnitName::new("sales").unwrap(),
        profile: ProfileName::new("support").unwrap(),
        name: String::new(),
    };
    app::reload_connector_token(&usher.data(), of, grace).await.unwrap().expose_secret().to_owned()
}

/// The gateway, a contact centre, and a token to dial in with.
struct Stage {
    usher: Usher,
    centre: FakeEngine,
    door: SocketAddr,
    token: String,
}

impl Stage {
    async fn new(settings: &str) -> Self {
        Self::with(DOOR, settings, "").await
    }

    async fn with(door: &str, settings: &str, more: &str) -> Self {
        let usher = Usher::start(&format!("{CONFIG}{door}"), &profile(settings, more)).await;
        let token = reload_token(&usher, Duration::ZERO).await;
        let centre = FakeEngine::attach(centre(usher.setup())).await.unwrap();
        let door = usher.connectors.unwrap();
        Self { usher, centre, door, token }
    }

    async fn connector(&self) -> FakeConnector {
        FakeConnector::attach(self.door, &self.token).await
    }

    async fn open(&self, contact: &str) {
        self.centre.open(contact, "va1").await;
    }

    async fn writes(&self, contact: &str, text: &str) {
        self.centre.say(contact, text).await;
    }

    #[track_caller]
    fn hears<'a>(&'a self, contact: &'a str, text: &'a str) -> impl Future<Output = ()> + 'a {
        let at = std::panic::Location::caller();
        async move { assert_eq!(self.centre.next_say(contact).await, [text], "{contact} at {at}") }
    }

    /// The contact opens, writes, and the connector gets its turn.
    async fn first_turn(&self, contact: &str, connector: &mut FakeConnector) -> Value {
        self.open(contact).await;
        self.writes(contact, "Hello").await;
        let turn = connector.turn().await;
        assert_eq!(turn["contact"], contact);
        turn
    }

    /// One exchange, by whichever socket.
    async fn exchange(&self, contact: &str, connector: &mut FakeConnector) {
        self.writes(contact, "Again").await;
        let turn = connector.turn().await;
        assert_eq!(turn["contact"], contact);
        connector.say(&turn, "Yes").await;
        self.hears(contact, "Yes").await;
    }

    async fn typing(&self, contact: &str) {
        let shown = |it: &gateway_frame::Body| {
            matches!(it, gateway_frame::Body::Typing(it) if it.contact == contact).then_some(())
        };
        self.centre.notice("typing", shown).await;
    }

    async fn metric(&self, sample: &str) -> u64 {
        let page = page(self.usher.ops, "/metrics").await;
        let value = page.lines().find_map(|it| it.strip_prefix(sample)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("no {sample} in\n{page}")).parse().unwrap()
    }

    /// Waits until the sample has this value.
    async fn until_metric(&self, sample: &str, value: u64) {
        let until = async {
            while self.metric(sample).await != value {
                tokio::task::yield_now().await;
            }
        };
        if tokio::time::timeout(Duration::from_secs(20), until).await.is_ok() {
            return;
        }
        panic!("{sample} is {} and not {value}", self.metric(sample).await);
    }

    async fn done(self) {
        self.centre.settled().await;
        assert_eq!(self.centre.take_commands(), [], "nothing beyond what the test looked at");
        self.usher.drain().await;
    }
}

fn centre(setup: Setup) -> Setup {
    setup.queue("people", MediaType::OpenMedia)
}

/// A page of the operators' door.
async fn page(ops: SocketAddr, path: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut io = tokio::net::TcpStream::connect(ops).await.unwrap();
    io.write_all(format!("GET {path} HTTP/1.1\r\nhost: ops\r\nconnection: close\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    io.read_to_string(&mut answer).await.unwrap();
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}
