//! Rules the compiler cannot check: who may know whom, where the world may be touched, and how a file looks.
//!
//! Test code is free of the layers; everything else is not.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected fails there and then"
)]

#[path = "tidy/rust.rs"]
mod rust;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use rust::Source;

/// The ground floor: everybody may stand on it, it stands on `core` alone.
const GROUND: &[&str] = &["clock", "config", "core", "egress", "peer", "privacy", "problem", "seal", "telemetry"];

/// Every room of the house, and the rooms it may know beyond itself and the ground floor.
const ROOMS: &[(&str, &[&str])] = &[
    ("lib", &[]),
    ("main", &["app", "cli"]),
    ("cli", &["app", "chat", "engine", "gateway", "nlp", "offline_nlp", "store", "switchboard"]),
    ("app", &["actions", "chat", "engine", "gateway", "manager", "nlp", "offline_nlp", "ops", "store", "switchboard"]),
    // Adapters know the gateway and never each other.
    ("actions", &["gateway"]),
    ("engine", &["gateway", "wire"]),
    ("manager", &["gateway"]),
    ("nlp", &["gateway", "wire"]),
    ("ops", &["gateway"]),
    ("store", &["gateway"]),
    // Peers that we ship: they speak to the gateway over the wire alone.
    ("offline_nlp", &["wire"]),
    ("switchboard", &["wire"]),
    ("chat", &["switchboard"]),
    ("gateway", &[]),
    ("clock", &[]),
    ("config", &[]),
    ("egress", &[]),
    ("peer", &[]),
    ("privacy", &[]),
    ("problem", &[]),
    ("seal", &[]),
    ("telemetry", &[]),
    ("wire", &[]),
    ("core", &[]),
];

/// `core` is pure: these crates alone, and none of these words.
const CORE_CRATES: &[&str] = &["jiff", "serde", "serde_json", "thiserror"];
const NOT_IN_CORE: &[&str] = &["async", "await", "Mutex", "RwLock", "Instant", "SystemTime"];
const STD_NOT_IN_CORE: &[&str] = &["std::env", "std::fs", "std::io", "std::process", "std::thread"];

/// Crates that a few rooms or files may use, and no other.
const CRATES: &[(&str, &[&str])] = &[
    ("annotate_snippets", &["cli", "config"]),
    ("anyhow", &["app", "cli", "main"]),
    ("aws_credential_types", &["nlp"]),
    ("aws_sigv4", &["nlp"]),
    ("argon2", &["manager"]),
    ("axum", &["app", "chat", "manager", "nlp", "offline_nlp", "ops", "switchboard"]),
    ("chacha20poly1305", &["seal"]),
    ("clap", &["cli", "main"]),
    ("google_cloud_dialogflow_v2", &["nlp"]),
    ("google_cloud_gax", &["nlp"]),
    ("hdrhistogram", &["switchboard"]),
    ("hickory_resolver", &["egress"]),
    ("hyper", &["nlp"]),
    ("maud", &["manager"]),
    ("opentelemetry", &["telemetry"]),
    ("opentelemetry_otlp", &["telemetry"]),
    ("opentelemetry_sdk", &["telemetry"]),
    ("prost", &["engine", "nlp", "offline_nlp", "switchboard", "wire"]),
    ("prost_reflect", &["wire"]),
    ("qrcode", &["manager"]),
    ("regex", &["offline_nlp", "privacy"]),
    // The one HTTP client; Google's own crate takes neither a proxy nor a look-up of ours.
    ("reqwest", &["egress", "src/nlp/dialogflow_v2/rest.rs", "src/nlp/google/rest.rs"]),
    ("rustix", &["src/app/machine.rs"]),
    ("sqlx", &["store"]),
    ("toml", &["cli", "config"]),
    ("toml_edit", &["config"]),
    // `problem` maps to its codes, `telemetry` sends traces by it.
    ("tonic", &["app", "engine", "nlp", "offline_nlp", "problem", "switchboard", "telemetry", "wire"]),
    ("tonic_health", &["engine"]),
    ("tonic_prost", &["engine", "nlp", "wire"]),
    ("tonic_reflection", &["engine"]),
    ("zip", &["app", "offline_nlp"]),
    // Connectors: their door, and the commands of those who write one.
    ("tokio_tungstenite", &["cli", "nlp"]),
    ("tracing_opentelemetry", &["telemetry"]),
    ("tracing_subscriber", &["telemetry"]),
    ("yup_oauth2", &["nlp"]),
];

