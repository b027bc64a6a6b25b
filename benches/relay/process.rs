//! A system under test as a process: started on its core, asked to stop, killed if it does not.

use std::{
    fs::{self, File},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use tokio::time::sleep;
use usher::clock::Clock;

const LOOK_EVERY: Duration = Duration::from_millis(20);
const STOP_PATIENCE: Duration = Duration::from_secs(20);
const LOG_LINES: usize = 15;

/// A running system.
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
    pub(crate) address: SocketAddr,
}

impl Process {
    /// Starts `command`, whose output goes to `log`, and waits until it listens on `address`.
    pub(crate) async fn start(
        mut command: Command,
        address: SocketAddr,
        log: PathBuf,
        patience: Duration,
    ) -> Result<Self> {
        let file = File::create(&log)?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let child = command.spawn().with_context(|| format!("starting {command:?}"))?;
        let mut process = Self { child, log, address };
        let end = Clock::instant() + patience;
        while TcpStream::connect(address).is_err() {
            if let Some(status) = process.child.try_wait()? {
                bail!("{command:?} ended with {status}:\n{}", process.last_lines());
            }
            ensure!(Clock::instant() < end, "{command:?} does not listen on {address}:\n{}", process.last_lines());
            sleep(LOOK_EVERY).await;
        }
        Ok(process)
    }

    /// Runs `command` to its end.
    pub(crate) async fn finish(mut command: Command, log: PathBuf, patience: Duration) -> Result<()> {
        let file = File::create(&log)?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let child = command.spawn().with_context(|| format!("starting {command:?}"))?;
        let mut process = Self { child, log, address: ([127, 0, 0, 1], 0).into() };
        let end = Clock::instant() + patience;
        loop {
            if let Some(status) = process.child.try_wait()? {
                ensure!(status.success(), "{command:?} ended with {status}:\n{}", process.last_lines());
                return Ok(());
            }
            ensure!(Clock::instant() < end, "{command:?} does not end:\n{}", process.last_lines());
            sleep(LOOK_EVERY).await;
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The end of what it has printed.
    pub(crate) fn last_lines(&self) -> String {
        let text = fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines.get(lines.len().saturating_sub(LOG_LINES)..).unwrap_or_default().join("\n")
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) async fn stop(mut self) -> Result<()> {
        drop(Command::new("kill").args(["-TERM", &self.pid().to_string()]).stderr(Stdio::null()).status());
        let end = Clock::instant() + STOP_PATIENCE;
        while self.child.try_wait()?.is_none() {
            ensure!(Clock::instant() < end, "process {} does not stop:\n{}", self.pid(), self.last_lines());
            sleep(LOOK_EVERY).await;
        }
        Ok(())
    }
}

/// After a failure: whatever still runs is killed, nginx's worker first, which would outlive its master.
impl Drop for Process {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        for child in children(self.pid()) {
            drop(Command::new("kill").args(["-KILL", &child.to_string()]).stderr(Stdio::null()).status());
        }
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The processes that a process has started.
pub(crate) fn children(pid: u32) -> Vec<u32> {
    let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

/// An address of this machine that nobody listens on now.
pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// Where a program is, if it is installed.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin", "/sbin", "/bin"]
        .iter()
        .map(|folder| Path::new(folder).join(name))
        .find(|path| path.exists())
}
