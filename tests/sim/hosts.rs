//! The machines of the simulation: the gateway put together as in `app`, a language engine, the contact centre; and the
//! clockwork that runs them.

use std::{
    cell::{Cell, RefCell},
    collections::HashSet,
    fs, io,
    net::SocketAddr,
    rc::Rc,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::serve::Listener;
use futures::{FutureExt as _, Stream};
use prost_types::{Struct, Value, value::Kind};
use tokio::{sync::watch, time::sleep};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming, service::Routes};
use turmoil::net::{TcpListener, TcpStream};
use usher::{
    actions::external::HttpSystems,
    clock::Clock,
    config::{self, SecretError, Sources, settings::Settings},
    core::{ids::Timestamp, message::MediaType},
    egress::{Egress, Names},
    engine::{self, Doors, Edge},
    gateway::{Engines, Gateway, Kept, Parts, Roster, Served, alerts::Alerts},
    nlp,
    seal::Sealer,
    store::Store as _,
    telemetry::{Health, Metrics},
    wire::dialogflow_v2::{
        DetectIntentRequest, DetectIntentResponse, Intent, Message, QueryResult, StreamingDetectIntentRequest,
        StreamingDetectIntentResponse, message, query_input,
        sessions_server::{Sessions, SessionsServer},
    },
};

use super::{
    centre::{self, Log, Trouble},
    disk::Disk,
    faults::Faults,
    plan::{Knobs, Plan, Wish},
};

pub(crate) const ENGINE: &str = "engine";
pub(crate) const GATEWAY: &str = "gateway";
pub(crate) const LANGUAGE: &str = "language";
pub(crate) const TOKEN: &str = "token-1";
pub(crate) const UNIT: &str = "sales";
pub(crate) const AGENT: &str = "va1";
pub(crate) const WARNING: &str = "Are you still there?";
pub(crate) fn sealer() -> Sealer {
    Sealer::from_key([7; 32])
}
pub(crate) const TIMEOUT: Duration = Duration::from_secs(60);
const PORT: u16 = 7400;
const LANGUAGE_PORT: u16 = 7500;
/// 2030-01-01, so that callbacks lie ahead.
const BEGINS: Timestamp = Timestamp(1_893_456_000_000);
const TICK: Duration = Duration::from_millis(20);
/// How long after the last fault everything may take to come to rest.
const REST_WITHIN: Duration = Duration::from_secs(400);
/// How often a start that fails is tried again, as a service manager would.
const START_AGAIN: Duration = Duration::from_secs(1);

/// What is left to look at when all is over.
pub(crate) struct Ended {
    pub(crate) log: Log,
    pub(crate) disk: Arc<Disk>,
    /// Contacts that the gateway still had.
    pub(crate) open_contacts: usize,
    /// Whether all contacts came to their end before time was up.
    pub(crate) at_rest: bool,
}

type Present = Rc<RefCell<Option<Arc<Gateway>>>>;

pub(crate) fn simulate(plan: &Plan) -> Result<Ended, String> {
    let settings = Arc::new(settings(plan));
    let disk = Arc::new(Disk::new(plan.seed, plan.settings.disk_takes));
    let (log, trouble, gateway) = (Rc::<RefCell<Log>>::default(), Rc::new(Trouble::default()), Present::default());
    let healed_at = plan.healed_at();
    let until = healed_at.max(last_word(plan)) + REST_WITHIN;
    let mut sim = turmoil::Builder::new()
        .rng_seed(plan.seed)
        .tick_duration(TICK)
        .simulation_duration(until * 2)
        .min_message_latency(Duration::ZERO)
        .max_message_latency(plan.settings.max_latency)
        .tcp_capacity(4096)
        .build();
    sim.host(LANGUAGE, || language().map(|it| it.map_err(Into::into)));
    sim.host(GATEWAY, || run_gateway(Arc::clone(&settings), Arc::clone(&disk), Rc::clone(&gateway)));
    let centre = centre::run(centre::Scene::new(plan, healed_at), Rc::clone(&log), Rc::clone(&trouble));
    let over = Rc::new(Cell::new(false));
    let told = Rc::clone(&over);
    sim.client(ENGINE, async move {
        centre.await;
        told.set(true);
        // Acknowledgements on their way arrive.
        sleep(Duration::from_secs(3)).await;
        Ok(())
    });
    let mut faults = Faults::new(plan);
    loop {
        faults.advance(&mut sim, &disk, &trouble);
        if sim.step().map_err(|error| format!("a machine failed at {:?}: {error}", sim.elapsed()))? {
            break;
        }
        if sim.elapsed() > until {
            break;
        }
    }
    let open_contacts = gateway.borrow().as_ref().map_or(usize::MAX, |it| it.contacts());
    drop(sim);
    Ok(Ended { log: log.take(), disk, open_contacts, at_rest: over.get() })
}

