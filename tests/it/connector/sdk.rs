//! The SDKs' own examples, run as their README says, against the real gateway: `sdk/python`, `sdk/typescript`.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    time::timeout,
};
use tokio_util::task::AbortOnDropHandle;
use usher::wire::engine::command::Command as Wanted;

use super::*;
use crate::python::interpreter;

const PATIENCE: Duration = Duration::from_secs(30);
const TO_PERSON: &str =
    "[[action]]\nname = \"to_person\"\nmedia = \"openmedia\"\nkind = \"requeue\"\nqueue = \"people\"\n";

#[derive(Clone, Copy, Debug)]
enum Sdk {
    Python,
    TypeScript,
}

impl Sdk {
    fn command(self, example: &str) -> Command {
        let sdk = |path: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("sdk").join(path);
        let built = |path: PathBuf| {
            assert!(path.is_file(), "{} is missing: run ./check, which builds it", path.display());
            path
        };
        match self {
            Self::Python => {
                let mut command = Command::new(interpreter());
                command.env("PYTHONPATH", sdk("python/src")).env("PYTHONDONTWRITEBYTECODE", "1");
                command.arg(built(sdk(&format!("python/examples/{example}.py"))));
                command
            }
            Self::TypeScript => {
                let mut command = Command::new("node");
                command.arg(built(sdk(&format!("typescript/dist/examples/{example}.js"))));
                command
            }
        }
    }

    /// An example that serves at `url`; it ends with the test.
    fn start(self, example: &str, url: &str, token: &str) -> Example {
        let mut command = self.command(example);
        command.env("USHER_URL", url).env("USHER_CONNECTOR_TOKEN", token);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        Example(Some(command.spawn().unwrap_or_else(|error| panic!("{self:?} cannot be started: {error}"))))
    }
}

/// A running example; `None` once it was waited for.
struct Example(Option<Child>);

impl Drop for Example {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

impl Stage {
    async fn example(&self, sdk: Sdk, example: &str) -> Example {
        let child = sdk.start(example, &format!("ws://{}", self.door), &self.token);
        self.attached().await;
        child
    }

    /// One socket serves.
    async fn attached(&self) {
        let attached = async {
            while self.metric("usher_connector_sockets").await != 1 {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, attached).await.expect("the example attaches");
    }
}

/// Passes connections on to the door, and cuts them when told to.
struct Wire {
    url: String,
    cuts: watch::Sender<u32>,
    _task: AbortOnDropHandle<()>,
}

impl Wire {
    async fn to(door: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}", listener.local_addr().unwrap());
        let (cuts, cut) = watch::channel(0);
        let task = tokio::spawn(async move {
            loop {
                let (mut near, _) = listener.accept().await.unwrap();
                let mut cut = cut.clone();
                cut.mark_unchanged();
                tokio::spawn(async move {
                    let mut far = TcpStream::connect(door).await.unwrap();
                    tokio::select! {
                        // However a connection ends, this test sees it by what the customer hears.
                        _ = copy_bidirectional(&mut near, &mut far) => {}
                        _ = cut.changed() => {}
                    }
                });
            }
        });
        Self { url, cuts, _task: AbortOnDropHandle::new(task) }
    }

    fn cut(&self) {
        self.cuts.send_modify(|it| *it += 1);
    }
}

async fn echoes(sdk: Sdk) {
    let stage = Stage::new("").await;
    let _connector = stage.example(sdk, "echo").await;
    stage.open("c1").await;
    stage.writes("c1", "Good morning").await;
    stage.hears("c1", "You said: Good morning").await;
    stage.writes("c1", "ä “quoted” \u{1f600}").await;
    stage.hears("c1", "You said: ä “quoted” \u{1f600}").await;
    stage.done().await;
}

async fn hands_over(sdk: Sdk) {
    let stage = Stage::with(DOOR, "", TO_PERSON).await;
    let _connector = stage.example(sdk, "hand_over").await;
    stage.open("c1").await;
    stage.writes("c1", "a person please").await;
    stage.hears("c1", "I find somebody for you.").await;
    match stage.centre.next_command("c1").await.command {
        Some(Wanted::Requeue(it)) => {
            let context = it.context.unwrap();
            assert!(context.parameters.iter().any(|(key, value)| key == "topic" && value == "order"), "{context:?}");
        }
        other => panic!("not handed over but {other:?}"),
    }
    stage.done().await;
}

/// The part that is ready goes out at once; a cut in between costs nothing and repeats nothing.
async fn answers_slowly_over_a_cut(sdk: Sdk) {
    let stage = Stage::new("patience_ms = 10000\n").await;
    let wire = Wire::to(stage.door).await;
    let _connector = sdk.start("slow_answer", &wire.url, &stage.token);
    stage.attached().await;
    stage.open("c1").await;
    stage.writes("c1", "Where is my order?").await;
    stage.hears("c1", "One moment, I look that up.").await;
    wire.cut();
    stage.hears("c1", "It arrives tomorrow.").await;
    stage.done().await;
}

async fn gives_up_with_a_reason(sdk: Sdk) {
    let stage = Stage::new("").await;
    let mut connector = sdk.start("echo", &format!("ws://{}", stage.door), "no-such-token-at-all");
    let child = connector.0.take().unwrap();
    let ended = tokio::task::spawn_blocking(move || child.wait_with_output());
    let ended = timeout(PATIENCE, ended).await.expect("it gives up").unwrap().unwrap();
    let told = String::from_utf8(ended.stderr).unwrap();
    assert!(!ended.status.success() && told.contains("401"), "{told}");
    assert!(!told.contains("no-such-token-at-all"), "{told}");
    stage.done().await;
}

#[tokio::test]
async fn s11_the_python_sdk_echoes() {
    echoes(Sdk::Python).await;
}

#[tokio::test]
async fn s11_the_python_sdk_hands_over() {
    hands_over(Sdk::Python).await;
}

#[tokio::test]
async fn s11_the_python_sdk_answers_slowly_over_a_cut() {
    answers_slowly_over_a_cut(Sdk::Python).await;
}

#[tokio::test]
async fn s11_the_python_sdk_gives_up_with_a_reason() {
    gives_up_with_a_reason(Sdk::Python).await;
}

#[tokio::test]
async fn s11_the_typescript_sdk_echoes() {
    echoes(Sdk::TypeScript).await;
}

#[tokio::test]
async fn s11_the_typescript_sdk_hands_over() {
    hands_over(Sdk::TypeScript).await;
}

#[tokio::test]
async fn s11_the_typescript_sdk_answers_slowly_over_a_cut() {
    answers_slowly_over_a_cut(Sdk::TypeScript).await;
}

#[tokio::test]
async fn s11_the_typescript_sdk_gives_up_with_a_reason() {
    gives_up_with_a_reason(Sdk::TypeScript).await;
}
