//! A TOML document that is changed value by value: its comments and its order stay, as whoever wrote it left them.
//!
//! A path names tables, places in lists of tables, and a key: `["standby", "0", "name"]`.

use std::{error::Error, fmt};

use toml_edit::{Array, ArrayOfTables, Document, DocumentMut, InlineTable, Item, RawString, Table, TableLike};

use crate::core::said::{Said, said};

/// What stands at a path.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Text(String),
    Integer(i64),
    Decimal(f64),
    Flag(bool),
    Texts(Vec<String>),
    /// Anything else, as it is written.
    Other(String),
}

impl Value {
    /// As somebody would type it; texts of a list one a line.
    #[must_use]
    pub fn typed(&self) -> String {
        match self {
            Self::Text(text) | Self::Other(text) => text.clone(),
            Self::Integer(number) => number.to_string(),
            Self::Decimal(number) => number.to_string(),
            Self::Flag(flag) => flag.to_string(),
            Self::Texts(texts) => texts.join("\n"),
        }
    }
}

/// Why a document cannot be changed so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DraftError {
    Syntax { line: usize, message: String },
    NoTable { path: String },
    NoList { path: String },
    NoEntry { path: String, at: usize },
}

impl DraftError {
    #[must_use]
    pub fn tell(&self) -> Said {
        match self {
            Self::Syntax { line, message } => said!("this is no valid TOML (line {}): {}", line, message),
            Self::NoTable { path } => said!("`{}` is no table: change it as text", path),
            Self::NoList { path } => said!("`{}` is no list of tables: change it as text", path),
            Self::NoEntry { path, at } => said!("`{}` has no entry {}", path, at),
        }
    }
}

impl fmt::Display for DraftError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tell().fmt(f)
    }
}

impl Error for DraftError {}

/// A document under change.
#[derive(Clone, Debug, Default)]
pub struct Draft(DocumentMut);

impl fmt::Display for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Draft {
    /// # Errors
    /// When the text is no TOML.
    pub fn read(text: &str) -> Result<Self, DraftError> {
        match text.parse() {
            Ok(document) => Ok(Self(document)),
            Err(error) => {
                let error: toml_edit::TomlError = error;
                let before = text.get(..error.span().unwrap_or_default().start).unwrap_or(text);
                let (line, message) = (before.matches('\n').count() + 1, error.message().to_owned());
                Err(DraftError::Syntax { line, message })
            }
        }
    }

    /// `None`: nothing is set there, or it is a table or a list of tables.
    #[must_use]
    pub fn get(&self, path: &[&str]) -> Option<Value> {
        let (key, above) = path.split_last()?;
        read(table_at(self.0.as_table(), above)?.get(key)?)
    }

    /// Text at a path; `None` also where it is something else.
    #[must_use]
    pub fn text(&self, path: &[&str]) -> Option<String> {
        if let Some(Value::Text(text)) = self.get(path) { Some(text) } else { None }
    }

    /// Whether anything is there, a table or an entry included.
    #[must_use]
    pub fn has(&self, path: &[&str]) -> bool {
        let Some((key, above)) = path.split_last() else { return true };
        table_at(self.0.as_table(), path).is_some()
            || table_at(self.0.as_table(), above).is_some_and(|it| it.contains_key(key))
    }

    /// The keys of the table at a path, in their order.
    #[must_use]
    pub fn keys(&self, path: &[&str]) -> Vec<String> {
        let table = table_at(self.0.as_table(), path);
        table.map(|it| it.iter().map(|(key, _)| key.to_owned()).collect()).unwrap_or_default()
    }

    /// How many entries a list of tables has.
    #[must_use]
    pub fn count(&self, list: &[&str]) -> usize {
        let Some((key, above)) = list.split_last() else { return 0 };
        let item = table_at(self.0.as_table(), above).and_then(|it| it.get(key));
        item.map(entries).unwrap_or_default()
    }

