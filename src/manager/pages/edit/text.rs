//! A profile as text: the second way, for whoever prefers to see the whole of it.

use axum::response::Response;
use http::StatusCode;
use maud::{Markup, html};

use super::{Place, SECTION, known, order, saved, trail};
use crate::{
    config::{self, Finding, Severity, schema::Schema},
    core::ids::UnitName,
    gateway::storage::Document,
    manager::{
        Manager,
        drafting::misnamed,
        form,
        guard::Seat,
        pages::{Tab, no_store, summary, token, with_status},
        ports::Refusal,
        words::Words,
    },
};

/// What the page shows.
#[derive(Clone, Copy)]
pub(super) struct Shown<'a> {
    /// `None`: it is new.
    pub(super) at: Option<&'a Place>,
    pub(super) text: &'a str,
    pub(super) version: u64,
}

/// The defaults with the lines that have to be filled in.
pub(super) fn begin(units: &[UnitName], schema: &Schema) -> String {
    let unit = units.first().map(|it| format!("unit = \"{it}\"\n")).unwrap_or_default();
    let kind = schema.kind;
    let first =
        format!("name = \"\"\n{unit}type = \"{kind}\"\nagents = []\nagent_password = \"\"\nfallback_message = \"\"\n");
    format!("{first}\n{}", as_comments(&config::default_profile(schema)))
}

/// What is a default already need not be written: it is there to be read.
fn as_comments(defaults: &str) -> String {
    let line = |it: &str| {
        let is_setting = !it.is_empty() && !it.starts_with('#') && !it.starts_with('[');
        if is_setting { format!("#{it}\n") } else { format!("{it}\n") }
    };
    defaults.lines().map(line).collect()
}

pub(super) fn page(
    manager: &Manager,
    seat: &Seat,
    status: StatusCode,
    shown: &Shown<'_>,
    problems: &Markup,
) -> Response {
    let w = &seat.words;
    let Shown { at, text, version } = shown;
    let title = if at.is_some() { w.t("Change a profile") } else { w.t("Add a profile") };
    let action = at.map_or_else(|| "/profiles/new".to_owned(), |at| format!("{}/edit", at.path));
    let body = html! {
        (trail(w, *at))
        h1 { @match at { Some(at) => (w.f("Profile {}", &[&at.name()])), None => (title) } }
        @if let Some(at) = at { (Tab::Settings.of_profile(seat, &at.path)) }
        (problems)
        @if at.is_none() {
            p { (w.t("Which language engine answers?")) }
            ul class="kinds" {
                @for it in manager.house.kinds() {
                    li { a href={ "/profiles/new?view=text&kind=" (it.kind) } { (it.title) } }
                }
            }
        }
        form method="post" action=(action) {
            (token(seat))
            input type="hidden" name="version" value=(version);
            div class="field" {
                label for="f-text" { (w.t("The profile, as TOML")) }
                p class="hint" id="f-text-hint" { (w.t("What begins with # is a default or an example. Secrets are typed as they are; they are sealed before they are kept, and never shown again.")) }
                textarea id="f-text" name="text" spellcheck="false" aria-describedby="f-text-hint" { "\n" (text) }
            }
            div class="acts" {
                button name="do" value="save" { (w.t("Save")) }
                button class="second" name="do" value="form" { (w.t("As a form")) }
            }
        }
        @if let Some(at) = at { (super::show::beside(seat, at, *version)) }
    };
    with_status(status, seat, (SECTION, title), &body)
}

pub(super) async fn save(
    manager: &Manager,
    seat: &Seat,
    at: Option<Place>,
    text: String,
    mut version: u64,
) -> Response {
    let w = &seat.words;
    if let Some((_, reason)) = misnamed(&text, at.as_ref().map(|it| it.document.as_str())) {
        let problem = summary(w, &[w.f("The name {}.", &[&reason])]);
        let shown = Shown { at: at.as_ref(), text: &text, version };
        return again(manager, seat, StatusCode::UNPROCESSABLE_ENTITY, &shown, &problem);
    }
    let order = order(manager, seat, at.as_ref(), version, &text);
    let (status, problems) = match manager.house.change_profile(order).await {
        Ok(_) => return saved(manager, &text),
        Err(Refusal::Findings(list)) => (StatusCode::UNPROCESSABLE_ENTITY, findings(w, &list)),
        Err(Refusal::Conflict(Some(now))) if at.is_none() => {
            let taken = w.f(
                "There is a profile of this name already; {} has changed it last. Give this one another name.",
                &[&now.changed_by],
            );
            (StatusCode::CONFLICT, summary(w, &[taken]))
        }
        Err(Refusal::Conflict(now)) => {
            // It is shown above what was typed: saved again it takes its place.
            version = now.as_ref().map_or(version, |it| it.version);
            (StatusCode::CONFLICT, conflict(w, now.as_deref()))
        }
        Err(Refusal::Store(error)) => {
            let (status, why) = no_store(w, &error);
            (status, summary(w, &[why.to_owned()]))
        }
        Err(Refusal::Unable(why)) => (StatusCode::UNPROCESSABLE_ENTITY, summary(w, &[w.said(&why)])),
    };
    again(manager, seat, status, &Shown { at: at.as_ref(), text: &text, version }, &problems)
}

/// The page with what was typed. What is secret of it is sealed on the way.
pub(super) fn again(
    manager: &Manager,
    seat: &Seat,
    status: StatusCode,
    typed: &Shown<'_>,
    problems: &Markup,
) -> Response {
    let text = form::seal_text(typed.text, &known(manager), &|secret: &str| manager.house.seal(secret));
    page(manager, seat, status, &Shown { text: &text, ..*typed }, problems)
}

/// Each with where it is, and how to mend it.
pub(in crate::manager::pages) fn findings(w: &Words, list: &[Finding]) -> Markup {
    let errors = list.iter().filter(|it| it.severity == Severity::Error);
    html! {
        div class="problems" role="alert" tabindex="-1" autofocus {
            h2 { (w.t("Nothing was changed")) }
            ul { @for it in errors { li {
                @if let Some(at) = &it.location { span class="code" { (at.file) ":" (at.line) ":" (at.column) } " " }
                (w.said(&it.message))
                @if let Some(at) = &it.location { pre { (at.text) } }
                p { b { (w.t("To mend it:")) } " " (w.said(&it.help)) }
            } } }
        }
    }
}

/// What is there now, beside what one has typed.
pub(super) fn conflict(w: &Words, now: Option<&Document>) -> Markup {
    html! {
        div class="problems" role="alert" tabindex="-1" autofocus {
            h2 { (w.t("Nothing was changed")) }
            @match now {
                None => p { (w.t("Somebody else has removed this profile meanwhile, or has given it another name. Save what you have typed as a new one if it is still wanted.")) },
                Some(now) => {
                    p { (w.f("{} has changed this profile meanwhile. What is there now stands below; what you have typed is in the form, and is not saved yet: bring both together, and save again.", &[&now.changed_by])) }
                    pre { (String::from_utf8_lossy(&now.body)) }
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_there_to_be_read() {
        let text =
            as_comments("# A meaning.\nlanguage = \"en\"\n\n[handover]\n#queue = \"support\"\nfailures_after = 2\n");
        let expected = "# A meaning.\n#language = \"en\"\n\n[handover]\n#queue = \"support\"\n#failures_after = 2\n";
        assert_eq!(text, expected);
    }
}
