//! A world for random scripts: it says only what a routing engine and a language engine could say, right or wrong, early,
//! late, twice or never; and it knows only what they would have seen.

use std::{
    hash::{BuildHasher, RandomState},
    ops::Range,
};

use proptest::{
    prelude::*,
    strategy::Union,
    test_runner::{RngAlgorithm, RngSeed, TestCaseResult, TestRunner},
};

use super::*;

/// Planted in every sensitive body.
pub(super) const SECRET: &str = "4111-1111";
pub(super) const TYPING_MS: i64 = 800;
pub(super) const SLOW_MS: i64 = 5_000;
pub(super) const WARN_MS: i64 = 60_000;
pub(super) const WARNING: &str = "Are you still there?";
pub(super) const SLOW: &str = "Please wait.";

/// Runs a property on this many cases. The seed is random, and named when the property fails.
#[track_caller]
pub(super) fn repeatable<S: Strategy>(cases: u32, strategy: S, property: impl Fn(S::Value) -> TestCaseResult) {
    let mut config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases) };
    let seed = match config.rng_seed {
        RngSeed::Fixed(seed) => seed,
        RngSeed::Random => RandomState::new().hash_one(()),
    };
    config.rng_seed = RngSeed::Fixed(seed);
    // Without optimisation ChaCha takes three quarters of the time.
    config.rng_algorithm = RngAlgorithm::XorShift;
    if let Err(error) = TestRunner::new(config).run(&strategy, property) {
        panic!("{error}\nto repeat it: PROPTEST_RNG_SEED={seed} (of {cases} cases)");
    }
}

/// What varies between profiles.
#[expect(clippy::struct_excessive_bools, reason = "independent of each other, so that every mixture is tried")]
#[derive(Clone, Debug)]
pub(super) struct Setting {
    welcome: bool,
    events: bool,
    warns: bool,
    slow: bool,
    hands_over: bool,
    open: bool,
    web: bool,
    silent: bool,
    typing: bool,
    canary: bool,
    /// So many standbys.
    standbys: u8,
    long: Option<LongText>,
    on_uncertain: OnUncertain,
}

pub(super) fn setting() -> impl Strategy<Value = Setting> {
    let long = prop_oneof![
        Just(None),
        Just(Some(LongText::Reject)),
        Just(Some(LongText::Split)),
        Just(Some(LongText::Truncate))
    ];
    let on_uncertain = prop_oneof![Just(OnUncertain::Retry), Just(OnUncertain::Event)];
    (any::<[bool; 10]>(), 0_u8..3, long, on_uncertain).prop_map(|(flags, standbys, long, on_uncertain)| {
        let [welcome, events, warns, slow, hands_over, open, web, silent, typing, canary] = flags;
        Setting {
            welcome,
            events,
            warns,
            slow,
            hands_over,
            open,
            web,
            silent,
            typing,
            canary,
            standbys,
            long,
            on_uncertain,
        }
    })
}

impl Setting {
    fn rules(&self) -> Rules {
        let mut rules = rules();
        rules.on_uncertain = self.on_uncertain;
        if self.welcome {
            "welcome".clone_into(&mut rules.welcome_event);
        }
        if self.events {
            rules.events = all_events();
        }
        if self.warns {
            rules.inactivity.warn_before = Duration::from_millis(WARN_MS.unsigned_abs());
            WARNING.clone_into(&mut rules.inactivity.warning_message);
        }
        if self.slow {
            rules.handover.slow_threshold = Duration::from_millis(SLOW_MS.unsigned_abs());
            rules.handover.slow_after = 2;
            SLOW.clone_into(&mut rules.handover.slow_message);
        }
        if self.typing {
            rules.handover.typing_after = Duration::from_millis(TYPING_MS.unsigned_abs());
        }
        rules.chain = chain(self.canary, self.standbys);
        if !self.hands_over {
            rules.handover.to = None;
        }
        if self.silent {
            rules.inactivity.timeout_message.clear();
            rules.text_limit.message.clear();
            rules.handover.unavailable_message.clear();
        }
        if let Some(policy) = self.long {
            rules.text_limit.characters = LONG_OVER;
            rules.text_limit.policy = policy;
        }
        rules
    }
}

