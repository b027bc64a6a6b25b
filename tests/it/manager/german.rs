//! What the rooms below the pages say, on a German page: alerts, refusals, findings. The API and the log stay English.

use tonic::Code;
use usher::wire::engine::log_on_refused::Reason;

use super::{editing::Site, *};
use crate::{
    fakes::{dialogflow::Reaction, engine::FakeEngine},
    offline,
};

/// An administrator whose pages are German.
async fn german(house: &House) -> Browser {
    let admin = house.first().await;
    assert_eq!(admin.send("/account/language", &[("language", "de")]).await.status, 303);
    admin
}

#[tokio::test]
async fn s16_a_german_page_says_in_german_what_is_to_be_mended_and_how_and_the_api_in_english() {
    let house = House::new().await;
    let admin = german(&house).await;
    let mut setup = house.usher.setup();
    setup.refuses.insert("va1".to_owned(), Reason::NoLicence);
    let _engine = FakeEngine::attach(setup).await.unwrap();
    watching::until(admin.open("/agents/events").await, "wurde abgewiesen").await;
    admin.send("/profiles/sales/support/pause", &[]).await;
    let page = admin.get("/alerts").await.text;
    for text in [
        "Benutzer va1</a> · sales</h2>",
        "Benutzer va1 kann sich nicht anmelden: Keine Lizenz ist frei",
        "Lizenzen im Contact Center hinzufügen oder weniger virtuelle Agenten zuweisen",
        "Profil support</a> · sales</h2>",
        "Profil support wurde von chief pausiert: Neue Kontakte werden abgelehnt",
        "das Profil im Web Manager wieder aufnehmen",
    ] {
        assert!(page.contains(text), "no {text} in {page}");
    }
    let told = api::Program::new(&admin, "ci", "viewer").await.get("/alerts").await.text;
    for text in ["user va1 cannot log on: no licence is free", "add licences in the contact centre, or assign fewer"] {
        assert!(told.contains(text), "no {text} in {told}");
    }
    house.close().await;
}

#[tokio::test]
async fn b13_a_german_timeline_says_in_german_what_is_to_be_done_and_programs_read_it_in_english() {
    let house = House::new().await;
    let admin = german(&house).await;
    house.dialogflow.next(Reaction::Status(Code::PermissionDenied));
    let engine = FakeEngine::attach(house.usher.setup()).await.unwrap();
    engine.open("c-1", "va1").await;
    engine.say("c-1", "hello").await;
    assert_eq!(engine.next_say("c-1").await, ["Sorry."]);
    engine.settled().await;
    let page = admin.get("/contacts/sales/c-1").await.text;
    assert!(page.contains("Profil support: "), "{page}");
    assert!(!page.contains("profile support: "), "{page}");
    let told = api::Program::new(&admin, "ci", "viewer").await.get("/contacts/sales/c-1/timeline").await.json();
    let steps = told["records"].as_array().unwrap().iter().flat_map(|it| it["steps"].as_array().unwrap());
    let failed = steps.into_iter().find(|it| it["step"] == "ask_failed").unwrap();
    let advice = failed["advice"].as_str().unwrap_or_else(|| panic!("{failed}"));
    assert!(advice.starts_with("profile support: ") && failed["text"].as_str().unwrap().ends_with(advice), "{failed}");
    house.close().await;
}

/// What is said at a field.
fn problem_at<'a>(page: &'a str, path: &str) -> &'a str {
    let (_, told) = page.split_once(&format!("id=\"f-{path}-problem\">")).unwrap_or_else(|| panic!("{path}: {page}"));
    told.split('<').next().unwrap()
}

