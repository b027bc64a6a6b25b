//! Everything that is counted, by name. `docs/operations.md` explains each; a test compares the two.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use super::{
    cells::{Counter, Family, Gauge, Histogram, Page},
    engines::{EngineCells, EngineList},
    labels::{
        ActionLabel, BusyCause, ConnectorBadFrame, ConnectorClose, EndKind, HandoverCause, QuotaClass, SignIn, Stage,
        TokenKind,
    },
};
use crate::{
    core::{
        agent::Standing,
        contact::Outcome,
        ids::{ProfileName, UnitName},
        message::{FailureKind, MediaType},
    },
    problem::ProblemKind,
};

#[derive(Debug, Default)]
pub struct Metrics {
    started: Family<MediaType, Counter>,
    ended: Family<EndKind, Counter>,
    messages: Counter,
    duplicates: Counter,
    busy: Family<BusyCause, Counter>,
    frames_refused: Counter,
    engine_problems: Family<ProblemKind, Counter>,
    not_understood: Counter,
    failures: Family<FailureKind, Counter>,
    fail_overs: Family<FailureKind, Counter>,
    quota_waiting: Family<QuotaClass, Gauge>,
    quota_granted: Family<QuotaClass, Counter>,
    quota_refused: Family<QuotaClass, Counter>,
    stale_answers: Counter,
    timeouts: Counter,
    handovers: Family<HandoverCause, Counter>,
    handover_outcomes: Family<Outcome, Counter>,
    actions_done: Family<ActionLabel, Counter>,
    actions_failed: Family<ActionLabel, Counter>,
    unknown_actions: Counter,
    token_kinds: Family<TokenKind, Counter>,
    stages: Family<Stage, Histogram>,
    connector_closes: Family<ConnectorClose, Counter>,
    connector_bad_frames: Family<ConnectorBadFrame, Counter>,
    connector_problems: Family<ProblemKind, Counter>,
    connector_turns_moved: Counter,
    connector_late_replies: Counter,
    sign_ins: Family<SignIn, Counter>,
    agents: Family<Standing, Gauge>,
    journal_lag_ms: Gauge,
    /// Protects the list of token gauges; taken when a profile is built and at a scrape, never for a message.
    tokens: Mutex<BTreeMap<(UnitName, ProfileName), Weak<Gauge>>>,
    engines: EngineList,

    /// Open contacts.
    pub contacts: Gauge,
    /// Contacts in the store whose keys have been destroyed.
    pub erased_contacts: Gauge,
    /// Language-engine calls and external queries under way.
    pub running_calls: Gauge,
    /// Customer inputs that wait behind a running turn, of all contacts.
    pub waiting_inputs: Gauge,
    /// Journal records that wait for their commit.
    pub journal_backlog: Gauge,
    /// Attached lanes of routing engines.
    pub lanes: Gauge,
    /// Attached sockets of connectors.
    pub connector_sockets: Gauge,
    /// Turns that connectors have, or that wait for one.
    pub connector_turns: Gauge,
    /// Alerts that wait for somebody.
    pub alerts: Gauge,
}

impl Metrics {
    pub fn contact_started(&self, media: MediaType) {
        self.started.with(media, Counter::increment);
    }

    pub fn contact_ended(&self, end: EndKind) {
        self.ended.with(end, Counter::increment);
    }

    /// A customer's message was taken in.
    pub fn message(&self) {
        self.messages.increment();
    }

    /// A message was dropped because we have it already.
    pub fn duplicate_message(&self) {
        self.duplicates.increment();
    }

    pub fn busy(&self, cause: BusyCause) {
        self.busy.with(cause, Counter::increment);
    }

    /// A routing engine's frame could not be read or acted on.
    pub fn frame_refused(&self) {
        self.frames_refused.increment();
    }

    /// A routing engine was not let in, or lost its stream.
    pub fn engine_problem(&self, kind: ProblemKind) {
        self.engine_problems.with(kind, Counter::increment);
    }

