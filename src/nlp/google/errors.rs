//! Dialogflow's refusals as failures of our own: a closed kind, and advice for the administrator.
//!
//! Advice names profile, project and region; never a token, never a word of the customer's.

use std::{error::Error, time::Duration};

use tonic::Code;

use crate::{
    core::{
        message::FailureKind,
        said::{Said, said},
    },
    gateway::ports::AskError,
    nlp::google_auth::TokenFault,
};

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
    #[expect(clippy::too_many_lines, reason = "a table of Google's statuses, one row each")]
    pub(in crate::nlp) fn refused(&self, code: Code, cause: Cause) -> AskError {
        let Self { api, located_by, project, region, endpoint, .. } = self;
        let (kind, advice) = match code {
            Code::Unavailable => (
                FailureKind::Unavailable,
                said!("Dialogflow at {} says it is unavailable; it usually recovers by itself", endpoint),
            ),
            Code::DeadlineExceeded => (
                FailureKind::Deadline,
                said!("Dialogflow gave up on a request to project {}: look for a slow fulfilment webhook", project),
            ),
            Code::ResourceExhausted => (
                FailureKind::Quota,
                said!(
                    "project {} has used up its Dialogflow quota in {} {}; raise \"requests per \
                     minute\" in Google Cloud under IAM & Admin > Quotas, or wait for the next minute",
                    project,
                    located_by,
                    region
                ),
            ),
            Code::Unauthenticated => (
                FailureKind::Credential,
                said!(
                    "Dialogflow does not accept the credential for project {}: upload a valid key of a service \
                     account, and check this machine's clock",
                    project
                ),
            ),
            Code::PermissionDenied => (
                FailureKind::Credential,
                said!(
                    "the service account may not use Dialogflow in project {}: grant it the role \"Dialogflow API \
                     Client\" there, and see that the Dialogflow API is enabled",
                    project
                ),
            ),
            Code::NotFound => (FailureKind::NotFound, self.nowhere()),
            Code::Unimplemented => {
                (FailureKind::NotFound, said!("{} does not speak {}: check `endpoint` and `transport`", endpoint, api))
            }
            Code::InvalidArgument => (
                FailureKind::Invalid,
                said!(
                    "Dialogflow refuses the request as invalid: check that the agent in project {} speaks the \
                     contact's language, the profile's `time_zone`, and that texts stay within 256 characters",
                    project
                ),
            ),
            Code::FailedPrecondition => (
                FailureKind::Precondition,
                said!(
                    "project {} is not ready to answer in {} {}: see in the Dialogflow console that the \
                     agent exists, its training has ended, and billing is on",
                    project,
                    located_by,
                    region
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
                said!(
                    "Dialogflow failed by itself ({}) in project {}; see status.cloud.google.com",
                    format!("{code:?}"),
                    project
                ),
            ),
        };
        self.failure(kind, &advice, cause)
    }

    fn nowhere(&self) -> Said {
        let Self { located_by, project, region, environment, .. } = self;
        let (agent, then) = match &self.agent {
            Some(agent) => (said!("no agent {}", agent), said!("`project`, `agent`")),
            None => (said!("no agent"), said!("`project`")),
        };
        said!(
            "{} in project {}, {} {}, environment {}: an agent lives in one \
             {} only, so compare `{}` with the agent's location in the Dialogflow console, then \
             {} and `environment`",
            agent,
            project,
            located_by,
            region,
            environment,
            located_by,
            located_by,
            then
        )
    }

    /// No connection, or it broke.
    pub(in crate::nlp) fn unreachable(&self, cause: Cause) -> AskError {
        let endpoint = &self.endpoint;
        let advice = said!(
            "{} cannot be reached: check name resolution, the firewall for port 443, and whether this site needs \
             `transport = \"rest\"` with `proxy`",
            endpoint
        );
        self.failure(FailureKind::Unavailable, &advice, cause)
    }

    pub(in crate::nlp) fn late(&self, deadline: Duration) -> AskError {
        let advice = said!(
            "no answer from {} within {} ms: look for a slow fulfilment webhook, or raise `deadline_ms`",
            self.endpoint,
            deadline.as_millis()
        );
        self.failure(FailureKind::Deadline, &advice, None)
    }

    pub(in crate::nlp) fn malformed(&self, cause: Cause) -> AskError {
        let advice = said!("the answer of {} cannot be read as {}: check `endpoint`", self.endpoint, self.api);
        self.failure(FailureKind::Malformed, &advice, cause)
    }

    pub(in crate::nlp) fn empty(&self) -> AskError {
        let advice = said!(
            "the agent in project {} matched an intent without text and without action: give it a response",
            self.project
        );
        self.failure(FailureKind::Empty, &advice, None)
    }

    pub(in crate::nlp) fn webhook(&self, code: Code) -> AskError {
        let advice = said!(
            "the fulfilment webhook of the agent in project {} failed ({}) and left nothing to say: see the \
             webhook's log, and give the intent a default response",
            self.project,
            format!("{code:?}")
        );
        self.failure(FailureKind::Webhook, &advice, None)
    }

    /// A body that a restart has taken away was to be asked; the gateway should have known.
    pub(in crate::nlp) fn redacted(&self) -> AskError {
        self.failure(FailureKind::Interrupted, &said!("the text was sensitive and is gone after the restart"), None)
    }

    /// No token, so nothing was asked.
    pub(in crate::nlp) fn no_token(&self, fault: TokenFault) -> AskError {
        let project = &self.project;
        let (kind, advice) = match fault {
            TokenFault::Refused(code) => (
                FailureKind::Credential,
                said!(
                    "Google refuses the service account of project {} ({}): its key may be deleted or \
                     disabled, or this machine's clock is wrong; upload a new key",
                    project,
                    code
                ),
            ),
            TokenFault::Key => {
                (FailureKind::Credential, said!("the key for project {} cannot sign: upload it anew", project))
            }
            TokenFault::Unreachable => (
                FailureKind::Unavailable,
                said!(
                    "the credential's `token_uri` cannot be reached, so project {} cannot be asked: check name \
                     resolution, firewall and proxy",
                    project
                ),
            ),
            TokenFault::Malformed => (
                FailureKind::Unavailable,
                said!("the credential's `token_uri` gives no token for project {}: is it Google's?", project),
            ),
        };
        self.failure(kind, &advice, Some(Box::new(fault)))
    }

    fn failure(&self, kind: FailureKind, advice: &Said, source: Cause) -> AskError {
        AskError { source, ..AskError::new(kind, said!("profile {}: {}", self.profile, advice)) }
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
            assert!(error.advice.to_string().starts_with("profile support: "), "{}", error.advice);
            assert!(error.advice.to_string().contains(word), "{code:?}: {}", error.advice);
        }
    }
}
