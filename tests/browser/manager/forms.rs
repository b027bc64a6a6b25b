//! An administrator's form of a profile: every type is added, a wrong file is told of, two collide, and a sign-in ends meanwhile.

use fantoccini::key::Key;
use secrecy::ExposeSecret as _;

use super::{PASSWORD, binary::Gateway, fill};
use crate::{
    driver::{Browser, browse},
    fakes::token_server,
};

/// Types into fields, whatever is in them, and presses a button.
async fn type_in(browser: &Browser, fields: &[(&str, &str)], button: &str) {
    for (name, text) in fields {
        browser
            .run(&format!("const it = document.querySelector(\"[name='{name}']\"); it.value = ''; it.focus()"))
            .await;
        browser.keys(text).await;
    }
    browser.run(&format!("document.querySelector(\"button[value='{button}']\").focus()")).await;
    browser.press(Key::Enter).await;
}

/// As the dialog of the system would.
async fn choose_file(browser: &Browser, content: &str) {
    browser.until("document.querySelector('input[type=file]')").await;
    let content = serde_json::to_string(content).unwrap();
    browser
        .run(&format!(
            "const chosen = new DataTransfer();
             chosen.items.add(new File([{content}], 'key.json', {{ type: 'application/json' }}));
             const input = document.querySelector('input[type=file]');
             input.files = chosen.files;
             input.dispatchEvent(new Event('change'));"
        ))
        .await;
}

const KEY: &str = "tulip-gravel-9311-tulip-gravel-9311-tulip";
const COMMON: [(&str, &str); 2] = [("agent_password", "tulip"), ("fallback_message", "Sorry.")];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s8_an_administrator_adds_a_profile_of_every_type_by_its_form() {
    let served = Gateway::start(&[]);
    let key = token_server::credential("https://oauth2.googleapis.com/token").expose_secret().to_owned();
    browse(async move |browser| {
        served.begin(&browser).await;
        let types: [(&str, &[(&str, &str)]); 7] = [
            ("dialogflow-v2", &[("dialogflow.region", "europe-west1")]),
            ("dialogflow-cx", &[("cx.endpoint", "http://127.0.0.1:9"), ("cx.project", "p"), ("cx.agent", "a")]),
            ("dialogflow", &[("dialogflow_v1.client_token", "t"), ("dialogflow_v1.url", "http://127.0.0.1:9")]),
            ("connector", &[("connector.credits", "7")]),
            ("webhook", &[("webhook.url", "http://127.0.0.1:9/hook"), ("webhook.signing_key", KEY)]),
            ("llm", &[("llm.endpoint", "http://127.0.0.1:9/v1"), ("llm.model", "m"), ("llm.system_prompt", "Help.")]),
            (
                "lex",
                &[
                    ("lex.region", "eu-central-1"),
                    ("lex.bot_id", "ABCDEFGHIJ"),
                    ("lex.bot_alias_id", "TSTALIASID"),
                    ("lex.access_key_id", "AKIAIOSFODNN7EXAMPLE"),
                    ("lex.secret_access_key", "s"),
                ],
            ),
        ];
        for (kind, own) in types {
            browser.open(&served.page("/profiles/new")).await;
            browser.run(&format!("document.querySelector(\"a[href$='?kind={kind}']\").click()")).await;
            browser.arrives("document.querySelector('form.profile')").await;
            browser.run("document.querySelector('[name=unit]').value = 'sales'").await;
            let fields = [&[("name", kind)], &COMMON[..], own].concat();
            if kind == "dialogflow-v2" {
                choose_file(&browser, "{\"type\": \"authorized_user\"}").await;
                browser.until("document.querySelector('textarea[data-file]').value").await;
                type_in(&browser, &fields, "save").await;
                browser.arrives("document.querySelector('.problems') === document.activeElement").await;
                browser
                    .until(
                        "document.getElementById('f-dialogflow.credential-problem').innerText.includes('a person')
                         && document.querySelector('[name=\"dialogflow.region\"]').value === 'europe-west1'
                         && !document.documentElement.innerHTML.includes('authorized_user')",
                    )
                    .await;
                choose_file(&browser, &key).await;
                browser.until("document.querySelector('textarea[data-file]').value").await;
                type_in(&browser, &[], "save").await;
            } else {
                type_in(&browser, &fields, "save").await;
            }
            browser.arrives(&format!("document.querySelector('h1').innerText === 'Profile {kind}'")).await;
        }
        // The wrong file was refused, as it was to be.
        let told = browser.complaints().await.into_iter().filter(|it| !it.contains("status of 422"));
        assert_eq!(told.collect::<Vec<_>>(), Vec::<String>::new());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_administrators_collide_and_a_sign_in_ends_in_the_middle_of_a_form() {
    let served = Gateway::start(&[]);
    browse(async move |browser| {
        served.begin(&browser).await;
        browser.open(&served.page("/profiles/new?kind=connector")).await;
        browser.run("document.querySelector('[name=unit]').value = 'sales'").await;
        type_in(&browser, &[&[("name", "dials")], &COMMON[..]].concat(), "save").await;
        browser.arrives("document.querySelector('h1').innerText === 'Profile dials'").await;
        // Somebody else saves the same form first.
        browser.open(&served.page("/profiles/sales/dials/edit")).await;
        browser
            .run(
                "const first = new FormData(document.querySelector('form.profile'));
                 first.set('handover.queue', 'one');
                 first.set('fallback_message', 'From one.');
                 await fetch(location.href, { method: 'POST', body: new URLSearchParams(first), redirect: 'manual' });",
            )
            .await;
        type_in(&browser, &[("handover.queue", "other"), ("language", "de")], "save").await;
        browser.arrives("document.querySelector('.problems')?.innerText.includes('chief has changed this profile')").await;
        browser
            .until(
                "document.querySelector('[name=\"handover.queue\"]').value === 'other'
                 && document.querySelector('[name=fallback_message]').value === 'From one.'
                 && document.querySelector('[name=language]').value === 'de'
                 && document.querySelector('.problems').innerText.includes('you have typed \"other\", which stays')",
            )
            .await;
        // And while that is looked at, the sign-in ends.
        browser
            .run(
                "const csrf = document.querySelector('.who [name=csrf]').value;
                 await fetch('/sign-out', { method: 'POST', body: new URLSearchParams({ csrf }), redirect: 'manual' });",
            )
            .await;
        type_in(&browser, &[("handover.failures_after", "7")], "save").await;
        browser.arrives("document.body.innerText.includes('what you have typed is still there')").await;
        fill(&browser, &[("name", "chief"), ("password", PASSWORD)]).await;
        browser.until("document.activeElement.innerText === 'Continue'").await;
        browser.press(Key::Enter).await;
        browser.arrives("document.querySelector('h1').innerText === 'Profile dials'").await;
        let said = browser.run("return document.querySelector('.settings').innerText").await;
        let said = said.as_str().unwrap();
        for value in ["\"other\"", "\"From one.\"", "\"de\"", "7"] {
            assert!(said.contains(value), "{value} is lost: {said}");
        }
    })
    .await;
}
