//! The numbers as tables: the same for a page and for a file.

use maud::{Markup, html};

use crate::{
    core::message::FailureKind,
    gateway::{
        numbers::{Measure as M, Span},
        storage::{Counts, Day},
    },
    manager::{
        numbers::{Both, Report},
        pages::{self, end_kind},
        words::Words,
    },
    telemetry::labels::{EndKind, HandoverCause, Label as _},
};

/// A table and what it is called in an address.
pub(super) struct Sheet {
    pub(super) id: &'static str,
    pub(super) title: String,
    /// The first is of the rows' names.
    pub(super) head: Vec<String>,
    pub(super) rows: Vec<(Name, Vec<Cell>)>,
}

/// What a row is about.
#[derive(Clone, Debug)]
pub(super) enum Name {
    Text(String),
    Day(Day),
}

impl Name {
    /// For people.
    pub(super) fn shown(&self, w: &Words) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Day(day) => shown_day(w, *day),
        }
    }

    /// For programs.
    fn plain(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Day(day) => day.to_string(),
        }
    }
}

/// As the page's language writes it.
pub(super) fn shown_day(w: &Words, day: Day) -> String {
    day.date().map_or_else(|| day.to_string(), |date| pages::day(w, date))
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Cell {
    Count(u64),
    /// Such a part of so many.
    Share(u64, u64),
    /// Milliseconds; `None`: there was no case.
    Time(Option<u64>),
}

impl Cell {
    /// `None`: there is nothing to tell.
    #[expect(clippy::cast_precision_loss, reason = "a number for a picture")]
    pub(super) fn value(self) -> Option<f64> {
        match self {
            Self::Count(count) => Some(count as f64),
            Self::Share(_, 0) => None,
            Self::Share(part, whole) => Some(part as f64 * 100.0 / whole as f64),
            Self::Time(time) => time.map(|ms| ms as f64),
        }
    }

    /// For people.
    pub(super) fn shown(self, w: &Words) -> String {
        match (self, self.value()) {
            (_, None) => "–".to_owned(),
            (Self::Count(count), _) => count.to_string(),
            (Self::Share(..), Some(share)) => format!("{} %", w.decimal(share, 1)),
            (Self::Time(_), Some(ms)) => shown_ms(w, ms),
        }
    }

    /// For programs: a plain number, or nothing.
    pub(super) fn plain(self) -> String {
        match (self, self.value()) {
            (_, None) => String::new(),
            (Self::Share(..), Some(share)) => format!("{share:.1}"),
            (Self::Count(_) | Self::Time(_), Some(value)) => format!("{value:.0}"),
        }
    }
}

/// Milliseconds as people say them.
pub(super) fn shown_ms(w: &Words, ms: f64) -> String {
    if ms < 1_000.0 {
        format!("{ms:.0} ms")
    } else if ms < 60_000.0 {
        format!("{} s", w.decimal(ms / 1_000.0, 1))
    } else {
        format!("{} min", w.decimal(ms / 60_000.0, 1))
    }
}

/// What of a profile's contacts is a picture of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Topic {
    Contacts,
    Containment,
    Handovers,
    Understanding,
    Failures,
    Timeouts,
    Answers,
    Quota,
    Actions,
}

impl Topic {
    pub(super) const ALL: [Self; 9] = [
        Self::Contacts,
        Self::Containment,
        Self::Handovers,
        Self::Understanding,
        Self::Failures,
        Self::Timeouts,
        Self::Answers,
        Self::Quota,
        Self::Actions,
    ];

