//! The API as JSON over HTTP, at the service's own paths: `POST /v2/{session}:detectIntent` and its like.

use std::borrow::Cow;

use axum::{
    body::{Body, Bytes},
    extract::{State, rejection::BytesRejection},
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse as _, Response},
};
use percent_encoding::percent_decode_str;
use prost::Message;
use prost_types::FieldMask;
use serde_json::json;
use tonic::{Code, Status};

use super::{
    names::{AgentName, Collection, is_project},
    pages::{bad_body, is_grpc},
    service::{Service, Shared},
};
use crate::wire::{
    dialogflow_cx,
    dialogflow_v2::{
        Context, CreateContextRequest, CreateSessionEntityTypeRequest, DetectIntentRequest, GetIntentRequest,
        IntentView, ListContextsRequest, ListIntentsRequest, ListSessionEntityTypesRequest, SessionEntityType,
        UpdateContextRequest, UpdateSessionEntityTypeRequest,
    },
    json::{Enums, Json, JsonError},
};

/// What a path leads to.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    Detect(String),
    Agent(String),
    Intents(String),
    Intent(String),
    Collection(String, Collection),
    Item(String, Collection),
    CxDetect(String),
    CxAgent(String),
}

/// A request, as far as answers depend on it.
struct Asked {
    method: Method,
    place: Place,
    query: Query,
    body: Bytes,
}

/// Everything that is not a known gRPC method.
pub(super) async fn serve(
    State(service): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    if is_grpc(&headers) {
        return Status::unimplemented("the offline engine does not serve this method").into_http::<Body>();
    }
    let body = match body {
        Ok(body) => body,
        Err(rejection) => {
            return error(rejection.status(), &Status::invalid_argument("the body is too large or broke off"));
        }
    };
    if let Some(refused) = bad_body(&headers, &body) {
        return refused;
    }
    let asked = place(uri.path())
        .and_then(|place| Ok(Asked { method, place, query: Query::parse(uri.query().unwrap_or_default())?, body }));
    let answer = match asked {
        Ok(asked) => answer(&service, asked).await,
        Err(status) => Err(status),
    };
    match answer {
        Ok(Some(json)) => written(StatusCode::OK, json),
        Ok(None) => {
            error(StatusCode::METHOD_NOT_ALLOWED, &Status::unimplemented("this path is not served by this HTTP method"))
        }
        Err(status) => error(http_status(status.code()), &status),
    }
}

/// `None`: the path does not take the method.
async fn answer(service: &Service, asked: Asked) -> Result<Option<Vec<u8>>, Status> {
    let Asked { method, place, query, body } = asked;
    match place {
        Place::Detect(session) if method == Method::POST => {
            let mut request: DetectIntentRequest = read(service, "DetectIntentRequest", &body)?;
            request.session = session;
            let answer = service.detect_intent(request).await?;
            write(service, "DetectIntentResponse", &answer, &query)
        }
        Place::Agent(parent) if method == Method::GET => write(service, "Agent", &service.agent(&parent)?, &query),
        Place::Intents(parent) if method == Method::GET => {
            let (page_size, page_token) = query.page()?;
            let (language_code, intent_view) = (query.language(), query.intent_view()?);
            let request = ListIntentsRequest { parent, language_code, intent_view, page_size, page_token };
            write(service, "ListIntentsResponse", &service.intents(&request)?, &query)
        }
        Place::Intent(name) if method == Method::GET => {
            let (language_code, intent_view) = (query.language(), query.intent_view()?);
            let found = service.intent(&GetIntentRequest { name, language_code, intent_view })?;
            write(service, "Intent", &found, &query)
        }
        Place::CxDetect(session) if method == Method::POST => {
            let request = service.cx_json.read("DetectIntentRequest", &body).map_err(|error| unreadable(&error))?;
            let request = dialogflow_cx::DetectIntentRequest { session, ..request };
            let answer = service.cx_detect_intent(request).await?;
            written_by(&service.cx_json, "DetectIntentResponse", &answer, &query)
        }
        Place::CxAgent(name) if method == Method::GET => {
            written_by(&service.cx_json, "Agent", &service.cx_agent(&name)?, &query)
        }
        Place::Collection(parent, Collection::Contexts) => contexts(service, &method, parent, &query, &body).await,
        Place::Item(name, Collection::Contexts) => context(service, &method, name, &query, &body).await,
        Place::Collection(parent, Collection::EntityTypes) => {
            entity_types(service, &method, parent, &query, &body).await
        }
        Place::Item(name, Collection::EntityTypes) => entity_type(service, &method, name, &query, &body).await,
        Place::Detect(_)
        | Place::Agent(_)
        | Place::Intents(_)
        | Place::Intent(_)
        | Place::CxDetect(_)
        | Place::CxAgent(_) => Ok(None),
    }
}

