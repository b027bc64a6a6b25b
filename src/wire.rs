//! The generated protobuf types and services (the only include), and what every user of them needs.
//!
//! Names here are the contracts' own; the rest of the house meets them in `engine::convert` and `nlp` alone.

pub mod json;
pub mod structs;

pub use generated::{dialogflow_cx, dialogflow_v2, engine};

mod generated {
    #![expect(
        unused_qualifications,
        clippy::all,
        clippy::allow_attributes,
        clippy::allow_attributes_without_reason,
        clippy::doc_markdown,
        clippy::struct_excessive_bools,
        clippy::too_many_lines,
        reason = "generated code"
    )]

    pub mod engine {
        tonic::include_proto!("usher.engine.v1");
    }

    pub mod dialogflow_v2 {
        tonic::include_proto!("google.cloud.dialogflow.v2");
    }

    pub mod dialogflow_cx {
        tonic::include_proto!("google.cloud.dialogflow.cx.v3");
    }
}

/// The descriptors of every contract, for reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
