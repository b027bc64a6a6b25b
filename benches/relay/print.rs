//! The results as a table for people and as JSON for programs.

use std::io::{self, Write};

use serde_json::{Map, Value, json};

use crate::{
    cpu::Cores,
    report::{Results, Row, Samples, Setting},
    systems::System,
};

pub(crate) fn table(results: &Results, out: &mut impl Write) -> io::Result<()> {
    saturated(results, out)?;
    timed(results, out)?;
    if let Some(idle) = results.idle {
        writeln!(
            out,
            "\nMemory per idle contact, {} contacts: {:.0} bytes; after one message and its answer {:.0} bytes",
            idle.contacts, idle.offered, idle.after_a_turn
        )?;
    }
    writeln!(out, "\nfsync of this disk: {} µs", results.fsync.as_micros())?;
    let [before, after] = &results.load;
    writeln!(out, "load average before {before}, after {after}; {}", results.versions.join(", "))?;
    let Cores { system, driver } = results.cores;
    writeln!(
        out,
        "systems under test on core {system}, driver and fake on core {driver}; direct is driver and fake alone"
    )?;
    for mark in results.marks() {
        let verdict = if mark.pass { "pass" } else { "FAIL" };
        writeln!(out, "{verdict}  {}: {:.2} {} (mark {:.2})", mark.name, mark.measured, mark.unit, mark.limit)?;
    }
    results.gaps.absent.iter().try_for_each(|absent| writeln!(out, "MISSING  {absent}"))?;
    results.gaps.failed.iter().try_for_each(|failed| writeln!(out, "FAILED  {failed}"))
}

fn saturated(results: &Results, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "\nSaturated: 64 messages in flight, 0 ms engine time, {} byte answers", results.answer_bytes)?;
    writeln!(
        out,
        "{:<12} {:>8} {:>8} {:>13} {:>9} {:>7} {:>11} {:>12}",
        "system", "CPU µs", "× nginx", "instructions", "msg/s", "busy %", "driver µs", "driver busy %"
    )?;
    let nginx = results.row(System::Nginx).and_then(|row| row.cpu_us.median());
    for (system, row) in &results.rows {
        let ratio = row.cpu_us.median().zip(nginx).map(|(own, nginx)| own / nginx);
        let percent = |samples: &Samples| samples.median().map(|share| share * 100.0);
        writeln!(
            out,
            "{:<12} {:>8} {:>8} {:>13} {:>9} {:>7} {:>11} {:>12}{}{}",
            system.name(),
            figure(row.cpu_us.median(), 2),
            figure(ratio, 2),
            figure(row.instructions, 0),
            figure(row.msg_per_s.median(), 0),
            figure(percent(&row.busy), 0),
            figure(row.driver_cpu_us.median(), 2),
            figure(percent(&row.driver_busy), 0),
            if row.driver_limited() { "  driver-limited" } else { "" },
            if row.disturbed() { "  CONTAMINATED" } else { "" },
        )?;
    }
    Ok(())
}

fn timed(results: &Results, out: &mut impl Write) -> io::Result<()> {
    let direct = results.row(System::Direct);
    let settings: Vec<Setting> = direct.map(|row| row.timing.keys().copied().collect()).unwrap_or_default();
    for setting in settings {
        let (rate, engine) = (setting.per_second, setting.engine_time.as_millis());
        writeln!(out, "\nOpen loop, {rate} msg/s, {engine} ms engine time, µs from the intended time of sending")?;
        writeln!(
            out,
            "{:<12} {:>9} {:>9} {:>11} {:>11} {:>11}",
            "system", "p50", "p99", "added p50", "added p99", "lag p99"
        )?;
        for (system, row) in &results.rows {
            let Some(timing) = row.timing.get(&setting) else { continue };
            let base = direct.and_then(|row| row.timing.get(&setting)).filter(|_| *system != System::Direct);
            writeln!(
                out,
                "{:<12} {:>9} {:>9} {:>11} {:>11} {:>11}",
                system.name(),
                figure(timing.p50_us.median(), 0),
                figure(timing.p99_us.median(), 0),
                figure(base.and_then(|base| timing.p50_us.median_above(&base.p50_us)), 0),
                figure(base.and_then(|base| timing.p99_us.median_above(&base.p99_us)), 0),
                figure(timing.lag_p99_us.median(), 0),
            )?;
        }
    }
    Ok(())
}

fn figure(value: Option<f64>, decimals: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.decimals$}"))
}

pub(crate) fn json(results: &Results) -> Value {
    let direct = results.row(System::Direct);
    let mut all: Map<String, Value> =
        results.rows.iter().map(|(system, row)| (system.name().to_owned(), row_json(row, *system, direct))).collect();
    if let Some(idle) = results.idle {
        all.insert("idle_contact_bytes".to_owned(), json!(idle.offered.round()));
        all.insert("idle_contact_after_turn_bytes".to_owned(), json!(idle.after_a_turn.round()));
        all.insert("idle_contacts".to_owned(), json!(idle.contacts));
    }
    all.insert("fsync_us".to_owned(), json!(results.fsync.as_micros()));
    all.insert("load_average".to_owned(), json!(results.load));
    all.insert("versions".to_owned(), json!(results.versions));
    all.insert("missing".to_owned(), json!(results.gaps.absent));
    all.insert("failed".to_owned(), json!(results.gaps.failed));
    let marks = results.marks().into_iter().map(|mark| {
        json!({"name": mark.name, "measured": mark.measured, "limit": mark.limit, "unit": mark.unit, "pass": mark.pass})
    });
    all.insert("marks".to_owned(), marks.collect());
    all.into()
}

fn row_json(row: &Row, system: System, direct: Option<&Row>) -> Value {
    let mut fields = Map::new();
    let mut put = |name: String, value: Option<f64>| {
        if let Some(value) = value {
            fields.insert(name, json!((value * 100.0).round() / 100.0));
        }
    };
    put("cpu_us".to_owned(), row.cpu_us.median());
    put("instructions".to_owned(), row.instructions.map(f64::round));
    put("msg_per_s".to_owned(), row.msg_per_s.median());
    put("busy".to_owned(), row.busy.median());
    put("driver_cpu_us".to_owned(), row.driver_cpu_us.median());
    put("driver_busy".to_owned(), row.driver_busy.median());
    for (setting, timing) in &row.timing {
        let key = setting.key();
        put(format!("p50_us_{key}"), timing.p50_us.median());
        put(format!("p99_us_{key}"), timing.p99_us.median());
        put(format!("lag_p99_us_{key}"), timing.lag_p99_us.median());
        let base = direct.and_then(|row| row.timing.get(setting)).filter(|_| system != System::Direct);
        put(format!("added_p50_us_{key}"), base.and_then(|base| timing.p50_us.median_above(&base.p50_us)));
        put(format!("added_p99_us_{key}"), base.and_then(|base| timing.p99_us.median_above(&base.p99_us)));
    }
    fields.insert("driver_limited".to_owned(), json!(row.driver_limited()));
    fields.insert("contaminated".to_owned(), json!(row.disturbed()));
    fields.into()
}
