//! Whether what is configured fits what the routing engine has: who may be a virtual agent (S3, S4, S16), and whether the
//! queues and targets that profiles name are there.
//!
//! Logging on is `agent`'s matter; how findings stay visible is `gateway::alerts`'.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    fmt,
};

use super::{
    action::{ActionKind, ActionRule},
    directory::{Directory, SignOn, User},
    ids::{ProfileName, QueueId, SpeechTargetId, UnitName, UserId},
    message::MediaType,
    profile::{Destination, Rules},
    said::{Said, said},
};

/// The routing engine's names have no bound of their own; what a finding quotes of them has.
const MAX_NAME_CHARACTERS: usize = 60;

/// Something that an administrator has to mend, in the contact centre or here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub subject: Subject,
    pub problem: Problem,
    /// What is wrong, in a sentence.
    pub text: Said,
    pub mending: Said,
}

/// Whom or what a finding is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    User(UserId),
    Profile(ProfileName),
    Action { media: MediaType, name: String },
}

impl Subject {
    #[must_use]
    pub fn tell(&self) -> Said {
        match self {
            Self::User(user) => said!("user {}", user),
            Self::Profile(profile) => said!("profile {}", profile),
            Self::Action { media, name } => said!("action {} ({})", name, media.label()),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tell().fmt(f)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Problem {
    /// S3
    WindowsSignOn,
    /// S3
    Saml2SignOn,
    /// S4
    AutomaticPostProcessing,
    /// S4
    MandatoryWrapUpReason,
    /// S16
    NoAgentRights,
    /// S16
    UnknownUser,
    /// S16
    AssignedTwice,
    UnknownQueue,
    QueueOfOtherMedia,
    UnknownTarget,
}

impl Problem {
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::WindowsSignOn => "windows_sign_on",
            Self::Saml2SignOn => "saml2_sign_on",
            Self::AutomaticPostProcessing => "automatic_post_processing",
            Self::MandatoryWrapUpReason => "mandatory_wrap_up_reason",
            Self::NoAgentRights => "no_agent_rights",
            Self::UnknownUser => "unknown_user",
            Self::AssignedTwice => "assigned_twice",
            Self::UnknownQueue => "unknown_queue",
            Self::QueueOfOtherMedia => "queue_of_other_media",
            Self::UnknownTarget => "unknown_target",
        }
    }
}

/// Why a user may not serve as a virtual agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    NoAgentRights,
    WindowsSignOn,
    Saml2SignOn,
    AutomaticPostProcessing,
    MandatoryWrapUpReason,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tell().fmt(f)
    }
}

impl Error for Unfit {}

impl Unfit {
    const fn problem(self) -> Problem {
        match self {
            Self::NoAgentRights => Problem::NoAgentRights,
            Self::WindowsSignOn => Problem::WindowsSignOn,
            Self::Saml2SignOn => Problem::Saml2SignOn,
            Self::AutomaticPostProcessing => Problem::AutomaticPostProcessing,
            Self::MandatoryWrapUpReason => Problem::MandatoryWrapUpReason,
        }
    }

    const fn mending(self) -> Said {
        match self {
            Self::NoAgentRights => said!("give the user agent rights in the contact centre, or assign another user"),
            Self::WindowsSignOn | Self::Saml2SignOn => {
                said!("set the user's sign-on method to password in the contact centre, or assign another user")
            }
            Self::AutomaticPostProcessing => {
                said!("switch automatic post-processing off for the user in the contact centre, or assign another user")
            }
            Self::MandatoryWrapUpReason => said!(
                "switch the mandatory wrap-up reason off for the user in the contact centre, or assign another user"
            ),
        }
    }

    fn tell(self) -> Said {
        match self {
            Self::NoAgentRights => said!("has no agent rights"),
            Self::WindowsSignOn => said!("signs on by Windows; only the native password works for virtual agents"),
            Self::Saml2SignOn => said!("signs on by SAML2; only the native password works for virtual agents"),
            Self::AutomaticPostProcessing => said!("has automatic post-processing"),
            Self::MandatoryWrapUpReason => said!("must give a wrap-up reason after each contact"),
        }
    }
}

/// Whether the user may be logged on as a virtual agent (S3, S4, S16).
///
/// # Errors
/// The first reason why not; [`check`] reports them all.
pub fn may_log_on(user: &User) -> Result<(), Unfit> {
    unfit(user).next().map_or(Ok(()), Err)
}

