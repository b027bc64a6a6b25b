//! Tests as text: JSON, one line for each test and one for each of its steps, so that two versions differ line by line.
//!
//! ```json
//! {"test":"order status","media":"webinteraction","queues":"open"}
//! {"say":"Where is my order?","intent":"order.status","action":"status","does":"nothing","check":["action","intent"]}
//! ```

use serde::{Deserialize, Serialize};

use super::{
    Checks, Cue, Feigned, Found, MAX_CUES, MAX_NAME_CHARACTERS, Queues, Setting, Test, TestStep, media_label, media_of,
};
use crate::core::message::Parameters;

/// Of a file with many tests.
pub const MAX_FILE_BYTES: usize = 400 * 1024;

/// Why a file holds no tests.
#[derive(Debug, thiserror::Error)]
pub enum BadFile {
    #[error("line {line}, column {column}: {message}")]
    Json { line: usize, column: usize, message: String },
    #[error("line {line}: {problem}")]
    Line { line: usize, problem: String },
    #[error("it holds no test: a test begins with a line such as {{\"test\":\"a name\"}}")]
    None,
    #[error("it is longer than {} KiB", MAX_FILE_BYTES / 1024)]
    TooLong,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Line {
    #[serde(skip_serializing_if = "Option::is_none")]
    test: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    media: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    queues: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    begin: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    say: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keys: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<String>,
    #[serde(skip_serializing_if = "Parameters::is_empty")]
    with: Parameters,
    #[serde(skip_serializing_if = "Option::is_none")]
    form: Option<Parameters>,
    #[serde(skip_serializing_if = "Option::is_none")]
    silence: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    intent: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    action: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    does: String,
    #[serde(skip_serializing_if = "Parameters::is_empty")]
    parameters: Parameters,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    texts: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    check: Option<Vec<Check>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Check {
    Action,
    Parameters,
    Intent,
    Texts,
}

/// All of them, one after the other.
#[must_use]
pub fn write<'a>(tests: impl IntoIterator<Item = &'a Test>) -> String {
    let mut out = String::new();
    let mut put = |line: &Line| {
        // Texts, numbers and lists: nothing that JSON cannot say.
        out.push_str(&serde_json::to_string(line).unwrap_or_default());
        out.push('\n');
    };
    for test in tests {
        let Setting { media, language, queues } = &test.setting;
        put(&Line {
            test: Some(test.name.clone()),
            media: Some(media_label(*media).to_owned()),
            language: language.clone(),
            queues: Some(queues.label().to_owned()),
            ..Line::default()
        });
        for step in &test.steps {
            put(&Line::of(step));
        }
    }
    out
}

impl Line {
    fn of(step: &TestStep) -> Self {
        let Found { intent, action, does, parameters, texts, failure } = step.expected.clone();
        let line = Self { intent, action, does, parameters, texts, failure, ..Self::default() };
        let Checks { action, parameters, intent, texts } = step.checks;
        let all =
            [(Check::Action, action), (Check::Parameters, parameters), (Check::Intent, intent), (Check::Texts, texts)];
        let check = all.into_iter().filter_map(|(check, on)| on.then_some(check)).collect();
        let line = Self { check: Some(check), ..line };
        match step.cue.clone() {
            Cue::Begin => Self { begin: Some(true), ..line },
            Cue::Say(text) => Self { say: Some(text), ..line },
            Cue::Keys(keys) => Self { keys: Some(keys), ..line },
            Cue::Event { name, parameters } => Self { event: Some(name), with: parameters, ..line },
            Cue::Form(fields) => Self { form: Some(fields), ..line },
            Cue::Silence => Self { silence: Some(true), ..line },
            Cue::Outcome { outcome, text } => Self { outcome: Some(outcome.label().to_owned()), text, ..line },
        }
    }

