//! A task from its beginning to its end by keyboard alone: nothing is clicked, and no script moves the focus.

use fantoccini::key::Key;

use super::{PASSWORD, binary::Gateway};
use crate::{
    driver::{Browser, browse},
    fakes::engine::FakeEngine,
};

/// More than any page has to go through.
const PRESSES: usize = 200;

/// On, or back, until the focus is on what the selector finds.
async fn reach(browser: &Browser, selector: &str, back: bool) {
    let there = format!("return document.activeElement.matches({selector:?})");
    for _ in 0..PRESSES {
        if browser.run(&there).await == true {
            return;
        }
        if back {
            browser.press_with_shift(Key::Tab).await;
        } else {
            browser.press(Key::Tab).await;
        }
    }
    let focus = browser.run("return document.activeElement.outerHTML.slice(0, 200)").await;
    panic!("{selector} is not reached on {}; the focus is on {focus}", browser.run("return location.pathname").await);
}

/// Follows a link, or presses a button.
async fn enter(browser: &Browser, selector: &str) {
    reach(browser, selector, false).await;
    browser.press(Key::Enter).await;
}

async fn type_into(browser: &Browser, name: &str, text: &str) {
    reach(browser, &format!("[name='{name}']"), false).await;
    browser.keys(text).await;
}

/// With the arrow, from one option to the next.
async fn choose(browser: &Browser, name: &str, value: &str) {
    reach(browser, &format!("select[name='{name}']"), false).await;
    for _ in 0..PRESSES {
        if browser.run("return document.activeElement.value").await == value {
            return;
        }
        browser.press(Key::Down).await;
    }
    panic!("{value} cannot be chosen of {name}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s8_s16_a_profile_is_added_and_its_virtual_agent_assigned_by_keyboard_alone() {
    let gateway = Gateway::start(&[]);
    browse(async move |browser| {
        browser.open(&gateway.link).await;
        for (name, text) in [("name", "chief"), ("password", PASSWORD), ("again", PASSWORD)] {
            type_into(&browser, name, text).await;
        }
        browser.press(Key::Enter).await;
        browser.arrives("document.querySelector('.who')?.innerText.includes('chief')").await;
        let engine = FakeEngine::attach(gateway.centre().user("va1").user("va2")).await.unwrap();

        enter(&browser, ".bar a[href='/profiles']").await;
        browser.arrives("location.pathname === '/profiles'").await;
        enter(&browser, "main a[href='/profiles/new']").await;
        browser.arrives("document.querySelector('.choose')").await;
        enter(&browser, "a[href$='?kind=connector']").await;
        browser.arrives("document.querySelector('form.profile')").await;
        type_into(&browser, "name", "dials").await;
        choose(&browser, "unit", "sales").await;
        type_into(&browser, "agent_password", "tulip").await;
        type_into(&browser, "fallback_message", "Sorry.").await;
        enter(&browser, "button[value='save']").await;
        browser.arrives("document.querySelector('h1')?.innerText === 'Profile dials'").await;

        enter(&browser, ".tabs a[href$='/dials/agents']").await;
        browser.arrives("document.getElementById('h-available')").await;
        reach(&browser, "[name='user'][value='va1']", false).await;
        browser.press(Key::Space).await;
        reach(&browser, "button[value='assign']", true).await;
        browser.press(Key::Enter).await;
        browser.arrives("document.querySelector('section[aria-labelledby=h-assigned] [value=va1]')").await;
        engine.logged_on("va1").await;
        browser.until("document.querySelector('[data-part=va1]').innerText === 'is logged on'").await;
        assert_eq!(browser.complaints().await, Vec::<String>::new());
    })
    .await;
}
