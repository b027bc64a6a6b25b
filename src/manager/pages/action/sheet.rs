//! The form of an action as a page, with what is in its way.

use std::collections::BTreeMap;

use axum::response::Response;
use http::StatusCode;
use maud::{Markup, html};

use super::{MAX_PARAMETERS, SEEN, Wanted};
use crate::{
    config::Finding,
    core::{action::What, assignment::missing, directory::Directory, message::MediaType},
    gateway::storage::Document,
    manager::{
        Manager,
        building::{self, Flaw, Form, Parameter, TYPES, Trouble, action_in},
        comparing::{Differing, Other, differences},
        guard::Seat,
        owner::Owner,
        pages::{
            Field,
            actions::{head, mend, section},
            marked, media_name, no_store, quiet, summary, token, with_status,
        },
        ports::Refusal,
        words::Words,
    },
};

/// The directory's queues, or targets, that are offered; with more of them the name is typed.
const MAX_OFFERED: usize = 300;
/// Empty rows beneath those that are filled in.
const SPARE: usize = 2;

/// What the page shows beside the form's values.
pub(super) struct Sheet<'a> {
    owner: &'a Owner,
    /// The one that is changed; `None`: it is new.
    of: Option<&'a Wanted>,
    version: u64,
    form: &'a Form,
    /// What the one that is changed was in that version; `None`: nobody knows.
    seen: Option<Form>,
    /// Above everything.
    problems: Vec<String>,
    /// By the fields' names.
    fields: BTreeMap<String, String>,
    pub(super) rows: usize,
}

/// Which one?
pub(super) fn kinds(seat: &Seat, owner: &Owner) -> Response {
    let w = &seat.words;
    let at = owner.path();
    let title = w.t("Add an action");
    let body = html! {
        (head(seat, owner))
        h2 { (title) }
        p { (w.t("What is to happen when the language engine asks for it?")) }
        ul class="choices" {
            @for kind in What::ALL {
                li {
                    a href={ (at) "/actions/new?kind=" (kind.label()) } { (name_of(w, kind)) }
                    p class="hint" { (about(w, kind)) " " (w.f("For {}.", &[&listed(w, kind.media())])) }
                }
            }
        }
    };
    with_status(StatusCode::OK, seat, (section(owner), title), &body)
}

fn listed(w: &Words, media: &[MediaType]) -> String {
    media.iter().map(|it| media_name(w, *it)).collect::<Vec<_>>().join(", ")
}

fn name_of(w: &Words, kind: What) -> &str {
    match kind {
        What::Requeue => w.t("Hand over to a queue"),
        What::SpeechRequeue => w.t("Hand a call over to a target"),
        What::Callback => w.t("Arrange a callback"),
        What::External => w.t("Ask an external system"),
        What::PushUrl => w.t("Push a web page"),
    }
}

fn about(w: &Words, kind: What) -> &str {
    match kind {
        What::Requeue => w.t("The contact goes to a person by a queue."),
        What::SpeechRequeue => w.t("The call goes to a person by a target."),
        What::Callback => w.t("A person calls back; the contact stays with the virtual agent."),
        What::External => w.t("Its answer is said to the customer."),
        What::PushUrl => w.t("The page is shown in the customer's browser."),
    }
}

