//! What is found, what is not, and what it becomes. The numbers are those that card networks and banks publish for tests.

use proptest::prelude::*;
use secrecy::SecretString;
use serde_json::json;

use super::*;
use crate::config::settings;

const VISA: &str = "4111111111111111";

fn scanner() -> Scanner {
    let pattern = |name: &str, regex: &str| settings::Pattern { name: name.to_owned(), regex: regex.to_owned() };
    let patterns = vec![pattern("customer_number", r"\bK-\d{8}\b"), pattern("pin", r"(?i)\bpin\s*\d{4}\b")];
    Scanner::new(&Privacy { card: true, iban: true, patterns }).unwrap()
}

/// The text with tokens, and what they stand for.
fn tokenised(text: &str) -> (String, Vec<(String, String)>) {
    let (mut told, mut values) = (text.to_owned(), Vec::new());
    let mut name_it = namer(&mut values);
    scanner().tokenise_text(&mut told, &mut name_it);
    drop(name_it);
    (told, values)
}

fn namer(values: &mut Vec<(String, String)>) -> impl FnMut(&str, &str) -> Option<String> {
    |name, value| {
        let known = values.iter().filter(|(it, _)| it == name).position(|(_, it)| it == value);
        let number = known.unwrap_or_else(|| {
            values.push((name.to_owned(), value.to_owned()));
            values.iter().filter(|(it, _)| it == name).count() - 1
        });
        Some(format!("[{name}:{}]", number + 1))
    }
}

#[track_caller]
fn finds(text: &str, expected: &str, value: &str) {
    let (told, values) = tokenised(text);
    assert_eq!(told, expected, "{text:?}");
    assert_eq!(values.first().map(|(_, it)| it.as_str()), Some(value), "{text:?}");
}

#[track_caller]
fn leaves(text: &str) {
    assert_eq!(tokenised(text), (text.to_owned(), Vec::new()));
}

#[test]
fn b10_card_numbers_are_found_however_they_are_typed() {
    for written in [
        "4111111111111111",
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "4111 - 1111 - 1111 - 1111",
        "4111  1111  1111  1111",
        "4111.1111.1111.1111",
        "4111/1111/1111/1111",
        "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
        "411111 1111111111",
        "4111\n1111\n1111 1111",
        "4111\u{a0}1111\u{2009}1111\u{202f}1111",
        "4111\u{2013}1111\u{2011}1111\u{2212}1111",
        "4111\u{200b}1111\u{200b}1111\u{ad}1111",
        "\u{ff14}\u{ff11}\u{ff11}\u{ff11} 1111 1111 1111",
        "\u{664}\u{661}\u{661}\u{661} 1111 1111 1111",
        "\u{1d7d2}\u{1d7cf}\u{1d7cf}\u{1d7cf} 1111 1111 1111",
    ] {
        finds(&format!("it is {written}."), "it is [card:1].", VISA);
        finds(&format!("Nr.{written}, right?"), "Nr.[card:1], right?", VISA);
        finds(written, "[card:1]", VISA);
    }
}

#[test]
fn b10_every_brand_has_its_ranges_and_lengths() {
    for number in [
        "4222222222222",
        "4012888888881881",
        "5555555555554444",
        "2223003122003222",
        "2720992222222229",
        "378282246310005",
        "371449635398431",
        "6011111111111117",
        "30569309025904",
        "38520000023237",
        "36227206271667",
        "3530111333300000",
        "6759649826438453",
        "6200000000000005",
        "6212345678901232",
    ] {
        finds(number, "[card:1]", number);
    }
    // The right check digit, but no card's beginning or length.
    for number in
        ["1234567812345670", "9111111111111118", "0000000000000000", "41111111111111", "411111111111116", "79927398713"]
    {
        leaves(number);
    }
}

#[test]
fn b10_what_stands_beside_a_card_number_is_not_taken_for_a_part_of_it() {
    finds("4111 1111 1111 1111 12/26 123", "[card:1] 12/26 123", VISA);
    finds("4111 1111 1111 1111 123", "[card:1] 123", VISA);
    finds("my 2 cards: 12 4111 1111 1111 1111", "my 2 cards: 12 [card:1]", VISA);
    let (told, values) = tokenised("4111111111111111 5555555555554444 4111-1111-1111-1111");
    assert_eq!((told.as_str(), values.len()), ("[card:1] [card:2] [card:1]", 2), "the same one has the same token");
}

#[test]
fn b10_other_long_numbers_stay() {
    for text in [
        "4111111111111112",
        "order 41111111111111119999",
        "99994111111111111111",
        "+49 170 1234567 89",
        "call +4111 1111 1111 1",
        "0049 4111 1111 1111 1",
        "0.4111111111111111",
        "2024-12-31 23:59:59.123456",
        "4111 1111 and 1111 1111",
        "4111a1111b1111c1111",
        "41.11.1111.1111.1111",
        "1 2 3 4 5 6 7 8 9 10",
        "",
    ] {
        leaves(text);
    }
    // More digits than a phone number has.
    finds("+4111111111111111", "+[card:1]", VISA);
}

