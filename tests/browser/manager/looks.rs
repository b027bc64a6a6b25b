//! Every page in both themes and on a phone.

use std::sync::Arc;

use super::{House, begin, fill, screens};
use crate::{axe, driver::browse, fakes::engine::FakeEngine};

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
            "/profiles/sales/support/edit",
            "/profiles/sales/support/agents",
            "/profiles/sales/support/actions",
            "/profiles/new",
            "/profiles/new?kind=dialogflow",
            "/profiles/new?kind=connector",
            "/profiles/new?view=text",
            "/profiles/new?from=sales/support",
            "/numbers",
            "/numbers?span=own&from=x&to=y",
            "/numbers/questions",
            "/profiles/sales/support/try",
            "/profiles/sales/support/tests",
            "/profiles/sales/support/tests/import",
            "/alerts",
            "/units",
            "/units/new",
            "/engines",
            "/engines/new",
            "/configuration",
            "/lint",
            "/users",
            "/users/chief",
            "/store",
            "/contacts/sales/c-1/erase",
            "/tokens",
            "/audit",
            "/api",
            "/api/operations/changeUser",
            "/api/operations/listContacts",
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
                screens::keep(&browser, path, theme, width).await;
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
