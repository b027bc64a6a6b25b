//! The Web Manager as administrators and operators use it: by keyboard, watching contacts live, in both themes and on a phone.

use std::{net::SocketAddr, sync::Arc};

use fantoccini::key::Key;
use secrecy::ExposeSecret as _;
use usher::app::Office;

use crate::{
    axe,
    driver::{Browser, browse},
    fakes::{dialogflow::FakeDialogflow, engine::FakeEngine},
    harness::{CONFIG, Usher, profile},
};

const PASSWORD: &str = "correct horse battery staple";

struct House {
    usher: Usher,
    office: Office,
    address: SocketAddr,
    _dialogflow: FakeDialogflow,
}

impl House {
    async fn open() -> Arc<Self> {
        let dialogflow = FakeDialogflow::start();
        let usher = Usher::start(CONFIG, &profile(&dialogflow.endpoint())).await;
        let (office, address) = usher.open_office().await;
        Arc::new(Self { usher, office, address, _dialogflow: dialogflow })
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b13_an_operator_watches_a_contact_from_its_offer_to_its_answer() {
    let house = House::open().await;
    let watched = Arc::clone(&house);
    browse(async move |browser| {
        begin(&browser, &watched).await;
        browser.until("document.querySelector('#live .empty')").await;
        let engine = FakeEngine::attach(watched.usher.setup()).await.unwrap();
        engine.open("c-1", "va1").await;
        browser.until("document.querySelector('#live a')?.innerText === 'c-1'").await;
        browser.run("document.querySelector('#live a').focus()").await;
        browser.press(Key::Enter).await;
        browser.arrives("document.querySelector('.timeline')").await;
        engine.say("c-1", "is <b>this</b> live?").await;
        browser.until("document.querySelector('.timeline').innerText.includes('echo: is <b>this</b> live?')").await;
        let twice = browser.run("return document.querySelectorAll('.timeline .heard').length").await;
        assert_eq!(twice, 1, "once");
        engine.end("c-1", "done").await;
        assert_eq!(browser.complaints().await, Vec::<String>::new());
    })
    .await;
    house.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s1_a_user_is_added_by_keyboard_alone_and_a_form_outlives_its_session() {
    let house = House::open().await;
    let shown = Arc::clone(&house);
    browse(async move |browser| {
        begin(&browser, &shown).await;
        // The first Tab of a page leads past its navigation.
        browser.press(Key::Tab).await;
        browser.until("document.activeElement.className === 'skip'").await;
        browser.open(&shown.page("/users")).await;
        // Signed out elsewhere while the form is open.
        browser
            .run(
                "const csrf = document.querySelector('.who [name=csrf]').value;
                 await fetch('/sign-out', { method: 'POST', body: new URLSearchParams({ csrf }), redirect: 'manual' });",
            )
            .await;
        fill(&browser, &[("name", "ann")]).await;
        browser.arrives("document.body.innerText.includes('what you have typed is still there')").await;
        fill(&browser, &[("name", "chief"), ("password", PASSWORD)]).await;
        browser.arrives("document.body.innerText.includes('Your input is still here')").await;
        browser.until("document.activeElement.innerText === 'Go on'").await;
        browser.press(Key::Enter).await;
        browser.arrives("document.querySelector('.link')?.innerText.includes('/welcome?user=ann&token=')").await;
    })
    .await;
    house.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_is_accessible_in_both_themes_and_fits_a_phone() {
    let house = House::open().await;
    let shown = Arc::clone(&house);
    browse(async move |browser| {
        begin(&browser, &shown).await;
        let engine = FakeEngine::attach(shown.usher.setup()).await.unwrap();
        engine.open("c-1", "va1").await;
        engine.say("c-1", "hello").await;
        assert_eq!(engine.next_say("c-1").await, ["echo: hello"]);
        let pages = [
            "/",
            "/?find=nothing",
            "/contacts/sales/c-1",
            "/agents",
            "/profiles",
            "/profiles/sales/support",
            "/profiles/new",
            "/alerts",
            "/users",
            "/users/chief",
            "/audit",
            "/account",
            "/account/factor",
            "/nothing",
        ];
        for (theme, width) in [("light", 1280), ("dark", 1280), ("light", 360)] {
            browser.emulate(theme, width, 800).await;
            for path in pages {
                browser.open(&shown.page(path)).await;
                browser.until("document.querySelector('main h1')").await;
                axe::assert_no_violation(&browser, &format!("{path} in {theme} at {width}")).await;
                let overflow = browser.run("return document.documentElement.scrollWidth - innerWidth").await;
                assert!(overflow.as_i64() <= Some(0), "{path} at {width} is {overflow} too wide");
            }
        }
    })
    .await;
    house.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_door_is_accessible_too() {
    let house = House::open().await;
    let shown = Arc::clone(&house);
    browse(async move |browser| {
        for theme in ["light", "dark"] {
            browser.emulate(theme, 1000, 760).await;
            for page in [shown.link(), shown.page("/sign-in")] {
                browser.open(&page).await;
                axe::assert_no_violation(&browser, &format!("{page} in {theme}")).await;
            }
            fill(&browser, &[("name", "nobody"), ("password", "something wrong")]).await;
            browser.arrives("document.querySelector('.problems') === document.activeElement").await;
            axe::assert_no_violation(&browser, &format!("a refusal in {theme}")).await;
        }
    })
    .await;
    house.strike().await;
}
