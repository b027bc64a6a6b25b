//! Texts as parts of an address.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// All but what stands for itself everywhere.
const WRITTEN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// One part of a path, or a value in a query.
pub(super) fn part(text: &str) -> String {
    utf8_percent_encode(text, WRITTEN).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_an_address_is_that_and_no_more() {
        assert_eq!(part("a b+c/d?e#f%g&h=ä"), "a%20b%2Bc%2Fd%3Fe%23f%25g%26h%3D%C3%A4");
        assert_eq!(part("Az09-._~"), "Az09-._~");
    }
}
