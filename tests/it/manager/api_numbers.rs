//! Numbers for programs: the same as the page's.

use serde_json::{Value, json};

use super::{api::Program, numbers::talk, *};

#[tokio::test]
async fn b6_numbers_are_told_as_json_and_as_the_pages_tables() {
    let (house, admin) = House::with_admin().await;
    let viewer = Program::new(&admin, "watch", "viewer").await;
    let empty = viewer.get("/numbers").await.json();
    assert_eq!((&empty["all"]["contacts"]["begun"], empty["points"].as_array().unwrap().len()), (&json!(0), 30));
    assert_eq!((&empty["profiles"], &empty["all"]["time_ms"]["answer"]["p95"]), (&json!([]), &Value::Null));
    talk(&house, &admin).await;

    let told = viewer.get("/numbers?unit=sales&profile=support&days=7").await.json();
    let all = &told["all"];
    let contacts =
        json!({ "begun": 2, "ended": 2, "ended_by": { "customer": 1, "handed_over": 1 }, "contained": 1, "warned": 0 });
    assert_eq!(all["contacts"], contacts, "{told}");
    assert_eq!(all["handovers"]["offered_for"], json!({ "operator": 1 }));
    assert_eq!((&all["handovers"]["offered"], &all["handovers"]["taken"]), (&json!(1), &json!(1)));
    assert_eq!(all["questions"], json!({ "messages": 4, "asked": 4, "not_understood": 3 }));
    assert_eq!((&all["engines"]["calls"], &all["time_ms"]["answer"]["cases"]), (&json!(4), &json!(4)));
    assert_eq!((&told["days_per_point"], told["points"].as_array().unwrap().len()), (&json!(1), 7));
    assert_eq!((&told["points"][6]["from"], &told["points"][6]["contacts"]), (&told["to"], &all["contacts"]));
    assert_eq!(told["before"]["contacts"]["begun"], 0);
    let (profile, engine) = (&told["profiles"][0], &told["engines"][0]);
    assert_eq!((&profile["unit"], &profile["profile"]), (&json!("sales"), &json!("support")));
    assert_eq!(profile["questions"], all["questions"]);
    assert_eq!(
        (&engine["engine"], &engine["calls"], &engine["not_understood"]),
        (&json!("primary"), &json!(4), &json!(3))
    );
    assert_eq!(viewer.get("/numbers?unit=care").await.json()["all"]["contacts"]["begun"], 0, "each unit for itself");
    assert_eq!(viewer.get("/numbers?from=2020-01-01&to=2020-01-31").await.json()["days_per_point"], 1);
    assert_eq!(viewer.get("/numbers?days=400").await.json()["days_per_point"], 28);

    for table in [
        "contacts",
        "containment",
        "handovers",
        "understanding",
        "failures",
        "timeouts",
        "answers",
        "quota",
        "actions",
        "reasons",
        "stages",
        "engines",
        "profiles",
    ] {
        let file = viewer.get(&format!("/numbers.csv?table={table}")).await;
        assert_eq!((file.status, file.headers["content-type"].to_str().unwrap()), (200, "text/csv; charset=utf-8"));
        assert_eq!(file.text, admin.get(&format!("/numbers.csv?table={table}")).await.text, "{table}");
    }
    viewer.get("/numbers.csv?table=none").await.problem(400, "malformed");
    viewer.get("/numbers.csv").await.problem(400, "malformed");
    for path in ["/numbers?", "/numbers.csv?table=stages&", "/numbers/questions?unit=sales&profile=support&"] {
        for (query, field, text) in [
            ("from=2024-10-05&to=2024-10-04", "from", "the last day comes before the first"),
            ("from=2020-01-01&to=2024-10-04", "from", "a span has 400 days at most"),
            ("from=2024-10-05&days=7", "days", "one of them"),
        ] {
            let told = viewer.get(&format!("{path}{query}")).await.problem(422, "invalid");
            let finding = &told["findings"][0];
            assert!(finding["field"] == field && finding["message"].as_str().unwrap().contains(text), "{told}");
        }
        viewer.get(&format!("{path}from=4.10.2024")).await.problem(400, "malformed");
        viewer.get(&format!("{path}days=401")).await.problem(400, "malformed");
        viewer.get(&format!("{path}span=7")).await.problem(400, "malformed");
    }
    house.close().await;
}

