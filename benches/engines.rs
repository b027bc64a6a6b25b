//! What a failing engine and a small quota cost the customers: `cargo bench --bench engines`.
//!
//! The real gateway in this process, a contact centre over gRPC and two Dialogflows over gRPC, all on loopback.
//! First a primary that dies, and one that hangs, under 500 messages a second with a standby behind it; then a quota of ten a
//! second with thirty a second offered. About a minute in all.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a benchmark prints, and has nobody to report to"
)]

#[path = "../tests/it/fakes/mod.rs"]
#[expect(dead_code, reason = "shared with the integration tests, which use the rest")]
mod fakes;
#[path = "../tests/it/harness.rs"]
#[expect(dead_code, reason = "shared with the integration tests, which use the rest")]
mod harness;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use futures::{FutureExt as _, future::join_all};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    runtime::Builder,
    time::{Instant, interval, sleep, sleep_until, timeout},
};
use tonic::Code;
use usher::wire::engine::MediaType;

use fakes::{
    dialogflow::{FakeDialogflow, Reaction, V2, say},
    engine::FakeEngine,
    google::Decides,
};
use harness::{CONFIG, Usher, profile};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Each says one message in so long: 500 a second.
const CONTACTS: usize = 300;
const EVERY: Duration = Duration::from_millis(600);
const WELL: Duration = Duration::from_secs(5);
const ILL: Duration = Duration::from_secs(10);
/// No answer within this is none.
const PATIENCE: Duration = Duration::from_secs(30);
const FALLBACK: &str = "Sorry.";

fn main() {
    Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
        println!("{CONTACTS} contacts, one message every {EVERY:?} each; deadline 2 s; times in ms\n");
        println!("{:<22} {:>8} {:>10} {:>8} {:>8} {:>8}", "", "messages", "unanswered", "p50", "p99", "max");
        fail_over("the primary dies", false).await;
        fail_over("the primary hangs", true).await;
        governor().await;
    });
}

#[derive(Default)]
struct Answers {
    /// When the message was said, and how long the answer took.
    times: Mutex<Vec<(Instant, Duration)>>,
    unanswered: AtomicUsize,
    fallbacks: AtomicUsize,
}

impl Answers {
    fn between(&self, from: Instant, to: Instant) -> Vec<Duration> {
        let times = self.times.lock().unwrap();
        let mut times: Vec<Duration> = times.iter().filter(|it| it.0 >= from && it.0 < to).map(|it| it.1).collect();
        times.sort_unstable();
        times
    }
}

fn at(times: &[Duration], permille: usize) -> f64 {
    let index = (times.len() * permille / 1000).min(times.len().saturating_sub(1));
    times.get(index).map_or(0.0, Duration::as_secs_f64) * 1000.0
}

fn row(name: &str, times: &[Duration], unanswered: usize) {
    let (p50, p99, max) = (at(times, 500), at(times, 990), at(times, 1000));
    println!("{name:<22} {:>8} {unanswered:>10} {p50:>8.1} {p99:>8.1} {max:>8.1}", times.len());
}

struct House {
    usher: Usher,
    centre: FakeEngine,
}

impl House {
    async fn new(profile: &str) -> Self {
        let usher = Usher::start(CONFIG, profile).await;
        let centre = FakeEngine::attach(usher.setup().queue("support", MediaType::OpenMedia)).await.unwrap();
        Self { usher, centre }
    }

    /// One message and its answer.
    async fn exchange(&self, contact: &str, answers: &Answers) -> Option<String> {
        let said = Instant::now();
        self.centre.say(contact, "hello").await;
        match timeout(PATIENCE, self.centre.next_say(contact)).await {
            Ok(texts) => {
                answers.times.lock().unwrap().push((said, said.elapsed()));
                let text = texts.concat();
                if text == FALLBACK {
                    answers.fallbacks.fetch_add(1, Relaxed);
                }
                Some(text)
            }
            Err(_) => {
                answers.unanswered.fetch_add(1, Relaxed);
                None
            }
        }
    }

    async fn metric(&self, sample: &str) -> f64 {
        let mut stream = TcpStream::connect(self.usher.ops).await.unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: ops\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut page = String::new();
        stream.read_to_string(&mut page).await.unwrap();
        let value = page.lines().find_map(|it| it.strip_prefix(sample)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("no {sample}")).parse().unwrap()
    }

    async fn breaker(&self) -> f64 {
        self.metric("usher_engine_breaker{unit=\"sales\",profile=\"support\",engine=\"primary\"}").await
    }
}

