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

    #[test]
    fn b16_the_demo_agent_is_in_the_binary_whole() {
        let files = demo_files();
        let count = |of: &str| files.keys().filter(|name| name.starts_with(of)).count();
        assert!(files.contains_key("agent.json") && files.contains_key("package.json"));
        assert!(count("intents/") > 100, "{}", count("intents/"));
        assert!(files.contains_key("entities/order-number_entries_de.json"));
    }

    #[test]
    fn b16_the_back_office_can_be_put_elsewhere() {
        let names_it =
            |name: &str| demo_files()[name].windows(BACK_OFFICE.len()).any(|it| it == BACK_OFFICE.as_bytes());
        assert!(names_it("intents/invoice.query.json"));
        assert!(names_it("intents/order.status.json"));
    }
}
