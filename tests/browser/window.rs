//! The chat as its customer sees and uses it, in one window of the browser.

use std::net::SocketAddr;

use fantoccini::key::Key;
use serde_json::{Value, json};

use crate::driver::Browser;

/// In the page: the element's inside, and what stands in its log, line by line.
const INSIDE: &str = r#"
    const inside = document.querySelector("usher-chat").shadowRoot;
    const text = (it) => (it.tagName === "IMG" ? `[${it.alt}]` : it.textContent);
    const pieces = (it) => [...it.querySelectorAll(".bubble, .unshowable, .no-image, .title, .subtitle, img")].map(text).join(" | ");
    const line = (it) => (it.matches(".message") ? `${it.classList[1]}: ${pieces(it)}` : it.textContent);
    window.lines = () => [...inside.querySelectorAll(".entries > *")].map(line);
    window.shown = () => [inside.querySelector(".who").textContent, ...window.lines()].join("\n");
    window.inside = inside;
"#;

#[derive(Clone, Debug)]
pub(crate) struct Window {
    pub(crate) browser: Browser,
}

impl Window {
    /// The shop's page, with the element's attributes; nothing is opened yet.
    pub(crate) async fn open(browser: &Browser, server: SocketAddr, attributes: &str, language: &str) -> Self {
        Self::load(browser, server, &[("chat", attributes), ("lang", language)]).await
    }

    /// The page of another address that has the chat from `server`.
    pub(crate) async fn open_elsewhere(browser: &Browser, page: SocketAddr, server: SocketAddr) -> Self {
        Self::load(browser, page, &[("server", &format!("http://{server}"))]).await
    }

    async fn load(browser: &Browser, page: SocketAddr, query: &[(&str, &str)]) -> Self {
        let address = url::Url::parse_with_params(&format!("http://{page}/"), query).unwrap();
        browser.open(address.as_str()).await;
        let window = Self { browser: browser.clone() };
        window.look_inside().await;
        window
    }

    /// Floating, opened by its button, and greeted.
    pub(crate) async fn greeted(browser: &Browser, server: SocketAddr) -> Self {
        let window = Self::open(browser, server, "", "en").await;
        window.begin().await;
        window.until_line(&format!("bot: {}", crate::stage::GREETING)).await;
        window
    }

    /// After a page was loaded.
    pub(crate) async fn look_inside(&self) {
        self.browser.until("document.querySelector('usher-chat')?.shadowRoot?.querySelector('.who')").await;
        self.browser.run(INSIDE).await;
    }

    pub(crate) async fn reload(&self) {
        self.browser.client.refresh().await.unwrap();
        self.look_inside().await;
    }

    pub(crate) async fn begin(&self) {
        self.focus(".launcher").await;
        self.browser.press(Key::Enter).await;
    }

    pub(crate) async fn focus(&self, selector: &str) {
        self.browser.run(&format!("window.inside.querySelector({}).focus()", json!(selector))).await;
    }

    /// As a customer writes: letter by letter, then Enter.
    pub(crate) async fn say(&self, text: &str) {
        self.focus("textarea").await;
        self.browser.keys(text).await;
        self.browser.press(Key::Enter).await;
    }

    pub(crate) async fn lines(&self) -> Vec<String> {
        let lines = self.browser.run("return window.lines()").await;
        lines.as_array().unwrap().iter().filter_map(Value::as_str).map(str::to_owned).collect()
    }

    #[track_caller]
    pub(crate) fn until_line<'a>(&'a self, line: &str) -> impl Future<Output = ()> + use<'a> {
        self.until(&format!("window.lines().includes({})", json!(line)))
    }

    /// Until a button, a link or a line of the window reads so.
    #[track_caller]
    pub(crate) fn until_text<'a>(&'a self, selector: &str, text: &str) -> impl Future<Output = ()> + use<'a> {
        let (selector, text) = (json!(selector), json!(text));
        self.until(&format!("[...window.inside.querySelectorAll({selector})].some((it) => it.textContent === {text} && it.checkVisibility())"))
    }

    #[track_caller]
    pub(crate) fn until<'a>(&'a self, expression: &str) -> impl Future<Output = ()> + use<'a> {
        self.browser.until(expression)
    }

    /// What an expression says of the window.
    pub(crate) async fn tell(&self, expression: &str) -> Value {
        self.browser.run(&format!("return {expression}")).await
    }
}
