//! Every page in both themes and on a phone, in English and in German, what forms answer with included.

use std::sync::Arc;

use serde_json::json;
use usher::manager::access;

use super::{House, binary::Gateway, busy, fill, keeping::bring_a_backup, screens};
use crate::{
    axe,
    driver::{Browser, browse},
    fakes::dialogflow::FakeDialogflow,
};

/// Each GET route of the table has one at least.
const PAGES: &[&str] = &[
    "/",
    "/?find=nothing",
    "/contacts/sales/web-2004",
    "/contacts/ended",
    "/contacts/ended?find=nothing",
    "/contacts/sales/web-2010",
    "/contacts/sales/web-2010/erase",
    "/agents",
    "/profiles",
    "/profiles/sales/orders",
    "/profiles/sales/support",
    "/profiles/sales/returns",
    "/profiles/sales/orders/edit",
    "/profiles/sales/support/edit",
    "/profiles/sales/orders/edit?view=text",
    "/profiles/sales/orders/agents",
    "/profiles/sales/orders/actions",
    "/profiles/sales/orders/actions/new",
    "/profiles/sales/orders/actions/new?kind=callback",
    "/profiles/sales/orders/actions/edit?media=webinteraction&name=returns-page",
    "/profiles/new",
    "/profiles/new?kind=dialogflow",
    "/profiles/new?kind=dialogflow-cx",
    "/profiles/new?kind=lex",
    "/profiles/new?kind=connector",
    "/profiles/new?kind=llm",
    "/profiles/new?kind=webhook",
    "/profiles/new?view=text",
    "/profiles/new?from=sales/orders",
    "/numbers",
    "/numbers?span=own&from=x&to=y",
    "/numbers/questions?profile=orders&unit=sales",
    "/profiles/sales/orders/try",
    "/profiles/sales/orders/tests",
    "/profiles/sales/orders/test/where%20an%20order%20is",
    "/profiles/sales/orders/test/where%20an%20order%20is?view=text",
    "/profiles/sales/orders/tests/import",
    "/alerts",
    "/units",
    "/units/new",
    "/units/service/edit",
    "/units/service/edit?view=text",
    "/units/service/actions",
    "/units/service/actions/new",
    "/units/service/actions/new?kind=external",
    "/units/service/actions/edit?media=openmedia&name=person",
    "/units/sales/actions",
    "/engines",
    "/engines/new",
    "/engines/engine-2/edit",
    "/configuration",
    "/lint",
    "/users",
    "/users/desk-lead",
    "/store",
    "/store/restoring",
    "/tokens",
    "/audit",
    "/audit?from=x",
    "/api",
    "/api/operations/changeUser",
    "/api/operations/listContacts",
    "/account",
    "/account/factor",
    "/nothing",
];
/// What is read by programs or streams, and what is looked at elsewhere: the door, and a trial.
const NO_PAGES: &[&str] = &[".csv", "/events", "/export", "/sign-in", "/welcome", "/try/{trial}"];

/// Forms whose answers are pages of their own: secrets that are shown once, differences, refusals.
const FORMS: &[(&str, &[(&str, &str)])] = &[
    ("/users", &[("name", "night-shift"), ("role", "viewer")]),
    ("/users", &[("name", "not a name"), ("role", "viewer")]),
    ("/tokens", &[("name", "reports"), ("role", "viewer"), ("days", "7")]),
    ("/engines/new", &[("id", "engine-3"), ("unit", "service")]),
    ("/engines/new", &[("id", "engine-4"), ("unit", "sales")]),
    ("/units/new", &[("name", "north"), ("zone", "Nowhere/Land"), ("country", "Germany")]),
    ("/profiles/new", &[("text", "name = \"x\"\ntype = \"lex\"\nlex = 7\n")]),
    ("/profiles/new", &[("kind", "llm"), ("do", "save")]),
    ("/profiles/sales/orders/actions/new", &[("kind", "push_url"), ("name", "")]),
    ("/units/service/actions/new", &[("kind", "callback"), ("name", "")]),
    ("/units/service/actions/edit?media=openmedia&name=person", &[("kind", "requeue"), ("name", "person")]),
    ("/profiles/sales/orders/check", &[]),
    ("/profiles/sales/returns/token", &[]),
    ("/configuration/import", &[("text", "[limits]\ncontacts = 9000\n")]),
    ("/configuration/import", &[("text", "[limits]\ncontacts = many\n")]),
    ("/store/retention", &[("retention", "soon")]),
    ("/store/key", &[("password", "not mine")]),
    ("/store/restoring", &[]),
    ("/store/restore", &[("password", "not mine"), ("sure", "yes")]),
    ("/lint/look", &[("unit", "sales"), ("profile", "orders")]),
    ("/lint/look-at-all", &[]),
    ("/profiles/new", &[("text", "name = \"typed\"\ntype = \"lex\"\n"), ("do", "kind:llm")]),
    ("/units/service/remove", &[("csrf", "of another sign-in")]),
];

