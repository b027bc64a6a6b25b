//! What an operation answers: each kind of answer writes itself, and tells the document of itself.

use axum::{
    body::Body,
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    asked::{JSON_LINES, TOML, ZIP, parameter},
    etag,
    operation::{Described, Schemas},
};
use crate::manager::ports::Archive;

pub(super) trait Told: Send + 'static {
    fn answer(self, asked: &Parts) -> Response;

    fn tell(described: &mut Described, schemas: &mut Schemas);
}

fn put(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    // What is put here is ASCII: tags, paths and names that are percent-encoded or checked.
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name, value);
    }
}

fn written(status: StatusCode, kind: &'static str, tag: Option<&str>, body: impl Into<Body>) -> Response {
    let mut response = (status, [(header::CONTENT_TYPE, HeaderValue::from_static(kind))], body.into()).into_response();
    if let Some(tag) = tag {
        put(response.headers_mut(), header::ETAG, tag);
    }
    response
}

/// Unless who asks has it already.
fn unless_known(asked: &Parts, kind: &'static str, tag: &str, body: impl Into<Body>) -> Response {
    let reads = asked.method == Method::GET || asked.method == Method::HEAD;
    if reads && etag::is_known(&asked.headers, tag) {
        let mut response = StatusCode::NOT_MODIFIED.into_response();
        put(response.headers_mut(), header::ETAG, tag);
        return response;
    }
    written(StatusCode::OK, kind, Some(tag), body)
}

const JSON: &str = "application/json";

fn json_of(value: &impl Serialize) -> Vec<u8> {
    // Maps have texts as keys, and numbers are finite: this can always be written.
    serde_json::to_vec(value).unwrap_or_default()
}

fn etag_header() -> Value {
    json!({ "description": "The version of what is kept, for `If-Match` and `If-None-Match`.", "required": true, "schema": { "type": "string" } })
}

/// Of what is made of more than one thing that is kept, or of none: a change names the `etag` of the body, where there is one.
fn weak_header() -> Value {
    json!({ "description": "The state of what is shown, a weak one: for `If-None-Match` alone.", "required": true, "schema": { "type": "string" } })
}

fn told_of(text: &str, kind: &str, schema: &Value, etag: &Value) -> Value {
    json!({ "description": text, "headers": { "ETag": etag }, "content": { kind: { "schema": schema } } })
}

fn told_unless_known(described: &mut Described, kind: &str, schema: &Value, etag: &Value) {
    let text = "An `ETag`: where that is still the state, the answer is 304 without a body.";
    let known = json!({ "type": "string", "description": text });
    described.parameters.push(parameter("header", "If-None-Match", known, false));
    described.answers.insert(200, told_of("What was asked for.", kind, schema, etag));
    let known = json!({ "description": "It is still in that state.", "headers": { "ETag": etag } });
    described.answers.insert(304, known);
}

/// What is there now, without a version.
#[derive(Debug)]
pub(super) struct Shown<T>(pub(super) T);

impl<T: Serialize + JsonSchema + Send + 'static> Told for Shown<T> {
    fn answer(self, asked: &Parts) -> Response {
        let body = json_of(&self.0);
        unless_known(asked, JSON, &etag::of_content(&body), body)
    }

    fn tell(described: &mut Described, schemas: &mut Schemas) {
        told_unless_known(described, JSON, &schemas.told::<T>(), &weak_header());
    }
}

/// What is kept, in this version.
#[derive(Debug)]
pub(super) struct Kept<T> {
    pub(super) version: u64,
    pub(super) value: T,
}

impl<T: Serialize + JsonSchema + Send + 'static> Told for Kept<T> {
    fn answer(self, asked: &Parts) -> Response {
        unless_known(asked, JSON, &etag::of_version(self.version), json_of(&self.value))
    }

    fn tell(described: &mut Described, schemas: &mut Schemas) {
        told_unless_known(described, JSON, &schemas.told::<T>(), &etag_header());
    }
}

/// A text in TOML that is kept, in this version.
#[derive(Debug)]
pub(super) struct KeptToml {
    pub(super) version: u64,
    pub(super) text: Vec<u8>,
}

impl Told for KeptToml {
    fn answer(self, asked: &Parts) -> Response {
        unless_known(asked, TOML, &etag::of_version(self.version), self.text)
    }

    fn tell(described: &mut Described, _: &mut Schemas) {
        told_unless_known(described, TOML, &json!({ "type": "string" }), &etag_header());
    }
}

