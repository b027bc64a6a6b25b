//! What a customer lives through when all goes well.

use fantoccini::key::Key;

use crate::{
    driver::browse,
    stage::{GREETING, Stage},
    window::Window,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_customer_is_greeted_handed_over_answered_and_given_back() {
    let stage = Stage::start().await;
    let (address, switchboard) = (stage.address, stage.switchboard.clone());
    browse(async move |browser| {
        let window = Window::greeted(&browser, address).await;
        window.say("a person, please").await;
        window.until_line("bot: I will get you a colleague.").await;
        window.until_line("You are being handed over to a person (Support).").await;
        window.until_text(".who", "Waiting for a person").await;
        window.until_text(".queue", "You are next in line. It should take about a minute.").await;
        let mut board = switchboard.board();
        let contact = board.wait_for(|it| it.contacts.len() == 1).await.unwrap().contacts[0].id.clone();
        let contact = contact.try_into().unwrap();
        switchboard.accept("desk-1", &contact).await.unwrap();
        window.until_line("Desk 1 has joined the chat.").await;
        switchboard.person_types("desk-1", &contact).unwrap();
        window.until_text(".typing", "Desk 1 is typing").await;
        switchboard.person_says("desk-1", &contact, "m-1", "Hello, I have read it all.").await.unwrap();
        window.until_line("person: Hello, I have read it all.").await;
        window.until("window.inside.querySelector('.typing').hidden").await;
        window.say("thank you").await;
        window.until_text(".delivery", "Delivered").await;
        switchboard.give_back("desk-1", &contact).await.unwrap();
        window.until_line("You are talking to our virtual agent again.").await;
        window.until_line("bot: I am back. Is there anything else?").await;
        let expected = [
            "bot: Hello, I am the shop's virtual agent. How can I help?",
            "customer: a person, please",
            "bot: I will get you a colleague.",
            "You are being handed over to a person (Support).",
            "Desk 1 has joined the chat.",
            "person: Hello, I have read it all.",
            "customer: thank you",
            "You are talking to our virtual agent again.",
            "bot: I am back. Is there anything else?",
        ];
        assert_eq!(window.lines().await, expected);
        assert_eq!(browser.complaints().await, Vec::<String>::new());
    })
    .await;
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s21_a_callback_that_was_booked_is_shown_with_number_and_time() {
    let stage = Stage::start().await;
    let address = stage.address;
    browse(async move |browser| {
        let window = Window::greeted(&browser, address).await;
        window.say("call me").await;
        window.until_line("bot: Booked. Until tomorrow!").await;
        let lines = window.lines().await;
        let booked = lines.iter().find(|it| it.starts_with("We will call you: ")).expect("a line about the callback");
        let tomorrow = "new Date(Date.now() + 24 * 3600 * 1000).toLocaleDateString('en', {weekday: 'long'})";
        let tomorrow = window.tell(tomorrow).await;
        assert!(booked.contains(tomorrow.as_str().unwrap()), "{booked}");
        assert!(booked.ends_with(", +4930123456."), "{booked}");
    })
    .await;
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s23_a_pushed_page_opens_by_the_customers_consent_alone() {
    let stage = Stage::start().await;
    let address = stage.address;
    browse(async move |browser| {
        let window = Window::greeted(&browser, address).await;
        window.say("show me").await;
        window.until_text(".push .title", "Would you like to open a page of shop.example.com?").await;
        assert_eq!(browser.client.windows().await.unwrap().len(), 1, "nothing opens by itself");
        let link =
            window.tell("(({href, target, rel}) => [href, target, rel])(window.inside.querySelector('.push a'))").await;
        assert_eq!(
            link,
            serde_json::json!(["https://shop.example.com/returns?order=4711", "_blank", "noopener noreferrer"])
        );
        window.focus(".push button").await;
        browser.press(Key::Enter).await;
        window.until_text(".push .decision", "Not opened").await;
        window.until("window.inside.activeElement?.matches('textarea')").await;
        window.say("show me").await;
        window.until("window.inside.querySelectorAll('.push a').length === 1").await;
        let tab = browser.client.window().await.unwrap();
        window.focus(".push a").await;
        browser.press(Key::Enter).await;
        window.until("[...window.inside.querySelectorAll('.decision')].at(-1)?.textContent === 'Opened'").await;
        assert_eq!(browser.client.windows().await.unwrap().len(), 2, "the page has a window of its own");
        // What was decided holds after a reload.
        browser.client.switch_to_window(tab).await.unwrap();
        window.reload().await;
        window.until("window.inside.querySelectorAll('.decision').length === 2").await;
        assert_eq!(window.tell("window.inside.querySelectorAll('.push a').length").await, 0);
    })
    .await;
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chat_that_has_ended_says_so_and_a_new_one_begins_by_a_button() {
    let stage = Stage::start().await;
    let address = stage.address;
    browse(async move |browser| {
        let window = Window::greeted(&browser, address).await;
        let first = window.tell("document.querySelector('usher-chat').contactId").await;
        window.say("bye").await;
        window.until_line("The virtual agent has ended the chat.").await;
        window.until_text(".after button", "Start a new chat").await;
        assert_eq!(window.tell("window.inside.querySelector('form').checkVisibility()").await, false);
        window.focus(".after button").await;
        browser.press(Key::Enter).await;
        window.until_line(&format!("bot: {GREETING}")).await;
        window.until("window.lines().length === 1").await;
        let second = window.tell("document.querySelector('usher-chat').contactId").await;
        assert!(second.is_string() && first != second, "{first} {second}");
        window.until("window.inside.activeElement?.matches('textarea')").await;
        // The customer ends this one, and is asked first.
        window.focus("header button").await;
        browser.press(Key::Enter).await;
        window.until_text(".bar button", "End it").await;
        browser.press(Key::Enter).await;
        window.until_line("You have ended the chat.").await;
        window.until_text(".who", "The chat has ended").await;
    })
    .await;
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_german_page_gets_a_german_chat_and_the_attribute_decides() {
    let stage = Stage::start().await;
    let (address, recorded) = (stage.address, stage.switchboard.clone());
    browse(async move |browser| {
        let window = Window::open(&browser, address, "data-shop=Berlin name=Anna", "de-AT").await;
        window.until_text(".launcher", "Chat öffnen").await;
        window.begin().await;
        window.until_text(".who", "Virtueller Agent").await;
        window.say("a person, please").await;
        window.until_line("Sie werden an einen Menschen übergeben (Support).").await;
        let mut board = recorded.board();
        let board = board.wait_for(|it| it.contacts.len() == 1).await.unwrap().contacts[0].clone();
        assert_eq!((board.language.as_str(), board.name.as_deref()), ("de", Some("Anna")));
        assert_eq!(board.attributes["shop"], "Berlin");
        // Another language is another conversation, and the old one is found on switching back.
        let window = Window::open(&browser, address, "language=en", "de").await;
        window.until_text(".launcher", "Open the chat").await;
        let window = Window::open(&browser, address, "", "de").await;
        window.until_text(".who", "Sie warten auf einen Menschen").await;
    })
    .await;
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_can_speak_for_its_customer_and_learns_of_the_contact() {
    let stage = Stage::start().await;
    let address = stage.address;
    browse(async move |browser| {
        let window = Window::open(&browser, address, "inline", "en").await;
        window.until_text(".after button", "Start the chat").await;
        let told = "window.told = []; addEventListener('usher-chat:contact', (it) => told.push(it.detail.contactId))";
        browser.run(told).await;
        browser.run("document.querySelector('usher-chat').say('my order')").await;
        window.until_line("customer: my order").await;
        window
            .until_line("bot: Here it is. | Order 4711 | Arrives on Friday | A parcel on a doorstep | Is it yours?")
            .await;
        window.until("told.length === 1 && told[0] === document.querySelector('usher-chat').contactId").await;
    })
    .await;
    stage.strike().await;
}
