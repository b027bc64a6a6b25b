//! Usher: a virtual-agent gateway for contact centres. The modules, in reading order.

pub mod wire;

pub mod clock;
pub mod config;
pub mod core;
pub mod egress;
pub mod gateway;
pub mod peer;
pub mod privacy;
pub mod problem;
pub mod seal;
pub mod telemetry;

pub mod actions;
pub mod engine;
pub mod manager;
pub mod nlp;
pub mod ops;
pub mod store;

pub mod chat;
pub mod offline_nlp;
pub mod switchboard;

pub mod app;
pub mod cli;
