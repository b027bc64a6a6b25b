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
    let (mut number, mut lengths, mut is_seldom) = (Number::default(), [0; MOST_DIGITS], false);
    let mut best: Option<(usize, usize, usize)> = None;
    for (index, group) in groups.iter().enumerate() {
        match group.gap {
            _ if index == 0 => {}
            Gap::End => break,
            Gap::Usual => {}
            Gap::Seldom(_) => is_seldom = true,
        }
        let length = group.to - group.from;
        if number.length + length > MOST_DIGITS {
            break;
        }
        // No group is empty, so there are no more of them than digits.
        lengths.iter_mut().skip(index).take(1).for_each(|it| *it = length);
        (group.from..group.to).filter_map(|at| signs.at(at)?.to_digit(10)).for_each(|it| number.push(it));
        let is_printed_so =
            !is_seldom || matches!(lengths.get(..=index), Some([4, 4, 4, 4] | [4, 4, 4, 4, 3] | [4, 6, 5 | 4]));
        // A security code that follows must not be taken for the last digits of a longer number.
        let is_settled = best.is_some_and(|(_, _, digits)| digits == 16);
        if is_printed_so && !is_settled && number.is_card() {
            best = Some((index + 1, group.to, number.length));
        }
    }
    let (groups, to, length) = best?;
    let is_digit = |it: &char| it.is_ascii_digit();
    let value = (first.from..to).filter_map(|at| signs.at(at)).filter(is_digit).take(length).collect();
    Some((groups, Find { from: first.from, to, value }))
}

/// A number digit by digit, with what is asked of it: a text may hold one behind each of its digits.
#[derive(Default)]
struct Number {
    length: usize,
    /// Its first four digits.
    begin: u32,
    /// Luhn's sums, where the digits of even places are doubled, and where those of odd places are.
    sums: [u32; 2],
}

impl Number {
    fn push(&mut self, digit: u32) {
        let doubled = if digit < 5 { digit * 2 } else { digit * 2 - 9 };
        let [even, odd] = &mut self.sums;
        let (twice, once) = if self.length.is_multiple_of(2) { (even, odd) } else { (odd, even) };
        *twice += doubled;
        *once += digit;
        if self.length < 4 {
            self.begin = self.begin * 10 + digit;
        }
        self.length += 1;
    }

    const fn is_card(&self) -> bool {
        self.is_of_a_brand() && self.passes_luhn()
    }

    /// From the right every second digit is doubled, not the last.
    const fn passes_luhn(&self) -> bool {
        let [even, odd] = self.sums;
        let sum = if self.length.is_multiple_of(2) { even } else { odd };
        sum.is_multiple_of(10)
    }

    const fn is_of_a_brand(&self) -> bool {
        let four = self.begin;
        let (one, two, three) = (four / 1000, four / 100, four / 10);
        match self.length {
            // Visa; Diners Club; American Express; older Maestro.
            13 if one == 4 => true,
            14 if matches!(two, 36 | 38 | 39) || matches!(three, 300..=305 | 309) => true,
            15 if matches!(two, 34 | 37) => true,
            13..=15 => matches!(four, 5018 | 5020 | 5038 | 6304 | 6759 | 6761..=6763),
            // Visa; Mastercard; Mir; Troy.
            16 if one == 4 || matches!(two, 51..=55) || matches!(four, 2200..=2204 | 2221..=2720 | 9792) => true,
            19 if one == 4 => true,
            // Diners Club and JCB; Maestro, Discover, UnionPay, RuPay.
            16..=19 => {
                matches!(two, 36 | 38 | 39 | 50 | 56..=69 | 81 | 82) || matches!(three, 300..=305 | 309 | 352..=358)
            }
            _ => false,
        }
    }
}
