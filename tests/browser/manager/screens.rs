//! Pictures of the pages, for people: `USHER_SCREENS=docs/screens cargo test --test browser looks` makes them anew.

use std::{env, fs, path::Path};

use crate::driver::Browser;

/// Below this a page goes on as it is above.
const MOST: u32 = 1_600;
const LEAST: u32 = 640;

/// The page as it is shown, if somebody wants pictures.
pub(super) async fn keep(browser: &Browser, path: &str, theme: &str, width: u32) {
    let Some(directory) = env::var_os("USHER_SCREENS") else { return };
    let height = browser.run("return document.documentElement.scrollHeight").await.as_u64().unwrap();
    browser.emulate(theme, width, u32::try_from(height).unwrap().clamp(LEAST, MOST)).await;
    let picture = browser.client.screenshot().await.unwrap();
    let page = path.trim_start_matches('/').replace(|it: char| !it.is_ascii_alphanumeric() && it != '-', "_");
    let page = if page.is_empty() { "contacts" } else { &page };
    fs::write(Path::new(&directory).join(format!("{page}-{theme}-{width}.png")), picture).unwrap();
    browser.emulate(theme, width, 800).await;
}
