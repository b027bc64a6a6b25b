//! What the tokens in a contact's words stand for (B10). It is sealed before it comes here: the domain never sees it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, de::Error as _};

use super::{Contact, Out};
use crate::core::{hex, step::Step};

/// One value, by the token that stands for it: `[name:number]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Value {
    pub name: String,
    pub number: u16,
    /// Empty: it came with a sensitive message and was not kept over a restart.
    #[serde(deserialize_with = "from_hex")]
    pub sealed: Vec<u8>,
    #[serde(default)]
    pub sensitive: bool,
}

impl Value {
    #[must_use]
    pub fn token(&self) -> String {
        format!("[{}:{}]", self.name, self.number)
    }
}

impl Serialize for Value {
    /// What came with a sensitive message stays in memory.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut fields = serializer.serialize_struct("Value", 4)?;
        fields.serialize_field("name", &self.name)?;
        fields.serialize_field("number", &self.number)?;
        fields.serialize_field("sealed", &hex::encode(if self.sensitive { &[] } else { &self.sealed }))?;
        fields.serialize_field("sensitive", &self.sensitive)?;
        fields.end()
    }
}

fn from_hex<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    hex::decode(&text).ok_or_else(|| D::Error::custom("a sealed value is no hexadecimal"))
}

impl Contact {
    /// What tokens stand for so far.
    #[must_use]
    pub fn values(&self) -> &[Value] {
        &self.state.values
    }

    /// Something private became tokens in what has just come in: so many of each name. `made`: values that are new.
    pub fn tokenised(&mut self, made: Vec<Value>, found: BTreeMap<String, u32>, out: &mut Out) {
        for value in made {
            let known = self.state.values.iter_mut().find(|it| it.name == value.name && it.number == value.number);
            match known {
                Some(known) => *known = value,
                None => self.state.values.push(value),
            }
        }
        if !found.is_empty() {
            out.steps.push(Step::Tokenised { found });
        }
    }
}
