//! What an operation reads of a request: each part reads itself, within bounds, and tells the document of itself.

use std::io;

use axum::{
    body::Body,
    extract::{FromRequestParts as _, RawPathParams},
};
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream::BoxStream};
use http::{HeaderMap, HeaderName, header, request::Parts};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{
    etag::{self, Tags},
    operation::{Described, Schemas},
    problem::{Kind, Problem},
    reading,
};
use crate::{
    gateway::storage::Expected,
    manager::{
        Manager,
        body::{self, NotRead},
    },
    peer::{Lifted, Patience},
};

pub(super) const TOML: &str = "application/toml";
pub(super) const ZIP: &str = "application/zip";
pub(super) const JSON_LINES: &str = "application/jsonl";
const OCTETS: &str = "application/octet-stream";
const TAR: &str = "application/x-tar";
const JSON: &str = "application/json";

/// A request while it is read.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) manager: Manager,
    pub(super) parts: Parts,
    body: Option<Body>,
}

impl Incoming {
    pub(super) const fn new(manager: Manager, parts: Parts, body: Body) -> Self {
        Self { manager, parts, body: Some(body) }
    }

    /// The body's media type.
    fn kind(&self) -> &str {
        let sent = self.parts.headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or_default();
        sent.split(';').next().unwrap_or_default().trim()
    }

    /// That the body is of one of these media types.
    fn expect(&self, kinds: &[&str]) -> Result<(), Problem> {
        let sent = self.kind();
        if !kinds.iter().any(|it| sent.eq_ignore_ascii_case(it)) {
            return Err(Kind::MediaType.says(format!("send a body with `Content-Type: {}`", kinds.join("` or `"))));
        }
        Ok(())
    }

    /// The body, of one of these media types.
    async fn bytes(&mut self, kinds: &[&str]) -> Result<Bytes, Problem> {
        self.expect(kinds)?;
        let body = self.body.take().unwrap_or_default();
        // Few at a time, and none for long: whoever sends byte by byte keeps others waiting, not the memory.
        let Ok(_place) = timeout(body::WITHIN, self.manager.forms.acquire()).await else {
            let text = "too many bodies are being read at the moment: send it again";
            return Err(Kind::Unavailable.says(text).after(body::WITHIN.as_secs()));
        };
        body::read(body, body::MAX_BYTES).await.map_err(|why| match why {
            NotRead::TooLarge => Kind::TooLarge.says(format!(
                "the body is larger than {} KiB, the most that is taken here: write a longer profile as a file in profiles/, and \
                 import a larger configuration by `usher config import`",
                body::MAX_BYTES / 1024
            )),
            NotRead::CutOff => Kind::Malformed
                .says(format!("the body was cut off, or did not come within {} seconds", body::WITHIN.as_secs())),
        })
    }

    async fn text(&mut self, kind: &str) -> Result<String, Problem> {
        let text = String::from_utf8(self.bytes(&[kind]).await?.to_vec());
        text.map_err(|_no_text| Kind::Malformed.says("the body is not UTF-8"))
    }
}

/// What a handler asks for.
pub(super) trait Asked: Sized + Send + 'static {
    fn take(incoming: &mut Incoming) -> impl Future<Output = Result<Self, Problem>> + Send;

    fn tell(described: &mut Described, schemas: &mut Schemas);
}

impl Asked for () {
    async fn take(_: &mut Incoming) -> Result<Self, Problem> {
        Ok(())
    }

    fn tell(_: &mut Described, _: &mut Schemas) {}
}

impl<A: Asked, B: Asked> Asked for (A, B) {
    async fn take(incoming: &mut Incoming) -> Result<Self, Problem> {
        Ok((A::take(incoming).await?, B::take(incoming).await?))
    }

    fn tell(described: &mut Described, schemas: &mut Schemas) {
        A::tell(described, schemas);
        B::tell(described, schemas);
    }
}

