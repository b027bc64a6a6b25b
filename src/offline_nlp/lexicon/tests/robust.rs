//! Whatever the text, an answer comes, and soon.

use proptest::prelude::*;

use super::*;
use crate::offline_nlp::agent::{Intent, Parameter};

fn whole(language: &str) -> Lexicon {
    let names = [
        "number",
        "number-integer",
        "ordinal",
        "percentage",
        "date",
        "time",
        "date-time",
        "date-period",
        "time-period",
        "duration",
        "phone-number",
        "email",
        "url",
        "given-name",
        "last-name",
        "person",
        "geo-city",
        "geo-country",
        "location",
        "zip-code",
        "unit-currency",
        "currency-name",
        "temperature",
        "age",
        "color",
        "language",
    ];
    let parameters = names.iter().map(|it| Parameter { entity: format!("sys.{it}"), ..Parameter::default() }).collect();
    let mut goods = entity("goods", &[("a", &["a", "a a a a", "aaaaaaaa"]), ("café", &["café ole", "naïve"])]);
    goods.fuzzy = true;
    let mut code = entity("code", &[("", &["(a+)+b", "[0-9]{3,}"])]);
    code.is_regexp = true;
    let mut pair = entity("pair", &[("@goods:x @goods:y", &[]), ("@pair:l @sys.number:n", &[])]);
    pair.is_enum = true;
    let intents = vec![Intent { parameters, ..Intent::default() }];
    Lexicon::build(&Agent { intents, entities: vec![goods, code, pair], ..Agent::default() }, language)
}

fn looks(lexicon: &Lexicon, text: &str) {
    for found in lexicon.all(text, &moment()) {
        assert!(!found.range.is_empty(), "{text:?}");
        assert_eq!(text.get(found.range.clone()), Some(found.original.as_str()), "{text:?}");
    }
}

#[test]
fn b16_hostile_texts_are_read_in_bounded_work() {
    let (en, de) = (whole("en"), whole("de"));
    let pieces = [
        "a",
        "a ",
        "9",
        "9 ",
        "1.",
        "1,000,",
        "one ",
        "one hundred and ",
        "dreiundzwanzigtausend",
        "halb ",
        "in ",
        "a@",
        "a.b@c.",
        "http://",
        "(",
        "+",
        "24.12.",
        "from ",
        "tomorrow ",
        "next ",
        "@",
        "-",
        "\u{301}",
        "ß",
        "🙂",
        "ラ",
        "1 hour and ",
        "Mr ",
        "my name is ",
        "5 to 5 ",
        "\u{0}",
    ];
    for piece in pieces {
        let text = piece.repeat(10_000 / piece.len());
        looks(&en, &text);
        looks(&de, &text);
    }
}

#[test]
fn b16_ranges_are_within_any_text() {
    let (en, de) = (whole("en"), whole("de"));
    proptest!(|(text in any::<String>())| {
        looks(&en, &text);
        looks(&de, &text);
    });
}

#[test]
fn b16_ranges_are_within_texts_of_our_own_words() {
    let (en, de) = (whole("en"), whole("de"));
    let words = "tomorrow morgen at um 3 15:30 Uhr pm next nächsten Montag week in drei Tagen 24.12. 2026 - bis to between and \
        half halb past vor nach 9999 32 Dec den hundred million one € $ % ° , . (0) +49 30 ago from years old last the \
        99999999999999999999 month end of Ende every second -5 1e9 Mr Ann my name is weekend Dezember tonight now a day";
    let words: Vec<&str> = words.split_whitespace().collect();
    let texts = proptest::collection::vec(proptest::sample::select(words), 0..14);
    proptest!(|(words in texts)| {
        looks(&en, &words.join(" "));
        looks(&de, &words.join(" "));
    });
}
