//! The load generator against the real gateway, with the gateway restarted in the middle, and the command itself.

use std::time::Duration;

use usher::switchboard::load::{LoadError, Plan, contacts, contacts::Callee, report::Report};

use super::{gateway::Proxy, link::config};
use crate::{
    fakes::dialogflow::{FakeDialogflow, Reaction},
    harness::{CONFIG, Usher, profile},
};

fn plan(contacts: usize, rate: f64, seconds: u64) -> Plan {
    Plan {
        contacts,
        rate,
        lasting: Duration::from_secs(seconds),
        lines: vec!["hello".to_owned(), "and on".to_owned()],
        language: "en".to_owned(),
        patience: Duration::from_secs(20),
        run: 1,
    }
}

fn callee() -> Callee {
    Callee { agent: "va1".to_owned(), media: contacts::Media::Open }
}

fn account(report: &Report) -> [usize; 7] {
    let Report { messages, answered, lost, repeated, further, refused, unsaid, .. } = report;
    [*messages, *answered, *lost, *repeated, *further, *refused, *unsaid]
}

#[tokio::test]
async fn every_message_of_fifty_contacts_is_answered_once() {
    let dialogflow = FakeDialogflow::start();
    let usher = Usher::start(CONFIG, &profile(&dialogflow.endpoint())).await;
    let report = contacts::run(&plan(50, 100.0, 2), &callee(), config(usher.engines)).await.unwrap();
    assert_eq!(account(&report), [200, 200, 0, 0, 0, 0, 0], "{report}");
    assert!(report.is_clean(), "{report}");
    assert_eq!((report.contacts, report.again, report.reconnects), (50, 0, 0));
    assert!(report.latency_ms.p50 > 0.0 && report.latency_ms.max >= report.latency_ms.p99);
    assert_eq!(dialogflow.requests().iter().filter(|it| it.text().is_some()).count(), 200);
    usher.drain().await;
}

#[tokio::test]
async fn a_gateway_that_restarts_in_the_middle_loses_and_repeats_nothing() {
    let dialogflow = FakeDialogflow::start();
    let profile = profile(&dialogflow.endpoint());
    let usher = Usher::start(CONFIG, &profile).await;
    let proxy = Proxy::start(usher.engines).await;
    let (plan, callee) = (plan(50, 50.0, 4), callee());
    let run = contacts::run(&plan, &callee, config(proxy.address));
    let restart = async {
        dialogflow.wait_for_requests(60).await;
        let directory = usher.drain().await;
        let usher = Usher::start_in(directory, CONFIG, &profile).await;
        proxy.lead_to(usher.engines);
        usher
    };
    let (report, usher) = tokio::join!(run, restart);
    let report = report.unwrap();
    assert_eq!(account(&report), [200, 200, 0, 0, 0, 0, 0], "{report}");
    assert!(report.is_clean() && report.reconnects > 0, "{report}");
    usher.drain().await;
}

#[tokio::test]
async fn what_is_never_answered_is_reported_as_lost() {
    let dialogflow = FakeDialogflow::start();
    dialogflow.on_text("and on", Reaction::Hang);
    let usher = Usher::start(CONFIG, &profile(&dialogflow.endpoint())).await;
    let plan = Plan { patience: Duration::from_secs(1), ..plan(2, 4.0, 1) };
    let report = contacts::run(&plan, &callee(), config(usher.engines)).await.unwrap();
    assert_eq!(account(&report), [4, 2, 2, 0, 0, 0, 0], "{report}");
    assert!(!report.is_clean());
    assert!(report.faults[0].contains("line 1 was not answered within 1s"), "{:?}", report.faults);
    usher.drain().await;
}

#[tokio::test]
async fn a_contact_for_an_agent_that_no_profile_has_is_explained() {
    let dialogflow = FakeDialogflow::start();
    let usher = Usher::start(CONFIG, &profile(&dialogflow.endpoint())).await;
    let gone = Callee { agent: "va9".to_owned(), media: contacts::Media::Open };
    let within = Plan { patience: Duration::from_secs(1), ..plan(1, 1.0, 1) };
    let error = contacts::run(&within, &gone, config(usher.engines)).await.unwrap_err();
    assert!(matches!(&error, LoadError::NotLoggedOn { agent, .. } if agent == "va9"), "{error}");
    usher.drain().await;
}
