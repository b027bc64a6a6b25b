//! A profile's tests: conversations with what is expected of them, kept, run, and what came of them last.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    asked::{Json, Lines, Named, Seen},
    contacts::MediaType,
    etag,
    moment::Moment,
    names::TestName,
    operation::{Call, Draft, Operation},
    problem::{Current, Kind, Problem, Told},
    profiles::{OfProfile, none},
    scenes::{Cue, Queues},
    told::{Changed, Done, Found, Kept, LinesShown, MadeKept, Shown},
};
use crate::{
    config::settings::Profile,
    core::rehearsal::{self, BadFile, MAX_CUES},
    manager::{
        Manager, address,
        people::Role,
        trying::{
            self,
            kept::{self, NotKept},
        },
    },
};

const PATH: &str = "/profiles/{unit}/{profile}/tests/{test}";
const FILE: &str = "/profiles/{unit}/{profile}/tests.jsonl";

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Draft::get("/profiles/{unit}/{profile}/tests", Role::Viewer, "listTests")
            .says("A profile's tests", "")
            .by(list),
        Draft::post("/profiles/{unit}/{profile}/tests", Role::Operator, "addTest")
            .says("Add a test", "A profile has 200 at most. `keepTrial` makes one of a conversation.")
            .refuses(&[Kind::Conflict])
            .by(add),
        Draft::get(PATH, Role::Viewer, "getTest")
            .says("One test", "What is put in, what is expected of it, and what of that counts.")
            .by(show),
        Draft::put(PATH, Role::Operator, "changeTest")
            .says("Change a test", "As it is to be from now on, as a whole; it may get another name.")
            .refuses(&[Kind::Conflict])
            .by(change),
        Draft::delete(PATH, Role::Operator, "removeTest").says("Remove a test", "").by(remove),
        Draft::get(FILE, Role::Viewer, "exportTests")
            .says("A profile's tests as a file", "Lines of JSON, as `usher test --from` takes them.")
            .by(export),
        Draft::post(FILE, Role::Operator, "importTests")
            .says("Take tests from a file", "All of them, or none. A test of the same name is replaced.")
            .refuses(&[Kind::Conflict])
            .by(import),
    ]
}

/// What is expected of what is put in. Empty: nothing is expected of that.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Expected {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    intent: Option<String>,
    /// As the language engine names it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    action: String,
    /// What would be carried out, in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    does: String,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    parameters: Map<String, Value>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    texts: Vec<String>,
    /// The language engine does not answer: why, in a word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
}

/// What of it counts. That the language engine answers always does.
#[expect(clippy::struct_excessive_bools, reason = "switch by switch what somebody chooses")]
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Counts {
    action: bool,
    parameters: bool,
    intent: bool,
    texts: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "TestStep")]
struct Step {
    given: Cue,
    expected: Expected,
    counts: Counts,
}

/// A conversation with what is expected of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Test")]
pub(super) struct KeptTest {
    name: TestName,
    media: MediaType,
    /// Without it the profile's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    language: Option<String>,
    queues: Queues,
    #[schemars(length(max = MAX_CUES))]
    steps: Vec<Step>,
}

impl KeptTest {
    fn of(test: &rehearsal::Test) -> Self {
        let step = |it: &rehearsal::TestStep| {
            let rehearsal::Found { intent, action, does, parameters, texts, failure } = it.expected.clone();
            let rehearsal::Checks { action: by_action, parameters: by_parameters, intent: by_intent, texts: by_texts } =
                it.checks;
            Step {
                given: it.cue.clone().into(),
                expected: Expected { intent, action, does, parameters, texts, failure },
                counts: Counts { action: by_action, parameters: by_parameters, intent: by_intent, texts: by_texts },
            }
        };
        Self {
            name: TestName::of(&test.name),
            media: test.setting.media.into(),
            language: test.setting.language.clone(),
            queues: test.setting.queues.into(),
            steps: test.steps.iter().map(step).collect(),
        }
    }

