//! As much of Rust's syntax as the rules need: names and paths, without comments, texts and tests.

#![expect(clippy::string_slice, reason = "all cuts are where a character was found")]

use std::{
    fs,
    path::{Path, PathBuf},
};

/// How a file's own tests begin; they are the last thing in it.
pub(crate) const INLINE_TESTS: &str = "\n#[cfg(test)]\nmod tests {";

pub(crate) struct Source {
    pub(crate) path: PathBuf,
    /// The file without `src/` and `.rs`, by its parts; a `mod` at the end is dropped.
    module: Vec<String>,
    text: String,
    /// With their lines.
    tokens: Vec<(usize, Token)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Name(String),
    /// `::`
    Colons,
    Other(char),
}

impl Source {
    pub(crate) fn read(root: &Path, path: PathBuf) -> Self {
        let text = fs::read_to_string(&path).unwrap();
        let below = path.strip_prefix(root.join("src")).unwrap().with_extension("");
        let mut module: Vec<String> = below.iter().map(|it| it.to_string_lossy().into_owned()).collect();
        if module.last().is_some_and(|it| it == "mod") {
            module.pop();
        }
        let tokens = tokens(text.split(INLINE_TESTS).next().unwrap_or_default());
        Self { path, module, text, tokens }
    }

    /// The top-level module this file belongs to.
    pub(crate) fn room(&self) -> String {
        self.module.first().cloned().unwrap_or_default()
    }

    /// Whether one of `places` is its room or its file.
    pub(crate) fn is_in(&self, places: &[&str]) -> bool {
        places.iter().any(|place| self.room() == *place || self.path.ends_with(place))
    }

    /// 1 for a room's own file, 2 for a file in it.
    pub(crate) fn depth(&self) -> usize {
        self.module.len()
    }

    /// Files that are declared by `#[cfg(test)] mod name;`.
    pub(crate) fn test_modules(&self) -> Vec<PathBuf> {
        let is_root = self.path.ends_with("mod.rs") || self.path.ends_with("lib.rs");
        let directory = if is_root { self.path.with_file_name("") } else { self.path.with_extension("") };
        let mut found = Vec::new();
        let mut lines = self.text.lines().map(str::trim);
        while let Some(line) = lines.next() {
            if line != "#[cfg(test)]" {
                continue;
            }
            let declared = lines.next().unwrap_or_default().trim_start_matches("pub(crate) ");
            if let Some(name) = declared.strip_prefix("mod ").and_then(|it| it.strip_suffix(';')) {
                found.extend([directory.join(format!("{name}.rs")), directory.join(name).join("mod.rs")]);
            }
        }
        found
    }

    pub(crate) fn words(&self) -> impl Iterator<Item = (usize, &str)> {
        self.tokens.iter().filter_map(|(line, token)| match token {
            Token::Name(name) => Some((*line, name.as_str())),
            Token::Colons | Token::Other(_) => None,
        })
    }

    /// Every path of two names or more, with `use` trees spelt out.
    pub(crate) fn paths(&self) -> Vec<(usize, Vec<String>)> {
        let mut paths = Vec::new();
        let mut rest = self.tokens.as_slice();
        while let Some(((line, token), after)) = rest.split_first() {
            match token {
                Token::Name(name) if name == "use" => rest = use_tree(after, &[], &mut paths),
                Token::Name(_) => {
                    let (path, after) = plain_path(rest);
                    paths.push((*line, path));
                    rest = after;
                }
                Token::Colons | Token::Other(_) => rest = after,
            }
        }
        paths.retain(|(_, path)| path.len() > 1);
        paths
    }
}

type Tokens<'a> = &'a [(usize, Token)];

/// `a::b::c`, and what follows it.
fn plain_path(tokens: Tokens<'_>) -> (Vec<String>, Tokens<'_>) {
    let mut path = Vec::new();
    let mut rest = tokens;
    while let [(_, Token::Name(name)), after @ ..] = rest {
        path.push(name.clone());
        let [(_, Token::Colons), next @ ..] = after else { return (path, after) };
        rest = next;
    }
    (path, rest)
}

/// One tree of a `use`: `a::{b, c::*}`. Gives back what follows it.
fn use_tree<'a>(tokens: Tokens<'a>, prefix: &[String], paths: &mut Vec<(usize, Vec<String>)>) -> Tokens<'a> {
    let line = tokens.first().map_or(0, |it| it.0);
    let (own, mut rest) = plain_path(tokens);
    let path = [prefix, &own].concat();
    let [(_, Token::Other('{')), group @ ..] = rest else {
        paths.push((line, path));
        return rest;
    };
    rest = group;
    loop {
        match rest {
            [] => return rest,
            [(_, Token::Other('}')), after @ ..] => return after,
            [(_, Token::Name(name)), (_, Token::Name(_)), after @ ..] if name == "as" => rest = after,
            [(_, Token::Name(_)), ..] => rest = use_tree(rest, &path, paths),
            [_, after @ ..] => rest = after,
        }
    }
}

