//! Every shape of phone number and time that S21 names, and those that must be refused.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).expect("the time zone database")
}

fn ms(text: &str) -> Timestamp {
    Timestamp(text.parse::<jiff::Timestamp>().expect("a timestamp").as_millisecond())
}

/// A Friday, 15:00 in Berlin.
const NOW: &str = "2026-11-20T14:00:00Z";

fn at(value: &Value) -> Result<String, CallbackError> {
    at_in(value, "Europe/Berlin", NOW)
}

fn at_in(value: &Value, name: &str, now: &str) -> Result<String, CallbackError> {
    schedule(value, &zone(name), ms(now))
        .map(|at| jiff::Timestamp::from_millisecond(at.0).expect("a timestamp").to_string())
}

fn same(value: &Value, expected: &str) {
    assert_eq!(at(value).as_deref(), Ok(expected), "{value}");
}

fn refused(value: &Value, expected: CallbackError) {
    assert_eq!(at(value), Err(expected), "{value}");
}

fn german(value: &Value) -> Result<String, CallbackError> {
    phone(value, "49")
}

#[test]
fn s21_phone_in_every_way_of_writing_becomes_the_same_number() {
    for text in [
        "+4930123456",
        "+49 30 123456",
        "+49 (30) 123-456",
        "+49 (0)30 123456",
        "(+49) 30/123.456",
        "0049 30 123456",
        "0049 (0) 30 123456",
        "030 123456",
        "030/123456",
        " 030\u{a0}123\u{2013}456 ",
        "\u{202a}+49 30 123456\u{202c}",
    ] {
        assert_eq!(german(&json!(text)).as_deref(), Ok("+4930123456"), "{text}");
    }
}

#[test]
fn s21_phone_of_another_country_keeps_its_country() {
    assert_eq!(german(&json!("+1 (415) 555-2671")).as_deref(), Ok("+14155552671"));
    assert_eq!(german(&json!("00 44 20 7946 0018")).as_deref(), Ok("+442079460018"));
    assert_eq!(phone(&json!("011 49 30 123456"), "1").as_deref(), Ok("+4930123456"));
    assert_eq!(phone(&json!("0011 49 30 123456"), "61").as_deref(), Ok("+4930123456"));
    assert_eq!(phone(&json!("00 49 30 123456"), "1").as_deref(), Ok("+4930123456"));
}

#[test]
fn s21_phone_trunk_prefixes_follow_the_country() {
    assert_eq!(phone(&json!("06 698 12345"), "39").as_deref(), Ok("+390669812345"), "Italy keeps its zero");
    assert_eq!(german(&json!("+39 (0)6 69812345")).as_deref(), Ok("+390669812345"), "even in brackets");
    assert_eq!(phone(&json!("393 123 4567"), "39").as_deref(), Ok("+393931234567"), "a mobile, not the country code");
    assert_eq!(phone(&json!("39 393 123 4567"), "39").as_deref(), Ok("+393931234567"), "too long to be without it");
    assert_eq!(phone(&json!("(415) 555-2671"), "1").as_deref(), Ok("+14155552671"));
    assert_eq!(phone(&json!("1 415 555 2671"), "1").as_deref(), Ok("+14155552671"));
    assert_eq!(phone(&json!("8 916 123-45-67"), "7").as_deref(), Ok("+79161234567"));
    assert_eq!(phone(&json!("7 916 123-45-67"), "7").as_deref(), Ok("+79161234567"));
    assert_eq!(phone(&json!("800 555 35 35"), "7").as_deref(), Ok("+78005553535"), "an 8 that is no trunk prefix");
    assert_eq!(phone(&json!("06 30 123 4567"), "36").as_deref(), Ok("+36301234567"));
    assert_eq!(phone(&json!("12 34 56 78"), "45").as_deref(), Ok("+4512345678"));
    assert_eq!(phone(&json!("45 12 34 56 78"), "45").as_deref(), Ok("+4512345678"));
    assert_eq!(phone(&json!("045 12 34 56"), "+41").as_deref(), Err(&CallbackError::PhoneLength));
    assert_eq!(phone(&json!("044 123 45 67"), "+41").as_deref(), Ok("+41441234567"), "a + in the setting is no fault");
    assert_eq!(phone(&json!("022 12345678"), "996").as_deref(), Ok("+9962212345678"), "a country without a row");
}

