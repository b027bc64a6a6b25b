//! The numbers of a span, as JSON and as tables, and the questions most often not understood.

use axum::body::Body;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    asked::Query,
    figures::{CallFigures, Figures},
    known,
    moment::Moment,
    names::{Date, Limit, Text},
    operation::{Call, Draft, Operation},
    problem::{Kind, Problem},
    told::{Csv, Shown},
};
use crate::{
    gateway::storage::{Day, NumbersOf},
    manager::{
        Manager,
        numbers::{MAX_DAYS, NoSpan, Report, Span, report},
        pages,
        people::Role,
        words::Language,
    },
};

/// What [`MAX_DAYS`] says, as the reading of it wants it.
const MOST_DAYS: usize = 400;
const USUAL_DAYS: i32 = 30;

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Draft::get("/numbers", Role::Viewer, "getNumbers")
            .says("Numbers of a span", "What contacts came to: all of it, the span before, by day (or week, or four weeks, if it is long), by profile and by engine. The numbers of a last day that is not over yet still grow.")
            .refuses(&[Kind::Invalid])
            .by(show),
        Draft::get("/numbers.csv", Role::Viewer, "exportNumbers")
            .says("One table of a span", "A file in CSV, as the page has it, in English.")
            .refuses(&[Kind::Invalid, Kind::NotFound])
            .by(export),
        Draft::get("/numbers/questions", Role::Viewer, "listQuestions")
            .says("The questions most often not understood", "Of one profile in a span, the most frequent first; what was private in them is a token. Questions of erased contacts are counted and not shown.")
            .refuses(&[Kind::Invalid])
            .by(questions),
    ]
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// Of this business unit alone.
    unit: Option<Text<128>>,
    /// Of this profile alone.
    profile: Option<Text<128>>,
    /// The first day.
    from: Option<Date>,
    /// The last day; today if it is not there.
    to: Option<Date>,
    /// So many days up to the last, where `from` is not there; 30 if neither is.
    days: Option<Limit<MOST_DAYS>>,
}

type Days = (Option<Date>, Option<Date>, Option<Limit<MOST_DAYS>>);

fn span((from, to, days): Days, today: Day) -> Result<Span, Problem> {
    let last = to.map_or(today, |it| Day::from(it.get()).min(today));
    let first = match (from, days) {
        (Some(_), Some(_)) => return Err(Problem::field("days", "send `from` or `days`, one of them")),
        (Some(from), None) => Day::from(from.get()),
        (None, days) => {
            let days = days.and_then(|it| i32::try_from(it.get()).ok()).unwrap_or(USUAL_DAYS);
            Span::last(days, last).from
        }
    };
    Span::between(first, last, today).map_err(|why| match why {
        NoSpan::From | NoSpan::Backwards => {
            Problem::field("from", "the last day comes before the first, or the first is still to come")
        }
        NoSpan::To => Problem::field("to", "this is no day"),
        NoSpan::TooLong => Problem::field("from", format!("a span has {MAX_DAYS} days at most")),
    })
}

async fn of_span(manager: &Manager, wanted: &Wanted) -> Result<Report, Problem> {
    let (unit, profile) = (wanted.unit.as_ref().map(Text::as_str), wanted.profile.as_ref().map(Text::as_str));
    let names = known::names(manager, unit, profile).await?;
    let today = manager.gateway.today(names.0.as_ref());
    let span = span((wanted.from, wanted.to, wanted.days), today)?;
    Ok(report(&manager.gateway, names, span).await?)
}