/// Longer texts are long; every word of ours is shorter.
const LONG_OVER: usize = 14;

#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Plain,
    Nothing,
    Puzzled,
    End,
    LiveAgent,
    Human,
    Closed,
    Callback,
    BadCallback,
    LookUp,
    LookUpAndEnd,
    Show,
    ShowAndEnd,
    Unknown,
    Incomplete,
}

#[derive(Clone, Debug)]
pub(super) enum Move {
    Wait(i64),
    /// Until this many milliseconds after what is due.
    WaitForDue(i64),
    Say {
        long: bool,
        sensitive: bool,
        /// Of input.
        kind: u8,
    },
    Repeat(usize),
    Typing,
    Answer(Kind),
    Fail(FailureKind),
    /// The canary is given up.
    RollBack,
    /// To any question so far.
    OldAnswer(usize, Kind),
    OldFailure(usize),
    External(bool),
    OldExternal(usize, bool),
    Deliver(usize),
    DeliverAll,
    /// Of the last command.
    Outcome(Outcome),
    /// Of any number, sent or not.
    OldOutcome(u32, Outcome),
    Return,
    OldReturn(u32),
    Left,
    EngineAway,
    Restart,
}

impl Move {
    /// Whether a contact that was read back before it does the same: not if a sensitive body was lost on the way.
    pub(super) const fn is_plain(&self) -> bool {
        !matches!(self, Self::Say { sensitive: true, .. } | Self::Restart | Self::RollBack)
    }
}

pub(super) fn moves(length: Range<usize>) -> impl Strategy<Value = Vec<Move>> {
    proptest::collection::vec(a_move(), length)
}

fn a_move() -> impl Strategy<Value = Move> {
    let number = 0_usize..12;
    let seq = 0_u32..14;
    Union::new_weighted(vec![
        (4, (0_i64..70_000).prop_map(Move::Wait).boxed()),
        (5, (-1_i64..=1).prop_map(Move::WaitForDue).boxed()),
        (
            16,
            (prop::bool::weighted(0.2), prop::bool::weighted(0.2), 0_u8..8)
                .prop_map(|(long, sensitive, kind)| Move::Say { long, sensitive, kind })
                .boxed(),
        ),
        (2, number.clone().prop_map(Move::Repeat).boxed()),
        (2, Just(Move::Typing).boxed()),
        (18, kind().prop_map(Move::Answer).boxed()),
        (6, failure().prop_map(Move::Fail).boxed()),
        (1, Just(Move::RollBack).boxed()),
        (2, (number.clone(), kind()).prop_map(|(n, kind)| Move::OldAnswer(n, kind)).boxed()),
        (1, number.clone().prop_map(Move::OldFailure).boxed()),
        (5, any::<bool>().prop_map(Move::External).boxed()),
        (1, (number.clone(), any::<bool>()).prop_map(|(n, ok)| Move::OldExternal(n, ok)).boxed()),
        (3, number.prop_map(Move::Deliver).boxed()),
        (8, Just(Move::DeliverAll).boxed()),
        (10, an_outcome().prop_map(Move::Outcome).boxed()),
        (2, (seq.clone(), an_outcome()).prop_map(|(seq, outcome)| Move::OldOutcome(seq, outcome)).boxed()),
        (5, Just(Move::Return).boxed()),
        (1, seq.prop_map(Move::OldReturn).boxed()),
        (1, prop_oneof![Just(Move::Left), Just(Move::EngineAway)].boxed()),
        (2, Just(Move::Restart).boxed()),
    ])
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        6 => Just(Kind::Plain),
        1 => Just(Kind::Nothing),
        4 => Just(Kind::Puzzled),
        2 => Just(Kind::End),
        1 => Just(Kind::LiveAgent),
        4 => Just(Kind::Human),
        1 => Just(Kind::Closed),
        2 => Just(Kind::Callback),
        1 => Just(Kind::BadCallback),
        3 => Just(Kind::LookUp),
        1 => Just(Kind::LookUpAndEnd),
        2 => Just(Kind::Show),
        1 => Just(Kind::ShowAndEnd),
        1 => Just(Kind::Unknown),
        1 => Just(Kind::Incomplete),
    ]
}

