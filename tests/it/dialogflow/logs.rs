//! Neither a token nor a customer's word reaches the log, at any level.

use std::{
    io,
    sync::{Arc, Mutex},
};

use tonic::Code;
use tracing_subscriber::fmt::MakeWriter;

use super::*;
use crate::fakes::{
    dialogflow::Reaction,
    token_server::{Grant, TokenServer},
};

#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn pain_10_no_token_and_no_customer_text_in_logs_or_errors() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone()).finish();
    let guard = tracing::subscriber::set_default(subscriber);

    let (dialogflow, tokens) = (FakeDialogflow::start(), TokenServer::start());
    let mut shown = String::new();
    for transport in [Transport::Grpc, Transport::Rest] {
        tokens.next(Grant::Broken(503));
        let engine = engine(DialogflowV2 {
            transport,
            credential: Some(tokens.credential()),
            ..settings(dialogflow.endpoint())
        });
        ask(&engine, "my card is 4111").await.unwrap();
        for code in [Code::Unauthenticated, Code::InvalidArgument, Code::Internal] {
            dialogflow.next(Reaction::Status(code));
            let error = ask(&engine, "my card is 4111").await.unwrap_err();
            shown += &format!("{error} {error:?} {engine:?}");
        }
    }
    drop(guard);
    shown += &log.text();
    assert!(shown.contains("no new access token"), "the log was captured");
    assert!(!dialogflow.requests().is_empty());
    for secret in ["planted-secret", "4111", "PRIVATE KEY"] {
        let leak = shown.find(secret).map(|at| shown[at.saturating_sub(300)..at].to_owned());
        assert_eq!(leak, None, "{secret}");
    }
}
