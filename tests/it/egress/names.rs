//! Name look-up while name servers fail (S32).

use std::net::UdpSocket;

use super::*;

/// A primary that is bound and never answers.
fn dead() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").expect("a UDP port")
}

#[tokio::test]
async fn s32_dead_primary_delays_one_call_and_by_less_than_its_own_timeout() {
    let target = HttpTarget::plain([Reaction::json("{}")]);
    let primary = NameServer::start().await;
    let secondary = loopback_names().await;
    for name in [NAME, "b.example.com"] {
        primary.set(name, NameAnswer::Silence);
        secondary.set(name, NameAnswer::address("127.0.0.1", 60));
    }
    let egress = build(&settings(&[primary.address, secondary.address], vec![local("*.example.com")]));
    let start = Clock::instant();
    post(&egress, format!("http://{NAME}:{}/", target.port())).await.expect("an answer");
    let took = start.elapsed();
    assert!((Duration::from_millis(500)..Duration::from_millis(1_500)).contains(&took), "{took:?}");
    post(&egress, format!("http://b.example.com:{}/", target.port())).await.expect("an answer");
    assert_eq!(primary.asked("b.example.com"), 0, "the primary is known to be in trouble");
    assert_eq!(secondary.asked("b.example.com"), 1);
}

#[tokio::test]
async fn s32_primary_that_lives_is_the_only_one_asked() {
    let target = HttpTarget::plain([Reaction::json("{}")]);
    let (primary, secondary) = (loopback_names().await, loopback_names().await);
    let egress = build(&settings(&[primary.address, secondary.address], vec![local(NAME)]));
    post(&egress, format!("http://{NAME}:{}/", target.port())).await.expect("an answer");
    assert_eq!((primary.asked(NAME), secondary.asked(NAME)), (1, 0));
}

#[tokio::test]
async fn s32_primary_that_fails_or_lies_is_passed_over() {
    let target = HttpTarget::plain([Reaction::json("{}")]);
    for answer in [NameAnswer::Failure, NameAnswer::WrongId("10.0.0.1".parse().expect("an address"))] {
        let (primary, secondary) = (NameServer::with(NAME, answer.clone()).await, loopback_names().await);
        let egress = build(&settings(&[primary.address, secondary.address], vec![local(NAME)]));
        post(&egress, format!("http://{NAME}:{}/", target.port()))
            .await
            .unwrap_or_else(|it| panic!("{answer:?}: {it}"));
        assert_eq!(secondary.asked(NAME), 1);
    }
}

#[tokio::test]
async fn s32_no_from_the_primary_is_a_no() {
    let (primary, secondary) = (NameServer::start().await, loopback_names().await);
    let egress = build(&settings(&[primary.address, secondary.address], vec![local(NAME)]));
    let (kind, detail) = failure(&egress, format!("http://{NAME}/")).await;
    assert_eq!(kind, EgressErrorKind::Dns);
    assert_eq!(detail, "host api.example.com does not exist: the name server knows no address for it");
    assert_eq!(secondary.asked(NAME), 0);
}

#[tokio::test]
async fn s32_last_good_answer_serves_while_no_server_answers() {
    for failure_kind in [NameAnswer::Silence, NameAnswer::Failure] {
        let target = HttpTarget::plain([Reaction::json("{}")]);
        let (names, egress, url) = lane(&target).await;
        post(&egress, &url).await.expect("an answer");
        names.set(NAME, failure_kind);
        pass(Duration::from_secs(61)).await;
        post(&egress, &url).await.expect("the old address");
        let asked = names.asked(NAME);
        assert!(asked > 1, "a new answer was asked for first");
        post(&egress, &url).await.expect("the old address");
        assert_eq!(names.asked(NAME), asked, "not every call waits for dead servers");
        pass(Duration::from_secs(601)).await;
        let (kind, detail) = failure(&egress, &url).await;
        assert_eq!(kind, EgressErrorKind::Dns, "and not for ever");
        assert_eq!(detail, "no name server answers for host api.example.com: check [egress] resolvers and the network");
        names.set(NAME, NameAnswer::address("127.0.0.1", 60));
        post(&egress, &url).await.expect("the new answer");
    }
}

#[tokio::test]
async fn s32_name_that_was_taken_away_is_not_kept() {
    let target = HttpTarget::plain([Reaction::json("{}")]);
    let (names, egress, url) = lane(&target).await;
    post(&egress, &url).await.expect("an answer");
    names.set(NAME, NameAnswer::NoSuchName);
    pass(Duration::from_secs(61)).await;
    assert_eq!(failure(&egress, &url).await.0, EgressErrorKind::Dns);
    names.set(NAME, NameAnswer::Silence);
    assert_eq!(failure(&egress, &url).await.0, EgressErrorKind::Dns, "the answer before it is forgotten");
}

#[tokio::test]
async fn s32_every_server_dead_ends_in_a_clear_error() {
    let (first, second) = (dead(), dead());
    let addresses = [first.local_addr().expect("an address"), second.local_addr().expect("an address")];
    let egress = build(&settings(&addresses, vec![local(NAME)]));
    let start = Clock::instant();
    assert_eq!(failure(&egress, format!("http://{NAME}/")).await.0, EgressErrorKind::Dns);
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}