    pub(super) const fn id(self) -> &'static str {
        match self {
            Self::Contacts => "contacts",
            Self::Containment => "containment",
            Self::Handovers => "handovers",
            Self::Understanding => "understanding",
            Self::Failures => "failures",
            Self::Timeouts => "timeouts",
            Self::Answers => "answers",
            Self::Quota => "quota",
            Self::Actions => "actions",
        }
    }

    fn title(self, w: &Words) -> &str {
        match self {
            Self::Contacts => w.t("Contacts"),
            Self::Containment => w.t("Contained"),
            Self::Handovers => w.t("Handed over"),
            Self::Understanding => w.t("Not understood"),
            Self::Failures => w.t("Technical failures"),
            Self::Timeouts => w.t("Ended by inactivity"),
            Self::Answers => w.t("Time to an answer"),
            Self::Quota => w.t("Calls to engines"),
            Self::Actions => w.t("Actions"),
        }
    }

    /// What a column shows, and how it is found. The first is the picture's, unless the picture has lines.
    fn columns<'a>(self, w: &'a Words, all: &Both) -> Vec<(&'a str, Find)> {
        let count = |name, measure: M| (name, Find::Count(measure));
        match self {
            Self::Contacts => {
                let mut columns = vec![count(w.t("begun"), M::Begun), (w.t("ended"), Find::Ended)];
                columns.extend(used(EndKind::ALL, all, |end| (end_kind(w, end), M::Ended(end))));
                columns
            }
            Self::Containment => vec![
                (w.t("share"), Find::Contained),
                count(w.t("contained"), M::Contained),
                (w.t("ended"), Find::Ended),
            ],
            Self::Handovers => {
                let mut columns = vec![(w.t("offered to a person"), Find::HandedOver)];
                columns.extend(used(HandoverCause::ALL, all, |cause| (cause_of(w, cause), M::HandedOver(cause))));
                columns.extend([
                    count(w.t("taken"), M::Accepted),
                    count(w.t("failed"), M::Failed),
                    count(w.t("taken by nobody"), M::Expired),
                    count(w.t("nobody to be had"), M::NoPerson),
                    count(w.t("given back"), M::Returned),
                ]);
                columns
            }
            Self::Understanding => vec![
                (w.t("share"), Find::NotUnderstood),
                count(w.t("not understood"), M::NotUnderstood),
                count(w.t("questions"), M::Turns),
                count(w.t("messages"), M::Messages),
            ],
            Self::Failures => {
                let mut columns = vec![(w.t("failures"), Find::NoAnswer)];
                columns.extend(used(FailureKind::ALL, all, |kind| (kind.label(), M::NoAnswer(kind))));
                columns.extend([
                    count(w.t("passed to the next engine"), M::FailedOver),
                    count(w.t("told that it takes longer"), M::Slow),
                    count(w.t("answers too late"), M::Stale),
                ]);
                columns
            }
            Self::Timeouts => vec![
                count(w.t("ended by inactivity"), M::Ended(EndKind::Inactivity)),
                count(w.t("warned before"), M::Warned),
            ],
            Self::Answers => vec![
                ("p50", Find::Percentile(Span::Answer, 50)),
                ("p95", Find::Percentile(Span::Answer, 95)),
                ("p99", Find::Percentile(Span::Answer, 99)),
                (w.t("answers"), Find::Cases(Span::Answer)),
            ],
            Self::Quota => vec![
                (w.t("calls"), Find::OfEngines(M::Calls)),
                (w.t("without an answer"), Find::OfEngines(M::CallsFailed)),
                (w.t("refused for quota"), Find::OfEngines(M::CallsOverQuota)),
                (w.t("held back for quota"), Find::OfEngines(M::HeldBack)),
                (w.t("not asked: out of order"), Find::OfEngines(M::CutOff)),
            ],
            Self::Actions => vec![
                (w.t("carried out"), Find::Actions),
                count(w.t("callbacks"), M::Callbacks),
                count(w.t("pages pushed"), M::Pushes),
                count(w.t("external queries"), M::External),
                count(w.t("external queries failed"), M::ExternalFailed),
                count(w.t("callbacks refused"), M::CallbacksRefused),
                count(w.t("pages refused"), M::PushesRefused),
                count(w.t("unknown actions"), M::UnknownActions),
            ],
        }
    }

    /// How many of the columns the picture shows, as lines.
    pub(super) const fn lines(self) -> Option<usize> {
        match self {
            Self::Answers => Some(3),
            Self::Containment | Self::Understanding => Some(1),
            Self::Contacts | Self::Handovers | Self::Failures | Self::Timeouts | Self::Quota | Self::Actions => None,
        }
    }

    /// What it comes to in the span, and in the span before.
    pub(super) fn totals(self, w: &Words, report: &Report) -> (Cell, Cell) {
        // Of the three lines the one in the middle: what nearly everybody saw.
        let place = usize::from(self == Self::Answers);
        match self.columns(w, &report.all).get(place) {
            Some((_, find)) => (find.cell(&report.all), find.cell(&report.before)),
            None => (Cell::Count(0), Cell::Count(0)),
        }
    }

    pub(super) fn sheet(self, w: &Words, report: &Report) -> Sheet {
        let columns = self.columns(w, &report.all);
        let when = match report.span.step() {
            1 => w.t("day"),
            7 => w.t("week from"),
            _ => w.t("four weeks from"),
        };
        let head = std::iter::once(when).chain(columns.iter().map(|it| it.0)).map(str::to_owned).collect();
        let row = |both: &Both| columns.iter().map(|(_, find)| find.cell(both)).collect();
        let rows = report.points.iter().map(|(day, both)| (Name::Day(*day), row(both))).collect();
        Sheet { id: self.id(), title: self.title(w).to_owned(), head, rows }
    }
}

