//! When a refused question may be put again, where Google says so: `google.rpc.RetryInfo` among a status's details.

use std::time::Duration;

use google_cloud_gax::error::rpc::{self, StatusDetails};
use prost::Message as _;

const RETRY_INFO: &str = "type.googleapis.com/google.rpc.RetryInfo";
/// Nobody waits longer, so a longer delay need not be told apart.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// As much of `google.rpc.Status` as is read.
#[derive(Clone, PartialEq, prost::Message)]
struct Status {
    #[prost(message, repeated, tag = "3")]
    details: Vec<prost_types::Any>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<prost_types::Duration>,
}

/// Of a status over gRPC: `details` is its `grpc-status-details-bin`.
pub(super) fn of_grpc(details: &[u8]) -> Option<Duration> {
    let status = Status::decode(details).ok()?;
    let info = status.details.iter().find(|it| it.type_url == RETRY_INFO)?;
    let delay = RetryInfo::decode(info.value.as_slice()).ok()?.retry_delay?;
    bounded(delay.seconds, delay.nanos)
}

/// Of a status over REST.
#[expect(clippy::wildcard_enum_match_arm, reason = "non-exhaustive there; no other detail names a time")]
pub(super) fn of_rest(status: &rpc::Status) -> Option<Duration> {
    status.details.iter().find_map(|detail| match detail {
        StatusDetails::RetryInfo(info) => {
            let delay = info.retry_delay.as_ref()?;
            bounded(delay.seconds(), delay.nanos())
        }
        _other => None,
    })
}

fn bounded(seconds: i64, nanos: i32) -> Option<Duration> {
    let span = Duration::new(u64::try_from(seconds).ok()?, u32::try_from(nanos).ok()?.min(999_999_999));
    Some(span.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn details(seconds: i64, nanos: i32) -> Vec<u8> {
        let delay = prost_types::Duration { seconds, nanos };
        let info = RetryInfo { retry_delay: Some(delay) }.encode_to_vec();
        let other = prost_types::Any { type_url: "type.googleapis.com/google.rpc.Help".into(), value: vec![1] };
        let info = prost_types::Any { type_url: RETRY_INFO.to_owned(), value: info };
        Status { details: vec![other, info] }.encode_to_vec()
    }

    #[test]
    fn b12_the_delay_that_google_names_is_read_over_grpc_and_rest() {
        assert_eq!(of_grpc(&details(3, 500_000_000)), Some(Duration::from_millis(3_500)));
        assert_eq!(of_grpc(&details(i64::MAX, 0)), Some(LONGEST));
        assert_eq!(of_grpc(&details(-1, 0)), None);
        assert_eq!(of_grpc(&[]), None);
        let body = br#"{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "much", "details": [
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "3.5s"}]}}"#;
        let status = rpc::Status::try_from(&bytes::Bytes::from_static(body)).unwrap();
        assert_eq!(of_rest(&status), Some(Duration::from_millis(3_500)));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn details_of_any_bytes_are_read_or_not(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            of_grpc(&bytes);
        }
    }
}
