//! The signature by which an external system knows that a call is ours (B11).

use std::fmt::Write;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::core::ids::Timestamp;

/// The value of `Usher-Signature`: `t=<unix seconds>,v1=<hex HMAC-SHA256 of "<t>.<body>">`.
///
/// The time is part of what is signed, so that a receiver can refuse what is replayed later.
#[must_use]
pub fn signature(key: &[u8], at: Timestamp, body: &[u8]) -> Option<String> {
    let seconds = at.0.div_euclid(1_000);
    // An HMAC takes a key of any length; the type cannot say so.
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(format!("{seconds}.").as_bytes());
    mac.update(body);
    let mut text = format!("t={seconds},v1=");
    for byte in mac.finalize().into_bytes() {
        write!(text, "{byte:02x}").ok()?;
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b11_signature_is_the_hmac_of_time_and_body() {
        // printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac key
        let expected = "t=1700000000,v1=a438e398bfafc57e4396bb7fc2304422f0f768e965d073ca313cb52e22e6ad03";
        assert_eq!(signature(b"key", Timestamp(1_700_000_000_999), br#"{"a":1}"#).as_deref(), Some(expected));
    }
}