fn failure() -> impl Strategy<Value = FailureKind> {
    prop_oneof![
        Just(FailureKind::Unavailable),
        Just(FailureKind::Deadline),
        Just(FailureKind::Quota),
        Just(FailureKind::Interrupted)
    ]
}

fn an_outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        3 => Just(Outcome::Done),
        2 => Just(Outcome::Offered),
        3 => Just(Outcome::Accepted),
        2 => Just(Outcome::Failed),
        2 => Just(Outcome::Expired),
        2 => Just(Outcome::Superseded),
    ]
}

pub(super) fn answer(kind: Kind) -> Answer {
    let url = json!({"uri": "https://crm.example/find", "page": "https://shop.example/basket"});
    let ending = |answer| Answer { end_interaction: true, ..answer };
    match kind {
        Kind::Plain => says("Fine."),
        Kind::Nothing => Answer { replies: Vec::new(), ..says("") },
        Kind::Puzzled => puzzled("Pardon?"),
        Kind::End => ending(says("Bye.")),
        Kind::LiveAgent => Answer { live_agent_handoff: true, ..says("A person comes.") },
        Kind::Human => asks_for("human", "One moment.", json!({})),
        Kind::Closed => asks_for("closed", "One moment.", json!({})),
        Kind::Callback => {
            asks_for("callback", "We call.", json!({"phone": "+49301234567", "when": "2026-11-25T10:00:00Z"}))
        }
        Kind::BadCallback => asks_for("callback", "We call.", json!({"phone": "?", "when": "2026-11-25T10:00:00Z"})),
        Kind::LookUp => asks_for("look_up", "Let me see.", url),
        Kind::LookUpAndEnd => ending(asks_for("look_up", "Let me see.", url)),
        Kind::Show => asks_for("show", "Look.", url),
        Kind::ShowAndEnd => ending(asks_for("show", "Look.", url)),
        Kind::Unknown => asks_for("no_such_action", "Hm.", json!({})),
        Kind::Incomplete => {
            Answer { parameters_complete: false, ..ending(asks_for("human", "Which department?", json!({}))) }
        }
    }
}

pub(super) struct World {
    pub(super) rules: Rules,
    pub(super) directory: Directory,
    pub(super) contact: Contact,
    /// What the start led to.
    pub(super) first: Vec<Step>,
    pub(super) greeting: Vec<Effect>,
    pub(super) now_ms: i64,
    pub(super) rolled_back: bool,
    messages: Vec<Event>,
    asked: Vec<(Turn, Epoch)>,
    queried: Vec<ActionSeq>,
    sent: Vec<ActionSeq>,
    requeued: ActionSeq,
}

impl World {
    pub(super) fn new(setting: &Setting) -> Self {
        let rules = setting.rules();
        let mut directory = directory();
        for queue in directory.queues.values_mut() {
            queue.open &= setting.open;
        }
        let media = if setting.web { MediaType::WebInteraction } else { MediaType::OpenMedia };
        let mut out = Out::default();
        let cx = Context { rules: &rules, directory: &directory, now: Timestamp(T0), rolled_back: false };
        let first = setting.canary.then(EngineName::canary);
        let contact = Contact::start(card(media), false, first, cx, &mut out);
        let mut world = Self {
            rules,
            directory,
            contact,
            first: out.steps.clone(),
            greeting: out.effects.clone(),
            now_ms: T0,
            rolled_back: false,
            messages: Vec::new(),
            asked: Vec::new(),
            queried: Vec::new(),
            sent: Vec::new(),
            requeued: ActionSeq(0),
        };
        world.see(&out);
        world
    }

    pub(super) const fn now(&self) -> Timestamp {
        Timestamp(self.now_ms)
    }

    pub(super) fn apply(&mut self, event: &Event) -> Out {
        if *event == Event::Recovered {
            self.contact = Contact::from_snapshot(&self.contact.snapshot().unwrap()).unwrap();
        }
        let mut out = Out::default();
        let cx =
            Context { rules: &self.rules, directory: &self.directory, now: self.now(), rolled_back: self.rolled_back };
        self.contact.on_event(event.clone(), cx, &mut out);
        self.see(&out);
        out
    }

