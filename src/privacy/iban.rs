//! IBANs: of a country's length, with the right check digits (ISO 7064, mod 97-10), in any case and grouping.

use super::{Find, Signs};

/// The check digits.
pub(super) const LEAST_DIGITS: usize = 2;

/// Longest gap between two characters.
const MOST_GAP: usize = 3;

/// By country in order, as in the IBAN registry.
const LENGTHS: &[(&str, usize)] = &[
    ("AD", 24),
    ("AE", 23),
    ("AL", 28),
    ("AT", 20),
    ("AZ", 28),
    ("BA", 20),
    ("BE", 16),
    ("BG", 22),
    ("BH", 22),
    ("BI", 27),
    ("BR", 29),
    ("BY", 28),
    ("CH", 21),
    ("CR", 22),
    ("CY", 28),
    ("CZ", 24),
    ("DE", 22),
    ("DJ", 27),
    ("DK", 18),
    ("DO", 28),
    ("EE", 20),
    ("EG", 29),
    ("ES", 24),
    ("FI", 18),
    ("FK", 18),
    ("FO", 18),
    ("FR", 27),
    ("GB", 22),
    ("GE", 22),
    ("GI", 23),
    ("GL", 18),
    ("GR", 27),
    ("GT", 28),
    ("HN", 28),
    ("HR", 21),
    ("HU", 28),
    ("IE", 22),
    ("IL", 23),
    ("IQ", 23),
    ("IS", 26),
    ("IT", 27),
    ("JO", 30),
    ("KW", 30),
    ("KZ", 20),
    ("LB", 28),
    ("LC", 32),
    ("LI", 21),
    ("LT", 20),
    ("LU", 20),
    ("LV", 21),
    ("LY", 25),
    ("MC", 27),
    ("MD", 24),
    ("ME", 22),
    ("MK", 19),
    ("MN", 20),
    ("MR", 27),
    ("MT", 31),
    ("MU", 30),
    ("NI", 28),
    ("NL", 18),
    ("NO", 15),
    ("OM", 23),
    ("PK", 24),
    ("PL", 28),
    ("PS", 29),
    ("PT", 25),
    ("QA", 29),
    ("RO", 24),
    ("RS", 22),
    ("RU", 33),
    ("SA", 24),
    ("SC", 31),
    ("SD", 18),
    ("SE", 24),
    ("SI", 19),
    ("SK", 24),
    ("SM", 27),
    ("SO", 23),
    ("ST", 25),
    ("SV", 28),
    ("TL", 23),
    ("TN", 24),
    ("TR", 26),
    ("UA", 29),
    ("VA", 22),
    ("VG", 24),
    ("XK", 20),
    ("YE", 30),
];

pub(super) fn find(signs: &Signs, taken: &[bool]) -> Vec<Find> {
    let mut finds = Vec::new();
    let mut at = 0;
    while at < signs.len() {
        match begins_at(signs, taken, at) {
            Some(find) => {
                at = find.to;
                finds.push(find);
            }
            None => at += 1,
        }
    }
    finds
}

const fn is_gap(sign: char) -> bool {
    matches!(sign, ' ' | '-' | '.' | '/')
}

fn begins_at(signs: &Signs, taken: &[bool], from: usize) -> Option<Find> {
    let country = [signs.at(from)?, signs.at(from + 1)?].map(|it| it.to_ascii_uppercase());
    if !country.iter().all(char::is_ascii_uppercase) {
        return None;
    }
    // Nearly every pair of letters is of some word: no check digit follows.
    let mut behind = (from + 2..=from + 2 + MOST_GAP).map_while(|at| signs.at(at));
    if !behind.find(|it| !is_gap(*it))?.is_ascii_digit() {
        return None;
    }
    let length = LENGTHS.binary_search_by(|(it, _)| it.chars().cmp(country)).ok().and_then(|it| LENGTHS.get(it))?.1;
    let (mut value, mut at, mut gap) = (String::with_capacity(length), from, 0);
    while value.len() < length {
        if taken.get(at) != Some(&false) {
            return None;
        }
        match signs.at(at)? {
            sign if sign.is_ascii_alphanumeric() => {
                value.push(sign.to_ascii_uppercase());
                gap = 0;
            }
            sign if is_gap(sign) && gap < MOST_GAP => gap += 1,
            _ => return None,
        }
        at += 1;
    }
    let (last, next) = (signs.at(at - 1)?, signs.at(at).unwrap_or(' '));
    let goes_on = next.is_ascii_alphanumeric() && next.is_ascii_digit() == last.is_ascii_digit();
    (!goes_on && is_right(&value)).then_some(Find { from, to: at, value })
}

/// Two digits follow the country, and the whole is 1 modulo 97 when its beginning is put behind it.
fn is_right(iban: &str) -> bool {
    let Some((head, rest)) = iban.split_at_checked(4) else { return false };
    if !head.bytes().skip(2).all(|it| it.is_ascii_digit()) {
        return false;
    }
    let remainder = rest.chars().chain(head.chars()).filter_map(|it| it.to_digit(36)).fold(0, |remainder, digit| {
        let shifted = if digit < 10 { remainder * 10 } else { remainder * 100 };
        (shifted + digit) % 97
    });
    remainder == 1
}

#[cfg(test)]
mod tests {
    use super::LENGTHS;

    #[test]
    fn countries_are_in_order() {
        assert!(LENGTHS.is_sorted_by_key(|it| it.0));
    }
}