#[test]
fn b10_ibans_are_found_by_country_length_and_check_digits() {
    for iban in [
        "DE89370400440532013000",
        "GB29NWBK60161331926819",
        "FR1420041010050500013M02606",
        "NO9386011117947",
        "MT84MALT011000012345MTLCAST001S",
        "CH9300762011623852957",
        "SA0380000000608010167519",
        "BR9700360305000010009795493P1",
    ] {
        finds(&format!("to {iban}, please"), "to [iban:1], please", iban);
        finds(&iban.to_lowercase(), "[iban:1]", iban);
        let letters: Vec<char> = iban.chars().collect();
        let grouped: Vec<String> = letters.chunks(4).map(|it| it.iter().collect()).collect();
        finds(&grouped.join(" "), "[iban:1]", iban);
        finds(&format!("IBAN:{}", grouped.join("\u{a0}")), "IBAN:[iban:1]", iban);
        finds(&format!("IBAN{iban}"), "IBAN[iban:1]", iban);
        let wrong = iban.replacen(|it: char| it.is_ascii_digit(), "7", 1);
        assert!(wrong == *iban || !tokenised(&wrong).0.contains("iban"), "{wrong}");
    }
    leaves("DE8937040044053201300");
    leaves("XX89370400440532013000");
    finds("DE89 3704 0044 0532 0130 00 bis morgen", "[iban:1] bis morgen", "DE89370400440532013000");
}

#[test]
fn b10_configured_patterns_are_found_as_the_text_is_meant() {
    finds("I am K-12345678!", "I am [customer_number:1]!", "K-12345678");
    finds("K\u{2010}\u{661}\u{662}\u{663}45678", "[customer_number:1]", "K-12345678");
    leaves("K-1234567, K-123456789, XK-12345678");
    // A pattern does not take a card number apart, and finds what is beside it.
    let (told, _) = tokenised("PIN 1234 card 4111 1111 1111 1111 pin 9999");
    assert_eq!(told, "[pin:1] card [card:1] [pin:2]");
}

#[test]
fn b10_tokens_that_are_there_already_stay() {
    for text in ["[card:1] and [customer_number:12] and [iban]", "[card:1][card:2]"] {
        leaves(text);
    }
    // Only what is a token is spared.
    finds("[4111 1111 1111 1111:1]", "[[card:1]:1]", VISA);
    finds("[card:4111111111111111]", "[card:[card:1]]", VISA);
    finds("[pin 1234]", "[[pin:1]]", "pin 1234");
}

#[test]
fn b10_every_text_of_an_input_is_looked_at() {
    let mut values = Vec::new();
    let mut input = Input::Structured(
        json!({
            "form": { "number": VISA, "as_number": 4_111_111_111_111_111_i64, "list": ["x", { "deep": "DE89 3704 0044 0532 0130 00" }] },
            "K-12345678": true,
            "price": 4.5,
            "count": 3,
        })
        .as_object()
        .cloned()
        .unwrap(),
    );
    scanner().tokenise(&mut input, &mut namer(&mut values));
    let expected = json!({
        "form": { "number": "[card:1]", "as_number": "[card:1]", "list": ["x", { "deep": "[iban:1]" }] },
        "[customer_number:1]": true,
        "price": 4.5,
        "count": 3,
    });
    assert_eq!(input, Input::Structured(expected.as_object().cloned().unwrap()));
    let parameters = json!({ "said": format!("it is {VISA}") }).as_object().cloned().unwrap();
    let mut event = Input::Event { name: "form".to_owned(), parameters };
    scanner().tokenise(&mut event, &mut namer(&mut values));
    let parameters = json!({ "said": "it is [card:1]" }).as_object().cloned().unwrap();
    assert_eq!(event, Input::Event { name: "form".to_owned(), parameters });
    let mut keys = Input::Dtmf(format!("{VISA}#"));
    scanner().tokenise(&mut keys, &mut namer(&mut values));
    assert_eq!(keys, Input::Dtmf("[card:1]#".to_owned()));
}

#[test]
fn b10_only_what_is_switched_on_is_found() {
    let all = format!("{VISA} DE89370400440532013000");
    for (card, iban, expected) in [
        (true, false, "[card] DE89370400440532013000"),
        (false, true, "4111111111111111 [iban]"),
        (false, false, all.as_str()),
    ] {
        let mut text = all.clone();
        let scanner = Scanner::new(&Privacy { card, iban, patterns: Vec::new() }).unwrap();
        scanner.tokenise_text(&mut text, &mut |name, _| Some(format!("[{name}]")));
        assert_eq!(text, expected);
    }
}