    fn see(&mut self, out: &Out) {
        for effect in &out.effects {
            match effect {
                Effect::Ask { turn, epoch, .. } => self.asked.push((*turn, *epoch)),
                Effect::External { seq, .. } => self.queried.push(*seq),
                Effect::Send { seq, command } => {
                    self.sent.push(*seq);
                    if matches!(**command, Command::Requeue { .. }) {
                        self.requeued = *seq;
                    }
                }
                Effect::Tell { .. } | Effect::Typing | Effect::Busy(_) | Effect::ContactEnded(_) | Effect::Close => {}
            }
        }
    }

    /// A move as events; time may pass before them.
    pub(super) fn events(&mut self, it: &Move) -> Vec<Event> {
        let event = match it {
            Move::Wait(ms) => {
                self.now_ms += ms;
                Some(Event::Tick)
            }
            Move::WaitForDue(after_ms) => {
                let due = self.contact.due(&self.rules).map_or(0, |due| due.0 + after_ms);
                self.now_ms = self.now_ms.max(due);
                Some(Event::Tick)
            }
            Move::Say { long, sensitive, kind } => Some(self.say(*long, *sensitive, *kind)),
            Move::Repeat(n) => pick(&self.messages, *n),
            Move::Typing => Some(Event::Typing),
            Move::Answer(kind) => self.asked.last().map(|at| answer_to(*at, *kind)),
            Move::RollBack => {
                self.rolled_back = true;
                None
            }
            Move::OldAnswer(n, kind) => pick(&self.asked, *n).map(|at| answer_to(at, *kind)),
            Move::Fail(kind) => self.asked.last().map(|(turn, epoch)| failed(turn.0, epoch.0, *kind)),
            Move::OldFailure(n) => {
                pick(&self.asked, *n).map(|(turn, epoch)| failed(turn.0, epoch.0, FailureKind::Deadline))
            }
            Move::External(ok) => self.queried.last().map(|seq| external_result(*seq, *ok)),
            Move::OldExternal(n, ok) => pick(&self.queried, *n).map(|seq| external_result(seq, *ok)),
            Move::Deliver(n) => pick(&self.sent, *n).map(Event::Delivered),
            Move::DeliverAll => return self.contact.undelivered().map(|(seq, _)| Event::Delivered(seq)).collect(),
            Move::Outcome(result) => self.sent.last().map(|seq| outcome(seq.0, *result)),
            Move::OldOutcome(seq, result) => Some(outcome(*seq, *result)),
            Move::Return => Some(self.returned(self.requeued)),
            Move::OldReturn(from) => Some(self.returned(ActionSeq(*from))),
            Move::Left => Some(left()),
            Move::EngineAway => Some(Event::EngineAway),
            Move::Restart => Some(Event::Recovered),
        };
        event.into_iter().collect()
    }

    fn say(&mut self, long: bool, sensitive: bool, kind: u8) -> Event {
        let number = self.messages.len();
        let word = if sensitive { format!("#{number}.{SECRET}") } else { format!("#{number}") };
        let text = if long { [word.as_str(); 8].join(" ") } else { word };
        let input = match kind {
            0 => Input::Dtmf(text),
            1 => Input::Structured([("field".to_owned(), text.into())].into_iter().collect()),
            2 => Input::Event { name: text, parameters: Parameters::new() },
            _ => Input::Text(text),
        };
        let id = MessageId::new(&number.to_string()).unwrap();
        let event = Event::Message { id, input, sensitive };
        self.messages.push(event.clone());
        event
    }

    fn returned(&self, from: ActionSeq) -> Event {
        Event::Returned { card: Box::new(self.contact.card().clone()), from }
    }
}

fn pick<T: Clone>(from: &[T], n: usize) -> Option<T> {
    from.get(n.checked_rem(from.len())?).cloned()
}

fn answer_to((turn, epoch): (Turn, Epoch), kind: Kind) -> Event {
    Event::Answered { turn, epoch, answer: Box::new(answer(kind)) }
}

fn external_result(seq: ActionSeq, ok: bool) -> Event {
    if ok { external(seq.0, "Found it.") } else { external_failed(seq.0) }
}