    fn step(self) -> Result<TestStep, String> {
        let Self { begin, say, keys, event, with, form, silence, outcome, text, check, .. } = self;
        let Self { intent, action, does, parameters, texts, failure, .. } = self;
        let outcome = match outcome {
            None => None,
            Some(label) => Some(Feigned::of(&label).ok_or_else(|| {
                let known = Feigned::ALL.map(Feigned::label).join(", ");
                format!("there is no outcome `{label}`: there are {known}")
            })?),
        };
        let cues: Vec<Cue> = [
            begin.filter(|it| *it).map(|_| Cue::Begin),
            say.map(Cue::Say),
            keys.map(Cue::Keys),
            event.map(|name| Cue::Event { name, parameters: with }),
            form.map(Cue::Form),
            silence.filter(|it| *it).map(|_| Cue::Silence),
            outcome.map(|outcome| Cue::Outcome { outcome, text }),
        ]
        .into_iter()
        .flatten()
        .collect();
        let Ok([cue]) = <[Cue; 1]>::try_from(cues) else {
            let known = "begin, say, keys, event, form, silence, outcome";
            return Err(format!("a step has one of {known}; a test begins with test"));
        };
        cue.check().map_err(|problem| format!("what is put in {problem}"))?;
        let checks = match check {
            Some(list) => Checks {
                action: list.contains(&Check::Action),
                parameters: list.contains(&Check::Parameters),
                intent: list.contains(&Check::Intent),
                texts: list.contains(&Check::Texts),
            },
            // By hand: what is written counts.
            None => Checks {
                action: !action.is_empty() || !does.is_empty(),
                parameters: !parameters.is_empty(),
                intent: intent.is_some(),
                texts: !texts.is_empty(),
            },
        };
        Ok(TestStep { cue, expected: Found { intent, action, does, parameters, texts, failure }, checks })
    }

    fn head(self) -> Result<Test, String> {
        let name = self.test.unwrap_or_default().trim().to_owned();
        if let Some(problem) = bad_name(&name) {
            return Err(problem.to_owned());
        }
        let media = self.media.as_deref().unwrap_or("webinteraction");
        let media = media_of(media)
            .ok_or_else(|| format!("there is no media type `{media}`: there are webinteraction, openmedia, speech"))?;
        let queues = self.queues.as_deref().unwrap_or("open");
        let queues = Queues::of(queues).ok_or_else(|| format!("queues are open, closed or now, and not `{queues}`"))?;
        let setting = Setting { media, language: self.language.filter(|it| !it.is_empty()), queues };
        Ok(Test { name, setting, steps: Vec::new() })
    }
}

/// What is wrong with a test's name; goes on from nothing.
#[must_use]
pub fn bad_name(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        return Some("a test needs a name");
    }
    if name.chars().count() > MAX_NAME_CHARACTERS {
        return Some("a test's name has 80 characters at most");
    }
    let odd = name.chars().any(|it| it.is_control() || it == '/');
    odd.then_some("a test's name holds neither / nor control characters")
}

/// All tests of a file, in order. Empty lines are passed over.
///
/// # Errors
/// The first line that is none, and why.
pub fn read(text: &str) -> Result<Vec<Test>, BadFile> {
    if text.len() > MAX_FILE_BYTES {
        return Err(BadFile::TooLong);
    }
    let mut tests: Vec<Test> = Vec::new();
    let lines = text.strip_prefix('\u{feff}').unwrap_or(text).lines().enumerate();
    for (at, text) in lines.filter(|(_, it)| !it.trim().is_empty()) {
        let number = at + 1;
        let bad = |problem: String| BadFile::Line { line: number, problem };
        let line: Line = serde_json::from_str(text).map_err(|error| BadFile::Json {
            line: number,
            column: error.column(),
            message: plain(&error),
        })?;
        if line.test.is_some() {
            let test = line.head().map_err(bad)?;
            if tests.iter().any(|it| it.name == test.name) {
                return Err(bad(format!("there are two tests of the name `{}`", test.name)));
            }
            tests.push(test);
            continue;
        }
        let step = line.step().map_err(bad)?;
        let Some(test) = tests.last_mut() else {
            return Err(bad(
                "a step before the first test: a test begins with a line such as {\"test\":\"a name\"}".to_owned()
            ));
        };
        if test.steps.len() >= MAX_CUES {
            return Err(bad(format!("a test has {MAX_CUES} steps at most")));
        }
        if step.cue == Cue::Begin && !test.steps.is_empty() {
            return Err(bad("a test begins once".to_owned()));
        }
        test.steps.push(step);
    }
    if tests.is_empty() { Err(BadFile::None) } else { Ok(tests) }
}

