//! `usher nlp evaluate`: accuracy, confusions, fallback recall, latency and load time of an agent.

use std::{fs, io, path::PathBuf};

use clap::Args;
use serde::Serialize;

use super::super::{Exit, Terminal};
use crate::{
    clock::Clock,
    offline_nlp::{
        evaluate::{Evaluation, Folds, evaluate},
        load,
    },
};

/// Confusions that are printed; `--json` has all of them.
const SHOWN: usize = 15;

#[derive(Debug, Args)]
pub(super) struct EvaluateArgs {
    /// Directory or zip of a Dialogflow ES export
    #[arg(long, value_name = "DIR|ZIP")]
    agent: PathBuf,
    /// Language of the phrases [default: the agent's]
    #[arg(long, value_name = "TAG")]
    language: Option<String>,
    /// Sentences that no intent means, one per line; those that begin with # are left out
    #[arg(long, value_name = "FILE")]
    out_of_scope: Option<PathBuf>,
    /// In how many parts the phrases are divided; each is asked of what the others taught
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u8).range(2..=50))]
    folds: u8,
    /// Which way they are dealt out: what was chosen by one deal is to be measured on another
    #[arg(long, value_name = "N", default_value_t = 0)]
    deal: u64,
    /// Write the phrases with their folds to a file, for others to be measured on the same
    #[arg(long, value_name = "FILE")]
    export_folds: Option<PathBuf>,
    /// Write the measures that confidences are made of to a file, for benches/nlp/fit.py
    #[arg(long, value_name = "FILE")]
    export_measures: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Printed<'a> {
    agent: &'a str,
    load_ms: f64,
    remarks: usize,
    #[serde(flatten)]
    evaluation: &'a Evaluation,
}

pub(super) fn run(args: &EvaluateArgs, terminal: &mut Terminal<'_>) -> io::Result<Exit> {
    let start = Clock::instant();
    let loaded = match load::open(&args.agent) {
        Ok(loaded) => loaded,
        Err(error) => {
            for remark in error.report() {
                writeln!(terminal.err, "{remark}")?;
            }
            writeln!(terminal.err, "error: {error}")?;
            return Ok(Exit::Config);
        }
    };
    let parse_ms = start.elapsed().as_secs_f64() * 1e3;
    for remark in &loaded.report {
        let kind = if remark.is_error { "error" } else { "warning" };
        writeln!(terminal.err, "{kind}: {remark}")?;
    }
    let agent = loaded.agent;
    let language = args.language.as_deref().unwrap_or(&agent.default_language).to_lowercase();
    let sentences = match &args.out_of_scope {
        None => Vec::new(),
        Some(path) => match fs::read_to_string(path) {
            Ok(text) => lines(&text),
            Err(error) => return refuse(terminal, &format!("{}: cannot be read: {error}", path.display())),
        },
    };
    let folds = Folds::deal(&agent, &language, usize::from(args.folds), args.deal);
    if folds.phrases.is_empty() {
        let languages = agent.languages.join(", ");
        return refuse(terminal, &format!("the agent has no phrases in {language}; its languages are {languages}"));
    }
    let evaluation = evaluate(&agent, &folds, 0..folds.folds, &sentences);
    let exports = [
        (&args.export_folds, serde_json::to_vec(&folds)?),
        (&args.export_measures, serde_json::to_vec(&evaluation.measures)?),
    ];
    for (path, json) in exports {
        let Some(path) = path else { continue };
        if let Err(error) = fs::write(path, json) {
            return refuse(terminal, &format!("{}: cannot be written: {error}", path.display()));
        }
    }
    let load_ms = parse_ms + evaluation.train_ms;
    if args.json {
        let printed = Printed { agent: &agent.name, load_ms, remarks: loaded.report.len(), evaluation: &evaluation };
        writeln!(terminal.out, "{}", serde_json::to_string_pretty(&printed)?)?;
    } else {
        print(&agent.name, load_ms, &evaluation, terminal)?;
    }
    Ok(Exit::Done)
}

fn refuse(terminal: &mut Terminal<'_>, message: &str) -> io::Result<Exit> {
    writeln!(terminal.err, "error: {message}")?;
    Ok(Exit::Config)
}

fn lines(text: &str) -> Vec<String> {
    let lines = text.lines().map(str::trim).filter(|it| !it.is_empty() && !it.starts_with('#'));
    lines.map(str::to_owned).collect()
}

fn print(agent: &str, load_ms: f64, it: &Evaluation, terminal: &mut Terminal<'_>) -> io::Result<()> {
    let out = &mut *terminal.out;
    let per_cent = |share: f64| format!("{:.1} %", share * 100.0);
    writeln!(out, "{agent}, {}: {} intents, {} phrases", it.language, it.intents, it.phrases)?;
    if it.shared > 0 {
        writeln!(out, "  {} phrases that several intents share are not asked", it.shared)?;
    }
    let by_fold: Vec<String> = it.accuracy_by_fold.iter().map(|it| per_cent(*it)).collect();
    writeln!(out, "accuracy           {} (by fold: {})", per_cent(it.accuracy), by_fold.join(", "))?;
    writeln!(out, "at confidence {:.2}", it.min_confidence)?;
    writeln!(out, "  right            {}", per_cent(it.accepted_accuracy))?;
    writeln!(out, "  false rejections {}", per_cent(it.false_rejections))?;
    if let Some(strangers) = &it.out_of_scope {
        writeln!(out, "  fallback recall  {} of {} sentences", per_cent(strangers.recall), strangers.sentences)?;
        for (sentence, intent, confidence) in strangers.taken.iter().take(SHOWN) {
            writeln!(out, "    {confidence:.2} {intent}: {sentence}")?;
        }
    }
    writeln!(out, "query              p50 {:.0} µs, p99 {:.0} µs", it.query_p50_us, it.query_p99_us)?;
    writeln!(out, "load               {load_ms:.0} ms, of which training {:.0} ms", it.train_ms)?;
    if !it.confusions.is_empty() {
        writeln!(out, "confusions (meant → taken)")?;
    }
    for it in it.confusions.iter().take(SHOWN) {
        writeln!(out, "  {:>3} × {} → {}: {}", it.count, it.meant, it.taken, it.example)?;
    }
    Ok(())
}
