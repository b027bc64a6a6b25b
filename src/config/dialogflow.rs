//! `[dialogflow]` of a profile of type `dialogflow-v2` (S10), and Google's service-account file.

use http::Uri;
use rustls::{
    crypto::aws_lc_rs::sign::any_supported_type,
    pki_types::{PrivateKeyDer, pem::PemObject as _},
};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::{
    address::is_loopback,
    document::Place,
    nearest::nearest,
    section::{At, Section},
    settings::{DialogflowV2, Transport},
};

/// Where Dialogflow ES serves agents; anything else may be new, or a mistake.
const REGIONS: &[&str] = &["global", "europe-west1", "europe-west2", "australia-southeast1", "asia-northeast1"];
/// Bytes of a user id in a session path.
const MAX_USER_BYTES: usize = 36;

pub(super) fn dialogflow_v2(mut section: Section<'_>, time_zone: &str) -> Option<At<DialogflowV2>> {
    let endpoint = section.endpoint("endpoint");
    let credential = credential(&mut section, endpoint.as_ref());
    let project = project(&mut section, credential.as_ref());
    let region = region(&mut section);
    let environment = path_segment(&mut section, "environment", 128);
    let user = path_segment(&mut section, "user", MAX_USER_BYTES).unwrap_or_else(|| "-".to_owned());
    let transport = section.choice("transport").unwrap_or(Transport::Grpc);
    let proxy = section.proxy("proxy");
    if let Some(At { place, .. }) = &proxy
        && transport == Transport::Grpc
    {
        let message = format!("`{}` has no effect with `transport = \"grpc\"`", section.name_of("proxy"));
        section.cx.warn(*place, message, "set `transport = \"rest\"`, or take the proxy out");
    }
    let connections = section.number("connections", 1..=64);
    let deadline = section.millis("deadline_ms", 100..=60_000);
    let sentiment = section.flag("sentiment");
    let place = credential.as_ref().map_or(section.place, |at| at.place);
    section.finish();
    let (credential, private_key_id) = credential
        .map(|at| (at.value.json, at.value.private_key_id))
        .map_or((None, None), |(j, id)| (Some(j), Some(id)));
    let value = DialogflowV2 {
        project: project?,
        region,
        environment,
        user,
        credential,
        private_key_id,
        endpoint: endpoint.map(|at| at.value.to_string().trim_end_matches('/').to_owned()),
        transport,
        connections,
        deadline,
        sentiment,
        time_zone: time_zone.to_owned(),
        proxy: proxy.map(|at| at.value),
    };
    Some(At { value, place })
}

/// A service account's key file, checked.
struct ServiceAccount {
    json: SecretString,
    project_id: String,
    private_key_id: String,
}

fn credential(section: &mut Section<'_>, endpoint: Option<&At<Uri>>) -> Option<At<ServiceAccount>> {
    // A mistake in the endpoint has its own finding.
    if !section.has("credential") && section.has("endpoint") {
        section.know(&["credential"]);
        return None;
    }
    let why = "name the service-account JSON of the Google project: { file = \"service-account.json\" }";
    let At { value, place } = section.required_secret("credential", why)?;
    if let Some(At { value: uri, place }) = endpoint
        && uri.scheme_str() == Some("http")
        && !uri.host().is_some_and(is_loopback)
    {
        let message = format!("`{}` would carry Google's access token in plaintext", section.name_of("endpoint"));
        section.cx.error(*place, message, "use https://, or leave `credential` out when it is an emulator");
    }
    match service_account(value) {
        Ok(account) => Some(At { value: account, place }),
        Err((wrong, help)) => {
            section.cx.error(place, format!("`{}` {wrong}", section.name_of("credential")), help);
            None
        }
    }
}

