//! What the contact centre's directory says of our virtual agents: alerts until it is mended, log-ons as soon as it is.

use usher::wire::engine::{
    AgentLoggedOff, DirectoryDelta, MediaType, SignOn, User, engine_frame::Body, gateway_frame, log_on_refused::Reason,
};

use super::Stage;
use crate::{
    fakes::{
        dialogflow::FakeDialogflow,
        engine::{FakeEngine, Setup},
    },
    harness::{CONFIG, Usher, profile},
};

async fn stage(dress: impl FnOnce(Setup) -> Setup) -> Stage {
    let dialogflow = FakeDialogflow::start();
    let usher = Usher::start(CONFIG, &profile(&dialogflow.endpoint())).await;
    let engine = FakeEngine::attach(dress(usher.setup())).await.unwrap();
    Stage { dialogflow, usher, engine }
}

fn fit() -> User {
    User {
        id: "va1".into(),
        name: "Bot".into(),
        agent_rights: true,
        sign_on: SignOn::Password.into(),
        ..User::default()
    }
}

/// The agent as the directory has it first raises `kind`; mended by a delta, the alert goes and the agent is logged on.
async fn alerted_until_mended(user: Option<User>, kind: &str) {
    let stage = stage(|mut setup| {
        setup.directory.users = user.into_iter().collect();
        setup
    })
    .await;
    // The directory came with Hello; what is acknowledged after it shows that it was read.
    stage.engine.send(Body::Heartbeat(usher::wire::engine::Empty {})).await;
    stage.engine.settled().await;
    assert_eq!(stage.alerts().await, [format!("{kind} user va1")]);
    stage.engine.offer("c0", "va1").await;
    let rejected = |it: &gateway_frame::Body| matches!(it, gateway_frame::Body::ContactRejected(_)).then_some(());
    stage.engine.notice("rejection", rejected).await;
    let delta = DirectoryDelta { users: vec![fit()], ..DirectoryDelta::default() };
    stage.engine.send(Body::Directory(delta)).await;
    stage.engine.logged_on("va1").await;
    stage.engine.settled().await;
    assert_eq!(stage.alerts().await, Vec::<String>::new());
    stage.open("c1", MediaType::OpenMedia).await;
    stage.done().await;
}

#[tokio::test]
async fn s3_a_user_that_signs_on_by_windows_or_saml2_is_refused_by_name_until_mended() {
    for (sign_on, kind) in [(SignOn::Windows, "windows_sign_on"), (SignOn::Saml2, "saml2_sign_on")] {
        alerted_until_mended(Some(User { sign_on: sign_on.into(), ..fit() }), kind).await;
    }
}

#[tokio::test]
async fn s4_a_user_with_post_processing_or_wrap_up_is_refused_until_mended() {
    let post_processing = User { automatic_post_processing: true, ..fit() };
    alerted_until_mended(Some(post_processing), "automatic_post_processing").await;
    let wrap_up = User { mandatory_wrap_up_reason: true, ..fit() };
    alerted_until_mended(Some(wrap_up), "mandatory_wrap_up_reason").await;
}

#[tokio::test]
async fn s16_a_user_without_agent_rights_or_unknown_is_refused_until_mended() {
    alerted_until_mended(Some(User { agent_rights: false, ..fit() }), "no_agent_rights").await;
    alerted_until_mended(None, "unknown_user").await;
}

#[tokio::test]
async fn s2_a_lost_agent_is_logged_on_again() {
    let stage = stage(|setup| setup).await;
    stage.open("c1", MediaType::OpenMedia).await;
    let lost = AgentLoggedOff { user: "va1".into(), reason: "shift is over".into() };
    stage.engine.send(Body::AgentLoggedOff(lost)).await;
    stage.engine.log_ons(2).await;
    stage.engine.settled().await;
    stage.open("c2", MediaType::OpenMedia).await;
    stage.done().await;
}

#[tokio::test]
async fn s2_an_engine_that_comes_back_without_its_session_logs_the_agents_on_again() {
    let mut stage = stage(|setup| setup).await;
    stage.open("c1", MediaType::OpenMedia).await;
    stage.engine.settled().await;
    stage.engine.forget_session();
    stage.engine.resume().await.unwrap();
    stage.engine.log_ons(2).await;
    stage.writes("c1", "still here").await;
    stage.hears("c1", "echo: still here").await;
    stage.done().await;
}

#[tokio::test]
async fn a_log_on_for_a_licence_that_is_missing_is_an_alert() {
    let stage = stage(|mut setup| {
        setup.refuses.insert("va1".into(), Reason::NoLicence);
        setup
    })
    .await;
    stage.engine.log_ons(1).await;
    stage.engine.settled().await;
    assert_eq!(stage.alerts().await, ["log_on_no_licence user va1"]);
    stage.done().await;
}

#[tokio::test]
async fn s5_an_unknown_business_unit_is_refused_by_name() {
    let usher = Usher::start(CONFIG, &profile("http://127.0.0.1:9")).await;
    let mut setup = usher.setup();
    setup.unit = "nowhere".into();
    let Err(status) = FakeEngine::attach(setup).await else { panic!("let in") };
    assert_eq!(status.code(), tonic::Code::NotFound);
    assert!(status.message().contains("nowhere"), "{status:?}");
    usher.drain().await;
}