#[test]
fn s21_phone_given_as_a_number_or_in_a_list() {
    assert_eq!(german(&json!(493_012_345_678_u64)).as_deref(), Ok("+493012345678"));
    assert_eq!(german(&json!(493_012_345_678.0)).as_deref(), Ok("+493012345678"));
    assert_eq!(german(&json!(30_123_456)).as_deref(), Ok("+4930123456"), "a number loses its zero");
    assert_eq!(german(&json!(["030 123456"])).as_deref(), Ok("+4930123456"));
    assert_eq!(german(&json!([["030 123456"]])).as_deref(), Ok("+4930123456"));
    assert_eq!(german(&json!(["030 123456", "030 123457"])), Err(CallbackError::PhoneSeveral));
    assert_eq!(german(&json!(-30_123_456)), Err(CallbackError::PhoneUnreadable));
    assert_eq!(german(&json!(30.5)), Err(CallbackError::PhoneUnreadable));
    assert_eq!(german(&json!(1e300)), Err(CallbackError::PhoneUnreadable));
}

#[test]
fn s21_phone_that_reads_two_ways_is_refused() {
    assert_eq!(german(&json!("4921 123456")), Err(CallbackError::PhoneAmbiguous), "Emden, or +49 211 23456?");
    assert_eq!(german(&json!("491511 2345678")).as_deref(), Ok("+4915112345678"), "too long for a national number");
}

#[test]
fn s21_phone_missing_is_told_from_unreadable() {
    for value in [json!(null), json!(""), json!("  "), json!([]), json!([""]), json!([null])] {
        assert_eq!(german(&value), Err(CallbackError::PhoneMissing), "{value}");
    }
    for text in
        ["0800 CALLME", "030 123456 ext. 7", "tel:+4930123456", "+", "()", "++4930123456", "030+123456", "+0301234567"]
    {
        assert_eq!(german(&json!(text)), Err(CallbackError::PhoneUnreadable), "{text}");
    }
    for value in [json!(true), json!({"number": "030 123456"})] {
        assert_eq!(german(&value), Err(CallbackError::PhoneUnreadable), "{value}");
    }
    for text in ["+491234", "110", "0", "+1234567890123456", "030 1234567890123", &"1".repeat(100)] {
        assert_eq!(german(&json!(text)), Err(CallbackError::PhoneLength), "{text}");
    }
    for code in ["", "+", "0", "049", "1234", "4x", "é"] {
        assert_eq!(phone(&json!("030 123456"), code), Err(CallbackError::CallingCode), "{code}");
    }
}

#[test]
fn s21_time_in_every_shape_of_an_iso_string() {
    same(&json!("2026-11-23T10:30:00+01:00"), "2026-11-23T09:30:00Z");
    same(&json!("2026-11-23T10:30:00Z"), "2026-11-23T10:30:00Z");
    same(&json!("2026-11-23T10:30:00-05:00"), "2026-11-23T15:30:00Z");
    same(&json!("2026-11-23T10:30:00"), "2026-11-23T09:30:00Z");
    same(&json!("2026-11-23T10:30"), "2026-11-23T09:30:00Z");
    same(&json!(" 2026-11-23 10:30 "), "2026-11-23T09:30:00Z");
    same(&json!("2026-11-23T10:30:00.250+01:00"), "2026-11-23T09:30:00.25Z");
    same(&json!("2026-11-23"), "2026-11-23T08:00:00Z");
    same(&json!("16:30:00"), "2026-11-20T15:30:00Z");
}

#[test]
fn s21_time_in_every_shape_of_dialogflows() {
    let expected = "2026-11-23T09:30:00Z";
    same(&json!({"date_time": "2026-11-23T10:30:00+01:00"}), expected);
    same(&json!([{"date_time": "2026-11-23T10:30:00+01:00"}]), expected);
    same(&json!({"date_time": ["2026-11-23T10:30:00+01:00"]}), expected);
    same(&json!([["2026-11-23T10:30:00+01:00"]]), expected);
    same(&json!({"startDateTime": "2026-11-23T10:30:00+01:00", "endDateTime": "2026-11-23T12:00:00+01:00"}), expected);
    same(&json!({"startTime": "2026-11-23T10:30:00+01:00", "endTime": "2026-11-23T12:00:00+01:00"}), expected);
    same(&json!({"startTime": "16:00:00", "endTime": "18:00:00"}), "2026-11-20T15:00:00Z");
    same(
        &json!({"startDate": "2026-11-23T12:00:00+01:00", "endDate": "2026-11-29T12:00:00+01:00"}),
        "2026-11-23T11:00:00Z",
    );
    same(&json!({"startDate": "2026-11-23", "endDate": "2026-11-29"}), "2026-11-23T08:00:00Z");
    same(&json!({"startDateTime": "2026-11-23T10:30:00+01:00"}), expected);
    same(&json!({"startDateTime": ["2026-11-23T10:30:00+01:00"], "endDateTime": ""}), expected);
    same(&json!("2026-11-23T10:30:00+01:00/2026-11-23T12:00:00+01:00"), expected);
}