/// Errors say what is wrong, never what is there.
fn service_account(json: SecretString) -> Result<ServiceAccount, (String, &'static str)> {
    const FETCH_ANEW: &str = "download a new key of the service account (JSON) in Google Cloud's IAM console";
    let parsed: Value = serde_json::from_str(json.expose_secret())
        .map_err(|error| (format!("is no JSON (line {}, column {})", error.line(), error.column()), FETCH_ANEW))?;
    let field = |name: &str| parsed.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    match field("type") {
        Some("service_account") => {}
        Some("authorized_user") => {
            return Err(("is a person's credential, not a service account's".to_owned(), FETCH_ANEW));
        }
        Some(_) | None => return Err(("is not of type `service_account`".to_owned(), FETCH_ANEW)),
    }
    let missing: Vec<_> = ["project_id", "private_key_id", "private_key", "client_email", "token_uri"]
        .into_iter()
        .filter(|name| field(name).is_none())
        .collect();
    if !missing.is_empty() {
        return Err((format!("lacks {}", super::section::quoted(missing)), FETCH_ANEW));
    }
    let usable = PrivateKeyDer::from_pem_slice(field("private_key").unwrap_or_default().as_bytes())
        .is_ok_and(|key| any_supported_type(&key).is_ok());
    if !usable {
        return Err(("has a `private_key` that is no usable PEM key".to_owned(), FETCH_ANEW));
    }
    let token_uri = field("token_uri").and_then(|text| text.parse::<Uri>().ok());
    let safe = token_uri.is_some_and(|uri| {
        uri.scheme_str() == Some("https") || uri.scheme_str() == Some("http") && uri.host().is_some_and(is_loopback)
    });
    if !safe {
        return Err(("has a `token_uri` that is no https:// address".to_owned(), FETCH_ANEW));
    }
    let owned = |name: &str| field(name).unwrap_or_default().to_owned();
    let (project_id, private_key_id) = (owned("project_id"), owned("private_key_id"));
    Ok(ServiceAccount { json, project_id, private_key_id })
}

fn project(section: &mut Section<'_>, credential: Option<&At<ServiceAccount>>) -> Option<String> {
    let given = section.text("project");
    let of_file = credential.map(|at| at.value.project_id.as_str());
    let Some(At { value, place }) = given else {
        if of_file.is_none() && !section.has("credential") && !section.has("project") && section.has("endpoint") {
            section.missing("project", "without a credential the project cannot be known: name it");
        }
        return of_file.map(str::to_owned);
    };
    if !is_path_segment(value, 128) {
        let message = format!("`{}` is no project id", section.name_of("project"));
        section.cx.error(place, message, "write the id as Google's console shows it: letters, digits, `-`, `.`, `:`");
        return None;
    }
    if let Some(of_file) = of_file.filter(|of_file| *of_file != value) {
        section.cx.warn(
            place,
            format!("`{}` is `{value}`, but the credential belongs to `{of_file}`", section.name_of("project")),
            "right if that service account was let into this project; else leave `project` out",
        );
    }
    Some(value.to_owned())
}

fn region(section: &mut Section<'_>) -> Option<String> {
    let At { value, place } = section.text("region")?;
    let is_region = value.split('-').count() >= 2
        && value.ends_with(|c: char| c.is_ascii_digit())
        && value.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !REGIONS.contains(&value) {
        let help = nearest(value, REGIONS.iter().copied()).map_or_else(
            || format!("known are {}", super::section::quoted(REGIONS.iter().copied())),
            |meant| format!("did you mean `{meant}`?"),
        );
        let message = format!("`{}`: Dialogflow has no region `{value}` that we know of", section.name_of("region"));
        if is_region {
            section.cx.warn(place, message, help);
        } else {
            section.cx.error(place, message, help);
        }
    }
    (value != "global").then(|| value.to_owned())
}

/// Text that becomes a part of a resource's path: a slash in it would name another resource.
fn path_segment(section: &mut Section<'_>, key: &'static str, max_bytes: usize) -> Option<String> {
    let At { value, place } = section.text(key)?;
    if !is_path_segment(value, max_bytes) {
        let message = format!("`{}` cannot be part of a path", section.name_of(key));
        let help = format!("write 1 to {max_bytes} letters, digits, `-`, `_`, `.`, `:`, `~`");
        section.cx.error(place, message, help);
    }
    Some(value.to_owned())
}

fn is_path_segment(text: &str, max_bytes: usize) -> bool {
    (1..=max_bytes).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:~".contains(&byte))
        && text.bytes().any(|byte| byte != b'.')
}

/// The key that a profile signs with, and where it says so (S6).
pub(super) fn key_of(engine: &At<DialogflowV2>) -> Option<At<String>> {
    let place: Place = engine.place;
    engine.value.private_key_id.clone().map(|value| At { value, place })
}