/// Those of a family that happened at all.
fn used<'a, L: Copy>(
    family: &[L],
    all: &Both,
    column: impl Fn(L) -> (&'a str, M),
) -> impl Iterator<Item = (&'a str, Find)> {
    let columns: Vec<_> = family.iter().map(|it| column(*it)).collect();
    let happened = columns.into_iter().filter(|(_, measure)| measure.of(&all.contacts) > 0);
    happened.map(|(name, measure)| (name, Find::Count(measure))).collect::<Vec<_>>().into_iter()
}

/// How a cell is found.
#[derive(Clone, Copy)]
enum Find {
    Count(M),
    OfEngines(M),
    Ended,
    Contained,
    HandedOver,
    NotUnderstood,
    NoAnswer,
    Actions,
    Percentile(Span, u64),
    Cases(Span),
}

impl Find {
    fn cell(self, both: &Both) -> Cell {
        let of = |measure: M| measure.of(&both.contacts);
        let ended = || M::sum(M::Ended, &both.contacts);
        match self {
            Self::Count(measure) => Cell::Count(of(measure)),
            Self::OfEngines(measure) => Cell::Count(measure.of(&both.engines)),
            Self::Ended => Cell::Count(ended()),
            Self::Contained => Cell::Share(of(M::Contained), ended()),
            Self::HandedOver => Cell::Count(M::sum(M::HandedOver, &both.contacts)),
            Self::NotUnderstood => Cell::Share(of(M::NotUnderstood), of(M::Turns)),
            Self::NoAnswer => Cell::Count(M::sum(M::NoAnswer, &both.contacts)),
            Self::Actions => Cell::Count(of(M::Callbacks) + of(M::Pushes) + of(M::External)),
            Self::Percentile(span, percent) => Cell::Time(span.percentile(&both.contacts, percent)),
            Self::Cases(span) => Cell::Count(span.count(&both.contacts)),
        }
    }
}

pub(super) fn cause_of(w: &Words, cause: HandoverCause) -> &str {
    match cause {
        HandoverCause::Action => w.t("an action asked for it"),
        HandoverCause::LiveAgent => w.t("the intent asked for it"),
        HandoverCause::NotUnderstood => w.t("not understood too often"),
        HandoverCause::Failures => w.t("technical failures"),
        HandoverCause::Slow => w.t("slow answers"),
        HandoverCause::Operator => w.t("an operator"),
        HandoverCause::Paused => w.t("the profile is paused"),
    }
}

/// Why contacts went to a person, the most frequent first.
pub(super) fn reasons(w: &Words, report: &Report) -> Sheet {
    let all = M::sum(M::HandedOver, &report.all.contacts);
    let row = |cause: &HandoverCause| {
        let count = M::HandedOver(*cause).of(&report.all.contacts);
        (Name::Text(cause_of(w, *cause).to_owned()), vec![Cell::Count(count), Cell::Share(count, all)])
    };
    let mut rows: Vec<_> = HandoverCause::ALL.iter().map(row).collect();
    rows.sort_by_key(|(_, cells)| match cells.first() {
        Some(Cell::Count(count)) => std::cmp::Reverse(*count),
        Some(_) | None => std::cmp::Reverse(0),
    });
    let head = [w.t("reason"), w.t("contacts"), w.t("share")].map(str::to_owned).to_vec();
    Sheet { id: "reasons", title: w.t("Why contacts went to a person").to_owned(), head, rows }
}

