//! What the embedded store costs on this machine: `cargo bench --bench store [-- DIRECTORY]`.
//!
//! Commits of several sizes with 300-byte bodies, against the time that the disk itself takes; opening; loading 100,000
//! sessions. The database is made below DIRECTORY (default: the temporary one) and removed again.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark prints, and has nobody to report to")]

use std::{fs::File, io, os::unix::fs::FileExt, path::Path, time::Duration};

use tokio::runtime::Builder;
use usher::{
    clock::Clock,
    core::ids::{ContactId, ContactName, Timestamp, UnitName},
    store::{Batch, Loaded, OwnerEpoch, Pos, Record, Snapshot, Store, sqlite::Sqlite},
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BODY_BYTES: usize = 300;
const SESSIONS: u64 = 100_000;
const STATE_BYTES: usize = 1000;
const SPAN: Duration = Duration::from_secs(2);

fn main() {
    let below = std::env::args().skip(1).find(|it| !it.starts_with("--")).map_or_else(std::env::temp_dir, Into::into);
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        println!("fdatasync of 4 KiB, in place:  {}", spread(&mut fsync_times(&below, false).unwrap()));
        println!("fdatasync of 4 KiB, appending: {}", spread(&mut fsync_times(&below, true).unwrap()));
        open_and_claim(&below).await;
        println!("\n{:>7} {:>11} {:>14} {:>14}   commit", "records", "records/s", "CPU µs/record", "CPU µs/commit");
        for records in [1, 8, 64, 256, 1000] {
            commits(&below, records).await;
        }
        println!();
        sessions(&below).await;
    });
}

fn spread(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let at = |percent: usize| times.get(times.len() * percent / 100).copied().unwrap_or_default();
    format!("p50 {:>8.1?}  p99 {:>8.1?}", at(50), at(99))
}

fn fsync_times(below: &Path, appending: bool) -> io::Result<Vec<Duration>> {
    let dir = tempfile::tempdir_in(below)?;
    let file = File::create(dir.path().join("file"))?;
    if !appending {
        file.write_all_at(&vec![0; 512 * 4096], 0)?;
        file.sync_all()?;
    }
    (0..500_u64)
        .map(|n| {
            let began = Clock::instant();
            file.write_all_at(&[1; 4096], n * 4096)?;
            file.sync_data()?;
            Ok(began.elapsed())
        })
        .collect()
}

async fn open_and_claim(below: &Path) {
    let dir = tempfile::tempdir_in(below).unwrap();
    for what in ["create and claim:", "open and claim:"] {
        let began = Clock::instant();
        let store = Sqlite::open(dir.path()).await.unwrap();
        store.claim("bench").await.unwrap();
        println!("{what:<30} {:.1?}", began.elapsed());
        store.close().await.unwrap();
    }
}

fn contact(n: u64) -> ContactId {
    ContactId { unit: UnitName::new("sales").unwrap(), name: ContactName::new(&format!("contact-{n:016x}")).unwrap() }
}

/// As if a gateway had appended them; not part of what is measured.
fn batch(next: u64, contacts: &[ContactId], records: u64) -> Batch {
    let record = |pos: u64| Record {
        pos: Pos(pos),
        contact: contacts.get(usize::try_from(pos).unwrap() % contacts.len()).unwrap().clone(),
        prev: Pos(pos.saturating_sub(contacts.len() as u64)),
        at: Timestamp(1_700_000_000_000),
        hash: [7; 32],
        body: vec![b'x'; BODY_BYTES],
    };
    Batch { records: (next..next + records).map(record).collect(), ..Batch::default() }
}

async fn commits(below: &Path, records: u64) {
    let dir = tempfile::tempdir_in(below).unwrap();
    let store = Sqlite::open(dir.path()).await.unwrap();
    let claim = store.claim("bench").await.unwrap();
    let contacts: Vec<_> = (0..1000).map(contact).collect();
    let batches: Vec<_> = (0..64).map(|n| batch(claim.next.0 + n * records, &contacts, records)).collect();
    let (mut times, mut busy, mut next) = (Vec::new(), Duration::ZERO, claim.next.0);
    let mut cpu = Duration::ZERO;
    while busy < SPAN {
        let mut batches = batches.clone();
        for record in batches.iter_mut().flat_map(|batch| &mut batch.records) {
            record.pos = Pos(next);
            next += 1;
        }
        let (cpu_before, began) = (cpu_time(), Clock::instant());
        for batch in &batches {
            let began = Clock::instant();
            store.commit(claim.epoch, batch).await.unwrap();
            times.push(began.elapsed());
        }
        busy += began.elapsed();
        cpu += cpu_time().saturating_sub(cpu_before);
    }
    let commits = times.len() as f64;
    let written = commits * records as f64;
    let cpu = cpu.as_secs_f64() * 1e6;
    println!(
        "{records:>7} {:>11.0} {:>14.2} {:>14.1}   {}",
        written / busy.as_secs_f64(),
        cpu / written,
        cpu / commits,
        spread(&mut times)
    );
    store.close().await.unwrap();
}

/// Of the whole process, with its ended threads.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    // After the name in brackets: utime and stime are the 12th and 13th, in hundredths of a second.
    let ticks = stat.rsplit(')').next().unwrap().split_whitespace().skip(11).take(2);
    Duration::from_millis(ticks.map(|it| it.parse::<u64>().unwrap() * 10).sum())
}

async fn sessions(below: &Path) {
    let dir = tempfile::tempdir_in(below).unwrap();
    let store = Sqlite::open(dir.path()).await.unwrap();
    let epoch = store.claim("bench").await.unwrap().epoch;
    for what in ["insert", "update"] {
        let (cpu, began) = (cpu_time(), Clock::instant());
        snap_all(&store, epoch).await;
        let cpu = (cpu_time() - cpu).as_secs_f64() * 1e6 / SESSIONS as f64;
        println!("{what} {SESSIONS} snapshots of {STATE_BYTES} bytes: {:.0?}, CPU {cpu:.1} µs each", began.elapsed());
    }
    store.close().await.unwrap();

    for run in ["first", "second"] {
        let (cpu, began) = (cpu_time(), Clock::instant());
        let store = Sqlite::open(dir.path()).await.unwrap();
        store.claim("bench").await.unwrap();
        let opened = began.elapsed();
        let mut loaded = Vec::with_capacity(usize::try_from(SESSIONS).unwrap());
        store
            .load(&mut |it| match it {
                Loaded::Snapshot(snapshot) => loaded.push(snapshot),
                Loaded::Record(_) | Loaded::Closed(_) | Loaded::Key(_) | Loaded::Restored(_) => {}
            })
            .await
            .unwrap();
        let (took, cpu) = (began.elapsed(), cpu_time().saturating_sub(cpu));
        println!(
            "{run} load of {} sessions: {took:.0?} (CPU {cpu:.0?}), of it open and claim {opened:.1?}",
            loaded.len()
        );
        store.close().await.unwrap();
    }
}

async fn snap_all(store: &Sqlite, epoch: OwnerEpoch) {
    let numbers: Vec<_> = (0..SESSIONS).collect();
    for part in numbers.chunks(1000) {
        // Scattered, as real names are.
        let names = part.iter().map(|n| contact(n.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        let snapshot = |contact| Snapshot { contact, last: Pos(1), hash: [7; 32], state: vec![b's'; STATE_BYTES] };
        let batch = Batch { snapshots: names.map(snapshot).collect(), ..Batch::default() };
        store.commit(epoch, &batch).await.unwrap();
    }
}
