//! What a refusal of Lex, or of AWS's front before it, means. The kind stands in a header or in the body; its message may hold
//! what the customer said and goes nowhere.

use serde_json::Value;

use crate::{
    core::{
        message::FailureKind,
        said::{Said, said},
    },
    egress::Reply,
    gateway::ports::AskError,
    nlp::web::Place,
};

const TYPE_HEADER: &str = "x-amzn-errortype";

/// What was asked, as an administrator knows it.
#[derive(Debug)]
pub(super) struct Bot {
    pub(super) region: String,
    pub(super) id: String,
    pub(super) alias: String,
}

/// `ThrottlingException`; empty where whoever answered is not AWS.
pub(super) fn error_type(reply: &Reply) -> String {
    let header = reply.headers.get(TYPE_HEADER).and_then(|it| it.to_str().ok()).map(str::to_owned);
    let of_body = || {
        let body: Value = serde_json::from_slice(&reply.body).ok()?;
        let named = body.get("__type").or_else(|| body.get("code"))?;
        named.as_str().map(str::to_owned)
    };
    let named = header.or_else(of_body).unwrap_or_default();
    // com.amazonaws.lex#ThrottlingException:http://internal.amazon.com/…
    let named = named.split(':').next().unwrap_or_default();
    let named = named.rsplit('#').next().unwrap_or_default();
    named.chars().filter(char::is_ascii_alphanumeric).take(64).collect()
}

/// Whether a clock that goes wrong is a reason for this refusal.
pub(super) fn doubts_the_time(error_type: &str) -> bool {
    matches!(
        error_type,
        "InvalidSignatureException"
            | "SignatureDoesNotMatch"
            | "RequestTimeTooSkewed"
            | "RequestExpired"
            | "RequestExpiredException"
            | "AuthFailure"
    )
}

pub(super) fn refused(place: &Place, bot: &Bot, status: u16, error_type: &str) -> AskError {
    let (kind, mending) = of_type(error_type, bot).unwrap_or_else(|| of_status(status));
    let named = if error_type.is_empty() { Said::default() } else { said!(" ({})", error_type) };
    let advice = said!("{} at {} answered {}{}: {}", place.peer, place.at, status, named, mending);
    place.failure(kind, &advice, None)
}

#[expect(clippy::too_many_lines, reason = "a table of AWS's errors, one row each")]
fn of_type(error_type: &str, bot: &Bot) -> Option<(FailureKind, Said)> {
    let Bot { region, id, alias } = bot;
    Some(match error_type {
        "AccessDeniedException" | "NotAuthorized" => (
            FailureKind::Credential,
            said!(
                "allow the access key's identity `lex:RecognizeText` on \
                 arn:aws:lex:{}:ACCOUNT:bot-alias/{}/{} in IAM",
                region,
                id,
                alias
            ),
        ),
        "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "IncompleteSignature"
        | "IncompleteSignatureException"
        | "OptInRequired" => (
            FailureKind::Credential,
            said!(
                "AWS does not know the access key, or not in {}: see in IAM that it is active, and give the \
                 `session_token` that belongs to it, if one does",
                region
            ),
        ),
        "ExpiredToken" | "ExpiredTokenException" => {
            (FailureKind::Credential, said!("the session token has expired: renew the three keys and reload"))
        }
        it if doubts_the_time(it) => (
            FailureKind::Credential,
            said!(
                "the signature does not hold: compare `secret_access_key` with IAM, `region` with the endpoint's, and set this \
             machine's clock, which may be five minutes off at most"
            ),
        ),
        "ResourceNotFoundException" => (
            FailureKind::NotFound,
            said!(
                "no bot {} with alias {} and the contact's locale in {}: compare `region`, `bot_id`, \
                 `bot_alias_id` and `locales` with the Lex console, and see that the locale is built",
                id,
                alias,
                region
            ),
        ),
        "ThrottlingException" | "Throttling" | "TooManyRequestsException" | "RequestLimitExceeded" => (
            FailureKind::Quota,
            said!(
                "more conversations at a time than the account may have in {} (TSTALIASID: two): raise Lex's quota in \
                 AWS under Service Quotas, or set `quota_per_minute`",
                region
            ),
        ),
        "ValidationException" | "SerializationException" => {
            (FailureKind::Invalid, said!("check `locales`, and that texts stay within 1024 characters"))
        }
        "ConflictException" => (
            FailureKind::Precondition,
            said!("the conversation is still busy with another question: is anyone else using its session?"),
        ),
        "DependencyFailedException" => (
            FailureKind::Webhook,
            said!(
                "something that bot {} needs has failed: see that Lex may invoke its Lambda function and that the function \
                 ends within 30 s, in the function's log",
                id
            ),
        ),
        "BadGatewayException" => (
            FailureKind::Unavailable,
            said!(
                "bot {} is still being built, or a service of AWS that it needs is down: see health.aws.amazon.com",
                id
            ),
        ),
        "ServiceUnavailable" | "ServiceUnavailableException" => {
            (FailureKind::Unavailable, said!("it usually recovers by itself: see health.aws.amazon.com"))
        }
        "InternalServerException" | "InternalFailure" | "InternalServerError" => {
            (FailureKind::Internal, said!("Lex failed by itself: see health.aws.amazon.com"))
        }
        _unknown => return None,
    })
}

