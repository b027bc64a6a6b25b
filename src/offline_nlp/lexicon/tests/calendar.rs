//! Days, times and spans. It is Friday, 20 November 2026, ten o'clock in Berlin.

use super::*;

#[test]
fn b16_english_days() {
    check(
        "en",
        &[
            ("today", "date", "today=2026-11-20T12:00"),
            ("can you call tomorrow?", "date", "tomorrow=2026-11-21T12:00"),
            ("the day after tomorrow", "date", "the day after tomorrow=2026-11-22T12:00"),
            ("it arrived yesterday", "date", "yesterday=2026-11-19T12:00"),
            ("on Monday", "date", "Monday=2026-11-23T12:00"),
            ("next Monday please", "date", "next Monday=2026-11-23T12:00"),
            ("friday", "date", "friday=2026-11-27T12:00"),
            ("this Friday", "date", "this Friday=2026-11-20T12:00"),
            ("last Tuesday", "date", "last Tuesday=2026-11-17T12:00"),
            ("Wednesday next week", "date", "Wednesday next week=2026-11-25T12:00"),
            ("next week on Wednesday", "date", "next week on Wednesday=2026-11-25T12:00"),
            ("a week from Monday", "date", "a week from Monday=2026-11-30T12:00"),
            ("Monday in two weeks", "date", "Monday in two weeks=2026-12-07T12:00"),
            ("in three days", "date", "in three days=2026-11-23T12:00"),
            ("in a week", "date", "in a week=2026-11-27T12:00"),
            ("in 2 months", "date", "in 2 months=2027-01-20T12:00"),
            ("two days ago", "date", "two days ago=2026-11-18T12:00"),
            ("24 December", "date", "24 December=2026-12-24T12:00"),
            ("December 24", "date", "December 24=2026-12-24T12:00"),
            ("Dec 24th 2026", "date", "Dec 24th 2026=2026-12-24T12:00"),
            ("Dec. 24, 2027", "date", "Dec. 24, 2027=2027-12-24T12:00"),
            ("the 24th of December", "date", "24th of December=2026-12-24T12:00"),
            ("first of January", "date", "first of January=2027-01-01T12:00"),
            ("January twenty-third", "date", "January twenty-third=2027-01-23T12:00"),
            ("2026-12-24", "date", "2026-12-24=2026-12-24T12:00"),
            ("12/24/2026", "date", "12/24/2026=2026-12-24T12:00"),
            ("24/12/2026", "date", "24/12/2026=2026-12-24T12:00"),
            ("24.12.2026", "date", "24.12.2026=2026-12-24T12:00"),
            ("on the 24th", "date", "24th=2026-11-24T12:00"),
            ("on the 3rd", "date", "3rd=2026-12-03T12:00"),
            ("Monday, November 23rd", "date", "Monday, November 23rd=2026-11-23T12:00"),
            ("christmas eve", "date", "christmas eve=2026-12-24T12:00"),
            ("end of the month", "date", "end of the month=2026-11-30T12:00"),
            ("May 5", "date", "May 5=2027-05-05T12:00:00+02:00"),
            ("march 1st", "date", "march 1st=2027-03-01T12:00"),
            ("February 29", "date", "February 29=2028-02-29T12:00"),
            ("tomorrow or on Tuesday", "date", "tomorrow=2026-11-21T12:00 | Tuesday=2026-11-24T12:00"),
            // None of these is a day.
            ("may I ask something", "date", ""),
            ("march on", "date", ""),
            ("the sun is shining", "date", ""),
            ("I sat down", "date", ""),
            ("Merry Christmas", "date", ""),
            ("version 1.2.3", "date", ""),
            ("2026-13-45", "date", ""),
            ("February 30", "date", ""),
            ("31.02.2027", "date", ""),
            ("the second item", "date", ""),
            ("the 24th order", "date", ""),
            ("3/4 of it", "date", ""),
            ("10.50", "date", ""),
            ("in three minutes", "date", ""),
        ],
    );
    check("en-gb", &[("05/04/2027", "date", "05/04/2027=2027-04-05T12:00:00+02:00")]);
    check("en", &[("05/04/2027", "date", "05/04/2027=2027-05-04T12:00:00+02:00")]);
    check("fr", &[("le 2026-12-24", "date", "2026-12-24=2026-12-24T12:00"), ("demain", "date", "")]);
}

