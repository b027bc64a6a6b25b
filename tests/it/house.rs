//! `usher demo`: all parts in one process, its doors, and what a kill leaves.

use std::{
    io::BufRead as _,
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
};

use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
};
use usher::{
    app::{
        CannotConnect,
        demo::{Demo, Options},
    },
    chat,
    clock::Clock,
};

fn options(data: &Path) -> Options {
    let chat = chat::Settings::default();
    Options {
        listen: ([127, 0, 0, 1], 0).into(),
        manager: Some(([127, 0, 0, 1], 0).into()),
        data: data.to_path_buf(),
        reset: false,
        chat,
    }
}

struct House {
    demo: Demo,
    address: SocketAddr,
    directory: TempDir,
}

impl House {
    async fn open() -> Self {
        let directory = TempDir::new().unwrap();
        let mut demo = Demo::start(options(&directory.path().join("data")), Clock::system()).await.unwrap();
        demo.ready().await;
        let address = demo.addresses().pages.strip_prefix("http://").unwrap().parse().unwrap();
        Self { demo, address, directory }
    }

    async fn get(&self, path: &str, headers: &str) -> Answer {
        ask(self.address, "GET", path, headers, "").await
    }
}

#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect(&self.body)
    }

    fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|it| it.split_once(": "));
        lines.find(|it| it.0.eq_ignore_ascii_case(name)).map(|it| it.1)
    }
}

/// `headers`: lines that end with CR LF; a `Host` of its own replaces ours.
async fn ask(address: SocketAddr, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let host = if headers.contains("Host: ") { String::new() } else { format!("Host: {address}\r\n") };
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\n{host}Connection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let (head, body) = text.split_once("\r\n\r\n").expect(&text);
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.into(), body: body.into() }
}

const JSON: &str = "Content-Type: application/json\r\n";

/// A customer by the chat's API.
struct Customer {
    address: SocketAddr,
    id: String,
    token: String,
    events: String,
}

impl Customer {
    async fn begin(address: SocketAddr, language: &str) -> Self {
        let body = json!({ "language": language }).to_string();
        let begun = ask(address, "POST", "/chat/v1/contacts", JSON, &body).await;
        assert_eq!(begun.status, 201, "{begun:?}");
        let begun = begun.json();
        let text = |key: &str| begun[key].as_str().unwrap().to_owned();
        Self { address, id: text("contactId"), token: text("token"), events: text("events") }
    }

    async fn say(&self, id: &str, text: &str) {
        let path = format!("/chat/v1/contacts/{}/messages", self.id);
        let headers = format!("{JSON}Authorization: Bearer {}\r\n", self.token);
        let said = ask(self.address, "POST", &path, &headers, &json!({ "id": id, "text": text }).to_string()).await;
        assert_eq!(said.status, 202, "{said:?}");
    }

    /// Entries from `after` on, until one of them holds `text`.
    async fn until(&self, after: u64, text: &str) -> Vec<Value> {
        let last = format!("Last-Event-ID: {after}\r\n");
        until(self.address, &self.events, &last, |entry| entry.to_string().contains(text)).await
    }
}

/// Events of a stream, up to the first that `holds`.
async fn until(address: SocketAddr, path: &str, headers: &str, holds: impl Fn(&Value) -> bool) -> Vec<Value> {
    let mut stream = BufReader::new(TcpStream::connect(address).await.unwrap());
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let (mut events, mut line) = (Vec::new(), String::new());
    loop {
        line.clear();
        assert!(stream.read_line(&mut line).await.unwrap() > 0, "the events of {path} ended after {events:#?}");
        if let Some(data) = line.strip_prefix("data: ") {
            events.push(serde_json::from_str::<Value>(data).unwrap());
            if events.last().is_some_and(&holds) {
                return events;
            }
        }
    }
}

