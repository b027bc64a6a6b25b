//! A business unit's actions for programs, as those of a profile in `api_profiles`.

use serde_json::{Value, json};

use super::{
    api::{Answer, Program},
    api_estate::{JSON, NEW, clinic, fields, make, remove},
    editing::Site,
    *,
};

#[tokio::test]
async fn s17_to_s23_a_business_units_actions_are_built_changed_and_removed() {
    let dialogflow = FakeDialogflow::start();
    let Site { usher, admin } = Site::new(&dialogflow).await;
    let (program, viewer) =
        (Program::new(&admin, "ci", "administrator").await, Program::new(&admin, "watch", "viewer").await);
    let path = "/units/clinic/actions";
    viewer.get(path).await.problem(404, "not-found");
    assert_eq!(make(&program, "/units/clinic", &clinic()).await.status, 201);
    let own = profile(&dialogflow.endpoint()).replace("\"support\"", "\"ward\"").replace("\"sales\"", "\"clinic\"")
        + "[[action]]\nname = \"to_ward\"\nmedia = \"openmedia\"\nkind = \"requeue\"\nqueue = \"night\"\n";
    let toml = [("content-type", "application/toml"), NEW];
    assert_eq!(program.ask("PUT", "/profiles/clinic/ward/source", &toml, &own).await.status, 201);
    let list = viewer.get(path).await.json();
    let first = &list["actions"][0];
    assert_eq!(
        (&first["does"], &first["overridden_by"]),
        (&json!({ "kind": "requeue", "queue": "ward" }), &json!(["ward"]))
    );
    assert_eq!((&first["is_own"], &first["is_overridden"]), (&json!(true), &json!(false)));
    assert!(first["written_in"].as_str().unwrap().starts_with("unit clinic (Web Manager):"), "{list}");
    assert_eq!(list["etag"], program.get("/units/clinic").await.etag());

    let post = async |path: &str, etag: &str, body: &Value| -> Answer {
        program.ask("POST", path, &[JSON, ("if-match", etag)], &body.to_string()).await
    };
    let does = json!({ "kind": "push_url", "url": "https://a.example/s" });
    let mut page = json!({ "name": "page", "media": ["webinteraction"], "does": does });
    page["description"] = json!("Where it is.");
    let told = post(path, "\"9\"", &page).await.problem(412, "outdated");
    assert_eq!(told["current"]["value"]["unit"], "clinic", "{told}");
    program.ask("POST", path, &[JSON], &page.to_string()).await.problem(428, "condition-missing");
    let made = post(path, list["etag"].as_str().unwrap(), &page).await;
    let at = "/units/clinic/actions/webinteraction/page";
    assert_eq!((made.status, made.header("location")), (201, format!("/api/v1{at}").as_str()), "{made:?}");
    let shown = program.get(at).await;
    assert_eq!((shown.etag(), shown.json()), (made.etag(), page.clone()));
    for answer in [viewer.get(at).await, viewer.put(at, "*", &page).await, remove(&viewer, at, "*").await] {
        answer.problem(403, "forbidden");
    }

    page["name"] = json!("where");
    let changed = program.put(at, shown.etag(), &page).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    program.get(at).await.problem(404, "not-found");
    let at = "/units/clinic/actions/webinteraction/where";
    let late = program.put(at, shown.etag(), &page).await;
    let told = late.problem(412, "outdated");
    assert_eq!((late.etag(), &told["current"]["value"]["name"]), (changed.etag(), &json!("where")));
    assert!(told["detail"].as_str().unwrap().contains("this business unit"), "{told}");
    remove(&program, at, shown.etag()).await.problem(412, "outdated");
    let gone = remove(&program, at, changed.etag()).await;
    assert_eq!((gone.status, gone.etag()), (204, program.get("/units/clinic").await.etag()));
    assert_eq!(program.get("/units/clinic").await.json()["actions"], clinic()["actions"], "comments stay");

    let log = program.get("/audit.csv").await.text;
    assert_eq!(log.matches("\"token:ci\",\"unit.changed\",\"clinic\"").count(), 3, "{log}");
    drop(usher.kill().await);
}

#[tokio::test]
async fn s18_the_actions_of_a_unit_that_a_file_has_written_are_shown_and_changed_there() {
    let dialogflow = FakeDialogflow::start();
    let Site { usher, admin } = Site::new(&dialogflow).await;
    let (program, viewer) =
        (Program::new(&admin, "ci", "administrator").await, Program::new(&admin, "watch", "viewer").await);
    let page = json!({ "name": "x", "media": ["openmedia"], "does": { "kind": "requeue", "queue": "ward" } });
    let of_file = viewer.get("/units/sales/actions").await.json();
    assert_eq!(of_file, json!({ "actions": [], "etag": null }));
    let at = "/units/sales/actions/openmedia/x";
    for answer in [
        program.ask("POST", "/units/sales/actions", &[JSON, ("if-match", "*")], &page.to_string()).await,
        program.get(at).await,
        program.put(at, "*", &page).await,
        remove(&program, at, "*").await,
    ] {
        let told = answer.problem(409, "conflict");
        assert!(told["detail"].as_str().unwrap().contains("usher.toml"), "{told}");
    }
    drop(usher.kill().await);
}

#[tokio::test]
async fn s17_to_s23_what_is_wrong_with_a_business_units_action_is_told_at_its_field() {
    let dialogflow = FakeDialogflow::start();
    let Site { usher, admin } = Site::new(&dialogflow).await;
    let program = Program::new(&admin, "ci", "administrator").await;
    assert_eq!(make(&program, "/units/clinic", &clinic()).await.status, 201);
    let action = |name: &str, media: &[&str], does: Value| json!({ "name": name, "media": media, "does": does });
    let requeue = json!({ "kind": "requeue", "queue": "ward" });
    for (body, field) in [
        (action("", &["openmedia"], requeue.clone()), "name"),
        (action("to_ward", &["openmedia"], requeue.clone()), "name"),
        (action("x", &["speech"], requeue.clone()), "media"),
        (action("x", &["openmedia"], json!({ "kind": "requeue", "queue": "" })), "does.queue"),
        (action("x", &["webinteraction"], json!({ "kind": "push_url", "url": "nowhere" })), "does.url"),
        (action("x", &["openmedia"], json!({ "kind": "none" })), "does.kind"),
    ] {
        let problem = program
            .ask("POST", "/units/clinic/actions", &[JSON, ("if-match", "*")], &body.to_string())
            .await
            .problem(422, "invalid");
        assert_eq!(fields(&problem), [field], "{problem}");
    }
    assert_eq!(program.get("/units/clinic").await.json()["actions"], clinic()["actions"], "nothing was changed");
    drop(usher.kill().await);
}