fn is_of(path: &str, route: &str) -> bool {
    let path = path.split('?').next().unwrap_or_default();
    let (have, want): (Vec<&str>, Vec<&str>) = (path.split('/').collect(), route.split('/').collect());
    have.len() == want.len() && have.iter().zip(want).all(|(have, want)| *have == want || want.starts_with('{'))
}

async fn assert_good(browser: &Browser, what: &str) {
    browser.until("document.querySelector('main h1')").await;
    axe::assert_no_violation(browser, what).await;
    assert_fits(browser, what).await;
}

async fn assert_fits(browser: &Browser, what: &str) {
    let overflow = browser.run("return document.documentElement.scrollWidth - innerWidth").await;
    assert!(overflow.as_i64() <= Some(0), "{what} is {overflow} too wide");
}

/// As its button would, and on to the page that comes of it.
async fn submit(browser: &Browser, path: &str, fields: &[(&str, &str)]) {
    let (path, fields) = (json!(path), json!(fields));
    browser
        .run(&format!(
            "const form = document.createElement('form');
             Object.assign(form, {{ method: 'post', action: {path} }});
             const csrf = ['csrf', document.querySelector('.who [name=csrf]').value];
             for (const [name, value] of [csrf, ...{fields}]) {{
                 if (name === 'csrf') form.querySelector('[name=csrf]')?.remove();
                 form.append(Object.assign(document.createElement('input'), {{ type: 'hidden', name, value }}));
             }}
             document.body.append(form);
             window.leaves = true;
             form.submit();"
        ))
        .await;
    browser.arrives("!window.leaves && document.readyState === 'complete' && document.querySelector('main h1')").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_is_accessible_in_both_themes_and_fits_a_phone() {
    let routes = access()
        .filter(|(route, methods, _)| methods.contains("GET") && !NO_PAGES.iter().any(|it| route.ends_with(it)));
    for (route, ..) in routes {
        assert!(PAGES.iter().any(|it| is_of(it, route)), "no page of {route} is looked at");
    }
    let dialogflow = FakeDialogflow::start();
    let gateway = busy::open(&dialogflow).await;
    browse(async move |browser| {
        let _centre = busy::work(&browser, &gateway, &dialogflow).await;
        bring_a_backup(&browser, &gateway).await;
        for (theme, width) in [("light", 1280), ("dark", 1280), ("light", 360)] {
            browser.emulate(theme, width, 800).await;
            for path in PAGES {
                browser.open(&gateway.page(path)).await;
                assert_good(&browser, &format!("{path} in {theme} at {width}")).await;
                screens::keep(&browser, path, theme, width).await;
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_forms_answer_is_accessible_and_german_fits_a_phone() {
    let dialogflow = FakeDialogflow::start();
    let gateway = busy::open(&dialogflow).await;
    browse(async move |browser| {
        let _centre = busy::work(&browser, &gateway, &dialogflow).await;
        bring_a_backup(&browser, &gateway).await;
        answers(&browser, &gateway).await;
        browser.open(&gateway.page("/account")).await;
        submit(&browser, "/account/language", &[("language", "de")]).await;
        browser.until("document.documentElement.lang === 'de'").await;
        browser.emulate("dark", 360, 800).await;
        for path in PAGES {
            browser.open(&gateway.page(path)).await;
            browser.until("document.querySelector('main h1')").await;
            assert_fits(&browser, &format!("{path} in German")).await;
        }
    })
    .await;
}

async fn answers(browser: &Browser, gateway: &Gateway) {
    for (at, (path, fields)) in FORMS.iter().enumerate() {
        // Each is seen in one of them: their colours are those of all pages.
        let (theme, width) = [("light", 1280), ("dark", 360)][at % 2];
        browser.emulate(theme, width, 800).await;
        browser.open(&gateway.page("/account")).await;
        submit(browser, path, fields).await;
        assert_good(browser, &format!("{path} with {fields:?}")).await;
    }
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
                screens::keep(&browser, page.split('?').next().unwrap().rsplit('/').next().unwrap(), theme, 1000).await;
            }
            fill(&browser, &[("name", "nobody"), ("password", "something wrong")]).await;
            browser.arrives("document.querySelector('.problems') === document.activeElement").await;
            axe::assert_no_violation(&browser, &format!("a refusal in {theme}")).await;
        }
    })
    .await;
    house.strike().await;
}