    /// Tables on the way are made.
    ///
    /// # Errors
    /// When something on the way is no table, or an entry is not there.
    pub fn set(&mut self, path: &[&str], value: &Value) -> Result<(), DraftError> {
        let Some((key, above)) = path.split_last() else { return Ok(()) };
        let table = table_mut(self.0.as_table_mut(), above, above)?;
        let mut value = written(value);
        match table.get_mut(key) {
            Some(Item::Value(old)) => {
                *value.decor_mut() = old.decor().clone();
                *old = value;
            }
            Some(Item::None | Item::Table(_) | Item::ArrayOfTables(_)) | None => {
                table.insert(key, Item::Value(value));
            }
        }
        Ok(())
    }

    /// Makes an empty table; one that is there stays as it is.
    ///
    /// # Errors
    /// When something on the way is no table.
    pub fn open(&mut self, path: &[&str]) -> Result<(), DraftError> {
        table_mut(self.0.as_table_mut(), path, path).map(|_| ())
    }

    /// Takes out a key, a table or an entry of a list. Comments go with what stands right below them; others stay.
    ///
    /// # Errors
    /// When something on the way is no table. Nothing at the path is no error.
    pub fn remove(&mut self, path: &[&str]) -> Result<(), DraftError> {
        if !self.has(path) {
            return Ok(());
        }
        let Some((last, above)) = path.split_last() else { return Ok(()) };
        let left = match (last.parse::<usize>(), above.split_last()) {
            (Ok(at), Some((key, above))) => {
                let table = table_mut(self.0.as_table_mut(), above, above)?;
                let item = table.get_mut(key).ok_or_else(|| DraftError::NoList { path: path.join(".") })?;
                let left = match item {
                    Item::ArrayOfTables(list) => left_of_table(&list.remove(at)),
                    Item::Value(toml_edit::Value::Array(list)) => {
                        list.remove(at);
                        None
                    }
                    Item::None | Item::Table(_) | Item::Value(_) => None,
                };
                if entries(item) == 0 {
                    table.remove(key);
                }
                left
            }
            (Ok(_) | Err(_), _) => {
                let table = table_mut(self.0.as_table_mut(), above, above)?;
                take(table, last)
            }
        };
        if let Some(Left { comments, position }) = left {
            self.leave(&comments, position);
        }
        Ok(())
    }

    /// Adds an empty entry to a list of tables, before the one that is at this place now.
    ///
    /// # Errors
    /// When it is no list of tables, or has no such place.
    pub fn add(&mut self, list: &[&str], at: usize) -> Result<(), DraftError> {
        let Some((key, above)) = list.split_last() else { return Ok(()) };
        let no_list = || DraftError::NoList { path: list.join(".") };
        let table = table_mut(self.0.as_table_mut(), above, above)?;
        let count = table.get(key).map(entries).unwrap_or_default();
        if at > count {
            return Err(DraftError::NoEntry { path: list.join("."), at });
        }
        match table.get_mut(key) {
            Some(Item::ArrayOfTables(entries)) => {
                entries.insert(at, Table::new());
                in_order(entries);
            }
            Some(Item::Value(toml_edit::Value::Array(entries))) if count > 0 => {
                entries.insert(at, InlineTable::new());
            }
            Some(Item::Value(toml_edit::Value::Array(entries))) if !entries.is_empty() => return Err(no_list()),
            Some(Item::Table(_) | Item::Value(toml_edit::Value::InlineTable(_))) => return Err(no_list()),
            Some(Item::None | Item::Value(_)) | None => {
                let mut entries = ArrayOfTables::new();
                entries.push(Table::new());
                table.insert(key, Item::ArrayOfTables(entries));
            }
        }
        Ok(())
    }