#[test]
fn s21_time_in_the_parts_of_dialogflow_cx() {
    let expected = "2026-11-23T09:30:00Z";
    let day = json!({"year": 2026, "month": 11, "day": 23});
    let moment = json!({"year": 2026, "month": 11, "day": 23, "hours": 10, "minutes": 30, "seconds": 0, "nanos": 0});
    same(&moment, expected);
    same(&json!([moment]), expected);
    same(&json!({ "date_time": moment }), expected);
    same(&json!({"year": 2026.0, "month": 11.0, "day": 23.0, "hours": 10.0, "minutes": 30.0}), expected);
    same(
        &json!({"year": 2026, "month": 11, "day": 23, "partial": {"day": 23}, "future": day, "past": day}),
        "2026-11-23T08:00:00Z",
    );
    same(&day, "2026-11-23T08:00:00Z");
    same(&json!({"hours": 16, "minutes": 30, "seconds": 0, "nanos": 0}), "2026-11-20T15:30:00Z");
    same(&json!({"startDate": day, "endDate": {"year": 2026, "month": 11, "day": 29}}), "2026-11-23T08:00:00Z");
    let begun =
        json!({"startDate": {"year": 2026, "month": 11, "day": 16}, "endDate": {"year": 2026, "month": 11, "day": 20}});
    same(&begun, "2026-11-20T14:01:00Z");
    refused(&json!({"year": 2026, "month": 11, "day": 2}), CallbackError::TimePast);
    for odd in [
        json!({"year": 2026, "month": 11}),
        json!({"year": 2026, "month": 13, "day": 1}),
        json!({"year": 2026, "month": 11, "day": 23.5}),
        json!({"year": "2026", "month": 11, "day": 23}),
        json!({"year": 1e300, "month": 11, "day": 23}),
        json!({"minutes": 30}),
        json!({"hours": 25}),
        json!({"nanos": 0}),
        json!({"year": 2026, "month": 11, "day": 23, "other": 1}),
    ] {
        refused(&odd, CallbackError::TimeUnreadable);
    }
}

#[test]
fn s21_time_range_that_has_begun_means_in_a_minute_and_never_now() {
    same(&json!({"startTime": "14:00:00", "endTime": "18:00:00"}), "2026-11-20T14:01:00Z");
    same(&json!({"startDate": "2026-11-16", "endDate": "2026-11-20"}), "2026-11-20T14:01:00Z");
    same(&json!({"startTime": "14:00:00", "endTime": "15:01:00"}), "2026-11-20T14:01:00Z");
    refused(&json!({"startTime": "14:00:00", "endTime": "15:00:59"}), CallbackError::TimePast);
    refused(&json!({"startTime": "12:00:00", "endTime": "14:00:00"}), CallbackError::TimePast);
    refused(&json!({"startDate": "2026-11-16", "endDate": "2026-11-19"}), CallbackError::TimePast);
    refused(&json!({"startTime": "18:00:00", "endTime": "16:00:00"}), CallbackError::TimeUnreadable);
}

#[test]
fn s21_time_past_is_refused_at_the_millisecond() {
    same(&json!("2026-11-20T14:00:00Z"), "2026-11-20T14:00:00Z");
    refused(&json!("2026-11-20T13:59:59.999Z"), CallbackError::TimePast);
    refused(&json!("2026-11-20"), CallbackError::TimePast);
    refused(&json!("09:00:00"), CallbackError::TimePast);
    refused(&json!({"date_time": "2025-11-20T15:00:00+01:00"}), CallbackError::TimePast);
    refused(&json!({"startDateTime": "2026-11-20T14:00:00+01:00"}), CallbackError::TimePast);
}

#[test]
fn s21_time_further_than_a_year_is_refused() {
    same(&json!("2027-11-20T15:00:00+01:00"), "2027-11-20T14:00:00Z");
    same(&json!("2027-11-21T14:00:00Z"), "2027-11-21T14:00:00Z");
    refused(&json!("2027-11-21T14:00:00.001Z"), CallbackError::TimeTooFar);
    refused(&json!("9999-12-30T00:00:00Z"), CallbackError::TimeTooFar);
}

