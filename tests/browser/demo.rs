//! The demo's pages as a newcomer uses them: the three suggestions, the desk, the timeline, by keyboard and on a phone.

use std::sync::Arc;

use fantoccini::key::Key;
use tempfile::TempDir;
use usher::{
    app::demo::{Demo, Options},
    chat,
    clock::Clock,
};

use crate::{
    axe,
    driver::{Browser, browse},
};

struct House {
    demo: Demo,
    _directory: TempDir,
}

impl House {
    async fn open() -> Arc<Self> {
        let directory = TempDir::new().unwrap();
        let chat = chat::Settings::default();
        let data = directory.path().join("data");
        let options = Options {
            listen: ([127, 0, 0, 1], 0).into(),
            manager: Some(([127, 0, 0, 1], 0).into()),
            data,
            reset: false,
            chat,
        };
        let mut demo = Demo::start(options, Clock::system()).await.unwrap();
        demo.ready().await;
        Arc::new(Self { demo, _directory: directory })
    }

    fn page(&self, path: &str) -> String {
        self.demo.addresses().page(path)
    }

    async fn strike(self: Arc<Self>) {
        Arc::into_inner(self).expect("nobody else holds it").demo.drain().await.unwrap();
    }
}

const CHAT: &str = "document.querySelector('usher-chat').shadowRoot.querySelector('.panel').innerText";
const WHY: &str = "document.querySelector('usher-why').innerText";

async fn click(browser: &Browser, selector: &str) {
    browser.until(&format!("document.querySelector({selector:?})?.checkVisibility()")).await;
    browser.run(&format!("document.querySelector({selector:?}).click()")).await;
}