    /// Puts an entry of a list of tables into another place.
    ///
    /// # Errors
    /// When it is no list of tables, or has no such places.
    pub fn shift(&mut self, list: &[&str], from: usize, to: usize) -> Result<(), DraftError> {
        let Some((key, above)) = list.split_last() else { return Ok(()) };
        let table = table_mut(self.0.as_table_mut(), above, above)?;
        let count = table.get(key).map(entries).unwrap_or_default();
        if let Some(at) = [from, to].into_iter().find(|at| *at >= count) {
            return Err(DraftError::NoEntry { path: list.join("."), at });
        }
        match table.get_mut(key) {
            Some(Item::ArrayOfTables(entries)) => {
                let entry = entries.remove(from);
                entries.insert(to, entry);
                in_order(entries);
            }
            Some(Item::Value(toml_edit::Value::Array(entries))) => {
                let entry = entries.remove(from);
                entries.insert_formatted(to, entry);
            }
            Some(Item::None | Item::Table(_) | Item::Value(_)) | None => {}
        }
        Ok(())
    }

    /// Every value by its path, as it is written without its comments; a list of tables is one. By these two documents are
    /// compared.
    #[must_use]
    pub fn leaves(&self) -> Vec<(Vec<String>, String)> {
        let mut found = Vec::new();
        leaves(self.0.as_table(), &mut Vec::new(), &mut found);
        found
    }

    /// Makes what is at a path what it is in another document: a value, a list of tables, or nothing.
    ///
    /// # Errors
    /// When something on the way is no table.
    pub fn take(&mut self, path: &[&str], other: &Self) -> Result<(), DraftError> {
        let Some((key, above)) = path.split_last() else { return Ok(()) };
        let item = table_at(other.0.as_table(), above).and_then(|it| it.get(key));
        let Some(mut item) = item.cloned() else {
            self.remove(path)?;
            // A table that is only empty here, and not there at all in the other, is gone as well.
            for end in (1..path.len()).rev() {
                let Some(table) = path.get(..end).filter(|it| !other.has(it) && self.keys(it).is_empty()) else {
                    break;
                };
                self.remove(table)?;
            }
            return Ok(());
        };
        match &mut item {
            Item::Table(table) => each_table(table, &mut |it| it.set_position(None)),
            Item::ArrayOfTables(list) => in_order(list),
            Item::None | Item::Value(_) => {}
        }
        let table = table_mut(self.0.as_table_mut(), above, above)?;
        match (table.get_mut(key), item) {
            (Some(Item::Value(old)), Item::Value(mut new)) => {
                *new.decor_mut() = old.decor().clone();
                *old = new;
            }
            (_, item) => drop(table.insert(key, item)),
        }
        Ok(())
    }

    /// Comments whose neighbour is gone go to the next table of the document, or to its end.
    fn leave(&mut self, comments: &str, after: isize) {
        let mut next: Option<isize> = None;
        each_table(self.0.as_table_mut(), &mut |it| {
            let behind = it.position().filter(|at| *at > after && !it.is_dotted() && !it.is_implicit());
            next = [next, behind].into_iter().flatten().min();
        });
        let mut held = Some(comments);
        each_table(self.0.as_table_mut(), &mut |it| {
            if next.is_some()
                && it.position() == next
                && let Some(comments) = held.take()
            {
                let prefix = it.decor().prefix().and_then(RawString::as_str).unwrap_or_default();
                let prefix = format!("{comments}{prefix}");
                it.decor_mut().set_prefix(prefix);
            }
        });
        if let Some(comments) = held {
            let end = self.0.trailing().as_str().unwrap_or_default();
            let end = format!("{comments}{end}");
            self.0.set_trailing(end);
        }
    }
}

/// The path of what is written at a line and a column of a text, both from 1; a column counts characters. Empty: before
/// anything, or in no TOML.
#[must_use]
pub fn path_at(text: &str, line: usize, column: usize) -> Vec<String> {
    let Ok(document) = Document::parse(text) else { return Vec::new() };
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let before: usize = lines.iter().take(line.saturating_sub(1)).map(|it| it.len()).sum();
    let within = lines.get(line.saturating_sub(1)).map(|it| it.chars().take(column.saturating_sub(1)));
    let offset = before + within.map(|it| it.map(char::len_utf8).sum::<usize>()).unwrap_or_default();
    let (mut found, mut path) = ((0, Vec::new()), Vec::new());
    look(document.as_table(), offset, &mut path, &mut found);
    found.1
}