/// It was changed: this is what it is now.
#[derive(Debug)]
pub(super) struct Changed<T> {
    pub(super) version: u64,
    pub(super) value: T,
}

impl<T: Serialize + JsonSchema + Send + 'static> Told for Changed<T> {
    fn answer(self, _: &Parts) -> Response {
        written(StatusCode::OK, JSON, Some(&etag::of_version(self.version)), json_of(&self.value))
    }

    fn tell(described: &mut Described, schemas: &mut Schemas) {
        described.answers.insert(200, told_of("It was changed.", JSON, &schemas.told::<T>(), &etag_header()));
    }
}

/// What was found out by a request that changes nothing that is kept.
#[derive(Debug)]
pub(super) struct Found<T>(pub(super) T);

impl<T: Serialize + JsonSchema + Send + 'static> Told for Found<T> {
    fn answer(self, _: &Parts) -> Response {
        written(StatusCode::OK, JSON, None, json_of(&self.0))
    }

    fn tell(described: &mut Described, schemas: &mut Schemas) {
        let schema = schemas.told::<T>();
        let told = json!({ "description": "What came of it.", "content": { JSON: { "schema": schema } } });
        described.answers.insert(200, told);
    }
}

/// What would be done, in the state that whoever wants it done has to name.
#[derive(Debug)]
pub(super) struct Planned<T> {
    pub(super) tag: String,
    pub(super) value: T,
}

impl<T: Serialize + JsonSchema + Send + 'static> Told for Planned<T> {
    fn answer(self, _: &Parts) -> Response {
        written(StatusCode::OK, JSON, Some(&self.tag), json_of(&self.value))
    }

    fn tell(described: &mut Described, schemas: &mut Schemas) {
        let text = "Of this plan: what `If-Match` has to say to have it done.";
        let etag = json!({ "description": text, "required": true, "schema": { "type": "string" } });
        described.answers.insert(200, told_of("What would be done.", JSON, &schemas.told::<T>(), &etag));
    }
}

/// It is about to be done.
#[derive(Debug)]
pub(super) struct Accepted;

impl Told for Accepted {
    fn answer(self, _: &Parts) -> Response {
        StatusCode::ACCEPTED.into_response()
    }

    fn tell(described: &mut Described, _: &mut Schemas) {
        described.answers.insert(202, json!({ "description": "It is about to be done." }));
    }
}

/// There is a new one.
#[derive(Debug)]
pub(super) struct Made<T> {
    /// Its path.
    pub(super) at: String,
    pub(super) value: T,
}

impl<T: Serialize + JsonSchema + Send + 'static> Told for Made<T> {
    fn answer(self, _: &Parts) -> Response {
        let mut response = written(StatusCode::CREATED, JSON, None, json_of(&self.value));
        put(response.headers_mut(), header::LOCATION, &self.at);
        response
    }

    fn tell(described: &mut Described, schemas: &mut Schemas) {
        let headers = json!({ "Location": location_header() });
        let content = json!({ JSON: { "schema": schemas.told::<T>() } });
        let told = json!({ "description": "It was made.", "headers": headers, "content": content });
        described.answers.insert(201, told);
    }
}

fn location_header() -> Value {
    json!({ "description": "Where it is.", "required": true, "schema": { "type": "string", "format": "uri-reference" } })
}

/// It was done, and there is nothing to show.
#[derive(Debug)]
pub(super) struct Done;

impl Told for Done {
    fn answer(self, _: &Parts) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }

    fn tell(described: &mut Described, _: &mut Schemas) {
        described.answers.insert(204, json!({ "description": "It was done." }));
    }
}

/// It is kept as it was sent, in this version.
#[derive(Debug)]
pub(super) struct Put {
    pub(super) version: u64,
    /// Where it is, if it is new.
    pub(super) made_at: Option<String>,
}

impl Told for Put {
    fn answer(self, _: &Parts) -> Response {
        let status = if self.made_at.is_some() { StatusCode::CREATED } else { StatusCode::NO_CONTENT };
        let mut response = status.into_response();
        put(response.headers_mut(), header::ETAG, &etag::of_version(self.version));
        if let Some(at) = self.made_at {
            put(response.headers_mut(), header::LOCATION, &at);
        }
        response
    }

    fn tell(described: &mut Described, _: &mut Schemas) {
        let headers = json!({ "Location": location_header(), "ETag": etag_header() });
        described.answers.insert(201, json!({ "description": "It was made.", "headers": headers }));
        Written::tell_changed(described);
    }
}

