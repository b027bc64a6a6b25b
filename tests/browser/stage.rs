//! Everything behind the browser, in this process: the real gateway, contact centre and chat, with a Dialogflow that speaks from a
//! script, and a shop's page that embeds the chat.

use std::{collections::HashMap, net::SocketAddr};

use axum::{
    Router,
    extract::Query,
    http::header,
    response::{Html, IntoResponse as _, Response},
    routing::get,
};
use rand::SeedableRng as _;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use usher::{
    chat::{Chat, Key, Rate, Settings},
    clock::Clock,
    switchboard::{
        self, Switchboard,
        link::{LinkConfig, Pace},
    },
};

use crate::{
    fakes::dialogflow::{FakeDialogflow, say},
    harness::Usher,
};

const TOKEN: &str = "token-1";
const CONFIG: &str = r#"
[server]
listen = "127.0.0.1:0"
[ops]
listen = "127.0.0.1:0"
[store]
path = "data"
[[unit]]
name = "DEMO"
[[engine]]
id = "switchboard"
token = "token-1"
units = ["DEMO"]
"#;

/// As strict as a page can be that has its chat from `server`.
fn policy(server: &str) -> String {
    format!(
        "default-src 'none'; script-src {server}; style-src 'self'; connect-src {server}; img-src 'self'; \
         frame-ancestors 'none'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'"
    )
}

/// Long enough a name that nobody guesses what is in it.
pub(crate) const GREETING: &str = "Hello, I am the shop's virtual agent. How can I help?";

fn profile(dialogflow: &str) -> String {
    format!(
        r#"
name = "demo"
unit = "DEMO"
type = "dialogflow-v2"
agents = ["va-1"]
agent_password = "secret"
fallback_message = "Sorry."
action = [
    {{ name = "to.person", media = "webinteraction", kind = "requeue", queue = "support" }},
    {{ name = "call.back", media = "webinteraction", kind = "callback", queue = "callbacks", phone_parameter = "phone", time_parameter = "when" }},
    {{ name = "page.push", media = "webinteraction", kind = "push_url", url_parameter = "url" }},
]
[events]
human_returned = "HUMAN_RETURNED"
callback_done = "CALLBACK_DONE"
[dialogflow]
project = "p"
endpoint = "{dialogflow}"
"#
    )
}

/// What the virtual agent of these tests understands; anything else it repeats: `echo: …`.
fn script(dialogflow: &FakeDialogflow) {
    let tomorrow = jiff::Timestamp::from_millisecond(Clock::system().now().0 + 24 * 3_600_000).unwrap();
    let call = json!({"phone": "030 123456", "when": {"date_time": tomorrow.to_string()}});
    let page = json!({"url": "https://shop.example.com/returns?order=4711"});
    dialogflow
        .on_event("WELCOME", say(GREETING).intent("welcome"))
        .on_text("a person, please", say("I will get you a colleague.").action("to.person", &json!({})))
        .on_event("HUMAN_RETURNED", say("I am back. Is there anything else?"))
        .on_text("call me", say("I will book that.").action("call.back", &call))
        .on_event("CALLBACK_DONE", say("Booked. Until tomorrow!"))
        .on_text("show me", say("Have a look at this.").action("page.push", &page))
        .on_text("bye", say("Goodbye!").ends());
    let rich = say("Here it is.")
        .card(
            "Order 4711",
            "Arrives on Friday",
            "",
            &[("Track it", "track 4711"), ("The shop", "https://shop.example.com/")],
        )
        .image("https://127.0.0.1:2/missing.png", "A parcel on a doorstep")
        .quick_replies("Is it yours?", &["Yes, mine", "No"]);
    dialogflow.on_text("my order", rich);
}

pub(crate) struct Stage {
    usher: Usher,
    pub(crate) dialogflow: FakeDialogflow,
    pub(crate) switchboard: Switchboard,
    pub(crate) address: SocketAddr,
    /// Pages of an allowed origin, and of one that is not; the chat is not there.
    pub(crate) elsewhere: [SocketAddr; 2],
    closing: CancellationToken,
    tasks: TaskTracker,
}

