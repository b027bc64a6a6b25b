//! `usher lint` on the real binary (B3): the agent by Google's own API from the offline engine, and the contact centre's
//! directory from the operators' door.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use usher::{app::lint::Code, wire::engine::MediaType};

use crate::{
    fakes::{dialogflow::FakeDialogflow, engine::FakeEngine},
    harness::{CONFIG, Usher, profile},
    offline,
};

const AGENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/agent");

/// Fits the agent of the fixtures: its welcome, one of its actions, nothing more.
const FITTING: &str = r#"
[[action]]
name = "human"
media = ["openmedia", "webinteraction"]
kind = "requeue"
queue = "support"
[handover]
queue = "support"
"#;

/// Exit code, standard output, standard error.
struct Told(i32, String, String);

impl Told {
    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.1).unwrap_or_else(|error| panic!("{error}: {} {}", self.1, self.2))
    }

    /// `severity code` of each finding.
    fn codes(&self) -> Vec<String> {
        let json = self.json();
        let text = |it: &Value| it.as_str().unwrap().to_owned();
        let findings = json["findings"].as_array().unwrap().iter();
        findings.map(|it| format!("{} {}", text(&it["severity"]), text(&it["code"]))).collect()
    }
}

async fn usher(directory: &Path, arguments: &[&str]) -> Told {
    let mut command = Command::new(env!("CARGO_BIN_EXE_usher"));
    command.arg("lint").args(arguments).current_dir(directory).env_clear().stdin(Stdio::null());
    // What it asks is served in this process.
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Told(output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn site(profile: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("usher.toml"), CONFIG).unwrap();
    fs::create_dir(directory.path().join("profiles")).unwrap();
    fs::write(directory.path().join("profiles/support.toml"), profile).unwrap();
    directory
}

#[tokio::test]
async fn b3_the_engines_own_word_and_the_export_lead_to_the_same_findings() {
    let server = offline::serve(offline::agent()).await;
    let endpoint = format!("http://{}", server.address());
    let broken = FITTING.replace("\"human\"", "\"Human\"") + "[events]\nhuman_returned = \"NOBODY\"\n";
    let directory = site(&(profile(&endpoint) + &broken));
    for transport in ["grpc", "rest"] {
        let text = (profile(&endpoint) + &broken)
            .replace("[dialogflow]", &format!("[dialogflow]\ntransport = \"{transport}\""));
        fs::write(directory.path().join("profiles/support.toml"), text).unwrap();
        let by_api = usher(directory.path(), &["support", "--json"]).await;
        let by_export = usher(directory.path(), &["--agent", AGENT, "--json"]).await;
        assert_eq!((by_api.0, by_export.0), (1, 1), "{} {}", by_api.2, by_export.2);
        assert_eq!(by_api.json(), by_export.json());
        let told = by_api.json();
        assert_eq!((&told["profile"], &told["unit"]), (&"support".into(), &"sales".into()));
        assert_eq!(told["intents"], offline::agent().intents.len());
        let codes = by_api.codes();
        for code in ["error action_misspelt", "warning event_unheard"] {
            assert!(codes.iter().any(|it| it == code), "{code}: {told:#}");
        }
        let misspelt = told["findings"].as_array().unwrap().iter().find(|it| it["code"] == "action_misspelt").unwrap();
        assert_eq!(misspelt["place"]["file"], "profiles/support.toml");
        assert!(misspelt["message"].as_str().unwrap().contains("`human` for `human`"), "{misspelt}");
    }
    server.stop().await.unwrap();
}

#[tokio::test]
async fn b3_an_environment_has_no_phrases_to_read_and_that_is_told() {
    let server = offline::serve(offline::agent()).await;
    let text = profile(&format!("http://{}", server.address())) + FITTING;
    let text = text.replace("[dialogflow]", "[dialogflow]\nenvironment = \"live\"\nregion = \"europe-west1\"");
    let directory = site(&text);
    let told = usher(directory.path(), &["--json"]).await;
    let unchecked = told.json()["unchecked"].to_string();
    assert!(unchecked.contains("training phrases"), "{unchecked}");
    assert!(!told.codes().iter().any(|it| it.contains("unreachable")), "{:?}", told.codes());
    server.stop().await.unwrap();
}

#[tokio::test]
async fn b3_the_exit_code_tells_a_pipeline_what_was_found() {
    let directory = site(&(profile("http://127.0.0.1:1") + FITTING));
    let with = async |from: &str, to: &str, arguments: &[&str]| {
        let text = (profile("http://127.0.0.1:1") + FITTING).replace(from, to);
        fs::write(directory.path().join("profiles/support.toml"), text).unwrap();
        usher(directory.path(), &[&["--agent", AGENT], arguments].concat()).await
    };
    let clean = with("", "", &["--strict", "--json"]).await;
    assert_eq!((clean.0, &clean.json()["errors"], &clean.json()["warnings"]), (0, &0.into(), &0.into()));
    let good = "good: profile support of unit sales and its agent fit (15 intents)\n";
    assert_eq!(with("", "", &[]).await.1, good.replace("15", &offline::agent().intents.len().to_string()));
    let (from, to) = ("[handover]", "[events]\nhuman_returned = \"NOBODY\"\n[handover]");
    assert_eq!((with(from, to, &[]).await.0, with(from, to, &["--strict"]).await.0), (0, 4));
    let error = with("\"human\"", "\"Human\"", &[]).await;
    assert_eq!((error.0, error.1.as_str()), (1, ""));
    let placed = "\n  --> profiles/support.toml:14:8\n   |\n14 | name = \"Human\"\n   |        ^^^^^^^\n";
    assert!(error.2.contains(placed), "{}", error.2);
    assert!(error.2.contains("\nnot checked: queues"), "{}", error.2);
    let none = with("name = \"support\"", "nam = \"support\"", &[]).await;
    assert_eq!(none.0, 2, "a configuration that cannot be used: {}", none.2);
    assert_eq!(with("", "", &["other"]).await.0, 2);
    assert_eq!(with("", "", &["--directory", "none.json"]).await.0, 2);
    assert_eq!(with("", "", &["--agent", "none"]).await.0, 2);
    // Nobody listens there.
    assert_eq!(usher(directory.path(), &[]).await.0, 3);
}

#[tokio::test]
async fn b3_an_engine_that_does_not_list_its_intents_is_told_with_advice() {
    let dialogflow = FakeDialogflow::start();
    let directory = site(&profile(&dialogflow.endpoint()));
    let told = usher(directory.path(), &[]).await;
    assert_eq!((told.0, told.1.as_str()), (1, ""));
    assert!(told.2.starts_with("error: profiles/support.toml: the agent's intents cannot be read: "), "{}", told.2);
}

/// The primary cannot be reached, the standby tells.
#[tokio::test]
async fn b3_a_standbys_agent_is_compared_as_well() {
    let server = offline::serve(offline::agent()).await;
    let standby = format!(
        "[[standby]]\nname = \"second\"\ntype = \"dialogflow-v2\"\n[standby.dialogflow]\nproject = \"p\"\n\
         endpoint = \"http://{}\"\n",
        server.address()
    );
    let directory = site(&(profile("http://127.0.0.1:1") + FITTING + &standby));
    let told = usher(directory.path(), &["--engine", "second", "--json"]).await;
    assert_eq!((told.0, &told.json()["errors"]), (0, &0.into()), "{}", told.2);
    assert_eq!(usher(directory.path(), &["--engine", "primary"]).await.0, 3);
    let none = usher(directory.path(), &["--engine", "third"]).await;
    assert_eq!(
        (none.0, none.2.as_str()),
        (2, "error: profile support has no engine `third`: it has primary, second\n")
    );
    server.stop().await.unwrap();
}

/// What the operators' door answers.
async fn door(usher: &Usher, path: &str) -> String {
    let mut stream = TcpStream::connect(usher.ops).await.unwrap();
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: ops\r\nauthorization: Bearer ops-token\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

#[tokio::test]
async fn b3_dead_queues_are_found_by_the_directory_of_a_running_gateway() {
    let config = CONFIG.replace("[ops]", "[ops]\ntoken = \"ops-token\"");
    let gateway = Usher::start(&config, &(profile("http://127.0.0.1:1") + FITTING)).await;
    assert!(door(&gateway, "/directory/sales").await.contains("no routing engine has told"));
    let setup = gateway.setup().queue("support", MediaType::OpenMedia).queue("web", MediaType::WebInteraction);
    let engine = FakeEngine::attach(setup).await.unwrap();
    engine.open("c1", "va1").await;
    let exported = door(&gateway, "/directory/sales").await;
    let told: Value = serde_json::from_str(&exported).unwrap();
    assert_eq!(told["queues"]["web"]["media"], "webinteraction");
    assert_eq!(told["users"]["va1"]["sign_on"], "password");
    engine.end("c1", "left").await;
    engine.settled().await;
    gateway.drain().await;

    let directory = site(&(profile("http://127.0.0.1:1") + FITTING));
    fs::write(directory.path().join("directory.json"), exported).unwrap();
    let lint = async || usher(directory.path(), &["--agent", AGENT, "--directory", "directory.json", "--json"]).await;
    let found = lint().await;
    let queues: Vec<String> = found.codes().into_iter().filter(|it| it.contains("queue")).collect();
    assert_eq!(queues, ["error queue_media"], "{:#}", found.json());
    assert_eq!((found.0, &found.json()["unchecked"]), (1, &json!([])));
    let mended =
        (profile("http://127.0.0.1:1") + FITTING).replace("[\"openmedia\", \"webinteraction\"]", "\"openmedia\"");
    fs::write(directory.path().join("profiles/support.toml"), mended).unwrap();
    assert_eq!(lint().await.0, 0);
}

#[test]
fn b3_every_kind_of_finding_is_documented() {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/lint-and-replay.md")).unwrap();
    for code in Code::ALL {
        assert!(page.contains(&format!("| `{}` |", code.label())), "{}", code.label());
    }
}
