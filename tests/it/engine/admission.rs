//! Who is let in, with which status the others are turned away, and what the door says of itself.

use std::time::Duration;

use futures::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Status, Streaming, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};
use usher::wire::engine::{
    EngineFrame, GatewayFrame, Hello, engine_frame::Body, virtual_agents_client::VirtualAgentsClient,
};

use super::{draining, scene, scene_with};
use crate::{
    fakes::{
        dialogflow::FakeDialogflow,
        engine::{FakeEngine, Setup},
    },
    harness::{CONFIG, TOKEN, Usher, profile},
};

async fn usher() -> Usher {
    Usher::start(CONFIG, &profile("http://127.0.0.1:1")).await
}

async fn refused(setup: Setup) -> Status {
    match FakeEngine::attach(setup).await {
        Ok(_) => panic!("let in"),
        Err(status) => status,
    }
}

#[tokio::test]
async fn s5_an_unknown_business_unit_is_refused_by_name() {
    let usher = usher().await;
    let status = refused(Setup { unit: "nowhere".to_owned(), ..usher.setup() }).await;
    assert_eq!(status.code(), Code::NotFound);
    assert_eq!(status.message(), "hello.business_unit: business unit nowhere is not configured here");
}

#[tokio::test]
async fn a_wrong_credential_is_told_from_a_wrong_claim() {
    let usher = usher().await;
    let status = refused(Setup { token: "token-2".to_owned(), ..usher.setup() }).await;
    assert_eq!(status.code(), Code::Unauthenticated, "{status:?}");
    let status = refused(Setup { engine: "engine-2".to_owned(), ..usher.setup() }).await;
    assert_eq!(status.code(), Code::PermissionDenied, "{status:?}");
    let status = refused(Setup { unit: "care".to_owned(), ..usher.setup() }).await;
    assert_eq!(status.code(), Code::PermissionDenied, "{status:?}");
    let status = refused(Setup { engine: String::new(), ..usher.setup() }).await;
    assert_eq!((status.code(), status.message()), (Code::InvalidArgument, "hello.engine_id: is empty"));
    let status = refused(Setup { lane: 3, lanes: 2, ..usher.setup() }).await;
    assert_eq!(
        (status.code(), status.message()),
        (Code::InvalidArgument, "hello.lane: 3 is not below hello.lanes (2)")
    );
}

async fn channel(usher: &Usher) -> Channel {
    Channel::from_shared(format!("http://{}", usher.engines)).unwrap().connect().await.unwrap()
}

/// Attaches by hand and sends these frames.
async fn attach(
    usher: &Usher,
    token: Option<&str>,
    frames: Vec<EngineFrame>,
) -> Result<Streaming<GatewayFrame>, Status> {
    let (send, receive) = tokio::sync::mpsc::channel(frames.len().max(1));
    for frame in frames {
        send.send(frame).await.unwrap();
    }
    let forever = futures::stream::pending::<EngineFrame>();
    let mut request = Request::new(ReceiverStream::new(receive).chain(forever));
    drop(send);
    if let Some(token) = token {
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    }
    Ok(VirtualAgentsClient::new(channel(usher).await).attach(request).await?.into_inner())
}

async fn end(mut stream: Streaming<GatewayFrame>) -> Status {
    loop {
        match stream.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("ended without a status"),
            Err(status) => return status,
        }
    }
}

fn hello() -> EngineFrame {
    let hello = Hello { engine_id: "engine-1".to_owned(), business_unit: "sales".to_owned(), ..Hello::default() };
    EngineFrame { seq: 0, ack: 0, body: Some(Body::Hello(hello)) }
}

#[tokio::test]
async fn without_a_credential_nothing_is_read() {
    let usher = usher().await;
    let status = attach(&usher, None, vec![hello()]).await.err().map(|it| it.code());
    assert_eq!(status, Some(Code::Unauthenticated));
}

#[tokio::test]
async fn hello_comes_first_and_once() {
    let usher = usher().await;
    let heartbeat = EngineFrame { seq: 1, ack: 0, body: Some(Body::Heartbeat(usher::wire::engine::Empty {})) };
    let status = end(attach(&usher, Some(TOKEN), vec![heartbeat]).await.unwrap()).await;
    assert_eq!((status.code(), status.message()), (Code::InvalidArgument, "hello: must be the first frame"));
    let status = end(attach(&usher, Some(TOKEN), vec![hello(), hello()]).await.unwrap()).await;
    assert_eq!((status.code(), status.message()), (Code::InvalidArgument, "hello: came a second time"));
}

