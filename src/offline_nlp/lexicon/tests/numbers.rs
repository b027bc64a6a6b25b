//! Numbers, amounts, and what has digits in it.

use super::*;

#[test]
fn b16_english_numbers() {
    check(
        "en",
        &[
            ("3", "number", "3=3"),
            ("I need 2 of them and 5 more", "number", "2=2 | 5=5"),
            ("twenty-three", "number", "twenty-three=23"),
            ("twenty three", "number", "twenty three=23"),
            ("one hundred and five", "number", "one hundred and five=105"),
            ("two thousand three hundred", "number", "two thousand three hundred=2300"),
            ("a dozen eggs", "number", "a dozen=12"),
            ("half a dozen", "number", "half a dozen=6"),
            ("two dozen", "number", "two dozen=24"),
            ("a hundred", "number", "a hundred=100"),
            ("two and a half", "number", "two and a half=2.5"),
            ("three point five", "number", "three point five=3.5"),
            ("1,000.50", "number", "1,000.50=1000.5"),
            ("1,000,000", "number", "1,000,000=1000000"),
            ("3.14", "number", "3.14=3.14"),
            ("2 million", "number", "2 million=2000000"),
            ("minus five", "number", "minus five=-5"),
            ("it was -7", "number", "-7=-7"),
            ("zero", "number", "zero=0"),
            ("one two three", "number", "one=1 | two=2 | three=3"),
            ("one", "number", "one=1"),
            ("3.5", "number-integer", ""),
            ("12", "number-integer", "12=12"),
            ("42 people", "cardinal", "42=42"),
            ("no one answers", "number", ""),
            ("this one", "number", ""),
            ("someone", "number", ""),
            ("the one I bought", "number", ""),
            ("which one", "number", ""),
            ("A12", "number", ""),
            ("1.2.3", "number", ""),
            ("often", "number", ""),
            ("weight", "number", ""),
            ("the first", "ordinal", "first=1"),
            ("the second item", "ordinal", "second=2"),
            ("23rd", "ordinal", "23rd=23"),
            ("twenty-third", "ordinal", "twenty-third=23"),
            ("just a second", "ordinal", ""),
            ("thirty-second", "ordinal", "thirty-second=32"),
            ("at first", "ordinal", ""),
            ("order 12345", "number-sequence", "12345=12345"),
            ("50%", "percentage", "50%=50%"),
            ("12.5 percent", "percentage", "12.5 percent=12.5%"),
            ("fifty per cent", "percentage", "fifty per cent=50%"),
            ("50", "percentage", ""),
        ],
    );
}

#[test]
fn b16_german_numbers() {
    check(
        "de",
        &[
            ("dreiundzwanzig", "number", "dreiundzwanzig=23"),
            ("einundzwanzig", "number", "einundzwanzig=21"),
            ("zweihundertfünfzig", "number", "zweihundertfünfzig=250"),
            ("eintausendzweihundert", "number", "eintausendzweihundert=1200"),
            ("neunzehnhundertvierundachtzig", "number", "neunzehnhundertvierundachtzig=1984"),
            ("dreißig", "number", "dreißig=30"),
            ("zwei Millionen", "number", "zwei Millionen=2000000"),
            ("anderthalb", "number", "anderthalb=1.5"),
            ("zweieinhalb", "number", "zweieinhalb=2.5"),
            ("ein Dutzend", "number", "ein Dutzend=12"),
            ("zwei Komma fünf", "number", "zwei Komma fünf=2.5"),
            ("1.000,50", "number", "1.000,50=1000.5"),
            ("1.000", "number", "1.000=1000"),
            ("3,5", "number", "3,5=3.5"),
            ("minus fünf", "number", "minus fünf=-5"),
            ("eins", "number", "eins=1"),
            ("ein Problem", "number", ""),
            ("eine Frage", "number", ""),
            ("allein", "number", ""),
            ("keiner", "number", ""),
            ("Vieh", "number", ""),
            ("der erste Artikel", "ordinal", "erste=1"),
            ("den dritten", "ordinal", "dritten=3"),
            ("siebte", "ordinal", "siebte=7"),
            ("zwanzigster", "ordinal", "zwanzigster=20"),
            ("den 3. Artikel", "ordinal", "3.=3"),
            ("der Rest", "ordinal", ""),
            ("50 Prozent", "percentage", "50 Prozent=50%"),
            ("12,5 %", "percentage", "12,5 %=12.5%"),
        ],
    );
}

