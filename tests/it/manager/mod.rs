//! The Web Manager over HTTP: a browser without a script, cookies and all.

mod api;
mod api_estate;
mod api_lending;
mod api_numbers;
mod api_profiles;
mod api_refusals;
mod api_shown;
mod api_trials;
mod assigning;
mod attached;
mod bounds;
mod building;
mod conflicts;
mod doors;
mod editing;
mod ended;
mod forms;
mod german;
mod guarding;
mod held;
mod keeping;
mod lending;
mod numbers;
mod overhaul;
mod pausing;
mod people;
mod planted;
mod probing;
mod restoring;
mod roles;
mod tls;
mod transfer;
mod trying;
mod units;
mod watching;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use reqwest::{Client, Response, header, redirect::Policy};
use secrecy::ExposeSecret as _;
use usher::app::Office;

use crate::{
    fakes::dialogflow::FakeDialogflow,
    harness::{CONFIG, Usher, profile},
};

pub(super) const PASSWORD: &str = "correct horse battery staple";

/// A gateway with its Web Manager, and nobody who could sign in yet.
struct House {
    usher: Usher,
    office: Office,
    address: SocketAddr,
    dialogflow: FakeDialogflow,
}

impl House {
    async fn new() -> Self {
        Self::configured(CONFIG).await
    }

    async fn configured(config: &str) -> Self {
        let dialogflow = FakeDialogflow::start();
        let usher = Usher::start(config, &profile(&dialogflow.endpoint())).await;
        let (office, address) = usher.open_office().await;
        Self { usher, office, address, dialogflow }
    }

    /// The same with the first administrator, signed in.
    async fn with_admin() -> (Self, Browser) {
        let house = Self::new().await;
        let browser = house.first().await;
        (house, browser)
    }

    /// The first administrator, signed in.
    async fn first(&self) -> Browser {
        let browser = self.browser();
        let link = self.link();
        browser.get(&link).await;
        let form = [("token", token_of(&link)), ("name", "chief"), ("password", PASSWORD), ("again", PASSWORD)];
        let page = browser.post("/welcome", &form).await;
        assert_eq!((page.status, page.to.as_deref()), (303, Some("/")), "{}", page.text);
        browser
    }

    fn link(&self) -> String {
        let link = self.office.first_link().expect("nobody can sign in").expose_secret().to_owned();
        link.strip_prefix(&format!("http://{}", self.address)).expect("a link of ours").to_owned()
    }

    fn browser(&self) -> Browser {
        let client = Client::builder().redirect(Policy::none()).no_proxy().build().unwrap();
        Browser { client, base: format!("http://{}", self.address), cookies: Arc::default() }
    }

    /// Another user, signed in.
    async fn user(&self, admin: &Browser, name: &str, role: &str) -> Browser {
        let page = admin.send("/users", &[("name", name), ("role", role)]).await;
        let browser = self.browser();
        let link = link_in(&page.text);
        let form = [("user", name), ("token", token_of(&link)), ("password", PASSWORD), ("again", PASSWORD)];
        assert_eq!(browser.post("/welcome", &form).await.status, 303);
        browser
    }

    async fn close(self) {
        self.office.close().await;
        self.usher.drain().await;
    }
}

fn token_of(link: &str) -> &str {
    link.split_once("token=").expect("a token").1
}

/// The link that a page shows, without the host.
fn link_in(page: &str) -> String {
    let (_, link) = page.split_once("/welcome?user=").unwrap_or_else(|| panic!("no link in {page}"));
    format!("/welcome?user={}", link.split('<').next().unwrap().replace("&amp;", "&"))
}

#[derive(Clone)]
struct Browser {
    client: Client,
    base: String,
    cookies: Arc<Mutex<BTreeMap<String, String>>>,
}

#[derive(Debug)]
struct Page {
    status: u16,
    headers: header::HeaderMap,
    /// Where it leads.
    to: Option<String>,
    text: String,
}

impl Browser {
    async fn get(&self, path: &str) -> Page {
        self.take(self.client.get(self.base.clone() + path).header("cookie", self.cookies())).await
    }

    /// As a form is sent that has no token of a session.
    async fn post(&self, path: &str, form: &[(&str, &str)]) -> Page {
        self.post_from("same-origin", path, form).await
    }

    async fn post_from(&self, site: &str, path: &str, form: &[(&str, &str)]) -> Page {
        let body: String = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = self.client.post(self.base.clone() + path).header("sec-fetch-site", site);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        self.take(request.header("cookie", self.cookies()).body(body)).await
    }

    /// As a form of a page is sent.
    async fn send(&self, path: &str, form: &[(&str, &str)]) -> Page {
        let token = self.csrf().await;
        let form: Vec<_> = form.iter().copied().chain([("csrf", token.as_str())]).collect();
        self.post(path, &form).await
    }

    async fn csrf(&self) -> String {
        let page = self.get("/account").await;
        hidden(&page.text, "csrf").unwrap_or_else(|| panic!("not signed in: {} {}", page.status, page.text))
    }

    async fn sign_in(&self, name: &str, password: &str, code: &str) -> Page {
        self.post("/sign-in", &[("name", name), ("password", password), ("code", code), ("to", "/")]).await
    }

    /// As it stands in the page.
    async fn open(&self, path: &str) -> Response {
        let request = self.client.get(self.base.clone() + path).header("cookie", self.cookies());
        request.send().await.unwrap()
    }

    async fn take(&self, request: reqwest::RequestBuilder) -> Page {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        for cookie in headers.get_all("set-cookie") {
            let (name, value) = cookie.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.lock().unwrap().insert(name.to_owned(), value.to_owned());
        }
        let to = headers.get("location").map(|it| it.to_str().unwrap().to_owned());
        Page { status, headers, to, text: response.text().await.unwrap() }
    }

    fn cookies(&self) -> String {
        let all = self.cookies.lock().unwrap();
        all.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    /// What the gateway calls the session's cookie.
    fn session_name(&self) -> String {
        let is_it = |name: &&String| name.strip_prefix("usher_").is_some_and(|it| it.len() == 8 && it != "language");
        self.cookies.lock().unwrap().keys().find(is_it).expect("signed in").clone()
    }

    fn session(&self) -> Option<String> {
        let name = self.session_name();
        self.cookies.lock().unwrap().get(&name).filter(|it| !it.is_empty()).cloned()
    }
}

/// The value of a hidden field.
fn hidden(page: &str, name: &str) -> Option<String> {
    let (_, rest) = page.split_once(&format!("name=\"{name}\" value=\""))?;
    Some(rest.split('"').next()?.replace("&amp;", "&"))
}
