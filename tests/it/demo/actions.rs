//! What the demo agent asks for by name: callback, external system, page; and what goes wrong with each.

use serde_json::json;
use usher::wire::engine::{CreateCallback, MediaType, command::Command, command_outcome::Outcome, message};

use super::{LANGUAGES, Stage, berlin_at_three};
use crate::fakes::http_target::Reaction;

const WEB: MediaType = MediaType::WebInteraction;
const PHONE: &str = "+49 30 23125 042";
/// As the engine gives it.
const NUMBER: &str = "+493023125042";

async fn booked(stage: &Stage, contact: &str) -> (u32, CreateCallback) {
    let command = stage.engine.next_command(contact).await;
    match command.command {
        Some(Command::CreateCallback(it)) => (command.action_seq, it),
        other => panic!("{contact}: no callback but {other:?}"),
    }
}

#[tokio::test]
async fn b16_an_order_is_asked_for_and_shown_on_a_card() {
    let stage = Stage::new().await;
    for (language, question) in [("en", "Where is my order?"), ("de", "Wo ist meine Bestellung?")] {
        stage.open(language, language, WEB).await;
        stage.writes(language, question).await;
        stage.asked_for(language, language, "order.status", "number").await;
        stage.writes(language, "HP-10234").await;
        let said = stage.hears_of(language, language, "order.status", &[("$number", "HP-10234")]).await;
        let [_, message::Message::Card(card)] = said.as_slice() else { panic!("{said:?}") };
        assert!(card.title.ends_with("HP-10234"), "{card:?}");
        assert_eq!(card.image_uri, format!("http://{}/back-office/parcel.svg", stage.office.target.address));
        assert_eq!(card.buttons.len(), 2);
    }
    stage.done().await;
}

#[tokio::test]
async fn s21_a_callback_is_booked_after_both_its_parameters_were_asked_for() {
    let stage = Stage::new().await;
    let talks = [("en", "Call me back please", "tomorrow at 3 pm"), ("de", "Rückruf vereinbaren", "morgen um 15 Uhr")];
    for (language, wish, when) in talks {
        stage.open(language, language, WEB).await;
        stage.writes(language, wish).await;
        stage.asked_for(language, language, "callback.book", "phone").await;
        stage.writes(language, PHONE).await;
        stage.asked_for(language, language, "callback.book", "when").await;
        stage.writes(language, when).await;
        let fill = [("$when.original", when), ("$phone", NUMBER)];
        stage.hears_of(language, language, "callback.book", &fill).await;
        let (seq, callback) = booked(&stage, language).await;
        assert_eq!((callback.queue.as_str(), callback.phone.as_str()), ("callbacks", NUMBER));
        assert_eq!(callback.at_ms, berlin_at_three(1));
        stage.engine.outcome(language, seq, Outcome::Done).await;
        stage.hears_of(language, language, "callback.done", &[]).await;
    }
    stage.done().await;
}

#[tokio::test]
async fn s21_a_past_time_is_refused_and_asked_for_again_with_the_number_kept() {
    let stage = Stage::new().await;
    let talks = [
        ("en", "Call me on +49 30 23125 042 yesterday at 3 pm", "tomorrow at 3 pm"),
        ("de", "Rufen Sie mich gestern um 15 Uhr unter +49 30 23125 042 an", "morgen um 15 Uhr"),
    ];
    for (language, wish, when) in talks {
        stage.open(language, language, WEB).await;
        stage.writes(language, wish).await;
        stage.hears_of(language, language, "callback.failed", &[]).await;
        stage.writes(language, when).await;
        stage
            .hears_of(language, language, "callback.failed - time", &[("$when.original", when), ("$phone", NUMBER)])
            .await;
        let (seq, callback) = booked(&stage, language).await;
        assert_eq!((callback.phone.as_str(), callback.at_ms), (NUMBER, berlin_at_three(1)));
        stage.engine.outcome(language, seq, Outcome::Done).await;
        stage.hears_of(language, language, "callback.done", &[]).await;
    }
    stage.done().await;
}