#[test]
fn b16_lengths_of_time_and_ages() {
    check(
        "en",
        &[
            ("three days", "duration", "three days=amount:3 unit:day"),
            ("2 hours", "duration", "2 hours=amount:2 unit:h"),
            ("90min", "duration", "90min=amount:90 unit:min"),
            ("1h 30min", "duration", "1h 30min=amount:90 unit:min"),
            ("an hour", "duration", "an hour=amount:1 unit:h"),
            ("half an hour", "duration", "half an hour=amount:30 unit:min"),
            ("an hour and a half", "duration", "an hour and a half=amount:1.5 unit:h"),
            ("two and a half hours", "duration", "two and a half hours=amount:2.5 unit:h"),
            ("one second", "duration", "one second=amount:1 unit:s"),
            ("two weeks", "duration", "two weeks=amount:2 unit:wk"),
            ("6 months", "duration", "6 months=amount:6 unit:mo"),
            ("a year", "duration", "a year=amount:1 unit:yr"),
            ("the second item", "duration", ""),
            ("day after day", "duration", ""),
            ("I am 25 years old", "age", "25 years old=amount:25 unit:yr"),
            ("I'm 25", "age", "25=amount:25 unit:yr"),
            ("a 6 month old baby", "age", "6 month old=amount:6 unit:mo"),
            ("25 apples", "age", ""),
        ],
    );
    check(
        "de",
        &[
            ("drei Tage", "duration", "drei Tage=amount:3 unit:day"),
            ("eine Woche", "duration", "eine Woche=amount:1 unit:wk"),
            ("anderthalb Stunden", "duration", "anderthalb Stunden=amount:1.5 unit:h"),
            ("eine halbe Stunde", "duration", "eine halbe Stunde=amount:30 unit:min"),
            ("eine Viertelstunde", "duration", "eine Viertelstunde=amount:15 unit:min"),
            ("1 Stunde und 30 Minuten", "duration", "1 Stunde und 30 Minuten=amount:90 unit:min"),
            ("24 Monate", "duration", "24 Monate=amount:24 unit:mo"),
            ("ein halbes Jahr", "duration", "ein halbes Jahr=amount:6 unit:mo"),
            ("das Jahr", "duration", ""),
            ("ich bin 25 Jahre alt", "age", "25 Jahre alt=amount:25 unit:yr"),
            ("6 Monate alt", "age", "6 Monate alt=amount:6 unit:mo"),
        ],
    );
}