async fn greeted(browser: &Browser, house: &House) {
    browser.open(&house.page("/")).await;
    browser.until(&format!("{CHAT}.includes('virtual assistant')")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b2_a_newcomer_walks_through_the_three_suggestions() {
    let house = House::open().await;
    let shown = Arc::clone(&house);
    browse(async move |browser| {
        browser.emulate("light", 1600, 1000).await;
        greeted(&browser, &shown).await;
        // B13: the timeline follows the chat's contact from its first step on.
        browser.until(&format!("{WHY}.includes('offered to va-')")).await;

        click(&browser, "button.try:nth-of-type(1)").await;
        browser.until(&format!("{WHY}.includes('intent order.status')")).await;

        click(&browser, "button.try:nth-of-type(2)").await;
        browser.until("document.title.startsWith('(1)')").await;
        click(&browser, ".offered .contact .btn").await;
        browser.until(&format!("{CHAT}.includes('Desk 1')")).await;
        browser.until("document.activeElement?.matches('.compose textarea')").await;
        browser.keys("Hello, how can I help?").await;
        browser.press(Key::Enter).await;
        browser.until(&format!("{CHAT}.includes('Hello, how can I help?')")).await;
        browser.until(&format!("{WHY}.includes('taken by a person')")).await;
        click(&browser, ".compose .btn:nth-of-type(2)").await;
        browser.until(&format!("{WHY}.includes('given back by a person')")).await;

        click(&browser, "button.try:nth-of-type(3)").await;
        browser.until("document.querySelector('.callback')?.innerText.includes('+493023125042')").await;
        click(&browser, ".callback .btn").await;
        browser.until("document.querySelector('.callback .tag').innerText === 'Done'").await;
        assert_eq!(browser.complaints().await, Vec::<String>::new());
    })
    .await;
    house.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_desk_is_led_by_keyboard_alone_and_keeps_the_focus() {
    let house = House::open().await;
    let shown = Arc::clone(&house);
    browse(async move |browser| {
        browser.emulate("light", 1280, 900).await;
        browser.open(&shown.page("/desk")).await;
        browser.until("document.querySelector('.bar .tag.ok')").await;
        // A messenger's customer asks for a person.
        browser.run("document.querySelector('.messenger summary').focus()").await;
        browser.press(Key::Enter).await;
        browser.press(Key::Tab).await;
        browser.until("document.activeElement?.matches('.messenger textarea')").await;
        browser.keys("I want to speak to a human").await;
        browser.press(Key::Enter).await;
        browser.until("document.querySelector('.offered .contact')").await;
        browser.until("document.querySelector('p.hear[role=status]').innerText.includes('waits for a person')").await;
        assert_eq!(
            browser.run("return document.activeElement.matches('.messenger textarea')").await,
            true,
            "a contact that is offered takes the focus from nobody"
        );
        browser.run("document.querySelector('.offered .contact .btn').focus()").await;
        browser.press(Key::Enter).await;
        browser.until("document.activeElement?.matches('.compose textarea')").await;
        browser.keys("Desk 1 here").await;
        browser.press(Key::Enter).await;
        browser.until("document.querySelector('.messenger .said').innerText.includes('Desk 1 here')").await;
        browser.press(Key::Tab).await;
        browser.press(Key::Tab).await;
        browser.press(Key::Enter).await;
        browser
            .until("document.querySelector('.messenger .said').innerText.includes('Back with the virtual agent')")
            .await;
        browser.until("document.querySelectorAll('.mine .contact').length === 0").await;
        assert_eq!(browser.run("return document.activeElement.matches('.talk h2')").await, true, "not lost");
    })
    .await;
    house.strike().await;
}

/// Browsers keep six connections to an address: four start pages and a desk in front of a contact leave room for requests.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_windows_follow_by_one_connection_and_still_reach_the_demo() {
    let house = House::open().await;
    let shown = Arc::clone(&house);
    browse(async move |browser| {
        browser.emulate("light", 1600, 1000).await;
        greeted(&browser, &shown).await;
        click(&browser, "button.try:nth-of-type(2)").await;
        click(&browser, ".offered .contact .btn").await;
        let first = browser.client.window().await.unwrap();
        let mut windows = vec![first];
        for path in ["/", "/", "/", "/desk"] {
            let window = browser.client.new_window(false).await.unwrap().handle;
            browser.client.switch_to_window(window.clone()).await.unwrap();
            browser.open(&shown.page(path)).await;
            browser.until("document.querySelector('.bar .tag.ok')").await;
            browser.until("document.querySelector('.talk [role=log]').innerText.includes('Desk 1')").await;
            windows.push(window);
        }
        for (n, window) in windows.into_iter().enumerate() {
            browser.client.switch_to_window(window).await.unwrap();
            assert_eq!(browser.run("return document.hidden").await, false, "it follows all the time");
            let state = ["busy", "available"][n % 2];
            let set = format!(
                "const answer = await fetch('/desk/v1/people/desk-2/state', {{ method: 'POST', \
                     headers: {{ 'content-type': 'application/json' }}, body: '{{\"state\":\"{state}\"}}', \
                     signal: AbortSignal.timeout(4000) }}); \
                 return answer.status;"
            );
            assert_eq!(browser.run(&set).await, 204, "window {n}");
        }
    })
    .await;
    house.strike().await;
}

/// B2: a slow answer takes nothing away that was written meanwhile, and a failed one gives back what was to be sent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_written_while_a_message_is_under_way_stays() {
    let house = House::open().await;
    let shown = Arc::clone(&house);
    browse(async move |browser| {
        browser.open(&shown.page("/desk")).await;
        browser.until("document.querySelector('.bar .tag.ok')").await;
        browser.run("document.querySelector('.messenger').open = true; document.querySelector('.messenger textarea').focus()").await;
        // Every request waits until it is let go.
        browser
            .run("window.real = fetch; window.fetch = (...it) => new Promise((go, fail) => { window.go = () => go(real(...it)); window.fail = fail; })")
            .await;
        let value = "return document.querySelector('.messenger textarea').value";
        browser.keys("first").await;
        browser.press(Key::Enter).await;
        browser.until("window.fail").await;
        assert_eq!(browser.run(value).await, "");
        browser.run("fail(new TypeError('network'))").await;
        browser.until("document.querySelector('.messenger .fault-line').innerText.includes('does not answer')").await;
        assert_eq!(browser.run(value).await, "first", "given back");
        browser.run("window.fail = null").await;
        browser.press(Key::Enter).await;
        browser.until("window.fail").await;
        browser.keys("second").await;
        browser.run("window.fetch = real; go()").await;
        browser.until("document.querySelector('.messenger .said').innerText.includes('first')").await;
        browser.until("document.querySelector('.messenger .fault-line').innerText === ''").await;
        assert_eq!(browser.run(value).await, "second", "kept");
    })
    .await;
    house.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_is_closed_and_its_contacts_stay_with_the_bot() {
    let house = House::open().await;
    let shown = Arc::clone(&house);
    browse(async move |browser| {
        browser.emulate("light", 1600, 1000).await;
        greeted(&browser, &shown).await;
        click(&browser, "[data-key=support] input[role=switch]").await;
        browser.until("document.querySelector('[data-key=support] .tag').innerText === 'Closed'").await;
        click(&browser, "button.try:nth-of-type(2)").await;
        // The gateway refuses it, or the contact centre does, if the gateway has not heard of it yet.
        browser.until(&format!("{WHY}.includes('the queue is closed')")).await;
        assert_eq!(browser.run("return document.querySelectorAll('.offered .contact').length").await, 0);
    })
    .await;
    house.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn axe_finds_no_violation_on_any_page_and_nothing_is_wider_than_the_screen() {
    let house = House::open().await;
    let shown = Arc::clone(&house);
    browse(async move |browser| {
        for (theme, width) in [("light", 1600), ("dark", 1600), ("light", 360), ("dark", 320)] {
            browser.emulate(theme, width, 900).await;
            greeted(&browser, &shown).await;
            click(&browser, "button.try:nth-of-type(2)").await;
            browser.until("document.querySelector('.offered .contact, .mine .contact')").await;
            for pane in ["chat", "desk", "why"] {
                browser.run(&format!("document.querySelector('.tabs button[value={pane}]').click()")).await;
                fits(&browser, &format!("start, {pane}, {theme}, {width}")).await;
            }
            browser.run("document.querySelector('.offered .contact .btn')?.click()").await;
            browser.until("document.querySelector('.mine .contact')").await;
            browser.open(&shown.page("/desk")).await;
            browser.until("document.querySelector('.mine .contact')").await;
            browser.run("document.querySelector('.mine button.open').click()").await;
            browser.until("document.querySelector('.talk [role=log] > *')").await;
            fits(&browser, &format!("desk, {theme}, {width}")).await;
            browser.run("[...document.querySelectorAll('.compose .btn')].at(-1).click()").await;
            browser.until("!document.querySelector('.mine .contact')").await;
            browser.run("localStorage.clear(); sessionStorage.clear()").await;
        }
        browser.emulate("light", 1000, 800).await;
        browser.run("document.cookie = 'usher-language=de; path=/'").await;
        browser.open(&shown.page("/desk")).await;
        browser.until("document.querySelector('.bar .tag.ok')?.innerText.includes('virtuelle Agenten')").await;
        fits(&browser, "desk, German").await;
    })
    .await;
    house.strike().await;
}

async fn fits(browser: &Browser, what: &str) {
    let wider = browser.run("return document.documentElement.scrollWidth - window.innerWidth").await;
    assert!(wider.as_i64().is_some_and(|it| it <= 0), "{what}: {wider} px too wide");
    axe::assert_no_violation(browser, what).await;
}
