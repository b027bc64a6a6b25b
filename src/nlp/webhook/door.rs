//! Where answers are posted that come later: a part of the connectors' door.

use std::time::Duration;

use axum::{
    Router,
    body::{self, Body},
    extract::{Path, State},
    response::{IntoResponse as _, Response},
    routing::post,
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use tokio::time::timeout;

use super::{
    replies::{PATH, Refused, Replies},
    usher::SIGNATURE,
};
use crate::{clock::Clock, nlp::connector::refusal::Refusal, problem::ProblemKind};

const BODY_WITHIN: Duration = Duration::from_secs(10);

#[derive(Clone)]
struct Shared {
    replies: Replies,
    clock: Clock,
    max_bytes: usize,
}

/// `POST /connectors/v1/replies/{token}`.
pub fn replies_router(replies: Replies, clock: Clock, max_bytes: usize) -> Router {
    Router::new().route(&format!("{PATH}/{{token}}"), post(take).fallback(method_not_allowed)).with_state(Shared {
        replies,
        clock,
        max_bytes,
    })
}

async fn take(State(shared): State<Shared>, Path(token): Path<String>, headers: HeaderMap, body: Body) -> Response {
    let Ok(read) = timeout(BODY_WITHIN, body::to_bytes(body, shared.max_bytes)).await else {
        let refusal =
            Refusal::with_status(StatusCode::REQUEST_TIMEOUT, "deadline", "the body did not come within 10 s");
        return refusal.into_response();
    };
    let Ok(read) = read else {
        let detail = format!("the body breaks off, or is larger than {} bytes", shared.max_bytes);
        return Refusal::new(ProblemKind::TooLarge, detail).into_response();
    };
    let signed = headers.get(SIGNATURE).and_then(|it| it.to_str().ok());
    let (replies, now) = (&shared.replies, shared.clock.now());
    match replies.take(&token, signed, &read, now) {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(refused) => refusal(refused).into_response(),
    }
}

fn refusal(refused: Refused) -> Refusal {
    match refused {
        Refused::Unknown => {
            Refusal::new(ProblemKind::NotFound, "nobody waits for this: no such turn, or the gateway was restarted")
        }
        Refused::Gone => Refusal::with_status(
            StatusCode::GONE,
            "gone",
            "the turn was answered already, or its time is up: give it up",
        ),
        Refused::Signature(why) => Refusal::new(ProblemKind::Unauthenticated, why),
        Refused::OtherTurn => {
            Refusal::new(ProblemKind::Precondition, "`turn_id` is another turn's than the one of this address")
        }
        Refused::Bad(why) => Refusal::new(ProblemKind::Invalid, why),
        Refused::TooMuch => {
            let refusal = Refusal::new(ProblemKind::Busy, "too many replies at once; post this one again");
            refusal.again_after(Duration::from_secs(1))
        }
    }
}

async fn method_not_allowed() -> Response {
    Refusal::with_status(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "answers are posted here")
        .header(header::ALLOW, HeaderValue::from_static("POST"))
        .into_response()
}
