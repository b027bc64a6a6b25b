//! Profiles by their form: a browser without a script fills in what a page asks for.

use super::{
    editing::{Site, written},
    *,
};
use crate::fakes::token_server;

const SECRET: &str = "tulip-gravel-9311";
const LONG_SECRET: &str = "tulip-gravel-9311-tulip-gravel-9311-tulip";

/// A service account's key file.
fn service_account(id: &str, project: &str) -> String {
    let file = token_server::credential("https://oauth2.googleapis.com/token");
    file.expose_secret().replace("0123456789abcdef", id).replace("p-1", project)
}

/// A page's form of a profile: every field with what it holds, as a browser would send it.
#[derive(Clone, Debug)]
struct Form(Vec<(String, String)>);

pub(super) fn plain(text: &str) -> String {
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#39;", "'");
    text.replace("&amp;", "&")
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    tag.split_once(&format!(" {name}=\""))?.1.split('"').next()
}

impl Form {
    fn of(page: &str) -> Self {
        let (_, form) = page.split_once("class=\"profile\" novalidate").unwrap_or_else(|| panic!("no form in {page}"));
        let form = form.split("</form>").next().unwrap();
        let mut fields = Vec::new();
        for part in form.split('<').skip(1) {
            let (tag, rest) = part.split_once('>').unwrap();
            let Some(name) = attribute(tag, "name").filter(|_| !tag.starts_with("button")) else { continue };
            let is_off = tag.contains("type=\"checkbox\"") && !tag.ends_with(" checked") && !tag.contains(" checked ");
            if tag.starts_with("input") && !is_off {
                fields.push((name.to_owned(), plain(attribute(tag, "value").unwrap_or_default())));
            } else if tag.starts_with("textarea") {
                fields.push((name.to_owned(), plain(rest.strip_prefix('\n').unwrap_or(rest))));
            } else if tag.starts_with("select") {
                let (_, inner) = form.split_once(&format!(" name=\"{name}\"")).unwrap();
                let inner = inner.split("</select>").next().unwrap();
                let chosen =
                    inner.split("<option").skip(1).find(|it| it.split('>').next().unwrap().ends_with(" selected"));
                let chosen = chosen.or_else(|| inner.split("<option").nth(1)).unwrap_or_default();
                fields.push((name.to_owned(), plain(attribute(chosen, "value").unwrap_or_default())));
            }
        }
        Self(fields)
    }

    fn get(&self, name: &str) -> &str {
        self.0.iter().rfind(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    fn with(mut self, fields: &[(&str, &str)]) -> Self {
        for (name, value) in fields {
            self.0.retain(|(key, _)| key != name);
            self.0.push(((*name).to_owned(), (*value).to_owned()));
        }
        self
    }

    async fn send(&self, browser: &Browser, path: &str) -> Page {
        let fields: Vec<_> = self.0.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let page = browser.post(path, &fields).await;
        assert!(!page.text.contains(SECRET), "a secret comes back: {}", page.text);
        page
    }
}

async fn form_at(browser: &Browser, path: &str) -> Form {
    let page = browser.get(path).await;
    assert_eq!(page.status, 200, "{path}: {}", page.text);
    Form::of(&page.text)
}

/// What is said at a field.
fn problem_at<'a>(page: &'a Page, path: &str) -> &'a str {
    let (_, told) = page
        .text
        .split_once(&format!("id=\"f-{path}-problem\">"))
        .unwrap_or_else(|| panic!("nothing at {path}: {}", page.text));
    told.split('<').next().unwrap()
}

/// Its text as it is kept.
async fn text_of(browser: &Browser, profile: &str) -> String {
    browser.get(&format!("/profiles/sales/{profile}/export")).await.text
}

const COMMON: &[(&str, &str)] = &[("unit", "sales"), ("agent_password", SECRET), ("fallback_message", "Sorry.")];

