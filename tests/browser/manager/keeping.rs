//! The store's page: a backup fetched, old timelines removed, and a contact erased from its own page.

use std::sync::Arc;

use super::{House, begin, fill};
use crate::{driver::browse, fakes::engine::FakeEngine};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_administrator_fetches_a_backup_erases_a_contact_and_removes_what_is_old() {
    let house = House::open().await;
    let shown = Arc::clone(&house);
    browse(async move |browser| {
        begin(&browser, &shown).await;
        let engine = FakeEngine::attach(shown.usher.setup()).await.unwrap();
        for contact in ["c-1", "c-2"] {
            engine.open(contact, "va1").await;
            engine.say(contact, "hello").await;
            assert_eq!(engine.next_say(contact).await, ["echo: hello"]);
        }
        engine.end("c-1", "done").await;
        engine.settled().await;

        browser.open(&shown.page("/store")).await;
        browser.until("document.querySelector('.tabs [aria-current]').innerText === 'Store'").await;
        browser.until("document.querySelector('.pairs').innerText.includes('2 (1 open')").await;
        // What the button sends, since a download leads nowhere.
        let fetched = browser
            .run(
                "const form = document.querySelector('form[action=\"/store/backup\"]');
                 const answer = await fetch(form.action, { method: 'POST', body: new URLSearchParams(new FormData(form)) });
                 const body = new Uint8Array(await answer.arrayBuffer());
                 const name = answer.headers.get('content-disposition');
                 return [answer.status, name.includes('usher-'), new TextDecoder().decode(body.subarray(0, 13))];",
            )
            .await;
        assert_eq!(fetched, serde_json::json!([200, true, "manifest.json"]));

        browser.open(&shown.page("/contacts/sales/c-1")).await;
        browser.run("document.querySelector('a[href$=\"/erase\"]').click()").await;
        browser.arrives("document.querySelector('h1')?.innerText === 'Erase contact c-1'").await;
        fill(&browser, &[("confirm", "c-2")]).await;
        browser.arrives("document.querySelector('.problems') === document.activeElement").await;
        browser.run("document.querySelector('[name=confirm]').value = ''").await;
        fill(&browser, &[("confirm", "c-1")]).await;
        browser.arrives("document.querySelector('.timeline')?.innerText.includes('erased by chief')").await;

        browser.open(&shown.page("/store")).await;
        browser.run("document.querySelector('[name=sure]').click()").await;
        fill(&browser, &[("days", "0")]).await;
        browser.arrives("document.querySelector('.done')?.innerText.includes('records were removed')").await;
        browser.until("document.querySelector('.pairs').innerText.includes('1 (1 open')").await;
        engine.end("c-2", "done").await;
    })
    .await;
    house.strike().await;
}
