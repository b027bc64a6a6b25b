//! Dialogflow's refusals as failures of our own: a closed kind, and advice for the administrator.
//!
//! Advice names profile, project and region; never a token, never a word of the customer's.

use std::{error::Error, time::Duration};

use tonic::Code;

use crate::{core::message::FailureKind, gateway::ports::AskError, nlp::google_auth::TokenFault};

/// Where an ask goes, as an administrator knows it.
#[derive(Clone, Debug)]
pub(in crate::nlp) struct Place {
    /// `Dialogflow V2`
    pub(in crate::nlp) api: &'static str,
    /// What the profile calls the place of an agent: `region`.
    pub(in crate::nlp) located_by: &'static str,
    pub(in crate::nlp) profile: String,
    pub(in crate::nlp) project: String,
    pub(in crate::nlp) region: String,
    /// Where the version names agents: the agent's id.
    pub(in crate::nlp) agent: Option<String>,
    pub(in crate::nlp) environment: String,
    pub(in crate::nlp) endpoint: String,
}

type Cause = Option<Box<dyn Error + Send + Sync>>;

impl Place {
    /// Dialogflow, or what stands before it, answered with a status.
    pub(in crate::nlp) fn refused(&self, code: Code, cause: Cause) -> AskError {
        let Self { api, located_by, project, region, endpoint, .. } = self;
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
                    "project {project} has used up its Dialogflow quota in {located_by} {region}; raise \"requests per \
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
            Code::NotFound => (FailureKind::NotFound, self.nowhere()),
            Code::Unimplemented => {
                (FailureKind::NotFound, format!("{endpoint} does not speak {api}: check `endpoint` and `transport`"))
            }
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
                    "project {project} is not ready to answer in {located_by} {region}: see in the Dialogflow console that the \
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

    fn nowhere(&self) -> String {
        let Self { located_by, project, region, environment, .. } = self;
        let (agent, then) = match &self.agent {
            Some(agent) => (format!("no agent {agent}"), "`project`, `agent`"),
            None => ("no agent".to_owned(), "`project`"),
        };
        format!(
            "{agent} in project {project}, {located_by} {region}, environment {environment}: an agent lives in one \
             {located_by} only, so compare `{located_by}` with the agent's location in the Dialogflow console, then \
             {then} and `environment`"
        )
    }

    /// No connection, or it broke.
    pub(in crate::nlp) fn unreachable(&self, cause: Cause) -> AskError {
        let endpoint = &self.endpoint;
        let advice = format!(
            "{endpoint} cannot be reached: check name resolution, the firewall for port 443, and whether this site needs \
             `transport = \"rest\"` with `proxy`"
        );
        self.failure(FailureKind::Unavailable, &advice, cause)
    }

    pub(in crate::nlp) fn late(&self, deadline: Duration) -> AskError {
        let advice = format!(
            "no answer from {} within {} ms: look for a slow fulfilment webhook, or raise `deadline_ms`",
            self.endpoint,
            deadline.as_millis()
        );
        self.failure(FailureKind::Deadline, &advice, None)
    }

    pub(in crate::nlp) fn malformed(&self, cause: Cause) -> AskError {
        let advice = format!("the answer of {} cannot be read as {}: check `endpoint`", self.endpoint, self.api);
        self.failure(FailureKind::Malformed, &advice, cause)
    }

    pub(in crate::nlp) fn empty(&self) -> AskError {
        let advice = format!(
            "the agent in project {} matched an intent without text and without action: give it a response",
            self.project
        );
        self.failure(FailureKind::Empty, &advice, None)
    }

    pub(in crate::nlp) fn webhook(&self, code: Code) -> AskError {
        let advice = format!(
            "the fulfilment webhook of the agent in project {} failed ({code:?}) and left nothing to say: see the \
             webhook's log, and give the intent a default response",
            self.project
        );
        self.failure(FailureKind::Webhook, &advice, None)
    }

    /// A body that a restart has taken away was to be asked; the gateway should have known.
    pub(in crate::nlp) fn redacted(&self) -> AskError {
        self.failure(FailureKind::Interrupted, "the text was sensitive and is gone after the restart", None)
    }

    /// No token, so nothing was asked.
    pub(in crate::nlp) fn no_token(&self, fault: TokenFault) -> AskError {
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
        AskError { source, ..AskError::new(kind, format!("profile {}: {advice}", self.profile)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nlp::google::tests::place;

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