#[test]
fn b16_german_days() {
    check(
        "de",
        &[
            ("heute", "date", "heute=2026-11-20T12:00"),
            ("morgen", "date", "morgen=2026-11-21T12:00"),
            ("Übermorgen bitte", "date", "Übermorgen=2026-11-22T12:00"),
            ("uebermorgen", "date", "uebermorgen=2026-11-22T12:00"),
            ("vorgestern", "date", "vorgestern=2026-11-18T12:00"),
            ("am Montag", "date", "Montag=2026-11-23T12:00"),
            ("kommenden Freitag", "date", "kommenden Freitag=2026-11-27T12:00"),
            ("nächsten Dienstag", "date", "nächsten Dienstag=2026-11-24T12:00"),
            ("am nächsten Mittwoch", "date", "nächsten Mittwoch=2026-11-25T12:00"),
            ("letzten Montag", "date", "letzten Montag=2026-11-16T12:00"),
            ("am Mo", "date", "Mo=2026-11-23T12:00"),
            ("nächste Woche Donnerstag", "date", "nächste Woche Donnerstag=2026-11-26T12:00"),
            ("Montag nächster Woche", "date", "Montag nächster Woche=2026-11-23T12:00"),
            ("Montag in einer Woche", "date", "Montag in einer Woche=2026-11-30T12:00"),
            ("heute in einer Woche", "date", "heute in einer Woche=2026-11-27T12:00"),
            ("in drei Tagen", "date", "in drei Tagen=2026-11-23T12:00"),
            ("in einer Woche", "date", "in einer Woche=2026-11-27T12:00"),
            ("vor zwei Wochen", "date", "vor zwei Wochen=2026-11-06T12:00"),
            ("24.12.", "date", "24.12.=2026-12-24T12:00"),
            ("am 24.12.2026", "date", "24.12.2026=2026-12-24T12:00"),
            ("am 24.12", "date", "24.12=2026-12-24T12:00"),
            ("1.1.27", "date", "1.1.27=2027-01-01T12:00"),
            ("24. Dezember", "date", "24. Dezember=2026-12-24T12:00"),
            ("24. Dez. 2026", "date", "24. Dez. 2026=2026-12-24T12:00"),
            ("am ersten Januar", "date", "ersten Januar=2027-01-01T12:00"),
            ("dreiundzwanzigster März", "date", "dreiundzwanzigster März=2027-03-23T12:00"),
            ("Montag, den 24.12.", "date", "Montag, den 24.12.=2026-12-24T12:00"),
            ("am 3. Mai", "date", "3. Mai=2027-05-03T12:00:00+02:00"),
            ("am 24.", "date", "24.=2026-11-24T12:00"),
            ("Heiligabend", "date", "Heiligabend=2026-12-24T12:00"),
            ("Ende des Monats", "date", "Ende des Monats=2026-11-30T12:00"),
            // None of these is a day.
            ("Guten Morgen", "date", ""),
            ("am Morgen", "date", ""),
            ("das ist so", "date", ""),
            ("mit der Hand", "date", ""),
            ("10,50 Euro", "date", ""),
            ("der 3. Artikel", "date", ""),
            ("Frohe Weihnachten", "date", ""),
            ("32.12.2026", "date", ""),
            ("15.30 Uhr", "date", ""),
        ],
    );
}

