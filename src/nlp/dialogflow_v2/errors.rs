//! Dialogflow's refusals as failures of our own: a closed kind, and advice for the administrator.
//!
//! Advice names profile, project and region; never a token, never a word of the customer's.

use std::{error::Error, time::Duration};

use tonic::Code;

use super::DialogflowV2;
use crate::{
    config::settings::Profile, core::message::FailureKind, gateway::ports::AskError, nlp::google_auth::TokenFault,
};

/// Where an ask goes, as an administrator knows it.
#[derive(Debug)]
pub(super) struct Place {
    profile: String,
    project: String,
    region: String,
    environment: String,
    endpoint: String,
}

type Cause = Option<Box<dyn Error + Send + Sync>>;

impl Place {
    pub(super) fn new(profile: &Profile, config: &DialogflowV2, endpoint: &str) -> Self {
        Self {
            profile: profile.name.to_string(),
            project: config.project.clone(),
            region: config.region.clone().unwrap_or_else(|| "global".into()),
            environment: config.environment.clone().unwrap_or_else(|| "draft".into()),
            endpoint: endpoint.to_owned(),
        }
    }

    /// Dialogflow, or what stands before it, answered with a status.
    pub(super) fn refused(&self, code: Code, cause: Cause) -> AskError {
        let Self { project, region, environment, endpoint, .. } = self;
        let (kind, advice) = match code {
            Code::Unavailable => (
                FailureKind::Unavailable,
                format!("Dialogflow at {endpoint} says it is unavailable; it usually recovers by itself"),
            ),
            Code::DeadlineExceeded => (
                FailureKind::Deadline,
                format!("Dialogflow gave up on a request to project {project}: look for a slow fulfilment webhook"),
            ),
            Code::ResourceExhausted => (
                FailureKind::Quota,
                format!(
                    "project {project} has used up its Dialogflow quota in region {region}; raise \"requests per \
                     minute\" in Google Cloud under IAM & Admin > Quotas, or wait for the next minute"
                ),
            ),
            Code::Unauthenticated => (
                FailureKind::Credential,
                format!(
                    "Dialogflow does not accept the credential for project {project}: upload a valid key of a service \
                     account, and check this machine's clock"
                ),
            ),
            Code::PermissionDenied => (
                FailureKind::Credential,
                format!(
                    "the service account may not use Dialogflow in project {project}: grant it the role \"Dialogflow API \
                     Client\" there, and see that the Dialogflow API is enabled"
                ),
            ),
            Code::NotFound => (
                FailureKind::NotFound,
                format!(
                    "no agent in project {project}, region {region}, environment {environment}: an agent lives in one \
                     region only, so compare `region` with the agent's location in the Dialogflow console, then \
                     `project` and `environment`"
                ),
            ),
            Code::Unimplemented => (
                FailureKind::NotFound,
                format!("{endpoint} does not speak Dialogflow V2: check `endpoint` and `transport`"),
            ),
            Code::InvalidArgument => (
                FailureKind::Invalid,
                format!(
                    "Dialogflow refuses the request as invalid: check that the agent in project {project} speaks the \
                     contact's language, the profile's `time_zone`, and that texts stay within 256 characters"
                ),
            ),
            Code::FailedPrecondition => (
                FailureKind::Precondition,
                format!(
                    "project {project} is not ready to answer in region {region}: see in the Dialogflow console that the \
                     agent exists, its training has ended, and billing is on"
                ),
            ),
            Code::OutOfRange => return self.malformed(cause),
            Code::Ok
            | Code::Cancelled
            | Code::Unknown
            | Code::AlreadyExists
            | Code::Aborted
            | Code::Internal
            | Code::DataLoss => (
                FailureKind::Internal,
                format!("Dialogflow failed by itself ({code:?}) in project {project}; see status.cloud.google.com"),
            ),
        };
        self.failure(kind, &advice, cause)
    }

    /// No connection, or it broke.
    pub(super) fn unreachable(&self, cause: Cause) -> AskError {
        let endpoint = &self.endpoint;
        let advice = format!(
            "{endpoint} cannot be reached: check name resolution, the firewall for port 443, and whether this site needs \
             `transport = \"rest\"` with `proxy`"
        );
        self.failure(FailureKind::Unavailable, &advice, cause)
    }