fn tokens(code: &str) -> Vec<(usize, Token)> {
    let mut tokens = Vec::new();
    let mut line = 1;
    let mut rest = code;
    while let Some(first) = rest.chars().next() {
        let length = blank(rest).unwrap_or_else(|| {
            let (token, length) = token(rest, first);
            tokens.push((line, token));
            length
        });
        line += rest[..length].matches('\n').count();
        rest = &rest[length..];
    }
    tokens
}

/// The length of a comment, a text, a character or white space at the beginning of `code`.
fn blank(code: &str) -> Option<usize> {
    let first = code.chars().next()?;
    if first.is_whitespace() {
        return Some(first.len_utf8());
    }
    if code.starts_with("//") {
        return Some(code.find('\n').unwrap_or(code.len()));
    }
    if let Some(comment) = code.strip_prefix("/*") {
        return Some(comment.find("*/").map_or(code.len(), |it| it + 4));
    }
    if first == '"' {
        return Some(text(code));
    }
    if first == '\'' {
        return Some(character(code));
    }
    let raw = code.strip_prefix('b').unwrap_or(code).strip_prefix('r')?;
    let hashes = raw.len() - raw.trim_start_matches('#').len();
    raw[hashes..].starts_with('"').then(|| {
        let opening = code.len() - raw.len() + hashes + 1;
        let closing = format!("\"{}", "#".repeat(hashes));
        code[opening..].find(&closing).map_or(code.len(), |it| opening + it + closing.len())
    })
}

fn text(code: &str) -> usize {
    let mut escaped = false;
    for (n, character) in code.char_indices().skip(1) {
        match character {
            '"' if !escaped => return n + 1,
            _ => escaped = character == '\\' && !escaped,
        }
    }
    code.len()
}

/// A character, or a lifetime.
fn character(code: &str) -> usize {
    let inner = &code[1..];
    if inner.starts_with('\\') {
        return inner[2..].find('\'').map_or(code.len(), |it| it + 4);
    }
    let mut characters = inner.char_indices();
    match (characters.next(), characters.next()) {
        (Some(_), Some((n, '\''))) => n + 2,
        _ => 1 + inner.find(|it: char| !is_name(it)).unwrap_or(inner.len()),
    }
}

fn token(code: &str, first: char) -> (Token, usize) {
    if code.starts_with("::") {
        return (Token::Colons, 2);
    }
    let length = code.find(|it: char| !is_name(it)).unwrap_or(code.len());
    if length > 0 { (Token::Name(code[..length].to_owned()), length) } else { (Token::Other(first), first.len_utf8()) }
}

fn is_name(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

#[test]
fn paths_are_found_and_texts_are_not() {
    let code = r##"
use crate::{core::ids::{A, B as C}, gateway::*};
use std::{fmt, io::{self, Write}};
// use tokio::x;
fn f<'a>(it: &'a str) -> char { log::warn!("axum::y \" {}", 'x'); r#"sqlx::z"#; tonic::Code::Ok; '\'' }
"##;
    let source =
        Source { path: PathBuf::from("src/x.rs"), module: vec!["x".into()], text: code.into(), tokens: tokens(code) };
    let paths: Vec<_> = source.paths().into_iter().map(|(line, path)| (line, path.join("::"))).collect();
    let expected = [
        (2, "crate::core::ids::A"),
        (2, "crate::core::ids::B"),
        (2, "crate::gateway"),
        (3, "std::fmt"),
        (3, "std::io::self"),
        (3, "std::io::Write"),
        (5, "log::warn"),
        (5, "tonic::Code::Ok"),
    ];
    assert_eq!(paths, expected.map(|(line, path)| (line, path.to_owned())));
    assert!(source.words().all(|(_, word)| word != "a" && word != "x"), "lifetimes and characters are no names");
}

#[test]
fn test_modules_are_known_by_their_declaration() {
    let text = "#[cfg(test)]\nmod checks;\nmod real;\n#[cfg(test)]\nmod tests {\n}\n";
    let source = |path: &str| Source { path: path.into(), module: Vec::new(), text: text.into(), tokens: Vec::new() };
    let of = |path: &str| source(path).test_modules()[0].clone();
    assert_eq!(of("src/store/mod.rs"), Path::new("src/store/checks.rs"));
    assert_eq!(of("src/store/sqlite.rs"), Path::new("src/store/sqlite/checks.rs"));
    assert_eq!(source("src/store/mod.rs").test_modules().len(), 2);
}