type Answer = Result<Option<Vec<u8>>, Status>;

async fn contexts(service: &Service, method: &Method, parent: String, query: &Query, body: &[u8]) -> Answer {
    match *method {
        Method::GET => {
            let (page_size, page_token) = query.page()?;
            let list = service.contexts(ListContextsRequest { parent, page_size, page_token }).await?;
            write(service, "ListContextsResponse", &list, query)
        }
        Method::POST => {
            let context: Context = read(service, "Context", body)?;
            let made = service.create_context(CreateContextRequest { parent, context: Some(context) }).await?;
            write(service, "Context", &made, query)
        }
        Method::DELETE => service.delete_contexts(&parent).await.map(|()| empty()),
        _ => Ok(None),
    }
}

async fn context(service: &Service, method: &Method, name: String, query: &Query, body: &[u8]) -> Answer {
    match *method {
        Method::GET => write(service, "Context", &service.context(&name).await?, query),
        Method::PATCH => {
            let context = Context { name, ..read(service, "Context", body)? };
            let request = UpdateContextRequest { context: Some(context), update_mask: query.mask() };
            write(service, "Context", &service.update_context(request).await?, query)
        }
        Method::DELETE => service.delete_context(&name).await.map(|()| empty()),
        _ => Ok(None),
    }
}

async fn entity_types(service: &Service, method: &Method, parent: String, query: &Query, body: &[u8]) -> Answer {
    match *method {
        Method::GET => {
            let (page_size, page_token) = query.page()?;
            let list = service.entity_types(ListSessionEntityTypesRequest { parent, page_size, page_token }).await?;
            write(service, "ListSessionEntityTypesResponse", &list, query)
        }
        Method::POST => {
            let session_entity_type: Option<SessionEntityType> = Some(read(service, "SessionEntityType", body)?);
            let request = CreateSessionEntityTypeRequest { parent, session_entity_type };
            write(service, "SessionEntityType", &service.create_entity_type(request).await?, query)
        }
        _ => Ok(None),
    }
}

async fn entity_type(service: &Service, method: &Method, name: String, query: &Query, body: &[u8]) -> Answer {
    match *method {
        Method::GET => write(service, "SessionEntityType", &service.entity_type(&name).await?, query),
        Method::PATCH => {
            let given = SessionEntityType { name, ..read(service, "SessionEntityType", body)? };
            let request =
                UpdateSessionEntityTypeRequest { session_entity_type: Some(given), update_mask: query.mask() };
            write(service, "SessionEntityType", &service.update_entity_type(request).await?, query)
        }
        Method::DELETE => service.delete_entity_type(&name).await.map(|()| empty()),
        _ => Ok(None),
    }
}

fn read<M: Message + Default>(service: &Service, name: &str, body: &[u8]) -> Result<M, Status> {
    service.json.read(name, body).map_err(|error| unreadable(&error))
}

fn unreadable(error: &JsonError) -> Status {
    Status::invalid_argument(format!("Invalid JSON payload: {error}"))
}

fn write<M: Message>(service: &Service, name: &str, message: &M, query: &Query) -> Answer {
    written_by(&service.json, name, message, query)
}

fn written_by<M: Message>(json: &Json, name: &str, message: &M, query: &Query) -> Answer {
    let written = json.write(name, message, query.enums);
    written.map(Some).map_err(|error: JsonError| Status::internal(error.to_string()))
}

fn empty() -> Option<Vec<u8>> {
    Some(b"{}".to_vec())
}

