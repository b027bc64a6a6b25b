//! The chat for everybody: by keyboard alone, small or enlarged, in both themes, and by the rules that axe-core knows.

use fantoccini::key::Key;
use serde_json::json;

use crate::{
    axe,
    driver::{Browser, browse},
    stage::{GREETING, Stage},
    window::Window,
};

/// Everything that a log can hold.
async fn talk_of_everything(window: &Window) {
    window.say("my order").await;
    window.until_text(".choices button", "Yes, mine").await;
    window.say("show me").await;
    window.until_text(".push a", "Open the page").await;
    window.say("call me").await;
    window.until_line("bot: Booked. Until tomorrow!").await;
    window.say("a person, please").await;
    window.until_text(".queue", "You are next in line. It should take about a minute.").await;
}

async fn in_theme(browser: &Browser, theme: &str, stage: &Stage) {
    browser.emulate(theme, 1000, 760).await;
    let window = Window::open(browser, stage.address, "", "en").await;
    axe::assert_no_violation(browser, &format!("{theme}, closed")).await;
    window.begin().await;
    window.until_line(&format!("bot: {GREETING}")).await;
    axe::assert_no_violation(browser, &format!("{theme}, greeted")).await;
    talk_of_everything(&window).await;
    axe::assert_no_violation(browser, &format!("{theme}, in a queue")).await;
    window.focus("header button").await;
    browser.press(Key::Enter).await;
    window.until_text(".bar button", "End it").await;
    axe::assert_no_violation(browser, &format!("{theme}, asked whether to end")).await;
    browser.press(Key::Enter).await;
    window.until_text(".after button", "Start a new chat").await;
    axe::assert_no_violation(browser, &format!("{theme}, ended")).await;
    browser.run("localStorage.clear(); sessionStorage.clear()").await;
    Window::open(browser, stage.address, "inline", "de").await.until_text(".after button", "Chat beginnen").await;
    axe::assert_no_violation(browser, &format!("{theme}, in the page")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn axe_finds_no_violation_in_either_theme_whatever_the_chat_shows() {
    let stage = std::sync::Arc::new(Stage::start().await);
    let shown = stage.clone();
    browse(async move |browser| {
        in_theme(&browser, "light", &shown).await;
        in_theme(&browser, "dark", &shown).await;
    })
    .await;
    std::sync::Arc::into_inner(stage).expect("nobody else holds it").strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_chat_is_led_by_keyboard_alone_and_keeps_the_focus() {
    let stage = Stage::start().await;
    let address = stage.address;
    browse(async move |browser| {
        let window = Window::open(&browser, address, "", "en").await;
        let focused = "window.inside.activeElement?.textContent || window.inside.activeElement?.id";
        browser.press(Key::Tab).await;
        assert_eq!(window.tell(focused).await, "Open the chat");
        browser.press(Key::Enter).await;
        window.until_line(&format!("bot: {GREETING}")).await;
        assert_eq!(window.tell(focused).await, "text", "who opens the chat can write at once");
        browser.keys("my order").await;
        browser.press(Key::Enter).await;
        window.until_text(".choices button", "Yes, mine").await;
        assert_eq!(window.tell(focused).await, "text", "an answer does not take the focus");
        // Back to the choices, past the link and the card's button.
        for expected in ["No", "Yes, mine"] {
            browser.press_with_shift(Key::Tab).await;
            assert_eq!(window.tell(focused).await, expected);
        }
        browser.press(Key::Enter).await;
        window.until_line("bot: echo: Yes, mine").await;
        assert_eq!(window.tell(focused).await, "text");
        let spent = "[...window.inside.querySelectorAll('button.choice')].filter((it) => it.checkVisibility()).every((it) => it.disabled)";
        assert_eq!(window.tell(spent).await, true, "choices are for once");
        // Shift and Enter begin a new line; Enter sends both.
        browser.keys("two").await;
        browser.press_with_shift(Key::Enter).await;
        browser.keys("lines").await;
        browser.press(Key::Enter).await;
        window.until_line("customer: two\nlines").await;
        browser.press(Key::Escape).await;
        window.until_text(".launcher", "Open the chat").await;
        assert_eq!(window.tell(focused).await, "Open the chat", "the focus is where the chat was opened");
    })
    .await;
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_320_pixels_and_at_twice_the_size_nothing_is_cut_off() {
    let stage = Stage::start().await;
    let address = stage.address;
    browse(async move |browser| {
        // 320 × 256 is what 1280 × 1024 leaves at 400 %; 500 × 380 is the window of these tests at 200 %.
        for (width, height, attributes) in [(320, 568, ""), (320, 568, "inline"), (500, 380, "")] {
            browser.emulate("light", width, height).await;
            let window = Window::open(&browser, address, attributes, "de").await;
            browser.run("localStorage.clear(); sessionStorage.clear()").await;
            window.reload().await;
            let button = if attributes.is_empty() { ".launcher" } else { ".after button" };
            window.focus(button).await;
            browser.press(Key::Enter).await;
            window.until_line(&format!("bot: {GREETING}")).await;
            browser.run(&format!("document.querySelector('usher-chat').say('{}')", "Donaudampfschifffahrt".repeat(9))).await;
            window.say("my order").await;
            window.until_text(".choices button", "Yes, mine").await;
            window.say("a person, please").await;
            window.until_text(".who", "Sie warten auf einen Menschen").await;
            let outside = "[...window.inside.querySelectorAll('.panel, .panel *')]
                .filter((it) => it.checkVisibility() && !it.closest('.vh'))
                .map((it) => [it, it.getBoundingClientRect()])
                .filter(([it, box]) => box.width > 0 && (box.left < -0.5 || box.right > innerWidth + 0.5))
                .map(([it]) => it.className || it.tagName)";
            assert_eq!(window.tell(outside).await, json!([]), "{width} × {height} {attributes}");
            let sideways = "[document.documentElement, window.inside.querySelector('.log')].map((it) => it.scrollWidth - it.clientWidth)";
            assert_eq!(window.tell(sideways).await, json!([0, 0]), "{width} × {height} {attributes}");
            let reached = "window.inside.querySelector('textarea').getBoundingClientRect().bottom <= Math.max(innerHeight, document.documentElement.scrollHeight)";
            assert_eq!(window.tell(reached).await, true);
            let room = window.tell("window.inside.querySelector('.log').clientHeight").await;
            assert!(room.as_u64().unwrap() >= 100, "{room} pixels for the log at {width} × {height}");
        }
    })
    .await;
    stage.strike().await;
}