#[tokio::test]
async fn s8_a_profile_of_every_type_is_added_by_its_form_and_saved_again_unchanged() {
    let dialogflow = FakeDialogflow::start();
    let Site { usher, admin } = Site::new(&dialogflow).await;
    let key = service_account("key-2", "shop");
    let endpoint = dialogflow.endpoint();
    let types: &[(&str, &[(&str, &str)])] = &[
        ("dialogflow-v2", &[("dialogflow.credential", &key), ("dialogflow.region", "europe-west1")]),
        (
            "dialogflow-cx",
            &[("cx.endpoint", &endpoint), ("cx.project", "p"), ("cx.agent", "a"), ("cx.location", "global")],
        ),
        ("dialogflow", &[("dialogflow_v1.client_token", SECRET), ("dialogflow_v1.url", "http://127.0.0.1:9")]),
        ("connector", &[("connector.credits", "7")]),
        ("webhook", &[("webhook.url", "http://127.0.0.1:9/hook"), ("webhook.signing_key", LONG_SECRET)]),
        (
            "llm",
            &[
                ("llm.endpoint", "http://127.0.0.1:9/v1"),
                ("llm.model", "m"),
                ("llm.system_prompt", "You help.\r\nBe brief."),
                ("llm.temperature", "0.5"),
            ],
        ),
        (
            "lex",
            &[
                ("lex.region", "eu-central-1"),
                ("lex.bot_id", "ABCDEFGHIJ"),
                ("lex.bot_alias_id", "TSTALIASID"),
                ("lex.access_key_id", "AKIAIOSFODNN7EXAMPLE"),
                ("lex.secret_access_key", SECRET),
            ],
        ),
    ];
    let choice = admin.get("/profiles/new").await.text;
    for (kind, own) in types {
        assert!(choice.contains(&format!("/profiles/new?kind={kind}\"")), "{choice}");
        let form = form_at(&admin, &format!("/profiles/new?kind={kind}")).await;
        let page = form.with(COMMON).with(own).with(&[("name", kind)]).send(&admin, "/profiles/new").await;
        let at = format!("/profiles/sales/{kind}");
        assert_eq!((page.status, page.to), (303, Some(format!("{at}?done=saved"))), "{kind}: {}", page.text);
        let before = text_of(&admin, kind).await;
        assert!(!before.contains(SECRET) && before.contains("agent_password = { sealed = "), "{before}");
        // Only what was typed is written.
        assert!(!before.contains("deadline_ms") && !before.contains("timeout_minutes"), "{before}");
        let edit = form_at(&admin, &format!("{at}/edit")).await;
        assert_eq!(edit.send(&admin, &format!("{at}/edit")).await.status, 303);
        assert_eq!(text_of(&admin, kind).await, before, "saved as it was");
    }
    let audit = admin.get("/audit").await.text;
    assert!(audit.contains("title=\"profile.added\"") && !audit.contains(SECRET) && !audit.contains("PRIVATE KEY"));
    let (_directory, log) = usher.kill().await;
    assert!(!log.contains(SECRET));
}

#[tokio::test]
async fn s13_s14_what_is_wrong_stands_at_its_field_and_nothing_that_was_typed_is_lost() {
    let dialogflow = FakeDialogflow::start();
    let Site { usher, admin } = Site::new(&dialogflow).await;
    let form = form_at(&admin, "/profiles/new?kind=dialogflow-v2").await;
    let wrong = form.with(&[
        ("unit", "sales"),
        ("agent_password", SECRET),
        ("inactivity.timeout_minutes", "soon"),
        ("handover.failures_after", "2000"),
        ("speech.enabled", "true"),
        ("events.human_returned", "BACK"),
        ("dialogflow.endpoint", &dialogflow.endpoint()),
    ]);
    let page = wrong.send(&admin, "/profiles/new").await;
    assert_eq!(page.status, 422);
    for (path, told) in [
        ("name", "is missing"),
        ("fallback_message", "is missing"),
        ("inactivity.timeout_minutes", "whole number from 1 to 1440"),
        ("handover.failures_after", "cannot be 2000"),
        ("dialogflow.project", "is missing"),
    ] {
        assert!(problem_at(&page, path).contains(told), "{path}: {}", problem_at(&page, path));
        assert!(page.text.contains(&format!("<a href=\"#f-{path}\">")), "no way to {path} in the summary");
    }
    assert!(page.text.contains("<a href=\"#b-speech\">"), "the whole part is at fault: {}", page.text);
    let again = Form::of(&page.text);
    assert_eq!(again.get("inactivity.timeout_minutes"), "soon");
    assert_eq!((again.get("events.human_returned"), again.get("speech.enabled")), ("BACK", "true"));
    // The password that was typed is kept, sealed: it is not asked for again.
    assert!(page.text.contains("It is set: left empty, it stays."), "{}", page.text);
    let good = again.with(&[
        ("name", "mended"),
        ("fallback_message", "Sorry.\r\nReally."),
        ("inactivity.timeout_minutes", "5"),
        ("handover.failures_after", ""),
        ("speech.enabled", "false"),
        ("dialogflow.project", "p"),
        ("welcome_event.none", "true"),
        ("agents", "va1"),
    ]);
    assert_eq!(good.send(&admin, "/profiles/new").await.status, 303);
    let text = text_of(&admin, "mended").await;
    assert!(text.contains("timeout_minutes = 5") && text.contains("welcome_event = \"\""), "{text}");
    assert!(!text.contains("failures_after") && !text.contains("[handover]"), "what is empty holds by default: {text}");
    let site = Site { usher, admin };
    site.answers("by the form").await;
    drop(site.usher.kill().await);
}

