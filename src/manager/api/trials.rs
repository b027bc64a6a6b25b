//! A profile is tried: conversations that belong to the token that has begun them, and of which nothing is carried out.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    asked::{Json, Named},
    contacts::MediaType,
    door::Caller,
    kept_tests::{self, KeptTest},
    moment::Moment,
    names::TestName,
    operation::{Call, Draft, Operation},
    problem::{Kind, Problem},
    profiles::{OfProfile, none},
    scenes::{Cue, Feigned, Queues, Turn, field_of},
    told::{Done, Found, Made, MadeKept, Shown},
};
use crate::{
    config::settings::Profile,
    core::{ids::Timestamp, rehearsal},
    gateway::rehearsal::{NotTaken, Rehearsal},
    manager::{
        Manager, address,
        people::Role,
        trying::{
            self, Owner,
            doing::{MAX_LANGUAGE_BYTES, NotBegun, NotPut, as_test, is_language, put_in},
        },
    },
};

const PATH: &str = "/profiles/{unit}/{profile}/trials/{trial}";

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Draft::get("/profiles/{unit}/{profile}/trials", Role::Operator, "listTrials")
            .says("Conversations that this token tries a profile with", "The newest first. One ends after 30 minutes without a turn, with its token, when a sixth begins, or when the gateway stops.")
            .by(list),
        Draft::post("/profiles/{unit}/{profile}/trials", Role::Operator, "beginTrial")
            .says("Begin to try a profile", "With the language engine that contacts have, in a conversation of its own. Nothing is carried out: no handover, no callback, no call to another system. The answer has what the profile greets with.")
            .refuses(&[Kind::Conflict])
            .by(begin),
        Draft::get(PATH, Role::Operator, "getTrial")
            .says("A conversation so far", "Each turn with the language engine's answer, the action that would fire, the time that it took, and why.")
            .by(show),
        Draft::post(PATH, Role::Operator, "putIntoTrial")
            .says("Say something in a conversation", "Words, keys, an event, a form, silence, or what comes of what the conversation waits for. The answer comes when all that follows is done.")
            .refuses(&[Kind::Conflict])
            .by(put),
        Draft::delete(PATH, Role::Operator, "endTrial").says("End a conversation", "").by(end),
        Draft::post("/profiles/{unit}/{profile}/trials/{trial}/test", Role::Operator, "keepTrial")
            .says("Keep a conversation as a test", "What came is what is expected from now on. Texts do not count; `changeTest` says what does.")
            .refuses(&[Kind::Conflict])
            .by(keep),
    ]
}

fn owner(caller: &Caller) -> Result<Owner, Problem> {
    let bearer = caller.bearer().ok_or_else(|| Kind::Unauthorized.says("a conversation belongs to a token"))?;
    Ok(Owner::Token(bearer.name.clone(), bearer.until))
}

/// One of a list.
#[derive(Debug, Serialize, JsonSchema)]
struct Open {
    trial: String,
    engine: String,
    began_at: Moment,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Trials {
    trials: Vec<Open>,
}

async fn list(call: Call, Named(names): Named<OfProfile>) -> Result<Shown<Trials>, Problem> {
    let (_, profile) = names.find(&call.manager).ok_or_else(none)?;
    call.manager.sweep_trials();
    let open = call.manager.trying.trials.of(&trying::of(&profile), &owner(&call.caller)?);
    let open =
        open.iter().map(|it| Open { trial: it.id.clone(), engine: it.engine.clone(), began_at: Moment(it.began) });
    Ok(Shown(Trials { trials: open.collect() }))
}

/// How the customer appears, and what is found.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewTrial {
    /// Actions are configured for each kind by itself.
    media: MediaType,
    /// A tag as `de-AT`; without it the profile's.
    #[serde(default)]
    #[schemars(length(max = MAX_LANGUAGE_BYTES), regex(pattern = "^[A-Za-z0-9-]*$"))]
    language: Option<String>,
    /// What the profile calls it; without it the first.
    #[serde(default)]
    engine: Option<String>,
    #[serde(default)]
    queues: Queues,
}

/// What a conversation waits for.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Awaits {
    /// That a person takes it.
    Person,
    /// That the person gives it back.
    Return,
    Callback,
    Push,
    External,
}

/// A conversation under way.
#[derive(Debug, Serialize, JsonSchema)]
struct Trial {
    trial: String,
    engine: String,
    began_at: Moment,
    media: MediaType,
    language: String,
    queues: Queues,
    is_over: bool,
    /// The profile is another by now; the conversation goes on with what it began with.
    has_changed: bool,
    awaits: Option<Awaits>,
    /// What can come of that.
    outcomes: Vec<Feigned>,
    /// Something comes of silence.
    can_wait: bool,
    turns: Vec<Turn>,
}

fn awaited(it: rehearsal::Awaits) -> Awaits {
    match it {
        rehearsal::Awaits::Person => Awaits::Person,
        rehearsal::Awaits::Return => Awaits::Return,
        rehearsal::Awaits::Callback => Awaits::Callback,
        rehearsal::Awaits::Push => Awaits::Push,
        rehearsal::Awaits::External => Awaits::External,
    }
}

