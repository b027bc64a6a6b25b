//! Profiles that are written in the Web Manager of the real binary: validated, sealed, in force at once and after a restart.

use std::{net::SocketAddr, process::Command};

use tempfile::TempDir;

use super::*;
use crate::{connector::DOOR, conversation::binary::Binary, fakes::engine::FakeEngine};

/// The binary with its Web Manager, and the first administrator.
pub(super) struct Site {
    pub(super) usher: Binary,
    pub(super) admin: Browser,
}

pub(super) async fn browser_of(usher: &Binary) -> Browser {
    let line = usher.line("\"manager\":\"http://").await;
    let address: SocketAddr =
        line.split("\"manager\":\"http://").nth(1).unwrap().split('"').next().unwrap().parse().unwrap();
    let client = Client::builder().redirect(Policy::none()).no_proxy().build().unwrap();
    Browser { client, base: format!("http://{address}"), cookies: Arc::default() }
}

impl Site {
    pub(super) async fn new(dialogflow: &FakeDialogflow) -> Self {
        // A profile of connectors opens their door: at a port of its own.
        Self::configured(&format!("{CONFIG}{DOOR}"), dialogflow).await
    }

    pub(super) async fn configured(config: &str, dialogflow: &FakeDialogflow) -> Self {
        // The file's profile serves another virtual agent.
        let profile = profile(&dialogflow.endpoint()).replace("va1", "va9");
        let usher = Binary::start_in(TempDir::new().unwrap(), config, &profile).await;
        let admin = browser_of(&usher).await;
        let link = usher.line("make the first administrator at").await;
        let form = [("token", token_of(&link)), ("name", "chief"), ("password", PASSWORD), ("again", PASSWORD)];
        assert_eq!(admin.post("/welcome", &form).await.status, 303);
        Self { usher, admin }
    }

    pub(super) async fn answers(&self, text: &str) {
        let engine = FakeEngine::attach(self.usher.setup()).await.unwrap();
        engine.logged_on("va1").await;
        engine.open(text, "va1").await;
        engine.say(text, text).await;
        assert_eq!(engine.next_say(text).await, [format!("echo: {text}")]);
        engine.end(text, "done").await;
        engine.settled().await;
    }
}

pub(super) fn written(dialogflow: &FakeDialogflow, password: &str) -> String {
    profile(&dialogflow.endpoint())
        .replace("\"support\"", "\"written\"")
        .replace("agent_password = \"secret\"", &format!("# mine\nagent_password = \"{password}\""))
}

const SECRET: &str = "tulip-gravel-9311";

#[tokio::test]
async fn s12_a_profile_is_written_sealed_in_force_at_once_and_there_after_a_restart() {
    let dialogflow = FakeDialogflow::start();
    let Site { usher, admin } = Site::new(&dialogflow).await;
    let page = admin.get("/profiles/new?view=text&kind=lex").await.text;
    assert!(page.contains("type = &quot;lex&quot;") && page.contains("#region"), "{page}");

    let wrong =
        written(&dialogflow, SECRET).replace("va1", "va1\", 7, \"").replace("fallback_message", "falback_message");
    let page = admin.send("/profiles/new", &[("text", &wrong)]).await;
    assert_eq!(page.status, 422);
    assert!(page.text.contains("sales/written (Web Manager):"), "with the place: {}", page.text);
    assert!(page.text.contains("falback_message") && page.text.contains("To mend it:"), "{}", page.text);
    assert!(!page.text.contains(SECRET), "nor in the form: {}", page.text);
    assert!(page.text.contains("agent_password = { sealed = &quot;"), "it is sealed: {}", page.text);
    let file = written(&dialogflow, SECRET).replace(&format!("\"{SECRET}\""), "{ file = \"/etc/hostname\" }");
    let page = admin.send("/profiles/new", &[("text", &file)]).await;
    assert!(
        page.text.contains("is somewhere on the gateway&#39;s machine")
            || page.text.contains("is somewhere on the gateway's machine"),
        "{}",
        page.text
    );
    assert!(!admin.get("/profiles").await.text.contains("written"), "nothing was changed");

    let page = admin.send("/profiles/new", &[("text", &written(&dialogflow, SECRET))]).await;
    assert_eq!((page.status, page.to.as_deref()), (303, Some("/profiles/sales/written?done=saved")), "{}", page.text);
    let list = admin.get("/profiles").await.text;
    assert!(list.contains("/profiles/sales/written") && list.contains("sales/written (Web Manager)"), "{list}");
    let site = Site { usher, admin };
    site.answers("at once").await;

    let edit = site.admin.get("/profiles/sales/written/edit?view=text").await.text;
    assert!(edit.contains("# mine\nagent_password = { sealed = &quot;") && !edit.contains(SECRET), "{edit}");
    let export = site.admin.get("/profiles/sales/written/export").await;
    assert!(
        export.text.contains("sealed = \"")
            && export.headers["content-disposition"].to_str().unwrap().contains("written.toml")
    );
    for path in ["/profiles/sales/written", "/audit", "/audit.csv"] {
        let page = site.admin.get(path).await.text;
        assert!(!page.contains(SECRET) && (path != "/audit" || page.contains("profile.added")), "{path}: {page}");
    }
    let checked = site.admin.send("/profiles/sales/written/check", &[]).await.text;
    assert!(checked.contains("answers to no credential"), "{checked}");

    let (directory, log) = site.usher.kill().await;
    assert!(!log.contains(SECRET));
    // The exported file is one that the same site takes.
    std::fs::write(
        directory.path().join("profiles/moved.toml"),
        export.text.replace("\"written\"", "\"moved\"").replace("va1", "va3"),
    )
    .unwrap();
    let check = |directory: &TempDir| {
        let output =
            Command::new(env!("CARGO_BIN_EXE_usher")).arg("check").current_dir(directory.path()).env_clear().output();
        output.unwrap()
    };
    let checked = check(&directory);
    let told = String::from_utf8_lossy(&checked.stdout).into_owned() + &String::from_utf8_lossy(&checked.stderr);
    assert_eq!(checked.status.code(), Some(0), "{told}");
    let profile = profile(&dialogflow.endpoint()).replace("va1", "va9");
    let usher = Binary::start_in(directory, CONFIG, &profile).await;
    let admin = browser_of(&usher).await;
    assert_eq!(admin.sign_in("chief", PASSWORD, "").await.status, 303);
    let site = Site { usher, admin };
    site.answers("after a restart").await;

    let version = hidden(&site.admin.get("/profiles/sales/written/edit").await.text, "version").unwrap();
    let gone = site.admin.send("/profiles/sales/written/remove", &[("version", &version)]).await;
    assert_eq!(gone.to.as_deref(), Some("/profiles"), "{}", gone.text);
    assert_eq!(site.admin.get("/profiles/sales/written").await.status, 404);
    drop(site.usher.kill().await);
}

