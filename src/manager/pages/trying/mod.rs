//! Trying a profile: where a conversation begins. `console` goes on with it, `tests` and `test` are what is kept of such.

pub(in crate::manager) mod console;
mod scene;
pub(in crate::manager) mod test;
pub(in crate::manager) mod tests;

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    response::{IntoResponse as _, Redirect, Response},
};
use http::StatusCode;
use maud::{Markup, html};

use super::{Field, Section, Tab, media_name, not_found, problems_of, profiles, summary, time, token, with_status};
use crate::{
    config::settings::Profile,
    core::rehearsal::{MEDIA, Queues, Setting, media_label, media_of},
    manager::{
        Manager,
        guard::{Fields, Seat},
        trying::{
            IDLE, Of, Owner, Trial,
            doing::{NotBegun, is_language},
            of,
        },
        words::Words,
    },
};

/// The profile that a page is beside.
struct Place {
    profile: Arc<Profile>,
    of: Of,
    /// Its path.
    at: String,
}

impl Place {
    fn find(manager: &Manager, names: (String, String)) -> Option<Self> {
        let profile = profiles::find(&manager.house.configuration(), names)?;
        Some(Self { of: of(&profile), at: profiles::path(&profile), profile })
    }

    fn head(&self, seat: &Seat, tab: Tab) -> Markup {
        let w = &seat.words;
        html! {
            p class="trail" { a href="/profiles" { (w.t("Profiles")) } }
            h1 { (w.f("Profile {}", &[&self.profile.name])) }
            (tab.of_profile(seat, &self.at))
        }
    }

    /// Of a title of the browser's.
    fn title(&self, what: &str) -> String {
        format!("{} · {what}", self.profile.name)
    }

    fn engines(&self) -> Vec<&str> {
        self.profile.engines.all().map(|(name, _)| name).collect()
    }
}

fn queues_name(w: &Words, queues: Queues) -> &str {
    match queues {
        Queues::Open => w.t("All are open"),
        Queues::Closed => w.t("All are closed"),
        Queues::Now => w.t("As they are now"),
    }
}

/// As it was typed.
#[derive(Clone, Debug, Default)]
struct Begun {
    media: String,
    language: String,
    engine: String,
    queues: String,
}

impl Begun {
    fn of(fields: &Fields) -> Self {
        let text = |name: &str| fields.get(name).trim().to_owned();
        Self { media: text("media"), language: text("language"), engine: text("engine"), queues: text("queues") }
    }
}

/// What a conversation is to be, or what is wrong with which field.
fn setting(w: &Words, media: &str, language: &str, queues: &str) -> Result<Setting, (&'static str, String)> {
    let Some(media) = media_of(media) else {
        return Err(("media", w.t("Choose one of the kinds of contact.").to_owned()));
    };
    let Some(queues) = Queues::of(queues) else {
        return Err(("queues", w.t("Choose how queues are found.").to_owned()));
    };
    if !is_language(language) {
        return Err(("language", w.t("A language is a tag such as en or de-AT.").to_owned()));
    }
    let language = (!language.is_empty()).then(|| language.to_owned());
    Ok(Setting { media, language, queues })
}

pub(in crate::manager) async fn show(
    State(manager): State<Manager>,
    seat: Seat,
    Path(names): Path<(String, String)>,
) -> Response {
    let Some(place) = Place::find(&manager, names) else { return not_found(&seat) };
    let begun = Begun { media: "webinteraction".to_owned(), queues: "open".to_owned(), ..Begun::default() };
    form(&manager, &seat, &place, StatusCode::OK, (&begun, None))
}

