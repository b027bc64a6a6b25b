//! To a person and back, what happens when nobody is there, and how a conversation ends.

use std::time::Duration;

use usher::wire::engine::{
    ContactOffered, Empty, MediaType, command::Command, command_outcome::Outcome, engine_frame::Body, message,
    requeue::To,
};

use super::{LANGUAGES, Stage, close, offer};
use crate::fakes::engine::text;

const WEB: MediaType = MediaType::WebInteraction;

/// Messengers have a queue of their own.
fn queue_of(purpose: &str, media: MediaType) -> To {
    To::Queue(if media == WEB { purpose } else { "messages" }.to_owned())
}

#[tokio::test]
async fn s19_b2_a_person_is_fetched_knows_the_order_and_gives_the_contact_back() {
    let stage = Stage::new().await;
    let talks = [
        ("en", "Where is my order HP-10234?", "Talk to a person"),
        ("de", "Wo ist meine Bestellung HP-10234?", "Mit einem Menschen sprechen"),
    ];
    for (language, question, wish) in talks {
        for media in [MediaType::OpenMedia, WEB] {
            let contact = format!("{language}-{media:?}");
            stage.open(&contact, language, media).await;
            stage.writes(&contact, question).await;
            stage.hears_of(&contact, language, "order.status", &[("$number", "HP-10234")]).await;
            stage.writes(&contact, wish).await;
            stage.hears_of(&contact, language, "handover.support", &[]).await;
            let (seq, requeue) = stage.requeued(&contact).await;
            assert_eq!(requeue.to, Some(queue_of("support", media)));
            let context = requeue.context.unwrap();
            assert_eq!(context.parameters["order"], "HP-10234");
            let lines: Vec<&str> = context.transcript.iter().map(|it| it.text.as_str()).collect();
            assert!(lines.contains(&question) && lines.contains(&wish), "{lines:?}");

            stage.engine.outcome(&contact, seq, Outcome::Offered).await;
            stage.engine.outcome(&contact, seq, Outcome::Accepted).await;
            stage.engine.open_as(ContactOffered { returned_from: seq, ..offer(&contact, language, media) }).await;
            stage.hears_of(&contact, language, "human.returned", &[]).await;
            stage.writes(&contact, if language == "en" { "opening hours" } else { "Öffnungszeiten" }).await;
            stage.hears_of(&contact, language, "shop.hours", &[]).await;
        }
    }
    stage.done().await;
}

#[tokio::test]
async fn s19_a_complaint_goes_to_its_own_queue() {
    let stage = Stage::new().await;
    for (language, complaint) in [("en", "My plant arrived dead"), ("de", "Meine Pflanze kam tot an")] {
        for media in [MediaType::OpenMedia, WEB] {
            let contact = format!("{language}-{media:?}");
            stage.open(&contact, language, media).await;
            stage.writes(&contact, complaint).await;
            stage.hears_of(&contact, language, "handover.complaints", &[]).await;
            let (_, requeue) = stage.requeued(&contact).await;
            assert_eq!(requeue.to, Some(queue_of("complaints", media)));
            assert_eq!(requeue.context.unwrap().parameters["order"], "", "no order was talked of");
        }
    }
    stage.done().await;
}

#[tokio::test]
async fn b2_a_closed_queue_leads_to_the_offer_of_a_callback_which_yes_books() {
    let stage = Stage::with(|setup| close(setup, "support")).await;
    let talks = [
        ("en", "Talk to a person", "Yes, a callback please", "+49 30 23125 042", "tomorrow at 3 pm"),
        ("de", "Mit einem Menschen sprechen", "Ja, bitte zurückrufen", "030 23125 042", "morgen um 15 Uhr"),
    ];
    for (language, wish, yes, phone, when) in talks {
        stage.open(language, language, WEB).await;
        stage.writes(language, wish).await;
        let said = stage.hears_of(language, language, "queue.unavailable", &[]).await;
        let Some(message::Message::QuickReplies(chips)) = said.get(1) else { panic!("{said:?}") };
        assert_eq!(chips.replies[0], yes);
        stage.writes(language, yes).await;
        stage.asked_for(language, language, "queue.unavailable - yes", "phone").await;
        stage.writes(language, phone).await;
        stage.asked_for(language, language, "queue.unavailable - yes", "when").await;
        stage.writes(language, when).await;
        let fill = [("$when.original", when), ("$phone", &phone.replace(' ', ""))];
        stage.hears_of(language, language, "queue.unavailable - yes", &fill).await;
        let command = stage.engine.next_command(language).await;
        let Some(Command::CreateCallback(callback)) = command.command else { panic!("no callback but {command:?}") };
        assert_eq!(callback.phone, "+493023125042");
        stage.engine.outcome(language, command.action_seq, Outcome::Done).await;
        stage.hears_of(language, language, "callback.done", &[]).await;
    }
    stage.done().await;
}

