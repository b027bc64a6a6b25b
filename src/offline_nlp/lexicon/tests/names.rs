//! People, places, colours, languages.

use super::*;

#[test]
fn b16_names_of_people() {
    check(
        "en",
        &[
            ("my name is Ann", "given-name", "Ann=Ann"),
            ("I'm ann", "given-name", "ann=Ann"),
            ("this is Anna speaking", "given-name", "Anna=Anna"),
            ("my name is Ann", "person", "Ann=name:Ann"),
            ("Mr Miller", "last-name", "Miller=Miller"),
            ("I am called Qwertz", "given-name", "Qwertz=Qwertz"),
            ("will you help me", "given-name", ""),
            ("mark this as done", "given-name", ""),
            ("may I ask", "given-name", ""),
            ("the bill is wrong", "given-name", ""),
            ("please be frank", "given-name", ""),
            ("I want an order", "given-name", ""),
            ("Hello", "given-name", ""),
            ("Qwertz", "given-name", "Qwertz=Qwertz"),
        ],
    );
    check(
        "de",
        &[
            ("ich heiße Anna", "given-name", "Anna=Anna"),
            ("Mein Name ist Jürgen", "given-name", "Jürgen=Jürgen"),
            ("Herr Müller", "last-name", "Müller=Müller"),
            ("Frau Dr. Weber", "last-name", "Weber=Weber"),
            ("ich bin Kunde", "given-name", ""),
            ("der Bauer", "last-name", ""),
            ("Hallo", "given-name", ""),
        ],
    );
}

#[test]
fn b16_places_colours_languages() {
    check(
        "en",
        &[
            ("from Berlin to New York", "geo-city", "Berlin=Berlin | New York=New York"),
            ("I live in München", "geo-city", "München=Munich"),
            ("reading a book", "geo-city", ""),
            ("in Reading", "geo-city", "Reading=Reading"),
            ("that is nice", "geo-city", ""),
            ("Berliner", "geo-city", ""),
            ("in the USA", "geo-country", "USA=United States"),
            ("Germany", "geo-country", "Germany=Germany"),
            ("a red one", "color", "red=red"),
            ("do you speak German", "language", "German=German"),
        ],
    );
    check(
        "de",
        &[
            ("nach Muenchen", "geo-city", "Muenchen=München"),
            ("in Frankfurt am Main", "geo-city", "Frankfurt am Main=Frankfurt"),
            ("das Essen war kalt", "geo-city", ""),
            ("in Essen", "geo-city", "Essen=Essen"),
            ("aus Österreich", "geo-country", "Österreich=Österreich"),
            ("das rote Kleid", "color", "rote=rot"),
            ("auf Englisch", "language", "auf Englisch=Englisch"),
        ],
    );
    let found = lexicon("en", Vec::new()).find("in Berlin", &["sys.location"], &moment());
    assert_eq!(found[0].value["city"], "Berlin");
    assert_eq!(found[0].value["country"], "");
}

#[test]
fn b16_what_is_unknown_behaves_as_any() {
    assert!(is_known("sys.date") && is_known("sys.any") && is_known("sys.geo-city"));
    assert!(!is_known("sys.music-artist") && !is_known("product"));
    check(
        "en",
        &[
            (" the blue album ", "any", "the blue album=the blue album"),
            ("the blue album", "music-artist", "the blue album=the blue album"),
            ("5 Main Street, Springfield", "address", "5 Main Street, Springfield=5 Main Street, Springfield"),
            ("", "any", ""),
        ],
    );
}