#[tokio::test]
async fn b6_a_filter_that_names_nothing_is_no_answer_of_zeros() {
    let (house, admin) = House::with_admin().await;
    let viewer = Program::new(&admin, "watch", "viewer").await;
    for path in ["/numbers?", "/numbers.csv?table=stages&", "/contacts?", "/agents?"] {
        for (query, field) in
            [("unit=NOPE", "unit"), ("profile=nope", "profile"), ("unit=care&profile=support", "profile")]
        {
            let told = viewer.get(&format!("{path}{query}")).await.problem(422, "invalid");
            assert_eq!(told["findings"][0]["field"], field, "{path}{query}: {told}");
        }
        assert_eq!(viewer.get(&format!("{path}unit=sales&profile=support")).await.status, 200, "{path}");
    }
    let told = viewer.get("/numbers/questions?unit=sales&profile=nope").await.problem(422, "invalid");
    assert_eq!(told["findings"][0]["field"], "profile", "{told}");
    for after in ["zzz", "a/b/c", "sales/c%20", "/c", "sales/"] {
        let told = viewer.get(&format!("/contacts?after={after}")).await.problem(422, "invalid");
        assert_eq!(told["findings"][0]["field"], "after", "{told}");
    }
    assert_eq!(viewer.get("/contacts?after=sales/c-1").await.status, 200);
    house.close().await;
}

#[tokio::test]
async fn b6_what_was_removed_still_has_its_numbers() {
    let (house, admin) = House::with_admin().await;
    talk(&house, &admin).await;
    let House { usher, office, dialogflow, .. } = house;
    office.close().await;
    let other = profile(&dialogflow.endpoint()).replace("\"support\"", "\"other\"");
    let usher = Usher::start_in(usher.drain().await, CONFIG, &other).await;
    let (office, address) = usher.open_office().await;
    let house = House { usher, office, address, dialogflow };
    let admin = house.browser();
    assert_eq!(admin.sign_in("chief", PASSWORD, "").await.status, 303);
    let viewer = Program::new(&admin, "watch", "viewer").await;
    viewer.get("/profiles/sales/support").await.problem(404, "not-found");
    assert_eq!(viewer.get("/numbers?unit=sales&profile=support").await.json()["all"]["contacts"]["begun"], 2);
    assert_eq!(viewer.get("/agents?profile=support").await.status, 200);
    house.close().await;
}

#[tokio::test]
async fn b10_questions_not_understood_are_counted_and_go_with_their_contacts_keys() {
    let (house, admin) = House::with_admin().await;
    let program = Program::new(&admin, "ci", "administrator").await;
    let viewer = Program::new(&admin, "watch", "viewer").await;
    talk(&house, &admin).await;
    let path = "/numbers/questions?unit=sales&profile=support";
    let told = viewer.get(path).await;
    let found = told.json();
    let question = &found["questions"][0];
    assert_eq!((&question["times"], &question["contact"]), (&json!(2), &json!("c-1")), "{found}");
    assert_eq!(question["text"].as_str().unwrap().trim(), "NONSENSE!");
    assert_eq!((&found["looked_up"], &found["hidden"], &found["is_cut"]), (&json!(3), &json!(1), &json!(false)));
    assert!(!told.text.contains("1234"), "what is sensitive is not told");
    let before = viewer.get(&format!("{path}&from=2020-01-01&to=2020-01-31")).await.json();
    assert_eq!((&before["questions"], &before["to"]), (&json!([]), &json!("2020-01-31")));
    viewer.get("/numbers/questions?unit=sales").await.problem(400, "malformed");
    viewer.get("/numbers/questions?unit=sales&profile=%09").await.problem(422, "invalid");

    assert_eq!(program.ask("POST", "/contacts/sales/c-1/erase", &[], "").await.status, 204);
    let after = viewer.get(path).await.json();
    assert_eq!((&after["questions"], &after["hidden"]), (&json!([]), &json!(3)), "{after}");
    house.close().await;
}
