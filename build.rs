//! Generates the protobuf types and services from `proto/`; no protoc is needed.

#![expect(clippy::disallowed_methods, reason = "Cargo speaks to build scripts by the environment")]

use prost::Message as _;
use std::{env, error::Error, fs, path::PathBuf};

const FILES: &[&str] = &[
    "usher/engine/v1/engine.proto",
    "google/cloud/dialogflow/v2/agent.proto",
    "google/cloud/dialogflow/v2/session.proto",
    "google/cloud/dialogflow/v2/webhook.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let descriptors = protox::compile(FILES, ["proto"])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure().compile_fds(descriptors)?;
    Ok(())
}