#[test]
fn b16_english_times() {
    check(
        "en",
        &[
            ("3 pm", "time", "3 pm=2026-11-20T15:00"),
            ("3pm", "time", "3pm=2026-11-20T15:00"),
            ("3 p.m.", "time", "3 p.m.=2026-11-20T15:00"),
            ("at 3", "time", "3=2026-11-20T15:00"),
            ("at 9", "time", "9=2026-11-21T09:00"),
            ("9am", "time", "9am=2026-11-21T09:00"),
            ("12 am", "time", "12 am=2026-11-21T00:00"),
            ("12 pm", "time", "12 pm=2026-11-20T12:00"),
            ("15:00", "time", "15:00=2026-11-20T15:00"),
            ("3:30 pm", "time", "3:30 pm=2026-11-20T15:30"),
            ("11:15", "time", "11:15=2026-11-20T11:15"),
            ("03:30", "time", "03:30=2026-11-21T03:30"),
            ("half past two", "time", "half past two=2026-11-20T14:30"),
            ("quarter past nine", "time", "quarter past nine=2026-11-21T09:15"),
            ("a quarter to four", "time", "a quarter to four=2026-11-20T15:45"),
            ("ten past five", "time", "ten past five=2026-11-20T17:10"),
            ("ten minutes to four", "time", "ten minutes to four=2026-11-20T15:50"),
            ("noon", "time", "noon=2026-11-20T12:00"),
            ("midnight", "time", "midnight=2026-11-21T00:00"),
            ("three o'clock", "time", "three o'clock=2026-11-20T15:00"),
            ("three in the afternoon", "time", "three in the afternoon=2026-11-20T15:00"),
            ("eight in the evening", "time", "eight in the evening=2026-11-20T20:00"),
            ("around 4", "time", "4=2026-11-20T16:00"),
            ("3", "time", "3=2026-11-20T15:00"),
            // None of these is a time.
            ("at 3 dollars", "time", ""),
            ("at 50", "time", ""),
            ("I have 3 dogs", "time", ""),
            ("25:00", "time", ""),
            ("10:75", "time", ""),
            ("at 20%", "time", ""),
            ("after 3 days", "time", ""),
            ("good afternoon", "time", ""),
        ],
    );
}

#[test]
fn b16_german_times() {
    check(
        "de",
        &[
            ("um 15 Uhr", "time", "15 Uhr=2026-11-20T15:00"),
            ("15 Uhr 30", "time", "15 Uhr 30=2026-11-20T15:30"),
            ("15:30 Uhr", "time", "15:30 Uhr=2026-11-20T15:30"),
            ("15.30 Uhr", "time", "15.30 Uhr=2026-11-20T15:30"),
            ("um 3", "time", "3=2026-11-20T15:00"),
            ("um 9 Uhr", "time", "9 Uhr=2026-11-21T09:00"),
            ("halb drei", "time", "halb drei=2026-11-20T14:30"),
            ("halb eins", "time", "halb eins=2026-11-20T12:30"),
            ("viertel nach neun", "time", "viertel nach neun=2026-11-21T09:15"),
            ("Viertel vor vier", "time", "Viertel vor vier=2026-11-20T15:45"),
            ("dreiviertel drei", "time", "dreiviertel drei=2026-11-20T14:45"),
            ("zehn nach fünf", "time", "zehn nach fünf=2026-11-20T17:10"),
            ("fünf vor halb drei", "time", "fünf vor halb drei=2026-11-20T14:25"),
            ("fünf nach halb drei", "time", "fünf nach halb drei=2026-11-20T14:35"),
            ("drei Uhr nachmittags", "time", "drei Uhr nachmittags=2026-11-20T15:00"),
            ("8 Uhr abends", "time", "8 Uhr abends=2026-11-20T20:00"),
            ("ein Uhr", "time", "ein Uhr=2026-11-20T13:00"),
            ("Mitternacht", "time", "Mitternacht=2026-11-21T00:00"),
            ("gegen 16 Uhr", "time", "16 Uhr=2026-11-20T16:00"),
            ("um 20 Prozent", "time", ""),
            ("um 3 Euro", "time", ""),
            ("ab 3 Stück", "time", ""),
            ("Guten Abend", "time", ""),
        ],
    );
}