fn of_status(status: u16) -> (FailureKind, Said) {
    let (kind, mending) = match status {
        300..=399 => (FailureKind::Malformed, said!("that is not Lex: check `endpoint` and `proxy`")),
        401 | 403 | 407 => (
            FailureKind::Credential,
            said!("compare the access key with IAM, and see whether a proxy stands in between"),
        ),
        404 | 405 | 410 => (FailureKind::NotFound, said!("Lex is not there: check `region` and `endpoint`")),
        408 => (FailureKind::Deadline, said!("it gave up waiting for the request: look at the network in between")),
        409 => (FailureKind::Precondition, said!("the conversation is busy")),
        424 => (FailureKind::Webhook, said!("something that the bot needs has failed: see its Lambda function's log")),
        429 => (FailureKind::Quota, said!("it is asked more often than it allows")),
        400..=499 => (FailureKind::Invalid, said!("it does not take the request: check `endpoint`")),
        502..=504 => (FailureKind::Unavailable, said!("it is down, or cannot be reached by what stands before it")),
        _ => (FailureKind::Internal, said!("it failed by itself")),
    };
    (kind, mending)
}

pub(super) fn empty(place: &Place, bot: &Bot, intent: &str) -> AskError {
    let advice = said!(
        "intent {} of bot {} ended without a message, and the profile has no action of its name: give it a closing response",
        intent,
        bot.id
    );
    place.failure(FailureKind::Empty, &advice, None)
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, StatusCode};

    use super::*;
    use crate::nlp::lex_v2::tests::{bot, place};

    fn reply(header: Option<&str>, body: &str) -> Reply {
        let header = header.map(|it| (TYPE_HEADER.parse().unwrap(), HeaderValue::from_str(it).unwrap()));
        let headers: HeaderMap = header.into_iter().collect();
        Reply { status: StatusCode::BAD_REQUEST, headers, body: body.to_owned().into() }
    }

    #[test]
    fn the_kind_of_a_refusal_is_found_wherever_aws_writes_it() {
        for (header, body) in [
            (Some("ThrottlingException"), ""),
            (Some("ThrottlingException:http://internal.amazon.com/coral/com.amazonaws.lex/"), "{}"),
            (None, r#"{"__type": "com.amazonaws.lex#ThrottlingException", "message": "x"}"#),
            (None, r#"{"code": "ThrottlingException"}"#),
        ] {
            assert_eq!(error_type(&reply(header, body)), "ThrottlingException", "{header:?} {body}");
        }
        for body in ["", "<html>", "[]", r#"{"__type": 1}"#] {
            assert_eq!(error_type(&reply(None, body)), "", "{body}");
        }
    }

    #[test]
    fn every_refusal_has_its_kind_and_says_what_to_do() {
        for (status, named, kind, word) in [
            (403, "AccessDeniedException", FailureKind::Credential, "bot-alias/ABCDEFGHIJ/TSTALIASID"),
            (403, "UnrecognizedClientException", FailureKind::Credential, "active"),
            (403, "ExpiredTokenException", FailureKind::Credential, "renew"),
            (403, "InvalidSignatureException", FailureKind::Credential, "clock"),
            (404, "ResourceNotFoundException", FailureKind::NotFound, "`bot_id`"),
            (429, "ThrottlingException", FailureKind::Quota, "Service Quotas"),
            (400, "ThrottlingException", FailureKind::Quota, "Service Quotas"),
            (400, "ValidationException", FailureKind::Invalid, "1024"),
            (409, "ConflictException", FailureKind::Precondition, "busy"),
            (424, "DependencyFailedException", FailureKind::Webhook, "Lambda"),
            (502, "BadGatewayException", FailureKind::Unavailable, "built"),
            (503, "ServiceUnavailableException", FailureKind::Unavailable, "recovers"),
            (500, "InternalServerException", FailureKind::Internal, "itself"),
            (302, "", FailureKind::Malformed, "`endpoint`"),
            (403, "", FailureKind::Credential, "IAM"),
            (404, "", FailureKind::NotFound, "`region`"),
            (418, "NeverSeenException", FailureKind::Invalid, "NeverSeenException"),
            (502, "", FailureKind::Unavailable, "down"),
            (500, "", FailureKind::Internal, "itself"),
        ] {
            let error = refused(&place(), &bot(), status, named);
            assert_eq!(error.kind, kind, "{status} {named}");
            assert!(error.advice.to_string().contains(word), "{status} {named}: {}", error.advice);
            assert!(
                error.advice.to_string().starts_with("profile support: Amazon Lex at https://lex.example"),
                "{}",
                error.advice
            );
        }
    }
}