fn place(path: &str) -> Result<Place, Status> {
    let unknown = || Status::not_found("this path is not part of the API: it is /v2/projects/… or /v3/projects/…");
    if let Some(raw) = path.strip_prefix("/v3/") {
        let path = decoded(raw).ok_or_else(|| Status::invalid_argument("the path is not UTF-8"))?;
        // What is wrong with a name is told when what it names is looked for.
        return match path.strip_suffix(":detectIntent") {
            Some(session) => Ok(Place::CxDetect(session.to_owned())),
            None if path.rsplit('/').nth(1) == Some("agents") => Ok(Place::CxAgent(path)),
            None => Err(unknown()),
        };
    }
    let raw = path.strip_prefix("/v2/").ok_or_else(unknown)?;
    let path = decoded(raw).ok_or_else(|| Status::invalid_argument("the path is not UTF-8"))?;
    if let Some(parent) = path.strip_suffix("/agent").filter(|it| is_project(it)) {
        return Ok(Place::Agent(parent.to_owned()));
    }
    if let Some(agent) = path.strip_suffix("/intents").filter(|it| !it.contains("/sessions/")) {
        return Ok(Place::Intents(agent.to_owned()));
    }
    if AgentName::of_intent(&path).is_ok() {
        return Ok(Place::Intent(path));
    }
    if let Some(session) = path.strip_suffix(":detectIntent") {
        // What is wrong with the name is told when the session is looked for.
        return Ok(Place::Detect(session.to_owned()));
    }
    // By the path as it came first: an encoded slash is part of a name, and the name's own fault to be told.
    match shape(raw).or_else(|| shape(&path)) {
        Some((collection, false)) => {
            let parent = path.strip_suffix(collection.segment()).and_then(|it| it.strip_suffix('/'));
            parent.map(|it| Place::Collection(it.to_owned(), collection)).ok_or_else(unknown)
        }
        Some((collection, true)) => Ok(Place::Item(path, collection)),
        None => Err(unknown()),
    }
}

/// Which collection of a session a path is about, and whether it is about one item of it, however wrong the names are.
fn shape(path: &str) -> Option<(Collection, bool)> {
    let parts: Vec<&str> = path.split('/').collect();
    let (segment, is_item) = match parts.as_slice() {
        ["projects", .., "sessions", _, segment] => (*segment, false),
        ["projects", .., "sessions", _, segment, _] => (*segment, true),
        _ => return None,
    };
    let collection = [Collection::Contexts, Collection::EntityTypes].into_iter().find(|it| it.segment() == segment)?;
    Some((collection, is_item))
}

/// The query's parts that this API knows.
#[derive(Debug)]
struct Query {
    enums: Enums,
    pairs: Vec<(String, String)>,
}