    fn test(self) -> Result<rehearsal::Test, Problem> {
        let name = name(&self.name)?;
        if self.steps.len() > MAX_CUES {
            return Err(Problem::field("steps", format!("has more than {MAX_CUES} steps")));
        }
        let mut steps = Vec::with_capacity(self.steps.len());
        for (at, Step { given, expected, counts }) in self.steps.into_iter().enumerate() {
            let cue = rehearsal::Cue::from(given);
            let bad = |problem: String| Problem::field(&format!("steps[{at}].given"), problem);
            cue.check().map_err(|problem| bad(format!("what is put in {problem}")))?;
            if at > 0 && cue == rehearsal::Cue::Begin {
                return Err(bad("a test begins once".to_owned()));
            }
            let Expected { intent, action, does, parameters, texts, failure } = expected;
            let Counts { action: by_action, parameters: by_parameters, intent: by_intent, texts: by_texts } = counts;
            steps.push(rehearsal::TestStep {
                cue,
                expected: rehearsal::Found { intent, action, does, parameters, texts, failure },
                checks: rehearsal::Checks {
                    action: by_action,
                    parameters: by_parameters,
                    intent: by_intent,
                    texts: by_texts,
                },
            });
        }
        let language = self.language.filter(|it| !it.is_empty());
        let setting = rehearsal::Setting { media: self.media.into(), language, queues: self.queues.into() };
        Ok(rehearsal::Test { name, setting, steps })
    }
}

/// A name that a test can have.
pub(super) fn name(name: &TestName) -> Result<String, Problem> {
    let text = name.as_str().to_owned();
    let problem = match rehearsal::bad_name(&text) {
        Some(problem) => problem,
        None if text.trim() != text => "a test's name neither begins nor ends with a blank",
        None => return Ok(text),
    };
    Err(Problem::field("name", problem))
}

