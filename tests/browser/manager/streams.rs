//! Pages that are live: one source of events at a time, a word when the sign-in has ended, and alerts as they come and go.

use std::sync::Arc;

use serde_json::json;

use super::{House, PASSWORD, begin, binary::send, fill};
use crate::{axe, driver::browse, fakes::engine::FakeEngine};

/// Before the pages' own script: sources are counted, and what is to be done in ten seconds is done at `later()`.
const COUNTED: &str = "
    window.sources = [];
    window.EventSource = class extends EventSource {
      constructor(url) {
        super(url);
        window.sources.push(this);
      }
    };
    const waits = new Map();
    const { setTimeout: set, clearTimeout: clear } = window;
    window.setTimeout = (it, ms) => {
      if (ms !== 10000) return set(it, ms);
      const id = set(() => {}, 0);
      waits.set(id, it);
      return id;
    };
    window.clearTimeout = (id) => {
      waits.delete(id);
      clear(id);
    };
    window.waiting = () => waits.size;
    window.later = () => {
      for (const it of [...waits.values()]) it();
    };
    window.open_sources = () => window.sources.filter((it) => it.readyState !== EventSource.CLOSED).length;
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b13_a_timeline_that_was_refused_hidden_and_shown_again_is_told_once() {
    let house = House::open().await;
    let watched = Arc::clone(&house);
    browse(async move |browser| {
        begin(&browser, &watched).await;
        let engine = FakeEngine::attach(watched.usher.setup()).await.unwrap();
        engine.open("c-1", "va1").await;
        browser.cdp("Page.addScriptToEvaluateOnNewDocument", json!({ "source": COUNTED })).await;
        browser.open(&watched.page("/contacts/sales/c-1")).await;
        browser.until("sources.length === 1 && sources[0].readyState === EventSource.OPEN").await;
        let show_again = "document.dispatchEvent(new Event('visibilitychange'));";
        browser
            .run(&format!(
                "const it = document.querySelector('.timeline');
                 window.events = it.dataset.events;
                 it.dataset.events = '/nothing';
                 {show_again}"
            ))
            .await;
        browser
            .until("waiting() === 1 && document.querySelector('.stale')?.innerText.includes('connection is lost')")
            .await;
        browser
            .run(&format!("document.querySelector('.timeline').dataset.events = events; {show_again} later();"))
            .await;
        assert_eq!(browser.run("return open_sources()").await, 1);
        browser.until("sources.at(-1).readyState === EventSource.OPEN && !document.querySelector('.stale')").await;
        engine.say("c-1", "hello").await;
        browser.until("document.querySelector('.timeline').innerText.includes('echo: hello')").await;
        assert_eq!(browser.run("return document.querySelectorAll('.timeline .heard').length").await, 1);
    })
    .await;
    house.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s1_a_live_page_says_that_its_sign_in_has_ended_and_leads_back_through_the_door() {
    let house = House::open().await;
    let watched = Arc::clone(&house);
    browse(async move |browser| {
        begin(&browser, &watched).await;
        browser.open(&watched.page("/?find=somebody")).await;
        browser
            .run(
                "const csrf = document.querySelector('.who [name=csrf]').value;
                 await fetch('/sign-out', { method: 'POST', body: new URLSearchParams({ csrf }), redirect: 'manual' });",
            )
            .await;
        browser.until("document.querySelector('.stale')?.innerText.includes('not signed in any more')").await;
        axe::assert_no_violation(&browser, "a page whose sign-in has ended").await;
        browser.until("document.querySelector('.stale a').innerText === 'Sign in again'").await;
        browser.run("document.querySelector('.stale a').click()").await;
        browser.arrives("location.pathname === '/sign-in'").await;
        fill(&browser, &[("name", "chief"), ("password", PASSWORD)]).await;
        browser.arrives("location.search === '?find=somebody' && document.getElementById('live')").await;
    })
    .await;
    house.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s16_alerts_and_log_ons_come_and_go_without_a_reload() {
    let house = House::open().await;
    let watched = Arc::clone(&house);
    browse(async move |browser| {
        begin(&browser, &watched).await;
        browser.open(&watched.page("/alerts")).await;
        browser.until("document.getElementById('live').innerText === 'Nothing has to be mended.'").await;
        send(&browser, "/profiles/sales/support/pause", &[]).await.unwrap();
        browser.until("document.querySelector('#live h2')?.innerText.includes('profile support')").await;
        let link = "document.querySelector('.bar a[href=\"/alerts\"]')";
        browser.until(&format!("{link}.textContent === 'Alerts 1 to be mended'")).await;
        axe::assert_no_violation(&browser, "an alert").await;
        send(&browser, "/profiles/sales/support/resume", &[]).await.unwrap();
        browser.until("document.getElementById('live').innerText === 'Nothing has to be mended.'").await;
        browser.until(&format!("{link}.textContent === 'Alerts'")).await;
        browser.open(&watched.page("/")).await;
        send(&browser, "/profiles/sales/support/pause", &[]).await.unwrap();
        browser.until("document.querySelector('#live a[href=\"/alerts\"]')").await;
        browser.open(&watched.page("/agents")).await;
        let _engine = FakeEngine::attach(watched.usher.setup()).await.unwrap();
        browser.until("document.getElementById('live').innerText.includes('is logged on')").await;
        assert_eq!(browser.complaints().await, Vec::<String>::new());
    })
    .await;
    house.strike().await;
}