#[tokio::test]
async fn a_client_may_wait_for_the_response_before_its_hello() {
    let usher = usher().await;
    let (send, receive) = tokio::sync::mpsc::channel(1);
    let mut request = Request::new(ReceiverStream::new(receive));
    request.metadata_mut().insert("authorization", format!("Bearer {TOKEN}").parse().unwrap());
    let mut client = VirtualAgentsClient::new(channel(&usher).await);
    let answer = client.attach(request);
    let mut stream = tokio::time::timeout(Duration::from_secs(5), answer).await.unwrap().unwrap().into_inner();
    send.send(hello()).await.unwrap();
    assert!(matches!(
        stream.message().await.unwrap().unwrap().body,
        Some(usher::wire::engine::gateway_frame::Body::Welcome(_))
    ));
}

#[tokio::test]
async fn a_credential_that_is_revoked_loses_its_stream() {
    let mut scene = scene().await;
    scene.usher.reload(&CONFIG.replace("token-1", "token-new")).await;
    assert_eq!(scene.engine.ended().await.unwrap_err().code(), Code::Unauthenticated);
}

#[tokio::test]
async fn a_reload_that_leaves_the_engine_its_rights_leaves_its_stream() {
    let mut scene = scene().await;
    let more = format!("{CONFIG}\n[[engine]]\nid = \"engine-2\"\ntoken = \"token-2\"\nunits = [\"care\"]\n");
    scene.usher.reload(&more).await;
    let other = Setup::new(crate::fakes::engine::tcp(scene.usher.engines), "token-2", "engine-2", "care");
    let _other = FakeEngine::attach(other).await.unwrap();
    scene.engine.open("c1", "va1").await;
    assert!(scene.engine.is_attached());
}

#[tokio::test]
async fn health_is_open_and_follows_the_gateway() {
    let dialogflow = FakeDialogflow::start();
    let usher = Usher::start(CONFIG, &profile(&dialogflow.endpoint())).await;
    let mut client = HealthClient::new(channel(&usher).await);
    for service in ["", "usher.engine.v1.VirtualAgents"] {
        let request = HealthCheckRequest { service: service.to_owned() };
        let mut watch = client.watch(request).await.unwrap().into_inner();
        loop {
            let status = watch.next().await.unwrap().unwrap().status();
            if status == ServingStatus::Serving {
                break;
            }
        }
    }
    let mut watch = client.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(watch.next().await.unwrap().unwrap().status(), ServingStatus::Serving);
    let drain = tokio::spawn(usher.drain());
    assert_eq!(watch.next().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    drop((watch, client));
    drain.await.unwrap();
}

async fn services(usher: &Usher, token: Option<&str>) -> Result<Vec<String>, Status> {
    let list = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut request = Request::new(futures::stream::iter([list]));
    if let Some(token) = token {
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    }
    let mut client = ServerReflectionClient::new(channel(usher).await);
    let answer = client.server_reflection_info(request).await?.into_inner().next().await.unwrap()?;
    match answer.message_response {
        Some(MessageResponse::ListServicesResponse(it)) => Ok(it.service.into_iter().map(|it| it.name).collect()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn reflection_wants_the_credential_and_names_what_is_served() {
    let usher = usher().await;
    assert_eq!(services(&usher, None).await.unwrap_err().code(), Code::Unauthenticated);
    let names = services(&usher, Some(TOKEN)).await.unwrap();
    assert!(names.iter().any(|it| it == "usher.engine.v1.VirtualAgents"), "{names:?}");
    assert!(!names.iter().any(|it| it.starts_with("google")), "what we do not serve is not named: {names:?}");
}

#[tokio::test]
async fn while_draining_nobody_is_let_in() {
    let scene = scene_with(&format!("drain_s = 5\n{CONFIG}")).await;
    scene.dialogflow.next(crate::fakes::dialogflow::Reaction::Hang);
    scene.engine.open("c1", "va1").await;
    scene.engine.say("c1", "still running").await;
    scene.dialogflow.wait_for_requests(1).await;
    let setup = scene.usher.setup();
    let drain = tokio::spawn(scene.usher.drain());
    scene.engine.notice("the drain", draining).await;
    assert_eq!(refused(setup).await.code(), Code::Unavailable);
    drain.await.unwrap();
}