/// One of a list.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ListedTest")]
struct Listed {
    name: String,
    media: MediaType,
    steps: usize,
    changed_by: String,
    changed_at: Moment,
    /// What `If-Match` has to say to change it.
    etag: String,
    /// What came of it when it was last run; `null`: it has not been.
    passed: Option<bool>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Tests {
    tests: Vec<Listed>,
}

async fn list(call: Call, Named(names): Named<OfProfile>) -> Result<Shown<Tests>, Problem> {
    let (_, profile) = names.find(&call.manager).ok_or_else(none)?;
    let of = trying::of(&profile);
    let last = call.manager.trying.runs.of(&of).last;
    let passed = |name: &str| Some(last.as_ref()?.results.iter().find(|it| it.name == name)?.passed());
    let listed = |it: kept::Kept| Listed {
        passed: passed(&it.test.name),
        media: it.test.setting.media.into(),
        steps: it.test.steps.len(),
        changed_by: it.changed_by,
        changed_at: Moment(it.changed_at),
        etag: etag::of_version(it.version),
        name: it.test.name,
    };
    let tests = call.manager.people.tests(&of).await?.into_iter().map(listed).collect();
    Ok(Shown(Tests { tests }))
}

/// A new test, and where it is.
pub(super) async fn keep(
    call: &Call,
    profile: &Profile,
    test: &rehearsal::Test,
) -> Result<MadeKept<KeptTest>, Problem> {
    let of = trying::of(profile);
    let version = call.manager.people.add_test(&call.caller.signs(), &of, test).await;
    let version = version.map_err(|why| refused(why, None))?;
    let (unit, profile) = (address::part(profile.unit.as_str()), address::part(profile.name.as_str()));
    let at = format!("{}/profiles/{unit}/{profile}/tests/{}", super::PREFIX, address::part(&test.name));
    Ok(MadeKept { at, version, value: KeptTest::of(test) })
}

async fn add(
    call: Call,
    (Named(names), Json(wanted)): (Named<OfProfile>, Json<KeptTest>),
) -> Result<MadeKept<KeptTest>, Problem> {
    let (_, profile) = names.find(&call.manager).ok_or_else(none)?;
    keep(&call, &profile, &wanted.test()?).await
}

#[derive(Debug, Deserialize, JsonSchema)]
struct OfTest {
    /// The business unit.
    #[schemars(length(min = 1, max = 128), extend("examples" = ["sales"]))]
    unit: String,
    #[schemars(length(min = 1, max = 128), extend("examples" = ["support"]))]
    profile: String,
    test: TestName,
}

async fn find(manager: &Manager, names: OfTest) -> Result<(Arc<Profile>, kept::Kept), Problem> {
    let of = OfProfile { unit: names.unit, profile: names.profile };
    let (_, profile) = of.find(manager).ok_or_else(none)?;
    let found = manager.people.test(&trying::of(&profile), names.test.as_str()).await?;
    Ok((profile, found.ok_or_else(|| Kind::NotFound.says("the profile has no test of this name"))?))
}

async fn show(call: Call, Named(names): Named<OfTest>) -> Result<Kept<KeptTest>, Problem> {
    let (_, kept) = find(&call.manager, names).await?;
    Ok(Kept { version: kept.version, value: KeptTest::of(&kept.test) })
}

fn outdated(now: &kept::Kept, sent: Option<&rehearsal::Test>) -> Problem {
    let value = serde_json::to_value(KeptTest::of(&now.test)).unwrap_or_default();
    let sent = sent.map(|it| {
        serde_json::to_value(KeptTest::of(it)).and_then(|it| serde_json::to_string_pretty(&it)).unwrap_or_default()
    });
    let said = format!("{} has changed this test meanwhile: nothing was changed", now.changed_by);
    let current = Current::new(now.version, (&now.changed_by, now.changed_at), value, sent.as_deref());
    Kind::Outdated.says(said).now(current)
}

/// `sent`: what was to take its place.
fn refused(why: NotKept, sent: Option<&rehearsal::Test>) -> Problem {
    match why {
        NotKept::Store(error) => error.into(),
        NotKept::Taken | NotKept::TooMany(_) => Kind::Conflict.says(why.to_string()),
        NotKept::Gone | NotKept::Conflict(None) => gone(),
        NotKept::Conflict(Some(now)) => outdated(&now, sent),
        NotKept::Name => Problem::field("name", why.to_string()),
        NotKept::TooLarge => Problem::field("steps", why.to_string()),
        NotKept::File(bad) => of_file(&bad),
    }
}

fn gone() -> Problem {
    Kind::NotFound.says("the profile has no test of this name: somebody else has removed it meanwhile")
}

/// What is wrong with a file, at its line.
fn of_file(bad: &BadFile) -> Problem {
    let (line, column) = match bad {
        BadFile::Json { line, column, .. } => (Some(*line), Some(*column)),
        BadFile::Line { line, .. } => (Some(*line), None),
        BadFile::None | BadFile::TooLong => (None, None),
    };
    let message = bad.to_string();
    // One that is about no line is about all of them.
    let field = line.is_none().then(String::new);
    let told = Told { field, file: None, line, column, message: message.clone(), help: None };
    Kind::Invalid.says(message).with(vec![told])
}

async fn change(
    call: Call,
    (Named(names), seen, Json(wanted)): (Named<OfTest>, Seen, Json<KeptTest>),
) -> Result<Changed<KeptTest>, Problem> {
    let (profile, kept) = find(&call.manager, names).await?;
    let test = wanted.test()?;
    if seen.expects(kept.version).is_none() {
        return Err(outdated(&kept, Some(&test)));
    }
    let (of, by, seen) = (trying::of(&profile), call.caller.signs(), (kept.test.name.as_str(), kept.version));
    let version = call.manager.people.change_test(&by, &of, seen, &test).await;
    let version = version.map_err(|why| refused(why, Some(&test)))?;
    Ok(Changed { version, value: KeptTest::of(&test) })
}

async fn remove(call: Call, (Named(names), seen): (Named<OfTest>, Seen)) -> Result<Done, Problem> {
    let (profile, kept) = find(&call.manager, names).await?;
    if seen.expects(kept.version).is_none() {
        return Err(outdated(&kept, None));
    }
    let (of, by, seen) = (trying::of(&profile), call.caller.signs(), (kept.test.name.as_str(), kept.version));
    call.manager.people.remove_test(&by, &of, seen).await.map(|()| Done).map_err(|why| match why {
        // There is nothing left to do.
        NotKept::Name | NotKept::TooMany(_) | NotKept::Taken | NotKept::TooLarge | NotKept::File(_) | NotKept::Gone => {
            gone()
        }
        why @ (NotKept::Conflict(_) | NotKept::Store(_)) => refused(why, None),
    })
}

async fn export(call: Call, Named(names): Named<OfProfile>) -> Result<LinesShown, Problem> {
    let (_, profile) = names.find(&call.manager).ok_or_else(none)?;
    let tests = call.manager.people.tests(&trying::of(&profile)).await?;
    Ok(LinesShown(rehearsal::write(tests.iter().map(|it| &it.test))))
}

#[derive(Debug, Serialize, JsonSchema)]
struct Imported {
    tests: usize,
}

async fn import(
    call: Call,
    (Named(names), Lines(text)): (Named<OfProfile>, Lines),
) -> Result<Found<Imported>, Problem> {
    let (_, profile) = names.find(&call.manager).ok_or_else(none)?;
    let text = text.replace("\r\n", "\n");
    let taken = call.manager.people.import_tests(&call.caller.signs(), &trying::of(&profile), &text).await;
    let tests = taken.map_err(|why| match why {
        NotKept::Conflict(_) | NotKept::Gone => {
            Kind::Conflict.says("somebody else has changed one of these tests at the same moment: try again")
        }
        NotKept::Name => Problem::field("", why.to_string()),
        why @ (NotKept::Taken | NotKept::TooMany(_) | NotKept::TooLarge | NotKept::File(_) | NotKept::Store(_)) => {
            refused(why, None)
        }
    })?;
    Ok(Found(Imported { tests }))
}