/// What begins last at or before the offset.
fn look(table: &dyn TableLike, offset: usize, path: &mut Vec<String>, found: &mut (usize, Vec<String>)) {
    let mut begins = |at: Option<std::ops::Range<usize>>, path: &[String]| {
        if let Some(at) = at.filter(|it| it.start <= offset && it.start >= found.0) {
            *found = (at.start, path.to_vec());
        }
    };
    for (name, item) in table.iter() {
        path.push(name.to_owned());
        match item {
            Item::Table(it) if !it.is_implicit() && !it.is_dotted() => begins(it.span(), path),
            Item::None | Item::Table(_) | Item::ArrayOfTables(_) => {}
            Item::Value(_) => begins(table.key(name).and_then(toml_edit::Key::span), path),
        }
        path.pop();
    }
    for (name, item) in table.iter() {
        path.push(name.to_owned());
        if let Some(inner) = item.as_table_like() {
            look(inner, offset, path, found);
        }
        for at in 0..entries(item) {
            path.push(at.to_string());
            if let Item::ArrayOfTables(list) = item
                && let Some(span) = list.get(at).and_then(Table::span)
                && span.start <= offset
                && span.start >= found.0
            {
                *found = (span.start, path.clone());
            }
            if let Some(entry) = entry(item, at) {
                look(entry, offset, path, found);
            }
            path.pop();
        }
        path.pop();
    }
}

fn read(item: &Item) -> Option<Value> {
    let Item::Value(value) = item else { return None };
    Some(match value {
        toml_edit::Value::String(text) => Value::Text(text.value().clone()),
        toml_edit::Value::Integer(number) => Value::Integer(*number.value()),
        toml_edit::Value::Float(number) => Value::Decimal(*number.value()),
        toml_edit::Value::Boolean(flag) => Value::Flag(*flag.value()),
        toml_edit::Value::Array(list) => {
            let texts: Option<Vec<String>> = list.iter().map(|it| it.as_str().map(str::to_owned)).collect();
            texts.map_or_else(|| Value::Other(value.to_string().trim().to_owned()), Value::Texts)
        }
        toml_edit::Value::Datetime(_) | toml_edit::Value::InlineTable(_) => {
            Value::Other(value.to_string().trim().to_owned())
        }
    })
}

fn written(value: &Value) -> toml_edit::Value {
    match value {
        Value::Text(text) => text.as_str().into(),
        Value::Integer(number) => (*number).into(),
        Value::Decimal(number) => (*number).into(),
        Value::Flag(flag) => (*flag).into(),
        Value::Texts(texts) => texts.iter().map(String::as_str).collect::<Array>().into(),
        // What cannot be read as a value is a text like any other.
        Value::Other(text) => text.parse().unwrap_or_else(|_no_value| text.as_str().into()),
    }
}

fn leaves(table: &Table, path: &mut Vec<String>, found: &mut Vec<(Vec<String>, String)>) {
    for (key, item) in table {
        path.push(key.to_owned());
        match item {
            Item::Table(inner) if !inner.is_empty() => leaves(inner, path, found),
            Item::ArrayOfTables(_) => {
                let mut alone = DocumentMut::new();
                alone.insert(key, item.clone());
                found.push((path.clone(), alone.to_string().trim().to_owned()));
            }
            Item::Value(value) => {
                let mut bare = value.clone();
                bare.decor_mut().clear();
                found.push((path.clone(), bare.to_string()));
            }
            Item::None | Item::Table(_) => found.push((path.clone(), String::new())),
        }
        path.pop();
    }
}

