//! `usher demo`, and `usher` alone.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use clap::Args;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::{
    signal::unix::{SignalKind, signal},
    time::timeout,
};

use super::{Exit, Terminal, fail, runtime};
use crate::{
    app::demo::{Addresses, Demo, Options},
    chat::{self, Origin, Rate},
    clock::Clock,
    config::settings::{Log, LogFormat},
    telemetry,
};

const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7410);
const DATA: &str = "usher-data";
/// That the contact centre's lanes end with the gateway is no news to whoever ends the demo.
const LOG: &str = "warn,usher::switchboard::link=error";
/// Usually it takes a moment; after this it is said what is missing.
const READY_WITHIN: Duration = Duration::from_secs(10);

#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// Address of all pages; other machines reach it with the key that is printed
    #[arg(long, value_name = "ADDRESS", default_value_t = LISTEN)]
    listen: SocketAddr,
    /// Address of the Web Manager [default: 127.0.0.1:7404, or any port if that is taken]
    #[arg(long, value_name = "ADDRESS")]
    manager: Option<SocketAddr>,
    /// Directory of the demo's data
    #[arg(long, value_name = "DIR", default_value = DATA)]
    data: PathBuf,
    /// Forget what earlier demos wrote into the directory
    #[arg(long)]
    reset: bool,
    /// A page's origin that may embed the chat, such as shop.example.com with its scheme; may be repeated
    #[arg(long = "origin", value_name = "URL")]
    origins: Vec<Origin>,
    /// Proxies of your own in front: so many of X-Forwarded-For's last addresses are theirs, and limits count those before
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=8))]
    proxies: u8,
    /// New chats that one address may begin per minute, for load tests; its other bounds grow alike [default: 20]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    chats_per_minute: Option<u32>,
}

impl Default for DemoArgs {
    fn default() -> Self {
        Self {
            listen: LISTEN,
            manager: None,
            data: DATA.into(),
            reset: false,
            origins: Vec::new(),
            proxies: 0,
            chats_per_minute: None,
        }
    }
}

impl DemoArgs {
    fn options(self) -> Options {
        let mut chat =
            chat::Settings { origins: self.origins, proxies: self.proxies.into(), ..chat::Settings::default() };
        if let Some(count) = self.chats_per_minute {
            let scaled = |rate: Rate, usual: u32| {
                let count = u64::from(rate.count) * u64::from(count) / u64::from(usual.max(1));
                Rate { count: u32::try_from(count).unwrap_or(u32::MAX).max(rate.count), ..rate }
            };
            let usual = chat.contacts.count;
            chat.requests = scaled(chat.requests, usual);
            chat.messages = scaled(chat.messages, usual);
            chat.contacts = Rate { count, per: Duration::from_secs(60) };
        }
        Options { listen: self.listen, manager: self.manager, data: self.data, reset: self.reset, chat }
    }
}

pub(super) fn run(args: DemoArgs, terminal: &mut Terminal<'_>) -> io::Result<Exit> {
    runtime(0)?.block_on(async {
        match Box::pin(serve(args.options(), terminal)).await {
            Ok(()) => Ok(Exit::Done),
            Err(error) => fail(&error, terminal),
        }
    })
}

async fn serve(options: Options, terminal: &mut Terminal<'_>) -> anyhow::Result<()> {
    let log = Log { format: LogFormat::Pretty, filter: LOG.to_owned() };
    let traces = telemetry::start(&log, None)?;
    // From the first moment on, so that a signal at start ends it in order, too.
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut demo = Box::pin(Demo::start(options, Clock::system())).await?;
    let addresses = demo.addresses().clone();
    let ended = tokio::select! {
        broken = until_broken(&mut demo, &addresses, terminal) => broken,
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    };
    if ended.is_ok() {
        demo.drain().await?;
    }
    traces.flush().await;
    ended
}

async fn until_broken(demo: &mut Demo, addresses: &Addresses, terminal: &mut Terminal<'_>) -> anyhow::Result<()> {
    if timeout(READY_WITHIN, demo.ready()).await.is_err()
        && let Err(why) = demo.readiness()
    {
        writeln!(terminal.err, "warning: not ready yet: {why}")?;
    }
    print(addresses, demo.first_link(), terminal)?;
    demo.broken().await
}

/// `first`: to the console alone, as whoever has the link is an administrator.
fn print(at: &Addresses, first: Option<&SecretString>, terminal: &mut Terminal<'_>) -> io::Result<()> {
    let out = &mut terminal.out;
    writeln!(out, "Usher's demo runs. Open the start page in a browser:\n")?;
    writeln!(out, "  start page        {}", at.page("/"))?;
    writeln!(out, "  desk              {}", at.page("/desk"))?;
    writeln!(out, "  web manager       {}", at.manager)?;
    if let Some(link) = first {
        writeln!(out, "                    (make its first administrator: {})", link.expose_secret())?;
    }
    if let Some(base) = &at.elsewhere {
        writeln!(out, "  other machines    {}", at.page_at(base, "/"))?;
    }
    if let Some(host) = &at.host {
        writeln!(out, "                    (or by this machine's name, {host}, where the network knows it)")?;
    }
    writeln!(
        out,
        "  chat in a page    <script type=\"module\" src=\"{}/chat/widget.js\"></script><usher-chat></usher-chat>",
        at.pages
    )?;
    writeln!(out, "  routing engines   {} (gRPC)", at.engines)?;
    writeln!(out, "  operators         http://{}/metrics", at.ops)?;
    writeln!(out, "  language engine   http://{} (offline Dialogflow, gRPC and REST)", at.dialogflow)?;
    writeln!(out, "  data              {}", at.data.display())?;
    if at.elsewhere.is_some() || at.host.is_some() {
        writeln!(
            out,
            "\nLinks and pictures that the virtual agent sends name {}, which other machines cannot open: to have them\n\
             reach this one, start with --listen and one of its addresses.",
            at.pages
        )?;
    }
    writeln!(out, "\nCtrl-C ends it; the same data goes on at the next start, --reset forgets it.")?;
    writeln!(out, "To serve a contact centre of your own: usher serve (see usher default-config).")?;
    out.flush()
}
