//! The form of a profile as a page: whole without a script, one column on a telephone, several on a wide screen.

use axum::response::Response;
use http::StatusCode;
use maud::{Markup, html};

use super::{Place, SECTION, Work, known, trail};
use crate::{
    config::{
        draft::Draft,
        schema::{Form, Schema},
        settings::Profile,
    },
    manager::{
        Manager, address,
        form::{self, Block, Clash, Control, Entry, Known, Part, Problems},
        guard::Seat,
        pages::{Tab, marked, needed, page as whole_page, profiles, quiet, token, with_status},
        words::Words,
    },
};

/// What is said beside the fields.
#[derive(Default)]
pub(super) struct Told {
    pub(super) problems: Problems,
    pub(super) warnings: Problems,
    /// What somebody else has changed meanwhile.
    pub(super) clashes: Vec<Clash>,
    /// Who that was.
    pub(super) by: String,
    pub(super) note: String,
    /// The part that one goes on with.
    pub(super) focus: Option<String>,
}

impl Told {
    pub(super) fn of(problems: Problems) -> Self {
        Self { problems, ..Self::default() }
    }

    pub(super) fn general(text: &str) -> Self {
        let mut problems = Problems::default();
        problems.general(text);
        Self::of(problems)
    }

    pub(super) fn note(text: &str) -> Self {
        Self { note: text.to_owned(), ..Self::default() }
    }
}

/// What fields are shown with.
struct Frame<'a> {
    w: &'a Words,
    known: Known,
    told: &'a Told,
    /// The profile that is shown, as an address names it; `None`: it is new.
    from: Option<String>,
    is_read_only: bool,
}

/// Of a new profile the type comes first: it decides on the fields.
pub(super) fn kinds(manager: &Manager, seat: &Seat) -> Response {
    let w = &seat.words;
    let title = w.t("Add a profile");
    let body = html! {
        (trail(w, None))
        h1 { (title) }
        p { (w.t("Which language engine answers?")) }
        ul class="choose" {
            @for it in manager.house.kinds() { li { a href={ "/profiles/new?kind=" (it.kind) } { (it.title) } } }
        }
        p { a href="/profiles/new?view=text" { (w.t("Write it as text")) } }
    };
    whole_page(seat, SECTION, title, &body)
}

pub(super) fn page(manager: &Manager, seat: &Seat, status: StatusCode, work: &Work, told: &Told) -> Response {
    let w = &seat.words;
    let Work { at, seen, version, draft } = work;
    let title = if at.is_some() { w.t("Change a profile") } else { w.t("Add a profile") };
    let (known, from) = (known(manager), at.as_ref().map(|it| address::part(&it.document)));
    let frame = Frame { w, known, told, from, is_read_only: false };
    let blocks = form::blocks(draft, &frame.known);
    let text = draft.to_string();
    let body = html! {
        (trail(w, at.as_ref()))
        h1 { @match at { Some(at) => (w.f("Profile {}", &[&at.name()])), None => (title) } }
        @if let Some(at) = at { (Tab::Settings.of_profile(seat, &at.path)) }
        @if !told.note.is_empty() { p class="hint" { (told.note) } }
        (summary(w, told, &blocks))
        form method="post" action=(work.action()) class="profile" novalidate {
            (token(seat))
            input type="hidden" name="version" value=(version);
            @if !seen.is_empty() { input type="hidden" name="seen" value=(seen); }
            @if text != *seen { input type="hidden" name="begun" value=(text); }
            (bar(w, &blocks))
            @for it in &blocks { (frame.block(it)) }
            (further(w, draft))
            p { button name="do" value="save" { (w.t("Save")) } }
        }
        @if let Some(at) = at { (beside(seat, at, *version)) }
    };
    with_status(status, seat, (SECTION, title), &body)
}

