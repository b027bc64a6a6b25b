//! The Web Manager in a real browser, as administrators and operators use it.

mod api;
mod binary;
mod busy;
mod daily;
mod estate;
mod forms;
mod hands;
mod keeping;
mod keyboard;
mod looks;
mod numbers;
mod screens;
mod streams;
mod trying;

use std::{net::SocketAddr, sync::Arc};

use fantoccini::key::Key;
use secrecy::ExposeSecret as _;
use usher::app::Office;

use crate::{
    driver::Browser,
    fakes::dialogflow::FakeDialogflow,
    harness::{CONFIG, Usher, profile},
};

const PASSWORD: &str = "correct horse battery staple";

struct House {
    usher: Usher,
    office: Office,
    address: SocketAddr,
    dialogflow: FakeDialogflow,
}

impl House {
    async fn open() -> Arc<Self> {
        let dialogflow = FakeDialogflow::start();
        let usher = Usher::start(CONFIG, &profile(&dialogflow.endpoint())).await;
        let (office, address) = usher.open_office().await;
        Arc::new(Self { usher, office, address, dialogflow })
    }

    fn page(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn link(&self) -> String {
        self.office.first_link().expect("nobody can sign in yet").expose_secret().to_owned()
    }

    async fn strike(self: Arc<Self>) {
        let house = Arc::into_inner(self).expect("nobody else holds it");
        house.office.close().await;
        house.usher.drain().await;
    }
}

/// From field to field, and on with Enter: no mouse.
async fn fill(browser: &Browser, fields: &[(&str, &str)]) {
    for (name, text) in fields {
        browser.run(&format!("document.querySelector(\"[name='{name}']\").focus()")).await;
        browser.keys(text).await;
    }
    browser.press(Key::Enter).await;
}

/// The first administrator, signed in.
async fn begin(browser: &Browser, house: &House) {
    browser.open(&house.link()).await;
    fill(browser, &[("name", "chief"), ("password", PASSWORD), ("again", PASSWORD)]).await;
    browser.arrives("document.querySelector('.who')?.innerText.includes('chief')").await;
}

/// A browser's console tells of every answer that is a refusal.
async fn complains_of_refusals_alone(browser: &Browser) {
    let mut complaints = browser.complaints().await;
    complaints.retain(|it| !it.contains("the server responded with a status of 4"));
    assert_eq!(complaints, Vec::<String>::new());
}
