//! What the pages do, for programs: JSON under `/api/v1`, with tokens, a state of everything that is kept, and `application/problem+json`.
//!
//! [`operations`] is the whole of it. Router and document are made from it, and each operation's reading, answers and document from
//! the types of its handler, so that none can say what another does not. What is done is done where the pages do it.

mod account;
mod actions;
mod asked;
mod audit;
mod configuration;
mod contacts;
mod difference;
mod directory;
mod document;
mod door;
mod ended;
mod engines;
mod etag;
mod figures;
mod kept_tests;
mod known;
mod lint;
mod live;
mod moment;
mod names;
mod numbers;
mod operation;
mod problem;
mod profiles;
mod reading;
mod restoring;
mod scenes;
mod settings;
mod staff;
mod store;
mod test_runs;
mod tokens;
mod told;
mod trials;
mod types;
mod units;
mod users;

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    response::{IntoResponse as _, Response},
    routing::{any, on},
};
use bytes::Bytes;
use serde_json::Value;
use tracing::Instrument as _;

use super::{Manager, guard::answered, people::Role};
use operation::{Call, Draft, Operation};
/// What is wrong, for pages as well: one cause has one status.
pub(in crate::manager) use problem::Kind;
use problem::Problem;

use crate::peer::Patience;

/// Where all of it is.
pub(in crate::manager) const PREFIX: &str = "/api/v1";

/// The parts of it, in the order in which they are shown. A path begins with its part.
const GROUPS: &[(&str, &str)] = &[
    ("contacts", "Contacts that are open now and those that are over, what happened to them, and an operator's hand."),
    ("agents", "The virtual agents' log-ons."),
    ("units", "Business units: their zones, countries, languages, media servers and actions."),
    ("directory", "What routing engines have told: queues, targets, users."),
    ("engines", "Routing engines that may attach, and the tokens that they prove themselves by."),
    ("alerts", "What somebody has to mend, and how."),
    (
        "profiles",
        "How language engines are talked to: what is in force, the text and the settings that it is written in, actions, trials and tests.",
    ),
    ("profile-types", "What profiles can be, and what each setting means."),
    ("connectors", "Language engines of somebody else's that dial in."),
    ("numbers", "What contacts came to, by profile and day."),
    ("lint", "What is to be mended before a customer meets it."),
    ("configuration", "All of it as files: out, and in by way of what it would change."),
    ("store", "What is kept, a backup of it, and what takes its place."),
    ("users", "Who may sign in to the Web Manager."),
    ("tokens", "Which programs may use this."),
    ("audit", "Who changed what."),
    ("account", "Whose token this is."),
    ("openapi.json", "This document."),
];

fn operations() -> Vec<Operation> {
    let mut all = contacts::operations();
    all.extend(ended::operations());
    all.extend(live::operations());
    all.extend(profiles::operations());
    all.extend(settings::operations());
    all.extend(actions::operations());
    all.extend(types::operations());
    all.extend(trials::operations());
    all.extend(kept_tests::operations());
    all.extend(test_runs::operations());
    all.extend(staff::operations());
    all.extend(units::operations());
    all.extend(directory::operations());
    all.extend(engines::operations());
    all.extend(numbers::operations());
    all.extend(lint::operations());
    all.extend(configuration::operations());
    all.extend(store::operations());
    all.extend(restoring::operations());
    all.extend(users::operations());
    all.extend(tokens::operations());
    all.extend(audit::operations());
    all.extend(account::operations());
    all.push(
        Draft::open("/openapi.json", "getDocument").says(DOCUMENT, "OpenAPI 3.1; needs no token.").by(get_document),
    );
    all
}

const DOCUMENT: &str = "The document of this API";

