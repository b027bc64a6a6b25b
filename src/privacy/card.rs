//! Card numbers: 13 to 19 digits of a brand's range and length that pass Luhn's check, in one piece or in groups.

use super::{Find, Signs};

pub(super) const LEAST_DIGITS: usize = 13;
const MOST_DIGITS: usize = 19;

/// Longest gap between two groups: ` - `.
const MOST_GAP: usize = 3;

/// The longest number of an international phone call (E.164).
const MOST_PHONE_DIGITS: usize = 15;

/// Digits next to each other.
#[derive(Clone, Copy, Debug)]
struct Group {
    from: usize,
    to: usize,
    /// What is between the group before and this one.
    gap: Gap,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gap {
    /// Something that ends a number.
    End,
    /// Spaces and dashes.
    Usual,
    /// One sign that people seldom put there: only for numbers in the groups that are printed on cards.
    Seldom(char),
}

pub(super) fn find(signs: &Signs, taken: &[bool]) -> Vec<Find> {
    let groups = groups(signs, taken);
    let mut finds = Vec::new();
    let mut at = 0;
    while let Some(rest) = groups.get(at..).filter(|it| !it.is_empty()) {
        let found = if may_begin(signs, &groups, at) { begins_with(signs, rest) } else { None };
        match found {
            Some((count, find)) => {
                finds.push(find);
                at += count;
            }
            None => at += 1,
        }
    }
    finds
}

fn groups(signs: &Signs, taken: &[bool]) -> Vec<Group> {
    let is_free = |at: usize| taken.get(at) == Some(&false);
    let is_digit = |at: usize| is_free(at) && signs.at(at).is_some_and(|it| it.is_ascii_digit());
    let mut groups: Vec<Group> = Vec::new();
    let mut at = 0;
    while at < signs.len() {
        if !is_digit(at) {
            at += 1;
            continue;
        }
        let from = at;
        while is_digit(at) {
            at += 1;
        }
        let gap = groups.last().map_or(Gap::End, |before| gap(signs, &is_free, before.to, from));
        groups.push(Group { from, to: at, gap });
    }
    groups
}

fn gap(signs: &Signs, is_free: &dyn Fn(usize) -> bool, from: usize, to: usize) -> Gap {
    let all = |is: &dyn Fn(char) -> bool| (from..to).all(|at| is_free(at) && signs.at(at).is_some_and(is));
    match (to - from, signs.at(from)) {
        (1..=MOST_GAP, _) if all(&|it| matches!(it, ' ' | '-')) => Gap::Usual,
        (1, Some(sign @ ('.' | ',' | '/' | '_' | '*' | ':' | '|' | '\''))) if is_free(from) => Gap::Seldom(sign),
        _ => Gap::End,
    }
}

/// Not what follows a decimal point, and not a phone number.
fn may_begin(signs: &Signs, groups: &[Group], at: usize) -> bool {
    let Some(group) = groups.get(at) else { return false };
    if matches!(group.gap, Gap::Seldom('.' | ',')) {
        return false;
    }
    // Where the number that this is a part of begins, and its digits. It is looked at as far as a phone number reaches.
    let back = |at: &usize| groups.get(*at).is_some_and(|it| it.gap == Gap::Usual);
    let first = (0..=at).rev().take(MOST_PHONE_DIGITS).find(|at| !back(at));
    let Some((first, begin)) = first.and_then(|first| Some((first, groups.get(first)?))) else { return true };
    let is_called = (0..begin.from).rev().take(2).map_while(|at| signs.at(at)).find(|it| *it != ' ') == Some('+');
    let whole = groups.iter().skip(first).enumerate().take_while(|(n, it)| *n == 0 || it.gap == Gap::Usual);
    let digits: usize = whole.map(|(_, it)| it.to - it.from).take(MOST_PHONE_DIGITS + 1).sum();
    !is_called || digits > MOST_PHONE_DIGITS
}

/// A card number that begins with the first of the groups: of how many groups it is.
fn begins_with(signs: &Signs, groups: &[Group]) -> Option<(usize, Find)> {
    let first = groups.first()?;
    let (mut digits, mut lengths, mut is_seldom) = (String::new(), Vec::new(), false);
    let mut best: Option<(usize, Find)> = None;
    for (index, group) in groups.iter().enumerate() {
        match group.gap {
            _ if index == 0 => {}
            Gap::End => break,
            Gap::Usual => {}
            Gap::Seldom(_) => is_seldom = true,
        }
        lengths.push(group.to - group.from);
        if lengths.iter().sum::<usize>() > MOST_DIGITS {
            break;
        }
        digits.extend((group.from..group.to).filter_map(|at| signs.at(at)));
        let is_printed_so = !is_seldom || matches!(lengths.as_slice(), [4, 4, 4, 4] | [4, 4, 4, 4, 3] | [4, 6, 5 | 4]);
        // A security code that follows must not be taken for the last digits of a longer number.
        let is_settled = best.as_ref().is_some_and(|(_, find)| find.value.len() == 16);
        if is_printed_so && !is_settled && is_card(&digits) {
            best = Some((index + 1, Find { from: first.from, to: group.to, value: digits.clone() }));
        }
    }
    best
}

fn is_card(digits: &str) -> bool {
    is_of_a_brand(digits) && luhn(digits)
}

fn is_of_a_brand(digits: &str) -> bool {
    let first = |count: usize| digits.get(..count).and_then(|it| it.parse::<u32>().ok()).unwrap_or_default();
    let (one, two, three, four) = (first(1), first(2), first(3), first(4));
    let length = digits.len();
    match length {
        // Visa; Diners Club; American Express; older Maestro.
        13..=15
            if (one == 4 && length == 13)
                || (matches!(two, 36 | 38 | 39) && length == 14)
                || (matches!(three, 300..=305 | 309) && length == 14)
                || (matches!(two, 34 | 37) && length == 15)
                || matches!(four, 5018 | 5020 | 5038 | 6304 | 6759 | 6761..=6763) =>
        {
            true
        }
        // Visa; Mastercard; Mir; Troy.
        16 if one == 4 || matches!(two, 51..=55) || matches!(four, 2200..=2204 | 2221..=2720 | 9792) => true,
        19 if one == 4 => true,
        // Diners Club and JCB; Maestro, Discover, UnionPay, RuPay.
        16..=19 => matches!(two, 36 | 38 | 39 | 50 | 56..=69 | 81 | 82) || matches!(three, 300..=305 | 309 | 352..=358),
        _ => false,
    }
}

fn luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(at, digit)| {
            let digit = u32::from(digit.wrapping_sub(b'0'));
            let twice = digit * 2;
            match (at % 2, twice) {
                (0, _) => digit,
                (_, 0..10) => twice,
                (_, _) => twice - 9,
            }
        })
        .sum();
    sum.is_multiple_of(10)
}
