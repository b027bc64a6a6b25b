//! Protobuf messages as JSON and back, by the descriptors of our own contract.

use bytes::Bytes;
use prost::Message;
use prost_reflect::{DescriptorPool, DeserializeOptions, DynamicMessage, MessageDescriptor, SerializeOptions};

use super::DESCRIPTORS;

pub use prost_reflect::DescriptorError;

/// Messages of one package.
#[derive(Clone, Debug)]
pub struct Json {
    pool: DescriptorPool,
    package: &'static str,
}

/// How values of enumerations are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enums {
    Names,
    Numbers,
}

#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    #[error("{0}")]
    NotJson(#[from] serde_json::Error),
    #[error("the message {0} is not in the contract")]
    Unknown(String),
    #[error("{0}")]
    Message(#[from] prost::DecodeError),
}

impl Json {
    /// # Errors
    /// When the contract that this binary was built with is broken.
    pub fn new(package: &'static str) -> Result<Self, DescriptorError> {
        Ok(Self { pool: DescriptorPool::decode(DESCRIPTORS)?, package })
    }

    /// The same for another package.
    #[must_use]
    pub fn of(&self, package: &'static str) -> Self {
        Self { pool: self.pool.clone(), package }
    }

    /// Fields that are not in our part of the contract are skipped.
    ///
    /// # Errors
    /// When `json` is not the message `name`.
    pub fn read<M: Message + Default>(&self, name: &str, json: &[u8]) -> Result<M, JsonError> {
        let mut from = serde_json::Deserializer::from_slice(json);
        let options = DeserializeOptions::new().deny_unknown_fields(false);
        let message = DynamicMessage::deserialize_with_options(self.descriptor(name)?, &mut from, &options)?;
        from.end()?;
        Ok(M::decode(Bytes::from(message.encode_to_vec()))?)
    }

    /// # Errors
    /// When `name` is not what `message` is.
    pub fn write<M: Message>(&self, name: &str, message: &M, enums: Enums) -> Result<Vec<u8>, JsonError> {
        let message = DynamicMessage::decode(self.descriptor(name)?, message.encode_to_vec().as_slice())?;
        let options = SerializeOptions::new().use_enum_numbers(enums == Enums::Numbers);
        let mut to = serde_json::Serializer::new(Vec::new());
        message.serialize_with_options(&mut to, &options)?;
        Ok(to.into_inner())
    }

    fn descriptor(&self, name: &str) -> Result<MessageDescriptor, JsonError> {
        let name = format!("{}.{name}", self.package);
        self.pool.get_message_by_name(&name).ok_or(JsonError::Unknown(name))
    }
}