fn last_word(plan: &Plan) -> Duration {
    plan.customers
        .iter()
        .map(|it| it.comes_at + it.steps.iter().map(|(after, _)| *after).sum::<Duration>())
        .max()
        .unwrap_or_default()
}

/// From files, as an administrator would.
fn settings(plan: &Plan) -> Settings {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("usher.toml");
    fs::write(&file, system(&plan.settings)).unwrap();
    fs::create_dir(directory.path().join("profiles")).unwrap();
    fs::write(directory.path().join("profiles/support.toml"), profile(&plan.settings)).unwrap();
    let sources = Sources { config: Some(file), ..Sources::default() };
    match config::load(&sources, &nlp::schemas(), &|_| Err(SecretError::Unknown)) {
        Ok(loaded) => loaded.settings,
        Err(findings) => panic!("{:?}", findings.list.iter().map(|it| it.render(false)).collect::<Vec<_>>()),
    }
}

fn system(knobs: &Knobs) -> String {
    let may_wait = knobs.may_wait;
    let durability = if knobs.is_sync { "sync" } else { "async" };
    format!(
        r#"
[server]
listen = "127.0.0.1:{PORT}"
[store]
durability = "{durability}"
checkpoint_s = 20
[limits.contact]
waiting_inputs = {may_wait}
[[unit]]
name = "{UNIT}"
[[engine]]
id = "engine-1"
token = "{TOKEN}"
units = ["{UNIT}"]
"#
    )
}

fn profile(knobs: &Knobs) -> String {
    let when = |is: bool, text: &'static str| if is { text } else { "" };
    let told = |name: &str| if knobs.tells { name.to_uppercase() } else { String::new() };
    let events: String =
        ["human_returned", "handover_accepted", "handover_failed", "handover_expired", "callback_done"]
            .iter()
            .map(|name| format!("{name} = \"{}\"\n", told(name)))
            .collect();
    let interruption = if knobs.tells_interruption { "event" } else { "retry" };
    format!(
        r#"
name = "support"
unit = "{UNIT}"
type = "dialogflow-v2"
agents = ["{AGENT}"]
agent_password = "secret"
fallback_message = "Sorry."
welcome_event = "{welcome}"
on_uncertain = "{interruption}"
[dialogflow]
project = "p"
endpoint = "http://{LANGUAGE}:{LANGUAGE_PORT}"
[inactivity]
timeout_minutes = 1
timeout_message = "Goodbye."
warn_before_s = {warn}
warning_message = "{WARNING}"
[handover]
queue = "people"
unavailable_message = "Nobody is there."
slow_threshold_ms = {slow}
slow_message = "One moment."
[events]
{events}
turn_interrupted = "{interrupted}"
[[action]]
name = "to_person"
media = "openmedia"
kind = "requeue"
queue = "people"
[[action]]
name = "call_me"
media = "openmedia"
kind = "callback"
queue = "callbacks"
phone_parameter = "phone"
time_parameter = "when"
"#,
        welcome = when(knobs.greets, "WELCOME"),
        interrupted = when(knobs.tells_interruption, "INTERRUPTED"),
        warn = if knobs.warns { 20 } else { 0 },
        slow = if knobs.says_slow { 2000 } else { 0 },
    )
}