/// Where the time went.
pub(super) fn stages(w: &Words, report: &Report) -> Sheet {
    let name = |span: Span| match span {
        Span::Answer => w.t("the customer's wait for an answer"),
        Span::Call => w.t("one call to an engine"),
        Span::External => w.t("one query to an external system"),
        Span::Delivery => w.t("delivery to the routing engine"),
        Span::Person => w.t("from the offer until a person took the contact"),
    };
    let row = |span: &Span| {
        let counts = if *span == Span::Call { &report.all.engines } else { &report.all.contacts };
        let time = |percent| Cell::Time(span.percentile(counts, percent));
        (Name::Text(name(*span).to_owned()), vec![time(50), time(95), time(99), Cell::Count(span.count(counts))])
    };
    let head = [w.t("stage"), "p50", "p95", "p99", w.t("cases")].map(str::to_owned).to_vec();
    Sheet { id: "stages", title: w.t("Time by stage").to_owned(), head, rows: Span::ALL.iter().map(row).collect() }
}

/// How the profiles' engines did.
pub(super) fn engines(w: &Words, report: &Report) -> Sheet {
    let row = |(unit, profile, engine): (&str, &str, &str), counts: &Counts| {
        let count = |measure: M| Cell::Count(measure.of(counts));
        let time = |percent| Cell::Time(Span::Call.percentile(counts, percent));
        let cells = vec![
            count(M::Calls),
            count(M::CallsFailed),
            count(M::CallsOverQuota),
            count(M::HeldBack),
            count(M::CutOff),
            count(M::CallsNotUnderstood),
            time(50),
            time(95),
        ];
        (Name::Text(format!("{unit} / {profile} / {engine}")), cells)
    };
    let rows = report.engines.iter();
    let rows = rows.map(|((unit, profile, engine), it)| row((unit.as_str(), profile.as_str(), engine.as_str()), it));
    let head = [
        w.t("engine"),
        w.t("calls"),
        w.t("without an answer"),
        w.t("refused for quota"),
        w.t("held back for quota"),
        w.t("not asked: out of order"),
        w.t("not understood"),
        "p50",
        "p95",
    ];
    let (title, head) = (w.t("Engines and their quota").to_owned(), head.map(str::to_owned).to_vec());
    Sheet { id: "engines", title, head, rows: rows.collect() }
}

/// The profiles side by side.
pub(super) fn profiles(w: &Words, report: &Report) -> Sheet {
    let row = |((unit, profile), both): &((_, _), Both)| {
        let find = [
            Find::Count(M::Begun),
            Find::Contained,
            Find::HandedOver,
            Find::NotUnderstood,
            Find::NoAnswer,
            Find::Count(M::Ended(EndKind::Inactivity)),
            Find::Percentile(Span::Answer, 95),
            Find::OfEngines(M::Calls),
        ];
        (Name::Text(format!("{unit} / {profile}")), find.map(|it| it.cell(both)).to_vec())
    };
    let head = [
        w.t("profile"),
        w.t("contacts"),
        w.t("contained"),
        w.t("offered to a person"),
        w.t("not understood"),
        w.t("failures"),
        w.t("ended by inactivity"),
        "p95",
        w.t("calls"),
    ];
    let (title, head) = (w.t("Profiles side by side").to_owned(), head.map(str::to_owned).to_vec());
    Sheet { id: "profiles", title, head, rows: report.profiles.iter().map(row).collect() }
}

impl Sheet {
    /// All of them, in the order of the page.
    fn all(w: &Words, report: &Report) -> Vec<Self> {
        let mut all: Vec<Self> = Topic::ALL.iter().map(|it| it.sheet(w, report)).collect();
        all.extend([reasons(w, report), stages(w, report), engines(w, report), profiles(w, report)]);
        all
    }

    pub(super) fn find(w: &Words, report: &Report, name: &str) -> Option<Self> {
        Self::all(w, report).into_iter().find(|it| it.id == name)
    }

