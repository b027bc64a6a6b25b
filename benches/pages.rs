//! What the Web Manager's pages weigh and how soon they are there, in a real Chromium: `cargo bench --bench pages`.
//!
//! The real gateway in this process with 10,000 open contacts and 500 profiles, its Web Manager on loopback, Debian's Chromium with
//! an empty cache for each page, beside a page of nothing but a heading, which is what the browser itself takes. Then what a live page costs that nobody touches while nothing happens. About two minutes.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a benchmark prints, and has nobody to report to"
)]

#[path = "../tests/browser/driver.rs"]
#[expect(dead_code, reason = "shared with the browser tests, which use the rest")]
mod driver;
#[path = "../tests/it/fakes/mod.rs"]
#[expect(dead_code, reason = "shared with the integration tests, which use the rest")]
mod fakes;
#[path = "../tests/it/harness.rs"]
#[expect(dead_code, reason = "shared with the integration tests, which use the rest")]
mod harness;

use std::{fs, net::SocketAddr, time::Duration};

use axum::{Router, response::Html, routing::get};
use fantoccini::key::Key;
use secrecy::ExposeSecret as _;
use serde_json::json;
use tempfile::TempDir;
use tokio::{net::TcpListener, runtime::Builder, time::sleep};

use driver::{Browser, browse};
use fakes::{dialogflow::FakeDialogflow, engine::FakeEngine};
use harness::{CONFIG, Usher, profile};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CONTACTS: usize = 10_000;
const PROFILES: usize = 500;
/// In the routing engine's directory.
const USERS: usize = 10_000;
/// Each page, with an empty cache.
const LOADS: usize = 7;
const IDLE: Duration = Duration::from_secs(30);
/// Of the kernel's clock for processes.
const TICKS_PER_SECOND: f64 = 100.0;

const PAGES: &[&str] = &[
    "/",
    "/?more=true",
    "/?find=c-77",
    "/contacts/sales/c-7",
    "/agents",
    "/profiles",
    "/profiles/sales/support",
    "/profiles/sales/support/agents",
    "/numbers",
    "/profiles/new",
    "/alerts",
    "/users",
    "/audit",
    "/account",
];

fn main() {
    Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
        let dialogflow = FakeDialogflow::start();
        let directory = TempDir::new().unwrap();
        fs::create_dir(directory.path().join("profiles")).unwrap();
        for number in 1..PROFILES {
            let text = profile(&dialogflow.endpoint())
                .replace("name = \"support\"", &format!("name = \"profile-{number:03}\""))
                .replace("agents = [\"va1\"]", "agents = []");
            fs::write(directory.path().join(format!("profiles/profile-{number:03}.toml")), text).unwrap();
        }
        let usher = Usher::start_in(directory, CONFIG, &profile(&dialogflow.endpoint())).await;
        let (office, address) = usher.open_office().await;
        let link = office.first_link().unwrap().expose_secret().to_owned();
        let idle_before = busy(IDLE).await;
        let setup = (0..USERS).fold(usher.setup(), |setup, number| setup.user(&format!("user-{number:05}")));
        let engine = FakeEngine::attach(setup).await.unwrap();
        for number in 0..CONTACTS {
            engine.open(&format!("c-{number}"), "va1").await;
        }
        println!("{CONTACTS} open contacts, {PROFILES} profiles, {USERS} users; {LOADS} loads of each page with an empty cache\n");
        browse(async move |browser| measure(&browser, address, &link, idle_before).await).await;
        office.close().await;
    });
}

async fn measure(browser: &Browser, address: SocketAddr, link: &str, nobody: f64) {
    browser.open(link).await;
    for (name, text) in [("name", "chief"), ("password", "correct horse battery"), ("again", "correct horse battery")] {
        browser.run(&format!("document.querySelector(\"[name='{name}']\").focus()")).await;
        browser.keys(text).await;
    }
    browser.press(Key::Enter).await;
    browser.arrives("document.querySelector('.who')?.innerText.includes('chief')").await;
    browser.cdp("Network.enable", json!({})).await;
    browser.cdp("Network.setCacheDisabled", json!({ "cacheDisabled": true })).await;
    println!(
        "{:<32} {:>10} {:>8} {:>14} {:>14} {:>14}",
        "", "page, KB", "all, KB", "there p50, ms", "paint p50, ms", "paint max, ms"
    );
    let nothing = empty_page().await;
    let pages = PAGES.iter().map(|path| (*path, format!("http://{address}{path}")));
    for (path, url) in [("a heading alone", format!("http://{nothing}/"))].into_iter().chain(pages) {
        let (mut theres, mut paints, mut page, mut all) = (Vec::new(), Vec::new(), 0.0, 0.0);
        for _ in 0..LOADS {
            browser.open(&url).await;
            let seen = browser
                .run(
                    "const { encodedBodySize: own, responseEnd } = performance.getEntriesByType('navigation')[0];
                     const files = performance.getEntriesByType('resource').filter((it) => it.initiatorType !== 'other');
                     const paint = await new Promise((resolve) => new PerformanceObserver((list) => {
                         const first = list.getEntriesByName('first-contentful-paint')[0];
                         if (first) resolve(first.startTime);
                     }).observe({ type: 'paint', buffered: true }));
                     return [own, files.reduce((sum, it) => sum + it.encodedBodySize, own), paint, responseEnd];",
                )
                .await;
            (page, all) = (seen[0].as_f64().unwrap() / 1000.0, seen[1].as_f64().unwrap() / 1000.0);
            paints.push(seen[2].as_f64().unwrap());
            theres.push(seen[3].as_f64().unwrap());
        }
        paints.sort_by(f64::total_cmp);
        theres.sort_by(f64::total_cmp);
        let (there, p50, max) = (theres[LOADS / 2], paints[LOADS / 2], paints[LOADS - 1]);
        println!("{path:<32} {page:>10.1} {all:>8.1} {there:>14.0} {p50:>14.0} {max:>14.0}");
    }
    browser.open(&format!("http://{address}/account")).await;
    let without = busy(IDLE).await;
    browser.open(&format!("http://{address}/")).await;
    // Its first rows are there.
    browser.until("document.querySelector('#live tbody tr')").await;
    let with = busy(IDLE).await;
    println!("\nCPU of this process over {IDLE:?}, gateway and contact centre together, in % of one core:");
    println!("before the contacts {nobody:.2}, with them {without:.2}, with an idle live page on them {with:.2}");
}

/// Where a page is that could not be less.
async fn empty_page() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let page = Html("<!doctype html><html lang=en><title>Nothing</title><link rel=icon href='data:,'><h1>Nothing</h1>");
    let router = Router::new().route("/", get(async move || page));
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// How busy this process is for so long.
async fn busy(span: Duration) -> f64 {
    let before = ticks();
    sleep(span).await;
    (ticks() - before) / TICKS_PER_SECOND / span.as_secs_f64() * 100.0
}

fn ticks() -> f64 {
    let line = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = line.rsplit_once(')').unwrap().1.split_whitespace().collect();
    fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()
}
