//! As much of YAML as the `AsyncAPI` document needs: nested mappings and lists by indentation, `[a, b]` and `{}` on a line, plain and
//! double-quoted scalars. Anything else is refused.

use serde_json::{Map, Value};

pub(super) fn read(text: &str) -> Value {
    let lines: Vec<(usize, &str)> = text
        .lines()
        .filter(|it| !it.trim().is_empty() && !it.trim_start().starts_with('#'))
        .map(|it| (it.len() - it.trim_start().len(), it.trim()))
        .collect();
    let mut at = 0;
    let value = block(&lines, &mut at, 0);
    assert_eq!(at, lines.len(), "{:?} is indented unlike what is around it", lines.get(at));
    value
}

fn block(lines: &[(usize, &str)], at: &mut usize, indent: usize) -> Value {
    if lines[*at].1.starts_with("- ") { list(lines, at, indent) } else { mapping(lines, at, indent) }
}

fn mapping(lines: &[(usize, &str)], at: &mut usize, indent: usize) -> Value {
    let mut map = Map::new();
    while let Some((depth, line)) = lines.get(*at).copied()
        && depth == indent
        && !line.starts_with("- ")
    {
        let (key, value) = line.split_once(':').unwrap_or_else(|| panic!("no key in {line}"));
        *at += 1;
        let value = match value.trim() {
            "" => {
                let inner = lines.get(*at).map_or(0, |it| it.0);
                assert!(inner > indent, "nothing below {line}");
                block(lines, at, inner)
            }
            scalar => flow(scalar),
        };
        assert!(map.insert(unquoted(key.trim()), value).is_none(), "{key} stands twice");
    }
    Value::Object(map)
}

fn list(lines: &[(usize, &str)], at: &mut usize, indent: usize) -> Value {
    let mut list = Vec::new();
    while let Some((depth, line)) = lines.get(*at).copied()
        && depth == indent
        && let Some(item) = line.strip_prefix("- ")
    {
        *at += 1;
        list.push(match item.split_once(": ") {
            Some((key, value)) if !item.starts_with(['"', '[']) => {
                Value::Object([(unquoted(key), flow(value.trim()))].into_iter().collect())
            }
            Some(_) | None => flow(item),
        });
    }
    Value::Array(list)
}

fn flow(text: &str) -> Value {
    if let Some(items) = text.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
        return items.split(',').map(str::trim).filter(|it| !it.is_empty()).map(flow).collect();
    }
    if text.starts_with('"') {
        return serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    }
    assert!(!text.starts_with(['{', '&', '*', '|', '>', '\'', '!']), "not in this subset: {text}");
    assert!(!text.contains(": ") && !text.contains(" #"), "quote it: {text}");
    match text {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        number if number.parse::<f64>().is_ok() && !number.contains("..") => serde_json::from_str(number).unwrap(),
        plain => Value::String(plain.to_owned()),
    }
}

fn unquoted(key: &str) -> String {
    key.trim_matches('"').to_owned()
}

#[test]
fn a_document_reads_as_it_looks() {
    let text = "a: 1\nb:\n  # said\n  c: [x, \"y: z\"]\n  d:\n    - p: q\n    - r\ne: true\n";
    assert_eq!(read(text), serde_json::json!({"a": 1, "b": {"c": ["x", "y: z"], "d": [{"p": "q"}, "r"]}, "e": true}));
}