#[tokio::test]
async fn s8_what_was_typed_for_a_type_comes_back_with_it_and_is_not_saved() {
    let dialogflow = FakeDialogflow::start();
    let Site { usher, admin } = Site::new(&dialogflow).await;
    let show = async |form: Form, more: &[(&str, &str)]| {
        let page = form.with(more).with(&[("do", "show")]).send(&admin, "/profiles/new").await;
        assert_eq!(page.status, 200, "{}", page.text);
        page
    };
    let form = form_at(&admin, "/profiles/new?kind=lex").await.with(COMMON).with(&[("name", "turned")]);
    let lex = [("lex.region", "eu-central-1"), ("lex.bot_id", "ABCDEFGHIJ"), ("lex.secret_access_key", SECRET)];
    let page = show(form.with(&lex), &[("type", "llm")]).await;
    assert!(!page.text.contains("name=\"lex.region\"") && page.text.contains("name=\"llm.model\""), "{}", page.text);
    // Refused: nothing of either is lost.
    let page = Form::of(&page.text).with(&[("llm.model", "m"), ("do", "save")]).send(&admin, "/profiles/new").await;
    assert_eq!(page.status, 422);
    let page = show(Form::of(&page.text), &[("type", "lex")]).await;
    let form = Form::of(&page.text);
    assert_eq!((form.get("lex.region"), form.get("lex.bot_id")), ("eu-central-1", "ABCDEFGHIJ"));
    let (_, secret) = page.text.split_once("id=\"f-lex.secret_access_key-hint\">").unwrap();
    assert!(secret.split("</p>").next().unwrap().contains("It is set"), "sealed, and not shown: {secret}");
    // As text it is the one type's alone, and comes back by the form.
    let page = form.with(&[("type", "llm"), ("do", "text")]).send(&admin, "/profiles/new").await;
    let text = plain(page.text.split("name=\"text\"").nth(1).unwrap().split("</textarea>").next().unwrap());
    assert!(text.contains("model = \"m\"") && !text.contains("[lex]"), "{text}");
    let text = text.split_once(">\n").unwrap().1;
    let former = plain(&hidden(&page.text, "former").unwrap());
    let page = admin.send("/profiles/new", &[("text", text), ("former", &former), ("do", "form")]).await;
    let page = show(Form::of(&page.text), &[("type", "lex")]).await;
    assert_eq!(Form::of(&page.text).get("lex.region"), "eu-central-1");
    let page = show(Form::of(&page.text), &[("type", "connector")]).await;
    assert_eq!(Form::of(&page.text).send(&admin, "/profiles/new").await.status, 303);
    let kept = text_of(&admin, "turned").await;
    assert!(kept.contains("type = \"connector\""), "{kept}");
    assert!(!kept.contains("lex") && !kept.contains("llm") && !kept.contains("region"), "{kept}");
    drop(usher.kill().await);
}