async fn run_gateway(settings: Arc<Settings>, disk: Arc<Disk>, present: Present) -> turmoil::Result {
    let clock = Clock::starting_at(BEGINS + turmoil::sim_elapsed().unwrap_or_default());
    loop {
        match serve(&settings, &disk, &clock, &present).await {
            Ok(()) => return Err("the gateway's door was closed".into()),
            Err(Stop::Start) => sleep(START_AGAIN).await,
            Err(Stop::Lost(why)) => return Err(why.into()),
        }
    }
}

enum Stop {
    /// The store cannot be read now.
    Start,
    Lost(String),
}

/// The parts of `app::Running`, on the simulation's network and disk.
async fn serve(settings: &Settings, disk: &Arc<Disk>, clock: &Clock, present: &Present) -> Result<(), Stop> {
    let lost = |error: &dyn std::fmt::Debug| Stop::Lost(format!("{error:?}"));
    let claim = disk.claim("usher").await.map_err(|_unavailable| Stop::Start)?;
    let metrics = Arc::new(Metrics::default());
    let health = Arc::new(Health::default());
    let egress = Egress::new(&settings.egress, clock.clone()).map_err(|error| lost(&error))?;
    let gateway = Gateway::new(Parts {
        clock: clock.clone(),
        store: Arc::clone(disk) as Arc<_>,
        claim,
        durability: settings.store.durability,
        sealer: sealer(),
        scanner: usher::privacy::Scanner::default(),
        limits: settings.limits,
        units: settings.units.clone(),
        roster: roster(settings, clock),
        external: Arc::new(HttpSystems::new(Arc::new(egress))),
        metrics: Arc::clone(&metrics),
        alerts: Arc::new(Alerts::new(Arc::clone(&metrics))),
        health: Arc::clone(&health),
    });
    let recovered = gateway.recover().await.map_err(|_unavailable| Stop::Start)?;
    if recovered.unreadable > 0 || recovered.orphans > 0 {
        return Err(Stop::Lost(format!("after a restart: {recovered:?}")));
    }
    *present.borrow_mut() = Some(Arc::clone(&gateway));
    let (_doors, watch) = watch::channel(Arc::new(Doors::new(settings)));
    let (closing, never) = (CancellationToken::new(), CancellationToken::new());
    let edge = Edge::new(Arc::clone(&gateway), watch, metrics, closing);
    let journal = tokio::spawn(Arc::clone(&gateway).run_journal(never.clone()));
    let timers = tokio::spawn(Arc::clone(&gateway).run_timers(never.clone()));
    let kept = &settings.store;
    let checkpoints = tokio::spawn(Arc::clone(&gateway).run_checkpoints(
        kept.checkpoint_every,
        Kept { timelines: kept.retention, numbers_days: kept.numbers_days },
        never.clone(),
    ));
    let listener = TcpListener::bind(("0.0.0.0", PORT)).await.map_err(|error| lost(&error))?;
    health.started();
    tokio::select! {
        served = engine::serve(accepted(listener), edge, &health) => served.map_err(|error| lost(&error)),
        stopped = journal => Err(lost(&stopped)),
        stopped = timers => Err(lost(&stopped)),
        stopped = checkpoints => Err(lost(&stopped)),
    }
}

fn accepted(listener: TcpListener) -> impl Stream<Item = io::Result<TcpStream>> + Send {
    futures::stream::unfold(listener, |listener| async move {
        let io = listener.accept().await.map(|(io, _)| io);
        Some((io, listener))
    })
}

fn roster(settings: &Settings, clock: &Clock) -> Roster {
    let dial = nlp::Dial::new(|_| {
        async { TcpStream::connect((LANGUAGE, LANGUAGE_PORT)).await.map(|io| Box::new(io) as Box<dyn nlp::Io>) }.boxed()
    });
    let names = Arc::new(Names::new(&[], Duration::ZERO).unwrap());
    let mut deps = nlp::Deps::new(clock.clone(), names);
    deps.dial = dial;
    let served = settings.profiles.iter().map(|profile| {
        let engine = nlp::build(&profile.engines.primary, profile, &deps).unwrap();
        let media = vec![MediaType::OpenMedia];
        Arc::new(Served::new(Arc::clone(&profile.rules), Engines::only(engine), profile.agent_password.clone(), media))
    });
    Roster::new(served.collect())
}

