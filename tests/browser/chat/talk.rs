//! What a customer lives through when all goes well.

use crate::{driver::browse, stage::Stage, window::Window};

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
