//! Responses of every documented form, and whatever else may come.

use proptest::prelude::*;

use super::{super::tests::wire, answer::Heard};
use crate::core::message::{Answer, FailureKind, Reply};

fn answer(body: &str) -> Result<Answer, FailureKind> {
    Heard::read(body.as_bytes(), "t-1").answer(false, &wire("the webhook").place).map_err(|it| it.kind)
}

fn texts(answer: &Answer) -> Vec<String> {
    answer.replies.iter().map(Reply::text).collect()
}

#[test]
fn s11_a_response_is_a_reply_or_several_or_bare_messages() {
    let one = answer(r#"{"type":"reply","turn_id":"t-1","messages":[{"text":"a"}],"action":"x","parameters":{"k":1}}"#)
        .unwrap();
    assert_eq!((texts(&one), one.action.as_str(), one.parameters_complete), (vec!["a".to_owned()], "x", true));
    let several = r#"[{"type":"typing","turn_id":"t-1"},
        {"type":"reply","turn_id":"t-1","messages":[{"text":"a"}],"final":false},
        {"type":"reply","turn_id":"t-1","messages":[{"text":"b"}]},
        {"type":"reply","turn_id":"t-1","messages":[{"text":"c"}],"end":true}]"#;
    let several = answer(several).unwrap();
    assert_eq!((texts(&several), several.end_interaction), (["a", "b", "c"].map(str::to_owned).to_vec(), true));
    assert_eq!(texts(&answer(r#"[{"text":"a"},{"text":"b"}]"#).unwrap()), ["a", "b"]);
}

#[test]
fn s11_what_fails_says_how() {
    let failed = |kind: &str| answer(&format!(r#"{{"type":"failed","turn_id":"t-1","kind":"{kind}"}}"#)).unwrap_err();
    assert_eq!(failed("internal"), FailureKind::Internal);
    assert_eq!(failed("unavailable"), FailureKind::Unavailable);
    assert_eq!(failed("quota"), FailureKind::Quota);
    for nothing in ["", " ", "[]", r#"{"type":"reply","turn_id":"t-1"}"#] {
        assert_eq!(answer(nothing), Err(FailureKind::Empty), "{nothing:?}");
    }
    for bad in [
        "<html>",
        "7",
        r#"{"text":"no frame"}"#,
        r#"{"type":"reply","turn_id":"t-2","messages":[{"text":"for another turn"}]}"#,
        r#"{"type":"reply","turn_id":"t-1","messages":[{"text":"a"}],"final":false}"#,
        r#"{"type":"typing","turn_id":"t-1"}"#,
        r#"{"type":"hello"}"#,
        r#"[{"type":"reply","turn_id":"t-1","action":"a"},{"type":"reply","turn_id":"t-1","messages":[{"text":"a"}]}]"#,
        r#"[{"type":"failed","turn_id":"t-1"},{"type":"reply","turn_id":"t-1","messages":[{"text":"a"}]}]"#,
        r#"[{"type":"reply","turn_id":"t-2","messages":[{"text":"a"}]},{"type":"reply","turn_id":"t-1","messages":[{"text":"a"}]}]"#,
        r#"[{"text":"a"},{"type":"reply","turn_id":"t-1","messages":[{"text":"a"}]}]"#,
        r#"[{"txt":"a"}]"#,
    ] {
        assert_eq!(answer(bad), Err(FailureKind::Malformed), "{bad}");
    }
}

proptest! {
    #[test]
    fn s11_no_response_panics(bytes in prop::collection::vec(any::<u8>(), 0..256), json in r#"[\[\]{}",:a-z0-9 ]{0,60}"#) {
        let place = wire("the webhook").place;
        drop(Heard::read(&bytes, "t").answer(false, &place));
        drop(Heard::read(json.as_bytes(), "t").answer(true, &place));
        let typed = format!(r#"[{{"type":"reply","turn_id":"t",{json}}}]"#);
        drop(Heard::read(typed.as_bytes(), "t").answer(true, &place));
    }
}
