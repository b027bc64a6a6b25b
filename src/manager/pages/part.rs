//! Lists that may be long: a part of them by page, and by a word that is looked for. Both stand in the address.

use maud::{Markup, html};
use serde::Deserialize;

use super::empty;
use crate::manager::words::Words;

/// Of a page.
const ROWS: usize = 100;
/// A shorter list is looked through by eye.
const SHORT: usize = 20;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::manager) struct Part {
    /// In any of a row's texts.
    find: String,
    /// Rows before.
    from: usize,
}

/// The rows that are shown, of how many.
#[derive(Debug)]
pub(super) struct Rows<T> {
    pub(super) shown: Vec<T>,
    /// That the word is in.
    found: usize,
    all: usize,
}

impl Part {
    /// `texts`: what is looked through of a row.
    pub(super) fn of<T>(&self, rows: impl IntoIterator<Item = T>, texts: impl Fn(&T, &mut dyn FnMut(&str))) -> Rows<T> {
        let wanted = self.find.trim().to_lowercase();
        let mut rows_of = Rows { shown: Vec::new(), found: 0, all: 0 };
        for row in rows {
            rows_of.all += 1;
            let mut has = wanted.is_empty();
            texts(&row, &mut |text| has = has || text.to_lowercase().contains(&wanted));
            if has {
                if rows_of.found >= self.from && rows_of.shown.len() < ROWS {
                    rows_of.shown.push(row);
                }
                rows_of.found += 1;
            }
        }
        rows_of
    }

    /// Above the list at `path`; nothing where it is short.
    pub(super) fn form<T>(&self, w: &Words, path: &str, label: &str, rows: &Rows<T>) -> Markup {
        html! { (self.fields(w, path, label, rows)) (Self::nothing(w, path, rows)) }
    }

    /// The form alone.
    pub(super) fn fields<T>(&self, w: &Words, path: &str, label: &str, rows: &Rows<T>) -> Markup {
        html! {
            @if rows.all > SHORT || !self.find.is_empty() {
                form method="get" action=(path) class="filter" {
                    label { span { (label) } input type="search" name="find" value=(self.find) maxlength="128"; }
                    button { (w.t("Filter")) }
                    @if !self.find.is_empty() { a href=(path) { (w.t("Show all")) } }
                }
            }
        }
    }

    /// What is said where no row fits.
    pub(super) fn nothing<T>(w: &Words, path: &str, rows: &Rows<T>) -> Markup {
        html! {
            @if rows.shown.is_empty() { (empty(w.t("Nothing here fits the filter."), Some((path, w.t("Show all"))))) }
        }
    }

    /// This part, at `path`.
    pub(super) fn at(&self, path: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if !self.find.is_empty() {
            query.append_pair("find", &self.find);
        }
        query.append_pair("from", &self.from.to_string());
        format!("{path}?{}", query.finish())
    }

    /// Below the list.
    pub(super) fn ways<T>(&self, w: &Words, path: &str, rows: &Rows<T>) -> Markup {
        let to = |from: usize| Self { find: self.find.clone(), from }.at(path);
        let end = self.from.saturating_add(rows.shown.len());
        html! {
            @if self.from > 0 || end < rows.found {
                p class="hint" {
                    (w.f("{} to {} of {}.", &[&self.from.saturating_add(1).min(end), &end, &rows.found])) " "
                    @if self.from > 0 { a href=(to(self.from.saturating_sub(ROWS))) rel="prev" { (w.t("Those before")) } " " }
                    @if end < rows.found { a href=(to(end)) rel="next" { (w.t("Further ones")) } }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(find: &str, from: usize) -> Part {
        Part { find: find.to_owned(), from }
    }

    fn numbers(part: &Part) -> (Vec<String>, usize) {
        let rows = part.of((1..=250).map(|it| format!("Profile {it}")), |it, look| look(it));
        (rows.shown, rows.found)
    }

    #[test]
    fn a_page_holds_a_hundred_and_a_word_is_looked_for_in_all_of_them() {
        let (shown, found) = numbers(&part("", 200));
        assert_eq!((shown.len(), shown.first().map(String::as_str), found), (50, Some("Profile 201"), 250));
        let (shown, found) = numbers(&part(" profile 24 ", 0));
        assert_eq!(
            (shown, found),
            (
                vec!["Profile 24".to_owned()].into_iter().chain((240..250).map(|it| format!("Profile {it}"))).collect(),
                11
            )
        );
        assert_eq!(numbers(&part("none", 0)), (Vec::new(), 0));
        assert_eq!(numbers(&part("", usize::MAX)).0, Vec::<String>::new());
    }
}