#[test]
fn b16_money_temperatures_and_measures() {
    check(
        "en",
        &[
            ("$50", "unit-currency", "$50=amount:50 currency:USD"),
            ("50 euros", "unit-currency", "50 euros=amount:50 currency:EUR"),
            ("€ 12.99", "unit-currency", "€ 12.99=amount:12.99 currency:EUR"),
            ("20 dollars and 5 cents", "unit-currency", "20 dollars and 5 cents=amount:20.05 currency:USD"),
            ("fifty bucks", "unit-currency", "fifty bucks=amount:50 currency:USD"),
            ("50 cents", "unit-currency", "50 cents=amount:0.5 currency:USD"),
            ("10 pounds", "unit-currency", "10 pounds=amount:10 currency:GBP"),
            ("CHF 20", "unit-currency", "CHF 20=amount:20 currency:CHF"),
            ("1,000 dollars", "unit-currency", "1,000 dollars=amount:1000 currency:USD"),
            ("50", "unit-currency", ""),
            ("it makes no sense", "unit-currency", ""),
            ("in euros", "currency-name", "euros=EUR"),
            ("20 degrees Celsius", "temperature", "20 degrees Celsius=amount:20 unit:C"),
            ("68 °F", "temperature", "68 °F=amount:68 unit:F"),
            ("70 degrees", "temperature", "70 degrees=amount:70 unit:F"),
            ("20C", "temperature", "20C=amount:20 unit:C"),
            ("20 cats", "temperature", ""),
            ("5 km", "unit-length", "5 km=amount:5 unit:km"),
            ("2 kilos", "unit-weight", "2 kilos=amount:2 unit:kg"),
            ("16 GB", "unit-information", "16 GB=amount:16 unit:GB"),
        ],
    );
    check(
        "de",
        &[
            ("50 €", "unit-currency", "50 €=amount:50 currency:EUR"),
            ("1.000,50 Euro", "unit-currency", "1.000,50 Euro=amount:1000.5 currency:EUR"),
            ("fünfzig Euro", "unit-currency", "fünfzig Euro=amount:50 currency:EUR"),
            ("ein Euro", "unit-currency", "ein Euro=amount:1 currency:EUR"),
            ("5 Euro und 20 Cent", "unit-currency", "5 Euro und 20 Cent=amount:5.2 currency:EUR"),
            ("fünf Euro zwanzig", "unit-currency", "fünf Euro zwanzig=amount:5.2 currency:EUR"),
            ("50 Cent", "unit-currency", "50 Cent=amount:0.5 currency:EUR"),
            ("20 Franken", "unit-currency", "20 Franken=amount:20 currency:CHF"),
            ("minus 5 Grad", "temperature", "minus 5 Grad=amount:-5 unit:C"),
            ("20°C", "temperature", "20°C=amount:20 unit:C"),
        ],
    );
}

#[test]
fn b16_ways_to_reach_somebody() {
    let rows = [
        ("mail desk1@example.com please", "email", "desk1@example.com=desk1@example.com"),
        (
            "first.last+tag@mail.example.co.uk.",
            "email",
            "first.last+tag@mail.example.co.uk=first.last+tag@mail.example.co.uk",
        ),
        ("<a_b@example.org>", "email", "a_b@example.org=a_b@example.org"),
        ("me at example", "email", ""),
        ("a@b", "email", ""),
        ("@example.com", "email", ""),
        ("see https://example.com/a?b=1#c.", "url", "https://example.com/a?b=1#c=https://example.com/a?b=1#c"),
        ("www.example.com", "url", "www.example.com=www.example.com"),
        ("example.com/help", "url", "example.com/help=example.com/help"),
        ("a@example.com", "url", ""),
        ("http", "url", ""),
        ("3.14", "url", ""),
        ("+49 30 123456", "phone-number", "+49 30 123456=+4930123456"),
        ("+49 (0) 30 123456", "phone-number", "+49 (0) 30 123456=+4930123456"),
        ("030 / 123456", "phone-number", "030 / 123456=030123456"),
        ("call 0151-1234567 now", "phone-number", "0151-1234567=01511234567"),
        ("(212) 555-0123", "phone-number", "(212) 555-0123=2125550123"),
        ("5550123", "phone-number", "5550123=5550123"),
        ("24.12.2026", "phone-number", ""),
        ("2026-12-24", "phone-number", ""),
        ("1234", "phone-number", ""),
        ("1234567890123456789", "phone-number", ""),
        ("10115 Berlin", "zip-code", "10115=10115"),
        ("94103-1234", "zip-code", "94103-1234=94103-1234"),
        ("SW1A 1AA", "zip-code", "SW1A 1AA=SW1A 1AA"),
        ("PLZ 8001", "zip-code", "8001=8001"),
        ("order 8001", "zip-code", ""),
        ("123456", "zip-code", ""),
    ];
    for language in ["en", "de", "fr"] {
        check(language, &rows);
    }
}

#[test]
fn s21_a_phone_number_is_one_that_callbacks_understand() {
    let lexicon = lexicon("de", Vec::new());
    for text in ["+49 30 123456", "+49 (0) 30 123456", "030 123456", "0049 30 123456"] {
        let found = lexicon.find(text, &["sys.phone-number"], &moment());
        assert_eq!(crate::core::callback::phone(&found[0].value, "49").unwrap(), "+4930123456", "{text}");
    }
}
