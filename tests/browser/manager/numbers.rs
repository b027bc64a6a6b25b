//! How designers and operators read the numbers.

use std::sync::Arc;

use fantoccini::key::Key;

use super::{House, begin};
use crate::{driver::browse, fakes::engine::FakeEngine};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b6_numbers_are_seen_as_pictures_and_the_table_behind_one_opens_by_keyboard() {
    let house = House::open().await;
    let shown = Arc::clone(&house);
    browse(async move |browser| {
        begin(&browser, &shown).await;
        let engine = FakeEngine::attach(shown.usher.setup()).await.unwrap();
        engine.open("c-1", "va1").await;
        engine.say("c-1", "hello").await;
        assert_eq!(engine.next_say("c-1").await, ["echo: hello"]);
        engine.end("c-1", "done").await;
        engine.settled().await;
        browser.run("document.querySelector('nav a[href=\"/numbers\"]').focus()").await;
        browser.press(Key::Enter).await;
        browser.arrives("document.querySelector('.numbers svg[role=img]')").await;
        let drawn = browser.run("return document.querySelector('.numbers .bars').getBBox().height").await;
        assert!(drawn.as_f64().is_some_and(|it| it > 50.0), "the day's bar stands: {drawn}");
        let begun = "document.querySelector('.numbers figure').querySelector('.total b').innerText === '1'";
        browser.until(begun).await;
        browser.run("document.querySelector('.numbers summary').focus()").await;
        browser.press(Key::Enter).await;
        browser.until("document.querySelector('.numbers details').open").await;
        browser.until("document.querySelector('.numbers details tbody tr:last-child td').innerText === '1'").await;
        browser
            .run("document.querySelector('[name=span]').value = '7'; document.querySelector('.filter button').focus()")
            .await;
        browser.press(Key::Enter).await;
        browser.arrives("document.querySelectorAll('.numbers figure:first-child tbody tr').length === 7").await;
        let from = "const from = document.querySelector('[name=from]'); from.value = '2026-01-01'; from.dispatchEvent(new Event('input'));";
        let span = browser.run(&format!("{from} return document.querySelector('[name=span]').value")).await;
        assert_eq!(span, "own", "a day that is chosen is not passed over");
        assert_eq!(browser.complaints().await, Vec::<String>::new());
    })
    .await;
    house.strike().await;
}
