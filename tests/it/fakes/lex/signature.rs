//! Signature Version 4 as a receiver checks it, written from its description alone.

use std::fmt::Write as _;

use axum::http::{HeaderMap, request::Parts};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::{civil::DateTime, tz::TimeZone};
use sha2::{Digest as _, Sha256};

use super::{ACCESS_KEY_ID, REGION, Refusal, SECRET_ACCESS_KEY};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const TOLERANCE_MS: u64 = 5 * 60 * 1000;
const MISSING: Refusal = (403, "MissingAuthenticationTokenException");
const INCOMPLETE: Refusal = (400, "IncompleteSignatureException");
const UNKNOWN: Refusal = (403, "UnrecognizedClientException");
const INVALID: Refusal = (403, "InvalidSignatureException");

pub(super) fn check(head: &Parts, body: &[u8], token: Option<&str>, now_ms: i64) -> Result<(), Refusal> {
    let authorization = header(&head.headers, "authorization").ok_or(MISSING)?;
    let fields = authorization.strip_prefix(ALGORITHM).ok_or(INCOMPLETE)?;
    let field = |name: &str| {
        let mut fields = fields.split(',').filter_map(|it| it.trim().split_once('='));
        fields.find(|it| it.0 == name).map(|it| it.1.to_owned()).ok_or(INCOMPLETE)
    };
    let (credential, signed, signature) = (field("Credential")?, field("SignedHeaders")?, field("Signature")?);
    let date = header(&head.headers, "x-amz-date").ok_or(INCOMPLETE)?;
    let (id, scope) = credential.split_once('/').ok_or(INCOMPLETE)?;
    if id != ACCESS_KEY_ID || header(&head.headers, "x-amz-security-token").as_deref() != token {
        return Err(UNKNOWN);
    }
    let day = date.get(..8).ok_or(INCOMPLETE)?;
    if scope != format!("{day}/{REGION}/lex/aws4_request") || at_ms(&date)?.abs_diff(now_ms) > TOLERANCE_MS {
        return Err(INVALID);
    }
    let signed: Vec<&str> = signed.split(';').collect();
    let mut must = vec!["host", "x-amz-date"];
    must.extend(token.map(|_| "x-amz-security-token"));
    if !signed.is_sorted() || !must.iter().all(|it| signed.contains(it)) {
        return Err(INVALID);
    }
    let canonical = canonical(head, body, &signed)?;
    let text = format!("{ALGORITHM}\n{date}\n{scope}\n{}", hex(&Sha256::digest(canonical)));
    let mut key = format!("AWS4{SECRET_ACCESS_KEY}").into_bytes();
    for part in scope.split('/') {
        key = hmac(&key, part);
    }
    (hex(&hmac(&key, &text)) == signature).then_some(()).ok_or(INVALID)
}

fn canonical(head: &Parts, body: &[u8], signed: &[&str]) -> Result<String, Refusal> {
    // Encoded once more than it was sent, as every service but S3 has it.
    let mut canonical = format!("{}\n", head.method);
    for byte in head.uri.path().bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => {
                canonical.push(char::from(byte));
            }
            other => write!(canonical, "%{other:02X}").unwrap(),
        }
    }
    assert_eq!(head.uri.query(), None, "the API has no query");
    canonical.push_str("\n\n");
    for name in signed {
        let value = header(&head.headers, name).ok_or(INVALID)?;
        let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
        writeln!(canonical, "{name}:{value}").unwrap();
    }
    write!(canonical, "\n{}\n{}", signed.join(";"), hex(&Sha256::digest(body))).unwrap();
    Ok(canonical)
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).map(|it| it.to_str().unwrap().to_owned())
}

fn at_ms(date: &str) -> Result<i64, Refusal> {
    let date = DateTime::strptime("%Y%m%dT%H%M%SZ", date).map_err(|_unread| INCOMPLETE)?;
    Ok(date.to_zoned(TimeZone::UTC).unwrap().timestamp().as_millisecond())
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