/// Without the place, which is told beside it and is another one within a file.
fn plain(error: &serde_json::Error) -> String {
    if !error.is_data() {
        return "this is no JSON: a line is an object such as {\"say\":\"hello\"}".to_owned();
    }
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::core::message::MediaType;

    fn step(cue: Cue) -> TestStep {
        let parameters = json!({"number": 4711, "none": null}).as_object().unwrap().clone();
        let expected = Found { intent: Some("order".into()), does: "nothing".into(), parameters, ..Found::default() };
        TestStep { cue, expected, checks: Checks::default() }
    }

    fn all_cues() -> Vec<Cue> {
        let parameters = json!({"a": 1}).as_object().unwrap().clone();
        vec![
            Cue::Begin,
            Cue::Say("Where is \"it\"?\nHere".into()),
            Cue::Keys("12#".into()),
            Cue::Event { name: "WELCOME".into(), parameters: parameters.clone() },
            Cue::Form(parameters),
            Cue::Silence,
            Cue::Outcome { outcome: Feigned::Failed, text: "nobody".into() },
        ]
    }

    fn example() -> Test {
        let setting = Setting { media: MediaType::Speech, language: Some("de".into()), queues: Queues::Closed };
        Test { name: "A & B".into(), setting, steps: all_cues().into_iter().map(step).collect() }
    }

    #[test]
    fn b4_what_is_written_is_read_again_line_by_line() {
        let mut tests = [example(), Test { name: "second".into(), ..example() }];
        tests[1].steps[1].checks = Checks { action: false, parameters: false, intent: false, texts: false };
        let text = write(&tests);
        assert_eq!(text.lines().count(), 16);
        assert_eq!(read(&text).unwrap(), tests);
        assert!(
            text.starts_with(
                "{\"test\":\"A & B\",\"media\":\"speech\",\"language\":\"de\",\"queues\":\"closed\"}\n{\"begin\":true,"
            ),
            "{text}"
        );
        let short = read("\u{feff}{\"test\":\" x \"}\r\n\r\n{\"say\":\"hello\"}\r\n").unwrap();
        assert_eq!((short[0].name.as_str(), short[0].setting.media), ("x", MediaType::WebInteraction));
        let by_hand = |text: &str| read(&format!("{{\"test\":\"a\"}}\n{text}")).unwrap()[0].steps[0].checks;
        let none = Checks { action: false, parameters: false, intent: false, texts: false };
        assert_eq!(short[0].steps[0].checks, none, "that there is an answer is enough");
        assert_eq!(by_hand("{\"say\":\"x\",\"action\":\"a\"}"), Checks { action: true, ..none });
        assert_eq!(by_hand("{\"say\":\"x\",\"action\":\"a\",\"check\":[]}"), none);
    }

    #[test]
    fn b4_what_is_no_test_is_told_with_its_line() {
        let told = |text: &str| read(text).unwrap_err().to_string();
        for (text, problem) in [
            ("", "it holds no test"),
            ("{\"say\":\"x\"}", "line 1: a step before the first test"),
            ("{\"test\":\"a\"}\n\n{\"sya\":\"x\"}", "line 3, column 6: unknown field `sya`"),
            ("{\"test\":\"a\"}\n{\"say\":\"x\",\"keys\":\"1\"}", "line 2: a step has one of"),
            ("{\"test\":\"a\"}\n{\"intent\":\"x\"}", "line 2: a step has one of"),
            ("{\"test\":\"a\"}\n{\"outcome\":\"gone\"}", "line 2: there is no outcome `gone`"),
            ("{\"test\":\"a\"}\n{\"say\":\" \"}", "line 2: what is put in is empty"),
            ("{\"test\":\"a\"}\n{\"test\":\"a\"}", "line 2: there are two tests of the name `a`"),
            ("{\"test\":\"a/b\"}", "line 1: a test's name holds neither"),
            ("{\"test\":\"a\",\"media\":\"fax\"}", "line 1: there is no media type `fax`"),
            ("{\"test\":\"a\"}\n{\"say\":\"x\"}\n{\"begin\":true}", "line 3: a test begins once"),
            ("{\"test\":\"a\"", "line 1, column 11: this is no JSON"),
        ] {
            assert!(told(text).starts_with(problem), "{text}: {}", told(text));
        }
        let many = "{\"test\":\"a\"}\n".to_owned() + &"{\"say\":\"x\"}\n".repeat(MAX_CUES + 1);
        assert!(told(&many).contains("100 steps at most"), "{}", told(&many));
        assert!(matches!(read(&" ".repeat(MAX_FILE_BYTES + 1)), Err(BadFile::TooLong)));
    }

    proptest! {
        #[test]
        fn b4_no_file_of_tests_makes_it_panic(text in "\\PC{0,200}", at in 0_usize..600) {
            drop(read(&text));
            let whole = write(&[example()]);
            let cut = whole.char_indices().nth(at).map_or(whole.as_str(), |(at, _)| whole.get(..at).unwrap_or_default());
            drop(read(&format!("{cut}{text}")));
        }
    }
}