#[tokio::test]
async fn the_staffs_pages_are_for_this_machine_and_for_those_with_the_key() {
    let house = House::open().await;
    let foreign = "Host: example.com\r\n";
    for path in ["/", "/desk", "/desk/v1/events", "/timeline/DEMO/c1"] {
        let refused = house.get(path, foreign).await;
        assert_eq!((refused.status, refused.header("content-type")), (401, Some("application/problem+json")), "{path}");
        let passed_on = house.get(path, &format!("Host: {}\r\nX-Forwarded-For: 192.0.2.7\r\n", house.address)).await;
        assert_eq!(passed_on.status, 401, "{path} by a proxy");
    }
    let start = house.get("/", "").await;
    assert_eq!(start.status, 200);
    let policy = start.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{policy}");
    // What customers need is not behind this door.
    for path in ["/chat/widget.js", "/back-office/parcel.svg", "/healthz", "/readyz"] {
        assert_eq!(house.get(path, foreign).await.status, 200, "{path}");
    }

    let key = std::fs::read_to_string(house.directory.path().join("data/desk.key")).unwrap();
    assert_eq!(house.get("/desk?key=0123456789abcdef0123456789abcdef", foreign).await.status, 403);
    let let_in = house.get(&format!("/desk?key={key}"), foreign).await;
    assert_eq!((let_in.status, let_in.header("location")), (303, Some("/desk")), "without the key in the address");
    let cookie = let_in.header("set-cookie").unwrap();
    assert!(cookie.contains("HttpOnly; SameSite=Strict") && !cookie.contains(&key), "{cookie}");
    let cookie = format!("{foreign}Cookie: {}\r\n", cookie.split(';').next().unwrap());
    assert_eq!(house.get("/desk", &cookie).await.status, 200);
    house.demo.drain().await.unwrap();
}