#[test]
fn b16_spans_of_days_and_hours() {
    check(
        "en",
        &[
            ("next week", "date-period", "next week=endDate:2026-11-29T12:00 startDate:2026-11-23T12:00"),
            ("this weekend", "date-period", "this weekend=endDate:2026-11-22T12:00 startDate:2026-11-21T12:00"),
            ("in December", "date-period", "December=endDate:2026-12-31T12:00 startDate:2026-12-01T12:00"),
            ("next month", "date-period", "next month=endDate:2026-12-31T12:00 startDate:2026-12-01T12:00"),
            ("in 2027", "date-period", "2027=endDate:2027-12-31T12:00 startDate:2027-01-01T12:00"),
            (
                "from Monday to Friday",
                "date-period",
                "from Monday to Friday=endDate:2026-11-27T12:00 startDate:2026-11-23T12:00",
            ),
            (
                "December 24 to 26",
                "date-period",
                "December 24 to 26=endDate:2026-12-26T12:00 startDate:2026-12-24T12:00",
            ),
            (
                "the next three days",
                "date-period",
                "the next three days=endDate:2026-11-23T12:00 startDate:2026-11-20T12:00",
            ),
            ("may I come in", "date-period", ""),
            ("march on", "date-period", ""),
            ("between 9 and 11", "time-period", "between 9 and 11=endTime:2026-11-20T11:00 startTime:2026-11-20T09:00"),
            ("from 9 to 5", "time-period", "from 9 to 5=endTime:2026-11-20T17:00 startTime:2026-11-20T09:00"),
            ("3-5pm", "time-period", "3-5pm=endTime:2026-11-20T17:00 startTime:2026-11-20T15:00"),
            ("between 2 and 4", "time-period", "between 2 and 4=endTime:2026-11-20T16:00 startTime:2026-11-20T14:00"),
            ("in the afternoon", "time-period", "in the afternoon=endTime:2026-11-20T16:00 startTime:2026-11-20T12:00"),
            ("between 9 and 11 people", "time-period", ""),
            ("good morning", "time-period", ""),
        ],
    );
    check(
        "de",
        &[
            ("nächste Woche", "date-period", "nächste Woche=endDate:2026-11-29T12:00 startDate:2026-11-23T12:00"),
            (
                "dieses Wochenende",
                "date-period",
                "dieses Wochenende=endDate:2026-11-22T12:00 startDate:2026-11-21T12:00",
            ),
            ("am Wochenende", "date-period", "Wochenende=endDate:2026-11-22T12:00 startDate:2026-11-21T12:00"),
            ("im Dezember", "date-period", "Dezember=endDate:2026-12-31T12:00 startDate:2026-12-01T12:00"),
            (
                "von Montag bis Freitag",
                "date-period",
                "von Montag bis Freitag=endDate:2026-11-27T12:00 startDate:2026-11-23T12:00",
            ),
            (
                "vom 24. bis 26. Dezember",
                "date-period",
                "vom 24. bis 26. Dezember=endDate:2026-12-26T12:00 startDate:2026-12-24T12:00",
            ),
            ("24.12. - 31.12.", "date-period", "24.12. - 31.12.=endDate:2026-12-31T12:00 startDate:2026-12-24T12:00"),
            ("nächsten Monat", "date-period", "nächsten Monat=endDate:2026-12-31T12:00 startDate:2026-12-01T12:00"),
            ("von 9 bis 11 Uhr", "time-period", "von 9 bis 11 Uhr=endTime:2026-11-20T11:00 startTime:2026-11-20T09:00"),
            (
                "zwischen 14 und 16 Uhr",
                "time-period",
                "zwischen 14 und 16 Uhr=endTime:2026-11-20T16:00 startTime:2026-11-20T14:00",
            ),
            ("9-11 Uhr", "time-period", "9-11 Uhr=endTime:2026-11-20T11:00 startTime:2026-11-20T09:00"),
            ("vormittags", "time-period", "vormittags=endTime:2026-11-20T12:00 startTime:2026-11-20T08:00"),
            ("am Abend", "time-period", "am Abend=endTime:2026-11-20T20:00 startTime:2026-11-20T16:00"),
            ("Guten Abend", "time-period", ""),
        ],
    );
}

