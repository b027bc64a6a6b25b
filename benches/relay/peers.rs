//! nginx and haproxy as Debian ships them, set up to do this one job as well as they can.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;

use crate::{process::find_program, unary::MOST_STREAMS};

/// Connections kept open to Dialogflow: nginx runs one call at a time on each.
const UPSTREAM_CONNECTIONS: usize = MOST_STREAMS;
const ENDLESS: u32 = 2_000_000_000;

/// A configured proxy.
pub(crate) struct Proxy {
    pub(crate) listen: SocketAddr,
    arguments: Vec<String>,
}

impl Proxy {
    pub(crate) fn arguments(&self, command: &mut Command) {
        command.args(&self.arguments);
    }
}

/// `alone`: one process without a master, for callgrind.
pub(crate) fn nginx(folder: &Path, listen: SocketAddr, upstream: SocketAddr, alone: bool) -> Result<Proxy> {
    let folder = fresh(folder, "nginx")?;
    let master = if alone { "off" } else { "on" };
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|what| format!("  {what}_temp_path {}/{what};\n", folder.display()))
        .concat();
    let config = format!(
        "daemon off;
master_process {master};
user root;
worker_processes 1;
worker_rlimit_nofile 8192;
pid {folder}/pid;
error_log stderr error;
events {{ worker_connections 4096; }}
http {{
{temporary}  access_log off;
  tcp_nodelay on;
  upstream dialogflow {{
    server {upstream};
    keepalive {UPSTREAM_CONNECTIONS};
    keepalive_requests {ENDLESS};
    keepalive_timeout 1h;
  }}
  server {{
    listen {listen} http2;
    http2_max_concurrent_streams {MOST_STREAMS};
    keepalive_requests {ENDLESS};
    keepalive_timeout 1h;
    location / {{ grpc_pass grpc://dialogflow; grpc_socket_keepalive on; }}
  }}
}}
",
        folder = folder.display(),
    );
    let file = folder.join("nginx.conf");
    fs::write(&file, config)?;
    // The error log of before the configuration is read goes to the folder too.
    let arguments = ["-p", &folder.display().to_string(), "-e", "stderr", "-c", &file.display().to_string()];
    Ok(Proxy { listen, arguments: arguments.map(str::to_owned).to_vec() })
}

pub(crate) fn haproxy(folder: &Path, listen: SocketAddr, upstream: SocketAddr) -> Result<Proxy> {
    let folder = fresh(folder, "haproxy")?;
    let config = format!(
        "global
  nbthread 1
  maxconn 4096
  tune.h2.max-concurrent-streams {MOST_STREAMS}
defaults
  mode http
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  http-reuse always
frontend engine
  bind {listen} proto h2
  default_backend dialogflow
backend dialogflow
  server only {upstream} proto h2 pool-max-conn -1
"
    );
    let file = folder.join("haproxy.cfg");
    fs::write(&file, config)?;
    let arguments = ["-db", "-q", "-f", &file.display().to_string()];
    Ok(Proxy { listen, arguments: arguments.map(str::to_owned).to_vec() })
}

/// What `program` says of its version, without the rest.
pub(crate) fn version(program: &str) -> Option<String> {
    let said = Command::new(find_program(program)?).arg("-v").output().ok()?;
    let text = String::from_utf8([said.stdout, said.stderr].concat()).ok()?;
    let words =
        text.lines().next()?.split_whitespace().filter(|word| word.chars().any(|letter| letter.is_ascii_digit()));
    Some(format!("{program} {}", words.take(1).collect::<String>().trim_start_matches("nginx/")))
}

fn fresh(folder: &Path, name: &str) -> Result<PathBuf> {
    let folder = folder.join(name);
    fs::create_dir_all(&folder)?;
    Ok(folder)
}