#[tokio::test]
async fn b2_a_long_wait_counts_as_closed_and_no_is_taken_for_an_answer() {
    let stage = Stage::with(|setup| {
        let complaints = setup.directory.queues.iter_mut().find(|it| it.id == "complaints").unwrap();
        complaints.expected_wait_s = Some(601);
    })
    .await;
    for (language, complaint, no) in
        [("en", "I want to complain", "No, thank you"), ("de", "Ich möchte mich beschweren", "Nein, danke")]
    {
        stage.open(language, language, WEB).await;
        stage.writes(language, complaint).await;
        stage.hears_of(language, language, "queue.unavailable", &[]).await;
        stage.writes(language, no).await;
        stage.hears_of(language, language, "no", &[]).await;
    }
    stage.done().await;
}

#[tokio::test]
async fn b2_nobody_takes_over_in_time_and_a_callback_is_offered() {
    let stage = Stage::new().await;
    for (language, wish) in LANGUAGES.into_iter().zip(["Talk to a person", "Mit einem Menschen sprechen"]) {
        for outcome in [Outcome::Expired, Outcome::Failed] {
            let contact = format!("{language}-{outcome:?}");
            stage.open(&contact, language, WEB).await;
            stage.writes(&contact, wish).await;
            stage.hears_of(&contact, language, "handover.support", &[]).await;
            let (seq, _) = stage.requeued(&contact).await;
            stage.engine.outcome(&contact, seq, outcome).await;
            stage.hears_of(&contact, language, "handover.expired", &[]).await;
        }
    }
    stage.done().await;
}

#[tokio::test]
async fn b6_three_inputs_in_a_row_that_are_not_understood_lead_to_a_person() {
    let stage = Stage::new().await;
    for (language, noise) in LANGUAGES.into_iter().zip(["qwertz uiop", "xyzzy plugh frotz"]) {
        stage.open(language, language, WEB).await;
        for _ in 0..2 {
            stage.writes(language, noise).await;
            stage.hears_of(language, language, "fallback", &[]).await;
        }
        stage.writes(language, noise).await;
        stage.hears(language, "I had better fetch a colleague.\nIch hole besser jemanden aus dem Team.").await;
        let (_, requeue) = stage.requeued(language).await;
        assert_eq!(requeue.to, Some(To::Queue("support".into())));
        assert_eq!(requeue.reason, "3 inputs in a row not understood");
    }
    stage.done().await;
}

/// Lets time pass at once.
async fn pass(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}

#[tokio::test]
async fn s14_s15_b8_a_silent_customer_is_warned_and_the_contact_closed() {
    let stage = Stage::new().await;
    stage.open("c1", "de", WEB).await;
    stage.writes("c1", "Öffnungszeiten").await;
    stage.hears_of("c1", "de", "shop.hours", &[]).await;
    // The acknowledgement of what was said, which starts the clock, has gone before this.
    stage.engine.send(Body::Heartbeat(Empty {})).await;
    stage.engine.settled().await;
    pass(245).await;
    let warning = "Are you still there? I will close our chat in a minute.\n\
                   Sind Sie noch da? In einer Minute schließe ich unseren Chat.";
    stage.hears("c1", warning).await;
    stage.engine.send(Body::Heartbeat(Empty {})).await;
    stage.engine.settled().await;
    pass(120).await;
    let command = stage.engine.next_command("c1").await;
    let Some(Command::EndContact(end)) = command.command else { panic!("not ended but {command:?}") };
    assert_eq!(end.reason, "inactivity");
    let farewell: Vec<String> = end.farewell.into_iter().map(text).collect();
    assert_eq!(
        farewell,
        ["I have closed our chat. Write again whenever you like.\n\
          Ich habe unseren Chat geschlossen. Schreiben Sie gern jederzeit wieder."]
    );
    stage.engine.outcome("c1", command.action_seq, Outcome::Done).await;
    stage.done().await;
}

#[tokio::test]
async fn b16_a_goodbye_ends_the_conversation() {
    let stage = Stage::new().await;
    for (language, goodbye) in LANGUAGES.into_iter().zip(["goodbye", "auf Wiedersehen"]) {
        stage.open(language, language, WEB).await;
        stage.writes(language, goodbye).await;
        stage.hears_of(language, language, "goodbye", &[]).await;
        let command = stage.engine.next_command(language).await;
        let Some(Command::EndContact(end)) = command.command else { panic!("not ended but {command:?}") };
        assert_eq!(end.reason, "completed");
        stage.engine.outcome(language, command.action_seq, Outcome::Done).await;
    }
    stage.done().await;
}
