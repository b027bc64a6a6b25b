//! Business units and routing engines that are kept by the Web Manager of the real binary: in force at once and after a restart.

use tonic::Code;

use super::{editing::Site, *};
use crate::fakes::engine::{FakeEngine, Setup, tcp};

pub(super) const CLINIC: &[(&str, &str)] = &[
    ("name", "clinic"),
    ("zone", "Europe/Vienna"),
    ("country", "at"),
    ("languages", "de, en-GB"),
    ("media_servers", "cms.example.com"),
    (
        "actions",
        "# To people.\r\n[[unit.action]]\r\nname = \"to_ward\"\r\nmedia = \"openmedia\"\r\nkind = \"requeue\"\r\nqueue = \"ward\"\r\n",
    ),
];

fn with<'a>(form: &[(&'a str, &'a str)], field: &str, value: &'a str) -> Vec<(&'a str, &'a str)> {
    form.iter().map(|(name, old)| (*name, if *name == field { value } else { old })).collect()
}

/// The token that a page shows.
pub(super) fn token_in(page: &str) -> String {
    let (_, rest) = page.split_once("usher-engine-").unwrap_or_else(|| panic!("no token in {page}"));
    format!("usher-engine-{}", rest.split('<').next().unwrap())
}

#[tokio::test]
async fn s5_a_unit_is_added_by_form_checked_field_by_field_and_there_after_a_restart() {
    let dialogflow = FakeDialogflow::start();
    let Site { usher, admin } = Site::new(&dialogflow).await;
    let list = admin.get("/units").await.text;
    assert!(list.contains("sales") && list.contains("usher.toml") && !list.contains("/units/sales/edit"), "{list}");

    let wrong = admin.send("/units/new", &with(&with(CLINIC, "zone", "Europe/Wien"), "country", "xx")).await;
    assert_eq!(wrong.status, 422);
    for id in ["f-zone-problem", "f-country-problem"] {
        assert!(wrong.text.contains(&format!("class=\"problem\" id=\"{id}\"")), "{id}: {}", wrong.text);
    }
    assert!(
        wrong.text.contains("unit clinic (Web Manager):") && wrong.text.contains("value=\"de, en-GB\""),
        "{}",
        wrong.text
    );
    let wrong = admin.send("/units/new", &with(CLINIC, "actions", "[server]\nlisten = \"0.0.0.0:1\"")).await;
    assert!(wrong.status == 422 && wrong.text.contains("is one `[[unit]]` alone"), "{}", wrong.text);
    let twice = admin.send("/units/new", &with(CLINIC, "name", "sales")).await;
    assert_eq!(twice.status, 422);
    assert!(
        twice.text.contains("unit sales (Web Manager):2:8") && twice.text.contains("exists already, at"),
        "{}",
        twice.text
    );
    assert!(twice.text.contains("usher.toml:"), "both places: {}", twice.text);

    let added = admin.send("/units/new", CLINIC).await;
    assert_eq!((added.status, added.to.as_deref()), (303, Some("/units?done=added")), "{}", added.text);
    let list = admin.get("/units").await.text;
    for told in ["Europe/Vienna", "AT", "de, en-GB", "cms.example.com", "unit clinic (Web Manager)"] {
        assert!(list.contains(told), "{told}: {list}");
    }
    let again = admin.send("/units/new", CLINIC).await;
    assert_eq!(again.status, 409, "{}", again.text);
    let file = admin.get("/units/sales/edit").await;
    assert!(file.status == 409 && file.text.contains("usher.toml"), "{}", file.text);

    let edit = admin.get("/units/clinic/edit?view=text").await.text;
    assert!(edit.contains("# To people.\n[[unit.action]]\nname = &quot;to_ward&quot;"), "{edit}");
    let version = hidden(&edit, "version").unwrap();
    let mut form = with(CLINIC, "zone", "Europe/Berlin");
    form.push(("version", &version));
    assert_eq!(admin.send("/units/clinic/edit", &form).await.to.as_deref(), Some("/units?done=changed"));
    let late = admin.send("/units/clinic/edit", &form).await;
    assert!(late.status == 409 && late.text.contains("chief has written this meanwhile"), "{}", late.text);

    let audit = admin.get("/audit").await.text;
    assert!(audit.contains("title=\"unit.added\"") && audit.contains("title=\"unit.changed\""), "{audit}");
    // A profile of the unit: it speaks the unit's first language, has its actions, and keeps it from being removed.
    let profile = profile(&dialogflow.endpoint()).replace("\"support\"", "\"ward\"").replace("\"sales\"", "\"clinic\"");
    let page = admin.send("/profiles/new", &[("text", &profile)]).await;
    assert_eq!(page.status, 303, "{}", page.text);
    let shown = admin.get("/profiles/clinic/ward").await.text;
    assert!(shown.contains("to_ward") && shown.contains("unit clinic (Web Manager):5:14"), "{shown}");
    let (directory, _) = usher.kill().await;
    let usher = crate::conversation::binary::Binary::start_in(
        directory,
        CONFIG,
        &self::profile(&dialogflow.endpoint()).replace("va1", "va9"),
    )
    .await;
    let admin = editing::browser_of(&usher).await;
    assert_eq!(admin.sign_in("chief", PASSWORD, "").await.status, 303);
    assert!(admin.get("/units").await.text.contains("Europe/Berlin"));
    let version = hidden(&admin.get("/units/clinic/edit").await.text, "version").unwrap();
    let kept = admin.send("/units/clinic/remove", &[("version", &version)]).await;
    assert!(kept.status == 409 && kept.text.contains("The business unit is in use: ward."), "{}", kept.text);
    let of_profile = hidden(&admin.get("/profiles/clinic/ward/edit").await.text, "version").unwrap();
    admin.send("/profiles/clinic/ward/remove", &[("version", &of_profile)]).await;
    let gone = admin.send("/units/clinic/remove", &[("version", &version)]).await;
    assert_eq!(gone.to.as_deref(), Some("/units?done=removed"), "{}", gone.text);
    assert!(!admin.get("/units").await.text.contains("clinic"));
    drop(usher.kill().await);
}

