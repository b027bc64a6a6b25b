//! Configuration as an administrator meets it: real files, and messages compared to the letter.

mod cx_findings;
mod engine_findings;
mod profile_findings;
mod system_findings;

use std::{fs, path::Path, sync::OnceLock};

use proptest::prelude::*;
use secrecy::ExposeSecret as _;
use usher::{
    config::{
        self, Environment, Findings, Flag, Kept, Loaded, SecretError, Severity, Sources, service_account as google,
        settings::{Durability, Settings},
    },
    core::action::ActionKind,
    nlp,
};

/// As it is printed for the kind of most of these tests.
fn default_profile() -> String {
    config::default_profile(nlp::schemas()[0])
}

/// A directory with `usher.toml` and `profiles/`.
pub(crate) struct Site {
    directory: tempfile::TempDir,
    variables: Vec<(String, String)>,
    flags: Vec<Flag>,
}

impl Site {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        fs::create_dir(directory.path().join("profiles")).expect("a new directory is writable");
        fs::write(directory.path().join("usher.toml"), "").expect("a new directory is writable");
        let variables = vec![("PASSWORD".to_owned(), "planted-agent-password".to_owned())];
        Self { directory, variables, flags: Vec::new() }.file("google.json", &service_account("key-1", "shop"))
    }

    pub(crate) fn file(self, name: &str, text: &str) -> Self {
        fs::write(self.directory.path().join(name), text).expect("the directory is writable");
        self
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    fn flag(mut self, name: &'static str, key: &'static str, value: &str) -> Self {
        self.flags.push(Flag { name, key, value: value.to_owned() });
        self
    }

    fn sources(&self) -> Sources {
        Sources {
            config: Some(self.path().join("usher.toml")),
            profiles: None,
            environment: self.variables.iter().cloned().collect::<Environment>(),
            flags: self.flags.clone(),
            embedded: None,
            managed: Vec::new(),
        }
    }

    fn load(&self) -> Result<Loaded, Findings> {
        config::load(&self.sources(), &nlp::schemas(), &|kept| match kept {
            Kept::Named("agent-password") => Ok("planted-stored-secret".into()),
            Kept::Named(_) | Kept::Sealed(_) => Err(SecretError::Unknown),
        })
    }

    /// Everything found, as it is printed, with paths relative to the site.
    fn findings(&self) -> String {
        let list = self.load().map_or_else(|findings| findings.list, |loaded| loaded.warnings);
        let printed: String = list.iter().map(|finding| finding.render(false)).collect();
        printed.replace(&format!("{}/", self.path().display()), "")
    }
}

/// A private key that Google could have made; one for all tests, since making it takes its time.
pub(crate) fn private_key() -> &'static str {
    static KEY: OnceLock<String> = OnceLock::new();
    KEY.get_or_init(|| rcgen::KeyPair::generate().expect("a key can be made").serialize_pem())
}

fn service_account(key_id: &str, project: &str) -> String {
    serde_json::json!({
        "type": "service_account",
        "project_id": project,
        "private_key_id": key_id,
        "private_key": private_key(),
        "client_email": "usher@shop.iam.gserviceaccount.com",
        "token_uri": "https://oauth2.googleapis.com/token",
    })
    .to_string()
}

/// A good profile, followed by `more`.
pub(crate) fn profile(name: &str, credential: &str, more: &str) -> String {
    format!(
        "name = \"{name}\"\n\
         type = \"dialogflow-v2\"\n\
         agent_password = {{ env = \"PASSWORD\" }}\n\
         fallback_message = \"Sorry.\"\n\
         dialogflow.credential = {{ file = \"../{credential}\" }}\n\
         {more}"
    )
}

fn with_profile(more: &str) -> Site {
    Site::new().file("profiles/a.toml", &profile("a", "google.json", more))
}

fn with_main(text: &str) -> Site {
    Site::new().file("usher.toml", text)
}