/// The entries of a list of tables.
fn entries(item: &Item) -> usize {
    match item {
        Item::ArrayOfTables(list) => list.len(),
        Item::Value(toml_edit::Value::Array(list)) if list.iter().all(toml_edit::Value::is_inline_table) => list.len(),
        Item::None | Item::Table(_) | Item::Value(_) => 0,
    }
}

fn entry(item: &Item, at: usize) -> Option<&dyn TableLike> {
    match item {
        Item::ArrayOfTables(list) => list.get(at).map(|it| it as &dyn TableLike),
        Item::Value(toml_edit::Value::Array(list)) => Some(list.get(at)?.as_inline_table()? as &dyn TableLike),
        Item::None | Item::Table(_) | Item::Value(_) => None,
    }
}

fn table_at<'d>(table: &'d dyn TableLike, path: &[&str]) -> Option<&'d dyn TableLike> {
    let Some((key, rest)) = path.split_first() else { return Some(table) };
    let item = table.get(key)?;
    match (rest.split_first(), item.as_table_like()) {
        (_, Some(inner)) => table_at(inner, rest),
        (Some((at, rest)), None) => table_at(entry(item, at.parse().ok()?)?, rest),
        (None, None) => None,
    }
}

fn table_mut<'d>(
    table: &'d mut dyn TableLike,
    path: &[&str],
    whole: &[&str],
) -> Result<&'d mut dyn TableLike, DraftError> {
    let Some((key, rest)) = path.split_first() else { return Ok(table) };
    let named = || whole.get(..whole.len().saturating_sub(rest.len())).unwrap_or(whole).join(".");
    let place = rest.split_first().and_then(|(at, rest)| Some((at.parse::<usize>().ok()?, rest)));
    if !table.contains_key(key) {
        if let Some((at, _)) = place {
            return Err(DraftError::NoEntry { path: named(), at });
        }
        table.insert(key, Item::Table(Table::new()));
    }
    let no_table = || DraftError::NoTable { path: named() };
    let item = table.get_mut(key).ok_or_else(no_table)?;
    let Some((at, rest)) = place else {
        return table_mut(item.as_table_like_mut().ok_or_else(no_table)?, rest, whole);
    };
    let entry: Option<&mut dyn TableLike> = match item {
        Item::ArrayOfTables(list) => list.get_mut(at).map(|it| it as &mut dyn TableLike),
        Item::Value(toml_edit::Value::Array(list)) => {
            list.get_mut(at).and_then(|it| it.as_inline_table_mut()).map(|it| it as &mut dyn TableLike)
        }
        Item::None | Item::Table(_) | Item::Value(_) => return Err(DraftError::NoList { path: named() }),
    };
    table_mut(entry.ok_or_else(|| DraftError::NoEntry { path: named(), at })?, rest, whole)
}

/// Comments that nothing holds any more, and the place in the document behind which they stood.
struct Left {
    comments: String,
    position: isize,
}

/// All but what stands right above what is taken out.
fn left_of(prefix: Option<&RawString>) -> Option<String> {
    let prefix = prefix.and_then(RawString::as_str)?;
    let (kept, _) = prefix.rsplit_once("\n\n")?;
    kept.contains('#').then(|| format!("{kept}\n"))
}

fn left_of_table(table: &Table) -> Option<Left> {
    let comments = left_of(table.decor().prefix())?;
    Some(Left { comments, position: table.position().unwrap_or(isize::MAX) })
}

/// Takes a key out of its table.
fn take(table: &mut dyn TableLike, key: &str) -> Option<Left> {
    let prefix = table.key(key).and_then(|it| left_of(it.leaf_decor().prefix()));
    let next = table.iter().skip_while(|(name, _)| *name != key).skip(1).find(|(_, item)| item.is_value());
    let next = next.map(|(name, _)| name.to_owned());
    let removed = table.remove(key)?;
    match (removed, prefix) {
        (Item::Table(table), _) => left_of_table(&table),
        (Item::ArrayOfTables(list), _) => list.get(0).and_then(left_of_table),
        (Item::None | Item::Value(_), None) => None,
        (Item::None | Item::Value(_), Some(comments)) => {
            let next = next.and_then(|it| table.key_mut(&it));
            let Some(mut next) = next else { return Some(Left { comments, position: -1 }) };
            let prefix = next.leaf_decor().prefix().and_then(RawString::as_str).unwrap_or_default();
            let prefix = format!("{comments}{prefix}");
            next.leaf_decor_mut().set_prefix(prefix);
            None
        }
    }
}

