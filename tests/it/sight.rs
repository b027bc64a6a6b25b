//! The metrics, the page that explains them and the dashboard that shows them say the same.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use usher::{
    core::ids::{ProfileName, UnitName},
    telemetry::Metrics,
};

const PAGE: &str = include_str!("../../docs/operations.md");
const DASHBOARD: &str = include_str!("../../docs/grafana.json");

#[derive(Debug, Default, PartialEq, Eq)]
struct Metric {
    kind: String,
    help: String,
    /// Without a histogram's own `le`.
    labels: BTreeSet<String>,
}

/// What `/metrics` shows of a gateway that has held a token and asked a profile's engines.
fn rendered() -> String {
    let metrics = Metrics::default();
    let (unit, profile) = (UnitName::new("north").unwrap(), ProfileName::new("support").unwrap());
    let _held = (
        metrics.token_valid_until(&unit, &profile),
        metrics.engine(&unit, &profile, "primary"),
        metrics.engine(&unit, &profile, "canary"),
        metrics.engine(&unit, &profile, "shadow"),
    );
    metrics.render()
}

fn in_code() -> BTreeMap<String, Metric> {
    let mut metrics = BTreeMap::<String, Metric>::new();
    for line in rendered().lines() {
        if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|it| it.split_once(' ')) {
            metrics.entry(name.into()).or_default().help = help.into();
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|it| it.split_once(' ')) {
            metrics.entry(name.into()).or_default().kind = kind.into();
        } else if let Some((name, labels)) = line.split_once('{') {
            let name = ["_bucket", "_sum", "_count"].iter().find_map(|it| name.strip_suffix(it)).unwrap_or(name);
            let keys = labels.split("\",").filter_map(|it| it.split_once('=')).map(|it| it.0.to_owned());
            metrics.get_mut(name).unwrap().labels.extend(keys.filter(|it| it != "le"));
        }
    }
    metrics
}

#[test]
fn the_page_explains_every_metric_and_no_other() {
    let rows = PAGE.lines().filter(|it| it.starts_with("| `usher_"));
    let mut on_page = BTreeMap::new();
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [name, kind, labels, meaning] = cells.as_slice() else { panic!("{row}") };
        let unquote = |it: &str| it.trim_matches('`').to_owned();
        let labels = labels.split(", ").filter(|it| !it.is_empty()).map(unquote).collect();
        let metric = Metric { kind: (*kind).into(), help: (*meaning).into(), labels };
        assert_eq!(on_page.insert(unquote(name), metric), None, "{name} is there twice");
    }
    let in_code = in_code();
    assert_eq!(on_page.keys().collect::<Vec<_>>(), in_code.keys().collect::<Vec<_>>());
    for (name, metric) in in_code {
        let row = &on_page[&name];
        assert_eq!((&row.kind, &row.labels), (&metric.kind, &metric.labels), "{name}");
        // The page may say more than the short text, from its first word on.
        let short = metric.help.trim_end_matches('.');
        assert!(row.help.starts_with(short), "{name}: the page says “{}”, /metrics “{}”", row.help, metric.help);
    }
}

/// The expressions of all panels.
fn expressions() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().filter_map(|it| it["targets"].as_array()).flatten();
    targets.map(|it| it["expr"].as_str().unwrap().to_owned()).collect()
}

/// Every `usher_…` in `text`.
fn names(text: &str) -> BTreeSet<String> {
    let words = text.split(|it: char| !it.is_ascii_alphanumeric() && it != '_');
    words.filter(|it| it.starts_with("usher_")).map(String::from).collect()
}

#[test]
fn the_dashboard_shows_every_metric_and_no_other() {
    let mut shown = BTreeSet::new();
    let in_code = in_code();
    for expression in expressions() {
        for name in names(&expression) {
            let is_histogram = |it: &str| in_code.get(it).is_some_and(|it| it.kind == "histogram");
            let of_histogram =
                ["_bucket", "_sum", "_count"].iter().find_map(|it| name.strip_suffix(it)).filter(|it| is_histogram(it));
            shown.insert(of_histogram.unwrap_or(&name).to_owned());
        }
    }
    assert_eq!(shown.iter().collect::<Vec<_>>(), in_code.keys().collect::<Vec<_>>());
}

#[test]
fn the_dashboard_selects_only_labels_that_exist() {
    let rendered = rendered();
    let in_code = in_code();
    let all_labels: BTreeSet<&str> = in_code.values().flat_map(|it| it.labels.iter().map(String::as_str)).collect();
    let mut selected = 0;
    for expression in expressions() {
        for selector in expression.split('{').skip(1).filter_map(|it| it.split('}').next()) {
            for condition in selector.split("\",") {
                let (key, values) = condition.split_once(['=', '!']).unwrap();
                let values = values.trim_matches(['=', '~', '"']);
                if key == "instance" {
                    assert_eq!(values, "$instance", "{expression}");
                    continue;
                }
                for value in values.split('|') {
                    assert!(rendered.contains(&format!("{key}=\"{value}\"")), "{key}={value} in {expression}");
                    selected += 1;
                }
            }
        }
        for group in expression.split("by (").skip(1).filter_map(|it| it.split(')').next()) {
            for key in group.split(", ") {
                assert!(["le", "instance"].contains(&key) || all_labels.contains(key), "{key} in {expression}");
            }
        }
    }
    assert!(selected > 10, "the selectors were not found");
}

#[test]
fn the_dashboard_is_whole() {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    assert_eq!((&dashboard["title"], &dashboard["id"]), (&Value::from("Usher"), &Value::Null));
    let (mut ids, mut cells) = (BTreeSet::new(), BTreeSet::new());
    for panel in dashboard["panels"].as_array().unwrap() {
        let title = panel["title"].as_str().unwrap();
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title}: its id is taken");
        let side = |name: &str| panel["gridPos"][name].as_u64().unwrap();
        for x in side("x")..side("x") + side("w") {
            for y in side("y")..side("y") + side("h") {
                assert!(x < 24 && cells.insert((x, y)), "{title}: does not fit at {x}, {y}");
            }
        }
        for target in panel["targets"].as_array().into_iter().flatten() {
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{title}");
        }
        assert_eq!(panel["type"] == "row", panel["targets"].is_null(), "{title}");
    }
}
