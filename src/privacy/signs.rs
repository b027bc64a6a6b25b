//! A text sign by sign, as it is meant: digits of every script, spaces and dashes of every width, letters of full width. What
//! cannot be seen is left out.

/// The zeros of the scripts that have digits of their own, in order; nine follow each. Mathematical ones (from 1D7CE) are five
/// sets in a row.
const ZEROS: &[u32] = &[
    0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66, 0x0DE6, 0x0E50,
    0x0ED0, 0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50,
    0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10, 0x104A0, 0x10D30, 0x11066, 0x110F0, 0x11136,
    0x111D0, 0x112F0, 0x11450, 0x114D0, 0x11650, 0x116C0, 0x11730, 0x118E0, 0x11950, 0x11C50, 0x11D50, 0x11DA0,
    0x11F50, 0x16A60, 0x16AC0, 0x16B50, 0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC, 0x1D7F6, 0x1E140, 0x1E2F0, 0x1E4F0,
    0x1E950, 0x1FBF0,
];

/// The digits of a token's number; a contact has far fewer values.
const MAX_NUMBER: usize = 4;
const MAX_TOKEN: usize = super::pattern::MAX_NAME + MAX_NUMBER + 2;

#[derive(Debug)]
pub(super) struct Signs(Vec<Sign>);

/// A character as it is meant, and the bytes where it stands.
#[derive(Clone, Copy, Debug)]
struct Sign {
    meant: char,
    from: usize,
    to: usize,
}

impl Signs {
    pub(super) fn read(text: &str) -> Self {
        let sign =
            |(from, written): (usize, char)| Some(Sign { meant: meant(written)?, from, to: from + written.len_utf8() });
        Self(text.char_indices().filter_map(sign).collect())
    }

    pub(super) const fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn at(&self, index: usize) -> Option<char> {
        self.0.get(index).map(|it| it.meant)
    }

    pub(super) fn meant(&self) -> impl Iterator<Item = char> {
        self.0.iter().map(|it| it.meant)
    }

    /// The bytes of the text where signs `from..to` stand.
    pub(super) fn range(&self, from: usize, to: usize) -> Option<(usize, usize)> {
        let (first, last) = (self.0.get(from)?, self.0.get(to.checked_sub(1)?)?);
        Some((first.from, last.to))
    }

    /// Which signs belong to tokens that are there already, `[name:1]` or `[name]`: nothing is looked for in them.
    pub(super) fn tokens(&self, is_name: &dyn Fn(&str) -> bool) -> Vec<bool> {
        let mut taken = vec![false; self.len()];
        let mut open = None;
        for (index, meant) in self.meant().enumerate() {
            match (meant, open) {
                ('[', _) => open = Some(index),
                (']', Some(from)) => {
                    if index - from <= MAX_TOKEN && self.is_token(from + 1, index, is_name) {
                        taken.iter_mut().take(index + 1).skip(from).for_each(|it| *it = true);
                    }
                    open = None;
                }
                _ => {}
            }
        }
        taken
    }

    fn is_token(&self, from: usize, to: usize, is_name: &dyn Fn(&str) -> bool) -> bool {
        let inside: String = (from..to).filter_map(|at| self.at(at)).collect();
        match inside.split_once(':') {
            Some((name, number)) => {
                let is_number =
                    (1..=MAX_NUMBER).contains(&number.len()) && number.bytes().all(|it| it.is_ascii_digit());
                is_number && is_name(name)
            }
            None => is_name(&inside),
        }
    }
}

/// `None`: it cannot be seen.
fn meant(written: char) -> Option<char> {
    if written.is_ascii() && !written.is_ascii_control() {
        return Some(written);
    }
    if written.is_whitespace() {
        return Some(' ');
    }
    let code = u32::from(written);
    match code {
        // Soft hyphen, joiners, marks of direction, the byte order mark.
        0xAD
        | 0x034F
        | 0x061C
        | 0x180E
        | 0x200B..=0x200F
        | 0x202A..=0x202E
        | 0x2060..=0x2064
        | 0x2066..=0x206F
        | 0xFE00..=0xFE0F
        | 0xFEFF => return None,
        0x2010..=0x2015 | 0x2043 | 0x2212 | 0xFE58 | 0xFE63 | 0xFF0D => return Some('-'),
        // Full width, digits too.
        0xFF01..=0xFF5E => return char::from_u32(code - 0xFEE0),
        _ => {}
    }
    let zero = ZEROS.partition_point(|zero| *zero <= code).checked_sub(1).and_then(|at| ZEROS.get(at));
    let digit = zero.map(|zero| code - zero).filter(|digit| *digit < 10);
    Some(digit.and_then(|it| char::from_digit(it, 10)).unwrap_or(written))
}