#[test]
fn the_printed_defaults_load_without_findings_and_change_nothing() {
    let (written, absent) = (with_main(config::DEFAULT), Site::new());
    assert_eq!(written.findings(), "");
    let (written, absent) = (written.load().unwrap().settings, absent.load().unwrap().settings);
    // Only the directory that the store's path is relative to differs: the file's, and the working directory.
    let debug = |it: &Settings| format!("{:?}", Settings { store: absent.store.clone(), ..it.clone() });
    assert_eq!(debug(&written), debug(&absent));
    let default_profile = default_profile()
        .replace("#name = \"support\"", "name = \"a\"")
        .replacen("#type", "type", 1)
        .replace("#agent_password = { env = \"SUPPORT_AGENT_PASSWORD\" }", "agent_password = { env = \"PASSWORD\" }")
        .replace(
            "#fallback_message = \"Something went wrong. Please say that again.\"",
            "fallback_message = \"Sorry.\"",
        )
        .replacen("#credential = { file = \"service-account.json\" }", "credential = { file = \"../google.json\" }", 1);
    let redefined = Site::new().file("profiles/a.toml", &default_profile);
    let plain = with_profile("");
    let rules = |site: &Site| format!("{:?}", site.load().unwrap().settings.profiles[0].rules);
    assert_eq!(redefined.findings(), "");
    assert_eq!(rules(&redefined), rules(&plain));
}

/// The examples that stand in comments are settings too: none may be misspelt or out of date.
#[test]
fn every_example_in_the_defaults_is_a_known_key() {
    let uncommented = |text: &str| -> String {
        let is_example = |line: &&str| {
            let rest = line.trim_start_matches('#');
            line.starts_with('#') && (rest.starts_with('[') || rest.starts_with(|c: char| c.is_ascii_lowercase()))
        };
        text.lines()
            .map(|line| if is_example(&line) { line.trim_start_matches('#') } else { line }.to_owned() + "\n")
            .collect()
    };
    let site = with_main(&uncommented(config::DEFAULT))
        .file("profiles/a.toml", &uncommented(&default_profile()))
        .variable("OPS_TOKEN", "planted-operators-token")
        .variable("ENGINE_1_TOKEN", "planted-engine-token")
        .variable("EGRESS_SIGNING_KEY", "planted-signing-key")
        .variable("SUPPORT_AGENT_PASSWORD", "planted-agent-password")
        .file("profiles/service-account.json", &service_account("key-1", "my-project"));
    let unmet = site.findings();
    let titles: Vec<_> =
        unmet.lines().filter(|line| line.starts_with("error") || line.starts_with("warning")).collect();
    assert_eq!(
        titles,
        [
            "error: `server.tls.certificate`: cannot read server.pem: No such file or directory (os error 2)",
            "error: `server.tls.key`: cannot read server.key: No such file or directory (os error 2)",
            "error: `server.tls.client_ca`: cannot read engines.pem: No such file or directory (os error 2)",
            "error: `connectors.tls.certificate`: cannot read connectors.pem: No such file or directory (os error 2)",
            "error: `connectors.tls.key`: cannot read connectors.key: No such file or directory (os error 2)",
            "error: `connectors.tls.client_ca`: cannot read vendors.pem: No such file or directory (os error 2)",
            "error: `manager.tls.certificate`: cannot read manager.pem: No such file or directory (os error 2)",
            "error: `manager.tls.key`: cannot read manager.key: No such file or directory (os error 2)",
            "error: `manager.tls.client_ca`: cannot read staff.pem: No such file or directory (os error 2)",
            "warning: `dialogflow.proxy` has no effect with `transport = \"grpc\"`",
            "error: business unit `DEFAULT` has no media server `cms1.example.com`",
        ]
    );
}

#[test]
fn what_comes_later_wins_and_says_where_it_came_from() {
    let site = with_main("drain_s = 5\n[server]\ncredits = 10\nworkers = 2\n[store]\npath = \"state\"\n")
        .variable("USHER_SERVER__WORKERS", "3")
        .variable("USHER_EGRESS__RESOLVERS", "192.0.2.1, 192.0.2.2:5353")
        .variable("USHER_STORE__DURABILITY", "async")
        .variable("USHER_MASTER_KEY", "planted-master-key")
        .flag("--workers", "server.workers", "4");
    let loaded = site.load().unwrap();
    assert_eq!(loaded.warnings, []);
    let settings = &loaded.settings;
    assert_eq!((settings.server.workers, settings.server.credits), (4, 10));
    assert_eq!((settings.drain.as_secs(), settings.store.durability), (5, Durability::Async));
    assert_eq!(
        settings.egress.resolvers.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["192.0.2.1:53", "192.0.2.2:5353"]
    );
    assert_eq!(settings.store.path, site.path().join("state"), "relative to the file that names it");
    let origin = |key: &str| {
        let value = loaded.effective.iter().find(|it| it.key == key).unwrap();
        format!("{} {}", value.value, value.origin.rsplit('/').next().unwrap())
    };
    assert_eq!(origin("server.workers"), "4 --workers");
    assert_eq!(origin("server.credits"), "10 usher.toml:3:11");
    assert_eq!(origin("store.durability"), "async $USHER_STORE__DURABILITY");
    assert_eq!(origin("ops.listen"), "\"127.0.0.1:7401\" default");
}

