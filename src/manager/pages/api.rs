//! The API as its document tells it: all of it to look through, and each operation with an example.

use std::fmt::Write as _;

use axum::{
    extract::{Path, State},
    response::Response,
};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Section, empty, not_found, page};
use crate::manager::{Manager, api::PREFIX, guard::Seat, people::Role, query::Query, words::Words};

/// How deep a shape is shown: deeper ones are told by their names.
const DEPTH: usize = 6;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::manager) struct Wanted {
    /// Part of a path, a name or a text.
    find: String,
}

/// One operation of the document.
#[derive(Clone, Copy)]
struct Operation<'a> {
    path: &'a str,
    verb: &'a str,
    told: &'a Value,
}

impl<'a> Operation<'a> {
    fn text(&self, name: &str) -> &'a str {
        self.told.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    fn list(&self, name: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
        self.told.get(name).and_then(Value::as_array).into_iter().flatten()
    }

    fn holds(&self, find: &str) -> bool {
        let all = [self.path, self.verb, self.text("operationId"), self.text("summary"), self.text("description")];
        all.iter().any(|it| it.to_lowercase().contains(find))
    }
}

fn operations(document: &Value) -> impl Iterator<Item = Operation<'_>> {
    let paths = document.get("paths").and_then(Value::as_object).into_iter().flatten();
    paths.flat_map(|(path, verbs)| {
        let verbs = verbs.as_object().into_iter().flatten();
        verbs.map(move |(verb, told)| Operation { path, verb, told })
    })
}

pub(in crate::manager) async fn list(
    State(manager): State<Manager>,
    seat: Seat,
    Query(Wanted { find }): Query<Wanted>,
) -> Response {
    let w = &seat.words;
    let document = &manager.document.value;
    let wanted = find.trim().to_lowercase();
    let found: Vec<Operation<'_>> = operations(document).filter(|it| it.holds(&wanted)).collect();
    let groups = document.get("tags").and_then(Value::as_array).into_iter().flatten();
    let title = w.t("API");
    let document_path = format!("{PREFIX}/openapi.json");
    let body = html! {
        h1 { (title) }
        p { (w.t("Everything that these pages do, for programs. A program shows a token.")) " "
            @if seat.may(Role::Administrator) { a href="/tokens" { (w.t("Make a token")) } " · " }
            a href=(document_path) { (w.t("The document (OpenAPI)")) }
        }
        form method="get" action="/api" class="filter" data-auto="" {
            label { span { (w.t("Path or word")) } input type="search" name="find" value=(find) maxlength="128"; }
            button { (w.t("Filter")) }
            @if !find.is_empty() { a href="/api" { (w.t("Show all")) } }
        }
        @if found.is_empty() { (empty(w.t("Nothing in the API fits the filter."), Some(("/api", w.t("Show all"))))) }
        @for group in groups {
            @let name = group.get("name").and_then(Value::as_str).unwrap_or_default();
            @let own: Vec<&Operation<'_>> = found.iter().filter(|it| it.list("tags").any(|tag| tag == name)).collect();
            @if !own.is_empty() {
                section lang="en" {
                    h2 { (name) }
                    p class="hint" { (group.get("description").and_then(Value::as_str).unwrap_or_default()) }
                    div class="scroll" tabindex="0" role="group" aria-label=(name) { table class="operations" {
                        thead { tr { th { (w.t("Method")) } th { (w.t("Path")) } th { (w.t("What it does")) } th { (w.t("Role")) } } }
                        tbody {
                            @for it in own {
                                tr {
                                    td { span class="code" { (it.verb.to_uppercase()) } }
                                    td { a class="code" href={ "/api/operations/" (it.text("operationId")) } { (it.path) } }
                                    td { (it.text("summary")) }
                                    td { (role(w, it)) }
                                }
                            }
                        }
                    } }
                }
            }
        }
    };
    page(&seat, Section::Api, title, &body)
}

fn role<'a>(w: &'a Words, operation: &Operation<'_>) -> &'a str {
    match operation.text("x-usher-role").parse::<Role>() {
        Ok(role) => super::users::role_told(w, role),
        Err(_none) => w.t("everybody"),
    }
}

