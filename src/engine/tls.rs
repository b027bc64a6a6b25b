//! TLS and mutual TLS at the doors of routing engines and connectors.

use std::{fmt, fs, io, path::PathBuf, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use futures::{Stream, StreamExt as _};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject as _},
    },
    server::{VerifierBuilderError, WebPkiClientVerifier},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::config::settings::Tls;

const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
const HANDSHAKES_AT_A_TIME: usize = 256;

/// Why the certificate files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{} cannot be read", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} holds no readable PEM", path.display())]
    Pem { path: PathBuf, source: pem::Error },
    #[error("{} holds no certificate", path.display())]
    NoCertificate { path: PathBuf },
    #[error("{} cannot serve as a certificate authority for clients", path.display())]
    ClientCa { path: PathBuf, source: rustls::Error },
    #[error("certificate authority {} cannot be used", path.display())]
    Verifier { path: PathBuf, source: VerifierBuilderError },
    #[error("{} and {} do not make a pair", certificate.display(), key.display())]
    Pair { certificate: PathBuf, key: PathBuf, source: rustls::Error },
}

/// The certificate that new connections are shown; [`TlsDoor::reload`] renews it without touching those that stand.
pub struct TlsDoor {
    files: Tls,
    alpn: &'static [&'static [u8]],
    current: ArcSwap<ServerConfig>,
}

impl fmt::Debug for TlsDoor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsDoor").field("files", &self.files).finish_non_exhaustive()
    }
}

impl TlsDoor {
    /// For gRPC.
    ///
    /// # Errors
    /// When a file cannot be read or does not hold what it should.
    pub fn open(files: Tls) -> Result<Self, TlsError> {
        Self::open_for(files, &[b"h2"])
    }

    /// For these protocols, as ALPN names them.
    ///
    /// # Errors
    /// As [`TlsDoor::open`].
    pub fn open_for(files: Tls, alpn: &'static [&'static [u8]]) -> Result<Self, TlsError> {
        let current = ArcSwap::from_pointee(read(&files, alpn)?);
        Ok(Self { files, alpn, current })
    }

    /// Reads the files again. On error everything stays as it was.
    ///
    /// # Errors
    /// As [`TlsDoor::open`].
    pub fn reload(&self) -> Result<(), TlsError> {
        self.current.store(Arc::new(read(&self.files, self.alpn)?));
        Ok(())
    }

    /// Connections that have completed their handshake; those that fail are logged and dropped.
    pub fn accept<IO>(
        self: Arc<Self>,
        incoming: impl Stream<Item = io::Result<IO>>,
    ) -> impl Stream<Item = io::Result<TlsStream<IO>>>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let handshake = move |io: io::Result<IO>| {
            let acceptor = TlsAcceptor::from(self.current.load_full());
            async move { timeout(HANDSHAKE_WITHIN, acceptor.accept(io?)).await? }
        };
        incoming.map(handshake).buffer_unordered(HANDSHAKES_AT_A_TIME).filter_map(|outcome| async {
            outcome.inspect_err(|why| tracing::info!(%why, "TLS handshake failed")).ok().map(Ok)
        })
    }
}

fn read(files: &Tls, alpn: &[&[u8]]) -> Result<ServerConfig, TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let pair = |source| TlsError::Pair { certificate: files.certificate.clone(), key: files.key.clone(), source };
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(pair)?;
    let builder = match &files.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(path)? {
                roots.add(certificate).map_err(|source| TlsError::ClientCa { path: path.clone(), source })?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider)
                .build()
                .map_err(|source| TlsError::Verifier { path: path.clone(), source })?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let chain = certificates(&files.certificate)?;
    let key = PrivateKeyDer::from_pem_slice(&bytes(&files.key)?)
        .map_err(|source| TlsError::Pem { path: files.key.clone(), source })?;
    let mut config = builder.with_single_cert(chain, key).map_err(pair)?;
    config.alpn_protocols = alpn.iter().map(|it| it.to_vec()).collect();
    Ok(config)
}

fn certificates(path: &PathBuf) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&bytes(path)?)
        .collect::<Result<_, _>>()
        .map_err(|source| TlsError::Pem { path: path.clone(), source })?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate { path: path.clone() });
    }
    Ok(chain)
}

fn bytes(path: &PathBuf) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::Read { path: path.clone(), source })
}