/// A profile that a file is the truth of.
pub(super) fn read_only(manager: &Manager, seat: &Seat, profile: &Profile, draft: &Draft) -> Response {
    let w = &seat.words;
    let told = Told::default();
    let from = address::part(&format!("{}/{}", profile.unit, profile.name));
    let frame = Frame { w, known: known(manager), told: &told, from: Some(from.clone()), is_read_only: true };
    let path = profiles::path(profile);
    let body = html! {
        p class="trail" { a href="/profiles" { (w.t("Profiles")) } }
        h1 { (w.f("Profile {}", &[&profile.name])) }
        (Tab::Settings.of_profile(seat, &path))
        p class="hint" { (marked(&file_note(w, profile))) }
        p { a class="button second" href={ "/profiles/new?from=" (from) } { (w.t("Copy it")) } }
        div class="profile" {
            fieldset disabled { @for it in form::blocks(draft, &frame.known) { (frame.block(&it)) } }
        }
    };
    whole_page(seat, SECTION, w.t("Settings"), &body)
}

pub(super) fn file_note(w: &Words, profile: &Profile) -> String {
    w.f("Written in {}. It is changed there: a changed file takes effect at once, and `usher check` looks at it before.", &[
        &profile.origin,
    ])
}

/// What else is done with a profile of the Web Manager's.
pub(super) fn beside(seat: &Seat, at: &Place, version: u64) -> Markup {
    let w = &seat.words;
    html! {
        h2 { (w.t("Export, copy, remove")) }
        p {
            a href={ (at.path) "/export" } { (w.t("Export as a file")) } " · "
            a href={ "/profiles/new?from=" (address::part(&at.document)) } { (w.t("Copy it")) }
        }
        (quiet(w.t("Remove the profile"), &html! {
            form method="post" action={ (at.path) "/remove" } {
                (token(seat))
                input type="hidden" name="version" value=(version);
                p { (w.t("Contacts that it has go on to their end; new ones are not taken.")) }
                button class="danger" { (w.t("Remove it now")) }
            }
        }))
    }
}

/// What is wrong, and what somebody else has done, with the way to each field.
fn summary(w: &Words, told: &Told, blocks: &[Block]) -> Markup {
    let way = |at: &Option<String>| {
        let path = at.as_ref()?;
        let is_field = blocks.iter().any(|it| it.entries.iter().any(|it| it.path == *path));
        Some(if is_field { format!("#f-{path}") } else { format!("#b-{path}") })
    };
    html! {
        @if !told.problems.is_empty() {
            div class="problems" role="alert" tabindex="-1" autofocus {
                h2 { (w.t("Nothing was changed")) }
                ul { @for it in told.problems.list() { li {
                    @if let Some(at) = &it.location { span class="code" { (at.file) ":" (at.line) ":" (at.column) } " " }
                    @match way(&it.at) { Some(way) => a href=(way) { (it.text) }, None => (it.text) }
                    @if !it.help.is_empty() { " " b { (w.t("To mend it:")) } " " (it.help) }
                } } }
            }
        }
        @if !told.by.is_empty() {
            div class="problems" role="alert" tabindex="-1" autofocus {
                h2 { (w.f("{} has changed this profile meanwhile", &[&told.by])) }
                p { (w.t("Nothing was changed by you yet. The form holds both: what was changed meanwhile, and what you have typed. Look at it, and save it again.")) }
                ul { @for it in &told.clashes { li {
                    @match way(&Some(it.path.clone())) { Some(way) => a href=(way) { (w.t(&it.label)) }, None => (w.t(&it.label)) }
                    ": " (clash(w, it))
                } } }
            }
        }
        @if !told.warnings.is_empty() {
            div class="stale" role="status" {
                ul { @for it in told.warnings.list() { li {
                    @match way(&it.at) { Some(way) => a href=(way) { (it.text) }, None => (it.text) }
                    ": " (it.help)
                } } }
            }
        }
    }
}

fn clash(w: &Words, clash: &Clash) -> String {
    let or_nothing = |it: &str| if it.is_empty() { w.t("nothing").to_owned() } else { it.to_owned() };
    let (was, now) = (or_nothing(&clash.was), or_nothing(&clash.now));
    match &clash.mine {
        Some(mine) => w.f("it was {} and is {} now; you have typed {}, which stays", &[&was, &now, &or_nothing(mine)]),
        None => w.f("it was {} and is {} now", &[&was, &now]),
    }
}

/// To the parts of the form, and the way to save it from wherever one has not scrolled yet.
fn bar(w: &Words, blocks: &[Block]) -> Markup {
    html! {
        div class="parts" {
            button name="do" value="save" { (w.t("Save")) }
            button class="plain" name="do" value="text" { (w.t("As text")) }
            nav aria-label=(w.t("Parts of the form")) {
                ul { @for it in blocks { li { a href={ "#b-" (it.path) } { (title(w, it)) } } } }
            }
        }
    }
}

