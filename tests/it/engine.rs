//! The routing engines' door on real sockets.

mod admission;
mod delivery;
mod tls;

use usher::wire::engine::{gateway_frame::Body, refused::Reason};

use crate::{
    fakes::{dialogflow::FakeDialogflow, engine::FakeEngine},
    harness::{CONFIG, Usher, profile},
};

/// A gateway whose language engine echoes, and a routing engine that is attached to it.
struct Scene {
    dialogflow: FakeDialogflow,
    usher: Usher,
    engine: FakeEngine,
}

async fn scene() -> Scene {
    scene_with(CONFIG).await
}

async fn scene_with(config: &str) -> Scene {
    let dialogflow = FakeDialogflow::start();
    let usher = Usher::start(config, &profile(&dialogflow.endpoint())).await;
    let engine = FakeEngine::attach(usher.setup()).await.unwrap();
    Scene { dialogflow, usher, engine }
}

/// The answer to a frame that was refused: reason and detail.
async fn refusal(engine: &FakeEngine, frame: u64) -> (Reason, String) {
    let look = |it: &Body| {
        let Body::Refused(it) = it else { return None };
        (it.frame == frame).then(|| (it.reason(), it.detail.clone()))
    };
    engine.notice(&format!("refusal of frame {frame}"), look).await
}

/// The notice of a drain.
fn draining(it: &Body) -> Option<()> {
    matches!(it, Body::Draining(_)).then_some(())
}
