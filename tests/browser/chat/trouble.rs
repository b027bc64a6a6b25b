//! What a customer lives through when something breaks: nothing is lost, nothing is there twice.

use serde_json::json;

use crate::{
    driver::browse,
    stage::{GREETING, Stage},
    window::Window,
    wire::Wire,
};

/// What the customer said, as the language engine heard it.
fn heard(stage: &Stage) -> Vec<String> {
    stage.dialogflow.requests().iter().filter_map(|it| it.text().map(str::to_owned)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_reload_the_history_is_there_once_and_is_not_read_out_again() {
    let stage = Stage::start().await;
    let address = stage.address;
    browse(async move |browser| {
        let window = Window::greeted(&browser, address).await;
        window.say("one").await;
        window.until_line("bot: echo: one").await;
        // Unsent text outlives a reload, too.
        browser.keys("half a thou").await;
        let before = window.lines().await;
        let contact = window.tell("document.querySelector('usher-chat').contactId").await;
        window.reload().await;
        window.until("window.lines().length === 3").await;
        assert_eq!(window.lines().await, before);
        assert_eq!(window.tell("document.querySelector('usher-chat').contactId").await, contact);
        assert_eq!(window.tell("window.inside.querySelector('textarea').value").await, "half a thou");
        assert_eq!(window.tell("window.inside.querySelector('[role=log]').ariaLive").await, "off");
        window.focus("textarea").await;
        browser.keys("ght").await;
        browser.press(fantoccini::key::Key::Enter).await;
        window.until_line("bot: echo: half a thought").await;
        assert_eq!(window.tell("window.inside.querySelector('[role=log]').ariaLive").await, "polite");
        assert_eq!(window.lines().await.len(), 5);
    })
    .await;
    assert_eq!(heard(&stage), ["one", "half a thought"]);
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_written_while_the_network_is_away_arrives_once_and_in_order() {
    let stage = Stage::start().await;
    let wire = Wire::to(stage.address).await;
    browse(async move |browser| {
        let window = Window::greeted(&browser, wire.address).await;
        wire.cut();
        for text in ["first", "second", "third"] {
            window.say(text).await;
        }
        window.until_text(".trouble", "No connection. Your messages are sent as soon as it is back.").await;
        let waiting = window.tell("[...window.inside.querySelectorAll('.delivery')].map((it) => it.textContent)").await;
        assert_eq!(waiting, json!(["Sending …", "Sending …", "Sending …"]));
        wire.was_tried(4).await;
        wire.mend();
        window.until_line("bot: echo: third").await;
        window.until("window.inside.querySelector('.trouble').textContent === ''").await;
        let lines = window.lines().await;
        let own: Vec<&String> = lines.iter().filter(|it| it.starts_with("customer: ")).collect();
        assert_eq!(own, ["customer: first", "customer: second", "customer: third"]);
        assert_eq!(lines.iter().filter(|it| **it == format!("bot: {GREETING}")).count(), 1);
        window.until_text(".delivery", "Delivered").await;
    })
    .await;
    assert_eq!(heard(&stage), ["first", "second", "third"]);
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_said_while_the_network_was_away_is_there_when_it_is_back() {
    let stage = Stage::start().await;
    let (wire, switchboard) = (Wire::to(stage.address).await, stage.switchboard.clone());
    browse(async move |browser| {
        let window = Window::greeted(&browser, wire.address).await;
        window.say("a person, please").await;
        window.until_text(".who", "Waiting for a person").await;
        let contact = window.tell("document.querySelector('usher-chat').contactId").await;
        let contact = contact.as_str().unwrap().to_owned().try_into().unwrap();
        wire.cut();
        switchboard.accept("desk-1", &contact).await.unwrap();
        switchboard.person_says("desk-1", &contact, "m-1", "Are you there?").await.unwrap();
        window.until_text(".trouble", "No connection. Your messages are sent as soon as it is back.").await;
        wire.mend();
        window.until_line("person: Are you there?").await;
        let expected = [
            &format!("bot: {GREETING}"),
            "customer: a person, please",
            "bot: I will get you a colleague.",
            "You are being handed over to a person (Support).",
            "Desk 1 has joined the chat.",
            "person: Are you there?",
        ];
        assert_eq!(window.lines().await, expected);
    })
    .await;
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_tabs_show_the_same_conversation() {
    let stage = Stage::start().await;
    let address = stage.address;
    browse(async move |browser| {
        let first = Window::open(&browser, address, "inline", "en").await;
        let tab = browser.client.window().await.unwrap();
        let other = browser.client.new_window(true).await.unwrap().handle;
        browser.client.switch_to_window(other.clone()).await.unwrap();
        let second = Window::open(&browser, address, "inline", "en").await;
        second.focus(".after button").await;
        browser.press(fantoccini::key::Key::Enter).await;
        second.until_line(&format!("bot: {GREETING}")).await;
        second.say("from the second").await;
        second.until_line("bot: echo: from the second").await;
        let expected = second.lines().await;
        let contact = second.tell("document.querySelector('usher-chat').contactId").await;
        browser.client.switch_to_window(tab).await.unwrap();
        first.until_line("bot: echo: from the second").await;
        assert_eq!(first.lines().await, expected);
        assert_eq!(first.tell("document.querySelector('usher-chat').contactId").await, contact);
        first.say("from the first").await;
        first.until_line("bot: echo: from the first").await;
        let expected = first.lines().await;
        browser.client.switch_to_window(other).await.unwrap();
        second.until_line("bot: echo: from the first").await;
        assert_eq!(second.lines().await, expected);
    })
    .await;
    assert_eq!(heard(&stage), ["from the second", "from the first"]);
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_that_keeps_nothing_still_chats() {
    let stage = Stage::start().await;
    let address = stage.address;
    browse(async move |browser| {
        let forbid = "for (const name of ['localStorage', 'sessionStorage'])
            Object.defineProperty(window, name, { get() { throw new DOMException('forbidden', 'SecurityError'); } });";
        browser.cdp("Page.addScriptToEvaluateOnNewDocument", json!({"source": forbid})).await;
        let window = Window::greeted(&browser, address).await;
        window.say("hello").await;
        window.until_line("bot: echo: hello").await;
        assert_eq!(browser.complaints().await, Vec::<String>::new());
    })
    .await;
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_late_tab_has_seen_of_an_old_contact_says_nothing_of_a_new_one() {
    let stage = Stage::start().await;
    let address = stage.address;
    browse(async move |browser| {
        let window = Window::greeted(&browser, address).await;
        window.say("one").await;
        window.until_line("bot: echo: one").await;
        let old = window.tell("document.querySelector('usher-chat').contactId").await;
        window.say("bye").await;
        window.until_text(".after button", "Start a new chat").await;
        browser.run("window.late = Object.entries(localStorage).filter(([key]) => key.includes(':seen'))").await;
        assert_eq!(window.tell("window.late.length").await, 1);
        // A new one begins, and the tab that is behind tells of the old one.
        let tell = "addEventListener('usher-chat:contact', ({ detail }) => {
            if (detail.contactId) for (const [key, value] of window.late) localStorage.setItem(key, value);
        });";
        browser.run(tell).await;
        window.focus(".after button").await;
        browser.press(fantoccini::key::Key::Enter).await;
        window.until_line(&format!("bot: {GREETING}")).await;
        assert_ne!(window.tell("document.querySelector('usher-chat').contactId").await, old);
        window.reload().await;
        window.until_line(&format!("bot: {GREETING}")).await;
        assert_eq!(window.tell("window.inside.querySelector('[role=log]').ariaLive").await, "off", "that was heard");
        window.say("two").await;
        window.until_line("bot: echo: two").await;
        assert_eq!(
            window.tell("window.inside.querySelector('[role=log]').ariaLive").await,
            "polite",
            "and this is new"
        );
    })
    .await;
    stage.strike().await;
}
