//! What is done every day: watching contacts live, and a task by keyboard alone.

use std::sync::Arc;

use fantoccini::key::Key;

use usher::wire::engine::{
    ContactOffered, DirectoryDelta, MediaType, Queue, command_outcome::Outcome, engine_frame::Body,
};

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
async fn b2_an_operator_hands_a_contact_to_a_person_and_sees_it_come_back() {
    let house = House::open().await;
    let watched = Arc::clone(&house);
    browse(async move |browser| {
        begin(&browser, &watched).await;
        let setup = watched.usher.setup().queue("desk", MediaType::OpenMedia).queue("support", MediaType::OpenMedia);
        let engine = FakeEngine::attach(setup).await.unwrap();
        engine.open("c-1", "va1").await;
        browser.open(&watched.page("/contacts/sales/c-1")).await;
        browser
            .run(
                "window.stays = true;
                 const list = document.getElementById('hand-to');
                 list.value = 'queue:support';
                 list.focus();
                 document.querySelector('#hand details').open = true;",
            )
            .await;
        // What is said meanwhile takes nothing away from whoever is choosing; nor does a queue that comes.
        engine.say("c-1", "hello").await;
        engine.next_say("c-1").await;
        browser.until("document.querySelector('.timeline').innerText.includes('echo: hello')").await;
        let callbacks = Queue {
            id: "callbacks".to_owned(),
            media_type: MediaType::OpenMedia.into(),
            open: true,
            ..Queue::default()
        };
        engine.send(Body::Directory(DirectoryDelta { queues: vec![callbacks], ..DirectoryDelta::default() })).await;
        browser.until("document.getElementById('hand-to').options.length === 3").await;
        let kept = "return document.activeElement.id === 'hand-to' && document.activeElement.value === 'queue:support' \
                    && document.querySelector('#hand details').open";
        assert_eq!(browser.run(kept).await, true, "what was being chosen");
        browser.press(Key::Tab).await;
        browser.press(Key::Enter).await;
        browser.until("document.getElementById('state').innerText.includes('waits for a person')").await;
        browser.until("document.getElementById('state').innerText.includes('support')").await;
        browser.until("document.getElementById('hand').innerText === ''").await;
        browser.until("document.querySelector('.timeline').innerText.includes('operator chief')").await;
        let command = engine.next_command("c-1").await;
        engine.outcome("c-1", command.action_seq, Outcome::Accepted).await;
        browser.until("document.getElementById('state').innerText.includes('with a person')").await;
        let returned = ContactOffered {
            contact: "c-1".to_owned(),
            agent: "va1".to_owned(),
            media_type: MediaType::OpenMedia.into(),
            returned_from: command.action_seq,
            ..ContactOffered::default()
        };
        engine.open_as(returned).await;
        browser.until("document.getElementById('state').innerText.includes('waits for the customer')").await;
        browser.until("document.getElementById('hand-over')").await;
        assert_eq!(browser.run("return window.stays").await, true, "the page was never loaded again");
        // One click ends nothing.
        browser.run("document.getElementById('hand-end').click()").await;
        browser.until("document.getElementById('hand-end-now').checkVisibility()").await;
        browser.run("document.getElementById('hand-end-now').click()").await;
        browser.until("document.getElementById('state').innerText.includes('is being closed')").await;
        let end = engine.next_command("c-1").await;
        engine.outcome("c-1", end.action_seq, Outcome::Done).await;
        browser.until("document.querySelector('#hand a')?.innerText.includes('Erase')").await;
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
        browser.until("document.activeElement.innerText === 'Continue'").await;
        browser.press(Key::Enter).await;
        browser.arrives("document.querySelector('.link')?.innerText.includes('/welcome?user=ann&token=')").await;
    })
    .await;
    house.strike().await;
}
