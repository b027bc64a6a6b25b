//! Whatever is said is shown as text.

use serde_json::json;

use crate::{
    driver::browse,
    fakes::dialogflow::say,
    stage::{GREETING, Stage},
    window::Window,
};

const MARKUP: &str = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>{{7*7}}";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn markup_is_shown_as_text_and_never_run_whoever_says_it() {
    let stage = Stage::start().await;
    let address = stage.address;
    let wicked = say(MARKUP)
        .quick_replies(MARKUP, &[MARKUP])
        .card(MARKUP, MARKUP, "javascript:document.title='owned'", &[(MARKUP, "javascript:document.title='owned'")])
        .image("javascript:document.title='owned'", MARKUP);
    stage.dialogflow.on_text(MARKUP, wicked);
    browse(async move |browser| {
        let window = Window::greeted(&browser, address).await;
        window.say(MARKUP).await;
        window.until_line(&format!("customer: {MARKUP}")).await;
        let words = [MARKUP; 6].join(" | ");
        window.until("window.lines().length === 3").await;
        assert_eq!(window.lines().await[2], format!("bot: {words}"));
        let made = "window.inside.querySelectorAll('.log img, .log script, .log a').length";
        assert_eq!(window.tell(made).await, 0, "neither pictures nor scripts nor links came of it");
        assert_eq!(browser.client.title().await.unwrap(), "A shop");
        assert_eq!(browser.complaints().await, Vec::<String>::new(), "the page's policy had nothing to stop");
    })
    .await;
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn control_characters_and_a_turned_direction_stay_inside_their_message() {
    let stage = Stage::start().await;
    let address = stage.address;
    stage.dialogflow.on_text("odd", say("a\u{1b}[31m\u{7}b\u{202e}desrever\u{9f}"));
    browse(async move |browser| {
        let window = Window::greeted(&browser, address).await;
        window.say("odd").await;
        window.until("window.lines().length === 3").await;
        let shown = window.lines().await[2].clone();
        assert!(!shown.chars().any(char::is_control), "{shown:?}");
        assert!(shown.contains("desrever"), "{shown:?}");
        let isolated = "getComputedStyle([...window.inside.querySelectorAll('.bubble')].at(-1)).unicodeBidi";
        assert_eq!(window.tell(isolated).await, "isolate");
    })
    .await;
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_picture_is_shown_and_one_that_fails_is_told_in_words() {
    let stage = Stage::start().await;
    let address = stage.address;
    let pictures = say("")
        .image(&format!("http://{address}/icon.svg"), "A square")
        .image(&format!("http://{address}/missing.png"), "A parcel on a doorstep")
        .image(&format!("http://{address}/missing.png"), "")
        .payload(&json!({"widget": "map"}));
    stage.dialogflow.on_text("pictures", pictures);
    browse(async move |browser| {
        let window = Window::greeted(&browser, address).await;
        window.say("pictures").await;
        let expected = "bot: [A square] | A parcel on a doorstep | Image | This content cannot be shown here.";
        window.until_line(expected).await;
    })
    .await;
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_is_too_long_for_once_stays_with_the_customer() {
    let stage = Stage::start().await;
    let address = stage.address;
    browse(async move |browser| {
        let window = Window::greeted(&browser, address).await;
        browser.run("document.querySelector('usher-chat').say('x'.repeat(4001))").await;
        window.until("window.inside.querySelector('.delivery')?.textContent === 'Not sent. Try again'").await;
        // What follows is not held up by it.
        window.say("hello").await;
        window.until_line("bot: echo: hello").await;
        assert_eq!(window.tell("window.inside.querySelector('textarea').maxLength").await, 4000);
    })
    .await;
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_tag_embeds_the_chat_in_pages_of_an_allowed_origin_and_in_no_others() {
    let stage = Stage::start().await;
    let (address, [friend, stranger]) = (stage.address, stage.elsewhere);
    browse(async move |browser| {
        let window = Window::open_elsewhere(&browser, friend, address).await;
        window.begin().await;
        window.until_line(&format!("bot: {GREETING}")).await;
        window.say("hello").await;
        window.until_line("bot: echo: hello").await;
        window.reload().await;
        window.until_line("bot: echo: hello").await;
        assert_eq!(browser.complaints().await, Vec::<String>::new());
        let window = Window::open_elsewhere(&browser, stranger, address).await;
        window.begin().await;
        window.until_text(".trouble", "No connection. Your messages are sent as soon as it is back.").await;
        assert_eq!(window.lines().await, Vec::<String>::new());
        let complaints = browser.complaints().await;
        assert!(
            complaints.iter().all(|it| it.contains("CORS") || it.contains("net::ERR_FAILED") || it.contains("403")),
            "{complaints:?}"
        );
        assert!(complaints.iter().any(|it| it.contains("blocked by CORS policy")), "{complaints:?}");
    })
    .await;
    // The stranger's customer never became a contact.
    assert_eq!(stage.dialogflow.requests().iter().filter(|it| it.event() == Some("WELCOME")).count(), 1);
    stage.strike().await;
}