/// `since`: of its turns those from this one on.
fn told(manager: &Manager, trial: &trying::Trial, rehearsal: &Rehearsal, since: usize) -> Trial {
    let rules = &rehearsal.stage().rules;
    let setting = rehearsal.setting();
    let awaits = rehearsal.awaits().filter(|_| !rehearsal.is_over());
    Trial {
        trial: trial.id.clone(),
        engine: trial.engine.clone(),
        began_at: Moment(trial.began),
        media: setting.media.into(),
        language: setting.language.clone().unwrap_or_else(|| rules.language.clone()),
        queues: setting.queues.into(),
        is_over: rehearsal.is_over(),
        has_changed: manager.has_changed(trial, rehearsal),
        outcomes: awaits.into_iter().flat_map(|it| it.outcomes()).copied().map(Feigned::from).collect(),
        awaits: awaits.map(awaited),
        can_wait: rehearsal.can_wait(),
        turns: rehearsal.scenes().iter().skip(since).map(Turn::from).collect(),
    }
}

/// The engine that is asked for, or the profile's first.
pub(super) fn engine_of(profile: &Profile, wanted: Option<String>) -> String {
    wanted.unwrap_or_else(|| profile.engines.all().next().map(|(name, _)| name.to_owned()).unwrap_or_default())
}

pub(super) fn no_engine() -> Problem {
    Problem::field("engine", "the profile has no such language engine now")
}

async fn begin(
    call: Call,
    (Named(names), Json(wanted)): (Named<OfProfile>, Json<NewTrial>),
) -> Result<Made<Trial>, Problem> {
    let Call { manager, caller } = call;
    let (_, profile) = names.find(&manager).ok_or_else(none)?;
    let language = wanted.language.filter(|it| !it.is_empty());
    if !language.as_deref().is_none_or(is_language) {
        return Err(Problem::field("language", "a language is a tag such as en or de-AT"));
    }
    let setting = rehearsal::Setting { media: wanted.media.into(), language, queues: wanted.queues.into() };
    let engine = engine_of(&profile, wanted.engine);
    let begun = manager.begin_trial(owner(&caller)?, (trying::of(&profile), &engine), setting).await;
    let trial = begun.map_err(|why| match why {
        NotBegun::NoEngine => no_engine(),
        NotBegun::Full => Kind::TooMany.says("too many conversations are open, of all together").after(60),
        NotBegun::Broken => Kind::Conflict.says("the conversation could not begin: try again"),
    })?;
    let value = told(&manager, &trial, &*trial.rehearsal.lock().await, 0);
    let (unit, profile) = (address::part(&names.unit), address::part(&names.profile));
    Ok(Made { at: format!("{}/profiles/{unit}/{profile}/trials/{}", super::PREFIX, trial.id), value })
}

#[derive(Debug, Deserialize, JsonSchema)]
struct OfTrial {
    /// The business unit.
    #[schemars(length(min = 1, max = 128), extend("examples" = ["sales"]))]
    unit: String,
    #[schemars(length(min = 1, max = 128), extend("examples" = ["support"]))]
    profile: String,
    #[schemars(length(min = 1, max = 64))]
    trial: String,
}

fn find(call: &Call, names: OfTrial) -> Result<(Arc<Profile>, Arc<trying::Trial>), Problem> {
    let of = OfProfile { unit: names.unit, profile: names.profile };
    let (_, profile) = of.find(&call.manager).ok_or_else(none)?;
    let now: Timestamp = call.manager.people.now();
    let found = call.manager.trying.trials.find(&names.trial, &trying::of(&profile), &owner(&call.caller)?, now);
    let over = "there is no such conversation: it was ended, nobody went on with it, or it is another token's";
    Ok((profile, found.ok_or_else(|| Kind::NotFound.says(over))?))
}

async fn show(call: Call, Named(names): Named<OfTrial>) -> Result<Shown<Trial>, Problem> {
    let (_, trial) = find(&call, names)?;
    let rehearsal = trial.rehearsal.lock().await;
    Ok(Shown(told(&call.manager, &trial, &rehearsal, 0)))
}

async fn put(call: Call, (Named(names), Json(cue)): (Named<OfTrial>, Json<Cue>)) -> Result<Found<Trial>, Problem> {
    let (_, trial) = find(&call, names)?;
    let before = trial.rehearsal.lock().await.scenes().len();
    let field = field_of(&cue);
    put_in(&trial, cue.into()).await.map_err(|why| match why {
        NotPut::Not(NotTaken::Bad(problem)) => Problem::field(field, format!("what is put in {problem}")),
        NotPut::Not(why @ (NotTaken::Over | NotTaken::TooMany | NotTaken::NotAwaited | NotTaken::NothingDue)) => {
            Kind::Conflict.says(why.to_string())
        }
        NotPut::Broken => Kind::Conflict.says("the turn broke off: try again"),
    })?;
    let rehearsal = trial.rehearsal.lock().await;
    Ok(Found(told(&call.manager, &trial, &rehearsal, before)))
}

async fn end(call: Call, Named(names): Named<OfTrial>) -> Result<Done, Problem> {
    let (_, trial) = find(&call, names)?;
    call.manager.trying.trials.end(&trial.id);
    Ok(Done)
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct KeepAs {
    name: TestName,
}

async fn keep(
    call: Call,
    (Named(names), Json(wanted)): (Named<OfTrial>, Json<KeepAs>),
) -> Result<MadeKept<KeptTest>, Problem> {
    let (profile, trial) = find(&call, names)?;
    let name = kept_tests::name(&wanted.name)?;
    let test = as_test(&*trial.rehearsal.lock().await, &name);
    kept_tests::keep(&call, &profile, &test).await
}
