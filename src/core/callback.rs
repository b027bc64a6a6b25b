//! Phone numbers and times of callbacks, as language engines give them (S21).
use super::ids::Timestamp;
use serde_json::Value;
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallbackError {
    #[error("is missing")]
    Missing,
}
pub fn phone(_v: &Value, _c: &str) -> Result<String, CallbackError> {
    Err(CallbackError::Missing)
}
pub fn schedule(_v: &Value, _z: &jiff::tz::TimeZone, _now: Timestamp) -> Result<Timestamp, CallbackError> {
    Err(CallbackError::Missing)
}
