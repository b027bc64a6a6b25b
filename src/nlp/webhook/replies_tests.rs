//! Tokens: one answer each, in time, for their own turn.

use futures::FutureExt as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use proptest::prelude::*;

use super::*;

const NOW: Timestamp = Timestamp(1_700_000_000_000);

fn replies() -> Replies {
    Replies::new(Some("https://usher.example.com/"))
}

fn token(open: &Open) -> String {
    open.url().strip_prefix("https://usher.example.com/connectors/v1/replies/").unwrap().to_owned()
}

fn post(replies: &Replies, token: &str, body: &str) -> Result<(), Refused> {
    replies.take(token, None, body.as_bytes(), NOW)
}

fn text(turn: &str, text: &str) -> String {
    format!(r#"{{"type":"reply","turn_id":"{turn}","messages":[{{"text":"{text}"}}]}}"#)
}

fn next(open: &mut Option<Open>) -> Awaited {
    Open::next(open).now_or_never().expect("something was posted")
}

#[tokio::test]
async fn s11_a_token_is_good_for_one_final_answer() {
    let replies = replies();
    let mut open = replies.open("t-1", None);
    let token = token(open.as_ref().unwrap());
    assert_eq!(token.len(), 64);
    assert_eq!(post(&replies, &token, r#"{"type":"typing","turn_id":"t-1"}"#), Ok(()));
    let part = r#"{"type":"reply","turn_id":"t-1","messages":[{"text":"One"}],"final":false}"#;
    assert_eq!(post(&replies, &token, part), Ok(()));
    assert_eq!(post(&replies, &token, &text("t-1", "Two")), Ok(()));
    assert_eq!(post(&replies, &token, &text("t-1", "Three")), Err(Refused::Gone));
    assert!(matches!(next(&mut open), Awaited::Posted(Posted::Typing)));
    assert!(matches!(next(&mut open), Awaited::Posted(Posted::Part(_))));
    let Awaited::Done(Done::Final(reply)) = next(&mut open) else { panic!("no answer") };
    assert_eq!(reply.turn_id, "t-1");
}

#[test]
fn s11_a_token_ends_with_its_turn_and_guesses_are_unknown() {
    let replies = replies();
    let open = replies.open("t-1", None).unwrap();
    let token = token(&open);
    let mut guess = token.clone();
    guess.replace_range(0..1, if token.starts_with('0') { "1" } else { "0" });
    assert_eq!(post(&replies, &guess, &text("t-1", "x")), Err(Refused::Unknown));
    drop(open);
    assert_eq!(post(&replies, &token, &text("t-1", "x")), Err(Refused::Gone));
    // Another life of the gateway knows nothing of it.
    assert_eq!(post(&self::replies(), &token, &text("t-1", "x")), Err(Refused::Unknown));
    assert!(Replies::new(None).open("t-1", None).is_none());
    assert!(!format!("{replies:?}").contains(&token));
}

#[test]
fn s11_a_token_is_its_turns_alone() {
    let replies = replies();
    let open = replies.open("t-1", None).unwrap();
    let other = replies.open("t-2", None).unwrap();
    assert_eq!(post(&replies, &token(&open), &text("t-2", "for another")), Err(Refused::OtherTurn));
    assert_eq!(post(&replies, &token(&other), &text("t-2", "for this one")), Ok(()));
    assert_eq!(post(&replies, &token(&open), &text("t-1", "still good")), Ok(()));
}

#[tokio::test]
async fn s11_a_bad_answer_ends_its_turn_and_other_bad_posts_do_not() {
    let replies = replies();
    let mut open = replies.open("t-1", None);
    let token = token(open.as_ref().unwrap());
    for bad in
        ["", "{", "[]", r#"{"type":"hello"}"#, r#"{"type":"typing","turn_id":"t-1","x":1}"#, r#"{"type":"reply"}"#]
    {
        assert!(matches!(post(&replies, &token, bad), Err(Refused::Bad(_))), "{bad}");
    }
    assert!(matches!(replies.take(&token, None, &[0xff], NOW), Err(Refused::Bad(_))));
    let slip = r#"{"type":"reply","turn_id":"t-1","mesages":[]}"#;
    let Err(Refused::Bad(why)) = post(&replies, &token, slip) else { panic!("taken") };
    assert!(why.contains("mesages"), "{why}");
    assert!(matches!(next(&mut open), Awaited::Done(Done::Bad(_))));
    assert_eq!(post(&replies, &token, &text("t-1", "mended")), Err(Refused::Gone));
}

#[test]
fn s11_parts_are_counted_and_what_is_gone_is_forgotten_in_the_end() {
    let replies = replies();
    let mut open = replies.open("t-1", None);
    let token = token(open.as_ref().unwrap());
    let part = r#"{"type":"reply","turn_id":"t-1","messages":[{"text":"One"}],"final":false}"#;
    for n in 0..MAX_PARTS {
        assert_eq!(post(&replies, &token, part), Ok(()), "{n}");
    }
    assert!(matches!(post(&replies, &token, part), Err(Refused::Bad(_))));
    open.take();
    for turn in 0..MAX_GONE {
        drop(replies.open(&turn.to_string(), None));
    }
    let table = replies.table();
    assert_eq!((table.open.len(), table.gone.len(), table.going.len()), (0, MAX_GONE, MAX_GONE));
    drop(table);
    assert_eq!(post(&replies, &token, part), Err(Refused::Unknown));
}

/// As a receiver would: not by the code under test.
fn sign(key: &str, seconds: i64, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(format!("{seconds}.{body}").as_bytes());
    let hex: String = mac.finalize().into_bytes().iter().map(|it| format!("{it:02x}")).collect();
    format!("t={seconds},v1={hex}")
}

#[test]
fn s11_where_answers_must_be_signed_only_a_fresh_signature_of_the_body_will_do() {
    let replies = replies();
    let key = SecretString::from("0123456789abcdef");
    let open = replies.open("t-1", Some(&key)).unwrap();
    let (token, body) = (token(&open), text("t-1", "x"));
    let take = |signed: Option<&str>| replies.take(&token, signed, body.as_bytes(), NOW);
    let now = NOW.0 / 1_000;
    let refused = |signed: &str| matches!(take(Some(signed)), Err(Refused::Signature(_)));
    assert!(matches!(take(None), Err(Refused::Signature(_))));
    for bad in ["", "t=", "t=x,v1=", "v1=00,t=1", &sign("another key", now, &body), &sign("0123456789abcdef", now, "x")]
    {
        assert!(refused(bad), "{bad}");
    }
    assert!(refused(&sign("0123456789abcdef", now - 301, &body)));
    assert!(refused(&sign("0123456789abcdef", now + 301, &body)));
    assert_eq!(take(Some(&sign("0123456789abcdef", now - 299, &body))), Ok(()));
}

proptest! {
    #[test]
    fn s11_no_post_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), signed in ".{0,80}", token in ".{0,80}") {
        let replies = replies();
        let key = SecretString::from("k");
        let open = replies.open("t", Some(&key)).unwrap();
        drop(replies.take(&token, Some(&signed), &bytes, NOW));
        drop(read(&bytes, "t"));
        assert!(check_signature(&key, Some(&format!("t={signed}")), &bytes, NOW).is_err());
        drop(open);
    }
}