    /// The first `limit` rows. `link`: where a row leads to.
    pub(super) fn table(&self, w: &Words, limit: usize, link: impl Fn(usize) -> Option<String>) -> Markup {
        html! {
            table class="figures" {
                thead { tr { @for (n, it) in self.head.iter().enumerate() { th class=[(n > 0).then_some("number")] { (heading(it)) } } } }
                tbody {
                    @for (n, (name, cells)) in self.rows.iter().take(limit).enumerate() {
                        tr {
                            th scope="row" { @match link(n) { Some(to) => { a href=(to) { (name.shown(w)) } } None => { (name.shown(w)) } } }
                            @for it in cells { td { (it.shown(w)) } }
                        }
                    }
                }
            }
        }
    }

    /// As comma-separated values.
    pub(super) fn csv(&self) -> String {
        let line = |cells: Vec<String>| cells.join(",") + "\r\n";
        let mut text = line(self.head.iter().map(|it| quoted(it)).collect());
        for (name, cells) in &self.rows {
            text += &line(std::iter::once(quoted(&name.plain())).chain(cells.iter().map(|it| it.plain())).collect());
        }
        text
    }
}

/// A column's name as it begins on a page; a percentile's is a sign.
fn heading(name: &str) -> String {
    let mut letters = name.chars();
    match letters.next() {
        Some(first) if !letters.as_str().starts_with(|it: char| it.is_ascii_digit()) => {
            first.to_uppercase().chain(letters).collect()
        }
        Some(_) | None => name.to_owned(),
    }
}

/// In quotation marks; what a spreadsheet would take for a formula is one no more.
fn quoted(text: &str) -> String {
    let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manager::words::{Dictionary, Language};

    #[test]
    fn a_cell_is_told_to_people_and_to_programs() {
        let words = Dictionary::new().words(Language::English);
        let told = |cell: Cell| (cell.shown(&words), cell.plain());
        let both = |shown: &str, plain: &str| (shown.to_owned(), plain.to_owned());
        assert_eq!(told(Cell::Count(1_234)), both("1234", "1234"));
        assert_eq!(told(Cell::Share(1, 3)), both("33.3 %", "33.3"));
        assert_eq!(told(Cell::Share(0, 0)), both("–", ""));
        assert_eq!(told(Cell::Time(None)), both("–", ""));
        assert_eq!(told(Cell::Time(Some(950))), both("950 ms", "950"));
        assert_eq!(told(Cell::Time(Some(2_340))), both("2.3 s", "2340"));
        assert_eq!(told(Cell::Time(Some(90_000))), both("1.5 min", "90000"));
        let german = Dictionary::new().words(Language::German);
        assert_eq!(Cell::Share(1, 3).shown(&german), "33,3 %");
    }

    #[test]
    fn a_heading_begins_with_a_capital_letter_and_a_percentile_stays() {
        assert_eq!(["not understood", "p95", "über", ""].map(heading), ["Not understood", "p95", "Über", ""]);
    }

    #[test]
    fn a_day_is_written_in_the_pages_language_and_stays_a_date_in_a_file() {
        let words = |language| Dictionary::new().words(language);
        let rows = vec![(Name::Day(Day(20_000)), vec![Cell::Count(3)])];
        let sheet = Sheet { id: "x", title: String::new(), head: vec!["day".to_owned()], rows };
        let shown = |language| sheet.table(&words(language), 1, |_| None).into_string();
        assert!(shown(Language::English).contains(">4 October 2024<"), "{}", shown(Language::English));
        assert!(shown(Language::German).contains(">04.10.2024<"), "{}", shown(Language::German));
        assert_eq!(sheet.csv(), "\"day\"\r\n\"2024-10-04\",3\r\n");
    }

    #[test]
    fn a_name_is_no_formula_in_a_file() {
        let sheet = Sheet {
            id: "x",
            title: String::new(),
            head: vec!["a \"b\"".to_owned(), "n".to_owned()],
            rows: [("=1+1", Cell::Count(3)), ("a, b", Cell::Time(None))]
                .map(|(name, cell)| (Name::Text(name.to_owned()), vec![cell]))
                .to_vec(),
        };
        assert_eq!(sheet.csv(), "\"a \"\"b\"\"\",\"n\"\r\n\"'=1+1\",3\r\n\"a, b\",\r\n");
    }
}