impl<A: Asked, B: Asked, C: Asked> Asked for (A, B, C) {
    async fn take(incoming: &mut Incoming) -> Result<Self, Problem> {
        Ok((A::take(incoming).await?, B::take(incoming).await?, C::take(incoming).await?))
    }

    fn tell(described: &mut Described, schemas: &mut Schemas) {
        A::tell(described, schemas);
        B::tell(described, schemas);
        C::tell(described, schemas);
    }
}

/// What stands in the path.
#[derive(Debug)]
pub(super) struct Named<P>(pub(super) P);

impl<P: DeserializeOwned + JsonSchema + Send + 'static> Asked for Named<P> {
    async fn take(incoming: &mut Incoming) -> Result<Self, Problem> {
        let read = RawPathParams::from_request_parts(&mut incoming.parts, &()).await;
        let read = read.map_err(|_no_text| Kind::Malformed.says("the path is not UTF-8"))?;
        let names = read.iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        reading::of_words(names).map(Self).map_err(|told| Kind::NotFound.says(told.message))
    }

    fn tell(described: &mut Described, schemas: &mut Schemas) {
        for (name, schema, _) in schemas.members::<P>() {
            described.parameters.push(parameter("path", &name, schema, true));
        }
        described.refuses.extend([Kind::Malformed, Kind::NotFound]);
    }
}

/// What stands behind the question mark. Whatever is unknown there is a mistake, and told.
#[derive(Debug)]
pub(super) struct Query<Q>(pub(super) Q);

impl<Q: DeserializeOwned + JsonSchema + Send + 'static> Asked for Query<Q> {
    async fn take(incoming: &mut Incoming) -> Result<Self, Problem> {
        let pairs = reading::pairs(incoming.parts.uri.query().unwrap_or_default());
        let read = pairs.and_then(|it| reading::of_words(it.into_iter()));
        read.map(Self).map_err(|told| Kind::Malformed.says(told.message.clone()).with(vec![*told]))
    }

    fn tell(described: &mut Described, schemas: &mut Schemas) {
        for (name, schema, required) in schemas.members::<Q>() {
            described.parameters.push(parameter("query", &name, without_null(schema), required));
        }
        described.refuses.insert(Kind::Malformed);
    }
}

/// What need not be there is left out of a query, and never `null`.
fn without_null(mut schema: Value) -> Value {
    if let Some(members) = schema.as_object_mut() {
        if let Some(Value::Array(kinds)) = members.get_mut("type") {
            kinds.retain(|it| it != "null");
            if let [one] = kinds.as_slice() {
                let one = one.clone();
                members.insert("type".to_owned(), one);
            }
        }
        if let Some(Value::Array(any)) = members.get_mut("anyOf") {
            any.retain(|it| it.get("type").is_none_or(|it| it != "null"));
            if let [Value::Object(one)] = any.as_slice() {
                let one = one.clone();
                members.remove("anyOf");
                members.extend(one);
            }
        }
    }
    schema
}

pub(super) fn parameter(place: &str, name: &str, mut schema: Value, required: bool) -> Value {
    let text = schema.as_object_mut().and_then(|it| it.remove("description"));
    let mut told = json!({ "name": name, "in": place, "required": required, "schema": schema });
    if let (Some(text), Some(members)) = (text, told.as_object_mut()) {
        members.insert("description".to_owned(), text);
    }
    told
}

/// A JSON document.
#[derive(Debug)]
pub(super) struct Json<B>(pub(super) B);

impl<B: DeserializeOwned + JsonSchema + Send + 'static> Asked for Json<B> {
    async fn take(incoming: &mut Incoming) -> Result<Self, Problem> {
        let bytes = incoming.bytes(&[JSON]).await?;
        let read = reading::of_value(reading::json(&bytes)?);
        read.map(Self).map_err(|told| Kind::Invalid.says(told.message.clone()).with(vec![*told]))
    }

    fn tell(described: &mut Described, schemas: &mut Schemas) {
        let schema = schemas.asked::<B>();
        described.body = Some(json!({ "required": true, "content": { JSON: { "schema": schema } } }));
        described.refuses.extend([Kind::Malformed, Kind::TooLarge, Kind::MediaType, Kind::Invalid]);
    }
}