#[test]
fn a_profile_becomes_the_rules_it_states() {
    let site = with_profile(
        r#"
        agents = []
        [inactivity]
        warn_before_s = 30
        warning_message = "Still there?"
        [handover]
        queue = "support"
        max_wait_s = 600
        [[action]]
        name = "go"
        media = ["openmedia", "webinteraction"]
        kind = "requeue"
        queue = "sales"
        "#
        .replace("agents = []", "agents = [\"bot-1\"]")
        .as_str(),
    );
    // A key after a dotted key of another table still belongs to the root.
    let site = site.file(
        "usher.toml",
        r#"
        [[unit]]
        name = "HH"
        zone = "Europe/Berlin"
        country = "AT"
        [[unit.action]]
        name = "go"
        media = "openmedia"
        kind = "requeue"
        queue = "fallback"
        "#,
    );
    assert_eq!(site.findings(), "");
    let settings = site.load().unwrap().settings;
    let [profile] = settings.profiles.as_slice() else { panic!("one profile") };
    let rules = &profile.rules;
    assert_eq!(
        (rules.unit.as_str(), rules.calling_code.as_str(), rules.zone.iana_name()),
        ("HH", "43", Some("Europe/Berlin"))
    );
    assert_eq!((rules.inactivity.timeout.as_secs(), rules.inactivity.warn_before.as_secs()), (180, 30));
    assert_eq!((rules.handover.not_understood_after, rules.handover.failures_after), (3, 2));
    assert_eq!(rules.text_limit.characters, 256);
    assert_eq!(rules.agents.iter().map(|it| it.as_str()).collect::<Vec<_>>(), ["bot-1"]);
    // S18: the profile's come first.
    let queues: Vec<_> = rules
        .actions
        .iter()
        .map(|action| {
            let ActionKind::Requeue { queue } = &action.kind else { panic!("{action:?}") };
            queue.as_str()
        })
        .collect();
    assert_eq!(queues, ["sales", "sales", "fallback"]);
    let engine = &profile.engines.primary;
    assert_eq!((engine.schema.kind, engine.values.text("region")), ("dialogflow-v2", Some("global")));
    let key = google::field(engine.values.secret("credential").unwrap(), "private_key_id");
    assert_eq!(key.as_deref(), Some("key-1"));
    assert_eq!(profile.agent_password.expose_secret(), "planted-agent-password");
}

#[test]
fn s10_an_emulator_needs_a_project_and_no_credential() {
    let emulator = profile("a", "google.json", "dialogflow.endpoint = \"http://127.0.0.1:9000\"\n")
        .replace("dialogflow.credential = { file = \"../google.json\" }", "dialogflow.project = \"shop\"");
    let settings = Site::new().file("profiles/a.toml", &emulator).load().unwrap().settings;
    let values = &settings.profiles[0].engines.primary.values;
    assert_eq!((values.text("endpoint"), values.secret("credential").is_none()), (Some("http://127.0.0.1:9000"), true));
}

#[test]
fn secrets_are_found_wherever_they_are_kept() {
    for (form, secret) in [
        ("{ env = \"PASSWORD\" }", "planted-agent-password"),
        ("{ file = \"../password\" }", "planted-file-secret"),
        ("{ secret = \"agent-password\" }", "planted-stored-secret"),
        ("\"planted-literal\"", "planted-literal"),
    ] {
        let text = profile("a", "google.json", "").replace("{ env = \"PASSWORD\" }", form);
        let site = Site::new().file("password", "planted-file-secret\n").file("profiles/a.toml", &text);
        let loaded = site.load().unwrap();
        assert_eq!(loaded.settings.profiles[0].agent_password.expose_secret(), secret);
        let names = config::preview(&site.sources()).unwrap().secrets;
        assert_eq!(names.contains("agent-password"), form.contains("secret ="));
        let watched = loaded.files.iter().any(|file| file.ends_with("../password"));
        assert_eq!(watched, form.contains("file ="), "a secret's file is watched");
    }
}

