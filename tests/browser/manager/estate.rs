//! Business units, engines and the whole configuration, on the real binary: what is changed there takes effect.

use std::{fs, process::Command};

use fantoccini::Locator;

use super::{
    binary::{Gateway, usher},
    fill,
};
use crate::{driver::browse, fakes::dialogflow::FakeDialogflow, harness::profile};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s5_a_unit_and_its_engine_are_added_exported_and_imported_with_a_difference() {
    let dialogflow = FakeDialogflow::start();
    let gateway = Gateway::start(&[("support", &profile(&dialogflow.endpoint()))]);
    browse(async move |browser| {
        gateway.begin(&browser).await;
        browser.open(&gateway.page("/units/new")).await;
        fill(&browser, &[("name", "clinic"), ("languages", "de, en")]).await;
        browser.arrives("document.querySelector('.done') && document.body.innerText.includes('clinic')").await;

        browser.open(&gateway.page("/engines/new")).await;
        browser.run("document.querySelector('[name=unit][value=clinic]').click()").await;
        fill(&browser, &[("id", "east")]).await;
        browser.arrives("document.querySelector('.link')?.innerText.startsWith('usher-engine-')").await;

        // What the page exports, changed on the way, is what the page imports.
        browser.open(&gateway.page("/configuration")).await;
        let kind = browser
            .run(
                "const form = document.querySelector('form[action=\"/configuration/export\"]');
                 const answer = await fetch(form.action, { method: 'POST', body: new URLSearchParams(new FormData(form)) });
                 return answer.headers.get('content-type');",
            )
            .await;
        assert_eq!(kind, "application/zip");
        let exported = Command::new(usher())
            .args(["config", "export", "out"])
            .current_dir(gateway.directory.path())
            .env_clear()
            .output()
            .unwrap();
        assert!(exported.status.success(), "{}", String::from_utf8_lossy(&exported.stderr));
        let file = gateway.directory.path().join("out/usher.toml");
        let text = fs::read_to_string(&file).unwrap().replace("languages = [\"de\", \"en\"]", "languages = [\"en\"]");
        fs::write(&file, text).unwrap();
        let input = browser.client.find(Locator::Css("[type=file]")).await.unwrap();
        input.send_keys(file.to_str().unwrap()).await.unwrap();
        browser.run("document.querySelector('form[enctype] button').click()").await;
        browser.arrives("document.querySelector('.difference ins')?.innerText.includes('languages')").await;
        browser.run("document.querySelector('form[action=\"/configuration/apply\"] button').click()").await;
        browser.arrives("document.querySelector('.done')?.innerText.includes('imported')").await;
        browser.open(&gateway.page("/units")).await;
        browser.until("!document.body.innerText.includes('de, en') && document.body.innerText.includes('clinic')").await;
        assert_eq!(browser.complaints().await, Vec::<String>::new());
    })
    .await;
}