#[test]
fn b16_english_days_with_times() {
    check(
        "en",
        &[
            ("tomorrow", "date-time", "tomorrow=2026-11-21T12:00"),
            ("tomorrow at 3", "date-time", "tomorrow at 3=date_time:2026-11-21T15:00"),
            ("tomorrow at 3pm please", "date-time", "tomorrow at 3pm=date_time:2026-11-21T15:00"),
            ("at 3 pm tomorrow", "date-time", "3 pm tomorrow=date_time:2026-11-21T15:00"),
            ("at 3 on Monday", "date-time", "3 on Monday=date_time:2026-11-23T15:00"),
            ("Monday 9:30", "date-time", "Monday 9:30=date_time:2026-11-23T09:30"),
            ("tomorrow 3", "date-time", "tomorrow 3=date_time:2026-11-21T15:00"),
            (
                "tomorrow afternoon",
                "date-time",
                "tomorrow afternoon=endDateTime:2026-11-21T16:00 startDateTime:2026-11-21T12:00",
            ),
            ("tomorrow afternoon at 3", "date-time", "tomorrow afternoon at 3=date_time:2026-11-21T15:00"),
            (
                "tomorrow in the morning",
                "date-time",
                "tomorrow in the morning=endDateTime:2026-11-21T12:00 startDateTime:2026-11-21T08:00",
            ),
            (
                "tomorrow between 9 and 11",
                "date-time",
                "tomorrow between 9 and 11=endDateTime:2026-11-21T11:00 startDateTime:2026-11-21T09:00",
            ),
            ("today at 9", "date-time", "today at 9=date_time:2026-11-20T21:00"),
            ("tonight at 8", "date-time", "tonight at 8=date_time:2026-11-20T20:00"),
            (
                "this afternoon",
                "date-time",
                "this afternoon=endDateTime:2026-11-20T16:00 startDateTime:2026-11-20T12:00",
            ),
            ("in 20 minutes", "date-time", "in 20 minutes=date_time:2026-11-20T10:20"),
            ("in half an hour", "date-time", "in half an hour=date_time:2026-11-20T10:30"),
            ("in two hours", "date-time", "in two hours=date_time:2026-11-20T12:00"),
            ("3 pm", "date-time", "3 pm=date_time:2026-11-20T15:00"),
            ("in the morning", "date-time", "in the morning=endTime:2026-11-20T12:00 startTime:2026-11-20T08:00"),
            ("next week", "date-time", "next week=endDate:2026-11-29T12:00 startDate:2026-11-23T12:00"),
            ("2026-12-24T15:00:00", "date-time", "2026-12-24T15:00:00=date_time:2026-12-24T15:00"),
            ("2026-12-24T15:00:00Z", "date-time", "2026-12-24T15:00:00Z=date_time:2026-12-24T16:00"),
            ("December 24 at noon", "date-time", "December 24 at noon=date_time:2026-12-24T12:00"),
            ("tomorrow at midnight", "date-time", "tomorrow at midnight=date_time:2026-11-22T00:00"),
            ("good morning", "date-time", ""),
            ("may I ask you something", "date-time", ""),
        ],
    );
}

