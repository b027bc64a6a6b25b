//! What is found wrong with profiles of type `dialogflow-cx`, and how it is told.

use super::{Site, profile, service_account, with_profile};
use usher::{config, nlp};

fn cx(name: &str, credential: &str, more: &str) -> String {
    profile(name, credential, more)
        .replace("\"dialogflow-v2\"", "\"dialogflow-cx\"")
        .replace("dialogflow.credential", "cx.agent = \"1f1b2c3d-4e5f\"\ncx.credential")
}

fn with_cx(more: &str) -> Site {
    Site::new().file("profiles/a.toml", &cx("a", "google.json", more))
}

#[test]
fn b17_cx_a_profile_needs_its_agent_and_a_credential() {
    assert_eq!(with_cx("cx.location = \"europe-west3\"\n").findings(), "");
    let without = cx("a", "google.json", "").replace("cx.agent = \"1f1b2c3d-4e5f\"\n", "");
    let findings = Site::new().file("profiles/a.toml", &without).findings();
    assert!(findings.starts_with("error: `cx.agent` is missing\n --> profiles/a.toml:"), "{findings}");
    assert!(findings.contains("= help: name the agent by its id"), "{findings}");
    let without = cx("a", "google.json", "").replace("cx.credential", "#");
    let findings = Site::new().file("profiles/a.toml", &without).findings();
    assert!(findings.starts_with("error: `cx.credential` is missing"), "{findings}");
}

#[test]
fn b17_cx_a_host_is_made_of_no_odd_location() {
    assert_eq!(
        with_cx("cx.location = \"evil.example.com\"\n").findings(),
        r#"error: `cx.location` is `evil.example.com`, which is no location
 --> profiles/a.toml:7:15
  |
7 | cx.location = "evil.example.com"
  |               ^^^^^^^^^^^^^^^^^^
  |
  = help: such as `global`, `us-central1`, `europe-west3`, `eu`: as the console shows it beside the agent
"#
    );
    let findings = with_cx("cx.environment = \"projects/p\"\n").findings();
    assert!(findings.starts_with("error: `cx.environment`"), "{findings}");
}

#[test]
fn s6_a_google_key_is_not_shared_with_a_profile_of_another_kind() {
    let site = with_profile("").file("profiles/b.toml", &cx("b", "google.json", ""));
    let findings = site.findings();
    let told = "error: profiles `a` (profiles/a.toml) and `b` (profiles/b.toml) share the Google key `key-1`";
    assert!(findings.starts_with(told), "{findings}");
    let site = with_profile("")
        .file("other.json", &service_account("key-2", "shop"))
        .file("profiles/b.toml", &cx("b", "other.json", ""));
    assert_eq!(site.findings(), "");
}

#[test]
fn b17_cx_the_printed_defaults_load() {
    let schema = nlp::schemas().into_iter().find(|it| it.kind == "dialogflow-cx").unwrap();
    let printed = config::default_profile(schema);
    let printed = printed
        .replace("#name = \"support\"", "name = \"a\"")
        .replacen("#type", "type", 1)
        .replace("#agent_password = { env = \"SUPPORT_AGENT_PASSWORD\" }", "agent_password = { env = \"PASSWORD\" }")
        .replace("#fallback_message =", "fallback_message =")
        .replacen("#credential = { file = \"service-account.json\" }", "credential = { file = \"../google.json\" }", 1)
        .replacen("#agent = ", "agent = ", 1)
        .replacen("#environment = ", "environment = ", 1)
        .replacen("#channel = ", "channel = ", 1);
    assert_eq!(Site::new().file("profiles/a.toml", &printed).findings(), "", "{printed}");
}
