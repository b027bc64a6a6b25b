//! The store's page: a backup fetched, old timelines removed, and a contact erased from its own page.

use std::sync::Arc;

use super::{House, PASSWORD, begin, binary::Gateway, fill};
use crate::{
    axe,
    driver::{Browser, browse},
    fakes::engine::FakeEngine,
};

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

/// As the forms of the page Store would, which takes a file of the reader's machine: the backup of now is brought back.
pub(super) async fn bring_a_backup(browser: &Browser, gateway: &Gateway) {
    browser.open(&gateway.page("/store")).await;
    let brought = browser
        .run(
            "const form = document.querySelector('form[action=\"/store/backup\"]');
             const answer = await fetch(form.action, { method: 'POST', body: new URLSearchParams(new FormData(form)) });
             const body = new FormData(document.querySelector('form[action=\"/store/restoring\"]'));
             body.set('file', await answer.blob(), 'usher.tar');
             return (await fetch('/store/restoring', { method: 'POST', body })).url;",
        )
        .await;
    assert_eq!(brought, serde_json::json!(gateway.page("/store/restoring")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_a_gateway_that_begins_anew_leads_back_by_itself_to_what_came_of_it() {
    let gateway = Gateway::start(&[]);
    browse(async move |browser| {
        gateway.begin(&browser).await;
        browser.open(&gateway.page("/store")).await;
        fill(&browser, &[("password", PASSWORD)]).await;
        browser.arrives("document.querySelector('h1')?.innerText === 'The gateway begins anew'").await;
        axe::assert_no_violation(&browser, "a gateway that begins anew").await;
        browser.arrives("location.pathname === '/sign-in'").await;
        fill(&browser, &[("name", "chief"), ("password", PASSWORD)]).await;
        browser.arrives("document.querySelector('.done h2')?.innerText === 'The master key was changed'").await;
        axe::assert_no_violation(&browser, "what came of it").await;

        bring_a_backup(&browser, &gateway).await;
        browser.open(&gateway.page("/store")).await;
        browser.run("document.querySelector('a[href=\"/store/restoring\"]').click()").await;
        browser.arrives("document.querySelector('h1')?.innerText === 'Restore a backup'").await;
        fill(&browser, &[("password", PASSWORD)]).await;
        browser.arrives("document.querySelector('.problems')?.innerText.includes('Say that you are sure')").await;
        browser.run("document.querySelector('[name=sure]').click()").await;
        fill(&browser, &[("password", PASSWORD)]).await;
        browser.arrives("location.pathname === '/sign-in'").await;
        fill(&browser, &[("name", "chief"), ("password", PASSWORD)]).await;
        browser.arrives("document.querySelector('.done h2')?.innerText === 'The backup was restored'").await;
    })
    .await;
}
