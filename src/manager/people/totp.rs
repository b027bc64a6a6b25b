//! The second factor: six digits of every half minute, as authenticator apps show them (RFC 6238).

use std::fmt::Write as _;

use aws_lc_rs::hmac;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::core::ids::Timestamp;

pub(in crate::manager) const SECRET_BYTES: usize = 20;
const STEP_S: i64 = 30;
const DIGITS: u32 = 6;

/// The half minute whose code `given` is: that of `now`, or the one before or behind it. A half minute up to `used` is over.
pub(in crate::manager) fn accepts(secret: &[u8], given: &str, now: Timestamp, used: i64) -> Option<i64> {
    let current = now.0.div_euclid(1000 * STEP_S);
    let given = given.trim().replace(' ', "");
    // All three are compared, so that the time tells nothing.
    let found = [current - 1, current, current + 1].map(|step| {
        let same = bool::from(code(secret, step).as_bytes().ct_eq(given.as_bytes()));
        (same && step > used).then_some(step)
    });
    found.into_iter().flatten().max()
}

pub(super) fn code(secret: &[u8], step: i64) -> String {
    // Authenticator apps know no other.
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let bytes = tag.as_ref();
    let offset = bytes.last().map_or(0, |it| usize::from(it & 0xf));
    let word =
        bytes.get(offset..offset + 4).map_or(0, |it| it.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)));
    format!("{:06}", (word & 0x7fff_ffff) % 10_u32.pow(DIGITS))
}

/// Base32, as apps take it by hand.
pub(in crate::manager) fn written(secret: &[u8]) -> Zeroizing<String> {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut text = Zeroizing::new(String::new());
    for chunk in secret.chunks(5) {
        let bits = chunk.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte)) << (8 * (5 - chunk.len()));
        let signs = (chunk.len() * 8).div_ceil(5);
        for at in 0..signs {
            let index = usize::try_from(bits >> (35 - 5 * at) & 31).unwrap_or_default();
            text.push(ALPHABET.get(index).copied().map_or('A', char::from));
        }
    }
    text
}

/// What [`written`] has written; `None`: it is no such secret.
pub(in crate::manager) fn read(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let digit = |it: char| match it {
        'A'..='Z' => Some(u32::from(it) - u32::from('A')),
        '2'..='7' => Some(u32::from(it) - u32::from('2') + 26),
        _ => None,
    };
    let (mut bytes, mut bits, mut held) = (Zeroizing::new(Vec::new()), 0_u64, 0_u32);
    for digit in text.chars().map(digit) {
        (bits, held) = (bits << 5 | u64::from(digit?), held + 5);
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xff).ok()?);
        }
    }
    (bytes.len() == SECRET_BYTES).then_some(bytes)
}

/// What an app opens, or reads as a picture.
pub(in crate::manager) fn uri(user: &str, secret: &[u8]) -> Zeroizing<String> {
    let mut uri = Zeroizing::new(String::new());
    write!(uri, "otpauth://totp/Usher:{user}?secret={}&issuer=Usher", *written(secret)).unwrap_or_default();
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B, the last six digits.
    #[test]
    fn codes_are_those_of_the_standard() {
        let secret = b"12345678901234567890";
        for (seconds, expected) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(code(secret, seconds / STEP_S), expected);
            assert_eq!(accepts(secret, expected, Timestamp(seconds * 1000), -1), Some(seconds / STEP_S));
        }
    }

    #[test]
    fn a_code_is_good_for_its_half_minute_and_its_neighbours_and_once() {
        let secret = b"12345678901234567890";
        let at = |seconds: i64| Timestamp(seconds * 1000);
        let good = code(secret, 100);
        let (left, right) = good.split_at(3);
        assert_eq!(accepts(secret, &format!(" {left} {right} "), at(3_000), 0), Some(100));
        assert_eq!(accepts(secret, &good, at(3_000 + 59), 0), Some(100));
        assert_eq!(accepts(secret, &good, at(3_000 + 60), 0), None, "too late");
        assert_eq!(accepts(secret, &good, at(3_000), 100), None, "a second time");
        for bad in ["", "12345", "1234567", "abcdef"] {
            assert_eq!(accepts(secret, bad, at(3_000), 0), None);
        }
    }

    /// RFC 4648, section 10.
    #[test]
    fn secrets_are_written_in_base32() {
        assert_eq!(*written(b"foobar"), "MZXW6YTBOI");
        assert_eq!(*written(b"foob"), "MZXW6YQ");
        let secret = [7; SECRET_BYTES];
        assert_eq!(read(&written(&secret)).as_deref(), Some(&secret.to_vec()));
        for bad in ["", "MZXW6YTB", "a", &"1".repeat(32)] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(*uri("ann", b"fooba"), "otpauth://totp/Usher:ann?secret=MZXW6YTB&issuer=Usher");
    }
}
