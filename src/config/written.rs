//! Business units and routing engines as the Web Manager writes them: one `[[unit]]` or `[[engine]]`, as a file would have it.

use super::draft::{Draft, DraftError, Value};
use crate::core::hex;

/// What an administrator says of a business unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnitText {
    pub name: String,
    pub zone: String,
    pub country: String,
    pub languages: Vec<String>,
    pub media_servers: Vec<String>,
    /// `[[unit.action]]`, one after the other, as TOML.
    pub actions: String,
}

impl UnitText {
    #[must_use]
    pub fn write(&self) -> String {
        let Self { name, zone, country, languages, media_servers, actions } = self;
        let mut text = format!("[[unit]]\nname = {}\n", quoted(name));
        text += &format!("zone = {}\ncountry = {}\n", quoted(zone), quoted(country));
        text += &format!("languages = {}\nmedia_servers = {}\n", list(languages), list(media_servers));
        let actions = actions.trim();
        if !actions.is_empty() {
            text += &format!("\n{actions}\n");
        }
        text
    }

    /// A unit's text with what this says of it, but the actions: they stay, and so do comments.
    ///
    /// # Errors
    /// When the text is no unit.
    pub fn laid_over(&self, text: &str) -> Result<String, DraftError> {
        let mut draft = Draft::read(text)?;
        for (key, text) in [("zone", &self.zone), ("country", &self.country)] {
            draft.set(&["unit", "0", key], &Value::Text(text.clone()))?;
        }
        for (key, texts) in [("languages", &self.languages), ("media_servers", &self.media_servers)] {
            draft.set(&["unit", "0", key], &Value::Texts(texts.clone()))?;
        }
        Ok(draft.to_string())
    }

    /// What [`Self::write`] has written, or somebody else in its way; `None`: it is no unit.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let table: toml::Table = toml::from_str(text).ok()?;
        let unit = table.get("unit")?.as_array()?.first()?.as_table()?;
        let of = |key: &str| unit.get(key).and_then(toml::Value::as_str).unwrap_or_default().to_owned();
        let texts = |key: &str| {
            let items = unit.get(key).and_then(toml::Value::as_array).into_iter().flatten();
            items.filter_map(|it| it.as_str().map(str::to_owned)).collect()
        };
        Some(Self {
            name: of("name"),
            zone: if unit.contains_key("zone") { of("zone") } else { "UTC".to_owned() },
            country: if unit.contains_key("country") { of("country") } else { "DE".to_owned() },
            languages: texts("languages"),
            media_servers: texts("media_servers"),
            actions: actions_in(text).to_owned(),
        })
    }
}

/// From the first action on, with the comments right above it.
fn actions_in(text: &str) -> &str {
    let mut start = 0;
    let mut from = None;
    for line in text.split_inclusive('\n') {
        let plain = line.trim();
        if plain.starts_with("[[unit.action]]") {
            return text.get(from.unwrap_or(start)..).unwrap_or_default().trim();
        }
        if !plain.starts_with('#') {
            from = None;
        } else if from.is_none() {
            from = Some(start);
        }
        start += line.len();
    }
    ""
}

/// What the Web Manager says of a routing engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineText {
    pub id: String,
    pub token_sha256: [u8; 32],
    pub former_token_sha256: Option<[u8; 32]>,
    pub units: Vec<String>,
}

impl EngineText {
    #[must_use]
    pub fn write(&self) -> String {
        let mut text = format!("[[engine]]\nid = {}\n", quoted(&self.id));
        text += &format!("token_sha256 = \"{}\"\n", hex::encode(&self.token_sha256));
        if let Some(former) = &self.former_token_sha256 {
            text += &format!("former_token_sha256 = \"{}\"\n", hex::encode(former));
        }
        text + &format!("units = {}\n", list(&self.units))
    }
}

/// As TOML says it.
pub(super) fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

fn list(texts: &[String]) -> String {
    format!("[{}]", texts.iter().map(|it| quoted(it)).collect::<Vec<_>>().join(", "))
}

/// Names of time zones, for those who choose one.
#[must_use]
pub fn zones() -> Vec<String> {
    let known = jiff::tz::db().available().map(|it| it.to_string());
    let mut zones: Vec<String> =
        known.filter(|it| it == "UTC" || (it.contains('/') && !it.starts_with("Etc/"))).collect();
    zones.sort();
    zones
}

/// Countries by their two letters, for those who choose one.
pub fn countries() -> impl Iterator<Item = &'static str> {
    super::countries::all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit() -> UnitText {
        UnitText {
            name: "sa\"les".to_owned(),
            zone: "Europe/Berlin".to_owned(),
            country: "AT".to_owned(),
            languages: vec!["de".to_owned(), "en-US".to_owned()],
            media_servers: vec!["cms.example.com".to_owned()],
            actions: "# To people.\n[[unit.action]]\nname = \"to_sales\" # exactly\n[[unit.action]]\nname = \"b\""
                .to_owned(),
        }
    }

    #[test]
    fn a_unit_is_read_as_it_was_written_with_its_actions_as_they_stand() {
        assert_eq!(UnitText::read(&unit().write()), Some(unit()));
        let plain = UnitText { actions: String::new(), ..unit() };
        assert_eq!(UnitText::read(&plain.write()), Some(plain));
        let least = UnitText::read("[[unit]]\nname = \"x\"\n").unwrap();
        assert_eq!((least.zone.as_str(), least.country.as_str(), least.actions.as_str()), ("UTC", "DE", ""));
        assert_eq!(UnitText::read("[[engine]]\nid = \"x\"\n"), None);
    }

    #[test]
    fn a_unit_is_changed_while_its_actions_and_comments_stay() {
        let text = "# Ours.\n[[unit]]\nname = \"x\" # as they call it\nzone = \"UTC\"\naction = [{ name = \"a\" }]\n";
        let changed = unit().laid_over(text).unwrap();
        let expected = text.replace("UTC", "Europe/Berlin")
            + "country = \"AT\"\nlanguages = [\"de\", \"en-US\"]\nmedia_servers = [\"cms.example.com\"]\n";
        assert_eq!(changed, expected);
        let same = unit().write();
        assert_eq!(unit().laid_over(&same).unwrap(), same);
        assert!(unit().laid_over("[[engine]]\nid = \"x\"\n").is_err());
    }

    #[test]
    fn an_engine_is_its_hashes() {
        let engine = EngineText {
            id: "east".to_owned(),
            token_sha256: [0xab; 32],
            former_token_sha256: None,
            units: vec!["a".to_owned(), "b".to_owned()],
        };
        let hash = "ab".repeat(32);
        let text = format!("[[engine]]\nid = \"east\"\ntoken_sha256 = \"{hash}\"\nunits = [\"a\", \"b\"]\n");
        assert_eq!(engine.write(), text);
        let both = EngineText { former_token_sha256: Some([1; 32]), ..engine }.write();
        assert!(both.contains(&format!("former_token_sha256 = \"{}\"\n", "01".repeat(32))), "{both}");
    }

    #[test]
    fn what_is_suggested_is_known() {
        assert!(zones().iter().any(|it| it == "Europe/Berlin") && zones().iter().any(|it| it == "UTC"));
        assert!(
            countries().all(|it| crate::config::countries::calling_code(it).is_some())
                && countries().any(|it| it == "CH")
        );
    }
}
