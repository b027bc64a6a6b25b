//! Generates the protobuf types and services from `proto/`, no protoc is needed, and lays the demo agent into the binary.

#![expect(clippy::disallowed_methods, reason = "Cargo speaks to build scripts by the environment")]

use prost::Message as _;
use std::{
    env,
    error::Error,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

const FILES: &[&str] = &[
    "usher/engine/v1/engine.proto",
    "google/cloud/dialogflow/v2/agent.proto",
    "google/cloud/dialogflow/v2/intent.proto",
    "google/cloud/dialogflow/v2/session.proto",
    "google/cloud/dialogflow/v2/webhook.proto",
    "google/cloud/dialogflow/cx/v3/agent.proto",
    "google/cloud/dialogflow/cx/v3/session.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let descriptors = protox::compile(FILES, ["proto"])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure().compile_fds(descriptors)?;
    fs::write(out.join("demo_agent.rs"), table_of(Path::new("profiles/demo"))?)?;
    Ok(())
}

/// An expression: the directory's files as `&[("intents/help.json", include_bytes!(…)), …]`.
fn table_of(directory: &Path) -> Result<String, Box<dyn Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join(directory);
    // A directory is watched with all that is in it.
    println!("cargo::rerun-if-changed={}", directory.display());
    let mut files = Vec::new();
    let mut open = vec![root.clone()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next)? {
            let path = entry?.path();
            if path.is_dir() { open.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    let mut table = "&[\n".to_owned();
    for path in files {
        let parts: Vec<_> = path.strip_prefix(&root)?.iter().map(|it| it.to_string_lossy()).collect();
        writeln!(table, "    ({:?}, include_bytes!({path:?}).as_slice()),", parts.join("/"))?;
    }
    table.push_str("]\n");
    Ok(table)
}