#[tokio::test]
async fn s12_a_german_form_says_in_german_what_is_wrong_beside_the_field_and_above_it() {
    let dialogflow = FakeDialogflow::start();
    let Site { usher, admin } = Site::new(&dialogflow).await;
    assert_eq!(admin.send("/account/language", &[("language", "de")]).await.status, 303);
    let form = [
        ("type", "dialogflow-v2"),
        ("name", "neu"),
        ("unit", "sales"),
        ("agent_password", "tulip-gravel-9311"),
        ("fallback_message", "Leider nicht."),
        ("language", "no language"),
        ("handover.failures_after", "2000"),
        ("dialogflow.region", "nowhere"),
    ];
    let page = admin.send("/profiles/new", &form).await;
    assert_eq!(page.status, 422, "{}", page.text);
    let above = page.text.split("class=\"profile\"").next().unwrap();
    for (path, text, help) in [
        ("language", "`language` kann nicht `no language` sein", "ein Kürzel nach BCP 47 schreiben"),
        (
            "handover.failures_after",
            "`handover.failures_after` kann nicht 2000 sein",
            "nötig ist eine ganze Zahl von 0 bis",
        ),
        (
            "dialogflow.region",
            "`dialogflow.region` ist `nowhere`, wo Dialogflow keine uns bekannte Region hat",
            "bekannt sind",
        ),
        ("dialogflow.credential", "`dialogflow.credential` fehlt", ""),
    ] {
        let told = problem_at(&page.text, path);
        assert!(told.contains(text) && told.contains(help), "{path}: {told}");
        assert!(above.contains(text) && above.contains(help), "no {text} in {above}");
    }
    assert!(!page.text.contains("cannot be") && !page.text.contains("did you mean"), "{}", page.text);

    let text = admin.send("/profiles/new", &[("text", "name = \"neu\"\nunti = 1\n")]).await.text;
    assert!(text.contains("unbekannter Schlüssel `unti`") && text.contains("gemeint `unit`?"), "{text}");
    let program = api::Program::new(&admin, "ci", "administrator").await;
    let headers = [("content-type", "application/toml"), ("if-none-match", "*")];
    let refused = program.ask("PUT", "/profiles/sales/neu/source", &headers, "name = \"neu\"\nunti = 1\n").await;
    assert!(
        refused.text.contains("unknown key `unti`") && refused.text.contains("did you mean `unit`?"),
        "{refused:?}"
    );
    drop(usher.kill().await);
}

#[tokio::test]
async fn b3_lint_is_german_on_a_german_page() {
    let server = offline::serve(offline::agent()).await;
    let text = profile(&format!("http://{}", server.address())) + "[events]\nhuman_returned = \"NOBODY\"\n";
    let usher = Usher::start(CONFIG, &text).await;
    let (office, address) = usher.open_office().await;
    let house = House { usher, office, address, dialogflow: FakeDialogflow::start() };
    let admin = german(&house).await;
    let before = admin.get("/lint").await.text;
    assert!(before.contains("`agent_password` steht offen in der Datei"), "{before}");
    let page = admin.send("/lint/look", &[("unit", "sales"), ("profile", "support")]).await;
    assert!(page.text.contains("Routing-Engine des Geschäftsbereichs hat ihr Verzeichnis genannt"), "{}", page.text);
    assert!(page.text.contains("Kein Intent hört auf das Ereignis"), "{}", page.text);
    assert!(!page.text.contains("no intent listens"), "{}", page.text);
    house.close().await;
}

#[tokio::test]
async fn s1_a_refusal_names_roles_in_german() {
    let house = House::new().await;
    let admin = house.first().await;
    let viewer = house.user(&admin, "victor", "viewer").await;
    assert_eq!(viewer.send("/account/language", &[("language", "de")]).await.status, 303);
    let page = viewer.send("/profiles/sales/support/pause", &[]).await;
    assert_eq!(page.status, 403);
    assert!(page.text.contains("Dafür braucht es die Rolle Operator; Ihre ist Betrachter."), "{}", page.text);
    let page = admin.send("/configuration/import", &[("text", "PK is no zip")]).await.text;
    assert!(page.contains("this zip cannot be read"), "{page}");
    admin.send("/account/language", &[("language", "de")]).await;
    let page = admin.send("/configuration/import", &[("text", "PK is no zip")]).await.text;
    assert!(page.contains("dieses Zip ist nicht lesbar"), "{page}");
    house.close().await;
}