impl Query {
    /// # Errors
    /// When it is no UTF-8.
    fn parse(text: &str) -> Result<Self, Status> {
        let pair = |it: &str| {
            let (key, value) = it.split_once('=').unwrap_or((it, ""));
            Some((decoded(key)?, decoded(&value.replace('+', " "))?))
        };
        let pairs: Vec<(String, String)> = text
            .split('&')
            .map(pair)
            .collect::<Option<_>>()
            .ok_or_else(|| Status::invalid_argument("the query is not UTF-8"))?;
        let numbers = |(key, value): &(String, String)| {
            (key == "$alt" || key == "alt") && value.split(';').any(|it| it.trim() == "enum-encoding=int")
        };
        let enums = if pairs.iter().any(numbers) { Enums::Numbers } else { Enums::Names };
        Ok(Self { enums, pairs })
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn page(&self) -> Result<(i32, String), Status> {
        let size = self.get("pageSize").filter(|it| !it.is_empty()).unwrap_or("0").parse();
        let size = size.map_err(|_no_number| Status::invalid_argument("pageSize is no number"))?;
        Ok((size, self.get("pageToken").unwrap_or_default().to_owned()))
    }

    fn language(&self) -> String {
        self.get("languageCode").unwrap_or_default().to_owned()
    }

    /// By its name or its number.
    fn intent_view(&self) -> Result<i32, Status> {
        let given = self.get("intentView").filter(|it| !it.is_empty()).unwrap_or("0");
        let view = IntentView::from_str_name(given).or_else(|| IntentView::try_from(given.parse::<i32>().ok()?).ok());
        let unknown = || Status::invalid_argument("intentView is INTENT_VIEW_UNSPECIFIED or INTENT_VIEW_FULL");
        view.map(i32::from).ok_or_else(unknown)
    }

    /// `lifespanCount,parameters` → the fields' own names.
    fn mask(&self) -> Option<FieldMask> {
        let paths = self.get("updateMask")?.split(',').filter(|it| !it.is_empty()).map(snake);
        Some(FieldMask { paths: paths.collect() })
    }
}

fn snake(camel: &str) -> String {
    let mut snake = String::with_capacity(camel.len() + 2);
    for letter in camel.trim().chars() {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// Without percent signs; `None`: that is no UTF-8.
fn decoded(text: &str) -> Option<String> {
    percent_decode_str(text).decode_utf8().ok().map(Cow::into_owned)
}

fn written(status: StatusCode, json: Vec<u8>) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json; charset=UTF-8")], json).into_response()
}

/// Google's form of an error.
pub(super) fn error(http: StatusCode, status: &Status) -> Response {
    let body =
        json!({ "error": { "code": http.as_u16(), "message": status.message(), "status": name(status.code()) } });
    written(http, body.to_string().into_bytes())
}

/// As Google maps its codes to HTTP.
pub(super) const fn http_status(code: Code) -> StatusCode {
    match code {
        Code::Ok => StatusCode::OK,
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => StatusCode::BAD_REQUEST,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::Aborted | Code::AlreadyExists => StatusCode::CONFLICT,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        Code::Cancelled | Code::Internal | Code::DataLoss | Code::Unknown => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

const fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b16_paths_lead_to_what_they_name() {
        let session = "projects/p/agent/sessions/s";
        let of = |path: &str| place(path).map_err(|it| it.code());
        assert_eq!(of(&format!("/v2/{session}:detectIntent")), Ok(Place::Detect(session.to_owned())));
        assert_eq!(
            of("/v2/projects/p/agent/sessions/a%3Ab:detectIntent").unwrap(),
            Place::Detect("projects/p/agent/sessions/a:b".to_owned())
        );
        assert_eq!(of("/v2/projects/p/agent"), Ok(Place::Agent("projects/p".to_owned())));
        assert_eq!(
            of(&format!("/v2/{session}/contexts")),
            Ok(Place::Collection(session.to_owned(), Collection::Contexts))
        );
        let item = format!("{session}/entityTypes/drink");
        assert_eq!(of(&format!("/v2/{item}")), Ok(Place::Item(item, Collection::EntityTypes)));
        let agent = "projects/p/agent/environments/live";
        assert_eq!(of(&format!("/v2/{agent}/intents")), Ok(Place::Intents(agent.to_owned())));
        let intent = "projects/p/locations/l/agent/intents/i-1";
        assert_eq!(of(&format!("/v2/{intent}")), Ok(Place::Intent(intent.to_owned())));
        for unknown in ["/", "/v2/", "/v1/projects/p/agent", "/v2/projects/p/agent/entityTypes"] {
            assert_eq!(of(unknown), Err(Code::NotFound), "{unknown}");
        }
        assert_eq!(of("/v2/%ff"), Err(Code::InvalidArgument));
    }

    #[test]
    fn queries_are_read_as_clients_write_them() {
        let query =
            Query::parse("%24alt=json%3Benum-encoding%3Dint&updateMask=lifespanCount,parameters&pageSize=2").unwrap();
        assert_eq!(query.enums, Enums::Numbers);
        assert_eq!(query.mask().unwrap().paths, ["lifespan_count", "parameters"]);
        assert_eq!(query.page().unwrap(), (2, String::new()));
        assert_eq!(Query::parse("").unwrap().enums, Enums::Names);
        for (text, view) in [
            ("", Some(0)),
            ("intentView=INTENT_VIEW_FULL", Some(1)),
            ("intentView=1", Some(1)),
            ("intentView=ALL", None),
            ("intentView=7", None),
        ] {
            assert_eq!(Query::parse(text).unwrap().intent_view().ok(), view, "{text}");
        }
        for (text, enums) in [
            ("alt=json;enum-encoding=int", Enums::Numbers),
            ("alt=json%3Benum-encoding%3Dint", Enums::Numbers),
            ("alt=json", Enums::Names),
            ("alt=json;enum-encoding=integers", Enums::Names),
            ("other=json;enum-encoding=int", Enums::Names),
        ] {
            assert_eq!(Query::parse(text).unwrap().enums, enums, "{text}");
        }
        assert_eq!(Query::parse("pageToken=%ff").unwrap_err().code(), Code::InvalidArgument);
        assert_eq!(decoded("100%").as_deref(), Some("100%"));
    }
}
