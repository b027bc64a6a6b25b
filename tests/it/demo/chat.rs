//! `usher chat`: the demo agent's golden conversations, and how the command deals with what it is given.

use std::{
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Output, Stdio},
};

use usher::{
    app::converse::{self, Conversation, Manner},
    clock::Clock,
    core::{
        ids::{ContactName, Timestamp},
        message::MediaType,
    },
};

/// Friday, 20 November 2026, 10:00 in Berlin.
const NOW: Timestamp = Timestamp(1_795_165_200_000);

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/demo/scripts").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What `usher chat --script` would print, at a time that does not change.
async fn replay(script: &str, language: &str, media: MediaType) -> String {
    let name = ContactName::new("script").unwrap();
    let manner = Manner { language: Some(language.to_owned()), media, name };
    let mut conversation = Conversation::with_demo(manner, Clock::starting_at(NOW)).await.unwrap();
    let mut printed = String::new();
    for line in conversation.welcome().into_iter().chain(converse::script(script).unwrap()) {
        let turn = conversation.take(line).await;
        printed.push_str(&turn.comparable());
    }
    conversation.end().await.unwrap();
    printed
}

/// Where the two first differ, instead of two long texts. What was printed is kept in a file, to become the new golden one if
/// the change was meant.
#[track_caller]
fn same(printed: &str, golden: &str, name: &str) {
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.golden"));
    fs::write(&kept, printed).unwrap();
    for (at, (printed, golden)) in printed.lines().zip(golden.lines()).enumerate() {
        assert_eq!(printed, golden, "{name}, line {} (all of it: {})", at + 1, kept.display());
    }
    assert_eq!(printed.lines().count(), golden.lines().count(), "{name}:\n{printed}");
}

#[tokio::test]
async fn b16_the_golden_conversation_in_english() {
    let printed = replay(&read("en.txt"), "en", MediaType::WebInteraction).await;
    same(&printed, &read("en.golden"), "en");
}

#[tokio::test]
async fn b16_the_golden_conversation_in_german() {
    let printed = replay(&read("de.txt"), "de", MediaType::WebInteraction).await;
    same(&printed, &read("de.golden"), "de");
}

#[tokio::test]
async fn s24_an_action_of_another_media_type_is_told_not_to_fire() {
    let printed = replay("I want to return something\n", "en", MediaType::OpenMedia).await;
    let told = "=> action page.show would not fire: it is configured for webinteraction only";
    assert!(printed.lines().any(|it| it == told), "{printed}");
}

fn chat(directory: &Path, arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_usher"))
        .arg("chat")
        .args(arguments)
        .current_dir(directory)
        .env_clear()
        .env("PASSWORD", "planted-agent-password")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// Exit code, standard output, standard error.
fn told(output: &Output) -> (Option<i32>, &str, &str) {
    let text = |bytes| std::str::from_utf8(bytes).expect("the binary prints UTF-8");
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn without_any_configuration_it_talks_to_the_demo_agent() {
    let directory = tempfile::tempdir().unwrap();
    let output = chat(directory.path(), &["--language", "de"], "Öffnungszeiten\n! \n# nichts\ngoodbye");
    let (code, out, err) = told(&output);
    assert_eq!(code, Some(0), "{err}");
    assert!(err.starts_with("No profile is configured: talking to the demo agent"), "{err}");
    assert!(err.contains("error: an event needs a name"), "{err}");
    let heard: Vec<&str> = out.lines().filter(|it| it.starts_with("you ")).collect();
    assert_eq!(heard, ["you  Öffnungszeiten", "you  goodbye"]);
    assert!(out.contains("bot  Unser Laden ist montags bis freitags von 9 bis 18 Uhr"), "{out}");
    assert!(out.contains("intent shop.hours · confidence 1.00 · "), "{out}");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0, "nothing is written");
}

#[test]
fn a_script_prints_the_same_every_time() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("talk.txt"), "hello\nwho are you\ntell me a joke\n!HUMAN_RETURNED\n").unwrap();
    let run = || chat(directory.path(), &["--script", "talk.txt"], "");
    let (first, second) = (run(), run());
    assert_eq!(told(&first), told(&second));
    let (code, out, err) = told(&first);
    assert_eq!((code, err), (Some(0), ""));
    let blocks: Vec<&str> = out.lines().filter(|it| it.starts_with("> ") || it.starts_with("intent: ")).collect();
    let expected = [
        ("!WELCOME", "welcome"),
        ("hello", "welcome"),
        ("who are you", "smalltalk.bot"),
        ("tell me a joke", "smalltalk.joke"),
        ("!HUMAN_RETURNED", "human.returned"),
    ];
    let expected: Vec<String> =
        expected.iter().flat_map(|(line, intent)| [format!("> {line}"), format!("intent: {intent}")]).collect();
    assert_eq!(blocks, expected);
}

#[test]
fn what_cannot_be_used_is_told_and_has_its_exit_code() {
    let site = crate::config::Site::new()
        .file("bad.txt", "hello\n!A [1]\n")
        .file("good.txt", "hello\n")
        .file("profiles/a.toml", &emulator("a"))
        .file("profiles/b.toml", &emulator("b"));
    let several = "error: several profiles could be meant, name one, and its unit with --unit: \
                   configured are a (unit DEFAULT), b (unit DEFAULT)\n";
    let cases: &[(&[&str], i32, &str)] = &[
        (&[], 2, several),
        (&["--profile", "c"], 2, "error: there is no profile `c`: configured are a (unit DEFAULT), b (unit DEFAULT)\n"),
        (&["--script", "bad.txt"], 2, "error: bad.txt:2: what follows the event's name is no JSON object (column 4)\n"),
        (&["--script", "none.txt"], 2, "error: cannot read none.txt: No such file or directory (os error 2)\n"),
    ];
    for (arguments, code, message) in cases {
        assert_eq!(told(&chat(site.path(), arguments, "")), (Some(*code), "", *message), "{arguments:?}");
    }
    let output = chat(site.path(), &["--profile", "a", "--event", "HELLO", "--script", "good.txt"], "");
    let (code, out, err) = told(&output);
    assert_eq!(
        (code, out),
        (Some(3), "> !HELLO\nno answer: unavailable\n\n> hello\nno answer: unavailable\n\n"),
        "{err}"
    );
}

/// A profile whose language engine is not there.
fn emulator(name: &str) -> String {
    format!(
        "name = \"{name}\"\ntype = \"dialogflow-v2\"\nagent_password = {{ env = \"PASSWORD\" }}\n\
         fallback_message = \"Sorry.\"\n[dialogflow]\nproject = \"p\"\nendpoint = \"http://127.0.0.1:9\"\n"
    )
}
