//! The real binary as a process of its own.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::oneshot,
    task::spawn_blocking,
    time::timeout,
};

/// How long anything may take that should happen at once.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Writes the configuration that every start in `directory` finds.
pub(crate) fn configure(directory: &Path, config: &str, profile: &str) {
    fs::create_dir_all(directory.join("profiles")).unwrap();
    fs::write(directory.join("usher.toml"), config).unwrap();
    fs::write(directory.join("profiles/support.toml"), profile).unwrap();
}

/// Where its two doors are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Doors {
    pub(crate) engines: SocketAddr,
    pub(crate) ops: SocketAddr,
}

pub(crate) struct Usher {
    child: Child,
    listening: Option<oneshot::Receiver<Doors>>,
    log: Arc<Mutex<Vec<String>>>,
}

impl Usher {
    /// Returns as soon as the process runs.
    pub(crate) fn spawn(directory: &Path) -> Self {
        Self::run(Command::new(env!("CARGO_BIN_EXE_usher")), directory)
    }

    /// A write beyond the process's file size limit fails, as on a full disk, instead of ending the process.
    pub(crate) fn spawn_limitable(directory: &Path) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_usher")]);
        Self::run(shell, directory)
    }

    fn run(mut command: Command, directory: &Path) -> Self {
        command.args(["serve", "--config"]).arg(directory.join("usher.toml"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (tell, listening) = oneshot::channel();
        let log = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&log);
        std::thread::spawn(move || {
            let mut tell = Some(tell);
            for line in lines.map_while(Result::ok) {
                if let Some(doors) = doors_in(&line)
                    && let Some(tell) = tell.take()
                {
                    // A test that kills at once does not listen.
                    tell.send(doors).unwrap_or(());
                }
                kept.lock().unwrap().push(line);
            }
        });
        Self { child, listening: Some(listening), log }
    }

    /// Its doors, as soon as they are open.
    pub(crate) async fn doors(&mut self) -> Doors {
        let listening = self.listening.take().expect("asked once");
        match timeout(PATIENCE, listening).await {
            Ok(Ok(doors)) => doors,
            Ok(Err(_)) | Err(_) => panic!("it does not listen:\n{}", self.log()),
        }
    }

    /// SIGKILL.
    pub(crate) async fn kill(mut self) {
        self.child.kill().unwrap();
        let log = Arc::clone(&self.log);
        let status = self.exit().await;
        assert_eq!(status.code(), None, "it ended by itself:\n{}", log.lock().unwrap().join("\n"));
        check(&log.lock().unwrap());
    }

    pub(crate) fn terminate(&self) {
        let status = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Waits until it has ended by itself.
    pub(crate) async fn ended(self) -> ExitStatus {
        let log = Arc::clone(&self.log);
        let status = self.exit().await;
        check(&log.lock().unwrap());
        status
    }

    async fn exit(mut self) -> ExitStatus {
        let pid = self.child.id();
        let exit = spawn_blocking(move || self.child.wait().unwrap());
        timeout(PATIENCE, exit).await.unwrap_or_else(|_| panic!("process {pid} does not end")).unwrap()
    }

    /// From now on no file can be written beyond its first byte; `None`: as far as it likes.
    pub(crate) fn limit_files(&self, bytes: Option<u64>) {
        let limit = bytes.map_or("unlimited".to_owned(), |it| it.to_string());
        let pid = self.child.id().to_string();
        let status = Command::new("prlimit").args(["--pid", &pid, &format!("--fsize={limit}:unlimited")]).status();
        assert!(status.expect("prlimit of util-linux").success());
    }

    /// Processor time used so far, in hundredths of a second; what a busy machine adds to a wait is not in it.
    pub(crate) fn cpu(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let (_, fields) = stat.rsplit_once(") ").unwrap();
        // User and system time, counted from the state after the name.
        let ticks: u64 = fields.split(' ').skip(11).take(2).map(|it| it.parse::<u64>().unwrap()).sum();
        Duration::from_millis(10 * ticks)
    }

    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().join("\n")
    }
}

/// A process that panics or finds its own state unreadable has failed, whatever came of it.
fn check(log: &[String]) {
    for line in log {
        let bad = line.contains("panicked") || line.contains("cannot be read back") || line.contains("\"ERROR\"");
        let full = line.contains("the store cannot be written");
        assert!(!bad || full, "{line}");
    }
}

fn doors_in(line: &str) -> Option<Doors> {
    let line: Value = serde_json::from_str(line).ok()?;
    let address = |name: &str| line.get(name)?.as_str()?.parse().ok();
    (line.get("message")?.as_str()? == "listening").then_some(())?;
    Some(Doors { engines: address("engines")?, ops: address("ops")? })
}

/// The status and body of `GET path` at the operators' door.
pub(crate) async fn get(ops: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(ops).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: usher\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
}

/// Asks again until readiness is told so.
pub(crate) async fn wait_until(ops: SocketAddr, readiness: &str) {
    let told = async { while !get(ops, "/readyz").await.1.contains(readiness) {} };
    timeout(PATIENCE, told).await.unwrap_or_else(|_| panic!("it does not become {readiness}"));
}

impl Drop for Usher {
    fn drop(&mut self) {
        // Ended already, unless the test failed.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