#[tokio::test]
async fn s8_another_type_for_a_text_keeps_what_was_typed() {
    let dialogflow = FakeDialogflow::start();
    let Site { usher, admin } = Site::new(&dialogflow).await;
    let text_in = |page: &Page| {
        let (_, text) = page.text.split_once("name=\"text\"").unwrap_or_else(|| panic!("no text in {}", page.text));
        plain(text.split_once(">\n").unwrap().1.split("</textarea>").next().unwrap())
    };
    let page = admin.get("/profiles/new?view=text&kind=lex").await;
    assert!(!page.text.contains("href=\"/profiles/new?view=text&amp;kind"), "no way that loses it: {}", page.text);
    let typed = text_in(&page)
        .replacen("name = \"\"", "name = \"typed\" # mine", 1)
        .replacen("agent_password = \"\"", &format!("agent_password = \"{SECRET}\""), 1)
        .replacen("#bot_id = ", "bot_id = ", 1);
    let page = admin.send("/profiles/new", &[("text", &typed), ("do", "kind:connector")]).await;
    let text = text_in(&page);
    assert!(page.status == 200 && text.contains("name = \"typed\" # mine\n"), "{text}");
    assert!(text.contains("type = \"connector\"") && text.contains("\n[connector]\n"), "{text}");
    assert!(!text.contains("bot_id") && !page.text.contains(SECRET), "{}", page.text);
    let former = plain(&hidden(&page.text, "former").unwrap());
    let page = admin.send("/profiles/new", &[("text", &text), ("former", &former), ("do", "kind:lex")]).await;
    assert!(text_in(&page).contains("\nbot_id = "), "{}", page.text);
    let saved = text.replacen("fallback_message = \"\"", "fallback_message = \"Sorry.\"", 1);
    let page = admin.send("/profiles/new", &[("text", &saved), ("former", &former)]).await;
    assert_eq!(page.status, 303, "{}", page.text);

    let broken = admin.send("/profiles/new", &[("text", "name = typed here"), ("do", "kind:lex")]).await;
    assert!(broken.status == 422 && text_in(&broken).contains("typed here"), "{}", broken.text);
    assert!(broken.text.contains("this is no valid TOML (line 1)"), "{}", broken.text);
    drop(usher.kill().await);
}

#[tokio::test]
async fn s10_a_wrong_key_file_is_refused_at_its_field_and_another_project_is_warned_of() {
    let dialogflow = FakeDialogflow::start();
    let Site { usher, admin } = Site::new(&dialogflow).await;
    let form = form_at(&admin, "/profiles/new?kind=dialogflow-v2").await.with(COMMON);
    let path = "dialogflow.credential";
    let large = "x".repeat(65 * 1024);
    for (file, told) in [
        ("{\"type\": ", "is no JSON (line 1"),
        ("{\"type\": \"authorized_user\"}", "is a person's credential, not a service account's"),
        ("{\"type\": \"service_account\", \"project_id\": \"shop\"}", "lacks `private_key_id`"),
        (&large, "is larger than 65536 bytes"),
    ] {
        let page = form.clone().with(&[("name", "keyed"), (path, file)]).send(&admin, "/profiles/new").await;
        assert_eq!(page.status, 422);
        assert!(plain(problem_at(&page, path)).contains(told), "{}", problem_at(&page, path));
        assert!(!page.text.contains(file), "the file does not come back");
        assert_eq!(Form::of(&page.text).get("name"), "keyed");
        assert!(!Form::of(&page.text).get("begun").contains("credential"), "a wrong one is not kept");
    }
    let typed = [("name", "keyed"), (path, &service_account("key-2", "shop")), ("dialogflow.project", "other")];
    assert_eq!(form.clone().with(&typed).send(&admin, "/profiles/new").await.status, 303);
    for page in ["/profiles/sales/keyed", "/profiles/sales/keyed/edit"] {
        let page = admin.get(page).await.text;
        assert!(plain(&page).contains("is `other`, but the credential belongs to `shop`"), "{page}");
        assert!(!page.contains("PRIVATE KEY"));
    }
    // S6: the key is that profile's alone.
    let typed = [("name", "second"), (path, &service_account("key-2", "shop"))];
    let page = form.with(&typed).send(&admin, "/profiles/new").await;
    assert!(problem_at(&page, path).contains("share the Google key `key-2`"), "{}", page.text);
    drop(usher.kill().await);
}