#[test]
fn b10_a_text_with_more_than_can_be_told_apart_is_hidden_to_its_end() {
    let (told, values) = tokenised(&"pin 1234 ".repeat(MAX_FINDS + 10));
    assert_eq!(values.len(), 2, "{values:?}");
    assert!(told.ends_with("[pin:2]") && !told.contains("1234"), "{told}");
    assert_eq!(values[1].1, "", "it stands for nothing");
}

#[test]
fn b10_names_and_patterns_that_cannot_be_used_are_refused() {
    for name in ["", "Card", "a b", "1a", "a-b", "_a", &"a".repeat(33)] {
        assert_eq!(check_name(name), Err(PatternError::Name), "{name}");
    }
    assert_eq!((check_name(CARD), check_name(IBAN)), (Err(PatternError::BuiltIn), Err(PatternError::BuiltIn)));
    assert_eq!(check_name("customer_number_2"), Ok(()));
    for regex in ["", r"\d*", "a?", r"\b"] {
        assert_eq!(check_pattern(regex), Err(PatternError::Empty), "{regex}");
    }
    for regex in ["(", r"\d{4", "[a-", &"(a{500}){500}".repeat(3)] {
        assert!(matches!(check_pattern(regex), Err(PatternError::Malformed(_))), "{regex}");
    }
    assert_eq!(check_pattern(r"\bK-\d{8}\b"), Ok(()));
}

#[test]
fn b10_tokens_are_restored_in_parameters_in_one_pass_and_never_in_the_address() {
    let secret = |token: &str, value: &str| (token.to_owned(), SecretString::from(value));
    let secrets = Secrets(vec![secret("[card:1]", "4111"), secret("[odd:1]", "[card:1]")]);
    let uri = "https://pay.example.com/[card:1]";
    let parameters = json!({
        "service": uri,
        "card": "[card:1]",
        "text": "a [card:1] b [odd:1] c [card:2] [",
        "deep": { "list": ["[card:1]", 5] },
    });
    let restored = restore(parameters.as_object().unwrap(), uri, &secrets);
    let expected = json!({
        "service": uri,
        "card": "4111",
        "text": "a 4111 b [card:1] c [card:2] [",
        "deep": { "list": ["4111", 5] },
    });
    assert_eq!(Some(&restored), expected.as_object());
    assert_eq!(format!("{secrets:?}"), "Secrets(2)");
}

/// Digits in groups, with separators between them.
fn written() -> impl Strategy<Value = String> {
    let separator = prop::sample::select(vec!["", " ", "-", "\u{a0}", " - ", "\u{200b}", "."]);
    let group = prop::collection::vec(0..10_u8, 1..6);
    prop::collection::vec((group, separator), 0..9).prop_map(|groups| {
        let text = |(digits, separator): (Vec<u8>, &str)| {
            digits.into_iter().map(|it| char::from(b'0' + it)).collect::<String>() + separator
        };
        groups.into_iter().map(text).collect()
    })
}

proptest! {
    #[test]
    fn b10_any_text_is_tokenised_once_and_restored(text in r"[\PC\n]{0,60}", digits in written(), tail in "[a-zA-Z:\\[\\] ]{0,9}") {
        let text = format!("{text}{digits}{tail}{digits}");
        let (told, values) = tokenised(&text);
        // Nothing is left to be found, and nothing was lost: what is not private is still there, in order.
        let mut again = told.clone();
        scanner().tokenise_text(&mut again, &mut |name, value| panic!("{name} {value:?} is left in {told:?} of {text:?}"));
        for (name, value) in &values {
            prop_assert!(!value.is_empty() && (name != CARD || card_digits(value)), "{name} {value}");
        }
        if values.is_empty() {
            prop_assert_eq!(told, text);
        }
    }

    #[test]
    fn b10_a_right_number_is_found_in_any_grouping(groups in prop::collection::vec(1..5_usize, 4..16), separator in " |-|\u{a0}| - ") {
        let mut rest = VISA;
        let mut parts = Vec::new();
        for length in groups {
            let (part, tail) = rest.split_at(length.min(rest.len()));
            parts.push(part);
            rest = tail;
        }
        parts.push(rest);
        parts.retain(|it| !it.is_empty());
        let text = format!("x {} y", parts.join(&separator));
        prop_assert_eq!(tokenised(&text).0, "x [card:1] y");
    }

    #[test]
    fn b10_time_is_linear_in_whatever_is_sent(piece in r"[0-9a-z\[\]: .+-]{1,12}") {
        let text = piece.repeat(20_000 / piece.len());
        let (told, _) = tokenised(&text);
        prop_assert!(told.len() <= text.len() * 2);
    }
}

fn card_digits(value: &str) -> bool {
    (13..=19).contains(&value.len()) && value.bytes().all(|it| it.is_ascii_digit())
}

#[test]
fn b10_what_is_cheap_to_see_is_not_read_sign_by_sign() {
    let scanner = Scanner::new(&Privacy { card: true, iban: false, patterns: Vec::new() }).unwrap();
    assert!(!scanner.may_hold("only 12 digits: 1234567890"));
    assert!(scanner.may_hold(VISA));
}
