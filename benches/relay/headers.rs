//! Writes header fields in HPACK, without Huffman coding.

// Numbers in the static table.
pub(crate) const METHOD_POST: u8 = 3;
pub(crate) const SCHEME_HTTP: u8 = 6;
pub(crate) const STATUS_200: u8 = 8;
pub(crate) const AUTHORITY: Name = Name::Known(1);
pub(crate) const PATH: Name = Name::Known(4);
pub(crate) const AUTHORIZATION: Name = Name::Known(23);
pub(crate) const CONTENT_TYPE: Name = Name::Known(31);
pub(crate) const USER_AGENT: Name = Name::Known(58);

/// A field by its number in the static or dynamic table.
pub(crate) fn indexed(block: &mut Vec<u8>, index: u8) {
    block.push(0x80 | index);
}

/// A field that the other side is to remember. `name`: a number in the static table, or a new name.
pub(crate) fn remembered(block: &mut Vec<u8>, name: Name, value: &[u8]) {
    literal(block, 0x40, 6, name, value);
}

/// A field for this time only.
pub(crate) fn passing(block: &mut Vec<u8>, name: Name, value: &[u8]) {
    literal(block, 0x00, 4, name, value);
}

/// A secret: intermediaries must not remember it either.
pub(crate) fn secret(block: &mut Vec<u8>, name: Name, value: &[u8]) {
    literal(block, 0x10, 4, name, value);
}

/// The other side keeps no table.
pub(crate) fn no_table(block: &mut Vec<u8>) {
    block.push(0x20);
}

#[derive(Clone, Copy)]
pub(crate) enum Name {
    Known(u8),
    New(&'static [u8]),
}

fn literal(block: &mut Vec<u8>, pattern: u8, bits: u32, name: Name, value: &[u8]) {
    match name {
        Name::Known(index) => integer(block, pattern, bits, usize::from(index)),
        Name::New(name) => {
            block.push(pattern);
            integer(block, 0, 7, name.len());
            block.extend_from_slice(name);
        }
    }
    integer(block, 0, 7, value.len());
    block.extend_from_slice(value);
}

fn integer(block: &mut Vec<u8>, pattern: u8, bits: u32, value: usize) {
    let most = (1_usize << bits) - 1;
    if value < most {
        block.push(pattern | u8::try_from(value).unwrap_or(u8::MAX));
        return;
    }
    block.push(pattern | u8::try_from(most).unwrap_or(u8::MAX));
    let mut rest = value - most;
    while rest >= 0x80 {
        block.push(0x80 | u8::try_from(rest & 0x7f).unwrap_or(u8::MAX));
        rest >>= 7;
    }
    block.push(u8::try_from(rest).unwrap_or(u8::MAX));
}