impl<'a> Sheet<'a> {
    pub(super) fn new(
        owner: &'a Owner,
        (of, seen): (Option<&'a Wanted>, Option<Form>),
        version: u64,
        form: &'a Form,
    ) -> Self {
        let rows = (form.parameters.len() + SPARE).min(MAX_PARAMETERS);
        Self { owner, of, version, form, seen, problems: Vec::new(), fields: BTreeMap::new(), rows }
    }

    fn at(&mut self, field: String, text: String, label: &str) {
        self.problems.push(format!("{label}: {text}"));
        self.fields.entry(field).or_insert(text);
    }

    /// What is in the way, at its fields and above them, and the page's status.
    pub(super) fn tell(&mut self, w: &Words, trouble: Trouble) -> StatusCode {
        let of = |finding: &Finding| format!("{}. {}", w.said(&finding.message), w.said(&finding.help));
        match trouble {
            Trouble::Flaws(flaws) => {
                for (field, flaw) in flaws {
                    let label = label(w, &field).to_owned();
                    let text = of_flaw(w, self.owner, &flaw);
                    self.at(field, text, &label);
                }
            }
            Trouble::Invalid { fields, others } => {
                for (field, finding) in fields {
                    let label = label(w, &field).to_owned();
                    self.at(field, of(&finding), &label);
                }
                self.problems.extend(others.iter().map(|it| match &it.location {
                    Some(at) => format!("{}:{}: {}", at.file, at.line, of(it)),
                    None => of(it),
                }));
            }
            Trouble::Gone => {
                self.problems.push(w.t("Somebody else has removed this action, or given it another name.").to_owned());
                return StatusCode::CONFLICT;
            }
            Trouble::Draft(error) => self.problems.push(w.said(&error.tell())),
            Trouble::Refused(Refusal::Conflict(now)) => {
                self.conflict(w, now.as_deref());
                return StatusCode::CONFLICT;
            }
            Trouble::Refused(Refusal::Unable(why)) => self.problems.push(w.said(&why)),
            Trouble::Refused(Refusal::Findings(list)) => self.problems.extend(list.iter().map(of)),
            Trouble::Refused(Refusal::Store(error)) => {
                let (status, why) = no_store(w, &error);
                self.problems.push(why.to_owned());
                return status;
            }
        }
        StatusCode::UNPROCESSABLE_ENTITY
    }

    /// What one has typed stays; saved again it is laid over what is there now.
    fn conflict(&mut self, w: &Words, now: Option<&Document>) {
        let Some(now) = now else {
            self.problems.push(w.t("Somebody else has removed this meanwhile.").to_owned());
            return;
        };
        self.version = now.version;
        let told = match self.owner {
            Owner::Profile(_) => w.f("{} has changed this profile meanwhile. What you have typed is in the form, and is not saved yet: look whether it still fits, and save again.", &[&now.changed_by]),
            Owner::Unit(_) => w.f("{} has changed this business unit meanwhile. What you have typed is in the form, and is not saved yet: look whether it still fits, and save again.", &[&now.changed_by]),
        };
        self.problems.push(told);
        let Some(key) = self.of.and_then(Wanted::key) else { return };
        match action_in(now, self.owner.list(), &key) {
            Some(there) => {
                let changed = differences(self.seen.as_ref(), self.form, &there);
                self.problems.extend(changed.iter().map(|it| other(w, it)));
                self.seen = Some(there);
            }
            None => {
                self.problems.push(w.t("Somebody else has removed this action, or given it another name.").to_owned());
            }
        }
    }

    fn problem(&self, field: &str) -> Option<&str> {
        self.fields.get(field).map(String::as_str)
    }
}

/// What another has made of a field.
fn other(w: &Words, it: &Other) -> String {
    let field = match &it.field {
        Differing::Field("kind") => w.t("What it does").to_owned(),
        Differing::Field(field) => label(w, field).to_owned(),
        Differing::Parameter(name) => w.f("Parameter {}", &[name]),
    };
    w.f("{} is now: {}", &[&field, &if it.now.is_empty() { w.t("nothing") } else { &it.now }])
}

fn of_flaw(w: &Words, owner: &Owner, flaw: &Flaw) -> String {
    match flaw {
        Flaw::Missing => w.t("This is mandatory.").to_owned(),
        Flaw::NoMedia => w.t("Say for which contacts: one kind at least.").to_owned(),
        Flaw::Media(media) => w.f("This kind of action does not work for {}.", &[&media_name(w, *media)]),
        Flaw::Taken(media) => match owner {
            Owner::Profile(_) => w.f(
                "Another action of this profile has this name for {}: change that one, or give this one another name.",
                &[&media_name(w, *media)],
            ),
            Owner::Unit(_) => w.f(
                "Another action of this business unit has this name for {}: change that one, or give this one another name.",
                &[&media_name(w, *media)],
            ),
        },
        Flaw::Dots => w.t("A name is neither . nor ..: no address can have it.").to_owned(),
        Flaw::OneOfTwo => {
            w.t("Name the parameter that holds the address, or a fixed address: one of the two.").to_owned()
        }
    }
}

/// Of a field, by its name.
fn label<'w>(w: &'w Words, field: &str) -> &'w str {
    match field {
        "name" => w.t("Name"),
        "media" => w.t("Kind of contact"),
        "queue" => w.t("Queue"),
        "target" => w.t("Target"),
        "phone_parameter" => w.t("Parameter with the phone number"),
        "time_parameter" => w.t("Parameter with the time"),
        "uri_parameter" | "url_parameter" => w.t("Parameter with the address"),
        "uri" | "url" => w.t("Fixed address"),
        "description" => w.t("Description"),
        _ => w.t("Parameters"),
    }
}