/// Entries are written in the order of the list, one behind the other.
fn in_order(list: &mut ArrayOfTables) {
    for table in list.iter_mut() {
        each_table(table, &mut |it| it.set_position(None));
    }
}

/// The table and all below it.
fn each_table(table: &mut Table, then: &mut dyn FnMut(&mut Table)) {
    then(table);
    for (_, item) in table.iter_mut() {
        match item {
            Item::Table(inner) => each_table(inner, then),
            Item::ArrayOfTables(list) => list.iter_mut().for_each(|it| each_table(it, then)),
            Item::None | Item::Value(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# Ann's profile.
name = \"support\" # as the agent is called

# One for all.
agent_password = { sealed = \"00ff\" }
agents = [\"va1\", \"va2\"]

# Who takes over.
[handover]
queue = \"desk\" # not `desk-2`
failures_after = 2

# First.
[[standby]]
name = \"a\"
[standby.lex]
region = \"eu\"

# Second.
[[standby]]
name = \"b\"

[speech]
enabled = false
";

    fn draft() -> Draft {
        Draft::read(TEXT).unwrap()
    }

    fn text(it: &str) -> Value {
        Value::Text(it.to_owned())
    }

    #[test]
    fn what_is_not_changed_stays_as_it_was_written() {
        assert_eq!(draft().to_string(), TEXT);
        let mut it = draft();
        it.set(&["handover", "queue"], &text("desk-2")).unwrap();
        it.set(&["handover", "failures_after"], &Value::Integer(0)).unwrap();
        it.set(&["agents"], &Value::Texts(vec!["va3".to_owned()])).unwrap();
        let expected = TEXT
            .replace("queue = \"desk\" ", "queue = \"desk-2\" ")
            .replace("failures_after = 2", "failures_after = 0")
            .replace("[\"va1\", \"va2\"]", "[\"va3\"]");
        assert_eq!(it.to_string(), expected);
    }

    #[test]
    fn values_are_read_by_their_path() {
        let it = draft();
        assert_eq!(it.get(&["name"]), Some(text("support")));
        assert_eq!(it.get(&["agents"]), Some(Value::Texts(vec!["va1".to_owned(), "va2".to_owned()])));
        assert_eq!(it.get(&["handover", "failures_after"]), Some(Value::Integer(2)));
        assert_eq!(it.get(&["speech", "enabled"]), Some(Value::Flag(false)));
        assert_eq!(it.get(&["standby", "0", "lex", "region"]), Some(text("eu")));
        assert_eq!(it.get(&["agent_password", "sealed"]), Some(text("00ff")));
        assert_eq!(it.get(&["agent_password"]), Some(Value::Other("{ sealed = \"00ff\" }".to_owned())));
        assert_eq!(it.get(&["handover"]), None);
        assert_eq!((it.count(&["standby"]), it.count(&["action"])), (2, 0));
        assert!(it.has(&["standby", "1"]) && !it.has(&["standby", "2"]) && it.has(&["handover"]));
        assert_eq!(it.keys(&["handover"]), ["queue", "failures_after"]);
    }

    #[test]
    fn a_table_on_the_way_is_made_and_what_is_set_anew_stands_at_the_end_of_its_table() {
        let mut it = draft();
        it.set(&["handover", "max_handovers"], &Value::Integer(1)).unwrap();
        it.set(&["inactivity", "timeout_message"], &text("Bye.\nSee you.")).unwrap();
        it.set(&["welcome_event"], &text("")).unwrap();
        let written = it.to_string();
        assert!(written.contains("failures_after = 2\nmax_handovers = 1\n\n# First."), "{written}");
        assert!(written.contains("\"va2\"]\nwelcome_event = \"\"\n\n# Who"), "{written}");
        assert_eq!(Draft::read(&written).unwrap().text(&["inactivity", "timeout_message"]).unwrap(), "Bye.\nSee you.");
        it.open(&["canary"]).unwrap();
        assert!(it.has(&["canary"]) && it.to_string().contains("\n[canary]\n"), "{it}");
    }

    #[test]
    fn a_secret_takes_the_place_of_what_was_sealed() {
        let mut it = draft();
        it.set(&["agent_password"], &text("new")).unwrap();
        assert_eq!(it.to_string(), TEXT.replace("{ sealed = \"00ff\" }", "\"new\""));
    }

    #[test]
    fn entries_are_added_moved_and_taken_out_with_their_comments() {
        let mut it = draft();
        it.shift(&["standby"], 1, 0).unwrap();
        let written = it.to_string();
        let order: Vec<_> =
            ["# Second.\n[[standby]]\nname = \"b\"", "# First.\n[[standby]]", "[standby.lex]", "[speech]"]
                .iter()
                .map(|it| written.find(it).unwrap_or_else(|| panic!("no {it} in {written}")))
                .collect();
        assert!(order.is_sorted(), "{written}");
        it.add(&["standby"], 1).unwrap();
        it.set(&["standby", "1", "name"], &text("between")).unwrap();
        let again = Draft::read(&it.to_string()).unwrap();
        let names: Vec<_> = (0..3).map(|at| again.text(&["standby", &at.to_string(), "name"]).unwrap()).collect();
        assert_eq!(names, ["b", "between", "a"], "{it}");
        it.remove(&["standby", "2"]).unwrap();
        assert!(!it.to_string().contains("First") && !it.to_string().contains("lex"), "{it}");
        it.remove(&["standby", "0"]).unwrap();
        it.remove(&["standby", "0"]).unwrap();
        assert!(!it.has(&["standby"]) && it.to_string().contains("[speech]"), "{it}");
        it.add(&["action"], 0).unwrap();
        it.add(&["action", "0", "parameter"], 0).unwrap();
        it.set(&["action", "0", "parameter", "0", "required"], &Value::Flag(true)).unwrap();
        assert!(it.to_string().ends_with("[[action]]\n\n[[action.parameter]]\nrequired = true\n"), "{it}");
    }

    #[test]
    fn lists_in_one_line_are_lists_all_the_same() {
        let mut it = Draft::read("standby = [{ name = \"a\" }]\nagents = []\n").unwrap();
        it.add(&["standby"], 1).unwrap();
        it.set(&["standby", "1", "name"], &text("b")).unwrap();
        it.shift(&["standby"], 1, 0).unwrap();
        assert_eq!(it.text(&["standby", "0", "name"]).as_deref(), Some("b"), "{it}");
        it.remove(&["standby", "1"]).unwrap();
        assert_eq!(it.count(&["standby"]), 1);
        it.add(&["agents"], 0).unwrap();
        assert_eq!(it.count(&["agents"]), 1, "an empty list is one of anything: {it}");
    }

    #[test]
    fn what_is_taken_out_takes_its_own_comment_along_and_no_other() {
        let mut it = Draft::read("a = 1\n\n# On all that follows.\n\n# On b.\nb = 2\nc = 3\n").unwrap();
        it.remove(&["b"]).unwrap();
        assert_eq!(it.to_string(), "a = 1\n\n# On all that follows.\nc = 3\n");
        let mut it = Draft::read("[a]\nx = 1\n#y = 2\n\n[b]\nz = 1\n\n[c]\n").unwrap();
        it.remove(&["b"]).unwrap();
        assert_eq!(it.to_string(), "[a]\nx = 1\n#y = 2\n\n[c]\n");
        it.remove(&["c"]).unwrap();
        assert_eq!(it.to_string(), "[a]\nx = 1\n#y = 2\n");
        it.remove(&["none", "at", "all"]).unwrap();
        it.remove(&["a", "x"]).unwrap();
        assert_eq!(it.to_string(), "[a]\n#y = 2\n");
    }

    #[test]
    fn what_differs_is_found_and_taken_over_value_by_value() {
        let (mut it, mut other) = (draft(), draft());
        other.set(&["handover", "queue"], &text("other")).unwrap();
        other.remove(&["handover", "failures_after"]).unwrap();
        other.remove(&["speech", "enabled"]).unwrap();
        other.remove(&["speech"]).unwrap();
        other.set(&["standby", "1", "name"], &text("c")).unwrap();
        other.set(&["canary", "share_percent"], &Value::Integer(5)).unwrap();
        let (own, others) = (it.leaves(), other.leaves());
        let paths: Vec<_> = own.iter().chain(&others).map(|it| it.0.join(".")).collect();
        let value = |list: &[(Vec<String>, String)], path: &str| {
            list.iter().find(|it| it.0.join(".") == path).map(|it| it.1.clone())
        };
        let mut differ: Vec<_> = paths.into_iter().filter(|it| value(&own, it) != value(&others, it)).collect();
        differ.sort();
        differ.dedup();
        let expected =
            ["canary.share_percent", "handover.failures_after", "handover.queue", "speech.enabled", "standby"];
        assert_eq!(differ, expected);
        assert_eq!(value(&own, "handover.queue").as_deref(), Some("\"desk\""), "without its comment");
        for path in differ {
            it.take(&path.split('.').collect::<Vec<_>>(), &other).unwrap();
        }
        assert_eq!(it.leaves().into_iter().collect::<std::collections::BTreeMap<_, _>>(), others.into_iter().collect());
        assert!(it.to_string().contains("queue = \"other\" # not `desk-2`") && !it.has(&["speech"]), "{it}");
    }

    #[test]
    fn errors_say_what_is_in_the_way() {
        let mut it = draft();
        let told = |it: Result<(), DraftError>| it.unwrap_err().to_string();
        assert_eq!(told(it.set(&["name", "first"], &text("x"))), "`name` is no table: change it as text");
        assert_eq!(told(it.set(&["standby", "7", "name"], &text("x"))), "`standby` has no entry 7");
        assert_eq!(told(it.add(&["handover"], 0)), "`handover` is no list of tables: change it as text");
        assert_eq!(told(it.shift(&["standby"], 0, 2)), "`standby` has no entry 2");
        let wrong = Draft::read("a = 1\nb = \n").unwrap_err();
        assert!(matches!(wrong, DraftError::Syntax { line: 2, .. }), "{wrong}");
    }

    #[test]
    fn a_place_leads_back_to_what_is_written_there() {
        let at = |needle: &str| {
            let (before, _) = TEXT.split_once(needle).unwrap_or_else(|| panic!("no {needle}"));
            let line = before.matches('\n').count() + 1;
            path_at(TEXT, line, before.rsplit('\n').next().unwrap().chars().count() + 1).join(".")
        };
        assert_eq!(at("name = \"support\""), "name");
        assert_eq!(at("\"support\""), "name");
        assert_eq!(at("{ sealed"), "agent_password");
        assert_eq!(at("\"va2\""), "agents");
        assert_eq!(at("handover]"), "handover");
        assert_eq!(at("2\n\n# First"), "handover.failures_after");
        assert_eq!(at("[[standby]]\nname = \"b\""), "standby.1");
        assert_eq!(at("name = \"b\""), "standby.1.name");
        assert_eq!(at("\"eu\""), "standby.0.lex.region");
        assert_eq!(at("lex]"), "standby.0.lex");
        assert_eq!(path_at("# nothing\nä = 1", 1, 3), Vec::<String>::new());
        assert_eq!(path_at("no toml", 1, 1), Vec::<String>::new());
    }
}