pub(in crate::manager) async fn show(State(manager): State<Manager>, seat: Seat, Path(name): Path<String>) -> Response {
    let w = &seat.words;
    let document = &manager.document.value;
    let Some(it) = operations(document).find(|it| it.text("operationId") == name) else { return not_found(&seat) };
    let parameters: Vec<&Value> = it.list("parameters").collect();
    let bodies = it.told.pointer("/requestBody/content").and_then(Value::as_object).into_iter().flatten();
    let title = it.text("summary");
    let body = html! {
        p class="trail" { a href="/api" { (w.t("API")) } }
        div lang="en" {
            h1 { (title) }
            p { span class="code" { (it.verb.to_uppercase()) " " (PREFIX) (it.path) } }
            p { (it.text("description")) }
        }
        p class="facts" { (w.t("Role")) " " b { (role(w, &it)) } }
        h2 { (w.t("Example")) }
        pre { (curl(document, &manager.base, &it)) }
        @if !parameters.is_empty() {
            h2 { (w.t("Parameters")) }
            div class="scroll" tabindex="0" role="group" aria-label=(w.t("Parameters")) { table {
                thead { tr { th { (w.t("Name")) } th { (w.t("Where")) } th { (w.t("Shape")) } th { (w.t("Meaning")) } } }
                tbody lang="en" {
                    @for it in parameters { (parameter(it)) }
                }
            } }
        }
        @for (kind, content) in bodies {
            h2 { (w.t("Body")) }
            p { span class="code" { (kind) } }
            pre lang="en" { (shape(document, content.get("schema"), 0)) }
        }
        h2 { (w.t("Answers")) }
        div lang="en" { (answers(document, &it)) }
    };
    page(&seat, Section::Api, title, &body)
}

fn parameter(it: &Value) -> Markup {
    let text = |name: &str| it.get(name).and_then(Value::as_str).unwrap_or_default();
    let is_required = it.get("required") == Some(&Value::Bool(true));
    html! {
        tr {
            td { span class="code" { (text("name")) } }
            td { (text("in")) @if is_required { ", required" } }
            td { span class="code" { (it.get("schema").map(kind).unwrap_or_default()) } }
            td { (text("description")) }
        }
    }
}

fn answers(document: &Value, operation: &Operation<'_>) -> Markup {
    let all = operation.told.get("responses").and_then(Value::as_object).into_iter().flatten();
    let (good, refusals): (Vec<_>, Vec<_>) = all.partition(|(status, _)| status.starts_with(['2', '3']));
    html! {
        @for (status, answer) in good {
            p { b { (status) } " " (described(document, answer)) }
            @for (kind, content) in answer.get("content").and_then(Value::as_object).into_iter().flatten() {
                p { span class="code" { (kind) } }
                @if kind == "application/json" { pre { (shape(document, content.get("schema"), 0)) } }
            }
        }
        ul class="facts column" {
            @for (status, answer) in refusals { li { b { (status) } " " (described(document, answer)) } }
        }
    }
}

fn described<'a>(document: &'a Value, answer: &'a Value) -> &'a str {
    resolved(document, answer).get("description").and_then(Value::as_str).unwrap_or_default()
}

/// What a `$ref` points to.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let to = value.get("$ref").and_then(Value::as_str).and_then(|it| it.strip_prefix('#'));
    to.and_then(|it| document.pointer(it)).unwrap_or(value)
}

/// In one line: what kind of value, and its bounds.
fn kind(schema: &Value) -> String {
    if let Some(list) = schema.get("enum").and_then(Value::as_array) {
        return list.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | ");
    }
    if let Some(only) = schema.get("const") {
        return only.to_string();
    }
    let of = |it: &Value| it.as_str().unwrap_or_default().to_owned();
    let mut text = match schema.get("type") {
        Some(Value::Array(kinds)) => kinds.iter().map(of).collect::<Vec<_>>().join(" | "),
        Some(one) => of(one),
        None => "any".to_owned(),
    };
    if let Some(format) = schema.get("format").and_then(Value::as_str).filter(|it| !it.starts_with("uint")) {
        text = format!("{text}, {format}");
    }
    for (name, told) in [("minimum", "from"), ("maximum", "to"), ("maxLength", "at most"), ("pattern", "like")] {
        match schema.get(name) {
            Some(Value::String(bound)) => write!(text, ", {told} {bound}"),
            Some(bound) => write!(text, ", {told} {bound}"),
            None => Ok(()),
        }
        .unwrap_or_default();
    }
    text
}

/// A schema as what fits it would be written, with each member's meaning beside it.
fn shape(document: &Value, schema: Option<&Value>, depth: usize) -> String {
    let Some(schema) = schema.map(|it| resolved(document, it)) else { return String::new() };
    let indent = "  ".repeat(depth);
    let choices = ["oneOf", "anyOf"].iter().find_map(|it| schema.get(*it)).and_then(Value::as_array);
    if let Some(choices) = choices {
        let list: Vec<String> = choices.iter().map(|it| shape(document, Some(it), depth)).collect();
        return list.join(" | ");
    }
    if let Some(items) = schema.get("items") {
        return format!("[{}, …]", shape(document, Some(items), depth));
    }
    let Some(members) = schema.get("properties").and_then(Value::as_object).filter(|_| depth < DEPTH) else {
        return kind(schema);
    };
    let required: Vec<&str> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let mut text = "{\n".to_owned();
    for (name, it) in members {
        let shown = shape(document, Some(it), depth + 1);
        let mark = if required.contains(&name.as_str()) { "" } else { "?" };
        let meaning = it.get("description").or_else(|| resolved(document, it).get("description"));
        if let Some(meaning) = meaning.and_then(Value::as_str) {
            for line in meaning.lines() {
                text.push_str(&format!("{indent}  // {line}\n"));
            }
        }
        text.push_str(&format!("{indent}  \"{name}\"{mark}: {shown}\n"));
    }
    text.push_str(&indent);
    text.push('}');
    text
}

