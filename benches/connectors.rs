//! What a gateway pays for connectors' sockets, and what it loses when some are killed: `cargo bench --bench connectors`.
//!
//! `usher serve` runs in a process of its own, so that its memory is its alone. First so many idle sockets: how much the gateway has
//! grown by. Then so many that echo, while `usher load` talks through them and every few seconds some are cut without a word: what
//! was lost, moved and late. Everything on loopback.
//!
//! `-- --idle 10000 --active 1000 --seconds 60 --rate 500 --kill 20`

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark prints, and has nobody to report to"
)]

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use futures::{SinkExt as _, StreamExt as _, stream};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    runtime::Builder,
    sync::Notify,
    time::{interval, sleep},
};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{Message, client::IntoClientRequest as _, protocol::WebSocketConfig},
};
use usher::app;

const USHER: &str = env!("CARGO_BIN_EXE_usher");
/// A client's address has about this many ports for one door.
const PORTS: usize = 25_000;
const DIALLING: usize = 64;

fn main() {
    app::raise_open_files().unwrap();
    let number = |name: &str, otherwise: usize| {
        let mut arguments = std::env::args().skip_while(|it| it != name);
        arguments.nth(1).map_or(otherwise, |it| it.parse().unwrap())
    };
    let (idle, active) = (number("--idle", 10_000), number("--active", 1_000));
    let (seconds, rate, kill) = (number("--seconds", 60), number("--rate", 500), number("--kill", 20));
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        memory(idle).await;
        turns(active, seconds, rate, kill).await;
    });
}

/// `usher serve` in a directory of its own.
struct Gateway {
    process: Child,
    directory: tempfile::TempDir,
    door: SocketAddr,
    engines: SocketAddr,
    ops: SocketAddr,
    token: String,
}