async fn fail_over(name: &str, hangs: bool) {
    let (first, second) = (FakeDialogflow::start(), FakeDialogflow::start());
    let address = first.address();
    let profile = format!(
        "{}deadline_ms = 2000\n[[standby]]\nname = \"second\"\ntype = \"dialogflow-v2\"\n[standby.dialogflow]\nproject = \
         \"q\"\nendpoint = \"{}\"\n",
        profile(&first.endpoint()),
        second.endpoint()
    );
    let (house, answers, stop) = (House::new(&profile).await, Answers::default(), AtomicBool::new(false));
    let names: Vec<String> = (0..CONTACTS).map(|n| format!("c{n}")).collect();
    for contact in &names {
        house.centre.open(contact, "va1").await;
    }
    let began = Instant::now();
    let (failed_at, well_again_at) = (began + WELL, began + WELL + ILL);
    let talk = join_all(names.iter().enumerate().map(|(n, contact)| {
        let (house, answers, stop) = (&house, &answers, &stop);
        async move {
            let offset = EVERY * u32::try_from(n).unwrap() / u32::try_from(CONTACTS).unwrap();
            let mut round = 0;
            while !stop.load(Relaxed) {
                sleep_until(began + offset + EVERY * round).await;
                house.exchange(contact, answers).await;
                // A customer who waited says the next thing after the answer.
                round = u32::try_from((began.elapsed() - offset.min(began.elapsed())).as_millis() / EVERY.as_millis())
                    .unwrap()
                    + 1;
            }
        }
    }));
    let plot = async {
        sleep_until(failed_at).await;
        let mut first = Some(first);
        if hangs {
            first.as_ref().unwrap().otherwise(Reaction::Hang);
        } else {
            first = None;
        }
        let mut ticks = interval(Duration::from_millis(10));
        while house.breaker().await == 0.0 {
            ticks.tick().await;
        }
        let opened = failed_at.elapsed();
        sleep_until(well_again_at).await;
        stop.store(true, Relaxed);
        if let Some(first) = &first {
            first.otherwise(Reaction::Echo);
        }
        let first = first.unwrap_or_else(|| FakeDialogflow::start_at(address));
        let healed = Instant::now();
        let mut n = 0;
        while house.breaker().await != 0.0 {
            n += 1;
            let contact = format!("n{n}");
            house.centre.open(&contact, "va1").await;
            house.exchange(&contact, &Answers::default()).await;
            sleep(Duration::from_millis(20)).await;
        }
        drop(first);
        (opened, healed.elapsed())
    };
    let (_, (opened, back)) = tokio::join!(talk, plot);
    let unanswered = answers.unanswered.load(Relaxed) + answers.fallbacks.load(Relaxed);
    row(&format!("{name}: before"), &answers.between(began, failed_at), 0);
    row(&format!("{name}: after"), &answers.between(failed_at, well_again_at), unanswered);
    println!("    breaker open after {opened:.0?}; asked again {back:.0?} after it was well\n");
    house.usher.drain().await;
}

const QUOTA: f64 = 10.0;
/// So many contacts begin every second; each says three things, a second after each answer: thirty a second.
const ARRIVALS: u32 = 10;
const TURNS: usize = 3;
const FOR: Duration = Duration::from_secs(30);

/// Grants ten at once and then ten a second.
fn quota(refused: &Arc<AtomicUsize>) -> Decides<V2> {
    let (refused, bucket) = (Arc::clone(refused), Mutex::new((QUOTA, Instant::now())));
    Decides(Arc::new(move |_| {
        let mut bucket = bucket.lock().unwrap();
        let now = Instant::now();
        bucket.0 = (bucket.0 + (now - bucket.1).as_secs_f64() * QUOTA).min(QUOTA);
        bucket.1 = now;
        let granted = bucket.0 >= 1.0;
        if granted {
            bucket.0 -= 1.0;
        } else {
            refused.fetch_add(1, Relaxed);
        }
        let reaction = if granted { say("granted").into() } else { Reaction::Status(Code::ResourceExhausted) };
        std::future::ready(reaction).boxed()
    }))
}

async fn governor() {
    println!("quota 10 a second, 30 a second offered; deadline 5 s; times in ms\n");
    let head = ["new", "refused", "p99", "under way", "refused", "p50", "p99", "by the engine"];
    println!("{:<12}{}", "", head.map(|it| format!("{it:>14}")).concat());
    for (name, per_minute) in [("configured", 600), ("learned", 0)] {
        let (engine, refused) = (FakeDialogflow::start(), Arc::new(AtomicUsize::new(0)));
        engine.leaves_it_to(quota(&refused));
        let more = format!("deadline_ms = 5000\nquota_per_minute = {per_minute}\n[handover]\nfailures_after = 0\n");
        let house = House::new(&(profile(&engine.endpoint()) + &more)).await;
        let (new, ongoing) = (Answers::default(), Answers::default());
        let began = Instant::now();
        let contacts = u32::try_from(FOR.as_secs()).unwrap() * ARRIVALS;
        join_all((0..contacts).map(|n| {
            let (house, new, ongoing) = (&house, &new, &ongoing);
            async move {
                sleep_until(began + Duration::from_secs(1) * n / ARRIVALS).await;
                let contact = format!("c{n}");
                house.centre.open(&contact, "va1").await;
                if house.exchange(&contact, new).await.as_deref() != Some("granted") {
                    return;
                }
                for _ in 1..TURNS {
                    sleep(Duration::from_secs(1)).await;
                    house.exchange(&contact, ongoing).await;
                }
            }
        }))
        .await;
        let end = Instant::now();
        let (times, going) = (new.between(began, end), ongoing.between(began, end));
        let share = |answers: &Answers, all: usize| {
            let refused = u32::try_from(answers.fallbacks.load(Relaxed) + answers.unanswered.load(Relaxed)).unwrap();
            format!("{:.1} %", 100.0 * f64::from(refused) / f64::from(u32::try_from(all.max(1)).unwrap()))
        };
        let cells = [
            times.len().to_string(),
            share(&new, times.len()),
            format!("{:.0}", at(&times, 990)),
            going.len().to_string(),
            share(&ongoing, going.len()),
            format!("{:.0}", at(&going, 500)),
            format!("{:.0}", at(&going, 990)),
            refused.load(Relaxed).to_string(),
        ];
        println!("{name:<12}{}", cells.map(|it| format!("{it:>14}")).concat());
        house.usher.drain().await;
    }
}