fn title(w: &Words, block: &Block) -> String {
    match block.part {
        Part::Group(group) => w.t(group.title).to_owned(),
        Part::Engine(_) => w.t("Language engine").to_owned(),
        Part::Standby { at, .. } => w.f("Standby {}", &[&(at + 1)]),
        Part::Canary => w.t("Canary").to_owned(),
        Part::Shadow => w.t("Shadow").to_owned(),
    }
}

/// What a profile does not have yet.
fn further(w: &Words, draft: &Draft) -> Markup {
    html! {
        h2 { (w.t("Further engines")) }
        p class="hint" { (w.t("Standbys step in, in their order, when the engine before them fails. A canary answers a share of the contacts, and is taken back by itself when it is worse. A shadow is only asked beside, and compared.")) }
        p class="further" {
            button class="second" name="do" value="add:standby" { (w.t("Add a standby")) } " "
            @if !draft.has(&["canary"]) { button class="second" name="do" value="add:canary" { (w.t("Add a canary")) } " " }
            @if !draft.has(&["shadow"]) { button class="second" name="do" value="add:shadow" { (w.t("Add a shadow")) } }
        }
    }
}

impl Frame<'_> {
    fn block(&self, block: &Block) -> Markup {
        let w = self.w;
        let id = format!("b-{}", block.path);
        html! {
            section aria-labelledby=(id) {
                h2 id=(id) tabindex="-1" { (title(w, block)) }
                @match block.part {
                    Part::Group(group) if !group.help.is_empty() => p class="hint" { (marked(w.t(group.help))) },
                    Part::Engine(Some(schema)) => (self.engine(schema)),
                    Part::Standby { at, of } if !self.is_read_only => p class="further" {
                        @if at > 0 { button class="second" name="do" value={ "up:" (block.path) } { (w.t("Earlier")) } " " }
                        @if at + 1 < of { button class="second" name="do" value={ "down:" (block.path) } { (w.t("Later")) } " " }
                        button class="danger" name="do" value={ "remove:" (block.path) } { (w.f("Remove standby {}", &[&(at + 1)])) }
                    },
                    Part::Canary if !self.is_read_only => p class="further" { button class="danger" name="do" value="remove:canary" { (w.t("Remove the canary")) } },
                    Part::Shadow if !self.is_read_only => p class="further" { button class="danger" name="do" value="remove:shadow" { (w.t("Remove the shadow")) } },
                    Part::Group(_) | Part::Engine(None) | Part::Standby { .. } | Part::Canary | Part::Shadow => {}
                }
                @if let Some(problem) = self.told.problems.of_field(&block.path).filter(|_| !block.path.is_empty() && block.path != "type") {
                    p class="problem" { (problem) }
                }
                div class="fields" { @for it in &block.entries { (self.entry(it)) } }
            }
        }
    }

    fn engine(&self, schema: &Schema) -> Markup {
        let w = self.w;
        html! {
            p class="hint" { (schema.title) }
            @if schema.kind == "dialogflow" {
                div class="stale" {
                    p { (w.t("Google has closed this API: it is for servers of your own that speak it. For Google's own agents there is version 2.")) }
                    @match &self.from {
                        Some(from) => a class="button second" href={ "/profiles/new?kind=dialogflow-v2&from=" (from) } { (w.t("Copy to V2")) },
                        None => button class="second" name="do" value="turn:dialogflow-v2" { (w.t("Make it V2")) },
                    }
                }
            }
            @if schema.kind == "connector" {
                p class="hint" {
                    (w.t("The connector dials in with a token. It is made on the profile's page, once the profile is saved."))
                }
            }
        }
    }

    fn entry(&self, entry: &Entry) -> Markup {
        let w = self.w;
        let (id, path) = (format!("f-{}", entry.path), entry.path.as_str());
        let hint = self.hint(entry);
        let problem = self.told.problems.of_field(path);
        let warning = self.told.warnings.of_field(path);
        let clash = self.told.clashes.iter().find(|it| it.path == path || it.path == format!("{path}.sealed"));
        let notes = [(!hint.is_empty()).then_some("hint"), problem.as_ref().map(|_| "problem")];
        let described: Vec<_> = notes.into_iter().flatten().map(|it| format!("{id}-{it}")).collect();
        let described = (!described.is_empty()).then(|| described.join(" "));
        let part = self.told.focus.as_deref().and_then(|part| path.strip_prefix(part)?.strip_prefix('.'));
        let is_next = matches!(part, Some("name" | "share_percent"));
        let marks = Marks { id: &id, is_next, described: described.as_deref(), is_wrong: problem.is_some() };
        let label = w.t(&entry.label);
        let is_flag = entry.control == Control::Of(Form::Flag);
        html! {
            div class={ "field" @if is_wide(entry.control) { " wide" } } {
                @if is_flag { div class="check" { (self.control(entry, &marks)) label for=(id) { (label) } } }
                @else { label for=(id) { (label) @if entry.is_required && !self.is_read_only { " " (needed(w)) } } }
                div class="notes" {
                    @if !hint.is_empty() { p class="hint" id={ (id) "-hint" } { (marked(&hint)) } }
                    @if let Some(problem) = &problem { p class="problem" id={ (id) "-problem" } { (problem) } }
                    @if let Some(warning) = &warning { p class="warning" { (warning) } }
                    @if let Some(it) = clash { p class="warning" { (self.told.by) ": " (self::clash(w, it)) } }
                }
                div class="control" { @if !is_flag { (self.control(entry, &marks)) (self.beside(entry)) } }
            }
        }
    }

    fn hint(&self, entry: &Entry) -> String {
        let w = self.w;
        let mut hint = Vec::new();
        if !entry.help.is_empty() {
            hint.push(w.t(entry.help).replace('\n', " "));
        }
        match &entry.default {
            Some(default) if entry.control != Control::Of(Form::Flag) => hint.push(w.f("Default: {}.", &[default])),
            Some(_) | None => {}
        }
        if entry.control.is_secret() {
            let state = match (entry.is_set, self.is_read_only) {
                (true, true) => w.t("It is set."),
                (true, false) => w.t("It is set: left empty, it stays."),
                (false, _) => w.t("It is not set."),
            };
            hint.push(state.to_owned());
        }
        hint.join(" ")
    }

    /// What stands after a control.
    fn beside(&self, entry: &Entry) -> Markup {
        let (w, path) = (self.w, entry.path.as_str());
        let box_of = |name: String, label: &str, is_ticked: bool| {
            html! {
                div class="check" {
                    input type="checkbox" id={ "f-" (name) } name=(name) value="true" checked[is_ticked];
                    label for={ "f-" (name) } { (label) }
                }
            }
        };
        html! {
            @if let Some(none) = entry.none {
                (box_of(format!("{path}.none"), w.t(none), entry.is_set && entry.value.is_empty()))
            }
            @if entry.control.is_secret() && entry.is_set && !entry.is_required && !self.is_read_only {
                (box_of(format!("{path}.forget"), w.t("Forget it"), false))
            }
            @if matches!(entry.control, Control::Kind(_)) && !self.is_read_only {
                button class="plain" name="do" value="show" { (w.t("Show this type's settings")) }
            }
        }
    }

    fn control(&self, entry: &Entry, marks: &Marks<'_>) -> Markup {
        match entry.control {
            Control::Unit => self.units(entry, marks),
            Control::Kind(may_be_none) => self.kinds(entry, may_be_none, marks),
            Control::Switch => {
                let w = self.w;
                let options = [("", w.t("As in the profile")), ("true", w.t("yes")), ("false", w.t("no"))];
                marks.select(entry, options.into_iter().map(|(value, label)| (value.to_owned(), label.to_owned())))
            }
            Control::Of(form) => self.form(entry, form, marks),
        }
    }

    fn form(&self, entry: &Entry, form: Form, marks: &Marks<'_>) -> Markup {
        let (w, value, name) = (self.w, entry.value.as_str(), entry.path.as_str());
        match form {
            Form::Number(least, most) | Form::Millis(least, most) | Form::Seconds(least, most) => {
                marks.number(entry, (&least.to_string(), &most.to_string()), "1")
            }
            Form::Decimal(least, most) => marks.number(entry, (&least.to_string(), &most.to_string()), "any"),
            Form::Text(_) | Form::Segment(_) | Form::Proxy => marks.input(entry, "text", None),
            Form::Endpoint | Form::Url => marks.input(entry, "url", None),
            // Its value is empty whatever is set.
            Form::Secret => marks.input(entry, "password", Some("new-password")),
            Form::ServiceAccount if self.is_read_only => marks.input(entry, "password", None),
            Form::ServiceAccount => html! {
                textarea id=(marks.id) name=(name) rows="4" spellcheck="false" autocomplete="off"
                    data-file=(w.t("Choose the key file (*.json)")) data-large=(w.t("This file is larger than 64 KB: it is no key file."))
                    aria-describedby=[marks.described] aria-invalid=[marks.invalid()] {}
            },
            Form::LongText(_) | Form::Texts(_) => html! {
                textarea id=(marks.id) name=(name) rows=(value.lines().count().clamp(2, 8))
                    aria-describedby=[marks.described] aria-invalid=[marks.invalid()] { "\n" (value) }
            },
            Form::Flag => {
                let is_ticked = if entry.is_set { value == "true" } else { entry.default.as_deref() == Some("true") };
                html! {
                    input type="hidden" name=(name) value="false";
                    input type="checkbox" id=(marks.id) name=(name) value="true" checked[is_ticked]
                        aria-describedby=[marks.described] aria-invalid=[marks.invalid()];
                }
            }
            Form::Choice(words) => {
                let nothing = match &entry.default {
                    Some(default) => w.f("Default: {}", &[default]),
                    None => w.t("Not set").to_owned(),
                };
                let options = words.iter().map(|it| ((*it).to_owned(), (*it).to_owned()));
                marks.select(entry, std::iter::once((String::new(), nothing)).chain(options))
            }
        }
    }

    fn units(&self, entry: &Entry, marks: &Marks<'_>) -> Markup {
        let units = self.known.units.iter().map(|it| (it.to_string(), it.to_string()));
        marks.select(entry, std::iter::once((String::new(), self.w.t("The only one").to_owned())).chain(units))
    }

    fn kinds(&self, entry: &Entry, may_be_none: bool, marks: &Marks<'_>) -> Markup {
        let kinds = self.known.kinds.iter().map(|it| (it.kind.to_owned(), it.title.to_owned()));
        let none = may_be_none.then(|| (String::new(), self.w.t("The profile's own").to_owned()));
        marks.select(entry, none.into_iter().chain(kinds))
    }
}

