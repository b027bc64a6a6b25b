//! Virtual agents are assigned, actions built, and a profile paused, in the browser, on the real binary with a contact centre.

use usher::wire::engine::{MediaType, SignOn, SpeechTarget, User};

use super::{
    binary::{Gateway, send},
    complains_of_refusals_alone, fill,
};
use crate::{
    axe,
    driver::{Browser, browse},
    fakes::{
        dialogflow::FakeDialogflow,
        engine::{FakeEngine, Setup},
    },
    harness::profile,
};

/// With a profile `support` of a file, whose virtual agent is `va9`, and one of the Web Manager's.
async fn begin(browser: &Browser, dialogflow: &FakeDialogflow) -> Gateway {
    let own = profile(&dialogflow.endpoint());
    let gateway = Gateway::start(&[("support", &own.replace("va1", "va9"))]);
    gateway.begin(browser).await;
    let written = own.replace("\"support\"", "\"written\"") + "[handover]\nqueue = \"desk\"\n";
    send(browser, "/profiles/new", &[("text", &written)]).await.unwrap();
    gateway
}

fn centre(gateway: &Gateway) -> Setup {
    staffed(gateway.centre())
}

fn staffed(setup: Setup) -> Setup {
    let mut setup = setup.user("va1").user("va2").user("va9");
    setup = setup.queue("desk", MediaType::OpenMedia).queue("web", MediaType::WebInteraction);
    setup.directory.speech_targets.push(SpeechTarget { id: "4711".to_owned(), name: "Hotline".to_owned() });
    let windows =
        User { id: "windows".to_owned(), agent_rights: true, sign_on: SignOn::Windows.into(), ..User::default() };
    setup.directory.users.push(windows);
    setup
}

async fn click(browser: &Browser, selector: &str) {
    browser.run(&format!("document.querySelector({selector:?}).click()")).await;
}

