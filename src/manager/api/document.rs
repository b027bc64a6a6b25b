//! The API's document: `OpenAPI` 3.1, made from the operations.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{
    GROUPS,
    operation::{Described, Operation, Schemas},
    problem::{Body, Kind, PROBLEM_JSON},
};

const ABOUT: &str = "Everything that the Web Manager's pages do, for programs. A token is made on the page *Tokens* and sent as \
`Authorization: Bearer usher_…`; its role says what it may do. What is kept has an `ETag`: a change names the one it has seen by \
`If-Match`, and is told what is there now if somebody else was faster. Every refusal is `application/problem+json`.";

pub(super) fn of(operations: &[Operation]) -> Value {
    let mut schemas = Schemas::new();
    let mut paths = Map::new();
    for it in operations {
        let told = operation(it, &mut schemas);
        let path = paths.entry(it.draft.path).or_insert_with(|| json!({}));
        if let Some(verbs) = path.as_object_mut() {
            verbs.insert(it.draft.verb.label().to_ascii_lowercase(), told);
        }
    }
    let problem = schemas.told::<Body>();
    let answers: Map<String, Value> =
        Kind::ALL.into_iter().map(|it| (it.label().to_owned(), refusal(it, &problem))).collect();
    let groups: Vec<Value> = GROUPS.iter().map(|(name, text)| json!({ "name": name, "description": text })).collect();
    let token = json!({ "type": "http", "scheme": "bearer", "description": "A token of the page *Tokens*: `usher_` and 64 hexadecimal digits." });
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Usher", "version": "1", "description": ABOUT, "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" } },
        "servers": [{ "url": super::PREFIX }],
        "security": [{ "token": [] }],
        "tags": groups,
        "paths": paths,
        "components": {
            "securitySchemes": { "token": token },
            "responses": answers,
            "schemas": schemas.named(),
        },
    })
}

fn refusal(kind: Kind, problem: &Value) -> Value {
    let mut told = json!({ "description": kind.title(), "content": { PROBLEM_JSON: { "schema": problem } } });
    let text = "The version of what is there now, as `current` has it.";
    let header = match kind {
        Kind::Unauthorized => json!({ "WWW-Authenticate": { "required": true, "schema": { "type": "string" } } }),
        Kind::Outdated => json!({ "ETag": { "description": text, "schema": { "type": "string" } } }),
        Kind::TooMany | Kind::Unavailable => {
            let text = "Seconds until it is worth another try.";
            json!({ "Retry-After": { "description": text, "schema": { "type": "integer" } } })
        }
        Kind::Malformed
        | Kind::Forbidden
        | Kind::NotFound
        | Kind::Method
        | Kind::Conflict
        | Kind::TooLarge
        | Kind::MediaType
        | Kind::Invalid
        | Kind::ConditionMissing
        | Kind::NoSpace => Value::Null,
    };
    if let (false, Some(members)) = (header.is_null(), told.as_object_mut()) {
        members.insert("headers".to_owned(), header);
    }
    told
}

fn operation(operation: &Operation, schemas: &mut Schemas) -> Value {
    let draft = &operation.draft;
    let mut described = Described::default();
    (operation.describe)(&mut described, schemas);
    let kinds: BTreeSet<Kind> = draft.kinds(&described);
    let Described { parameters, body, answers, .. } = described;
    let mut responses: Map<String, Value> = answers.into_iter().map(|(status, it)| (status.to_string(), it)).collect();
    for kind in kinds {
        let told = json!({ "$ref": format!("#/components/responses/{}", kind.label()) });
        responses.insert(kind.status().as_u16().to_string(), told);
    }
    let mut told = json!({
        "operationId": draft.id,
        "tags": [super::group(draft.path)],
        "summary": draft.title,
        "description": draft.text,
        "responses": responses,
    });
    let Some(members) = told.as_object_mut() else { return told };
    if !parameters.is_empty() {
        members.insert("parameters".to_owned(), Value::Array(parameters));
    }
    if let Some(body) = body {
        members.insert("requestBody".to_owned(), body);
    }
    match draft.role {
        Some(role) => members.insert("x-usher-role".to_owned(), role.label().into()),
        None => members.insert("security".to_owned(), json!([])),
    };
    told
}