#[tokio::test]
async fn s21_a_callback_that_the_contact_centre_cannot_make_is_told() {
    let stage = Stage::new().await;
    for (language, wish, when) in [
        ("en", "Call me on +49 30 23125 042 tomorrow at 3 pm", "tomorrow at 3 pm"),
        ("de", "Bitte morgen um 15 Uhr unter +49 30 23125 042 anrufen", "morgen um 15 Uhr"),
    ] {
        stage.open(language, language, WEB).await;
        stage.writes(language, wish).await;
        stage.hears_of(language, language, "callback.book", &[("$when.original", when), ("$phone", NUMBER)]).await;
        let (seq, _) = booked(&stage, language).await;
        stage.engine.outcome(language, seq, Outcome::Failed).await;
        stage.hears_of(language, language, "callback.failed", &[]).await;
    }
    stage.done().await;
}

const INVOICE: [(&str, &str); 2] =
    [("en", "What about invoice R-2026-0042?"), ("de", "Was ist mit Rechnung R-2026-0042?")];

#[tokio::test]
async fn s22_an_invoice_is_asked_for_at_the_back_office() {
    let stage = Stage::with_office().await;
    let uri = format!("http://{}/back-office/invoices", stage.office.target.address);
    for (count, (language, question)) in (1..).zip(INVOICE) {
        stage.invoice(language, "Paid on 3 November.");
        stage.open(language, language, WEB).await;
        stage.writes(language, question).await;
        stage.hears_of(language, language, "invoice.query", &[("$number", "R-2026-0042")]).await;
        stage.hears(language, "Paid on 3 November.").await;
        let parameters = json!({"number": "R-2026-0042", "uri": uri});
        assert_eq!(stage.asked_back_office(count), json!({"contactID": language, "parameters": parameters}));
    }
    stage.done().await;
}

#[tokio::test]
async fn s22_a_back_office_that_fails_or_answers_for_another_contact_leads_to_the_offer_of_a_person() {
    let stage = Stage::with_office().await;
    for (contact, language, question, yes) in [
        ("failing", INVOICE[0].0, INVOICE[0].1, "Yes, please connect me"),
        ("other", INVOICE[1].0, INVOICE[1].1, "Ja, bitte verbinden"),
    ] {
        match contact {
            "failing" => stage.office.target.then(Reaction::status(500)),
            _ => stage.invoice("somebody-else", "Not yours."),
        }
        stage.open(contact, language, WEB).await;
        stage.writes(contact, question).await;
        stage.hears_of(contact, language, "invoice.query", &[("$number", "R-2026-0042")]).await;
        let sorry = "Sorry, something went wrong on our side.\nEntschuldigung, da ist bei uns etwas schiefgegangen.";
        stage.hears(contact, sorry).await;
        stage.hears_of(contact, language, "external.failed", &[]).await;
        stage.writes(contact, yes).await;
        stage.hears_of(contact, language, "offer.person - yes", &[]).await;
        stage.requeued(contact).await;
    }
    stage.done().await;
}

#[tokio::test]
async fn s23_s24_the_returns_page_is_pushed_on_the_web_and_only_named_by_message() {
    let stage = Stage::new().await;
    for (language, question) in [("en", "I want to return something"), ("de", "Ich möchte etwas zurückgeben")] {
        let (web, mail) = (format!("web-{language}"), format!("mail-{language}"));
        stage.open(&web, language, WEB).await;
        stage.writes(&web, question).await;
        stage.hears_of(&web, language, "return.start", &[]).await;
        let command = stage.engine.next_command(&web).await;
        let Some(Command::PushUrl(push)) = command.command else { panic!("no page but {command:?}") };
        assert_eq!(push.url, "https://example.com/returns");
        stage.engine.outcome(&web, command.action_seq, Outcome::Failed).await;
        stage.hears_of(&web, language, "page.failed", &[]).await;

        stage.open(&mail, language, MediaType::OpenMedia).await;
        stage.writes(&mail, question).await;
        stage.hears_of(&mail, language, "return.start", &[]).await;
    }
    stage.done().await;
}

#[tokio::test]
async fn s24_nothing_fires_while_a_parameter_is_missing() {
    let stage = Stage::new().await;
    for (language, question) in LANGUAGES.into_iter().zip(["I need my invoice", "Ich brauche meine Rechnung"]) {
        stage.open(language, language, WEB).await;
        stage.writes(language, question).await;
        stage.asked_for(language, language, "invoice.query", "number").await;
    }
    stage.done().await;
}