/// The part that a path belongs to.
fn group(path: &'static str) -> &'static str {
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    GROUPS.iter().map(|it| it.0).find(|it| first == *it || first.strip_suffix(".csv") == Some(it)).unwrap_or_default()
}

/// What the API says of itself: made once.
#[derive(Clone, Debug)]
pub(in crate::manager) struct Document {
    pub(in crate::manager) value: Arc<Value>,
    text: Bytes,
}

impl Document {
    pub(in crate::manager) fn new() -> Self {
        let value = document();
        let text = serde_json::to_vec(&value).unwrap_or_default();
        Self { value: Arc::new(value), text: text.into() }
    }
}

/// `OpenAPI` 3.1, as it is served and committed.
pub(super) fn document() -> Value {
    document::of(&operations())
}

async fn get_document(call: Call, (): ()) -> Result<told::Document, Problem> {
    Ok(told::Document(call.manager.document.text.clone()))
}

/// Path, method and the role that they take, of every operation.
pub(super) fn access() -> Vec<(String, &'static str, Option<Role>)> {
    operations().iter().map(|it| (format!("{PREFIX}{}", it.draft.path), it.draft.verb.label(), it.draft.role)).collect()
}

const GOES_ON: &str = "this takes long: it goes on, and may be done soon. Look whether it is before you send it again";

pub(super) fn router() -> Router<Manager> {
    let mut router = Router::new();
    for Operation { draft, run, .. } in operations() {
        let answer = move |State(manager): State<Manager>, request: Request| {
            let patience = request.extensions().get::<Patience>().cloned();
            let (reads, running) = (request.method().is_safe(), run(manager, request));
            async move {
                if reads {
                    return running.await;
                }
                // What was asked for is carried out though its program leaves meanwhile.
                match answered(tokio::spawn(running.in_current_span()), patience).await {
                    Some(Ok(response)) => response,
                    Some(Err(error)) => {
                        tracing::error!(%error, "an operation of the API was broken off");
                        Kind::Unavailable.says("this was broken off: look whether it was done").into_response()
                    }
                    None => Kind::Unavailable.says(GOES_ON).into_response(),
                }
            }
        };
        router = router.route(draft.path, on(draft.verb.filter(), answer));
    }
    router.route("/", any(nowhere)).fallback(nowhere).method_not_allowed_fallback(async || {
        Kind::Method.says("this address does not do that: `Allow` names what it does").into_response()
    })
}

pub(super) async fn nowhere() -> Response {
    Kind::NotFound.says("there is no such address: /api shows all of them").into_response()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_operation_is_in_the_document_with_words_and_a_part() {
        let document = document();
        let all = operations();
        let ids: BTreeSet<&str> = all.iter().map(|it| it.draft.id).collect();
        assert_eq!(ids.len(), all.len(), "no two have one name");
        let mut told = 0;
        for (path, verbs) in document["paths"].as_object().unwrap() {
            for (verb, it) in verbs.as_object().unwrap() {
                let found =
                    all.iter().find(|it| it.draft.path == path && it.draft.verb.label().eq_ignore_ascii_case(verb));
                let draft = found.unwrap_or_else(|| panic!("{verb} {path}")).draft;
                assert_eq!(it["operationId"], draft.id);
                assert!(!draft.title.is_empty() && !group(draft.path).is_empty(), "{}", draft.id);
                told += 1;
            }
        }
        assert_eq!(told, all.len());
    }

    #[test]
    fn a_shape_that_is_both_read_and_told_is_the_same() {
        let mut schemas = operation::Schemas::new();
        for it in operations() {
            (it.describe)(&mut operation::Described::default(), &mut schemas);
        }
        let (read, told) = schemas.both();
        for (name, shape) in read {
            assert!(told.get(&name).is_none_or(|it| *it == shape), "{name}: {shape} or {}", told[&name]);
        }
    }

    #[test]
    fn whatever_the_document_points_to_is_in_it() {
        fn look(value: &Value, whole: &Value) {
            match value {
                Value::Object(members) => {
                    if let Some(to) = members.get("$ref").and_then(Value::as_str) {
                        assert!(whole.pointer(to.trim_start_matches('#')).is_some(), "{to}");
                    }
                    members.values().for_each(|it| look(it, whole));
                }
                Value::Array(list) => list.iter().for_each(|it| look(it, whole)),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
        let document = document();
        look(&document, &document);
    }
}
