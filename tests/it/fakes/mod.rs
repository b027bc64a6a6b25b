//! Stand-ins on the wire for systems that cannot be had, with their documented behaviour and errors.

pub(crate) mod connector;
pub(crate) mod cx;
pub(crate) mod dialogflow;
pub(crate) mod dialogflow_v1;
pub(crate) mod direct_line;
pub(crate) mod dns;
pub(crate) mod engine;
pub(crate) mod google;
pub(crate) mod http_target;
pub(crate) mod lex;
pub(crate) mod openai;
pub(crate) mod rasa;
pub(crate) mod server;
pub(crate) mod token_server;
pub(crate) mod webhook;