    pub fn not_understood(&self) {
        self.not_understood.increment();
    }

    /// A language engine did not answer.
    pub fn failure(&self, kind: FailureKind) {
        self.failures.with(kind, Counter::increment);
    }

    /// A question went to the next engine of the chain, after a failure of this kind (B7).
    pub fn fail_over(&self, kind: FailureKind) {
        self.fail_overs.with(kind, Counter::increment);
    }

    /// A question begins (1) or ends (-1) to wait for its turn within an engine's quota (B12).
    pub fn quota_waiting(&self, class: QuotaClass, change: i64) {
        self.quota_waiting.with(class, |it| it.add(change));
    }

    /// A question had its turn within a quota.
    pub fn quota_granted(&self, class: QuotaClass) {
        self.quota_granted.with(class, Counter::increment);
    }

    /// A question could not have its turn before its deadline.
    pub fn quota_refused(&self, class: QuotaClass) {
        self.quota_refused.with(class, Counter::increment);
    }

    /// An answer came too late for its turn and was dropped (B1).
    pub fn stale_answer(&self) {
        self.stale_answers.increment();
    }

    /// The inactivity clock ran out.
    pub fn timeout(&self) {
        self.timeouts.increment();
    }

    pub fn handover(&self, cause: HandoverCause) {
        self.handovers.with(cause, Counter::increment);
    }

    pub fn handover_outcome(&self, outcome: Outcome) {
        self.handover_outcomes.with(outcome, Counter::increment);
    }

    pub fn action(&self, action: ActionLabel, ok: bool) {
        let results = if ok { &self.actions_done } else { &self.actions_failed };
        results.with(action, Counter::increment);
    }

    /// The language engine asked for an action that nobody configured (S24).
    pub fn unknown_action(&self) {
        self.unknown_actions.increment();
    }

    /// So many times something private became a token.
    pub fn tokens(&self, kind: TokenKind, count: u32) {
        self.token_kinds.with(kind, |it| it.add(count.into()));
    }

    /// A connector's socket ended.
    pub fn connector_closed(&self, why: ConnectorClose) {
        self.connector_closes.with(why, Counter::increment);
    }

    pub fn connector_bad_frame(&self, what: ConnectorBadFrame) {
        self.connector_bad_frames.with(what, Counter::increment);
    }

    /// A connector was not let in.
    pub fn connector_problem(&self, kind: ProblemKind) {
        self.connector_problems.with(kind, Counter::increment);
    }

    /// A turn of a lost socket went to another one.
    pub fn connector_turn_moved(&self) {
        self.connector_turns_moved.increment();
    }

    /// A connector answered a turn that did not wait for it.
    pub fn connector_late_reply(&self) {
        self.connector_late_replies.increment();
    }

    /// Somebody has tried to sign in to the Web Manager.
    pub fn sign_in(&self, result: SignIn) {
        self.sign_ins.with(result, Counter::increment);
    }

    pub fn stage(&self, stage: Stage, span: Duration) {
        self.stages.with(stage, |it| it.record(span));
    }

    /// The age of the oldest record that waits for its commit.
    pub fn journal_lag(&self, lag: Duration) {
        self.journal_lag_ms.set(i64::try_from(lag.as_millis()).unwrap_or(i64::MAX));
    }

    /// A virtual agent changed its standing. `from` is `None` for a new one, `to` is `None` for one that is gone.
    pub fn agent_moved(&self, from: Option<Standing>, to: Option<Standing>) {
        if let Some(from) = from {
            self.agents.with(from, Gauge::decrement);
        }
        if let Some(to) = to {
            self.agents.with(to, Gauge::increment);
        }
    }

