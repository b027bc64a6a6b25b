//! What is done every day: watching contacts live, and a task by keyboard alone.

use std::sync::Arc;

use fantoccini::key::Key;

use super::{House, PASSWORD, begin, fill};
use crate::{driver::browse, fakes::engine::FakeEngine};

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