#[tokio::test]
async fn s12_a_text_that_is_no_toml_comes_back_with_its_secrets_sealed() {
    let dialogflow = FakeDialogflow::start();
    let Site { usher, admin } = Site::new(&dialogflow).await;
    let broken = written(&dialogflow, SECRET).replace("va1\"]", "va1\"");
    for wanted in ["save", "form"] {
        let page = admin.send("/profiles/new", &[("text", &broken), ("do", wanted)]).await;
        assert!(page.status == 422 && page.text.contains("agents = [&quot;va1&quot;\n"), "no TOML: {}", page.text);
        assert!(!page.text.contains(SECRET) && page.text.contains("{ sealed = &quot;"), "{}", page.text);
    }
    drop(usher.kill().await);
}

#[tokio::test]
async fn two_administrators_who_change_the_same_profile_are_told_of_each_other() {
    let dialogflow = FakeDialogflow::start();
    let Site { usher, admin } = Site::new(&dialogflow).await;
    let first = written(&dialogflow, SECRET);
    admin.send("/profiles/new", &[("text", &first)]).await;
    let again = admin.send("/profiles/new", &[("text", &first)]).await;
    assert_eq!(again.status, 409, "there is one of this name: {}", again.text);
    let path = "/profiles/sales/written/edit";
    let version = hidden(&admin.get(path).await.text, "version").unwrap();
    let by = |text: &str| first.replace("Sorry.", text);
    let done = admin.send(path, &[("version", &version), ("text", &by("From one."))]).await;
    assert_eq!(done.status, 303, "{}", done.text);
    let late = admin.send(path, &[("version", &version), ("text", &by("From the other."))]).await;
    assert_eq!(late.status, 409);
    assert!(late.text.contains("chief has changed this profile meanwhile"), "{}", late.text);
    assert!(late.text.contains("From one.") && late.text.contains("From the other."), "both are shown");
    assert!(!late.text.contains(SECRET), "{}", late.text);
    assert!(admin.get("/profiles/sales/written").await.text.contains("From one."));
    let typed = late.text.split("<textarea").nth(1).unwrap().split_once(">\n").unwrap().1;
    let (typed, now) =
        (forms::plain(typed.split("</textarea>").next().unwrap()), hidden(&late.text, "version").unwrap());
    let again = admin.send(path, &[("version", &now), ("text", &typed)]).await;
    assert_eq!(again.status, 303, "{}", again.text);
    assert!(admin.get("/profiles/sales/written").await.text.contains("From the other."));
    let conflict = first.replace("\"written\"", "\"third\"");
    let taken = admin.send("/profiles/new", &[("text", &conflict)]).await;
    assert_eq!(taken.status, 422, "va1 serves one profile at most");
    assert!(taken.text.contains("va1") && taken.text.contains("written"), "{}", taken.text);
    drop(usher.kill().await);
}
