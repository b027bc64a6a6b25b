//! Entities of an agent's own.

use super::*;
use crate::offline_nlp::agent::{Intent, Part, Phrase};

fn found(lexicon: &Lexicon, text: &str) -> Vec<(String, String, String)> {
    let found = lexicon.all(text, &moment());
    found.into_iter().map(|it| (it.entity, it.original, brief(&it.value))).collect()
}

fn row(entity: &str, original: &str, value: &str) -> (String, String, String) {
    (entity.to_owned(), original.to_owned(), value.to_owned())
}

#[test]
fn b16_endings_umlauts_and_hyphens_do_not_matter() {
    let goods = entity(
        "goods",
        &[
            ("Paket", &["Paket", "Päckchen"]),
            ("Beschwerde", &["Beschwerde"]),
            ("Schuh", &["Schuh"]),
            ("Mueller", &["Mueller Edition"]),
            ("Haus", &["Haus"]),
        ],
    );
    let lexicon = lexicon("de", vec![goods]);
    for (text, original, value) in [
        ("zwei Pakete", "Pakete", "Paket"),
        ("des Paketes", "Paketes", "Paket"),
        ("ein Paeckchen", "Paeckchen", "Paket"),
        ("meine Beschwerden", "Beschwerden", "Beschwerde"),
        ("die Müller-Edition", "Müller-Edition", "Mueller"),
        ("zwei Häuser", "Häuser", "Haus"),
        ("SCHUHE", "SCHUHE", "Schuh"),
    ] {
        assert_eq!(found(&lexicon, text), [row("goods", original, value)], "{text}");
    }
    assert_eq!(found(&lexicon, "Handschuhfach"), []);
}

#[test]
fn b16_a_regexp_finds_whole_words_and_a_broken_one_nothing() {
    let mut order = entity("order", &[("", &["[A-Z]{2}-\\d{4}"]), ("", &["(broken"])]);
    order.is_regexp = true;
    let lexicon = lexicon("en", vec![order]);
    assert_eq!(found(&lexicon, "order AB-1234, please"), [row("order", "AB-1234", "AB-1234")]);
    assert_eq!(found(&lexicon, "order XAB-1234"), []);
    assert_eq!(found(&lexicon, "order AB-12345"), []);
    assert_eq!(check_regexp("\\d+"), Ok(()));
    assert_eq!(check_regexp("a*"), Err(RegexpError::Empty));
    assert_eq!(check_regexp("((a{1000}){1000}){1000}"), Err(RegexpError::TooLarge));
    assert_eq!(check_regexp(&"a".repeat(5_000)), Err(RegexpError::TooLong));
    assert!(matches!(check_regexp("(?=look)"), Err(RegexpError::Syntax(_))));
    assert!(matches!(check_regexp("(broken"), Err(RegexpError::Syntax(_))));
}

#[test]
fn b16_composites_are_objects_and_nest() {
    let mut drink = entity("order_item", &[("@size:size @drink:drink", &[]), ("@drink:drink", &[])]);
    drink.is_enum = true;
    let mut round = entity("round", &[("@sys.number:count @order_item:item", &[])]);
    round.is_enum = true;
    let size = entity("size", &[("small", &["small", "little"]), ("large", &["large"])]);
    let kind = entity("drink", &[("tea", &["tea"]), ("coffee", &["coffee"])]);
    let lexicon = lexicon("en", vec![drink, round, size, kind]);
    let found = lexicon.find("two little teas and coffee", &["round", "order_item"], &moment());
    let values: Vec<(&str, &str, String)> =
        found.iter().map(|it| (it.entity.as_str(), it.original.as_str(), it.value.to_string())).collect();
    assert_eq!(
        values,
        [
            ("round", "two little teas", r#"{"count":2,"item":{"drink":"tea","size":"small"}}"#.to_owned()),
            ("order_item", "little teas", r#"{"drink":"tea","size":"small"}"#.to_owned()),
            ("order_item", "coffee", r#"{"drink":"coffee"}"#.to_owned()),
        ]
    );
}

#[test]
fn b16_a_composite_of_itself_ends() {
    let mut list = entity("list", &[("@list:first @list:second", &[]), ("word", &[])]);
    list.is_enum = true;
    let lexicon = lexicon("en", vec![list]);
    assert!(!lexicon.find(&"word ".repeat(200), &["list"], &moment()).is_empty());
}

#[test]
fn b16_slips_are_forgiven_only_where_the_entity_says_so() {
    let entries: &[(&str, &[&str])] = &[("refrigerator", &["refrigerator"]), ("phone", &["phone"]), ("tv", &["tv"])];
    let strict = lexicon("en", vec![entity("goods", entries)]);
    let mut loose = entity("goods", entries);
    loose.fuzzy = true;
    let loose = lexicon("en", vec![loose]);
    assert_eq!(found(&strict, "my refridgerater"), []);
    assert_eq!(found(&loose, "my refridgerater"), [row("goods", "refridgerater", "refrigerator")]);
    assert_eq!(found(&loose, "my phnoe"), [row("goods", "phnoe", "phone")]);
    assert_eq!(found(&loose, "my tw"), []);
    assert_eq!(found(&loose, "my stone"), []);
}

#[test]
fn b16_automated_expansion_takes_a_new_word_where_phrases_have_one() {
    let mut item = entity("item", &[("milk", &["milk"])]);
    item.automated_expansion = true;
    let part = |text: &str, entity: Option<&str>| Part {
        text: text.to_owned(),
        entity: entity.map(str::to_owned),
        alias: entity.unwrap_or_default().to_owned(),
    };
    let parts = vec![part("add ", None), part("milk", Some("item")), part(" to my list", None)];
    let phrases = [("en".to_owned(), vec![Phrase { parts, is_template: false }])].into();
    let agent =
        Agent { intents: vec![Intent { phrases, ..Intent::default() }], entities: vec![item], ..Agent::default() };
    let lexicon = Lexicon::build(&agent, "en");
    assert_eq!(found(&lexicon, "please add Quark to my list"), [row("item", "Quark", "Quark")]);
    assert_eq!(found(&lexicon, "add milk to my list"), [row("item", "milk", "milk")]);
    assert_eq!(found(&lexicon, "Quark on my list"), []);
}

#[test]
fn b16_all_finds_what_the_agents_phrases_and_parameters_use() {
    let parameter = crate::offline_nlp::agent::Parameter { entity: "sys.number".to_owned(), ..Default::default() };
    let any = crate::offline_nlp::agent::Parameter { entity: "sys.any".to_owned(), ..Default::default() };
    let intent = Intent { parameters: vec![parameter, any], ..Intent::default() };
    let lexicon = Lexicon::build(&Agent { intents: vec![intent], ..Agent::default() }, "en");
    assert_eq!(found(&lexicon, "two tomorrow"), [row("sys.number", "two", "2")]);
}

#[test]
fn b16_entries_of_the_root_serve_a_region_and_scripts_without_spaces_are_cut() {
    let lexicon_de = lexicon("de-ch", vec![entity("room", &[("blau", &["blau"])])]);
    assert_eq!(found(&lexicon_de, "das Blau"), [row("room", "Blau", "blau")]);
    let lexicon_fr = lexicon("fr", vec![entity("dish", &[("ramen", &["ラーメン"]), ("café", &["café"])])]);
    assert_eq!(found(&lexicon_fr, "私はラーメンが好き"), [row("dish", "ラーメン", "ramen")]);
    assert_eq!(found(&lexicon_fr, "un CAFE"), [row("dish", "CAFE", "café")]);
}