#[tokio::test]
async fn of_two_administrators_the_second_is_told_field_by_field_and_loses_nothing() {
    let dialogflow = FakeDialogflow::start();
    let Site { usher, admin } = Site::new(&dialogflow).await;
    assert_eq!(admin.send("/profiles/new", &[("text", &written(&dialogflow, SECRET))]).await.status, 303);
    let at = "/profiles/sales/written/edit";
    let (one, other) = (form_at(&admin, at).await, form_at(&admin, at).await);
    let first = one.with(&[("fallback_message", "From one."), ("handover.queue", "one"), ("language", "de")]);
    assert_eq!(first.send(&admin, at).await.status, 303);
    let second =
        other.with(&[("handover.queue", "other"), ("handover.failures_after", "9"), ("agent_password", SECRET)]);
    let page = second.send(&admin, at).await;
    assert_eq!(page.status, 409);
    let text = plain(&page.text);
    assert!(text.contains("chief has changed this profile meanwhile"), "{text}");
    assert!(text.contains("Fallback message</a>: it was \"Sorry.\" and is \"From one.\" now"), "{text}");
    assert!(text.contains("it was nothing and is \"one\" now; you have typed \"other\", which stays"), "{text}");
    let both = Form::of(&page.text);
    assert_eq!((both.get("fallback_message"), both.get("language")), ("From one.", "de"));
    assert_eq!((both.get("handover.queue"), both.get("handover.failures_after")), ("other", "9"));
    assert_eq!(both.send(&admin, at).await.status, 303, "and is saved as it stands");
    let kept = text_of(&admin, "written").await;
    assert!(
        kept.contains("# mine\n") && kept.contains("queue = \"other\"") && kept.contains("\"From one.\""),
        "{kept}"
    );

    let late = form_at(&admin, at).await.with(&[("language", "fr")]);
    let version = late.get("version").to_owned();
    let gone = admin.send("/profiles/sales/written/remove", &[("version", &version)]).await;
    assert_eq!(gone.to.as_deref(), Some("/profiles"));
    let page = late.send(&admin, at).await;
    assert_eq!(page.status, 409);
    assert!(page.text.contains("has removed this profile meanwhile"), "{}", page.text);
    let anew = Form::of(&page.text);
    assert_eq!(anew.get("language"), "fr");
    assert_eq!(anew.send(&admin, "/profiles/new").await.status, 303, "it becomes a new one");
    let again = anew.send(&admin, "/profiles/new").await;
    assert_eq!(again.status, 409);
    assert!(problem_at(&again, "name").contains("There is a profile of this name already"));
    drop(usher.kill().await);
}

#[tokio::test]
async fn b7_further_engines_are_added_moved_and_removed_without_a_script() {
    let dialogflow = FakeDialogflow::start();
    let Site { usher, admin } = Site::new(&dialogflow).await;
    let endpoint = dialogflow.endpoint();
    let press = async |form: Form, button: &str| {
        let page = form.with(&[("do", button)]).send(&admin, "/profiles/new").await;
        assert_eq!(page.status, 200, "{}", page.text);
        Form::of(&page.text)
    };
    let form = form_at(&admin, "/profiles/new?kind=dialogflow-v2").await.with(COMMON);
    let form = form.with(&[("name", "chained"), ("dialogflow.endpoint", &endpoint), ("dialogflow.project", "p")]);
    let form = press(form, "add:standby").await;
    assert_eq!((form.get("name"), form.get("standby.0.type")), ("chained", "dialogflow-v2"), "what was typed is there");
    let first =
        [("standby.0.name", "a"), ("standby.0.dialogflow.endpoint", &*endpoint), ("standby.0.dialogflow.project", "a")];
    let form = press(form.with(&first), "add:standby").await;
    // Another type has other fields.
    let form = press(form.with(&[("standby.1.name", "b"), ("standby.1.type", "llm")]), "show").await;
    let form = form.with(&[
        ("standby.1.llm.endpoint", "http://127.0.0.1:9/v1"),
        ("standby.1.llm.model", "m"),
        ("standby.1.llm.system_prompt", "Help."),
    ]);
    let form = press(form, "up:standby.1").await;
    assert_eq!((form.get("standby.0.name"), form.get("standby.1.name")), ("b", "a"));
    let form = press(form, "add:canary").await;
    let form = press(form, "add:shadow").await;
    let form = press(form.with(&[("canary.share_percent", "5"), ("shadow.share_percent", "500")]), "add:standby").await;
    let form = press(form, "remove:standby.2").await;
    let page = form.clone().with(&[("do", "save")]).send(&admin, "/profiles/new").await;
    assert_eq!(page.status, 422);
    assert!(problem_at(&page, "shadow.share_percent").contains("cannot be 500"), "{}", page.text);
    let form = press(Form::of(&page.text), "remove:shadow").await;
    let page =
        form.with(&[("do", "save"), ("canary.dialogflow.environment", "next")]).send(&admin, "/profiles/new").await;
    assert_eq!(page.status, 303, "{}", page.text);
    let text = text_of(&admin, "chained").await;
    let order: Vec<_> = ["[[standby]]", "name = \"b\"", "[standby.llm]", "name = \"a\"", "project = \"a\""]
        .iter()
        .map(|it| text.find(it).unwrap_or_else(|| panic!("no {it} in {text}")))
        .collect();
    assert!(order.is_sorted() && text.contains("environment = \"next\"") && !text.contains("shadow"), "{text}");
    let shown = admin.get("/profiles/sales/chained").await.text;
    assert!(shown.contains("canary") && shown.contains(">b<") && shown.contains(">a<"), "{shown}");
    drop(usher.kill().await);
}