#[derive(Debug, Serialize, JsonSchema)]
struct Point {
    /// Its first day.
    from: String,
    #[serde(flatten)]
    figures: Figures,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ProfileFigures {
    unit: String,
    profile: String,
    #[serde(flatten)]
    figures: Figures,
}

#[derive(Debug, Serialize, JsonSchema)]
struct EngineFigures {
    unit: String,
    profile: String,
    /// What the profile calls it.
    engine: String,
    #[serde(flatten)]
    figures: CallFigures,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Numbers {
    /// The first day.
    from: String,
    /// The last day.
    to: String,
    all: Figures,
    /// Of the span before, which is as long.
    before: Figures,
    /// How many days a point has; the first may have fewer.
    days_per_point: i32,
    /// The oldest first; none is missing.
    points: Vec<Point>,
    /// Those that had any contacts.
    profiles: Vec<ProfileFigures>,
    /// Those that were asked.
    engines: Vec<EngineFigures>,
}

async fn show(call: Call, Query(wanted): Query<Wanted>) -> Result<Shown<Numbers>, Problem> {
    let report = of_span(&call.manager, &wanted).await?;
    let points = report.points.iter().map(|(day, it)| Point { from: day.to_string(), figures: Figures::of(it) });
    let profiles = report.profiles.iter().map(|((unit, profile), it)| ProfileFigures {
        unit: unit.to_string(),
        profile: profile.to_string(),
        figures: Figures::of(it),
    });
    let engines = report.engines.iter().map(|((unit, profile, engine), it)| EngineFigures {
        unit: unit.to_string(),
        profile: profile.to_string(),
        engine: engine.to_string(),
        figures: CallFigures::of(it),
    });
    Ok(Shown(Numbers {
        from: report.span.from.to_string(),
        to: report.span.to.to_string(),
        all: Figures::of(&report.all),
        before: Figures::of(&report.before),
        days_per_point: report.span.step(),
        points: points.collect(),
        profiles: profiles.collect(),
        engines: engines.collect(),
    }))
}

/// As the page calls its tables.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Table {
    Contacts,
    Containment,
    Handovers,
    Understanding,
    Failures,
    Timeouts,
    Answers,
    Quota,
    Actions,
    Reasons,
    Stages,
    Engines,
    Profiles,
}

impl Table {
    const fn label(self) -> &'static str {
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
            Self::Reasons => "reasons",
            Self::Stages => "stages",
            Self::Engines => "engines",
            Self::Profiles => "profiles",
        }
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WantedTable {
    table: Table,
    /// Of this business unit alone.
    unit: Option<Text<128>>,
    /// Of this profile alone.
    profile: Option<Text<128>>,
    /// The first day.
    from: Option<Date>,
    /// The last day; today if it is not there.
    to: Option<Date>,
    /// So many days up to the last, where `from` is not there; 30 if neither is.
    days: Option<Limit<MOST_DAYS>>,
}

async fn export(call: Call, Query(wanted): Query<WantedTable>) -> Result<Csv, Problem> {
    let WantedTable { table, unit, profile, from, to, days } = wanted;
    let report = of_span(&call.manager, &Wanted { unit, profile, from, to, days }).await?;
    let words = call.manager.dictionary.words(Language::English);
    let text = pages::numbers::table(&words, &report, table.label());
    text.map(|it| Csv(Body::from(it))).ok_or_else(|| Kind::NotFound.says("there is no such table"))
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WantedQuestions {
    unit: Text<128>,
    profile: Text<128>,
    /// The first day.
    from: Option<Date>,
    /// The last day; today if it is not there.
    to: Option<Date>,
    /// So many days up to the last, where `from` is not there; 30 if neither is.
    days: Option<Limit<MOST_DAYS>>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Question {
    /// As it was asked last.
    text: String,
    times: u64,
    /// Who asked it last.
    contact: String,
    at: Moment,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Questions {
    /// The first day.
    from: String,
    /// The last day.
    to: String,
    questions: Vec<Question>,
    /// So many were not understood, of the newest that were looked up.
    looked_up: usize,
    /// Of which so many cannot be shown: sensitive, erased, or not in words.
    hidden: usize,
    /// There may be more before them.
    is_cut: bool,
}

async fn questions(call: Call, Query(wanted): Query<WantedQuestions>) -> Result<Shown<Questions>, Problem> {
    let gateway = &call.manager.gateway;
    let (unit, profile) =
        known::names(&call.manager, Some(wanted.unit.as_str()), Some(wanted.profile.as_str())).await?;
    let Span { from, to } = span((wanted.from, wanted.to, wanted.days), gateway.today(unit.as_ref()))?;
    let of = NumbersOf { unit, profile, engines: false, from, to };
    let found = gateway.questions(&of, pages::numbers::QUESTIONS).await?;
    let questions = found.questions.into_iter().map(|it| Question {
        text: it.text,
        times: it.count,
        contact: it.contact.name.to_string(),
        at: Moment(it.at),
    });
    Ok(Shown(Questions {
        from: from.to_string(),
        to: to.to_string(),
        questions: questions.collect(),
        looked_up: found.looked_up,
        hidden: found.hidden,
        is_cut: found.is_cut,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_given_by_its_days_or_its_ends() {
        const TODAY: Day = Day(20_000);
        let day = |text: &str| Some(Date::try_from(text.to_owned()).unwrap());
        let days = |days: u64| Limit::try_from(days).ok();
        let told = |days: Days| span(days, TODAY).map_err(|it| it.kind);
        assert_eq!(told((None, None, None)), Ok(Span { from: Day(19_971), to: TODAY }));
        // Day 20000 is 4 October 2024.
        assert_eq!(told((None, day("2024-10-03"), days(2))), Ok(Span { from: Day(19_998), to: Day(19_999) }));
        assert_eq!(told((day("2024-10-03"), day("2099-01-01"), None)), Ok(Span { from: Day(19_999), to: TODAY }));
        assert_eq!(told((None, None, days(400))).map(Span::days), Ok(MAX_DAYS));
        assert_eq!(usize::try_from(MAX_DAYS), Ok(MOST_DAYS));
        for bad in
            [(day("2024-10-05"), None, None), (day("2020-01-01"), None, None), (day("2024-10-03"), None, days(2))]
        {
            assert_eq!(told(bad), Err(Kind::Invalid));
        }
    }
}