    /// For the holder of a profile's access token to keep: the Unix time in seconds until which the token is valid, 0 while
    /// there is none. It is shown for as long as somebody keeps it.
    #[must_use]
    pub fn token_valid_until(&self, unit: &UnitName, profile: &ProfileName) -> Arc<Gauge> {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.retain(|_, gauge| gauge.strong_count() > 0);
        let held = tokens.entry((unit.clone(), profile.clone())).or_default();
        held.upgrade().unwrap_or_else(|| {
            let gauge = Arc::default();
            *held = Arc::downgrade(&gauge);
            gauge
        })
    }

    /// For whoever asks one of a profile's engines to keep; shown for as long as somebody keeps it.
    #[must_use]
    pub fn engine(&self, unit: &UnitName, profile: &ProfileName, engine: &str) -> Arc<EngineCells> {
        self.engines.of(unit, profile, engine)
    }

    /// All of it in Prometheus' text format.
    #[must_use]
    pub fn render(&self) -> String {
        let mut page = Page::default();
        page.head("usher_build_info", "Always 1; the version is in the label.", "gauge");
        page.sample("usher_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
        self.render_contacts(&mut page);
        self.render_answers(&mut page);
        self.render_actions(&mut page);
        self.render_connectors(&mut page);
        self.render_gauges(&mut page);
        self.engines.render(&mut page);
        page.into_text()
    }

    fn render_contacts(&self, page: &mut Page) {
        page.gauge("usher_contacts", "Open contacts.", &self.contacts);
        page.counters("usher_contacts_started_total", "Contacts that began, by media type.", &self.started);
        page.counters("usher_contacts_ended_total", "Contacts that ended, by how.", &self.ended);
        page.counter("usher_messages_total", "Customer messages taken in.", &self.messages);
        page.counter(
            "usher_duplicate_messages_total",
            "Customer messages dropped because they were known already.",
            &self.duplicates,
        );
        page.counters(
            "usher_tokens_total",
            "What was private in customers' words and became a token, by kind.",
            &self.token_kinds,
        );
        page.counters("usher_busy_total", "New work refused, by the bound that was reached.", &self.busy);
        page.counter(
            "usher_frames_refused_total",
            "Frames of routing engines that were refused for their content.",
            &self.frames_refused,
        );
        page.counters(
            "usher_engine_problems_total",
            "Routing engines not let in, and streams ended for cause, by problem.",
            &self.engine_problems,
        );
        page.counter("usher_timeouts_total", "Contacts whose inactivity clock ran out.", &self.timeouts);
    }

    fn render_answers(&self, page: &mut Page) {
        page.histograms("usher_stage_seconds", "Time spent, by stage.", &self.stages);
        page.counter(
            "usher_not_understood_total",
            "Inputs the language engine did not understand.",
            &self.not_understood,
        );
        page.counters(
            "usher_failures_total",
            "Questions to a language engine that brought no answer, by kind.",
            &self.failures,
        );
        page.counters(
            "usher_fail_overs_total",
            "Questions that went to the next engine of their chain, by what the one before failed with.",
            &self.fail_overs,
        );
        page.gauges(
            "usher_quota_waiting",
            "Questions that wait for their turn within an engine's quota, by class.",
            &self.quota_waiting,
        );
        page.counters(
            "usher_quota_granted_total",
            "Questions that had their turn within a quota.",
            &self.quota_granted,
        );
        page.counters(
            "usher_quota_refused_total",
            "Questions whose turn within a quota could not come before their deadline.",
            &self.quota_refused,
        );
        page.counter(
            "usher_stale_answers_total",
            "Answers dropped because their turn was over when they came.",
            &self.stale_answers,
        );
    }

    fn render_actions(&self, page: &mut Page) {
        page.counters("usher_handovers_total", "Contacts offered to a person, by cause.", &self.handovers);
        page.counters(
            "usher_handover_outcomes_total",
            "What the routing engine reported of handovers.",
            &self.handover_outcomes,
        );
        page.head("usher_actions_total", "Actions carried out, by kind and result.", "counter");
        for (counters, result) in [(&self.actions_done, "ok"), (&self.actions_failed, "failed")] {
            for (action, counter) in counters.iter() {
                let action = super::labels::Label::text(action);
                page.sample("usher_actions_total", &[("action", action), ("result", result)], counter.get());
            }
        }
        page.counter(
            "usher_unknown_actions_total",
            "Actions the language engine asked for that are not configured.",
            &self.unknown_actions,
        );
    }

    fn render_connectors(&self, page: &mut Page) {
        page.gauge("usher_connector_sockets", "Attached sockets of connectors.", &self.connector_sockets);
        page.gauge("usher_connector_turns", "Turns that connectors have, or that wait for one.", &self.connector_turns);
        page.counter(
            "usher_connector_turns_moved_total",
            "Turns of a lost socket that went to another one.",
            &self.connector_turns_moved,
        );
        page.counter(
            "usher_connector_late_replies_total",
            "Replies of connectors to turns that did not wait for them.",
            &self.connector_late_replies,
        );
        page.counters(
            "usher_connector_bad_frames_total",
            "Frames of connectors that could not be used, by what was wrong.",
            &self.connector_bad_frames,
        );
        page.counters(
            "usher_connector_closes_total",
            "Sockets of connectors that ended, by why.",
            &self.connector_closes,
        );
        page.counters(
            "usher_connector_problems_total",
            "Connectors that were not let in, by problem.",
            &self.connector_problems,
        );
    }

    fn render_gauges(&self, page: &mut Page) {
        page.gauge(
            "usher_erased_contacts",
            "Contacts in the store whose keys have been destroyed.",
            &self.erased_contacts,
        );
        page.gauge("usher_running_calls", "Language-engine calls and external queries under way.", &self.running_calls);
        page.gauge("usher_waiting_inputs", "Customer inputs waiting behind a running turn.", &self.waiting_inputs);
        page.gauge("usher_journal_backlog", "Journal records waiting for their commit.", &self.journal_backlog);
        page.head("usher_journal_lag_seconds", "Age of the oldest record waiting for its commit.", "gauge");
        let lag = u64::try_from(self.journal_lag_ms.get()).unwrap_or(0);
        page.sample("usher_journal_lag_seconds", &[], Duration::from_millis(lag).as_secs_f64());
        page.gauge("usher_lanes", "Attached lanes of routing engines.", &self.lanes);
        page.gauges("usher_agents", "Virtual agents, by the state of their log-on.", &self.agents);
        page.head(
            "usher_token_valid_until_timestamp_seconds",
            "Unix time until which the profile's access token is valid; 0 while there is none.",
            "gauge",
        );
        let tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        for ((unit, profile), gauge) in tokens.iter() {
            if let Some(gauge) = gauge.upgrade() {
                let labels = [("unit", unit.as_str()), ("profile", profile.as_str())];
                page.sample("usher_token_valid_until_timestamp_seconds", &labels, gauge.get());
            }
        }
        drop(tokens);
        page.counters("usher_sign_ins_total", "Sign-ins to the Web Manager, by what became of them.", &self.sign_ins);
        page.gauge("usher_alerts", "Alerts that wait for somebody.", &self.alerts);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn has(metrics: &Metrics, sample: &str) {
        let page = metrics.render();
        assert!(page.lines().any(|it| it == sample), "no `{sample}` in\n{page}");
    }

    #[test]
    fn each_method_counts_what_it_names() {
        let metrics = Metrics::default();
        metrics.contact_started(MediaType::WebInteraction);
        has(&metrics, "usher_contacts_started_total{media=\"webinteraction\"} 1");
        has(&metrics, "usher_contacts_started_total{media=\"openmedia\"} 0");
        metrics.contact_ended(EndKind::Inactivity);
        has(&metrics, "usher_contacts_ended_total{end=\"inactivity\"} 1");
        metrics.message();
        has(&metrics, "usher_messages_total 1");
        metrics.duplicate_message();
        has(&metrics, "usher_duplicate_messages_total 1");
        metrics.busy(BusyCause::Journal);
        has(&metrics, "usher_busy_total{cause=\"journal\"} 1");
        metrics.not_understood();
        has(&metrics, "usher_not_understood_total 1");
        metrics.failure(FailureKind::Quota);
        has(&metrics, "usher_failures_total{kind=\"quota\"} 1");
        metrics.stale_answer();
        has(&metrics, "usher_stale_answers_total 1");
        metrics.timeout();
        has(&metrics, "usher_timeouts_total 1");
        metrics.handover(HandoverCause::NotUnderstood);
        has(&metrics, "usher_handovers_total{cause=\"not_understood\"} 1");
        metrics.handover_outcome(Outcome::Expired);
        has(&metrics, "usher_handover_outcomes_total{outcome=\"expired\"} 1");
        metrics.action(ActionLabel::External, true);
        metrics.action(ActionLabel::External, false);
        metrics.action(ActionLabel::External, false);
        has(&metrics, "usher_actions_total{action=\"external\",result=\"ok\"} 1");
        has(&metrics, "usher_actions_total{action=\"external\",result=\"failed\"} 2");
        metrics.tokens(TokenKind::Iban, 2);
        has(&metrics, "usher_tokens_total{kind=\"iban\"} 2");
        metrics.unknown_action();
        has(&metrics, "usher_unknown_actions_total 1");
        metrics.journal_lag(Duration::from_millis(1_250));
        has(&metrics, "usher_journal_lag_seconds 1.25");
        metrics.stage(Stage::Ask, Duration::from_millis(20));
        has(&metrics, "usher_stage_seconds_bucket{stage=\"ask\",le=\"0.01\"} 0");
        has(&metrics, "usher_stage_seconds_bucket{stage=\"ask\",le=\"0.025\"} 1");
        has(&metrics, "usher_stage_seconds_sum{stage=\"ask\"} 0.02");
    }

    #[test]
    fn agents_are_counted_where_they_stand() {
        let metrics = Metrics::default();
        metrics.agent_moved(None, Some(Standing::LoggingOn));
        metrics.agent_moved(None, Some(Standing::LoggingOn));
        metrics.agent_moved(Some(Standing::LoggingOn), Some(Standing::LoggedOn));
        has(&metrics, "usher_agents{state=\"logging_on\"} 1");
        has(&metrics, "usher_agents{state=\"logged_on\"} 1");
        metrics.agent_moved(Some(Standing::LoggedOn), None);
        has(&metrics, "usher_agents{state=\"logged_on\"} 0");
    }

    #[test]
    fn a_token_is_shown_while_somebody_holds_it() {
        let metrics = Metrics::default();
        let (unit, profile) = (UnitName::new("north").unwrap(), ProfileName::new("support").unwrap());
        let token = metrics.token_valid_until(&unit, &profile);
        token.set(1_800_000_000);
        // Built anew at a reload, while the old one is still in use.
        let again = metrics.token_valid_until(&unit, &profile);
        drop(token);
        let sample = "usher_token_valid_until_timestamp_seconds{unit=\"north\",profile=\"support\"} 1800000000";
        has(&metrics, sample);
        drop(again);
        assert!(!metrics.render().contains("profile=\"support\""), "{}", metrics.render());
    }

    #[test]
    fn every_metric_is_described_once_and_every_sample_belongs_to_one() {
        let page = Metrics::default().render();
        let mut known = std::collections::BTreeSet::new();
        for line in page.lines() {
            if let Some(described) = line.strip_prefix("# TYPE ") {
                let name = described.split(' ').next().unwrap();
                assert!(known.insert(name.to_owned()), "{name} is described twice");
            } else if !line.starts_with('#') {
                let name = line.split(['{', ' ']).next().unwrap();
                let name = name.trim_end_matches("_bucket").trim_end_matches("_sum").trim_end_matches("_count");
                assert!(known.contains(name), "{line} before its description");
            }
        }
        assert!(known.len() > 20);
    }
}