#[test]
fn b16_german_days_with_times() {
    check(
        "de",
        &[
            ("morgen um 15 Uhr", "date-time", "morgen um 15 Uhr=date_time:2026-11-21T15:00"),
            ("um 15 Uhr am Montag", "date-time", "15 Uhr am Montag=date_time:2026-11-23T15:00"),
            ("um 15 Uhr morgen", "date-time", "15 Uhr morgen=date_time:2026-11-21T15:00"),
            (
                "morgen Nachmittag",
                "date-time",
                "morgen Nachmittag=endDateTime:2026-11-21T16:00 startDateTime:2026-11-21T12:00",
            ),
            (
                "morgen Vormittag",
                "date-time",
                "morgen Vormittag=endDateTime:2026-11-21T12:00 startDateTime:2026-11-21T08:00",
            ),
            ("morgen früh", "date-time", "morgen früh=endDateTime:2026-11-21T12:00 startDateTime:2026-11-21T08:00"),
            ("heute Abend um 8", "date-time", "heute Abend um 8=date_time:2026-11-20T20:00"),
            (
                "Montag zwischen 9 und 11 Uhr",
                "date-time",
                "Montag zwischen 9 und 11 Uhr=endDateTime:2026-11-23T11:00 startDateTime:2026-11-23T09:00",
            ),
            ("am Montag um halb drei", "date-time", "Montag um halb drei=date_time:2026-11-23T14:30"),
            ("24.12. 15:00", "date-time", "24.12. 15:00=date_time:2026-12-24T15:00"),
            ("am 24.12. um 9 Uhr", "date-time", "24.12. um 9 Uhr=date_time:2026-12-24T09:00"),
            ("in einer halben Stunde", "date-time", "in einer halben Stunde=date_time:2026-11-20T10:30"),
            ("in anderthalb Stunden", "date-time", "in anderthalb Stunden=date_time:2026-11-20T11:30"),
            ("nächsten Dienstag ab 10 Uhr", "date-time", "nächsten Dienstag ab 10 Uhr=date_time:2026-11-24T10:00"),
            ("Guten Morgen", "date-time", ""),
            ("Rufen Sie mich bitte morgen zurück", "date-time", "morgen=2026-11-21T12:00"),
        ],
    );
}

#[test]
fn b16_a_clock_change_is_reckoned_with() {
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    let now = "2027-03-27T12:00:00+01:00".parse().unwrap();
    let found = lexicon("en", Vec::new()).find("tomorrow at 02:30", &["sys.date-time"], &Moment { now, zone });
    // 02:30 is skipped that night.
    assert_eq!(found[0].value["date_time"], "2027-03-28T03:30:00+02:00");
}

#[test]
fn s21_every_shape_of_a_time_is_one_that_callbacks_understand() {
    use crate::core::{callback::schedule, ids};
    let rows = [
        ("sys.date-time", "tomorrow at 3", "2026-11-21T15:00:00+01:00"),
        ("sys.date-time", "tomorrow", "2026-11-21T12:00:00+01:00"),
        ("sys.date-time", "3 pm", "2026-11-20T15:00:00+01:00"),
        ("sys.date-time", "in 20 minutes", "2026-11-20T10:20:00+01:00"),
        ("sys.date-time", "tomorrow afternoon", "2026-11-21T12:00:00+01:00"),
        ("sys.date-time", "in the afternoon", "2026-11-20T12:00:00+01:00"),
        ("sys.date-time", "next week", "2026-11-23T12:00:00+01:00"),
        ("sys.date", "next Monday", "2026-11-23T12:00:00+01:00"),
        ("sys.time", "half past two", "2026-11-20T14:30:00+01:00"),
        ("sys.date-period", "this weekend", "2026-11-21T12:00:00+01:00"),
        ("sys.time-period", "between 2 and 4", "2026-11-20T14:00:00+01:00"),
        // Has begun: a minute from now.
        ("sys.time-period", "between 9 and 11", "2026-11-20T10:01:00+01:00"),
    ];
    let (lexicon, moment) = (lexicon("en", Vec::new()), moment());
    let now = ids::Timestamp(moment.now.as_millisecond());
    for (entity, text, wanted) in rows {
        let found = lexicon.find(text, &[entity], &moment);
        let wanted: jiff::Timestamp = wanted.parse().unwrap();
        let at = schedule(&found[0].value, &moment.zone, now);
        assert_eq!(at, Ok(ids::Timestamp(wanted.as_millisecond())), "{text}");
    }
}