#[tokio::test]
async fn a_file_is_shown_and_not_changed_and_the_text_is_a_second_way() {
    let dialogflow = FakeDialogflow::start();
    let Site { usher, admin } = Site::new(&dialogflow).await;
    let page = admin.get("/profiles/sales/support/edit").await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("<fieldset disabled>") && page.text.contains("profiles/support.toml"), "{}", page.text);
    assert!(page.text.contains(&format!("value=\"{}\"", dialogflow.endpoint())), "{}", page.text);
    assert!(!page.text.contains("value=\"secret\""));
    let page = admin.send("/profiles/sales/support/edit", &[("name", "x"), ("seen", "")]).await;
    assert_eq!(page.status, 409);
    assert!(page.text.contains("It is changed there") && page.text.contains("profiles/support.toml"), "{}", page.text);
    let page = admin.send("/profiles/sales/support/remove", &[("version", "1")]).await;
    assert!(page.text.contains("It is changed there"), "{}", page.text);

    // From the form to the text and back: nothing typed is lost, and a secret is sealed on the way.
    let form = form_at(&admin, "/profiles/new?from=sales/support").await;
    assert_eq!((form.get("name"), form.get("agents"), form.get("fallback_message")), ("", "", "Sorry."));
    let form = form.with(&[("name", "copied"), ("agent_password", SECRET), ("do", "text")]);
    let page = form.send(&admin, "/profiles/new").await;
    let text = plain(
        page.text.split("<textarea").nth(1).unwrap().split_once(">\n").unwrap().1.split("</textarea>").next().unwrap(),
    );
    assert!(
        text.contains("name = \"copied\"") && text.contains("sealed") && text.contains("project = \"p\""),
        "{text}"
    );
    let text = format!("# by hand\n{text}\n[handover]\nqueue = \"q\"\n");
    let page = admin.send("/profiles/new", &[("text", &text), ("do", "form")]).await;
    let form = Form::of(&page.text);
    assert_eq!((form.get("name"), form.get("handover.queue")), ("copied", "q"));
    assert_eq!(form.send(&admin, "/profiles/new").await.status, 303);
    assert!(text_of(&admin, "copied").await.starts_with("# by hand\n"));
    let page =
        admin.send("/profiles/new", &[("text", &format!("agent_password = \"{SECRET}\"\n")), ("do", "form")]).await;
    assert!(page.status == 200 && !page.text.contains(SECRET), "{}", page.text);
    drop(usher.kill().await);
}

#[tokio::test]
async fn s7_a_profile_takes_its_document_along_when_it_gets_another_name() {
    let dialogflow = FakeDialogflow::start();
    let Site { usher, admin } = Site::new(&dialogflow).await;
    let text = written(&dialogflow, SECRET).replace("va1", "va2");
    assert_eq!(admin.send("/profiles/new", &[("text", &text)]).await.status, 303);
    let at = "/profiles/sales/written/edit";
    let page = form_at(&admin, at).await.with(&[("name", "renamed")]).send(&admin, at).await;
    assert_eq!((page.status, page.to.as_deref()), (303, Some("/profiles/sales/renamed?done=saved")), "{}", page.text);
    assert!(admin.get("/profiles").await.text.contains("sales/renamed (Web Manager)"));
    assert_eq!(admin.get(at).await.status, 404);
    let page = admin.send("/profiles/new", &[("text", &text.replace("va2", "va3"))]).await;
    assert_eq!(page.status, 303, "the old name is free: {}", page.text);
    let taken = "/profiles/sales/renamed/edit";
    let page = form_at(&admin, taken).await.with(&[("name", "written")]).send(&admin, taken).await;
    assert_eq!(page.status, 422);
    assert!(plain(&page.text).contains("has a profile `written` already"), "{}", page.text);
    drop(usher.kill().await);
}

