//! The contact centre as the link to the gateway knows it.

use std::sync::Arc;

use futures::{FutureExt as _, future::BoxFuture};

use super::{
    floor::{Floor, Out},
    link::{Centre, Recalled, Receipt},
    run::Inner,
};
use crate::{
    core::ids::Timestamp,
    wire::engine::{Directory, Refused, gateway_frame},
};

/// The contact centre as the link knows it.
pub(super) struct AtGateway(pub(super) Arc<Inner>);

impl AtGateway {
    /// The future ends when what was changed is durable.
    fn durably(&self, change: impl FnOnce(&mut Floor, Timestamp, &mut Out)) -> BoxFuture<'static, ()> {
        let ((), position) = self.0.apply(change);
        let inner = Arc::clone(&self.0);
        async move { inner.settled(position).await }.boxed()
    }
}

impl Centre for AtGateway {
    fn directory(&self) -> Directory {
        self.0.read(Floor::directory)
    }

    fn attached(&self, attached: bool) {
        self.0.apply(|floor, now, out| floor.on_attached(attached, now, out));
    }

    fn on_frame(&self, body: gateway_frame::Body) -> BoxFuture<'static, ()> {
        self.durably(|floor, now, out| floor.on_frame(body, now, out))
    }

    fn on_taken(&self, receipt: Receipt) {
        self.0.apply(|floor, now, out| floor.on_taken(receipt.0, now, out));
    }

    fn on_refused(&self, refused: Refused, receipt: Option<Receipt>) -> BoxFuture<'static, ()> {
        self.durably(|floor, now, out| floor.on_refused(&refused, receipt.map(|it| it.0), now, out))
    }

    fn recall(&self, contact: &str, message_id: &str) -> Option<Recalled> {
        let (recalled, position) = self.0.apply(|floor, now, out| floor.recall(contact, message_id, now, out));
        let (message, receipt) = recalled?;
        let inner = Arc::clone(&self.0);
        let durable = async move { inner.settled(position).await }.boxed();
        Some(Recalled { message, receipt: Receipt(receipt), durable })
    }
}
