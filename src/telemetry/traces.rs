//! Traces over OTLP, when an endpoint is configured.
//!
//! A collector that is slow or gone costs nothing but its spans: they wait in a bounded queue, are sent by a thread of their
//! own, and are dropped when the queue is full.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{SpanExporter as OtlpExporter, WithExportConfig as _, WithTonicConfig as _};
use opentelemetry_sdk::{
    Resource,
    error::{OTelSdkError, OTelSdkResult},
    trace::{SdkTracerProvider, SpanData, SpanExporter},
};
use tonic::transport::{ClientTlsConfig, Endpoint};
use tracing::{Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{Layer, filter::Targets, registry::LookupSpan};

/// How long one batch may take.
const EXPORT_WITHIN: Duration = Duration::from_secs(5);
/// How long going down waits for the last batch.
const FLUSH_WITHIN: Duration = Duration::from_secs(5);

/// Target of the spans that show where a contact's time goes. They are below the usual level of the log, so that without
/// an endpoint they cost nothing.
pub const SPANS: &str = "usher::spans";

#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    #[error("it is no http:// or https:// address")]
    Scheme,
    #[error(transparent)]
    Address(#[from] tonic::transport::Error),
    #[error(transparent)]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
}

/// The way traces take out of the process. Keep it, and call [`Self::flush`] at the end.
#[derive(Clone, Debug)]
pub struct Traces {
    provider: Option<SdkTracerProvider>,
}

impl Traces {
    pub(super) fn to(endpoint: Option<&str>) -> Result<Self, EndpointError> {
        let provider = endpoint.map(provider).transpose()?;
        Ok(Self { provider })
    }

    /// Our own spans alone: those of the exporter's transport would beget new ones without end.
    pub(super) fn layer<S>(&self) -> Option<impl Layer<S> + use<S>>
    where
        S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
    {
        let tracer = self.provider.as_ref()?.tracer("usher");
        let ours = Targets::new().with_target("usher", LevelFilter::INFO).with_target(SPANS, LevelFilter::DEBUG);
        Some(tracing_opentelemetry::layer().with_tracer(tracer).with_threads(false).with_filter(ours))
    }

    /// Sends what waits, for a few seconds at most. Spans that end later are lost.
    pub async fn flush(self) {
        let Some(provider) = self.provider else { return };
        // It blocks, and what it waits for may need this very thread.
        let flushed = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(FLUSH_WITHIN)).await;
        match flushed {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the last traces could not be delivered"),
            Err(error) => tracing::warn!(%error, "the last traces could not be delivered"),
        }
    }
}

fn provider(endpoint: &str) -> Result<SdkTracerProvider, EndpointError> {
    let address = Endpoint::from_shared(endpoint.to_owned())?.connect_timeout(EXPORT_WITHIN).timeout(EXPORT_WITHIN);
    let channel = match address.uri().scheme_str() {
        Some("http") => address,
        Some("https") => address.tls_config(ClientTlsConfig::new().with_webpki_roots())?,
        Some(_) | None => return Err(EndpointError::Scheme),
    };
    let exporter = OtlpExporter::builder()
        .with_tonic()
        .with_channel(channel.connect_lazy())
        .with_timeout(EXPORT_WITHIN)
        .build()?;
    let resource = Resource::builder()
        .with_service_name("usher")
        .with_attribute(opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(Reporting { inner: exporter, failing: Arc::default() })
        .with_resource(resource)
        .build();
    Ok(provider)
}

/// Says once that the collector does not take traces, and once that it does again.
#[derive(Debug)]
struct Reporting<E> {
    inner: E,
    failing: Arc<AtomicBool>,
}

impl<E: SpanExporter> SpanExporter for Reporting<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let result = self.inner.export(batch).await;
        match &result {
            Ok(()) if self.failing.swap(false, Relaxed) => tracing::info!("traces are delivered again"),
            Err(error) if !self.failing.swap(true, Relaxed) => {
                tracing::warn!(%error, "traces cannot be delivered; they are dropped until they can");
            }
            Ok(()) | Err(_) => {}
        }
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> Result<(), OTelSdkError> {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}
