//! A Google service account's key file, checked without asking Google (S10).

use http::Uri;
use rustls::{
    crypto::aws_lc_rs::sign::any_supported_type,
    pki_types::{PrivateKeyDer, pem::PemObject as _},
};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::{
    address::is_loopback,
    nearest::quoted,
    schema::{Exclusive, Problem, Values},
};
use crate::core::said::{Said, said};

const FETCH_ANEW: Said = said!("download a new key of the service account (JSON) in Google Cloud's IAM console");

/// Errors say what is wrong, never what is there.
pub(super) fn check(json: &str) -> Result<(), (Said, Said)> {
    let parsed: Value = serde_json::from_str(json)
        .map_err(|error| (said!("is no JSON (line {}, column {})", error.line(), error.column()), FETCH_ANEW))?;
    let field = |name: &str| parsed.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    match field("type") {
        Some("service_account") => {}
        Some("authorized_user") => {
            return Err((said!("is a person's credential, not a service account's"), FETCH_ANEW));
        }
        Some(_) | None => return Err((said!("is not of type `service_account`"), FETCH_ANEW)),
    }
    let missing: Vec<_> = ["project_id", "private_key_id", "private_key", "client_email", "token_uri"]
        .into_iter()
        .filter(|name| field(name).is_none())
        .collect();
    if !missing.is_empty() {
        return Err((said!("lacks {}", quoted(missing)), FETCH_ANEW));
    }
    let usable = PrivateKeyDer::from_pem_slice(field("private_key").unwrap_or_default().as_bytes())
        .is_ok_and(|key| any_supported_type(&key).is_ok());
    if !usable {
        return Err((said!("has a `private_key` that is no usable PEM key"), FETCH_ANEW));
    }
    let token_uri = field("token_uri").and_then(|text| text.parse::<Uri>().ok());
    let safe = token_uri.is_some_and(|uri| {
        uri.scheme_str() == Some("https") || uri.scheme_str() == Some("http") && uri.host().is_some_and(is_loopback)
    });
    if !safe {
        return Err((said!("has a `token_uri` that is no https:// address"), FETCH_ANEW));
    }
    Ok(())
}

/// One of a checked file's fields.
#[must_use]
pub fn field(json: &SecretString, name: &str) -> Option<String> {
    let parsed: Value = serde_json::from_str(json.expose_secret()).ok()?;
    parsed.get(name)?.as_str().map(str::to_owned)
}

/// What holds for every kind that signs on with such a file: the project of `project` or of the file's own, the file in
/// `credential`, an emulator at `endpoint`.
#[must_use]
pub fn problems(values: &Values) -> Vec<Problem> {
    let mut problems = Vec::new();
    let of_file = values.secret("credential").and_then(|json| field(json, "project_id"));
    match (values.text("project"), of_file) {
        (Some(given), Some(of_file)) if given != of_file => problems.push(Problem::warning(
            "project",
            said!("is `{}`, but the credential belongs to `{}`", given, of_file),
            said!("right if that service account was let into this project; else leave `project` out"),
        )),
        (None, None) if values.secret("credential").is_none() && values.text("endpoint").is_some() => {
            let help = said!("without a credential the project cannot be known: name it");
            problems.push(Problem::error("project", said!("is missing"), help));
        }
        (Some(_) | None, _) => {}
    }
    let plaintext = values
        .text("endpoint")
        .and_then(|text| text.parse::<Uri>().ok())
        .is_some_and(|uri| uri.scheme_str() == Some("http") && !uri.host().is_some_and(is_loopback));
    if plaintext && values.secret("credential").is_some() {
        problems.push(Problem::error(
            "endpoint",
            said!("would carry Google's access token in plaintext"),
            said!("use https://, or leave `credential` out when it is an emulator"),
        ));
    }
    if values.text("proxy").is_some() && values.text("transport") == Some("grpc") {
        problems.push(Problem::warning(
            "proxy",
            said!("has no effect with `transport = \"grpc\"`"),
            said!("set `transport = \"rest\"`, or take the proxy out"),
        ));
    }
    problems
}

/// S6
#[must_use]
pub fn exclusive(values: &Values) -> Option<Exclusive> {
    Some(Exclusive {
        what: said!("Google key"),
        id: field(values.secret("credential")?, "private_key_id")?,
        key: "credential",
        help: said!("make each profile a key of its own in Google Cloud's IAM console"),
    })
}