/// What touches the world, and the files or rooms (under `src`) that may.
const WORLD: &[(&str, &[&str])] = &[
    ("SystemTime::now", &["src/clock.rs"]),
    ("Instant::now", &["src/clock.rs"]),
    ("Timestamp::now", &["src/clock.rs"]),
    ("Zoned::now", &["src/clock.rs"]),
    ("env::var", &["config"]),
    ("env::vars", &["config"]),
    ("env::var_os", &["config"]),
    ("env::vars_os", &["config"]),
    ("include_proto", &["src/wire.rs"]),
    // No queue without a bound.
    ("unbounded_channel", &[]),
    ("mpsc::unbounded", &[]),
];

const MAX_CODE_LINES: usize = 600;

/// What was found; all of it is shown at once.
#[derive(Default)]
struct Problems(Vec<String>);

impl Problems {
    fn add(&mut self, path: &Path, line: usize, problem: &str) {
        let path = path.strip_prefix(root()).unwrap_or(path);
        self.0.push(format!("{}:{line}: {problem}", path.display()));
    }

    #[track_caller]
    fn none(self) {
        assert!(self.0.is_empty(), "\n{}", self.0.join("\n"));
    }
}

#[test]
fn every_room_is_known_and_knows_only_those_it_may() {
    let mut problems = Problems::default();
    for source in product() {
        let room = source.room();
        let Some((_, may_know)) = ROOMS.iter().find(|it| it.0 == room) else {
            problems.add(&source.path, 1, &format!("{room} is a new room: give it a place in ROOMS"));
            continue;
        };
        for (line, path) in source.paths() {
            let [first, second, ..] = path.as_slice() else { continue };
            let is_ours = first == "crate" || first == "usher";
            let on_ground = room != "core" && GROUND.contains(&second.as_str());
            if is_ours && *second != room && !on_ground && !may_know.contains(&second.as_str()) {
                problems.add(&source.path, line, &format!("{room} must not know {second}"));
            }
        }
    }
    problems.none();
}

#[test]
fn nobody_reaches_out_of_a_room_by_super() {
    let mut problems = Problems::default();
    for source in product() {
        for (line, path) in source.paths() {
            let ups = path.iter().take_while(|it| *it == "super").count();
            if ups >= source.depth() && ups > 0 {
                problems.add(&source.path, line, "say crate::…");
            }
        }
    }
    problems.none();
}

#[test]
fn core_is_pure() {
    let dependencies = dependencies();
    let mut problems = Problems::default();
    for source in product().into_iter().filter(|it| it.room() == "core") {
        for (line, path) in source.paths() {
            let head = path.first().map(String::as_str).unwrap_or_default();
            let path = path.join("::");
            let is_impure = dependencies.contains(head) && !CORE_CRATES.contains(&head);
            if is_impure || STD_NOT_IN_CORE.iter().any(|it| path.starts_with(it)) {
                problems.add(&source.path, line, &format!("core must not use {path}"));
            }
        }
        for (line, word) in source.words().filter(|it| NOT_IN_CORE.contains(&it.1)) {
            problems.add(&source.path, line, &format!("core must not use {word}"));
        }
    }
    problems.none();
}

#[test]
fn crates_stay_in_their_rooms() {
    let dependencies = dependencies();
    for (name, _) in CRATES {
        assert!(dependencies.contains(*name), "{name} is no dependency any more: take it out of CRATES");
    }
    let mut problems = Problems::default();
    for source in product() {
        for (line, path) in source.paths() {
            for (name, places) in CRATES {
                if path.first().is_some_and(|it| it == name) && !source.is_in(places) {
                    problems.add(&source.path, line, &format!("{name} is for {places:?}"));
                }
            }
        }
    }
    problems.none();
}

