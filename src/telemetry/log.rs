//! Logs: where they go, in which form, and what never gets in.

use std::io::{self, IsTerminal as _};

use tracing::{Metadata, Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{FilterExt as _, ParseError, filter_fn},
    fmt::{self, MakeWriter},
    layer::SubscriberExt as _,
    registry::Registry,
    util::{SubscriberInitExt as _, TryInitError},
};

use super::traces::{EndpointError, Traces};
use crate::config::settings::{Log, LogFormat};

/// Crates that write access tokens, or what is sent, into their logs. No filter switches them on.
const SECRETS: &[&str] = &["aws_sigv4", "yup_oauth2"];

/// What a library does inside is shown from `warn` on, unless the filter names it.
const QUIET: &str = "h2=warn,hyper=warn,hyper_util=warn,reqwest=warn,tonic=warn,tower=warn,rustls=warn,hickory_proto=warn,\
                     hickory_resolver=warn,hickory_net=warn,sqlx=warn";

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("the log filter cannot be read")]
    Filter(#[from] ParseError),
    #[error("the OTLP endpoint cannot be used")]
    Endpoint(#[from] EndpointError),
    #[error("logging is set up already")]
    Twice(#[from] TryInitError),
}

/// Whether `filter` can be used as [`Log::filter`].
///
/// # Errors
/// Says what in it cannot be read.
pub fn check_filter(filter: &str) -> Result<(), ParseError> {
    parse(filter).map(drop)
}

fn parse(filter: &str) -> Result<EnvFilter, ParseError> {
    let builder = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into());
    // Of two directives for one target the later one holds.
    if filter.trim().is_empty() { builder.parse(QUIET) } else { builder.parse(format!("{QUIET},{filter}")) }
}

/// Sets logging (to standard error) and traces up for the whole process. Within a tokio runtime; once.
///
/// # Errors
/// When the filter or the endpoint cannot be read, or when this is the second time.
pub fn start(log: &Log, otlp_endpoint: Option<&str>) -> Result<Traces, StartError> {
    let (subscriber, traces) = subscriber(log, otlp_endpoint, io::stderr, io::stderr().is_terminal())?;
    subscriber.try_init()?;
    Ok(traces)
}

/// What [`start`] installs, with another place to write to.
///
/// # Errors
/// When the filter or the endpoint cannot be read.
pub fn subscriber<W>(
    log: &Log,
    otlp_endpoint: Option<&str>,
    writer: W,
    colours: bool,
) -> Result<(impl Subscriber + Send + Sync + use<W>, Traces), StartError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match log.format {
        LogFormat::Pretty => fmt::layer().with_writer(writer).with_ansi(colours).boxed(),
        LogFormat::Json => {
            fmt::layer().json().flatten_event(true).with_span_list(false).with_writer(writer).with_ansi(false).boxed()
        }
    };
    let lines = lines.with_filter(parse(&log.filter)?.and(filter_fn(is_harmless)));
    let traces = Traces::to(otlp_endpoint)?;
    // Not `with(Option)`: a layer that is `None` has no filter, and then every span and event of every library is looked at
    // again each time it comes by, which costs more than relaying a message.
    let mut layers: Vec<Box<dyn Layer<Registry> + Send + Sync>> = vec![lines.boxed()];
    layers.extend(traces.layer().map(Layer::boxed));
    Ok((Registry::default().with(layers), traces))
}

fn is_harmless(metadata: &Metadata<'_>) -> bool {
    let of_crate =
        |name: &str| metadata.target().strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
    !SECRETS.iter().any(|name| of_crate(name))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::Value;

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn lines(format: LogFormat, filter: &str, act: impl FnOnce()) -> Vec<String> {
        let written = Written::default();
        let writer = written.clone();
        let log = Log { format, filter: filter.into() };
        let (subscriber, _) = subscriber(&log, None, move || writer.clone(), false).unwrap();
        tracing::subscriber::with_default(subscriber, act);
        let bytes = written.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap().lines().map(String::from).collect()
    }

    fn log_as_oauth_library() {
        tracing::error!(target: "yup_oauth2", token = "ya29.secret", "refreshed");
        tracing::debug!(target: "yup_oauth2::authenticator", token = "ya29.secret", "refreshed");
    }

    #[test]
    fn no_filter_lets_a_token_out() {
        for filter in
            ["trace", "trace,yup_oauth2=trace", "yup_oauth2::authenticator=trace", "yup_oauth2[{token}]=trace"]
        {
            assert_eq!(lines(LogFormat::Pretty, filter, log_as_oauth_library), [""; 0], "{filter}");
        }
        let log_as_signer =
            || tracing::error!(target: "aws_sigv4::http_request::sign", body = "my number is 4711", "signing");
        assert_eq!(lines(LogFormat::Pretty, "trace,aws_sigv4=trace", log_as_signer), [""; 0]);
        let similar = || tracing::error!(target: "yup_oauth2_like", "harmless");
        assert_eq!(lines(LogFormat::Pretty, "trace", similar).len(), 1);
    }

    #[test]
    fn what_nobody_wants_costs_nothing() {
        let log = Log { format: LogFormat::Pretty, filter: "info".into() };
        let (subscriber, _) = subscriber(&log, None, io::sink, false).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            assert!(tracing::trace_span!(target: "h2", "frame").is_disabled());
            assert!(tracing::debug_span!(target: super::super::SPANS, "ask").is_disabled());
        });
    }

    #[test]
    fn libraries_are_quiet_unless_named() {
        let noise = || tracing::debug!(target: "h2::codec", "frame");
        let trouble = || tracing::warn!(target: "hyper_util::client", "trouble");
        let ours = || tracing::debug!(target: "usher::nlp", "ours");
        let count = |filter, act: fn()| lines(LogFormat::Pretty, filter, act).len();
        assert_eq!((count("debug", noise), count("debug", trouble), count("debug", ours)), (0, 1, 1));
        assert_eq!((count("debug,h2=debug", noise), count("", trouble), count("", ours)), (1, 1, 0));
    }

    #[test]
    fn json_lines_carry_the_fields_and_the_span() {
        let lines = lines(LogFormat::Json, "info", || {
            let span = tracing::info_span!("contact", contact.id = "north/c-1");
            span.in_scope(|| tracing::info!(turn = 3, "answered"));
        });
        let line: Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["message"], "answered");
        assert_eq!(line["turn"], 3);
        assert_eq!(line["span"]["contact.id"], "north/c-1");
    }

    #[test]
    fn a_bad_filter_is_refused() {
        assert!(check_filter("info,usher::nlp=debug").is_ok());
        assert!(check_filter("info,usher=loud").is_err());
        let log = Log { format: LogFormat::Json, filter: "usher=loud".into() };
        assert!(matches!(subscriber(&log, None, io::sink, false).map(drop), Err(StartError::Filter(_))));
    }
}