#[tokio::test]
async fn s5_an_engine_is_let_in_by_page_gets_a_new_token_and_is_cut_when_it_is_removed() {
    let dialogflow = FakeDialogflow::start();
    let Site { usher, admin } = Site::new(&dialogflow).await;
    admin.send("/units/new", CLINIC).await;
    let none = admin.send("/engines/new", &[("id", "east")]).await;
    assert!(none.status == 422 && none.text.contains("list the business units"), "{}", none.text);
    let taken = admin.send("/engines/new", &[("id", "east"), ("unit", "sales")]).await;
    assert!(taken.status == 422 && taken.text.contains("has its engine already: `engine-1`"), "{}", taken.text);
    let made = admin.send("/engines/new", &[("id", "east"), ("unit", "clinic")]).await;
    assert_eq!(made.status, 200, "{}", made.text);
    let token = token_in(&made.text);
    let setup = |token: &str, unit: &str| Setup { lanes: 2, ..Setup::new(tcp(usher.engines), token, "east", unit) };
    let refused = FakeEngine::attach(setup(&token, "nowhere")).await.err().unwrap();
    assert_eq!((refused.code(), refused.message().contains("nowhere is not configured")), (Code::NotFound, true));
    let engine = FakeEngine::attach(setup(&token, "clinic")).await.unwrap();
    let list = admin.get("/engines").await.text;
    assert!(
        list.contains("class=\"good\">attached<") && list.contains("engine-1") && list.contains("not attached"),
        "{list}"
    );

    let version = async || hidden(&admin.get("/engines/east/edit").await.text, "version").unwrap();
    let again = admin.send("/engines/east/token", &[("version", &version().await), ("keep", "yes")]).await;
    let second = token_in(&again.text);
    assert_ne!(token, second);
    let third = FakeEngine::attach(Setup { lane: 1, ..setup(&second, "clinic") }).await.unwrap();
    assert!(engine.is_attached(), "the former token is still good");
    let ended = admin.send("/engines/east/former", &[("version", &version().await)]).await;
    assert_eq!(ended.to.as_deref(), Some("/engines?done=ended"), "{}", ended.text);
    assert_eq!(engine.ended().await.unwrap_err().code(), Code::Unauthenticated);

    let gone = admin.send("/engines/east/remove", &[("version", &version().await)]).await;
    assert_eq!(gone.to.as_deref(), Some("/engines?done=removed"), "{}", gone.text);
    assert_eq!(third.ended().await.unwrap_err().code(), Code::Unauthenticated);
    assert_eq!(admin.get("/engines/engine-1/edit").await.status, 409, "it stands in a file");
    for path in ["/engines", "/audit", "/audit.csv"] {
        let page = admin.get(path).await.text;
        assert!(!page.contains(&token) && !page.contains(&second), "{path}");
    }
    let (_, log) = usher.kill().await;
    assert!(!log.contains(&token) && !log.contains(&second));
}
