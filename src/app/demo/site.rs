//! The one address that serves all pages: the staff's behind their door, the chat and the back office beside it.

use std::{future::Future, io, net::SocketAddr, sync::Arc};

use axum::{
    Router,
    extract::{ConnectInfo, Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{Readies, back_office, bundle, config::UNIT, door, pages, problem};
use crate::{
    app::machine,
    chat::Chat,
    gateway::Gateway,
    ops::{
        listener::{Bounded, Peer},
        timeline::{self, Timelines},
    },
    switchboard::{self, Switchboard},
};

/// Each chat holds one; more wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 16_384;
/// Files for the store, the link, the language engine, the operators and calls to other systems.
const RESERVE: usize = 256;

/// With so many open files. More than fit would fail at the next `accept`, and the store with them.
fn connections(files: usize) -> usize {
    files.saturating_sub(RESERVE).max(files / 4).clamp(1, MAX_CONNECTIONS)
}

pub(super) struct Site {
    pub(super) base: String,
    /// The Web Manager's.
    pub(super) manager: String,
    pub(super) key: SecretString,
    pub(super) gateway: Arc<Gateway>,
    pub(super) chat: Chat,
    pub(super) switchboard: Switchboard,
    pub(super) readiness: Readies,
    /// Ends everything that is followed, and the door.
    pub(super) closing: CancellationToken,
}

impl Site {
    pub(super) fn serve(
        self,
        listener: TcpListener,
    ) -> anyhow::Result<impl Future<Output = io::Result<()>> + Send + 'static> {
        let closing = self.closing.clone();
        let app = self.router()?.into_make_service_with_connect_info::<Peer>();
        let served = axum::serve(Bounded::new(listener, connections(machine::open_files())), app);
        Ok(async move { served.with_graceful_shutdown(closing.cancelled_owned()).await })
    }

    fn router(self) -> anyhow::Result<Router> {
        let pages = pages::build(pages::Places { unit: UNIT, base: &self.base, manager: &self.manager })?;
        let followed = Router::new()
            .merge(timeline::router(Timelines::new(self.gateway, self.closing)))
            .nest("/desk/v1", switchboard::api::router(self.switchboard.clone()));
        let staff = Router::new()
            .merge(pages.documents)
            .merge(bundle::router(followed.clone()))
            .merge(followed)
            .layer(middleware::from_fn_with_state(door::Door::new(&self.key), door::guard));
        Ok(Router::new()
            .merge(staff)
            .merge(pages.assets)
            .merge(back_office::router(self.switchboard))
            .nest("/chat", self.chat.router())
            .route("/healthz", get(|| async { "alive\n" }))
            .route("/readyz", get(ready).with_state(self.readiness))
            .fallback(|| async { problem(StatusCode::NOT_FOUND, "there is no such page: the start page is at /") })
            .layer(middleware::map_response(secure))
            .layer(middleware::from_fn(name_peer)))
    }
}

async fn ready(State(readiness): State<Readies>) -> Response {
    match readiness.now() {
        Ok(()) => "ready\n".into_response(),
        Err(why) => problem(StatusCode::SERVICE_UNAVAILABLE, why),
    }
}

/// The rooms ask for a peer's address in the usual way.
async fn name_peer(ConnectInfo(Peer(peer, _)): ConnectInfo<Peer>, mut request: Request, next: Next) -> Response {
    request.extensions_mut().insert(ConnectInfo::<SocketAddr>(peer));
    next.run(request).await
}

/// Where a room has not said so itself.
async fn secure(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_connections_leave_files_for_everything_else() {
        for (files, expected) in
            [(1_024, 768), (4_096, 3_840), (1_048_576, 16_384), (usize::MAX, 16_384), (256, 64), (0, 1)]
        {
            assert_eq!(connections(files), expected, "{files}");
        }
    }
}
