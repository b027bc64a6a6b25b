//! The command line on the real binary: what it prints where, and its exit codes.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use usher::config;

use crate::config::{Site, profile};

fn usher(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_usher"))
        .args(arguments)
        .current_dir(directory)
        .env_clear()
        .env("PASSWORD", "planted-agent-password")
        .output()
        .expect("the binary runs")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("the binary prints UTF-8")
}

/// Exit code, standard output, standard error.
fn told(output: &Output) -> (Option<i32>, &str, &str) {
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn default_config_prints_what_is_embedded() {
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(told(&usher(directory.path(), &["default-config"])), (Some(0), config::DEFAULT, ""));
    let profile = usher(directory.path(), &["default-config", "--profile"]);
    assert_eq!(told(&profile), (Some(0), &*config::default_profile(usher::nlp::schemas()[0]), ""));
}

#[test]
fn check_of_nothing_takes_the_defaults() {
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(told(&usher(directory.path(), &["check"])), (Some(0), "good: 1 business unit(s), 0 profile(s)\n", ""));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0, "check writes nothing");
}

#[test]
fn check_takes_a_directory_of_profiles_or_a_whole_configuration() {
    let site = Site::new()
        .file("usher.toml", "[[unit]]\nname = \"HH\"\n")
        .file("profiles/a.toml", &profile("a", "google.json", ""));
    let elsewhere = tempfile::tempdir().unwrap();
    let whole = site.path().to_str().unwrap();
    let profiles = format!("{whole}/profiles");
    let good = (Some(0), "good: 1 business unit(s), 1 profile(s)\n", "");
    for arguments in [&["check"][..], &["check", "profiles"], &["check", "--config", "usher.toml"], &["check", "."]] {
        assert_eq!(told(&usher(site.path(), arguments)), good, "{arguments:?}");
    }
    for arguments in [["check", whole], ["check", &profiles]] {
        assert_eq!(told(&usher(elsewhere.path(), &arguments)), good, "{arguments:?}");
    }
}

#[test]
fn check_tells_errors_with_their_places_and_ends_with_2() {
    let site = Site::new().file("usher.toml", "[server]\ncredits = 0\n");
    let output = usher(site.path(), &["check"]);
    assert_eq!(
        told(&output),
        (
            Some(2),
            "",
            "error: `server.credits` cannot be 0\n \
             --> usher.toml:2:11\n  \
             |\n\
             2 | credits = 0\n  \
             |           ^\n  \
             |\n  \
             = help: it must be a whole number from 1 to 65536\n\
             \n\
             1 error\n"
        )
    );
    assert_eq!(usher(site.path(), &["serve"]).status.code(), Some(2), "serving refuses what checking refuses");
    let message = "error: there is a usher.toml here: say `usher serve` to serve by it, or `usher demo`\n";
    assert_eq!(
        told(&usher(site.path(), &[])),
        (Some(2), "", message),
        "nobody who has a gateway gets a demo by mistake"
    );
}

#[test]
fn warnings_end_with_4_only_when_strict() {
    let literal = profile("a", "google.json", "").replace("{ env = \"PASSWORD\" }", "\"planted\"");
    let site = Site::new().file("profiles/a.toml", &literal);
    let (lax, strict) = (usher(site.path(), &["check"]), usher(site.path(), &["check", "--strict"]));
    assert_eq!((lax.status.code(), strict.status.code()), (Some(0), Some(4)));
    assert!(text(&strict.stderr).ends_with("\n1 warning\n"), "{}", text(&strict.stderr));
    assert!(!text(&strict.stderr).contains("planted"));
}

#[test]
fn print_effective_shows_values_with_origins_and_no_secret() {
    let main = "[ops]\ntoken = \"planted-operators-token\"\n[egress]\nproxy = \"http://u:planted@proxy:3128\"\n";
    let site = Site::new().file("usher.toml", main).file("profiles/a.toml", &profile("a", "google.json", ""));
    let output = usher(site.path(), &["check", "--print-effective"]);
    let lines: Vec<_> =
        text(&output.stdout).lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    for line in [
        "ops.token = **** # usher.toml:2:9",
        "egress.proxy = **** # usher.toml:4:9",
        "server.listen = \"127.0.0.1:7400\" # default",
        "profile[0].agent_password = { env = \"PASSWORD\" } # profiles/a.toml:3:18",
        "profile[0].inactivity.timeout_minutes = 3 # default",
    ] {
        assert!(lines.iter().any(|it| it == line), "{line} in {lines:#?}");
    }
    assert!(!text(&output.stdout).contains("planted"));
}

#[test]
fn wrong_usage_ends_with_2() {
    let directory = tempfile::tempdir().unwrap();
    for arguments in [&["chekc"][..], &["serve", "--workers", "many"], &["secret", "set", "a/b"], &["timeline", ""]] {
        let output = usher(directory.path(), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text(&output.stderr).starts_with("error: "), "{arguments:?}: {}", text(&output.stderr));
    }
}

#[test]
fn a_secret_cannot_be_empty() {
    let directory = tempfile::tempdir().unwrap();
    // Standard input is empty.
    let output = usher(directory.path(), &["secret", "set", "agent-password"]);
    let message = "error: standard input must give the secret: text, not empty, up to 65536 bytes\n";
    assert_eq!(told(&output), (Some(2), "", message));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0, "no store and no key are made for nothing");
}

#[test]
fn timeline_asks_for_the_unit_when_there_are_several() {
    let site = Site::new().file("usher.toml", "[[unit]]\nname = \"A\"\n[[unit]]\nname = \"B\"\n");
    let output = usher(site.path(), &["timeline", "contact-1"]);
    assert_eq!(told(&output), (Some(2), "", "error: there are 2 business units: name one with --unit\n"));
}

#[test]
fn b16_nlp_refuses_what_it_cannot_serve() {
    let directory = tempfile::tempdir().unwrap();
    let agent = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/agent");
    let nlp = |arguments: &[&str]| usher(directory.path(), &[&["nlp"], arguments].concat());
    let nothing = nlp(&["--agent", "."]);
    assert_eq!((nothing.status.code(), text(&nothing.stdout)), (Some(2), ""));
    assert!(text(&nothing.stderr).contains("there is no agent.json"), "{}", text(&nothing.stderr));
    assert_eq!(nlp(&[]).status.code(), Some(2));
    let open = nlp(&["--agent", agent, "--listen", "0.0.0.0:0"]);
    assert_eq!(open.status.code(), Some(2));
    assert!(text(&open.stderr).contains("--allow-remote"), "{}", text(&open.stderr));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let busy = nlp(&["--agent", agent, "--listen", &address]);
    assert_eq!(busy.status.code(), Some(3));
    assert!(text(&busy.stderr).contains("give another --listen"), "{}", text(&busy.stderr));
}