impl Gateway {
    async fn start(sockets: usize) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let [engines, ops, door] = free_ports();
        fs::create_dir(directory.path().join("profiles")).unwrap();
        let config = format!(
            "[server]\nlisten = \"{engines}\"\n[ops]\nlisten = \"{ops}\"\n[manager]\nlisten = \"127.0.0.1:0\"\n[connectors]\nlisten = \"{door}\"\nmax_sockets = {}\n\
             [log]\nfilter = \"warn\"\n[[unit]]\nname = \"DEMO\"\n\
             [[engine]]\nid = \"switchboard\"\ntoken = \"engine\"\nunits = [\"DEMO\"]\n",
            sockets + 10
        );
        fs::write(directory.path().join("usher.toml"), config).unwrap();
        let profile = "name = \"support\"\nunit = \"DEMO\"\ntype = \"connector\"\nagents = [\"va-1\"]\nagent_password = \"secret\"\n\
                       fallback_message = \"Sorry.\"\nwelcome_event = \"\"\n[connector]\ncredits = 32\n";
        fs::write(directory.path().join("profiles/support.toml"), profile).unwrap();
        let serve = || usher(directory.path(), &["serve"]);
        let process = serve().stdout(Stdio::null()).spawn().unwrap();
        while TcpStream::connect(door).await.is_err() {
            sleep(Duration::from_millis(50)).await;
        }
        let made = usher(directory.path(), &["token", "reload", "support"]).stderr(Stdio::null()).output().unwrap();
        let token = String::from_utf8(made.stdout).unwrap().trim().to_owned();
        Self { process, directory, door, engines, ops, token }
    }

    /// Resident bytes of the process.
    fn resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find(|it| it.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    }

    async fn metrics(&self) -> String {
        let mut io = TcpStream::connect(self.ops).await.unwrap();
        io.write_all(b"GET /metrics HTTP/1.1\r\nhost: ops\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut page = String::new();
        io.read_to_string(&mut page).await.unwrap();
        page
    }

    /// The sum of all samples whose name begins so.
    async fn metric(&self, name: &str) -> f64 {
        let page = self.metrics().await;
        let samples = page.lines().filter(|it| it.starts_with(name));
        samples.filter_map(|it| it.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

fn usher(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(USHER);
    command.args(arguments).current_dir(directory);
    command
}

fn free_ports<const N: usize>() -> [SocketAddr; N] {
    let open: [TcpListener; N] = std::array::from_fn(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    std::array::from_fn(|n| open[n].local_addr().unwrap())
}

type Socket = WebSocketStream<TcpStream>;

/// A socket that was welcomed, from one of several addresses of ours.
async fn attach(door: SocketAddr, token: &str, number: usize, resume: Option<&str>) -> Option<(Socket, String)> {
    let host = u8::try_from(number / PORTS + 1).unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, host), 0).into()).unwrap();
    let io = socket.connect(door).await.ok()?;
    io.set_nodelay(true).unwrap();
    let mut request = format!("ws://{door}/connectors/v1").into_client_request().unwrap();
    request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    request.headers_mut().insert("sec-websocket-protocol", "usher.connector.v1".parse().unwrap());
    let config = WebSocketConfig::default().read_buffer_size(2048).write_buffer_size(0);
    let (mut ws, _) = client_async_with_config(request, io, Some(config)).await.ok()?;
    let mut hello = json!({"type": "hello"});
    if let Some(session) = resume {
        hello["resume"] = session.into();
    }
    ws.send(Message::text(hello.to_string())).await.ok()?;
    let Some(Ok(Message::Text(welcome))) = ws.next().await else { return None };
    let welcome: Value = serde_json::from_str(&welcome).unwrap();
    Some((ws, welcome["session"].as_str()?.to_owned()))
}

async fn memory(sockets: usize) {
    let gateway = Gateway::start(sockets).await;
    // What the first of everything costs is not the sockets'.
    drop(attach(gateway.door, &gateway.token, 0, None).await.unwrap());
    sleep(Duration::from_secs(1)).await;
    let before = gateway.resident();
    let dial = |number| attach(gateway.door, &gateway.token, number, None);
    let open: Vec<_> = stream::iter(0..sockets).map(dial).buffer_unordered(DIALLING).collect().await;
    let open: Vec<_> = open.into_iter().map(|it| it.expect("every socket is welcomed").0).collect();
    let attached = gateway.metric("usher_connector_sockets ").await;
    for after in [0_u64, 5] {
        sleep(Duration::from_secs(after)).await;
        let grown = gateway.resident() - before;
        println!(
            "{attached} idle sockets, after {after} s: {:.1} MiB more than before them, {} bytes each",
            grown as f64 / f64::from(1 << 20),
            grown / open.len() as u64
        );
    }
}

#[derive(Default)]
struct Account {
    answered: AtomicU64,
    again: AtomicU64,
    cuts: AtomicU64,
    resumed: AtomicU64,
}

async fn turns(sockets: usize, seconds: usize, rate: usize, kill: usize) {
    let gateway = Gateway::start(sockets).await;
    let account = Arc::new(Account::default());
    let kills: Arc<[Notify]> = (0..sockets).map(|_| Notify::new()).collect();
    for number in 0..sockets {
        let (door, token, account) = (gateway.door, gateway.token.clone(), Arc::clone(&account));
        tokio::spawn(echo(door, token, number, Arc::clone(&kills), account));
    }
    while gateway.metric("usher_connector_sockets ").await < sockets as f64 {
        sleep(Duration::from_millis(200)).await;
    }
    let gateway_uri = format!("http://{}", gateway.engines);
    let (rate_text, seconds_text, contacts) = (rate.to_string(), seconds.to_string(), sockets.to_string());
    let arguments = [
        "load",
        "--gateway",
        &gateway_uri,
        "--contacts",
        &contacts,
        "--rate",
        &rate_text,
        "--for",
        &seconds_text,
        "--json",
    ];
    let mut load = usher(gateway.directory.path(), &arguments);
    let load = load.env("ENGINE_TOKEN", "engine").stdout(Stdio::piped()).spawn().unwrap();
    let waiting = tokio::task::spawn_blocking(move || load.wait_with_output().unwrap());
    let mut waiting = std::pin::pin!(waiting);
    let (mut beat, mut next) = (interval(Duration::from_secs(5)), 0);
    let output = loop {
        tokio::select! {
            output = &mut waiting => break output.unwrap(),
            _ = beat.tick() => {
                // Some sockets in turn, so that none dies twice with the same turn.
                for _ in 0..kill {
                    next = (next + 1) % sockets;
                    kills[next].notify_one();
                }
            }
        }
    };
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let failures = gateway.metric("usher_failures_total").await;
    let moved = gateway.metric("usher_connector_turns_moved_total").await;
    println!(
        "{sockets} sockets, {seconds} s at {rate}/s: {} messages, {} answered, {} lost, {failures} turns without an answer",
        report["messages"], report["answered"], report["lost"]
    );
    println!("latency {} ms; faults {}", report["latencyMs"], report["faults"]);
    println!(
        "{} sockets cut, {} resumed; {moved} turns moved to another socket, {} came again; {} answered by sockets",
        account.cuts.load(Relaxed),
        account.resumed.load(Relaxed),
        account.again.load(Relaxed),
        account.answered.load(Relaxed)
    );
}

/// Echoes until it is killed, then comes back: every second one with its session, the others anew.
async fn echo(door: SocketAddr, token: String, number: usize, kills: Arc<[Notify]>, account: Arc<Account>) {
    let mut session: Option<String> = None;
    loop {
        let resume = session.clone().filter(|_| number.is_multiple_of(2));
        let Some((mut ws, welcomed)) = attach(door, &token, number, resume.as_deref()).await else {
            sleep(Duration::from_millis(500)).await;
            continue;
        };
        if resume.is_some_and(|it| it == welcomed) {
            account.resumed.fetch_add(1, Relaxed);
        }
        session = Some(welcomed);
        loop {
            tokio::select! {
                read = ws.next() => {
                    let Some(Ok(message)) = read else { break };
                    let Message::Text(text) = message else { continue };
                    let turn: Value = serde_json::from_str(&text).unwrap();
                    if turn["type"] != "turn" {
                        continue;
                    }
                    account.again.fetch_add(u64::from(turn["again"] == true), Relaxed);
                    let text = turn["input"]["text"].as_str().unwrap_or("Hello");
                    let reply = json!({"type": "reply", "turn_id": turn["turn_id"], "messages": [{"text": text}]});
                    // Long enough that a kill meets turns under way.
                    sleep(Duration::from_millis(100)).await;
                    account.answered.fetch_add(1, Relaxed);
                    if ws.send(Message::text(reply.to_string())).await.is_err() {
                        break;
                    }
                }
                () = kills[number].notified() => {
                    account.cuts.fetch_add(1, Relaxed);
                    break;
                }
            }
        }
        drop(ws);
        sleep(Duration::from_secs(1)).await;
    }
}