/// What somebody would type, in a shell.
fn curl(document: &Value, base: &str, operation: &Operation<'_>) -> String {
    let parameter = |place: &str| {
        let all =
            operation.list("parameters").filter(|it| it.get("in").is_some_and(|it| it == place)).collect::<Vec<_>>();
        all.into_iter().filter_map(|it| Some((it.get("name")?.as_str()?, it)))
    };
    let mut path = operation.path.to_owned();
    for (name, it) in parameter("path") {
        path = path.replace(&format!("{{{name}}}"), &plain(&example(document, it.get("schema"), name)));
    }
    let mut text = "curl".to_owned();
    if operation.verb != "get" {
        text.push_str(&format!(" -X {}", operation.verb.to_uppercase()));
    }
    if operation.told.get("security").is_none() {
        text.push_str(" -H \"Authorization: Bearer $USHER_TOKEN\"");
    }
    let changes = operation.verb != "get";
    if changes && parameter("header").any(|(name, _)| name == "If-Match") {
        text.push_str(" \\\n  -H 'If-Match: \"7\"'");
    }
    let bodies = operation.told.pointer("/requestBody/content").and_then(Value::as_object).into_iter().flatten();
    // Of several kinds the first is an example.
    for (kind, content) in bodies.take(1) {
        text.push_str(&format!(" \\\n  -H 'Content-Type: {kind}'"));
        if kind == "application/json" {
            text.push_str(&format!(" \\\n  -d '{}'", example(document, content.get("schema"), "")));
        } else {
            let end = kind.rsplit('/').next().unwrap_or_default();
            text.push_str(&format!(" \\\n  --data-binary @file.{end}"));
        }
    }
    let needed = parameter("query").filter(|(_, it)| it.get("required") == Some(&Value::Bool(true)));
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, it) in needed {
        query.append_pair(name, &plain(&example(document, it.get("schema"), name)));
    }
    let query = query.finish();
    let mark = if query.is_empty() { "" } else { "?" };
    text.push_str(&format!(" \\\n  '{base}{PREFIX}{path}{mark}{query}'"));
    text
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// One that fits.
fn example(document: &Value, schema: Option<&Value>, name: &str) -> Value {
    let Some(schema) = schema.map(|it| resolved(document, it)) else { return Value::Null };
    let first = |key: &str| schema.get(key).and_then(Value::as_array).and_then(|it| it.first());
    if let Some(one) = first("examples").or_else(|| first("enum")).or_else(|| schema.get("const")) {
        return one.clone();
    }
    if let Some(choice) = first("oneOf").or_else(|| first("anyOf")) {
        return example(document, Some(choice), name);
    }
    let kind = match schema.get("type") {
        Some(Value::Array(kinds)) => kinds.first().and_then(Value::as_str),
        Some(one) => one.as_str(),
        None => None,
    };
    match kind.unwrap_or_default() {
        "object" => {
            let members = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
            let made: Map<String, Value> =
                members.map(|(name, it)| (name.clone(), example(document, Some(it), name))).collect();
            Value::Object(made)
        }
        "array" => Value::Array(vec![example(document, schema.get("items"), name)]),
        "integer" | "number" => schema.get("minimum").cloned().unwrap_or_else(|| 1.into()),
        "boolean" => Value::Bool(false),
        _ => name.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manager::api::Document;

    #[test]
    fn every_operation_has_an_example_that_fits() {
        let document = Document::new().value;
        for it in operations(&document) {
            let text = curl(&document, "http://usher", &it);
            assert!(
                text.starts_with("curl") && text.contains(PREFIX) && !text.contains('{') || text.contains("-d '{"),
                "{text}"
            );
        }
        let put = operations(&document).find(|it| it.text("operationId") == "changeUser").unwrap();
        let expected = "curl -X PUT -H \"Authorization: Bearer $USHER_TOKEN\" \\\n  -H 'If-Match: \"7\"' \\\n  \
            -H 'Content-Type: application/json' \\\n  -d '{\"disabled\":false,\"role\":\"viewer\"}' \\\n  'http://usher/api/v1/users/ann'";
        assert_eq!(curl(&document, "http://usher", &put), expected);
    }

    #[test]
    fn a_shape_is_told_with_meanings_and_bounds() {
        let document = Document::new().value;
        let make = operations(&document).find(|it| it.text("operationId") == "makeToken").unwrap();
        let schema = make.told.pointer("/requestBody/content/application~1json/schema");
        let text = shape(&document, schema, 0);
        assert!(text.contains("// How long it is good.\n  \"days\": integer, from 1, to 366"), "{text}");
    }
}
