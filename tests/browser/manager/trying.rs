//! A profile is tried, the conversation kept as a test, and the test tells what differs once the agent has changed.

use std::sync::Arc;

use fantoccini::key::Key;
use serde_json::json;

use super::{House, begin, fill, screens};
use crate::{axe, driver::browse, fakes::dialogflow::say};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b4_a_profile_is_tried_by_keyboard_and_a_test_of_it_tells_what_the_agent_has_changed() {
    let house = House::open().await;
    let shown = Arc::clone(&house);
    browse(async move |browser| {
        begin(&browser, &shown).await;
        let order = |number: u32| say("It left.").intent("order").action("status", &json!({ "number": number }));
        shown.dialogflow.on_text("my order?", order(4711));
        browser.open(&shown.page("/profiles/sales/support/try")).await;
        fill(&browser, &[("language", "en")]).await;
        browser.arrives("document.querySelector('#trial .say')").await;
        browser.until("document.activeElement?.name === 'text'").await;
        browser.run("window.same = true").await;
        browser.keys("my order?").await;
        browser.press(Key::Enter).await;
        browser.until("document.querySelector('.talk')?.innerText.includes('It left.')").await;
        let stays = browser.run("return window.same === true && document.activeElement.name === 'text'").await;
        assert_eq!(stays, true, "the page and the focus stay");
        browser.keys("and a <b>second</b> one").await;
        browser.press(Key::Enter).await;
        browser.until("document.querySelector('.talk').innerText.includes('echo: and a <b>second</b> one')").await;
        assert_eq!(browser.run("return document.querySelectorAll('.talk .turn').length").await, 3);
        browser.run("for (const it of document.querySelectorAll('.talk details')) it.open = true").await;
        let why = "document.querySelector('#turn-2').innerText";
        browser.until(&format!("{why}.includes('4711') && {why}.includes('status') && {why}.includes('ms')")).await;
        axe::assert_no_violation(&browser, "a trial").await;
        screens::keep(&browser, "trial", "light", 1280).await;
        browser.emulate("dark", 360, 800).await;
        axe::assert_no_violation(&browser, "a trial in the dark").await;
        screens::keep(&browser, "trial", "dark", 360).await;
        let wide = browser.run("return document.documentElement.scrollWidth - innerWidth").await;
        assert!(wide.as_i64() <= Some(0), "{wide} too wide");
        browser.emulate("light", 1280, 800).await;
        fill(&browser, &[("test", "an order")]).await;
        browser.arrives("document.querySelector('table.steps')").await;
        axe::assert_no_violation(&browser, "a test").await;
        screens::keep(&browser, "test", "light", 1280).await;

        let run = "[...document.querySelectorAll('button')].find((it) => it.innerText === 'Run all tests')";
        browser.open(&shown.page("/profiles/sales/support/tests")).await;
        browser.run(&format!("{run}.focus()")).await;
        browser.press(Key::Enter).await;
        browser.arrives("document.body.innerText.includes('All tests passed: 1')").await;
        shown.dialogflow.on_text("my order?", order(4712));
        browser.run(&format!("{run}.focus()")).await;
        browser.press(Key::Enter).await;
        browser.arrives("document.body.innerText.includes('Tests failed: 1 of 1')").await;
        let row = browser.run("return document.querySelector('.differences tbody').innerText").await;
        let row = row.as_str().unwrap_or_default();
        assert!(row.contains("number") && row.contains("4711") && row.contains("4712"), "{row}");
        axe::assert_no_violation(&browser, "a difference").await;
        screens::keep(&browser, "tests-run", "light", 1280).await;
        assert_eq!(browser.complaints().await, Vec::<String>::new());
    })
    .await;
    house.strike().await;
}