#[test]
fn b16_english_calendar_words_within_whole_sentences() {
    check(
        "en",
        &[
            (
                "Could you please call me back tomorrow between 2 and 4?",
                "date-time",
                "tomorrow between 2 and 4=endDateTime:2026-11-21T16:00 startDateTime:2026-11-21T14:00",
            ),
            ("I ordered 3 shirts on Monday at your shop", "date-time", "Monday=2026-11-23T12:00"),
            (
                "I can do Tuesday afternoon or Wednesday at 10",
                "date-time",
                "Tuesday afternoon=endDateTime:2026-11-24T16:00 startDateTime:2026-11-24T12:00 | Wednesday at 10=date_time:2026-11-25T10:00",
            ),
            ("on the 24th at 5 pm", "date-time", "24th at 5 pm=date_time:2026-11-24T17:00"),
            ("next Tuesday at noon", "date-time", "next Tuesday at noon=date_time:2026-11-24T12:00"),
            ("3pm on December 1st", "date-time", "3pm on December 1st=date_time:2026-12-01T15:00"),
            ("tomorrow evening at 7", "date-time", "tomorrow evening at 7=date_time:2026-11-21T19:00"),
            (
                "tomorrow morning",
                "date-time",
                "tomorrow morning=endDateTime:2026-11-21T12:00 startDateTime:2026-11-21T08:00",
            ),
            ("Monday to Friday", "date-time", "Monday to Friday=endDate:2026-11-27T12:00 startDate:2026-11-23T12:00"),
            ("tomorrow, 4:15 pm", "date-time", "tomorrow, 4:15 pm=date_time:2026-11-21T16:15"),
            ("the 2nd of January 2027 at 11", "date-time", "2nd of January 2027 at 11=date_time:2027-01-02T11:00"),
            ("what are your opening hours", "date-time", ""),
            ("I bought 2 for 10 dollars", "date-time", ""),
            ("my order 12345 has not arrived", "date-time", ""),
            ("it costs 10.50", "date-time", ""),
            ("one day I will", "date-time", ""),
            ("I waited for hours", "date-time", ""),
            ("a second hand phone", "date-time", ""),
        ],
    );
}

#[test]
fn b16_german_calendar_words_within_whole_sentences() {
    check(
        "de",
        &[
            (
                "Bitte rufen Sie mich morgen zwischen 14 und 16 Uhr zurück.",
                "date-time",
                "morgen zwischen 14 und 16 Uhr=endDateTime:2026-11-21T16:00 startDateTime:2026-11-21T14:00",
            ),
            (
                "Ich kann am Dienstagnachmittag",
                "date-time",
                "Dienstagnachmittag=endDateTime:2026-11-24T16:00 startDateTime:2026-11-24T12:00",
            ),
            ("am Dienstag Nachmittag um 3", "date-time", "Dienstag Nachmittag um 3=date_time:2026-11-24T15:00"),
            ("Mittwoch gegen 10", "date-time", "Mittwoch gegen 10=date_time:2026-11-25T10:00"),
            (
                "am Freitag, den 27.11. um 14:30 Uhr",
                "date-time",
                "Freitag, den 27.11. um 14:30 Uhr=date_time:2026-11-27T14:30",
            ),
            ("morgen früh um 8", "date-time", "morgen früh um 8=date_time:2026-11-21T08:00"),
            ("morgen Abend", "date-time", "morgen Abend=endDateTime:2026-11-21T20:00 startDateTime:2026-11-21T16:00"),
            (
                "am 1. Dezember um viertel nach neun",
                "date-time",
                "1. Dezember um viertel nach neun=date_time:2026-12-01T09:15",
            ),
            (
                "heute Nachmittag",
                "date-time",
                "heute Nachmittag=endDateTime:2026-11-20T16:00 startDateTime:2026-11-20T12:00",
            ),
            ("heute um 11", "date-time", "heute um 11=date_time:2026-11-20T11:00"),
            ("in 2 Stunden", "date-time", "in 2 Stunden=date_time:2026-11-20T12:00"),
            ("Ich habe 3 Hemden bestellt", "date-time", ""),
            ("Wann haben Sie geöffnet", "date-time", ""),
            ("Meine Bestellung 12345 ist nicht da", "date-time", ""),
            ("das kostet 10,50 Euro", "date-time", ""),
            ("so ein Mist", "date-time", ""),
            ("guten Tag", "date-time", ""),
            ("die Rechnung vom 3.11.", "date-time", "3.11.=2027-11-03T12:00"),
        ],
    );
}