    pub(super) fn late(&self, deadline: Duration) -> AskError {
        let advice = format!(
            "no answer from {} within {} ms: look for a slow fulfilment webhook, or raise `deadline`",
            self.endpoint,
            deadline.as_millis()
        );
        self.failure(FailureKind::Deadline, &advice, None)
    }

    pub(super) fn malformed(&self, cause: Cause) -> AskError {
        let advice = format!("the answer of {} cannot be read as Dialogflow V2: check `endpoint`", self.endpoint);
        self.failure(FailureKind::Malformed, &advice, cause)
    }

    pub(super) fn empty(&self) -> AskError {
        let advice = format!(
            "the agent in project {} matched an intent without text and without action: give it a response",
            self.project
        );
        self.failure(FailureKind::Empty, &advice, None)
    }

    pub(super) fn webhook(&self, code: Code) -> AskError {
        let advice = format!(
            "the fulfilment webhook of the agent in project {} failed ({code:?}) and left nothing to say: see the \
             webhook's log, and give the intent a default response",
            self.project
        );
        self.failure(FailureKind::Webhook, &advice, None)
    }

    /// A body that a restart has taken away was to be asked; the gateway should have known.
    pub(super) fn redacted(&self) -> AskError {
        self.failure(FailureKind::Interrupted, "the text was sensitive and is gone after the restart", None)
    }

    /// No token, so nothing was asked.
    pub(super) fn no_token(&self, fault: TokenFault) -> AskError {
        let project = &self.project;
        let (kind, advice) = match fault {
            TokenFault::Refused(code) => (
                FailureKind::Credential,
                format!(
                    "Google refuses the service account of project {project} ({code}): its key may be deleted or \
                     disabled, or this machine's clock is wrong; upload a new key"
                ),
            ),
            TokenFault::Key => {
                (FailureKind::Credential, format!("the key for project {project} cannot sign: upload it anew"))
            }
            TokenFault::Unreachable => (
                FailureKind::Unavailable,
                format!(
                    "the credential's `token_uri` cannot be reached, so project {project} cannot be asked: check name \
                     resolution, firewall and proxy"
                ),
            ),
            TokenFault::Malformed => (
                FailureKind::Unavailable,
                format!("the credential's `token_uri` gives no token for project {project}: is it Google's?"),
            ),
        };
        self.failure(kind, &advice, Some(Box::new(fault)))
    }

    fn failure(&self, kind: FailureKind, advice: &str, source: Cause) -> AskError {
        AskError { kind, advice: format!("profile {}: {advice}", self.profile), source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nlp::dialogflow_v2::tests::place;

    #[test]
    fn s33_each_status_has_its_kind_and_advice() {
        let expected = [
            (Code::Unavailable, FailureKind::Unavailable, "unavailable"),
            (Code::DeadlineExceeded, FailureKind::Deadline, "webhook"),
            (Code::ResourceExhausted, FailureKind::Quota, "Quotas"),
            (Code::Unauthenticated, FailureKind::Credential, "clock"),
            (Code::PermissionDenied, FailureKind::Credential, "Dialogflow API Client"),
            (Code::NotFound, FailureKind::NotFound, "region europe-west1"),
            (Code::Unimplemented, FailureKind::NotFound, "endpoint"),
            (Code::InvalidArgument, FailureKind::Invalid, "256"),
            (Code::FailedPrecondition, FailureKind::Precondition, "console"),
            (Code::OutOfRange, FailureKind::Malformed, "cannot be read"),
            (Code::Internal, FailureKind::Internal, "Internal"),
            (Code::Aborted, FailureKind::Internal, "Aborted"),
        ];
        for (code, kind, word) in expected {
            let error = place().refused(code, None);
            assert_eq!(error.kind, kind, "{code:?}");
            assert!(error.advice.starts_with("profile support: "), "{}", error.advice);
            assert!(error.advice.contains(word), "{code:?}: {}", error.advice);
        }
    }
}