impl Stage {
    pub(crate) async fn start() -> Self {
        let dialogflow = FakeDialogflow::start();
        script(&dialogflow);
        let usher = Usher::start(CONFIG, &profile(&dialogflow.endpoint())).await;
        let switchboard = contact_centre(usher.engines).await;
        switchboard.board().wait_for(|it| it.virtual_agents.iter().any(|it| it.logged_on)).await.unwrap();
        let mut listeners = Vec::new();
        for _ in 0..3 {
            listeners.push(TcpListener::bind("127.0.0.1:0").await.unwrap());
        }
        let [address, friend, stranger] = [0, 1, 2].map(|it: usize| listeners[it].local_addr().unwrap());
        let (closing, tasks) = (CancellationToken::new(), TaskTracker::new());
        let chat = chat(&switchboard, &closing, friend);
        for (listener, router) in listeners.into_iter().zip([pages().nest("/chat", chat), pages(), pages()]) {
            let served = router.into_make_service_with_connect_info::<SocketAddr>();
            let closed = closing.clone().cancelled_owned();
            tasks.spawn(async move { axum::serve(listener, served).with_graceful_shutdown(closed).await.unwrap() });
        }
        Self { usher, dialogflow, switchboard, address, elsewhere: [friend, stranger], closing, tasks }
    }

    pub(crate) async fn strike(self) {
        self.closing.cancel();
        self.tasks.close();
        // A browser may hold connections open; they end with it.
        drop(self.tasks);
        self.switchboard.stop().await;
        self.usher.drain().await;
    }
}

async fn contact_centre(gateway: SocketAddr) -> Switchboard {
    let link = LinkConfig {
        gateway: format!("http://{gateway}").parse().unwrap(),
        token: TOKEN.to_owned().into(),
        engine_id: "switchboard".to_owned(),
        unit: "DEMO".to_owned(),
        lanes: 2,
        seed: 7,
        pace: Pace::default(),
    };
    let config = switchboard::Config {
        link: Some(link),
        journal: None,
        setup: switchboard::Setup::demo(),
        limits: switchboard::Limits::default(),
    };
    Switchboard::start(config, Clock::system(), rand::rngs::StdRng::from_seed([3; 32])).await.unwrap()
}

fn chat(switchboard: &Switchboard, closing: &CancellationToken, friend: SocketAddr) -> Router {
    let plenty = Rate { count: 10_000, per: std::time::Duration::from_secs(60) };
    let origins = vec![format!("http://{friend}").parse().unwrap()];
    let settings = Settings { origins, requests: plenty, contacts: plenty, messages: plenty, ..Settings::default() };
    let (switchboard, closing) = (switchboard.clone(), closing.clone());
    Chat { switchboard, key: Key::from_bytes([1; 32]), settings, clock: Clock::system(), closing }.router()
}

fn pages() -> Router {
    Router::new().route("/", get(page)).route("/page.css", get(style)).route("/icon.svg", get(icon))
}

/// A shop's page; the query says how it embeds the chat.
async fn page(Query(query): Query<HashMap<String, String>>) -> Response {
    let of = |name: &str, otherwise: &str| query.get(name).map_or(otherwise, String::as_str).to_owned();
    let (language, attributes, server) = (of("lang", "en"), of("chat", ""), of("server", ""));
    let html = format!(
        r#"<!doctype html>
<html lang="{language}">
<meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>A shop</title>
<link rel="stylesheet" href="/page.css"><link rel="icon" href="/icon.svg">
<main><h1>A shop</h1><div class="box"><usher-chat {attributes}></usher-chat></div></main>
<script type="module" src="{server}/chat/widget.js"></script>
</html>"#
    );
    let policy = policy(if server.is_empty() { "'self'" } else { &server });
    ([(header::CONTENT_SECURITY_POLICY, policy)], Html(html)).into_response()
}

async fn style() -> Response {
    let css = "html { color-scheme: light dark } body { margin: 0 } .box { inline-size: 400px; max-inline-size: 100%; block-size: 600px }";
    ([(header::CONTENT_TYPE, "text/css")], css).into_response()
}

async fn icon() -> Response {
    let svg = r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"/>"#;
    ([(header::CONTENT_TYPE, "image/svg+xml")], svg).into_response()
}
