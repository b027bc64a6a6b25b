//! Runs of a profile's tests: one at a time, and what came of the last.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    asked::{Json, Named},
    moment::Moment,
    operation::{Call, Draft, Operation},
    problem::{Kind, Problem},
    profiles::{OfProfile, none},
    scenes::{Cue, ms},
    told::{Found, Shown},
    trials::{engine_of, no_engine},
};
use crate::{
    config::settings::Profile,
    core::rehearsal,
    gateway::rehearsal::{Came, StepResult, TestResult},
    manager::{
        Manager,
        people::Role,
        trying::{self, Outcome, doing::NotRun, version_of},
    },
};

const PATH: &str = "/profiles/{unit}/{profile}/test-runs";

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Draft::get(PATH, Role::Viewer, "getTestRun")
            .says("What came of a profile's tests", "Of the last run since the gateway's start, and how far one is that is under way.")
            .by(show),
        Draft::post(PATH, Role::Operator, "runTests")
            .says("Run a profile's tests", "All of them, or one. The answer waits five seconds for the end; of a longer run it tells how far it is.")
            .by(run),
    ]
}

/// In what an expectation and what came differ.
#[derive(Debug, Serialize, JsonSchema)]
struct Difference {
    /// `answer`, `action`, `parameter`, `intent` or `texts`.
    aspect: String,
    /// Of a parameter.
    name: String,
    expected: String,
    now: String,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum HowFar {
    Compared,
    /// The conversation was at another point than the test takes it to be.
    NotTaken,
    /// It went wrong before.
    NotReached,
}

#[derive(Debug, Serialize, JsonSchema)]
struct StepOutcome {
    given: Cue,
    passed: bool,
    reached: HowFar,
    /// Why it was not taken.
    why: Option<String>,
    differences: Vec<Difference>,
}

impl From<&StepResult> for StepOutcome {
    fn from(it: &StepResult) -> Self {
        let differs = |it: &rehearsal::Difference| Difference {
            aspect: it.aspect.label().to_owned(),
            name: it.name.clone(),
            expected: it.expected.clone(),
            now: it.now.clone(),
        };
        let (reached, why, differences) = match &it.came {
            Came::Compared(list) => (HowFar::Compared, None, list.iter().map(differs).collect()),
            Came::NotTaken(why) => (HowFar::NotTaken, Some(why.to_string()), Vec::new()),
            Came::NotReached => (HowFar::NotReached, None, Vec::new()),
        };
        let passed = matches!(reached, HowFar::Compared) && differences.is_empty();
        Self { given: it.cue.clone().into(), passed, reached, why, differences }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
struct TestOutcome {
    name: String,
    passed: bool,
    /// The time for all tests was over before its end.
    cut_off: bool,
    took_ms: f64,
    steps: Vec<StepOutcome>,
}

impl From<&TestResult> for TestOutcome {
    fn from(it: &TestResult) -> Self {
        Self {
            name: it.name.clone(),
            passed: it.passed(),
            cut_off: it.cut_off,
            took_ms: ms(it.took),
            steps: it.steps.iter().map(StepOutcome::from).collect(),
        }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
struct LastRun {
    engine: String,
    at: Moment,
    by: String,
    took_ms: f64,
    failed: usize,
    /// The profile is still what it was.
    is_current: bool,
    tests: Vec<TestOutcome>,
}

/// How far a run is.
#[derive(Debug, Serialize, JsonSchema)]
struct UnderWay {
    done: usize,
    of: usize,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Run {
    running: Option<UnderWay>,
    /// `null`: none since the gateway's start.
    last: Option<LastRun>,
}

fn told(manager: &Manager, profile: &Profile) -> Run {
    let standing = manager.trying.runs.of(&trying::of(profile));
    let last = |it: &Outcome| LastRun {
        engine: it.engine.clone(),
        at: Moment(it.at),
        by: it.by.clone(),
        took_ms: ms(it.took),
        failed: it.failed(),
        is_current: version_of(&manager.house.configuration(), profile) == it.version,
        tests: it.results.iter().map(TestOutcome::from).collect(),
    };
    Run {
        running: standing.running.map(|it| UnderWay { done: it.done(), of: it.of }),
        last: standing.last.as_deref().map(last),
    }
}

async fn show(call: Call, Named(names): Named<OfProfile>) -> Result<Shown<Run>, Problem> {
    let (_, profile) = names.find(&call.manager).ok_or_else(none)?;
    Ok(Shown(told(&call.manager, &profile)))
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WantedRun {
    /// What the profile calls it; without it the first.
    #[serde(default)]
    engine: Option<String>,
    /// The name of one; without it all.
    #[serde(default)]
    test: Option<String>,
}

async fn run(
    call: Call,
    (Named(names), Json(wanted)): (Named<OfProfile>, Json<WantedRun>),
) -> Result<Found<Run>, Problem> {
    let Call { manager, caller } = call;
    let (_, profile) = names.find(&manager).ok_or_else(none)?;
    let engine = engine_of(&profile, wanted.engine);
    let ran = manager.run_tests(&caller.signs(), &profile, (&engine, wanted.test.as_deref())).await;
    ran.map_err(|why| match why {
        NotRun::NoTest if wanted.test.is_some() => Problem::field("test", "the profile has no test of this name"),
        NotRun::NoTest => Kind::NotFound.says("the profile has no test"),
        NotRun::NoEngine => no_engine(),
        NotRun::Busy => Kind::TooMany.says("tests are being run already: wait until they are done").after(2),
        NotRun::Store(error) => error.into(),
    })?;
    Ok(Found(told(&manager, &profile)))
}
