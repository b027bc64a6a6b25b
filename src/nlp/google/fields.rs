//! The settings that every version of Dialogflow has.

use crate::config::schema::{Field, Form, Required};

pub(in crate::nlp) const PLAIN: Field =
    Field { key: "", help: "", form: Form::Flag, default: None, example: "", required: Required::No };

pub(in crate::nlp) const CREDENTIAL: Field = Field {
    key: "credential",
    help: "Mandatory: the service-account JSON of the Google project. May be left out only when `endpoint` names an emulator.",
    form: Form::ServiceAccount,
    example: "{ file = \"service-account.json\" }",
    required: Required::Unless(
        "endpoint",
        "name the service-account JSON of the Google project: { file = \"service-account.json\" }",
    ),
    ..PLAIN
};

pub(in crate::nlp) const PROJECT: Field = Field {
    key: "project",
    help: "None: the credential's.",
    form: Form::Segment(128),
    example: "\"my-project\"",
    ..PLAIN
};

pub(in crate::nlp) const ENDPOINT: Field = Field {
    key: "endpoint",
    help: "Overrides the regional host, for an emulator: \"http://127.0.0.1:9000\".",
    form: Form::Endpoint,
    example: "\"http://127.0.0.1:9000\"",
    ..PLAIN
};

pub(in crate::nlp) const TRANSPORT: Field = Field {
    key: "transport",
    help: "grpc | rest; rest for sites behind an HTTP proxy.",
    form: Form::Choice(&["grpc", "rest"]),
    default: Some("\"grpc\""),
    ..PLAIN
};

pub(in crate::nlp) const PROXY: Field = Field {
    key: "proxy",
    form: Form::Proxy,
    help: "For rest alone.",
    example: "\"http://proxy.example.com:3128\"",
    ..PLAIN
};

pub(in crate::nlp) const CONNECTIONS: Field = Field {
    key: "connections",
    help: "Each takes about a hundred calls at a time.",
    form: Form::Number(1, 64),
    default: Some("4"),
    ..PLAIN
};

pub(in crate::nlp) const DEADLINE: Field = Field {
    key: "deadline_ms",
    help: "How long one question may take, second tries included.",
    form: Form::Millis(100, 60_000),
    default: Some("7000"),
    ..PLAIN
};

pub(in crate::nlp) const SENTIMENT: Field = Field {
    key: "sentiment",
    help: "Ask for the mood of what the customer says.",
    form: Form::Flag,
    default: Some("false"),
    ..PLAIN
};
