//! Small plain pictures of a table: bars for what is counted, lines for what is a share or a time. Drawn here, as SVG; colour
//! says nothing that shape or words do not say.

use std::fmt::Write as _;

use maud::{Markup, html};

use super::sheet::{Cell, Name, Sheet, shown_ms};
use crate::manager::words::Words;

const WIDTH: f64 = 320.0;
const HEIGHT: f64 = 100.0;
/// Where the picture begins, below the number that its top stands for, and where it stands.
const TOP: f64 = 14.0;
const FLOOR: f64 = 84.0;
/// How the lines are told apart: each has a stroke of its own, and this sign for it.
const STROKES: [(&str, &str); 3] = [("solid", "──"), ("dashed", "╌╌"), ("dotted", "┈┈")];

/// `lines`: so many columns as lines; otherwise the first as bars. `last`: where the span ends.
pub(super) fn picture(w: &Words, sheet: &Sheet, lines: Option<usize>, last: &str) -> Markup {
    let count = lines.unwrap_or(1).min(STROKES.len());
    let series: Vec<Vec<Option<f64>>> = (0..count).map(|column| values(sheet, column)).collect();
    let most = series.iter().flatten().flatten().copied().fold(0.0, f64::max);
    let sample = sheet.rows.iter().filter_map(|(_, cells)| cells.first()).find(|it| it.value().is_some()).copied();
    let Some(sample) = sample.filter(|_| most > 0.0) else {
        return html! { p class="hint" { (w.t("Nothing in this span.")) } };
    };
    let first = name(w, sheet.rows.first());
    let when = sheet
        .rows
        .iter()
        .find(|(_, cells)| cells.iter().take(count).any(|it| it.value().is_some_and(|value| value >= most)));
    let told = w.f("At most {}, {}. The table below has every number.", &[&like(w, sample, most), &name(w, when)]);
    let (title_id, told_id) = (format!("{}-title", sheet.id), format!("{}-told", sheet.id));
    html! {
        svg class="chart" viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-labelledby={ (title_id) " " (told_id) } {
            title id=(title_id) { (sheet.title) }
            desc id=(told_id) { (told) }
            path class="grid" d={ "M0 " (TOP) "H" (WIDTH) "M0 " (FLOOR) "H" (WIDTH) } {}
            @for (values, (stroke, _)) in series.iter().zip(STROKES) {
                @if lines.is_some() {
                    path class={ "line " (stroke) } d=(line(values, most)) {}
                    @let dots = dots(values, most);
                    @if !dots.is_empty() { path class="dots" d=(dots) {} }
                }
                @else { path class="bars" d=(bars(values, most)) {} }
            }
            text x="0" y=(TOP - 4.0) { (like(w, sample, most)) }
            text x="0" y=(HEIGHT - 4.0) { (first) }
            @if first != last { text class="end" x=(WIDTH) y=(HEIGHT - 4.0) { (last) } }
        }
        @if count > 1 {
            ul class="legend" {
                @for (label, (stroke, sign)) in sheet.head.iter().skip(1).zip(STROKES).take(count) {
                    li { span class=(stroke) aria-hidden="true" { (sign) } " " (label) }
                }
            }
        }
    }
}

fn name(w: &Words, row: Option<&(Name, Vec<Cell>)>) -> String {
    row.map(|(name, _)| name.shown(w)).unwrap_or_default()
}

fn values(sheet: &Sheet, column: usize) -> Vec<Option<f64>> {
    sheet.rows.iter().map(|(_, cells)| cells.get(column).and_then(|it| it.value())).collect()
}

/// A value as the cells of its column are shown.
fn like(w: &Words, sample: Cell, value: f64) -> String {
    match sample {
        Cell::Count(_) => format!("{value:.0}"),
        Cell::Share(..) => format!("{} %", w.decimal(value, 1)),
        Cell::Time(_) => shown_ms(w, value),
    }
}

fn height(value: f64, most: f64) -> f64 {
    FLOOR - (FLOOR - TOP) * (value / most).clamp(0.0, 1.0)
}

/// The place of a point, and what it has of room.
#[expect(clippy::cast_precision_loss, reason = "a few dozen points")]
fn place(index: usize, count: usize) -> (f64, f64) {
    let room = WIDTH / count.max(1) as f64;
    (room * index as f64, room)
}

