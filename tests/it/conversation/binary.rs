//! The real binary, for what only a whole process shows: its log, and how it follows its files.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;
use tokio::{sync::watch, time::timeout};
use usher::wire::engine::MediaType;

use super::{alerts, offer};
use crate::{
    fakes::{
        dialogflow::{FakeDialogflow, Reaction},
        engine::{FakeEngine, Setup, tcp},
    },
    harness::{CONFIG, TOKEN, profile},
};

pub(crate) struct Binary {
    child: Child,
    log: watch::Receiver<Vec<String>>,
    pub(crate) directory: TempDir,
    pub(crate) ops: SocketAddr,
    pub(crate) engines: SocketAddr,
}

impl Binary {
    pub(crate) async fn start(profile: &str) -> Self {
        Self::start_in(TempDir::new().unwrap(), CONFIG, profile).await
    }

    /// Where one may have been before.
    pub(crate) async fn start_in(directory: TempDir, config: &str, profile: &str) -> Self {
        fs::create_dir_all(directory.path().join("profiles")).unwrap();
        let log = "[log]\nformat = \"json\"\nfilter = \"info,usher=trace\"\n";
        fs::write(directory.path().join("usher.toml"), format!("{config}{log}")).unwrap();
        write_profile(directory.path(), profile);
        let mut child = Command::new(env!("CARGO_BIN_EXE_usher"))
            .arg("serve")
            .current_dir(directory.path())
            .env_clear()
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (lines, log) = watch::channel(Vec::new());
        let stderr = child.stderr.take().unwrap();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines() {
                lines.send_modify(|it: &mut Vec<String>| it.push(line.unwrap()));
            }
        });
        let nowhere = ([127, 0, 0, 1], 0).into();
        let mut binary = Self { child, log, directory, ops: nowhere, engines: nowhere };
        let listening = binary.line("\"listening\"").await;
        let address = |key: &str| {
            let (_, rest) = listening.split_once(&format!("\"{key}\":\"")).unwrap_or_else(|| panic!("{listening}"));
            rest.split('"').next().unwrap().parse().unwrap()
        };
        (binary.engines, binary.ops) = (address("engines"), address("ops"));
        binary
    }

    pub(crate) fn setup(&self) -> Setup {
        Setup::new(tcp(self.engines), TOKEN, "engine-1", "sales").user("va1")
    }

    /// The first line of the log that contains `text`, when it is there.
    pub(crate) async fn line(&self, text: &str) -> String {
        let mut log = self.log.clone();
        let has = |lines: &Vec<String>| lines.iter().any(|it| it.contains(text));
        let found = timeout(Duration::from_secs(30), log.wait_for(has)).await.map(|it| it.map(|it| it.clone()));
        match found {
            Ok(Ok(lines)) => lines.into_iter().find(|it| it.contains(text)).unwrap(),
            Ok(Err(_)) | Err(_) => panic!("no {text} in the log:\n{}", self.log.borrow().join("\n")),
        }
    }

    /// Until as many lines of the log contain `text`.
    pub(crate) async fn lines(&self, text: &str, count: usize) {
        let mut log = self.log.clone();
        let has = |lines: &Vec<String>| lines.iter().filter(|it| it.contains(text)).count() >= count;
        let found = timeout(Duration::from_secs(30), log.wait_for(has)).await.is_ok_and(|it| it.is_ok());
        assert!(found, "not {count} times {text} in the log:\n{}", self.log.borrow().join("\n"));
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Until it has ended by itself; yields how, its directory and everything it logged.
    pub(crate) async fn ended(mut self) -> (Option<i32>, TempDir, String) {
        while self.log.changed().await.is_ok() {}
        let code = self.child.wait().unwrap().code();
        let log = self.log.borrow().join("\n");
        (code, std::mem::replace(&mut self.directory, TempDir::new().unwrap()), log)
    }

    /// Kills it; yields its directory and everything it logged.
    pub(crate) async fn kill(mut self) -> (TempDir, String) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        // The end of standard error closes the channel.
        while self.log.changed().await.is_ok() {}
        let log = self.log.borrow().join("\n");
        (std::mem::replace(&mut self.directory, TempDir::new().unwrap()), log)
    }
}

impl Drop for Binary {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// At once: the gateway must not meet half a file.
fn write_profile(directory: &Path, profile: &str) {
    let written = directory.join("written");
    fs::write(&written, profile).unwrap();
    fs::rename(written, directory.join("profiles/support.toml")).unwrap();
}

#[tokio::test]
async fn a_changed_profile_serves_new_contacts_and_a_broken_one_is_an_alert() {
    let dialogflow = FakeDialogflow::start();
    dialogflow.otherwise(Reaction::Status(tonic::Code::Internal));
    let first = profile(&dialogflow.endpoint()) + "[handover]\nfailures_after = 0\n";
    let usher = Binary::start(&first).await;
    let engine = FakeEngine::attach(usher.setup()).await.unwrap();
    let hears = async |contact: &str, expected: &str| {
        engine.say(contact, "anything").await;
        assert_eq!(engine.next_say(contact).await, [expected], "{contact}");
    };
    engine.open("old", "va1").await;
    hears("old", "Sorry.").await;

    write_profile(usher.directory.path(), &first.replace("fallback_message", "fallback_massage"));
    let refused = usher.line("the old one stays in force").await;
    assert!(refused.contains("fallback_massage"), "the log says what is wrong: {refused}");
    usher.line("the old one is in force").await;
    assert_eq!(alerts(usher.ops).await, ["configuration configuration"]);
    engine.open_as(offer("while broken", MediaType::OpenMedia)).await;
    hears("while broken", "Sorry.").await;

    write_profile(usher.directory.path(), &first.replace("Sorry.", "Excuse me."));
    usher.line("\"mended\"").await;
    assert_eq!(alerts(usher.ops).await, Vec::<String>::new());
    engine.open("new", "va1").await;
    hears("new", "Excuse me.").await;
    hears("old", "Sorry.").await;
    drop(usher.kill().await);
}