/// A text in TOML; whether it is one is found out where it is read.
#[derive(Debug)]
pub(super) struct Toml(pub(super) String);

impl Asked for Toml {
    async fn take(incoming: &mut Incoming) -> Result<Self, Problem> {
        Ok(Self(incoming.text(TOML).await?))
    }

    fn tell(described: &mut Described, _: &mut Schemas) {
        tell_text(described, TOML);
    }
}

/// Files of a configuration: a zip, or the text of an `usher.toml`; which of them, its first bytes say.
#[derive(Debug)]
pub(super) struct Packed(pub(super) Bytes);

impl Asked for Packed {
    async fn take(incoming: &mut Incoming) -> Result<Self, Problem> {
        let bytes = incoming.bytes(&[ZIP, TOML]).await?;
        if bytes.is_empty() {
            return Err(Problem::field("", "the body is empty: send a zip, or the text of an usher.toml"));
        }
        // What says that it is a zip, and is none, would be read as a text, and refused as one.
        if incoming.kind().eq_ignore_ascii_case(ZIP) && !bytes.starts_with(b"PK") {
            let text = format!("this is no zip, as its `Content-Type` says: a text is sent as `{TOML}`");
            return Err(Problem::field("", text));
        }
        Ok(Self(bytes))
    }

    fn tell(described: &mut Described, _: &mut Schemas) {
        let zip = json!({ "schema": { "type": "string", "format": "binary" } });
        let toml = json!({ "schema": { "type": "string" } });
        described.body = Some(json!({ "required": true, "content": { ZIP: zip, TOML: toml } }));
        described.refuses.extend([Kind::Malformed, Kind::TooLarge, Kind::MediaType, Kind::Invalid]);
    }
}

/// A large file; whoever takes it in reads it, and bounds how long and how much.
pub(super) struct Large {
    pub(super) body: BoxStream<'static, io::Result<Bytes>>,
    /// How long it says that it is.
    pub(super) bytes: Option<u64>,
    /// The door waits meanwhile.
    pub(super) lifted: Option<Lifted>,
}

impl Asked for Large {
    async fn take(incoming: &mut Incoming) -> Result<Self, Problem> {
        incoming.expect(&[OCTETS, TAR])?;
        let body = incoming.body.take().unwrap_or_default();
        let length = incoming.parts.headers.get(header::CONTENT_LENGTH);
        Ok(Self {
            body: body.into_data_stream().map_err(io::Error::other).boxed(),
            bytes: length.and_then(|it| it.to_str().ok()?.parse().ok()),
            lifted: incoming.parts.extensions.get::<Patience>().map(Patience::lift),
        })
    }

    fn tell(described: &mut Described, _: &mut Schemas) {
        let schema = json!({ "schema": { "type": "string", "format": "binary" } });
        described.body = Some(json!({ "required": true, "content": { OCTETS: schema } }));
        described.refuses.extend([Kind::Malformed, Kind::MediaType, Kind::Invalid]);
    }
}

/// Lines of JSON; what they say is found out where they are read.
#[derive(Debug)]
pub(super) struct Lines(pub(super) String);

impl Asked for Lines {
    async fn take(incoming: &mut Incoming) -> Result<Self, Problem> {
        Ok(Self(incoming.text(JSON_LINES).await?))
    }

    fn tell(described: &mut Described, _: &mut Schemas) {
        tell_text(described, JSON_LINES);
    }
}

fn tell_text(described: &mut Described, kind: &str) {
    let schema = json!({ "type": "string" });
    described.body = Some(json!({ "required": true, "content": { kind: { "schema": schema } } }));
    described.refuses.extend([Kind::Malformed, Kind::TooLarge, Kind::MediaType, Kind::Invalid]);
}

