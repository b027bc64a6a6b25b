//! The gateway's own adapter against the offline Dialogflow, over both of its transports.

use usher::{
    core::message::{Input, Reply},
    nlp::dialogflow_v2::TransportKind as Transport,
};

use super::{agent, serve};
use crate::dialogflow::{ask, asking, checked, engine, object, settings};

#[tokio::test]
async fn b16_the_gateways_own_adapter() {
    for transport in [Transport::Grpc, Transport::Rest] {
        let server = serve(agent()).await;
        let mut config = settings(format!("http://{}", server.address()));
        config.transport = transport;
        let engine = engine(config.clone());
        let parameters = object(&serde_json::json!({"name": "Desk 1"}));
        let greeted = engine.ask(asking(Input::Event { name: "GREET".into(), parameters })).await.unwrap();
        assert_eq!(greeted.replies, [Reply::Text("Hello Desk 1, any table.".into())]);
        let asked = ask(&engine, "a big java").await.unwrap();
        assert_eq!((asked.action.as_str(), asked.parameters_complete), ("order.drink", false));
        let ordered = ask(&engine, "Doe").await.unwrap();
        assert!(ordered.parameters_complete && !ordered.not_understood);
        assert_eq!((&ordered.parameters["drink"], &ordered.parameters["size"]), (&"coffee".into(), &"large".into()));
        let bye = ask(&engine, "goodbye").await.unwrap();
        assert!(bye.end_interaction);
        assert!(ask(&engine, "I want a human").await.unwrap().live_agent_handoff);
        for _ in 0..3 {
            ask(&engine, "hello").await.unwrap();
        }
        assert!(ask(&engine, "quark").await.unwrap().not_understood);

        let report = checked(&config).await.unwrap();
        assert_eq!(
            report.about.unwrap().to_string().split(',').next(),
            Some("agent Test Cafe"),
            "usher check --online"
        );
        server.stop().await.unwrap();
    }
}