fn bars(values: &[Option<f64>], most: f64) -> String {
    let mut path = String::new();
    for (index, value) in values.iter().enumerate() {
        let Some(value) = value.filter(|it| *it > 0.0) else { continue };
        let (x, room) = place(index, values.len());
        // What there is is seen, however little beside the most.
        let (y, wide) = (height(value, most).min(FLOOR - 1.0), room * 0.72);
        write!(path, "M{:.1} {FLOOR}V{y:.1}h{wide:.1}V{FLOOR}z", x + room * 0.14).expect("a String takes everything");
    }
    path
}

/// So few points are marked one by one.
const FEW: usize = 14;

/// A dot where a line would not be seen, as of a single day, and at each point where there are few.
fn dots(values: &[Option<f64>], most: f64) -> String {
    let mut path = String::new();
    let at = |index: usize| values.get(index).copied().flatten();
    for (index, value) in values.iter().enumerate() {
        let Some(value) = value else { continue };
        let is_alone = index.checked_sub(1).and_then(at).is_none() && at(index + 1).is_none();
        if is_alone || values.len() <= FEW {
            let (x, room) = place(index, values.len());
            write!(path, "M{:.1} {:.1}a3 3 0 1 0 6 0a3 3 0 1 0-6 0z", x + room / 2.0 - 3.0, height(*value, most))
                .expect("a String takes everything");
        }
    }
    path
}

/// Where there is no value, there is no line.
fn line(values: &[Option<f64>], most: f64) -> String {
    let mut path = String::new();
    let mut drawn = 0_u32;
    for (index, value) in values.iter().enumerate() {
        let Some(value) = value else {
            drawn = 0;
            continue;
        };
        let (x, room) = place(index, values.len());
        let (x, y) = (x + room / 2.0, height(*value, most));
        let step = if drawn == 0 { 'M' } else { 'L' };
        write!(path, "{step}{x:.1} {y:.1}").expect("a String takes everything");
        drawn += 1;
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manager::words::{Dictionary, Language};

    #[test]
    fn bars_stand_on_the_floor_and_a_little_is_seen() {
        assert_eq!(
            bars(&[Some(10.0), None, Some(0.0), Some(0.01)], 10.0),
            "M11.2 84V14.0h57.6V84zM251.2 84V83.0h57.6V84z"
        );
        assert_eq!(bars(&[], 1.0), "");
    }

    #[test]
    fn a_line_has_gaps_where_there_is_nothing_and_dots_for_single_points() {
        let values = [Some(0.0), Some(50.0), None, Some(100.0), None];
        assert_eq!(line(&values, 100.0), "M32.0 84.0L96.0 49.0M224.0 14.0");
        let mut many = vec![Some(0.0); 20];
        assert_eq!(dots(&many, 1.0), "");
        many[18] = None;
        assert_eq!(dots(&many, 1.0), "M309.0 84.0a3 3 0 1 0 6 0a3 3 0 1 0-6 0z");
        assert_eq!(dots(&values, 100.0).matches('M').count(), 3, "few are marked one by one");
    }

    #[test]
    fn a_picture_says_what_it_shows() {
        let rows =
            [("2026-11-27", 4), ("2026-11-28", 9)].map(|(day, n)| (Name::Text(day.to_owned()), vec![Cell::Count(n)]));
        let head = vec!["day".to_owned(), "begun".to_owned()];
        let mut sheet = Sheet { id: "contacts", title: "Contacts <b>".to_owned(), head, rows: rows.to_vec() };
        let words = Dictionary::new().words(Language::English);
        let drawn = picture(&words, &sheet, None, "2026-11-29").into_string();
        for part in [
            "role=\"img\" aria-labelledby=\"contacts-title contacts-told\"",
            "<title id=\"contacts-title\">Contacts &lt;b&gt;</title>",
            "At most 9, 2026-11-28.",
            "<text x=\"0\" y=\"10\">9</text>",
            ">2026-11-27</text>",
            ">2026-11-29</text>",
        ] {
            assert!(drawn.contains(part), "no {part} in {drawn}");
        }
        assert_eq!(
            drawn.matches("<path").count(),
            drawn.matches("</path>").count(),
            "what is left open holds the rest"
        );
        assert!(!drawn.contains("style="), "{drawn}");
        sheet.rows.iter_mut().for_each(|(_, cells)| cells[0] = Cell::Count(0));
        assert!(!picture(&words, &sheet, None, "").into_string().contains("svg"), "nothing is no picture");
    }
}