fn form(
    manager: &Manager,
    seat: &Seat,
    place: &Place,
    status: StatusCode,
    (begun, problem): (&Begun, Option<(&str, String)>),
) -> Response {
    let w = &seat.words;
    let at = |field: &str| problem.as_ref().filter(|it| it.0 == field).map(|it| it.1.as_str());
    let engines: Vec<(&str, &str)> = place.engines().into_iter().map(|it| (it, it)).collect();
    let media: Vec<(&str, &str)> = MEDIA.iter().map(|it| (media_label(*it), media_name(w, *it))).collect();
    let queues: Vec<(&str, &str)> = Queues::ALL.iter().map(|it| (it.label(), queues_name(w, *it))).collect();
    let problems: Vec<String> = problem.iter().map(|it| it.1.clone()).collect();
    manager.sweep_trials();
    let open = owner(seat).map(|it| manager.trying.trials.of(&place.of, &it)).unwrap_or_default();
    let body = html! {
        (place.head(seat, Tab::Try))
        (problems_of(w.t("No conversation has begun"), &problems))
        p { (w.t("Talk to the profile before anyone else does. The language engine is the one that contacts have, in a conversation of its own. Nothing is carried out: no handover, no callback, no call to another system. What the language engine's own webhook does it does as ever.")) }
        @if !open.is_empty() {
            h2 { (w.t("Your conversations")) }
            ul { @for it in &open { li {
                a href={ (place.at) "/try/" (it.id) } { (it.engine) ", " (time(it.began)) }
            } } }
        }
        h2 { (w.t("Begin a conversation")) }
        form method="post" action={ (place.at) "/try" } class="narrow" {
            (token(seat))
            (Field { name: "media", label: w.t("Kind of contact"), hint: w.t("Actions are configured for each kind by itself."), problem: at("media") }.choice(&begun.media, &media))
            (Field { name: "language", label: w.t("Language"), hint: &w.f("Empty: the profile's, {}.", &[&place.profile.rules.language]), problem: at("language") }.text(&begun.language, "text", "off"))
            (Field { name: "engine", label: w.t("Language engine"), hint: "", problem: at("engine") }.choice(&begun.engine, &engines))
            (Field { name: "queues", label: w.t("Queues"), hint: w.t("Whether a person can be promised depends on it."), problem: at("queues") }.choice(&begun.queues, &queues))
            button { (w.t("Begin")) }
        }
        p class="hint" { (w.f("A conversation ends after {} minutes without a turn, with your sign-in, or when the gateway stops.", &[&(IDLE.as_secs() / 60)])) }
    };
    with_status(status, seat, (Section::Profiles, &place.title(w.t("Try it"))), &body)
}

pub(in crate::manager) async fn begin(
    State(manager): State<Manager>,
    seat: Seat,
    Path(names): Path<(String, String)>,
    fields: Fields,
) -> Response {
    let w = &seat.words;
    let Some(place) = Place::find(&manager, names) else { return not_found(&seat) };
    let begun = Begun::of(&fields);
    let refused = |problem: (&'static str, String)| {
        form(&manager, &seat, &place, StatusCode::UNPROCESSABLE_ENTITY, (&begun, Some(problem)))
    };
    let setting = match setting(w, &begun.media, &begun.language, &begun.queues) {
        Ok(setting) => setting,
        Err(problem) => return refused(problem),
    };
    let Some(owner) = owner(&seat) else { return not_found(&seat) };
    match manager.begin_trial(owner, (place.of.clone(), &begun.engine), setting).await {
        Ok(trial) => Redirect::to(&format!("{}/try/{}", place.at, trial.id)).into_response(),
        Err(NotBegun::NoEngine) => refused(("engine", w.t("The profile has no such language engine now.").to_owned())),
        Err(NotBegun::Broken) => refused(("engine", w.t("The conversation could not begin. Try again.").to_owned())),
        Err(NotBegun::Full) => {
            let text = w.t("Too many conversations are open, of all users together. Try again later.");
            form(&manager, &seat, &place, StatusCode::TOO_MANY_REQUESTS, (&begun, Some(("engine", text.to_owned()))))
        }
    }
}

fn owner(seat: &Seat) -> Option<Owner> {
    let signed = seat.signed.as_ref()?;
    Some(Owner::Session(signed.id, signed.session.user.clone()))
}

/// A trial of whoever asks.
fn trial(manager: &Manager, seat: &Seat, place: &Place, id: &str) -> Option<Arc<Trial>> {
    manager.trying.trials.find(id, &place.of, &owner(seat)?, manager.people.now())
}