fn hint<'w>(w: &'w Words, kind: What, key: &str) -> &'w str {
    match (key, kind) {
        ("queue", What::Callback) => w.t("The queue whose people call back."),
        ("queue", _) => w.t("The queue that the contact goes to."),
        ("target", _) => w.t("The target that the call goes to."),
        ("phone_parameter", _) => w.t(
            "Under this name the language engine sends the number. Without a country code the business unit's counts.",
        ),
        ("time_parameter", _) => {
            w.t("Under this name the language engine sends when to call: an ISO 8601 text, or Dialogflow's own shapes.")
        }
        ("uri_parameter", _) => {
            w.t("Under this name the language engine sends whom to ask. Only what the allow-list has is asked.")
        }
        ("url_parameter", _) => w.t("Under this name the language engine sends the page, by http or https."),
        _ => w.t("The same for every call, instead of a parameter: nothing that the language engine says changes it."),
    }
}

pub(super) fn show(manager: &Manager, seat: &Seat, status: StatusCode, it: &Sheet<'_>) -> Response {
    let w = &seat.words;
    let at = it.owner.path();
    let title = it.of.map_or_else(|| w.t("Add an action").to_owned(), |of| w.f("Action {}", &[&of.name]));
    let action = it.of.map_or_else(|| format!("{at}/actions/new"), |of| format!("{at}/actions/edit?{}", of.query()));
    // Without one it is said that nobody has told it yet: either cause comes to that.
    let directory = manager.gateway.directory(it.owner.unit()).ok();
    let body = html! {
        (head(seat, it.owner))
        h2 { (title) }
        p class="hint" { (name_of(w, it.form.kind)) ". " (about(w, it.form.kind)) }
        (summary(w, &it.problems))
        form method="post" action=(action) class="wide" {
            (token(seat))
            input type="hidden" name="version" value=(it.version);
            input type="hidden" name="kind" value=(it.form.kind.label());
            @if let Some(seen) = &it.seen { input type="hidden" name=(SEEN) value=(seen.alone()); }
            (Field {
                name: "name",
                label: label(w, "name"),
                hint: w.t("Exactly as the language engine sends it: upper and lower case are different letters."),
                problem: it.problem("name"),
            }.text(&it.form.name, "text", "off"))
            (media(w, it))
            @for key in building::keys(it.form.kind) { (own(w, it, key, directory.as_deref())) }
            (dead(w, manager, it, directory.as_deref()))
            (offer(w, it))
            div class="acts" {
                button { (w.t("Save")) }
                // Behind the other: Enter in a field presses the first.
                @if it.rows < MAX_PARAMETERS { button class="second" name="more" value="1" { (w.t("More parameters")) } }
                a href={ (at) "/actions" } { (w.t("Cancel")) }
            }
        }
        @if let Some(of) = it.of {
            p { a href={ (at) "/actions/new?" (of.query()) } { (w.t("Copy it")) } }
            (quiet(w.t("Remove the action"), &html! {
                form method="post" action={ (at) "/actions/remove?" (of.query()) } {
                    (token(seat))
                    input type="hidden" name="version" value=(it.version);
                    p { (w.f("Removed, it is gone for {}: what the language engine asks for by its name is text alone.", &[&listed(w, &it.form.media)])) }
                    @if let Owner::Unit(_) = it.owner { p { (w.t("It goes for all profiles of the business unit; those that have one of their own in its place keep that.")) } }
                    button class="danger" { (w.t("Remove it now")) }
                }
            }))
        }
    };
    with_status(status, seat, (section(it.owner), &title), &body)
}

/// For which contacts: a box for each that the kind allows.
fn media(w: &Words, it: &Sheet<'_>) -> Markup {
    let allowed = it.form.kind.media();
    let problem = it.problem("media");
    html! {
        fieldset class="field" aria-describedby=[problem.map(|_| "f-media-problem")] {
            legend { (label(w, "media")) }
            @if let Some(problem) = problem { p class="problem" id="f-media-problem" { (problem) } }
            @for media in allowed {
                label class="tick" {
                    input type="checkbox" name="media" value=(media.label())
                        checked[allowed.len() == 1 || it.form.media.contains(media)];
                    " " (media_name(w, *media))
                }
            }
        }
    }
}

fn own(w: &Words, it: &Sheet<'_>, key: &'static str, directory: Option<&Directory>) -> Markup {
    let value = it.form.own(key);
    let field = Field { name: key, label: label(w, key), hint: hint(w, it.form.kind, key), problem: it.problem(key) };
    let mut offered: Vec<(String, String)> = match (key, directory) {
        ("queue", Some(directory)) => {
            let kind = it.form.kind;
            // Any queue may call back; a requeue goes to one of the contact's kind.
            let fits = |media: MediaType| kind == What::Callback || kind.media().contains(&media);
            let fitting = directory.queues.iter().filter(|(_, queue)| fits(queue.media));
            let named = |name: &str| if name.is_empty() { String::new() } else { format!("{name}, ") };
            let shown =
                |id: &str, name: &str, media: MediaType| format!("{id} ({}{})", named(name), media_name(w, media));
            fitting.map(|(id, it)| (id.to_string(), shown(id.as_str(), &it.name, it.media))).collect()
        }
        ("target", Some(directory)) => {
            directory.targets.iter().map(|(id, name)| (id.to_string(), format!("{id} {name}"))).collect()
        }
        (_, _) => Vec::new(),
    };
    if offered.is_empty() || offered.len() > MAX_OFFERED {
        return field.text(value, "text", "off");
    }
    if !value.is_empty() && !offered.iter().any(|it| it.0 == value) {
        offered.insert(0, (value.to_owned(), w.f("{} (not in the directory)", &[&value])));
    }
    offered.insert(0, (String::new(), w.t("choose one").to_owned()));
    let options: Vec<(&str, &str)> = offered.iter().map(|it| (it.0.as_str(), it.1.as_str())).collect();
    field.choice(value, &options)
}

