//! Why an outbound call failed, in words an administrator can act on.

use std::{error::Error, io};

use super::{names::NameError, resolver::Refused};

/// A closed set: decides fallback, metric label and whether a repetition can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EgressErrorKind {
    /// The allow-list does not permit the URL.
    NotAllowed,
    /// The host leads only to addresses that are not permitted.
    Address,
    /// No name server knows the host, or none answers.
    Dns,
    /// No connection could be made.
    Unreachable,
    /// The certificate is not accepted, or TLS failed otherwise.
    Tls,
    /// The whole call took too long.
    Deadline,
    /// The answer broke off or is not HTTP.
    Broken,
    /// A redirect that is not followed.
    Redirect,
    /// An answer other than 2xx.
    Status,
    /// The answer is larger than allowed.
    TooLarge,
    /// The request cannot be made: not a URL, not a header value.
    Invalid,
}

impl EgressErrorKind {
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::NotAllowed => "not_allowed",
            Self::Address => "address",
            Self::Dns => "dns",
            Self::Unreachable => "unreachable",
            Self::Tls => "tls",
            Self::Deadline => "deadline",
            Self::Broken => "broken",
            Self::Redirect => "redirect",
            Self::Status => "status",
            Self::TooLarge => "too_large",
            Self::Invalid => "invalid",
        }
    }
}

/// Names hosts and statuses; never a path, a query, a body or a credential.
#[derive(Debug, thiserror::Error)]
#[error("{detail}")]
pub struct EgressError {
    pub kind: EgressErrorKind,
    pub detail: String,
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

impl EgressError {
    pub(super) fn new(kind: EgressErrorKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), source: None }
    }

    /// Nothing of the request has left: to send it again is safe.
    #[must_use]
    pub const fn is_unsent(&self) -> bool {
        match self.kind {
            EgressErrorKind::NotAllowed
            | EgressErrorKind::Address
            | EgressErrorKind::Dns
            | EgressErrorKind::Unreachable
            | EgressErrorKind::Tls
            | EgressErrorKind::Invalid => true,
            EgressErrorKind::Deadline
            | EgressErrorKind::Broken
            | EgressErrorKind::Redirect
            | EgressErrorKind::Status
            | EgressErrorKind::TooLarge => false,
        }
    }

    pub(super) fn because(self, source: impl Error + Send + Sync + 'static) -> Self {
        Self { source: Some(Box::new(source)), ..self }
    }

    pub(super) fn of_name(error: NameError) -> Self {
        Self::new(EgressErrorKind::Dns, error.to_string()).because(error)
    }

    /// What the client made of a failed exchange with `place` (`https://host:port`).
    pub(super) fn of_transport(error: reqwest::Error, place: &str) -> Self {
        use EgressErrorKind::{Address, Broken, Dns, Tls, Unreachable};
        // The URL may hold what the customer said.
        let error = error.without_url();
        let (kind, detail) = if let Some(refused) = cause::<Refused>(&error) {
            (Address, refused.to_string())
        } else if let Some(name) = cause::<NameError>(&error) {
            (Dns, name.to_string())
        } else if let Some(tls) = cause::<rustls::Error>(&error) {
            (Tls, format!("{place}: {tls}"))
        } else if error.is_connect() && error.is_timeout() {
            (Unreachable, format!("{place} does not accept connections in time"))
        } else if error.is_connect() {
            let reason = causes(&error).filter_map(|it| it.downcast_ref::<io::Error>()).last();
            let reason = reason.map_or_else(String::new, |it| format!(": {}", it.kind()));
            (Unreachable, format!("{place} cannot be reached{reason}"))
        } else {
            (Broken, format!("{place} broke off, or does not speak HTTP"))
        };
        Self::new(kind, detail).because(error)
    }
}

/// What lies below `error`, from the outside in.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(error.source(), |it| below(*it))
}

/// I/O errors hide what they wrap from `source`.
fn below<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

fn cause<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    causes(error).find_map(|it| it.downcast_ref::<T>())
}
