//! Kinds of errors and their one mapping to HTTP, gRPC, metric label and retry.

/// An error as a client of one of our doors sees it: no secret, no customer's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Problem {
    pub kind: ProblemKind,
    /// What is wrong and, where that helps, how to mend it.
    pub detail: String,
}

impl Problem {
    #[must_use]
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }
}

impl From<Problem> for tonic::Status {
    fn from(problem: Problem) -> Self {
        Self::new(problem.kind.grpc(), problem.detail)
    }
}

/// What a client of one of our doors may learn of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProblemKind {
    /// No credential, or one that is not ours.
    Unauthenticated,
    /// A good credential, but not for this.
    Forbidden,
    NotFound,
    /// The request is malformed or breaks the contract.
    Invalid,
    /// The request is right, the state is not.
    Precondition,
    TooLarge,
    /// A bound is reached; try again later.
    Busy,
    /// A part we need is down; try again later.
    Unavailable,
    /// Someone with the same right has taken its place.
    Replaced,
    Internal,
}

impl ProblemKind {
    #[must_use]
    pub const fn http(self) -> http::StatusCode {
        use http::StatusCode;
        match self {
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Invalid => StatusCode::BAD_REQUEST,
            Self::Precondition | Self::Replaced => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Busy => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    #[must_use]
    pub const fn grpc(self) -> tonic::Code {
        use tonic::Code;
        match self {
            Self::Unauthenticated => Code::Unauthenticated,
            Self::Forbidden => Code::PermissionDenied,
            Self::NotFound => Code::NotFound,
            Self::Invalid => Code::InvalidArgument,
            Self::Precondition => Code::FailedPrecondition,
            Self::TooLarge => Code::OutOfRange,
            Self::Busy => Code::ResourceExhausted,
            Self::Unavailable => Code::Unavailable,
            Self::Replaced => Code::Aborted,
            Self::Internal => Code::Internal,
        }
    }

    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::Invalid => "invalid",
            Self::Precondition => "precondition",
            Self::TooLarge => "too_large",
            Self::Busy => "busy",
            Self::Unavailable => "unavailable",
            Self::Replaced => "replaced",
            Self::Internal => "internal",
        }
    }
}