pub(crate) fn dial() -> super::fakes::engine::Dial {
    Arc::new(|| async { TcpStream::connect((GATEWAY, PORT)).await.map(|io| Box::new(io) as Box<_>) }.boxed())
}

async fn language() -> io::Result<()> {
    let listener = Net(TcpListener::bind(("0.0.0.0", LANGUAGE_PORT)).await?);
    let routes = Routes::new(SessionsServer::new(Bot::default())).prepare();
    axum::serve(listener, routes.into_axum_router()).await
}

struct Net(TcpListener);

impl Listener for Net {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            if let Ok(accepted) = self.0.accept().await {
                return accepted;
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// Does what the words of a question ask for.
#[derive(Default)]
struct Bot {
    /// Questions that have failed once.
    failed: Mutex<HashSet<String>>,
}

#[tonic::async_trait]
impl Sessions for Bot {
    type StreamingDetectIntentStream = tokio_stream::Empty<Result<StreamingDetectIntentResponse, Status>>;

    async fn streaming_detect_intent(
        &self,
        _request: Request<Streaming<StreamingDetectIntentRequest>>,
    ) -> Result<Response<Self::StreamingDetectIntentStream>, Status> {
        Err(Status::unimplemented("nobody asks so"))
    }

    async fn detect_intent(
        &self,
        request: Request<DetectIntentRequest>,
    ) -> Result<Response<DetectIntentResponse>, Status> {
        let input = request.into_inner().query_input.and_then(|it| it.input);
        let words = match input {
            Some(query_input::Input::Text(it)) => it.text,
            Some(query_input::Input::Event(it)) => match it.parameters.and_then(|mut it| it.fields.remove("text")) {
                Some(Value { kind: Some(Kind::StringValue(interrupted)) }) => interrupted,
                _ => it.name,
            },
            None => return Err(Status::invalid_argument("no input")),
        };
        let is = |wish: Wish| words.ends_with(wish.word());
        if is(Wish::Refusal) {
            return Err(Status::resource_exhausted("as the plan wants it"));
        }
        if is(Wish::SecondTry) && self.failed.lock().unwrap().insert(words.clone()) {
            return Err(Status::unavailable("as the plan wants it"));
        }
        if is(Wish::NoAnswer) {
            sleep(Duration::from_secs(60)).await;
        } else if is(Wish::LateAnswer) {
            sleep(Duration::from_secs(4)).await;
        }
        let (action, parameters) = if is(Wish::Person) {
            ("to_person", Struct::default())
        } else if is(Wish::Callback) {
            ("call_me", parameters(&[("phone", "+4930901820"), ("when", "2030-01-01T12:00:00Z")]))
        } else {
            ("", Struct::default())
        };
        let intent = Intent {
            display_name: "intent".to_owned(),
            is_fallback: is(Wish::NotUnderstood),
            end_interaction: is(Wish::Goodbye),
            ..Intent::default()
        };
        let text = message::Message::Text(message::Text { text: vec![format!("re {words}")] });
        let result = QueryResult {
            action: action.to_owned(),
            parameters: Some(parameters),
            all_required_params_present: true,
            fulfillment_messages: vec![Message { platform: 0, message: Some(text) }],
            intent: Some(intent),
            intent_detection_confidence: 1.0,
            ..QueryResult::default()
        };
        Ok(Response::new(DetectIntentResponse { query_result: Some(result), ..DetectIntentResponse::default() }))
    }
}

fn parameters(pairs: &[(&str, &str)]) -> Struct {
    let value = |text: &str| Value { kind: Some(Kind::StringValue(text.to_owned())) };
    Struct { fields: pairs.iter().map(|(name, text)| ((*name).to_owned(), value(text))).collect() }
}