#[tokio::test]
async fn a_foreign_page_changes_nothing_at_the_desk() {
    let house = House::open().await;
    let state = async |headers: &str| {
        let headers = format!("{JSON}{headers}");
        ask(house.address, "POST", "/desk/v1/people/desk-2/state", &headers, r#"{"state":"break"}"#).await.status
    };
    assert_eq!(state("Origin: https://example.com\r\n").await, 403);
    assert_eq!(state("Sec-Fetch-Site: cross-site\r\n").await, 403);
    assert_eq!(state("Origin: null\r\n").await, 403);
    assert!((200..300).contains(&state(&format!("Origin: http://{}\r\n", house.address)).await));
    assert!((200..300).contains(&state("").await), "no browser");
    house.demo.drain().await.unwrap();
}

#[tokio::test]
async fn s22_the_back_office_answers_in_the_contacts_language_through_the_whole_house() {
    let house = House::open().await;
    let customer = Customer::begin(house.address, "de").await;
    customer.until(0, "\"from\":\"bot\"").await;
    customer.say("m1", "Rechnung R-2026-0107").await;
    customer.until(0, "Rechnung R-2026-0107 über 129,00 € ist offen und am 30. November fällig.").await;
    // Every step of it, for whoever asks why.
    let path = format!("/timeline/DEMO/{}/events", customer.id);
    let steps = until(house.address, &path, "", |record| record.to_string().contains("external_answered")).await;
    assert_eq!(steps[0]["steps"][0]["step"], "started");

    let large = json!({ "contactID": "c1", "parameters": { "number": "7".repeat(20_000) } }).to_string();
    assert_eq!(ask(house.address, "POST", "/back-office/invoices", JSON, &large).await.status, 413);
    let malformed = ask(house.address, "POST", "/back-office/invoices", JSON, "{}").await;
    assert_eq!(malformed.status, 400, "{malformed:?}");
    house.demo.drain().await.unwrap();
}

#[tokio::test]
async fn s1_the_demo_has_the_web_manager_and_its_start_page_leads_there() {
    let house = House::open().await;
    let manager = house.demo.addresses().manager.clone();
    let start = house.get("/", "").await;
    assert!(start.body.contains(&format!("<a href=\"{manager}\">Web Manager</a>")), "{}", start.body);
    let link = house.demo.first_link().expect("nobody can sign in yet").expose_secret().to_owned();
    assert!(!start.body.contains("/welcome?token="), "the link is for the console alone");
    let address = manager.strip_prefix("http://").unwrap().parse().unwrap();
    let page = ask(address, "GET", link.strip_prefix(&manager).unwrap(), "", "").await;
    assert_eq!(page.status, 200, "{page:?}");
    assert!(page.body.contains("name=\"password\""), "{page:?}");

    // Somebody to try the assignment with (S16): two who are free, one who cannot serve (S4), and four without agent rights.
    let token = link.split_once("token=").unwrap().1;
    let form = [
        ("token", token),
        ("name", "chief"),
        ("password", "correct horse battery"),
        ("again", "correct horse battery"),
    ];
    let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
    let signed = ask(address, "POST", "/welcome", kind, &form).await;
    let cookie = signed.header("set-cookie").unwrap_or_else(|| panic!("{signed:?}")).split(';').next().unwrap();
    let page = ask(address, "GET", "/profiles/DEMO/demo/agents", &format!("Cookie: {cookie}\r\n"), "").await;
    for told in ["Virtual agent 3", "Virtual agent 4", "Trainee"] {
        assert!(page.body.contains(told), "{told}: {}", page.body);
    }
    assert!(!page.body.contains("Supervisor"), "{}", page.body);
    house.demo.drain().await.unwrap();
}

#[tokio::test]
async fn a_taken_port_and_a_taken_directory_are_said_so() {
    let house = House::open().await;
    let elsewhere = TempDir::new().unwrap();
    let same_port = Options { listen: house.address, ..options(&elsewhere.path().join("data")) };
    let refused = Demo::start(same_port, Clock::system()).await.unwrap_err();
    assert!(refused.downcast_ref::<CannotConnect>().is_some());
    let told = refused.to_string();
    let port = house.address.port();
    assert!(
        told.starts_with(&format!("port {port} is taken at 127.0.0.1: try `usher demo --listen 127.0.0.1:")),
        "{told}"
    );
    let same_data = options(&house.directory.path().join("data"));
    let told = Demo::start(same_data, Clock::system()).await.unwrap_err().to_string();
    assert!(told.starts_with("another demo runs on "), "{told}");
    house.demo.drain().await.unwrap();
}

/// The real binary; killed when it is dropped.
struct Binary {
    child: std::process::Child,
    address: SocketAddr,
}

impl Binary {
    /// `usher` with these arguments, once it has said where its pages are.
    async fn run(directory: &Path, arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_usher"));
        command.args(arguments).current_dir(directory).env_clear().stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let out = child.stdout.take().unwrap();
        let (tell, told) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            let mut tell = Some(tell);
            // Read to the end, so that the process always finds somebody who listens.
            for line in std::io::BufReader::new(out).lines().map_while(Result::ok) {
                if let Some(page) = line.trim().strip_prefix("start page")
                    && let Some(tell) = tell.take()
                {
                    let page = page.trim().strip_prefix("http://").unwrap().trim_end_matches('/');
                    tell.send(page.parse().unwrap()).unwrap();
                }
            }
        });
        let address = told.await.expect("it says where its pages are");
        Self { child, address }
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Binary {
    fn drop(&mut self) {
        // It may have been killed already.
        if self.child.try_wait().is_ok_and(|it| it.is_none()) {
            self.kill();
        }
    }
}

#[tokio::test]
async fn contacts_go_on_after_a_kill() {
    let directory = TempDir::new().unwrap();
    let arguments = ["demo", "--listen", "127.0.0.1:0"];
    let mut first = Binary::run(directory.path(), &arguments).await;
    let customer = Customer::begin(first.address, "en").await;
    customer.until(0, "\"from\":\"bot\"").await;
    customer.say("m1", "what are your opening hours?").await;
    let before = customer.until(0, "\"id\":\"m1\"").await;
    first.kill();
    let second = Binary::run(directory.path(), &arguments).await;
    let customer = Customer { address: second.address, ..customer };
    customer.say("m2", "I want to speak to a human").await;
    let after = customer.until(0, "\"state\":\"waiting\"").await;
    assert_eq!(after[..before.len()], before, "what was said is still there, once");
    let sequence: Vec<u64> = after.iter().map(|it| it["seq"].as_u64().unwrap()).collect();
    assert_eq!(sequence, (1..=u64::try_from(after.len()).unwrap()).collect::<Vec<_>>());
}