/// All that keeps a user from being a virtual agent.
pub fn unfit(user: &User) -> impl Iterator<Item = Unfit> {
    let sign_on = match user.sign_on {
        SignOn::Password => None,
        SignOn::Windows => Some(Unfit::WindowsSignOn),
        SignOn::Saml2 => Some(Unfit::Saml2SignOn),
    };
    [
        (!user.agent_rights).then_some(Unfit::NoAgentRights),
        sign_on,
        user.automatic_post_processing.then_some(Unfit::AutomaticPostProcessing),
        user.mandatory_wrap_up_reason.then_some(Unfit::MandatoryWrapUpReason),
    ]
    .into_iter()
    .flatten()
}

/// What in the unit's profiles does not fit its directory. Profiles of other business units are none of its business (S5).
/// The order depends on the names alone.
#[must_use]
pub fn check(unit: &UnitName, directory: &Directory, profiles: &[&Rules]) -> Vec<Finding> {
    let profiles: Vec<&Rules> = profiles.iter().copied().filter(|it| it.unit == *unit).collect();
    let mut findings = check_users(directory, &profiles);
    findings.extend(check_destinations(directory, &profiles));
    findings
}

fn check_users(directory: &Directory, profiles: &[&Rules]) -> Vec<Finding> {
    let mut served: BTreeMap<&UserId, BTreeSet<&ProfileName>> = BTreeMap::new();
    for rules in profiles {
        for user in &rules.agents {
            served.entry(user).or_default().insert(&rules.profile);
        }
    }
    let mut findings = Vec::new();
    for (id, profiles) in served {
        let mut found = |problem, text, mending| {
            findings.push(Finding { subject: Subject::User(id.clone()), problem, text, mending });
        };
        let by = list(&profiles);
        match directory.users.get(id) {
            None => found(
                Problem::UnknownUser,
                said!("user {}, assigned to {}, is not in the business unit", id, by),
                said!("create the user in the contact centre, or take it off the profile's agents"),
            ),
            Some(user) => {
                for reason in unfit(user) {
                    let name: String = user.name.chars().take(MAX_NAME_CHARACTERS).collect();
                    let text = said!("user {} ({}), assigned to {}, {}", id, name, by, reason.tell());
                    found(reason.problem(), text, reason.mending());
                }
            }
        }
        if profiles.len() > 1 {
            found(
                Problem::AssignedTwice,
                said!("user {} is assigned to {}, but a user serves one profile at most", id, by),
                said!("take the user off all of these profiles but one"),
            );
        }
    }
    findings
}

