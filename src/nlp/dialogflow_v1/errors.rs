//! What a refusal means. The `status` object says what the HTTP status says; servers differ in which of both they set.

use crate::{
    core::{
        message::FailureKind,
        said::{Said, said},
    },
    gateway::ports::AskError,
    nlp::web::Place,
};

/// Ends every advice where the URL is Google's.
pub(super) const CLOSED: Said = said!("; Google has closed version 1 of the API: use type \"dialogflow-v2\"");

pub(super) fn refused(place: &Place, code: u16) -> AskError {
    let (kind, mending) = match code {
        401 | 403 | 407 => {
            (FailureKind::Credential, said!("compare `client_token` with the agent's client access token"))
        }
        404 | 405 | 410 => {
            (FailureKind::NotFound, said!("nothing speaks version 1 there: compare `url` with the server's own"))
        }
        406 | 409 | 412 | 428 => {
            (FailureKind::Precondition, said!("the agent is not in a state to answer: see the server's log"))
        }
        408 => (FailureKind::Deadline, said!("it gave up waiting for the request: look at the network in between")),
        424 => (FailureKind::Webhook, said!("its webhook failed: see the webhook's log")),
        429 => (FailureKind::Quota, said!("it is asked more often than it allows: raise its limit, or ask less")),
        300..=399 => (FailureKind::NotFound, said!("it sends on to another address: write that one into `url`")),
        400..=499 => (
            FailureKind::Invalid,
            said!("check that the agent speaks the contact's language, and that texts stay within 256 characters"),
        ),
        502..=504 => (FailureKind::Unavailable, said!("it is down, or cannot be reached by what stands before it")),
        _ => (FailureKind::Internal, said!("it failed by itself: see its own log")),
    };
    let advice = said!("{} at {} answered {}: {}{}", place.peer, place.at, code, mending, place.hint);
    place.failure(kind, &advice, None)
}

pub(super) fn webhook(place: &Place) -> AskError {
    let advice = said!(
        "the fulfilment webhook of the agent at {} failed and left nothing to say: see the webhook's log, and give the intent a \
         default response",
        place.at
    );
    place.failure(FailureKind::Webhook, &advice, None)
}

pub(super) fn empty(place: &Place) -> AskError {
    let advice =
        said!("the agent at {} matched an intent without text and without action: give it a response", place.at);
    place.failure(FailureKind::Empty, &advice, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s9_every_status_has_its_kind_and_says_what_to_do() {
        let place = super::super::tests::place();
        for (code, kind, word) in [
            (302, FailureKind::NotFound, "`url`"),
            (400, FailureKind::Invalid, "language"),
            (401, FailureKind::Credential, "`client_token`"),
            (403, FailureKind::Credential, "`client_token`"),
            (404, FailureKind::NotFound, "`url`"),
            (408, FailureKind::Deadline, "network"),
            (409, FailureKind::Precondition, "log"),
            (424, FailureKind::Webhook, "webhook"),
            (429, FailureKind::Quota, "limit"),
            (500, FailureKind::Internal, "log"),
            (502, FailureKind::Unavailable, "down"),
            (503, FailureKind::Unavailable, "down"),
            (504, FailureKind::Unavailable, "down"),
        ] {
            let error = refused(&place, code);
            assert_eq!(error.kind, kind, "{code}");
            assert!(error.advice.to_string().contains(word), "{code}: {}", error.advice);
            assert!(
                error.advice.to_string().starts_with("profile support: Dialogflow V1 at http://bot.example"),
                "{}",
                error.advice
            );
        }
    }
}