/// Names, and what is typed there.
type Fields<'a> = &'a [(&'a str, &'a str)];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s16_an_administrator_assigns_agents_and_is_told_of_a_conflict() {
    let dialogflow = FakeDialogflow::start();
    browse(async move |browser| {
        let gateway = begin(&browser, &dialogflow).await;
        let engine = FakeEngine::attach(centre(&gateway)).await.unwrap();
        engine.logged_on("va1").await;
        browser.open(&gateway.page("/profiles/sales/written/agents")).await;
        browser.until("document.body.innerText.includes('Serves profile support already')").await;
        browser.until("document.body.innerText.includes('Signs on by Windows')").await;
        assert_eq!(browser.run("return document.querySelectorAll('[value=va9], [value=windows]').length").await, 0);
        for (theme, width) in [("light", 1280), ("dark", 1280), ("light", 360)] {
            browser.emulate(theme, width, 800).await;
            axe::assert_no_violation(&browser, &format!("agents in {theme} at {width}")).await;
            let overflow = browser.run("return document.documentElement.scrollWidth - innerWidth").await;
            assert!(overflow.as_i64() <= Some(0), "at {width} it is {overflow} too wide");
        }
        browser.emulate("light", 1280, 800).await;
        // Somebody gives the user to the other profile while the page is open: as if chosen in time.
        browser.run("const box = document.querySelector('[value=va2]'); box.value = 'va9'; box.checked = true").await;
        click(&browser, "button[value=assign]").await;
        browser.arrives("document.querySelector('.problems') === document.activeElement").await;
        browser.until("document.querySelector('.problems').innerText.includes('va9: Serves profile support')").await;
        click(&browser, "section[aria-labelledby=h-available] a[data-tick]").await;
        browser.until("document.querySelector('[value=va2]').checked").await;
        click(&browser, "button[value=assign]").await;
        browser.arrives("document.querySelector('section[aria-labelledby=h-assigned] [value=va2]')").await;
        engine.logged_on("va2").await;
        browser.until("document.querySelector('[data-part=va2]').innerText === 'is logged on'").await;
        complains_of_refusals_alone(&browser).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s19_to_s23_an_administrator_builds_each_kind_of_action_by_keyboard() {
    let dialogflow = FakeDialogflow::start();
    browse(async move |browser| {
        let gateway = begin(&browser, &dialogflow).await;
        let engine = FakeEngine::attach(centre(&gateway)).await.unwrap();
        engine.logged_on("va1").await;
        let at = "/profiles/sales/written/actions";
        let kinds: [(&str, Fields<'_>, &str); 5] = [
            ("requeue", &[], "hands over to queue desk"),
            ("speech_requeue", &[], "hands over to target 4711"),
            ("callback", &[("phone_parameter", "phone"), ("time_parameter", "when")], "phone from phone, time from when"),
            ("external", &[("uri_parameter", "uri")], "that uri names"),
            ("push_url", &[("url_parameter", "url")], "the page that url names"),
        ];
        for (kind, own, told) in kinds {
            browser.open(&gateway.page(&format!("{at}/new"))).await;
            click(&browser, &format!("a[href$='kind={kind}']")).await;
            browser.arrives("document.querySelector('form.wide')").await;
            axe::assert_no_violation(&browser, kind).await;
            browser
                .run(
                    "document.querySelector('[name=media]').checked = true;
                     for (const [name, value] of [['queue', 'desk'], ['target', '4711']]) {
                       const list = document.querySelector(`select[name=${name}]`);
                       if (list) list.value = value;
                     }",
                )
                .await;
            let name = format!("do_{kind}");
            let fields: Vec<(&str, &str)> = own.iter().copied().chain([("name", name.as_str())]).collect();
            fill(&browser, &fields).await;
            browser.arrives(&format!("document.querySelector('table')?.innerText.includes('{told}')")).await;
        }
        // What is missing is told at its field, and what was typed stays.
        browser.open(&gateway.page(&format!("{at}/new?kind=callback"))).await;
        fill(&browser, &[("phone_parameter", "tel"), ("name", "call")]).await;
        browser.arrives("document.querySelector('.problems') === document.activeElement").await;
        browser.until("document.getElementById('f-time_parameter-problem') && document.querySelector('[name=phone_parameter]').value === 'tel'").await;
        for (theme, width) in [("dark", 1280), ("light", 360)] {
            browser.emulate(theme, width, 800).await;
            browser.run("document.querySelector('details').open = true").await;
            axe::assert_no_violation(&browser, &format!("an action in {theme} at {width}")).await;
            let overflow = browser.run("return document.documentElement.scrollWidth - innerWidth").await;
            assert!(overflow.as_i64() <= Some(0), "at {width} it is {overflow} too wide");
        }
        complains_of_refusals_alone(&browser).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s18_an_administrator_builds_an_action_for_all_profiles_of_a_business_unit() {
    let dialogflow = FakeDialogflow::start();
    browse(async move |browser| {
        let gateway = begin(&browser, &dialogflow).await;
        send(&browser, "/units/new", &[("name", "clinic"), ("zone", "UTC"), ("country", "DE")]).await.unwrap();
        browser.open(&gateway.page("/engines/new")).await;
        click(&browser, "[name=unit][value=clinic]").await;
        fill(&browser, &[("id", "east")]).await;
        browser.arrives("document.querySelector('.link')?.innerText.startsWith('usher-engine-')").await;
        let token = browser.run("return document.querySelector('.link').innerText").await;
        let ward =
            profile(&dialogflow.endpoint()).replace("\"support\"", "\"ward\"").replace("\"sales\"", "\"clinic\"");
        send(&browser, "/profiles/new", &[("text", &ward)]).await.unwrap();
        let setup = gateway.centre_of(token.as_str().unwrap(), "east", "clinic");
        let engine = FakeEngine::attach(staffed(setup)).await.unwrap();
        engine.logged_on("va1").await;

        // From the business unit's form to the list, and on to the kind.
        browser.open(&gateway.page("/units/clinic/edit")).await;
        click(&browser, "main p a.button[href='/units/clinic/actions']").await;
        browser.arrives("document.querySelector('.empty a.button')").await;
        click(&browser, ".empty a.button").await;
        browser.arrives("document.querySelector('.choices')").await;
        click(&browser, "a[href$='kind=requeue']").await;
        browser.arrives("document.querySelector('form.wide')").await;
        axe::assert_no_violation(&browser, "a business unit's action").await;
        // What is missing is told at its field.
        fill(&browser, &[("name", "human")]).await;
        browser.arrives("document.querySelector('.problems') === document.activeElement").await;
        browser.until("document.getElementById('f-queue-problem')").await;
        browser
            .run(
                "document.querySelector('[name=media]').checked = true;
                 document.querySelector('select[name=queue]').value = 'desk';",
            )
            .await;
        click(&browser, "form.wide button").await;
        browser.arrives("document.querySelector('table')?.innerText.includes('hands over to queue desk')").await;

        // Its profile has it, and leads back to where it is changed.
        browser.open(&gateway.page("/profiles/clinic/ward/actions")).await;
        browser.until("document.querySelector('table')?.innerText.includes('hands over to queue desk')").await;
        click(&browser, "td a[href='/units/clinic/actions']").await;
        browser.arrives("document.querySelector('h1')?.innerText === 'Business unit clinic'").await;
        click(&browser, "a.code").await;
        browser.arrives("document.querySelector('form.wide [name=name]')?.value === 'human'").await;
        click(&browser, "details.apart summary").await;
        browser.until("document.querySelector('details.apart').open").await;
        click(&browser, "details.apart button.danger").await;
        browser.arrives("document.querySelector('.empty')").await;
        complains_of_refusals_alone(&browser).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_pauses_a_profile_and_lets_it_go_on() {
    let dialogflow = FakeDialogflow::start();
    browse(async move |browser| {
        let gateway = begin(&browser, &dialogflow).await;
        let engine = FakeEngine::attach(centre(&gateway)).await.unwrap();
        browser.open(&gateway.page("/profiles/sales/written")).await;
        click(&browser, "details.quiet summary").await;
        click(&browser, "form[action$='/pause'] button").await;
        browser.arrives("document.querySelector('.paused')?.innerText.includes('Paused by chief')").await;
        axe::assert_no_violation(&browser, "a paused profile").await;
        engine.open("c-1", "va1").await;
        browser.open(&gateway.page("/contacts/sales/c-1")).await;
        browser
            .until("document.querySelector('.timeline').innerText.includes('the profile was paused by chief')")
            .await;
        browser.open(&gateway.page("/")).await;
        browser.until("document.querySelector('.paused a')?.innerText === 'written'").await;
        click(&browser, ".paused a").await;
        browser.arrives("document.querySelector('form[action$=\"/resume\"]')").await;
        click(&browser, "form[action$='/resume'] button").await;
        browser.arrives("!document.querySelector('.paused') && document.querySelector('details.quiet')").await;
        engine.open("c-2", "va1").await;
        engine.say("c-2", "hello").await;
        assert_eq!(engine.next_say("c-2").await, ["echo: hello"]);
        complains_of_refusals_alone(&browser).await;
    })
    .await;
}
