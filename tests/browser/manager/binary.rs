//! The real binary: what changes the configuration takes the whole of it.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::Duration,
};

use tempfile::TempDir;

use super::{PASSWORD, fill};
use crate::{
    driver::Browser,
    fakes::engine::{Setup, tcp},
    harness::{CONFIG, TOKEN},
};

pub(super) fn usher() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_usher"))
}

/// Ends with its test.
pub(super) struct Gateway {
    child: Child,
    /// Where its first administrator is made.
    pub(super) link: String,
    engines: SocketAddr,
    pub(super) directory: TempDir,
}

impl Gateway {
    /// With profiles of files, by name.
    pub(super) fn start(profiles: &[(&str, &str)]) -> Self {
        Self::start_in(TempDir::new().unwrap(), profiles)
    }

    pub(super) fn start_in(directory: TempDir, profiles: &[(&str, &str)]) -> Self {
        fs::create_dir(directory.path().join("profiles")).unwrap();
        for (name, text) in profiles {
            fs::write(directory.path().join(format!("profiles/{name}.toml")), text).unwrap();
        }
        let log = "[connectors]\nlisten = \"127.0.0.1:0\"\n[log]\nformat = \"json\"\nfilter = \"info\"\n";
        fs::write(directory.path().join("usher.toml"), format!("{CONFIG}{log}")).unwrap();
        let mut command = Command::new(usher());
        command.arg("serve").current_dir(directory.path()).env_clear().stdin(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stderr = child.stderr.take().unwrap();
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                for (key, end) in [("\"engines\":\"", '"'), ("make the first administrator at ", '\n')] {
                    if let Some((_, rest)) = line.split_once(key) {
                        tell.send((key, rest.split(end).next().unwrap().trim().to_owned())).unwrap_or_default();
                    }
                }
            }
        });
        let next = |key: &str| loop {
            let (of, text) = told.recv_timeout(Duration::from_secs(30)).expect("the gateway opens its doors");
            if of == key {
                break text;
            }
        };
        let engines = next("\"engines\":\"").parse().unwrap();
        let link = next("make the first administrator at ");
        Self { child, link, engines, directory }
    }

    pub(super) fn page(&self, path: &str) -> String {
        format!("{}{path}", self.link.split("/welcome").next().unwrap())
    }

    /// How the configured engine attaches, with an empty directory.
    pub(super) fn centre(&self) -> Setup {
        self.centre_of(TOKEN, "engine-1", "sales")
    }

    /// How another one does.
    pub(super) fn centre_of(&self, token: &str, engine: &str, unit: &str) -> Setup {
        Setup::new(tcp(self.engines), token, engine, unit)
    }

    /// The first administrator signs in.
    pub(super) async fn begin(&self, browser: &Browser) {
        browser.open(&self.link).await;
        fill(browser, &[("name", "chief"), ("password", PASSWORD), ("again", PASSWORD)]).await;
        browser.arrives("document.querySelector('.who')?.innerText.includes('chief')").await;
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.child.kill().unwrap_or_default();
        self.child.wait().unwrap();
    }
}

/// Sends a form of a page, as its button would; `Err`: what the page says that comes of it.
pub(super) async fn send(browser: &Browser, path: &str, fields: &[(&str, &str)]) -> Result<(), String> {
    let (path, fields) = (serde_json::json!(path), serde_json::json!(fields));
    let refused = browser
        .run(&format!(
            "const body = new URLSearchParams({fields});
             body.append('csrf', document.querySelector('.who [name=csrf]').value);
             const told = await fetch({path}, {{ method: 'POST', body }});
             if (told.ok) return null;
             const page = new DOMParser().parseFromString(await told.text(), 'text/html');
             return `${{told.status}} ${{page.querySelector('.problems, .refusal, main')?.textContent}}`;"
        ))
        .await;
    refused.as_str().map_or(Ok(()), |text| Err(text.to_owned()))
}