/// Every way a secret can be written, good and broken: nothing that is printed shows it.
#[test]
fn no_secret_is_ever_shown() {
    let literal = r#"
        [ops]
        token = "planted-literal-token-one"
        [egress]
        signing_key = "planted-signing"
        proxy = "http://user:planted-proxy@proxy:3128"
        [[engine]]
        id = "e"
        token = "planted-literal-token-two"
        units = ["DEFAULT"]
    "#;
    let credential = format!("'''{}'''", service_account("key-1", "shop").replace("usher@shop", "planted-mail"));
    let text = profile("a", "google.json", "[dialogflow]\ntransport = \"rest\"\nproxy = \"http://u:planted@p:1\"\n")
        .replace("dialogflow.credential = { file = \"../google.json\" }\n", "")
        .replace("{ env = \"PASSWORD\" }", "\"planted-literal\"")
        + &format!("credential = {credential}\n");
    let site = with_main(literal).file("profiles/a.toml", &text).variable("USHER_OPS__TOKEN", "planted-by-variable");
    let loaded = site.load().unwrap();
    let shown = format!("{loaded:?} {:?} {}", site.sources().environment, site.findings());
    assert!(!shown.contains("planted") && !shown.contains("PRIVATE KEY"), "{shown}");

    for (find, break_into) in [
        ("agent_password =", "agnt_password ="),
        ("agent_password = ", "agent_password = 5 "),
        ("agent_password = \"", "agent_password = [\""),
        ("planted-literal\"", "planted-literal"),
        ("credential = '''{", "credential = '''{planted"),
        ("credential = '''", "credential = '"),
        ("http://u:", "planted u:"),
    ] {
        assert!(text.contains(find), "{find}");
        let site = with_main(literal).file("profiles/a.toml", &text.replace(find, break_into));
        let findings = site.load().unwrap_err();
        let shown = format!("{} {findings} {findings:?}", site.findings());
        assert!(!shown.contains("planted") && !shown.contains("PRIVATE KEY"), "{break_into}: {shown}");
    }
}

#[test]
fn every_mistake_of_every_file_is_found_at_once_and_in_order() {
    let site = with_main("[server]\ncredits = 0\nworkers = \"x\"\n")
        .file("profiles/a.toml", "nmae = \"a\"\n")
        .file("profiles/b.toml", "name = \n");
    let findings = site.load().unwrap_err();
    assert!(findings.list.iter().all(|it| it.severity == Severity::Error));
    let places: Vec<_> = findings
        .list
        .iter()
        .map(|it| it.location.as_ref().unwrap())
        .map(|it| (it.file.rsplit('/').next().unwrap(), it.line, it.column))
        .collect();
    let a = ("a.toml", 1, 1);
    assert_eq!(places, [("usher.toml", 2, 11), ("usher.toml", 3, 11), a, a, a, a, a, ("b.toml", 1, 8)]);
}

#[test]
fn a_file_that_is_named_must_be_there() {
    let sources = Sources { config: Some("/nonexistent/usher.toml".into()), ..Sources::default() };
    let findings = config::load(&sources, &nlp::schemas(), &|_| Err(SecretError::Unknown)).unwrap_err();
    assert_eq!(
        findings.list[0].render(false),
        "error: cannot read /nonexistent/usher.toml: No such file or directory (os error 2)\n |\n \
         = help: name a file in TOML that may be read\n"
    );
}

/// Words that lead deep into the readers.
fn soup() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "[server]",
        "[[unit]]",
        "[[engine]]",
        "[[action]]",
        "[dialogflow]",
        "[egress]",
        "[[egress.allow]]",
        "[ops]",
        "[inactivity]",
        "name",
        "token",
        "token_sha256",
        "listen",
        "media",
        "kind",
        "agents",
        "agent_password",
        "credential",
        "host",
        "zone",
        "=",
        "=",
        "=",
        "\"a\"",
        "\"\"",
        "'''",
        "\"requeue\"",
        "\"speech\"",
        "1",
        "-1",
        "1.5",
        "true",
        "{ env = \"X\" }",
        "[\"a\"",
        "]",
        "{",
        "}",
        "\n",
        "\n",
        "\n",
        ".",
        ",",
        "\u{e4}",
        "\r",
        "#",
        "9999999999999999999",
        "1979-05-27",
        "\"http://u@h\"",
    ]);
    prop::collection::vec(word, 0..40).prop_map(|words| words.join(" "))
}

