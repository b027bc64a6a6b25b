//! Every page in both themes and on a phone.

use std::sync::Arc;

use super::{House, busy, fill, screens};
use crate::{axe, driver::browse, fakes::dialogflow::FakeDialogflow};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_is_accessible_in_both_themes_and_fits_a_phone() {
    let dialogflow = FakeDialogflow::start();
    let gateway = busy::open(&dialogflow).await;
    browse(async move |browser| {
        let _centre = busy::work(&browser, &gateway, &dialogflow).await;
        let pages = [
            "/",
            "/?find=nothing",
            "/contacts/sales/web-2004",
            "/contacts/sales/web-2010",
            "/agents",
            "/profiles",
            "/profiles/sales/orders",
            "/profiles/sales/orders/edit",
            "/profiles/sales/orders/edit?view=text",
            "/profiles/sales/orders/agents",
            "/profiles/sales/orders/actions",
            "/profiles/sales/orders/actions/new",
            "/profiles/sales/orders/actions/new?kind=callback",
            "/profiles/sales/orders/actions/edit?media=webinteraction&name=returns-page",
            "/profiles/new",
            "/profiles/new?kind=dialogflow",
            "/profiles/new?kind=connector",
            "/profiles/new?view=text",
            "/profiles/new?from=sales/orders",
            "/numbers",
            "/numbers?span=own&from=x&to=y",
            "/numbers/questions?profile=orders&unit=sales",
            "/profiles/sales/orders/try",
            "/profiles/sales/orders/tests",
            "/profiles/sales/orders/test/where%20an%20order%20is",
            "/profiles/sales/orders/tests/import",
            "/alerts",
            "/units",
            "/units/new",
            "/units/service/edit",
            "/engines",
            "/engines/new",
            "/engines/engine-2/edit",
            "/configuration",
            "/lint",
            "/users",
            "/users/desk-lead",
            "/store",
            "/contacts/sales/web-2010/erase",
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
                browser.open(&gateway.page(path)).await;
                browser.until("document.querySelector('main h1')").await;
                axe::assert_no_violation(&browser, &format!("{path} in {theme} at {width}")).await;
                let overflow = browser.run("return document.documentElement.scrollWidth - innerWidth").await;
                assert!(overflow.as_i64() <= Some(0), "{path} at {width} is {overflow} too wide");
                screens::keep(&browser, path, theme, width).await;
            }
        }
    })
    .await;
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