/// What the action leads to that is not there, and whom it may ask.
fn dead(w: &Words, manager: &Manager, it: &Sheet<'_>, directory: Option<&Directory>) -> Markup {
    let loaded = manager.house.configuration();
    let allow = &loaded.settings.egress.allow;
    let rules = building::rules(it.form);
    let lost = rules.iter().find_map(|rule| missing(directory?, rule));
    let refused: Vec<String> = rules.first().map(|rule| building::refused(allow, rule)).unwrap_or_default();
    let hosts: Vec<&str> = allow.iter().map(|it| it.host.as_str()).take(20).collect();
    html! {
        @if let Some(lost) = lost { p class="why" role="status" { (mend(w, lost)) } }
        @if it.form.kind == What::External {
            @for why in &refused {
                p class="why" role="status" { (why) ". " (marked(w.t("Calls are refused until `[[egress.allow]]` lets them through."))) }
            }
            p class="hint" {
                @if hosts.is_empty() { (marked(w.t("The allow-list is empty: no external system is asked until `[[egress.allow]]` in usher.toml names its host."))) }
                @else { (w.f("The allow-list has: {}", &[&hosts.join(", ")])) @if allow.len() > hosts.len() { " …" } }
            }
        }
    }
}

/// How it is put to a language model.
fn offer(w: &Words, it: &Sheet<'_>) -> Markup {
    let is_open = !it.form.parameters.is_empty()
        || !it.form.description.is_empty()
        || it.rows > SPARE
        || it.fields.keys().any(|key| key == "description" || key.starts_with("parameter"));
    let described = Field {
        name: "description",
        label: label(w, "description"),
        hint: w.t("When to ask for it, and what comes of it."),
        problem: it.problem("description"),
    };
    html! {
        details class="quiet" open[is_open] {
            summary { (w.t("For language models: description and parameters")) }
            p class="hint" { (w.t("A language model is offered the action as a tool. Other engines know by themselves what to ask for.")) }
            (described.with(|id, by, invalid| html! {
                textarea id=(id) class="few" name="description" maxlength="1024" aria-describedby=[by] aria-invalid=[invalid.then_some("true")] {
                    "\n" (it.form.description)
                }
            }))
            @for row in 0..it.rows {
                @let empty = Parameter::default();
                (parameter(w, it, row, it.form.parameters.get(row).unwrap_or(&empty)))
            }
        }
    }
}

fn parameter(w: &Words, it: &Sheet<'_>, row: usize, own: &Parameter) -> Markup {
    let name = |key: &str| format!("parameter.{row}.{key}");
    let texts = |key: &str, label: &str, hint: &str, value: &str| {
        let name = name(key);
        Field { name: &name, label, hint, problem: it.problem(&name) }.text(value, "text", "off")
    };
    let options: Vec<(&str, &str)> = TYPES.iter().map(|it| (*it, *it)).collect();
    let (of_type, of_values) = (name("type"), name("values"));
    let holds = Field { name: &of_type, label: w.t("Type"), hint: "", problem: it.problem(&of_type) };
    let values =
        Field { name: &of_values, label: w.t("Values, one a line"), hint: "", problem: it.problem(&of_values) };
    html! {
        fieldset class="parameter" {
            legend { (w.f("Parameter {}", &[&(row + 1)])) }
            (texts("name", w.t("Name"), "", &own.name))
            (holds.choice(if own.holds.is_empty() { "string" } else { &own.holds }, &options))
            (texts("description", w.t("Description"), "", &own.description))
            (values.with(|id, by, invalid| html! {
                textarea id=(id) class="lines" name=(of_values) aria-describedby=[by] aria-invalid=[invalid.then_some("true")] { "\n" (own.values) }
            }))
            label class="tick" {
                input type="checkbox" name=(name("required")) value="yes" checked[own.required]; " " (w.t("required"))
            }
        }
    }
}
