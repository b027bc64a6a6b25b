//! The whole configuration as files: out, in elsewhere, and out again the same; a difference is shown before it is one.

use std::{
    collections::BTreeMap,
    fs,
    io::{Cursor, Read as _, Write as _},
    path::Path,
    process::Command,
};

use tempfile::TempDir;

use usher::store::{DocumentKind, Store as _, sqlite::Sqlite};

use super::{
    api::Program,
    editing::{Site, written},
    *,
};
use crate::offline;

pub(super) type Files = BTreeMap<String, String>;

pub(super) const SECRET: &str = "tulip-gravel-9311";

pub(super) fn unzipped(bytes: &[u8]) -> Files {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes.to_vec())).unwrap();
    let mut files = Files::new();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).unwrap();
        let name = entry.name().unwrap().into_owned();
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        files.insert(name, text);
    }
    files
}

pub(super) fn zipped(files: &Files) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in files {
        archive.start_file(name.as_str(), zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(text.as_bytes()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

async fn exported(admin: &Browser, secrets: &str) -> Files {
    let csrf = admin.csrf().await;
    let form = [("secrets", secrets), ("csrf", csrf.as_str())];
    let body: String = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let request = admin.client.post(admin.base.clone() + "/configuration/export").header("cookie", admin.cookies());
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
    let response = request.send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/zip");
    unzipped(&response.bytes().await.unwrap())
}

/// As a browser sends a file.
pub(super) async fn upload(admin: &Browser, bytes: &[u8]) -> Page {
    upload_as(admin, &admin.csrf().await, bytes).await
}

pub(super) async fn upload_as(admin: &Browser, csrf: &str, bytes: &[u8]) -> Page {
    let mut body = Vec::new();
    let nothing: &[u8] = b"";
    for (head, value) in [
        ("name=\"csrf\"", csrf.as_bytes()),
        ("name=\"file\"; filename=\"a.zip\"\r\nContent-Type: application/zip", bytes),
        ("name=\"text\"", nothing),
    ] {
        body.extend(format!("--xYzZY\r\nContent-Disposition: form-data; {head}\r\n\r\n").bytes());
        body.extend(value);
        body.extend(b"\r\n");
    }
    body.extend(b"--xYzZY--\r\n");
    let request = admin.client.post(admin.base.clone() + "/configuration/import").header("cookie", admin.cookies());
    admin.take(request.header("content-type", "multipart/form-data; boundary=xYzZY").body(body)).await
}

/// Exit code and everything that was printed.
fn usher(directory: &Path, arguments: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_usher"));
    let output = command.args(arguments).current_dir(directory).env_clear().output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code().unwrap(), told)
}

fn write(directory: &Path, files: &Files) {
    fs::create_dir_all(directory.join("profiles")).unwrap();
    files.iter().for_each(|(name, text)| fs::write(directory.join(name), text).unwrap());
}

fn read(directory: &Path) -> Files {
    let mut files = Files::from([("usher.toml".to_owned(), fs::read_to_string(directory.join("usher.toml")).unwrap())]);
    for entry in fs::read_dir(directory.join("profiles")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        files.insert(format!("profiles/{name}"), fs::read_to_string(&path).unwrap());
    }
    files
}

/// A unit, an engine and a profile that are kept by the Web Manager, beside those of the files.
pub(super) async fn furnished(dialogflow: &FakeDialogflow) -> Site {
    let site = Site::new(dialogflow).await;
    let unit = [("name", "clinic"), ("zone", "Europe/Vienna"), ("country", "AT"), ("languages", "de")];
    assert_eq!(site.admin.send("/units/new", &unit).await.status, 303);
    assert_eq!(site.admin.send("/engines/new", &[("id", "east"), ("unit", "clinic")]).await.status, 200);
    let ward = profile(&dialogflow.endpoint()).replace("\"support\"", "\"ward\"").replace("\"sales\"", "\"clinic\"");
    let ward = ward.replace("\"secret\"", &format!("\"{SECRET}\" # mine"));
    let added = site.admin.send("/profiles/new", &[("text", &ward)]).await;
    assert_eq!(added.status, 303, "{}", added.text);
    site
}

#[tokio::test]
async fn what_is_exported_passes_the_check_and_comes_out_of_an_empty_gateway_the_same() {
    let dialogflow = FakeDialogflow::start();
    let Site { usher: gateway, admin } = furnished(&dialogflow).await;
    let files = exported(&admin, "sealed").await;
    assert_eq!(files.keys().collect::<Vec<_>>(), ["profiles/support.toml", "profiles/ward.toml", "usher.toml"]);
    let main = &files["usher.toml"];
    for part in
        ["[[unit]]\nname = \"clinic\"\n", "[[unit]]\nname = \"sales\"\n", "[[engine]]\nid = \"east\"\n", "[server]\n"]
    {
        assert!(main.contains(part), "{part}: {main}");
    }
    // The file's engine has a token: it leaves as its hash.
    assert!(!main.contains("token-1") && !main.contains("path ="), "{main}");
    let ward = &files["profiles/ward.toml"];
    assert!(ward.contains("agent_password = { sealed = \"") && ward.contains("} # mine\n"), "{ward}");
    let by_name = exported(&admin, "env").await;
    assert_eq!(by_name, exported(&admin, "env").await, "the same every time");
    assert!(
        by_name["profiles/ward.toml"].contains("agent_password = { env = \"CLINIC_WARD_AGENT_PASSWORD\" }"),
        "{by_name:#?}"
    );
    for text in files.values().chain(by_name.values()) {
        assert!(!text.contains(SECRET) && !text.contains("\"secret\""), "{text}");
    }

    let (directory, _) = gateway.kill().await;
    let out = directory.path().join("out");
    write(&out, &files);

    // An empty gateway with the same master key.
    let empty = TempDir::new().unwrap();
    fs::create_dir(empty.path().join("data")).unwrap();
    fs::copy(directory.path().join("data/master.key"), empty.path().join("data/master.key")).unwrap();
    let out = out.to_str().unwrap();
    let checked = usher(empty.path(), &["check", out]);
    assert_eq!((checked.0, checked.1.contains("2 profile(s)")), (0, true), "{}", checked.1);
    let looked = usher(empty.path(), &["config", "import", out]);
    assert!(
        looked.0 == 0 && looked.1.contains("added profile clinic/ward") && looked.1.contains("say --yes"),
        "{}",
        looked.1
    );
    assert!(looked.1.contains("+ zone = \"Europe/Vienna\"") && !looked.1.contains(SECRET), "{}", looked.1);
    let still = usher(empty.path(), &["check"]);
    assert!(still.1.contains("0 profile(s)"), "looking changes nothing: {}", still.1);
    let imported = usher(empty.path(), &["config", "import", out, "--yes"]);
    assert!(imported.0 == 0 && imported.1.contains("SIGHUP"), "{}", imported.1);
    let again = usher(empty.path(), &["config", "export", "again"]);
    assert_eq!(again.0, 0, "{}", again.1);
    assert_eq!(read(&empty.path().join("again")), files);
    let same = usher(empty.path(), &["config", "import", out, "--yes"]);
    assert!(same.0 == 0 && same.1.contains("nothing differs"), "{}", same.1);
    let elsewhere = TempDir::new().unwrap();
    let sealed = usher(elsewhere.path(), &["config", "import", out]);
    assert!(sealed.0 == 2 && sealed.1.contains("write the secret anew"), "another master key: {}", sealed.1);
}

#[tokio::test]
async fn an_import_by_command_leaves_nothing_of_a_profile_that_goes() {
    let dialogflow = FakeDialogflow::start();
    let Site { usher: gateway, admin } = furnished(&dialogflow).await;
    let program = Program::new(&admin, "ci", "administrator").await;
    let ward = "/profiles/clinic/ward";
    let file = "{\"test\":\"greeting\"}\n{\"say\":\"hello\"}\n";
    let lines = [("content-type", "application/jsonl")];
    assert_eq!(program.ask("POST", &format!("{ward}/tests.jsonl"), &lines, file).await.json()["tests"], 1);
    assert_eq!(program.ask("POST", &format!("{ward}/pause"), &[], "").await.status, 204);
    let mut files = exported(&admin, "sealed").await;
    let (directory, _) = gateway.kill().await;
    let (at, out) = (directory.path(), directory.path().join("out"));
    let kept = async || {
        let store = Sqlite::open_existing(&at.join("data")).await.unwrap();
        let names = async |kind| -> Vec<String> {
            store.documents(kind).await.unwrap().into_iter().map(|it| it.name).collect()
        };
        let kept = (names(DocumentKind::Test).await, names(DocumentKind::Pause).await);
        store.close().await.unwrap();
        kept
    };
    let (tests, pauses) = kept().await;
    assert!(tests.len() == 1 && pauses == ["[\"clinic\",\"ward\"]"], "{tests:?} {pauses:?}");

    files.remove("profiles/ward.toml");
    write(&out, &files);
    let gone = usher(at, &["config", "import", "out", "--yes"]);
    assert!(gone.0 == 0 && gone.1.contains("removed profile"), "{}", gone.1);
    assert_eq!(kept().await, (Vec::new(), Vec::new()));
}

#[tokio::test]
async fn an_import_shows_its_difference_first_and_is_refused_if_somebody_was_faster() {
    let dialogflow = FakeDialogflow::start();
    let Site { usher, admin } = furnished(&dialogflow).await;
    let files = exported(&admin, "sealed").await;
    let same = upload(&admin, &zipped(&files)).await;
    assert!(same.status == 200 && same.text.contains("Nothing: all of it"), "{}", same.text);

    let mut changed = files.clone();
    let main = files["usher.toml"].replace("Europe/Vienna", "Europe/Berlin");
    changed.insert("usher.toml".to_owned(), main);
    changed.remove("profiles/ward.toml");
    let other = files["profiles/ward.toml"].replace("\"ward\"", "\"desk\"");
    changed.insert("profiles/desk.toml".to_owned(), other);
    let shown = upload(&admin, &zipped(&changed)).await;
    assert_eq!(shown.status, 200, "{}", shown.text);
    for told in [
        "<del>- zone = &quot;Europe/Vienna&quot;",
        "<ins>+ zone = &quot;Europe/Berlin&quot;",
        "profile clinic/desk",
        "profile clinic/ward",
        "Removed",
    ] {
        assert!(shown.text.contains(told), "{told}: {}", shown.text);
    }
    assert!(!shown.text.contains("sealed = "), "secrets are hidden: {}", shown.text);
    assert!(admin.get("/units").await.text.contains("Europe/Vienna"), "nothing was changed yet");
    let of = |page: &Page| ["import", "seen"].map(|name| (name, hidden(&page.text, name).unwrap()));

    // Somebody else changes the unit meanwhile.
    let version = hidden(&admin.get("/units/clinic/edit").await.text, "version").unwrap();
    let faster = [("version", version.as_str()), ("zone", "Europe/Rome"), ("country", "IT"), ("languages", "de")];
    assert_eq!(admin.send("/units/clinic/edit", &faster).await.status, 303);
    let form = of(&shown);
    let late = admin.send("/configuration/apply", &form.each_ref().map(|(name, text)| (*name, text.as_str()))).await;
    assert_eq!(late.status, 409);
    assert!(
        late.text.contains("Somebody has changed the configuration meanwhile") && late.text.contains("Europe/Rome"),
        "{}",
        late.text
    );
    let form = of(&late);
    let done = admin.send("/configuration/apply", &form.each_ref().map(|(name, text)| (*name, text.as_str()))).await;
    assert_eq!(done.to.as_deref(), Some("/configuration?done=imported"), "{}", done.text);
    assert!(admin.get("/units").await.text.contains("Europe/Berlin"));
    assert_eq!(admin.get("/profiles/clinic/desk").await.status, 200);
    assert_eq!(admin.get("/profiles/clinic/ward").await.status, 404);
    let audit = admin.get("/audit").await.text;
    assert!(
        audit.contains("title=\"configuration.imported\"") && audit.contains("+ zone = &quot;Europe/Berlin&quot;"),
        "{audit}"
    );
    assert!(!audit.contains("sealed = "), "{audit}");
    assert_eq!(exported(&admin, "sealed").await["profiles/desk.toml"], changed["profiles/desk.toml"]);
    drop(usher.kill().await);
}

#[tokio::test]
async fn what_cannot_be_imported_is_told_and_nothing_is_changed() {
    let dialogflow = FakeDialogflow::start();
    let Site { usher, admin } = furnished(&dialogflow).await;
    let files = exported(&admin, "sealed").await;
    let with = |name: &str, text: &str| {
        let mut files = files.clone();
        files.insert(name.to_owned(), text.to_owned());
        zipped(&files)
    };
    let cases = [
        (with("usher.toml", "[[unit]]\nname = \"clinic\"\nzone = \"Mars\"\n"), "no time zone is called `Mars`"),
        (with("../evil.toml", "x"), "may not lead out of it"),
        (
            with("profiles/ward.toml", "name = \"ward\"\nagent_password = { file = \"/etc/hostname\" }\n"),
            "somewhere on the gateway",
        ),
        (with("usher.toml", "[store]\npath = \"elsewhere\"\n"), "`store.path` is where this is kept"),
        (b"PK\x03\x04cut".to_vec(), "this zip cannot be read"),
        (Vec::new(), "Choose a file, or write a text."),
    ];
    for (bytes, told) in cases {
        let page = upload(&admin, &bytes).await;
        assert!(page.status == 422 && page.text.contains(told), "{told}: {} {}", page.status, page.text);
    }
    // What stands in a file here is not changed by an import.
    let text = files["profiles/support.toml"].replace("Sorry.", "Pardon.");
    let blocked = upload(&admin, &with("profiles/support.toml", &text)).await;
    assert!(blocked.text.contains("profile sales/support stands in a file here"), "{}", blocked.text);
    assert!(!blocked.text.contains("/configuration/apply"), "{}", blocked.text);
    let gone = admin.send("/configuration/apply", &[("import", "0"), ("seen", "0")]).await;
    assert_eq!(gone.status, 409);
    assert_eq!(exported(&admin, "env").await, exported(&admin, "env").await);
    assert!(!admin.get("/audit.csv").await.text.contains("configuration.imported"));
    drop(usher.kill().await);
}

#[tokio::test]
async fn s16_a_plan_is_looked_at_beside_the_files_that_stay_and_shows_what_speaks_against_it() {
    let dialogflow = FakeDialogflow::start();
    let Site { usher, admin } = furnished(&dialogflow).await;
    let mut files = exported(&admin, "sealed").await;
    // Good by itself: the profile that has this user here is not among them, and stays.
    let support = files.remove("profiles/support.toml").unwrap();
    files.insert("profiles/night.toml".to_owned(), support.replace("\"support\"", "\"night\""));
    let page = upload(&admin, &zipped(&files)).await.text;
    for part in ["night", "beside the files here", "user `va9` serves profile `support` already", "take it out of one"]
    {
        assert!(page.contains(part), "no {part} in {page}");
    }
    assert!(!page.contains("/configuration/apply"), "{page}");
    let program = Program::new(&admin, "ci", "administrator").await;
    let zip = ("content-type", "application/zip");
    let planned = program.send("POST", "/configuration/plan", &[zip], zipped(&files)).await;
    let plan = planned.json();
    assert!(plan["blocked"][0].as_str().unwrap().contains("user `va9` serves profile `support` already"), "{plan}");
    assert!(!plan["steps"].as_array().unwrap().is_empty(), "{plan}");
    let import = async |tag: &str, bytes: Vec<u8>| {
        program.send("POST", "/configuration/import", &[zip, ("if-match", tag)], bytes).await
    };
    import(planned.etag(), zipped(&files)).await.problem(409, "conflict");
    // Another user, and nothing speaks against it.
    files.insert("profiles/night.toml".to_owned(), files["profiles/night.toml"].replace("va9", "va8"));
    let planned = program.send("POST", "/configuration/plan", &[zip], zipped(&files)).await;
    assert_eq!(planned.json()["blocked"], serde_json::json!([]), "{}", planned.text);
    assert_eq!(import(planned.etag(), zipped(&files)).await.status, 204);
    drop(usher.kill().await);
}

#[tokio::test]
async fn b3_all_profiles_are_looked_at_in_one_step() {
    let dialogflow = FakeDialogflow::start();
    let Site { usher, admin } = Site::new(&dialogflow).await;
    assert!(!admin.get("/lint").await.text.contains("Check all profiles"), "there is one");
    assert_eq!(admin.send("/profiles/new", &[("text", &written(&dialogflow, SECRET))]).await.status, 303);
    let before = admin.get("/lint").await.text;
    assert!(before.contains("action=\"/lint/look-at-all\"") && before.contains("Check all profiles"), "{before}");
    assert_eq!(before.matches("Nobody has looked since the start").count(), 2);
    let page = admin.send("/lint/look-at-all", &[]).await;
    assert_eq!((page.status, page.text.matches("Looked at").count()), (200, 2), "{}", page.text);
    let later = admin.get("/lint").await.text;
    assert!(!later.contains("Nobody has looked since the start"), "{later}");
    drop(usher.kill().await);
}

#[tokio::test]
async fn b3_a_profile_is_looked_at_by_page_and_what_was_found_stays() {
    let server = offline::serve(offline::agent()).await;
    let text = profile(&format!("http://{}", server.address())) + "[events]\nhuman_returned = \"NOBODY\"\n";
    let usher = Usher::start(CONFIG, &text).await;
    let (office, address) = usher.open_office().await;
    let house = House { usher, office, address, dialogflow: FakeDialogflow::start() };
    let admin = house.browser();
    let link = house.link();
    admin.get(&link).await;
    let form = [("token", token_of(&link)), ("name", "chief"), ("password", PASSWORD), ("again", PASSWORD)];
    assert_eq!(admin.post("/welcome", &form).await.status, 303);
    let operator = house.user(&admin, "olga", "operator").await;
    let viewer = house.user(&admin, "victor", "viewer").await;
    let before = operator.get("/lint").await.text;
    assert!(
        before.contains("Nobody has looked since the start") && before.contains("stands in the file as it is"),
        "{before}"
    );
    let names = [("unit", "sales"), ("profile", "support")];
    assert_eq!(viewer.send("/lint/look", &names).await.status, 403);
    assert_eq!(viewer.send("/lint/look-at-all", &[]).await.status, 403);
    let found = operator.send("/lint/look", &names).await;
    assert!(
        found.status == 200 && found.text.contains("event_unheard") && found.text.contains("NOBODY"),
        "{}",
        found.text
    );
    assert!(found.text.contains("To mend it:") && found.text.contains("has told its directory"), "{}", found.text);
    let later = viewer.get("/lint").await.text;
    assert!(
        later.contains("event_unheard") && later.contains("profiles/support.toml:") && !later.contains("Look now"),
        "{later}"
    );
    assert_eq!(operator.send("/lint/look", &[("unit", "sales"), ("profile", "none")]).await.status, 404);
    house.close().await;
    server.stop().await.unwrap();
}
