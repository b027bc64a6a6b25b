//! axe-core in a page: what it finds of the rules for accessible pages.

use std::{env, fs, path::PathBuf};

use serde_json::Value;

use crate::driver::Browser;

/// The library that `./check` has fetched.
fn library() -> String {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let modules = env::var_os("USHER_TEST_NODE_MODULES");
    let modules = modules.map_or_else(|| root.join("target/node/node_modules"), PathBuf::from);
    let path = modules.join("axe-core/axe.min.js");
    let text = fs::read_to_string(&path);
    text.unwrap_or_else(|error| panic!("{}: {error}: run ./check, which fetches axe-core", path.display()))
}

/// Fails with every violation in the page as it is now, shadow trees included.
pub(crate) async fn assert_no_violation(browser: &Browser, what: &str) {
    browser.client.execute(&library(), Vec::new()).await.unwrap();
    let found = browser
        .run(
            "const { violations } = await axe.run(document, { resultTypes: ['violations'] });
             return violations.flatMap((it) => it.nodes.map((node) => `${it.id}: ${node.target.join(' ')}: ${node.failureSummary}`));",
        )
        .await;
    let found: Vec<&str> = found.as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(found.is_empty(), "{what}:\n{}", found.join("\n"));
}