#[test]
fn s21_time_missing_is_told_from_unreadable() {
    for value in [
        json!(null),
        json!(""),
        json!([]),
        json!([""]),
        json!({}),
        json!({"date_time": ""}),
        json!({"startDateTime": "", "endDateTime": ""}),
        json!({"endDateTime": "2026-11-23T12:00:00+01:00"}),
    ] {
        refused(&value, CallbackError::TimeMissing);
    }
    for value in [
        json!("tomorrow"),
        json!("now"),
        json!(1_795_000_000),
        json!(true),
        json!("2026-02-30T10:00:00Z"),
        json!("2026-11-23T25:00:00Z"),
        json!("2026-11-23Z"),
        json!("2026-11-23T10:00[Europe/Berlin]"),
        json!("2026-11-23T10:00/2026-11-23T11:00/2026-11-23T12:00"),
        json!({"when": "2026-11-23T10:00:00Z"}),
        json!({"date_time": {"date_time": "2026-11-23T10:00:00Z"}}),
        json!({"date_time": "2026-11-23T10:00:00Z", "startTime": "2026-11-24T10:00:00Z"}),
        json!({"startDate": "2026-11-23", "startTime": "10:00"}),
        json!({"startDateTime": "2026-11-23T10:00:00Z", "endDateTime": "later"}),
    ] {
        refused(&value, CallbackError::TimeUnreadable);
    }
    refused(&json!(["2026-11-23T10:00:00Z", "2026-11-24T10:00:00Z"]), CallbackError::TimeSeveral);
}

#[test]
fn s21_time_that_a_clock_change_skips_or_repeats() {
    // Berlin, 28 March 2027: 02:00 becomes 03:00.
    same(&json!("2027-03-28T02:30:00"), "2027-03-28T01:30:00Z");
    same(&json!("2027-03-28T01:59:59"), "2027-03-28T00:59:59Z");
    same(&json!("2027-03-28T03:00:00"), "2027-03-28T01:00:00Z");
    // Berlin, 31 October 2027: 03:00 becomes 02:00.
    same(&json!("2027-10-31T02:30:00"), "2027-10-31T00:30:00Z");
    same(&json!("2027-10-31T02:30:00+01:00"), "2027-10-31T01:30:00Z");
    same(&json!("2027-10-31T03:00:00"), "2027-10-31T02:00:00Z");
}

#[test]
fn s21_time_without_an_offset_is_the_business_units() {
    let local = json!("2026-11-23T10:30:00");
    assert_eq!(at_in(&local, "America/New_York", NOW).as_deref(), Ok("2026-11-23T15:30:00Z"));
    assert_eq!(at_in(&local, "Asia/Kolkata", NOW).as_deref(), Ok("2026-11-23T05:00:00Z"));
    // 23:30 UTC is the next day in Berlin already: "10:00" is today's there, not yesterday's.
    assert_eq!(at_in(&json!("10:00"), "Europe/Berlin", "2026-11-20T23:30:00Z").as_deref(), Ok("2026-11-21T09:00:00Z"));
}

fn any_json() -> impl Strategy<Value = Value> {
    let texts = prop_oneof![
        any::<String>(),
        "[+0-9() ./-]{0,24}",
        "[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[+-][0-9]{2}:[0-9]{2})?)?",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        texts.prop_map(Value::from),
    ];
    let names = prop_oneof![
        Just("date_time"),
        Just("startDateTime"),
        Just("endDateTime"),
        Just("startDate"),
        Just("endDate"),
        Just("startTime"),
        Just("endTime"),
        Just("year"),
        Just("month"),
        Just("day"),
        Just("hours"),
        Just("other"),
    ];
    leaf.prop_recursive(4, 24, 3, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::vec((names.clone().prop_map(str::to_owned), inner), 0..3)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn s21_whatever_is_read_as_a_phone_is_a_number_that_can_be_dialled(value in any_json(), code in "[1-9][0-9]{0,2}") {
        if let Ok(number) = phone(&value, &code) {
            let digits = number.strip_prefix('+').expect("a leading +");
            prop_assert!((7..=15).contains(&digits.len()) && !digits.starts_with('0'));
            prop_assert!(digits.bytes().all(|it| it.is_ascii_digit()));
            prop_assert_eq!(phone(&json!(number.clone()), &code), Ok(number), "reading it again changes nothing");
        }
    }

    #[test]
    fn s21_whatever_is_read_as_a_time_lies_in_the_coming_year(value in any_json(), now in -1_000_000_000_000_i64..4_000_000_000_000) {
        if let Ok(at) = schedule(&value, &TimeZone::UTC, Timestamp(now)) {
            prop_assert!(at.0 >= now && at.0 <= now + FURTHEST_MS);
        }
    }
}