fn check_any(bytes: &[u8]) {
    let site = Site::new();
    for name in ["usher.toml", "profiles/a.toml"] {
        fs::write(site.path().join(name), bytes).expect("the directory is writable");
    }
    let findings = site.load().expect_err("a profile without a name is never good");
    for finding in &findings.list {
        assert!(!finding.render(true).is_empty() && !finding.help.is_empty());
        let Some(location) = &finding.location else { continue };
        assert!(location.line >= 1 && location.column >= 1);
        assert!(location.text.get(location.highlight.clone()).is_some(), "{location:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn arbitrary_bytes_give_findings(bytes: Vec<u8>) {
        check_any(&bytes);
    }

    #[test]
    fn arbitrary_words_give_findings(text in soup()) {
        check_any(text.as_bytes());
    }
}

/// The profiles that come with the product load as they are.
#[test]
fn shipped_profiles_are_good() {
    let site = Site::new()
        .variable("SUPPORT_AGENT_PASSWORD", "planted")
        .variable("SUPPORT_GOOGLE_KEY", &service_account("key-1", "shop"))
        .variable("EMULATOR_AGENT_PASSWORD", "planted")
        .variable("ORDERS_AGENT_PASSWORD", "planted")
        .variable("ORDERS_GOOGLE_KEY", &service_account("key-2", "shop"))
        .variable("LLM_AGENT_PASSWORD", "planted")
        .variable("WEBHOOK_AGENT_PASSWORD", "planted")
        .variable("WEBHOOK_SIGNING_KEY", "planted-planted-planted")
        .variable("RASA_AGENT_PASSWORD", "planted")
        .variable("BOT_AGENT_PASSWORD", "planted")
        .variable("BOT_DIRECT_LINE_SECRET", "planted")
        .variable("LLM_API_KEY", "planted")
        .variable("LEGACY_AGENT_PASSWORD", "planted")
        .variable("LEGACY_CLIENT_TOKEN", "planted")
        .variable("BOOKINGS_AGENT_PASSWORD", "planted")
        .variable("BOOKINGS_AWS_KEY_ID", "AKIDEXAMPLE123456")
        .variable("BOOKINGS_AWS_SECRET_KEY", "planted");
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles/examples");
    let sources = Sources { profiles: Some(shipped.clone()), ..site.sources() };
    let loaded = config::load(&sources, &nlp::schemas(), &|_| Err(SecretError::Unknown)).unwrap();
    assert_eq!(loaded.warnings, []);
    assert_eq!(loaded.settings.profiles.len(), fs::read_dir(shipped).unwrap().count());
}

/// In a clone of the product `usher check` finds the demo's profile, which needs no configuration around it.
#[test]
fn the_demos_profile_is_good_by_itself_and_its_password_is_pointed_out() {
    let site = Site::new();
    let profiles = Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles");
    let sources = Sources { profiles: Some(profiles), ..site.sources() };
    let loaded = config::load(&sources, &nlp::schemas(), &|_| Err(SecretError::Unknown)).unwrap();
    let messages: Vec<_> = loaded.warnings.iter().map(|it| it.message.to_string()).collect();
    assert_eq!(messages, ["`agent_password` stands in the file as it is"]);
    assert_eq!(loaded.settings.profiles[0].rules.agents.len(), 2);
}

#[test]
fn b16_the_demos_profile_loads_from_the_binary_without_any_file() {
    let embedded = config::Embedded {
        main: "[[unit]]\nname = \"DEMO\"\n".to_owned(),
        profiles: vec![("demo".to_owned(), config::DEMO_PROFILE.to_owned())],
    };
    let sources = Sources { embedded: Some(embedded.clone()), ..Sources::default() };
    let loaded = config::load(&sources, &nlp::schemas(), &|_| Err(SecretError::Unknown)).unwrap();
    assert_eq!(loaded.warnings, [], "nobody is told to change what is in the binary");
    assert_eq!(loaded.files, Vec::<std::path::PathBuf>::new());
    assert_eq!(loaded.settings.profiles[0].unit.as_str(), "DEMO");

    let broken = config::Embedded { main: "[[unit]\n".to_owned(), ..embedded };
    let sources = Sources { embedded: Some(broken), ..Sources::default() };
    let findings = config::load(&sources, &nlp::schemas(), &|_| Err(SecretError::Unknown)).unwrap_err();
    assert_eq!(findings.list[0].location.as_ref().map(|it| it.file.as_str()), Some("usher.toml"));
}