const fn is_wide(control: Control) -> bool {
    matches!(control, Control::Of(Form::LongText(_) | Form::Texts(_) | Form::ServiceAccount))
}

/// What ties a control to its label and notes.
struct Marks<'a> {
    id: &'a str,
    is_next: bool,
    described: Option<&'a str>,
    is_wrong: bool,
}

impl Marks<'_> {
    fn invalid(&self) -> Option<&'static str> {
        self.is_wrong.then_some("true")
    }

    fn input(&self, entry: &Entry, kind: &str, completes: Option<&str>) -> Markup {
        html! {
            input type=(kind) id=(self.id) name=(entry.path) value=(entry.value) autocomplete=(completes.unwrap_or("off")) autofocus[self.is_next]
                aria-describedby=[self.described] aria-invalid=[self.invalid()];
        }
    }

    fn number(&self, entry: &Entry, (least, most): (&str, &str), step: &str) -> Markup {
        // What is no number is shown as it was typed.
        if entry.value.parse::<f64>().is_err() && !entry.value.is_empty() {
            return self.input(entry, "text", None);
        }
        html! {
            input type="number" id=(self.id) name=(entry.path) value=(entry.value) min=(least) max=(most) step=(step) autofocus[self.is_next]
                aria-describedby=[self.described] aria-invalid=[self.invalid()];
        }
    }

    fn select(&self, entry: &Entry, options: impl Iterator<Item = (String, String)>) -> Markup {
        let mut options: Vec<_> = options.collect();
        if options.iter().all(|(value, _)| *value != entry.value) {
            // What is not known is not lost either.
            options.insert(0, (entry.value.clone(), entry.value.clone()));
        }
        html! {
            select id=(self.id) name=(entry.path) autofocus[self.is_next] aria-describedby=[self.described] aria-invalid=[self.invalid()] {
                @for (value, label) in options { option value=(value) selected[value == entry.value] { (label) } }
            }
        }
    }
}