/// One place that names a queue or a target, and the profiles in which it does.
type Uses<'a> = BTreeMap<(Subject, Place<'a>), BTreeSet<&'a ProfileName>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place<'a> {
    /// With the media type the queue has to have, where it matters.
    Queue(&'a QueueId, Option<MediaType>),
    Target(&'a SpeechTargetId),
}

fn check_destinations(directory: &Directory, profiles: &[&Rules]) -> Vec<Finding> {
    // An action of the business unit shows up in every profile: it is one thing to mend.
    let mut uses = Uses::new();
    for rules in profiles {
        for rule in &rules.actions {
            if let Some(place) = place_of(rule) {
                let subject = Subject::Action { media: rule.media, name: rule.name.clone() };
                uses.entry((subject, place)).or_default().insert(&rules.profile);
            }
        }
        let place = match &rules.handover.to {
            Some(Destination::Queue(queue)) => Place::Queue(queue, None),
            Some(Destination::Target(target)) => Place::Target(target),
            None => continue,
        };
        uses.entry((Subject::Profile(rules.profile.clone()), place)).or_default().insert(&rules.profile);
    }
    uses.into_iter().filter_map(|((subject, place), by)| check_place(directory, subject, place, &by)).collect()
}

/// What of the directory an action needs and does not find.
#[must_use]
pub fn missing(directory: &Directory, rule: &ActionRule) -> Option<Problem> {
    let subject = Subject::Action { media: rule.media, name: rule.name.clone() };
    check_place(directory, subject, place_of(rule)?, &BTreeSet::new()).map(|it| it.problem)
}

const fn place_of(rule: &ActionRule) -> Option<Place<'_>> {
    match &rule.kind {
        ActionKind::Requeue { queue } => Some(Place::Queue(queue, Some(rule.media))),
        ActionKind::SpeechRequeue { target } => Some(Place::Target(target)),
        // People call back by telephone whatever the contact came in by: any queue the engine knows may do it.
        ActionKind::Callback { queue, .. } => Some(Place::Queue(queue, None)),
        ActionKind::External { .. } | ActionKind::PushUrl { .. } => None,
    }
}

fn check_place(
    directory: &Directory,
    subject: Subject,
    place: Place<'_>,
    by: &BTreeSet<&ProfileName>,
) -> Option<Finding> {
    let (problem, what, mending) = match place {
        Place::Queue(id, needed) => match (directory.queues.get(id), needed) {
            (None, _) => (
                Problem::UnknownQueue,
                said!("names queue {}, which the business unit does not have", id),
                said!("create the queue in the contact centre, or name one that exists"),
            ),
            (Some(queue), Some(needed)) if queue.media != needed => (
                Problem::QueueOfOtherMedia,
                said!("names queue {}, which is for {}, not {}", id, queue.media.label(), needed.label()),
                said!("name a queue of the action's media type"),
            ),
            (Some(_), _) => return None,
        },
        Place::Target(id) if directory.targets.contains_key(id) => return None,
        Place::Target(id) => (
            Problem::UnknownTarget,
            said!("names speech target {}, which the business unit does not have", id),
            said!("create the target in the contact centre, or name one that exists"),
        ),
    };
    let text = match &subject {
        Subject::Action { .. } => said!("{} of {} {}", subject.tell(), list(by), what),
        Subject::Profile(_) | Subject::User(_) => said!("handover of {} {}", subject.tell(), what),
    };
    Some(Finding { subject, problem, text, mending })
}

/// `profile a`, `profiles a and b`, `profiles a, b and c`.
fn list(profiles: &BTreeSet<&ProfileName>) -> Said {
    let names: Vec<&str> = profiles.iter().map(|it| it.as_str()).collect();
    match names.split_last() {
        None => Said::default(),
        Some((only, [])) => said!("profile {}", only),
        Some((last, others)) => said!("profiles {} and {}", others.join(", "), last),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::core::{
        action::Offer,
        directory::Queue,
        profile::{Chain, Events, Handover, Inactivity, Limits, LongText, OnUncertain, TextLimit},
    };

    const GOOD: User = User {
        name: String::new(),
        agent_rights: true,
        sign_on: SignOn::Password,
        automatic_post_processing: false,
        mandatory_wrap_up_reason: false,
    };

    fn unit(name: &str) -> UnitName {
        UnitName::new(name).unwrap()
    }

    fn rules(profile: &str, agents: &[&str]) -> Rules {
        Rules {
            profile: ProfileName::new(profile).unwrap(),
            unit: unit("north"),
            agents: agents.iter().map(|it| UserId::new(it).unwrap()).collect(),
            language: "en".into(),
            actions: Vec::new(),
            welcome_event: String::new(),
            fallback_message: "sorry".into(),
            chain: Chain::default(),
            inactivity: Inactivity {
                timeout: Duration::from_secs(180),
                timeout_message: String::new(),
                warn_before: Duration::ZERO,
                warning_message: String::new(),
            },
            handover: Handover {
                to: None,
                not_understood_after: 3,
                failures_after: 2,
                slow_after: 0,
                typing_after: Duration::ZERO,
                slow_threshold: Duration::ZERO,
                slow_message: String::new(),
                not_understood_message: String::new(),
                failure_message: String::new(),
                max_handovers: 3,
                max_wait: Duration::ZERO,
                unavailable_message: String::new(),
            },
            events: Events::default(),
            text_limit: TextLimit { characters: 256, policy: LongText::Split, message: String::new() },
            coalesce: Duration::ZERO,
            on_uncertain: OnUncertain::Retry,
            zone: jiff::tz::TimeZone::UTC,
            calling_code: "49".into(),
            limits: Limits { waiting_inputs: 8, undelivered: 8, transcript_bytes: 1024 },
        }
    }

    fn directory(users: &[(&str, User)], queues: &[(&str, MediaType)], targets: &[&str]) -> Directory {
        let queue = |media| Queue { name: String::new(), media, open: true, waiting: 0, expected_wait_s: None };
        Directory {
            users: users.iter().map(|(id, user)| (UserId::new(id).unwrap(), user.clone())).collect(),
            queues: queues.iter().map(|(id, media)| (QueueId::new(id).unwrap(), queue(*media))).collect(),
            targets: targets.iter().map(|id| (SpeechTargetId::new(id).unwrap(), String::new())).collect(),
        }
    }

    fn check_north(directory: &Directory, profiles: &[&Rules]) -> Vec<Finding> {
        check(&unit("north"), directory, profiles)
    }

    /// What one user, assigned to profile `support`, is found to be.
    fn problems_of(user: User) -> Vec<(Subject, Problem)> {
        let directory = directory(&[("bot-1", user)], &[], &[]);
        check_north(&directory, &[&rules("support", &["bot-1"])])
            .into_iter()
            .map(|it| (it.subject, it.problem))
            .collect()
    }

    fn bot_1() -> Subject {
        Subject::User(UserId::new("bot-1").unwrap())
    }

    #[test]
    fn s3_only_users_with_the_native_password_may_log_on() {
        assert_eq!(may_log_on(&GOOD), Ok(()));
        assert_eq!(problems_of(GOOD), []);
        let windows = User { sign_on: SignOn::Windows, ..GOOD };
        assert_eq!(may_log_on(&windows), Err(Unfit::WindowsSignOn));
        assert_eq!(problems_of(windows), [(bot_1(), Problem::WindowsSignOn)]);
        let saml2 = User { sign_on: SignOn::Saml2, ..GOOD };
        assert_eq!(may_log_on(&saml2), Err(Unfit::Saml2SignOn));
        assert_eq!(problems_of(saml2), [(bot_1(), Problem::Saml2SignOn)]);
    }

    #[test]
    fn s3_the_refusal_names_the_user_the_profile_and_the_mending() {
        let user = User { name: "Bot One".into(), sign_on: SignOn::Saml2, ..GOOD };
        let findings = check_north(&directory(&[("bot-1", user)], &[], &[]), &[&rules("support", &["bot-1"])]);
        assert_eq!(
            (findings[0].text.to_string().as_str(), findings[0].mending.to_string().as_str()),
            (
                "user bot-1 (Bot One), assigned to profile support, signs on by SAML2; only the native password works \
                 for virtual agents",
                "set the user's sign-on method to password in the contact centre, or assign another user",
            )
        );
    }

    #[test]
    fn s4_post_processing_and_wrap_up_are_refused_each_with_its_reason() {
        let post = User { automatic_post_processing: true, ..GOOD };
        assert_eq!(may_log_on(&post), Err(Unfit::AutomaticPostProcessing));
        assert_eq!(problems_of(post), [(bot_1(), Problem::AutomaticPostProcessing)]);
        let wrap_up = User { mandatory_wrap_up_reason: true, ..GOOD };
        assert_eq!(may_log_on(&wrap_up), Err(Unfit::MandatoryWrapUpReason));
        assert_eq!(problems_of(wrap_up), [(bot_1(), Problem::MandatoryWrapUpReason)]);
    }

    #[test]
    fn s16_a_user_without_agent_rights_is_refused() {
        let user = User { agent_rights: false, ..GOOD };
        assert_eq!(may_log_on(&user), Err(Unfit::NoAgentRights));
        assert_eq!(problems_of(user), [(bot_1(), Problem::NoAgentRights)]);
    }

    #[test]
    fn everything_wrong_with_a_user_is_found_at_once() {
        let user = User {
            agent_rights: false,
            sign_on: SignOn::Windows,
            automatic_post_processing: true,
            mandatory_wrap_up_reason: true,
            ..GOOD
        };
        assert_eq!(
            problems_of(user).into_iter().map(|it| it.1).collect::<Vec<_>>(),
            [
                Problem::NoAgentRights,
                Problem::WindowsSignOn,
                Problem::AutomaticPostProcessing,
                Problem::MandatoryWrapUpReason
            ]
        );
    }

    #[test]
    fn s16_an_unknown_user_is_found_until_the_directory_knows_it() {
        let rules = rules("support", &["ghost"]);
        let findings = check_north(&Directory::default(), &[&rules]);
        assert_eq!(findings[0].problem, Problem::UnknownUser);
        assert_eq!(findings[0].text, "user ghost, assigned to profile support, is not in the business unit");
        assert_eq!(check_north(&directory(&[("ghost", GOOD)], &[], &[]), &[&rules]), []);
    }

    #[test]
    fn s16_a_user_of_two_profiles_is_a_conflict_that_names_both() {
        let directory = directory(&[("bot-1", GOOD), ("bot-2", GOOD)], &[], &[]);
        let (support, sales) = (rules("support", &["bot-1", "bot-2"]), rules("sales", &["bot-1"]));
        let findings = check_north(&directory, &[&support, &sales]);
        assert_eq!(findings.len(), 1);
        assert_eq!((&findings[0].subject, findings[0].problem), (&bot_1(), Problem::AssignedTwice));
        assert_eq!(
            findings[0].text,
            "user bot-1 is assigned to profiles sales and support, but a user serves one profile at most"
        );
    }

    #[test]
    fn s5_agents_belong_to_their_business_unit() {
        let directory = directory(&[("bot-1", GOOD)], &[], &[]);
        let north = rules("support", &["bot-1"]);
        let south = Rules { unit: unit("south"), ..rules("sales", &["bot-1", "unknown-in-north"]) };
        assert_eq!(check_north(&directory, &[&north, &south]), []);
    }

    fn action(name: &str, media: MediaType, kind: ActionKind) -> ActionRule {
        ActionRule { name: name.into(), media, kind, offer: Offer::default() }
    }

    fn to_queue(queue: &str) -> ActionKind {
        ActionKind::Requeue { queue: QueueId::new(queue).unwrap() }
    }

    #[test]
    fn s19_a_requeue_needs_a_queue_of_its_own_media_type() {
        let rules = Rules {
            actions: vec![
                action("good", MediaType::OpenMedia, to_queue("mail")),
                action("wrong", MediaType::WebInteraction, to_queue("mail")),
                action("dead", MediaType::OpenMedia, to_queue("gone")),
            ],
            ..rules("support", &[])
        };
        let findings = check_north(&directory(&[], &[("mail", MediaType::OpenMedia)], &[]), &[&rules]);
        let texts: Vec<_> = findings.iter().map(|it| (it.problem, it.text.to_string())).collect();
        let texts: Vec<_> = texts.iter().map(|(problem, text)| (*problem, text.as_str())).collect();
        assert_eq!(
            texts,
            [
                (
                    Problem::UnknownQueue,
                    "action dead (openmedia) of profile support names queue gone, which the business unit does not have"
                ),
                (
                    Problem::QueueOfOtherMedia,
                    "action wrong (webinteraction) of profile support names queue mail, which is for openmedia, not \
                     webinteraction"
                ),
            ]
        );
    }

    #[test]
    fn s18_an_action_of_the_business_unit_is_one_finding_however_many_profiles_take_it() {
        let shared = vec![action("dead", MediaType::OpenMedia, to_queue("gone"))];
        let profiles = ["a", "b", "c"].map(|name| Rules { actions: shared.clone(), ..rules(name, &[]) });
        let findings = check_north(&Directory::default(), &profiles.each_ref());
        assert_eq!(findings.len(), 1);
        assert!(findings[0].text.to_string().contains("of profiles a, b and c names"), "{}", findings[0].text);
    }

    #[test]
    fn s20_s21_targets_and_callback_queues_must_exist() {
        let target = ActionKind::SpeechRequeue { target: SpeechTargetId::new("4711").unwrap() };
        let callback = ActionKind::Callback {
            queue: QueueId::new("calls").unwrap(),
            phone_parameter: "phone".into(),
            time_parameter: "at".into(),
        };
        let rules = Rules {
            actions: vec![
                action("to_person", MediaType::Speech, target),
                action("call_me", MediaType::WebInteraction, callback),
            ],
            ..rules("support", &[])
        };
        let missing = check_north(&Directory::default(), &[&rules]);
        assert_eq!(
            missing.iter().map(|it| it.problem).collect::<Vec<_>>(),
            [Problem::UnknownQueue, Problem::UnknownTarget]
        );
        let complete = directory(&[], &[("calls", MediaType::Speech)], &["4711"]);
        assert_eq!(check_north(&complete, &[&rules]), []);
    }

    #[test]
    fn b2_the_handover_destination_must_exist() {
        let mut rules = rules("support", &[]);
        rules.handover.to = Some(Destination::Queue(QueueId::new("people").unwrap()));
        let findings = check_north(&Directory::default(), &[&rules]);
        assert_eq!(findings[0].subject, Subject::Profile(rules.profile.clone()));
        assert_eq!(
            findings[0].text,
            "handover of profile support names queue people, which the business unit does not have"
        );
        assert_eq!(check_north(&directory(&[], &[("people", MediaType::OpenMedia)], &[]), &[&rules]), []);
        rules.handover.to = Some(Destination::Target(SpeechTargetId::new("4711").unwrap()));
        assert_eq!(check_north(&Directory::default(), &[&rules])[0].problem, Problem::UnknownTarget);
    }
}