fn tags(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Tags>, Problem> {
    Tags::of(headers, name)
}

/// Which state of a thing is to be changed: `If-Match`.
#[derive(Debug)]
pub(super) struct Seen(Tags);

impl Seen {
    /// What to expect of what is there in this version; `None`: it is not what was seen.
    pub(super) fn expects(&self, version: u64) -> Option<Expected> {
        self.0.hold_strongly(&etag::of_version(version)).then_some(Expected::Version(version))
    }
}

const IF_MATCH: &str =
    "The `ETag` of what is changed; `*`: whatever is there. Whoever has seen another state is told what is there now.";

impl Asked for Seen {
    async fn take(incoming: &mut Incoming) -> Result<Self, Problem> {
        let missing = || Kind::ConditionMissing.says("send `If-Match` with the ETag of what you have read");
        tags(&incoming.parts.headers, &header::IF_MATCH)?.map(Self).ok_or_else(missing)
    }

    fn tell(described: &mut Described, _: &mut Schemas) {
        let schema = json!({ "type": "string", "pattern": etag::PATTERN, "description": IF_MATCH });
        described.parameters.push(parameter("header", "If-Match", schema, true));
        described.refuses.extend([Kind::Malformed, Kind::Outdated, Kind::ConditionMissing]);
    }
}

/// Which plan is to be carried out: `If-Match` without a star, as nobody wants done what they have not seen.
#[derive(Debug)]
pub(super) struct SeenPlan(Tags);

impl SeenPlan {
    pub(super) fn is(&self, tag: &str) -> bool {
        self.0.hold_strongly(tag)
    }
}

impl Asked for SeenPlan {
    async fn take(incoming: &mut Incoming) -> Result<Self, Problem> {
        let says = "send `If-Match` with the ETag of the plan";
        match tags(&incoming.parts.headers, &header::IF_MATCH)? {
            Some(Tags::Any) => Err(Kind::Malformed.says(format!("`If-Match` is no * here: {says}"))),
            Some(tags @ Tags::List(_)) => Ok(Self(tags)),
            None => Err(Kind::ConditionMissing.says(says)),
        }
    }

    fn tell(described: &mut Described, _: &mut Schemas) {
        let text = "The `ETag` of the plan; no `*`.";
        let schema = json!({ "type": "string", "pattern": etag::PLAN_PATTERN, "description": text });
        described.parameters.push(parameter("header", "If-Match", schema, true));
        described.refuses.extend([Kind::Malformed, Kind::Outdated, Kind::ConditionMissing]);
    }
}

/// Which state of a thing is to be changed, or that there is none yet: `If-None-Match: *`.
#[derive(Debug)]
pub(super) enum SeenOrNew {
    New,
    Seen(Seen),
}

impl Asked for SeenOrNew {
    async fn take(incoming: &mut Incoming) -> Result<Self, Problem> {
        let headers = &incoming.parts.headers;
        match (tags(headers, &header::IF_MATCH)?, tags(headers, &header::IF_NONE_MATCH)?) {
            (Some(seen), None) => Ok(Self::Seen(Seen(seen))),
            (None, Some(Tags::Any)) => Ok(Self::New),
            (None, Some(Tags::List(_))) => {
                Err(Kind::Malformed.says("`If-None-Match` has to be * here: there is none yet"))
            }
            // The one wants it to be there, the other wants it not to be.
            (Some(_), Some(_)) => {
                Err(Kind::Malformed.says("`If-Match` and `If-None-Match: *` never hold together: send one of them"))
            }
            (None, None) => Err(Kind::ConditionMissing.says(
                "send `If-None-Match: *` to make it, or `If-Match` with the ETag of what you have read to change it",
            )),
        }
    }

    fn tell(described: &mut Described, _: &mut Schemas) {
        let seen = json!({ "type": "string", "pattern": etag::PATTERN, "description": IF_MATCH });
        let new = json!({ "type": "string", "const": "*", "description": "There is none yet." });
        described.parameters.push(parameter("header", "If-Match", seen, false));
        described.parameters.push(parameter("header", "If-None-Match", new, false));
        described.refuses.extend([Kind::Malformed, Kind::Outdated, Kind::ConditionMissing]);
    }
}