#[tokio::test]
async fn s11_a_connectors_token_is_made_anew_shown_once_and_told_in_the_audit_log() {
    let dialogflow = FakeDialogflow::start();
    let Site { usher, admin } = Site::new(&dialogflow).await;
    let form = form_at(&admin, "/profiles/new?kind=connector").await.with(COMMON).with(&[("name", "dials")]);
    assert_eq!(form.send(&admin, "/profiles/new").await.status, 303);
    let at = "/profiles/sales/dials";
    assert!(admin.get(at).await.text.contains("no connector can dial in"));
    let token = |page: &Page| {
        let (_, rest) = page.text.split_once("usher-connector-").unwrap_or_else(|| panic!("no token in {}", page.text));
        format!("usher-connector-{}", rest.split('<').next().unwrap())
    };
    let version = async || hidden(&admin.get(at).await.text, "version").unwrap();
    let first = token(&admin.send(&format!("{at}/token"), &[("name", ""), ("version", &version().await)]).await);
    // A page that is loaded once more sends the same form again.
    let seen = version().await;
    let page = admin.send(&format!("{at}/token"), &[("name", ""), ("version", &seen)]).await;
    let reloaded = admin.send(&format!("{at}/token"), &[("name", ""), ("version", &seen)]).await;
    assert!(reloaded.status == 409 && reloaded.text.contains("No new token was made"), "{}", reloaded.text);
    assert!(!reloaded.text.contains("usher-connector-"), "{}", reloaded.text);
    let second = token(&page);
    assert!(first != second && page.text.contains("data-copy="), "{}", page.text);
    let shown = admin.get(at).await.text;
    assert!(shown.contains("good until") && !shown.contains(&second), "{shown}");
    let audit = admin.get("/audit").await.text;
    assert_eq!(audit.matches("title=\"token.reloaded\"").count(), 2, "{audit}");
    assert!(!audit.contains(&second) && audit.contains("sales/dials"));
    assert_eq!(admin.send(&format!("{at}/token"), &[("name", "other")]).await.status, 404);
    assert_eq!(admin.send("/profiles/sales/support/token", &[("name", "")]).await.status, 404, "no connector's");
    let (_directory, log) = usher.kill().await;
    assert!(!log.contains(&second));
}

#[tokio::test]
async fn s9_version_1_says_that_it_is_closed_and_is_copied_to_version_2() {
    let dialogflow = FakeDialogflow::start();
    let Site { usher, admin } = Site::new(&dialogflow).await;
    let form = form_at(&admin, "/profiles/new?kind=dialogflow").await.with(COMMON);
    let own = [
        ("name", "old"),
        ("dialogflow_v1.client_token", SECRET),
        ("dialogflow_v1.deadline_ms", "4000"),
        ("agents", "va1"),
    ];
    assert_eq!(form.with(&own).send(&admin, "/profiles/new").await.status, 303);
    let page = admin.get("/profiles/sales/old/edit").await.text;
    assert!(page.contains("Google has closed this API"), "{page}");
    let (_, way) = page.split_once("href=\"/profiles/new?kind=dialogflow-v2&amp;from=").expect("a way to V2");
    let way = format!("/profiles/new?kind=dialogflow-v2&from={}", way.split('"').next().unwrap());
    let form = form_at(&admin, &way).await;
    assert_eq!((form.get("type"), form.get("dialogflow.deadline_ms")), ("dialogflow-v2", "4000"));
    assert_eq!((form.get("fallback_message"), form.get("agents"), form.get("name")), ("Sorry.", "", ""));
    let page = form.with(&[("name", "new"), ("dialogflow.credential", &service_account("key-9", "shop"))]);
    assert_eq!(page.send(&admin, "/profiles/new").await.status, 303, "the password was copied as it is sealed");
    drop(usher.kill().await);
}