/// It was changed; there is nothing to show but its new version.
#[derive(Debug)]
pub(super) struct Written(pub(super) u64);

impl Written {
    fn tell_changed(described: &mut Described) {
        let changed = json!({ "description": "It was changed.", "headers": { "ETag": etag_header() } });
        described.answers.insert(204, changed);
    }
}

impl Told for Written {
    fn answer(self, _: &Parts) -> Response {
        let mut response = StatusCode::NO_CONTENT.into_response();
        put(response.headers_mut(), header::ETAG, &etag::of_version(self.0));
        response
    }

    fn tell(described: &mut Described, _: &mut Schemas) {
        Self::tell_changed(described);
    }
}

/// There is a new one that is kept, in this version.
#[derive(Debug)]
pub(super) struct MadeKept<T> {
    /// Its path.
    pub(super) at: String,
    pub(super) version: u64,
    pub(super) value: T,
}

impl<T: Serialize + JsonSchema + Send + 'static> Told for MadeKept<T> {
    fn answer(self, _: &Parts) -> Response {
        let tag = etag::of_version(self.version);
        let mut response = written(StatusCode::CREATED, JSON, Some(&tag), json_of(&self.value));
        put(response.headers_mut(), header::LOCATION, &self.at);
        response
    }

    fn tell(described: &mut Described, schemas: &mut Schemas) {
        let headers = json!({ "Location": location_header(), "ETag": etag_header() });
        let content = json!({ JSON: { "schema": schemas.told::<T>() } });
        described.answers.insert(201, json!({ "description": "It was made.", "headers": headers, "content": content }));
    }
}

/// Lines of JSON.
#[derive(Debug)]
pub(super) struct LinesShown(pub(super) String);

impl Told for LinesShown {
    fn answer(self, asked: &Parts) -> Response {
        let tag = etag::of_content(self.0.as_bytes());
        unless_known(asked, JSON_LINES, &tag, self.0)
    }

    fn tell(described: &mut Described, _: &mut Schemas) {
        told_unless_known(described, JSON_LINES, &json!({ "type": "string" }), &weak_header());
    }
}

/// A table as a file, written while it is read.
#[derive(Debug)]
pub(super) struct Csv(pub(super) Body);

const CSV: &str = "text/csv; charset=utf-8";

impl Told for Csv {
    fn answer(self, _: &Parts) -> Response {
        written(StatusCode::OK, CSV, None, self.0)
    }

    fn tell(described: &mut Described, _: &mut Schemas) {
        let content = json!({ "text/csv": { "schema": { "type": "string" } } });
        described.answers.insert(200, json!({ "description": "The table, with a heading.", "content": content }));
    }
}

/// Files in one zip.
#[derive(Debug)]
pub(super) struct Zip(pub(super) Vec<u8>);

impl Told for Zip {
    fn answer(self, _: &Parts) -> Response {
        written(StatusCode::OK, ZIP, None, self.0)
    }

    fn tell(described: &mut Described, _: &mut Schemas) {
        described.answers.insert(200, file_of("The files.", ZIP));
    }
}

/// A backup, read while it is sent.
#[derive(Debug)]
pub(super) struct Tar(pub(super) Archive);

const TAR: &str = "application/x-tar";

impl Told for Tar {
    fn answer(self, _: &Parts) -> Response {
        let Archive { name, bytes, body, .. } = self.0;
        let mut response = written(StatusCode::OK, TAR, None, Body::from_stream(body));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes));
        put(headers, header::CONTENT_DISPOSITION, &format!("attachment; filename=\"{name}\""));
        response
    }

    fn tell(described: &mut Described, _: &mut Schemas) {
        described.answers.insert(200, file_of("The backup; its name is in `Content-Disposition`.", TAR));
    }
}

fn file_of(text: &str, kind: &str) -> Value {
    json!({ "description": text, "content": { kind: { "schema": { "type": "string", "format": "binary" } } } })
}

/// The document of the API itself.
#[derive(Debug)]
pub(super) struct Document(pub(super) bytes::Bytes);

impl Told for Document {
    fn answer(self, asked: &Parts) -> Response {
        let tag = etag::of_content(&self.0);
        unless_known(asked, JSON, &tag, self.0)
    }

    fn tell(described: &mut Described, _: &mut Schemas) {
        told_unless_known(described, JSON, &json!({ "type": "object" }), &weak_header());
    }
}
