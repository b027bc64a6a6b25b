//! The demo agent, as the build laid it into the binary.

use std::collections::BTreeMap;

/// The back office as the agent's files name it: whoever serves the agent may put another address in its place.
pub const BACK_OFFICE: &str = "http://127.0.0.1:7410";

const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/demo_agent.rs"));

/// Name and bytes of each file of the agent's export.
#[must_use]
pub fn demo_files() -> BTreeMap<String, Vec<u8>> {
    FILES.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::offline_nlp::load::{Source, load};

    #[test]
    fn b16_the_demo_agent_is_in_the_binary_whole() {
        let files = demo_files();
        let count = |of: &str| files.keys().filter(|name| name.starts_with(of)).count();
        assert!(files.contains_key("agent.json") && files.contains_key("package.json"));
        assert!(count("intents/") > 100, "{}", count("intents/"));
        assert!(files.contains_key("entities/order-number_entries_de.json"));
    }

    #[test]
    fn b16_the_demo_agent_loads_without_a_remark_and_speaks_both_languages_alike() {
        let loaded = load(Source::files(demo_files())).unwrap();
        assert_eq!(loaded.report, []);
        let agent = loaded.agent;
        assert_eq!(
            (agent.languages.as_slice(), agent.time_zone.as_str()),
            (&["en".into(), "de".into()][..], "Europe/Berlin")
        );
        for intent in &agent.intents {
            let phrases = |language: &str| intent.phrases.get(language).map_or(0, Vec::len);
            let (english, german) = (phrases("en"), phrases("de"));
            let spoken_to = intent.events.is_empty() && !intent.is_fallback || intent.name == "welcome";
            assert_eq!((english >= 15, german >= 15), (spoken_to, spoken_to), "{}: {english}, {german}", intent.name);
            let kinds = |language: &str| -> Vec<_> {
                intent.messages.get(language).into_iter().flatten().map(std::mem::discriminant).collect()
            };
            assert!(!kinds("en").is_empty() && kinds("en") == kinds("de"), "{}", intent.name);
        }
    }

    #[test]
    fn b16_the_back_office_can_be_put_elsewhere() {
        let names_it =
            |name: &str| demo_files()[name].windows(BACK_OFFICE.len()).any(|it| it == BACK_OFFICE.as_bytes());
        assert!(names_it("intents/invoice.query.json"));
        assert!(names_it("intents/order.status.json"));
    }
}