#[test]
fn the_world_is_touched_where_it_may_be() {
    let mut problems = Problems::default();
    for source in product() {
        for (line, path) in source.paths() {
            let path = format!("::{}::", path.join("::"));
            for (what, places) in WORLD {
                if path.contains(&format!("::{what}::")) && !source.is_in(places) {
                    problems.add(&source.path, line, &format!("{what} is for {places:?}"));
                }
            }
        }
    }
    problems.none();
}

#[test]
fn nothing_is_global_but_the_allocator() {
    let mut problems = Problems::default();
    for source in product().into_iter().filter(|it| it.room() != "main") {
        for (line, word) in source.words().filter(|it| matches!(it.1, "static" | "thread_local")) {
            problems.add(&source.path, line, &format!("{word}: hand it in instead"));
        }
    }
    problems.none();
}

#[test]
fn every_file_says_what_it_is_for_and_stays_small() {
    let mut problems = Problems::default();
    for path in files(&["src", "tests", "benches"], &["rs"]) {
        let text = fs::read_to_string(&path).unwrap();
        if !text.starts_with("//!") {
            problems.add(&path, 1, "start with a //! line");
        }
        let code = text.split(rust::INLINE_TESTS).next().unwrap_or_default().lines().count();
        if code > MAX_CODE_LINES {
            problems.add(&path, code, "is too long, split it by meaning");
        }
    }
    problems.none();
}

#[test]
fn nothing_is_left_for_later_and_nothing_is_switched_off() {
    // In two halves each, so that this file passes itself.
    let unwanted = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X"),
        concat!("#[ign", "ore"),
        concat!("#[all", "ow("),
    ];
    let paths = files(&["src", "tests", "benches"], &["rs", "toml"]);
    find(paths, &unwanted).none();
}

#[test]
fn no_path_of_somebodys_machine_is_written_down() {
    let machines = [concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/Us", "ers/"), concat!("/wo", "rk/")];
    let kinds = ["rs", "toml", "md", "json", "yml", "yaml", "proto", "py", "sql", "sh"];
    let mut paths = files(&["src", "tests", "benches", "docs", "proto", "profiles", ".ci"], &kinds);
    let top = ["Cargo.toml", "build.rs", "deny.toml", "Dockerfile", "docker-compose.yml", "check", "README.md"];
    paths.extend(top.iter().map(|it| root().join(it)).filter(|it| it.exists()));
    find(paths, &machines).none();
}

fn find(paths: Vec<PathBuf>, unwanted: &[&str]) -> Problems {
    let mut problems = Problems::default();
    for path in paths {
        for (n, line) in fs::read_to_string(&path).unwrap().lines().enumerate() {
            for word in unwanted.iter().filter(|it| line.contains(**it)) {
                problems.add(&path, n + 1, word);
            }
        }
    }
    problems
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The product's own code, without its tests.
fn product() -> Vec<Source> {
    let sources: Vec<Source> = files(&["src"], &["rs"]).into_iter().map(|path| Source::read(root(), path)).collect();
    let tests: BTreeSet<PathBuf> = sources.iter().flat_map(Source::test_modules).collect();
    assert!(sources.len() > 20, "the sources are not where they were");
    sources.into_iter().filter(|it| !tests.contains(&it.path)).collect()
}

/// Names of the dependencies, as they are written in code.
fn dependencies() -> BTreeSet<String> {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    let table = manifest["dependencies"].as_table().unwrap();
    table.keys().map(|it| it.replace('-', "_")).collect()
}

fn files(directories: &[&str], extensions: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = directories.iter().map(|it| root().join(it)).filter(|it| it.exists()).collect();
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|it| extensions.iter().any(|wanted| it == *wanted)) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
