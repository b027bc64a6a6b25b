//! The stream of events: resumed, kept alive, bounded, closed.

use std::time::Duration;

use http::StatusCode;
use usher::{chat::Settings, clock::Clock};

use super::Door;

#[tokio::test]
async fn who_comes_again_hears_what_it_missed_and_nothing_twice() {
    let door = Door::open(Settings::default()).await;
    let contact = door.begin().await;
    for n in 1..=3 {
        door.say(&contact, &format!("m-{n}"), &format!("message {n}")).await;
    }
    let mut heard = door.listen(&contact.events, &[]).await;
    let mut whole = Vec::new();
    while whole.len() < 4 {
        whole.push(heard.entry().await.0);
    }
    assert_eq!(whole, [1, 2, 3, 4], "gap-free from the first");
    drop(heard);
    let mut by_query = door.listen(&format!("{}&after=2", contact.events), &[]).await;
    assert_eq!(by_query.entry().await.0, 3);
    // The browser's own header is newer than the address that it began with.
    let mut by_header = door.listen(&format!("{}&after=1", contact.events), &[("last-event-id", "3")]).await;
    assert_eq!(by_header.entry().await.0, 4);
    for wrong in ["x", "-1", "99"] {
        let answer = door.ask(http::Method::GET, &format!("{}&after={wrong}", contact.events), &[], "").await;
        assert_eq!((answer.status, answer.body["field"].as_str()), (StatusCode::BAD_REQUEST, Some("after")), "{wrong}");
    }
    door.switchboard.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_says_a_word_every_15_seconds() {
    let door = Door::open(Settings::default()).await;
    let contact = door.begin().await;
    let mut heard = door.listen(&contact.events, &[]).await;
    heard.entry().await;
    let began = Clock::instant();
    let mut word = heard.next().await.unwrap();
    // Entries that come meanwhile are words, too.
    while !word.starts_with(':') {
        word = heard.next().await.unwrap();
    }
    assert_eq!((word.as_str(), began.elapsed().as_secs()), (":", 15));
    door.switchboard.stop().await;
}

#[tokio::test]
async fn one_window_too_many_closes_the_oldest_and_says_so() {
    let door = Door::open(Settings::default()).await;
    let contact = door.begin().await;
    let mut oldest = door.listen(&contact.events, &[]).await;
    let mut others = Vec::new();
    for _ in 0..8 {
        others.push(door.listen(&contact.events, &[]).await);
    }
    let mut last = String::new();
    while let Some(block) = oldest.next().await {
        last = block;
    }
    assert_eq!(last, "event: closed\ndata: {\"reason\":\"too many windows\"}");
    for other in &mut others {
        assert_eq!(other.entry().await.0, 1);
    }
    door.switchboard.stop().await;
}

#[tokio::test]
async fn a_server_that_closes_ends_every_stream() {
    let door = Door::open(Settings::default()).await;
    let contact = door.begin().await;
    let mut heard = door.listen(&contact.events, &[]).await;
    heard.entry().await;
    door.closing.cancel();
    let ended = tokio::time::timeout(Duration::from_secs(10), async { while heard.next().await.is_some() {} });
    ended.await.expect("the stream ends");
    door.switchboard.stop().await;
}

/// A browser's `EventSource` comes again after every end of a stream but a 204.
#[tokio::test]
async fn who_has_heard_the_end_is_told_not_to_come_again() {
    let door = Door::open(Settings::default()).await;
    let contact = door.begin().await;
    door.say(&contact, "m-1", "hello").await;
    assert_eq!(door.leave(&contact).await, StatusCode::NO_CONTENT);
    let mut heard = door.listen(&contact.events, &[("last-event-id", "2")]).await;
    let (last, ended) = heard.entry().await;
    assert_eq!((last, ended["state"].as_str()), (3, Some("ended")));
    assert_eq!(heard.next().await, None);
    let by_header = door.ask(http::Method::GET, &contact.events, &[("last-event-id", "3")], "").await;
    let by_query = door.ask(http::Method::GET, &format!("{}&after=3", contact.events), &[], "").await;
    assert_eq!([by_header.status, by_query.status], [StatusCode::NO_CONTENT; 2]);
    door.switchboard.stop().await;
}
