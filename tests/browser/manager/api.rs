//! A program gets a token, and its author looks up what to do with it.

use std::sync::Arc;

use fantoccini::key::Key;

use super::{House, begin, complains_of_refusals_alone, fill};
use crate::driver::browse;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_administrator_makes_a_token_and_finds_an_operation_of_the_api() {
    let house = House::open().await;
    let shown = Arc::clone(&house);
    browse(async move |browser| {
        begin(&browser, &shown).await;
        browser.open(&shown.page("/tokens")).await;
        browser.until("document.querySelector('.empty')").await;
        fill(&browser, &[("name", "Nightly Job")]).await;
        browser.arrives("document.querySelector('.problems') === document.activeElement").await;
        browser.until("document.querySelector('[name=name]').getAttribute('aria-invalid') === 'true'").await;
        browser.run("document.querySelector('[name=name]').value = ''").await;
        fill(&browser, &[("name", "nightly")]).await;
        browser.arrives("/^usher_[0-9a-f]{64}$/.test(document.querySelector('.link')?.innerText ?? '')").await;
        // What it says is what the API takes.
        let role = "const token = document.querySelector('.link').innerText;
            const answer = await fetch('/api/v1/account', { headers: { authorization: `Bearer ${token}` } });
            return (await answer.json()).role";
        assert_eq!(browser.run(role).await, "viewer");
        browser.run("document.querySelector('main a[href=\"/api\"]').focus()").await;
        browser.press(Key::Enter).await;
        browser.arrives("document.querySelectorAll('table.operations').length > 5").await;
        browser.run("document.querySelector('[name=find]').focus()").await;
        browser.keys("hand-over").await;
        browser.press(Key::Enter).await;
        browser.arrives("document.querySelectorAll('table.operations a').length === 1").await;
        browser.run("document.querySelector('table.operations a').focus()").await;
        browser.press(Key::Enter).await;
        browser
            .arrives("document.querySelector('pre')?.innerText.includes('/api/v1/contacts/sales/c-1/hand-over')")
            .await;
        browser.open(&shown.page("/tokens")).await;
        // A step of its own: the button that does it comes behind.
        browser.run("document.querySelector('summary[aria-label=\"Revoke nightly\"]').focus()").await;
        browser.press(Key::Enter).await;
        browser.until("document.querySelector('form[action=\"/tokens/nightly/revoke\"] button').offsetParent").await;
        browser.press(Key::Tab).await;
        browser.press(Key::Enter).await;
        browser.arrives("document.querySelector('.done')?.innerText.includes('revoked')").await;
        complains_of_refusals_alone(&browser).await;
    })
    .await;
    house.strike().await;
}
