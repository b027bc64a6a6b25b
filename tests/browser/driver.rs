//! A browser of its own for each test: Debian's Chromium without a screen, steered by its chromedriver.

use std::{
    future::Future,
    io::{BufRead as _, BufReader},
    panic,
    process::{Child, Command, Stdio},
    time::Duration,
};

use fantoccini::{
    Client, ClientBuilder,
    actions::{InputSource as _, KeyAction, KeyActions},
    key::Key,
    wd::{Capabilities, WebDriverCompatibleCommand},
};
use http::Method;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

/// What takes longer never happens.
const PATIENCE: Duration = Duration::from_secs(30);

/// Ends with its test.
struct Chromedriver {
    child: Child,
    port: u16,
}

impl Chromedriver {
    /// It takes a free port of IPv4 and then wants the same of IPv6, which somebody else may have: then it ends, and another
    /// takes another port.
    fn start() -> Self {
        let mut told = String::new();
        (0..5).find_map(|_| Self::try_start(&mut told)).unwrap_or_else(|| panic!("no chromedriver starts:\n{told}"))
    }

    fn try_start(told: &mut String) -> Option<Self> {
        let child = Command::new("chromedriver").arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut child = child.expect("chromedriver is missing: run ./check, which installs it");
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for line in lines.map_while(Result::ok) {
            // The first line that names a port says 0.
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                let port = port.trim_end_matches('.').parse().unwrap();
                return Some(Self { child, port });
            }
            *told += &format!("{line}\n");
        }
        *told += &format!("{}\n", child.wait().unwrap());
        None
    }
}

impl Drop for Chromedriver {
    fn drop(&mut self) {
        // It is ours; one that has ended by itself is as good.
        self.child.kill().unwrap_or_default();
        self.child.wait().unwrap();
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Browser {
    pub(crate) client: Client,
}

/// Runs a test in a browser, and closes the browser however the test ends.
pub(crate) async fn browse<F>(test: impl FnOnce(Browser) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let driver = Chromedriver::start();
    let arguments = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-component-update",
        "--no-first-run",
        // Nobody outside is asked for anything.
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        "--window-size=1000,760",
        "--lang=en-US",
    ];
    let mut capabilities = Capabilities::new();
    capabilities.insert("goog:chromeOptions".to_owned(), json!({"args": arguments}));
    capabilities.insert("goog:loggingPrefs".to_owned(), json!({"browser": "ALL"}));
    capabilities.insert("timeouts".to_owned(), json!({"script": PATIENCE.as_millis() as u64}));
    let connecting = ClientBuilder::new(HttpConnector::new()).capabilities(capabilities).clone();
    let client = connecting.connect(&format!("http://127.0.0.1:{}", driver.port)).await.expect("Chromium starts");
    let ended = tokio::spawn(test(Browser { client: client.clone() })).await;
    let closed = client.close().await;
    drop(driver);
    match ended {
        Err(failed) => panic::resume_unwind(failed.into_panic()),
        Ok(()) => closed.expect("the browser closes"),
    }
}

impl Browser {
    pub(crate) async fn open(&self, url: &str) {
        self.client.goto(url).await.unwrap();
    }

    /// The value of a script's `return`; it may `await`.
    pub(crate) async fn run(&self, script: &str) -> Value {
        let wrapped = format!(
            "const done = arguments[arguments.length - 1];
             (async () => {{ {script} }})().then((it) => done({{ value: it ?? null }}), (it) => done({{ error: String(it?.stack ?? it) }}));"
        );
        let told = self.client.execute_async(&wrapped, Vec::new()).await;
        let told = told.unwrap_or_else(|error| panic!("{error}, of:\n{script}"));
        assert_eq!(told.get("error"), None, "of:\n{script}");
        told["value"].clone()
    }

    /// Until an expression is true in the page; looked at sixty times a second, also where nothing is drawn because another
    /// window is in front.
    #[track_caller]
    pub(crate) fn until<'a>(&'a self, expression: &str) -> impl Future<Output = ()> + use<'a> {
        let script = format!(
            "for (const end = performance.now() + {}; performance.now() < end; ) {{
                 if ({expression}) return true;
                 await new Promise((resolve) => setTimeout(resolve, 16));
             }}
             return false;",
            PATIENCE.as_millis() * 2 / 3
        );
        let place = panic::Location::caller();
        let expression = expression.to_owned();
        async move {
            let holds = self.run(&script).await;
            if holds != Value::Bool(true) {
                let text = self.run("return window.shown?.() ?? document.body.innerText").await;
                panic!("{place}: never became true: {expression}\n{}", text.as_str().unwrap_or_default());
            }
        }
    }

    /// The same while pages go and come: each look is a script of its own, as one that runs is lost with its page.
    pub(crate) async fn arrives(&self, expression: &str) {
        let script = format!("return Boolean({expression})");
        let looks = async {
            // A page that is just going answers nothing.
            while self.client.execute(&script, Vec::new()).await.ok() != Some(Value::Bool(true)) {
                tokio::time::sleep(Duration::from_millis(16)).await;
            }
        };
        if tokio::time::timeout(PATIENCE * 2 / 3, looks).await.is_err() {
            let text = self.run("return document.body.innerText").await;
            panic!("never came: {expression}\n{}", text.as_str().unwrap_or_default());
        }
    }

    /// Types with the keyboard, wherever the focus is.
    pub(crate) async fn keys(&self, text: &str) {
        for letter in text.chars() {
            self.press_value(letter).await;
        }
    }

    pub(crate) async fn press(&self, key: Key) {
        self.press_value(key.into()).await;
    }

    pub(crate) async fn press_with_shift(&self, key: Key) {
        let (shift, value) = (Key::Shift.into(), key.into());
        let keys = KeyActions::new("keyboard".to_owned())
            .then(KeyAction::Down { value: shift })
            .then(KeyAction::Down { value })
            .then(KeyAction::Up { value })
            .then(KeyAction::Up { value: shift });
        self.client.perform_actions(keys).await.unwrap();
    }

    async fn press_value(&self, value: char) {
        let keys = KeyActions::new("keyboard".to_owned()).then(KeyAction::Down { value }).then(KeyAction::Up { value });
        self.client.perform_actions(keys).await.unwrap();
    }

    /// A command of Chromium's own protocol.
    pub(crate) async fn cdp(&self, command: &'static str, parameters: Value) -> Value {
        self.client.issue_cmd(Cdp { command, parameters }).await.unwrap()
    }

    /// The page's colours, and its size as a phone would have it.
    pub(crate) async fn emulate(&self, theme: &str, width: u32, height: u32) {
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": theme}]});
        self.cdp("Emulation.setEmulatedMedia", media).await;
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.cdp("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// What pages wrote to the console, warnings and errors alone.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let log = self.client.issue_cmd(ConsoleLog).await.unwrap();
        let lines = log.as_array().cloned().unwrap_or_default();
        let serious = lines.iter().filter(|it| it["level"] == "SEVERE" || it["level"] == "WARNING");
        serious.map(|it| it["message"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

#[derive(Debug)]
struct Cdp {
    command: &'static str,
    parameters: Value,
}

impl WebDriverCompatibleCommand for Cdp {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (Method, Option<String>) {
        (Method::POST, Some(json!({"cmd": self.command, "params": self.parameters}).to_string()))
    }
}

#[derive(Debug)]
struct ConsoleLog;

impl WebDriverCompatibleCommand for ConsoleLog {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/se/log", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (Method, Option<String>) {
        (Method::POST, Some(json!({"type": "browser"}).to_string()))
    }
}
