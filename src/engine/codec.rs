//! Reads engine frames so that a bad one can be refused by number while its stream lives on.

use bytes::Buf as _;
use prost::Message as _;
use tonic::{
    Status,
    codec::{BufferSettings, Codec, DecodeBuf, Decoder},
};
use tonic_prost::{ProstCodec, ProstEncoder};

use crate::wire::engine::{EngineFrame, GatewayFrame};

/// Messages above this multiple of the frame limit end the stream; those between are read and refused.
const READABLE: usize = 4;

/// What one message of the stream turned out to be. With a fault, `frame` holds its numbers alone.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) frame: EngineFrame,
    pub(super) fault: Option<Fault>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    TooLarge {
        bytes: usize,
        limit: usize,
    },
    /// The numbers could be read, the rest is no `EngineFrame` (or is nested too deep to be read).
    Unreadable,
}

/// The numbers of a frame; everything else is skipped unread.
#[derive(Clone, Copy, PartialEq, prost::Message)]
struct Head {
    #[prost(uint64, tag = "1")]
    seq: u64,
    #[prost(uint64, tag = "2")]
    ack: u64,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct FrameCodec {
    pub(super) max_frame_bytes: usize,
}

impl FrameCodec {
    pub(super) const fn max_readable_bytes(self) -> usize {
        self.max_frame_bytes.saturating_mul(READABLE)
    }
}

impl Codec for FrameCodec {
    type Encode = GatewayFrame;
    type Decode = Received;
    type Encoder = ProstEncoder<GatewayFrame>;
    type Decoder = Self;

    fn encoder(&mut self) -> Self::Encoder {
        ProstCodec::<GatewayFrame, EngineFrame>::raw_encoder(BufferSettings::default())
    }

    fn decoder(&mut self) -> Self::Decoder {
        *self
    }
}

impl Decoder for FrameCodec {
    type Item = Received;
    type Error = Status;

    fn decode(&mut self, buf: &mut DecodeBuf<'_>) -> Result<Option<Received>, Status> {
        let bytes = buf.remaining();
        // One message lies in one piece; should that ever change, it is put together first.
        let received = if buf.chunk().len() == bytes {
            let received = read(buf.chunk(), self.max_frame_bytes);
            buf.advance(bytes);
            received
        } else {
            read(&buf.copy_to_bytes(bytes), self.max_frame_bytes)
        };
        received.map(Some)
    }
}

fn read(bytes: &[u8], limit: usize) -> Result<Received, Status> {
    let oversize = bytes.len() > limit;
    if !oversize && let Ok(frame) = EngineFrame::decode(bytes) {
        return Ok(Received { frame, fault: None });
    }
    let Ok(Head { seq, ack }) = Head::decode(bytes) else {
        return Err(Status::invalid_argument("a message is no usher.engine.v1.EngineFrame"));
    };
    // A Hello has no number to be refused by, and may be larger: the whole directory is in it.
    if oversize && seq == 0 {
        let frame = EngineFrame::decode(bytes)
            .map_err(|why| Status::invalid_argument(format!("a message is no usher.engine.v1.EngineFrame: {why}")))?;
        return Ok(Received { frame, fault: None });
    }
    let fault = if oversize { Fault::TooLarge { bytes: bytes.len(), limit } } else { Fault::Unreadable };
    Ok(Received { frame: EngineFrame { seq, ack, body: None }, fault: Some(fault) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        engine::convert,
        wire::engine::{CustomerMessage, Hello, customer_message, engine_frame::Body},
    };

    fn frame(seq: u64, text: String) -> Vec<u8> {
        let body = Some(Body::CustomerMessage(CustomerMessage {
            contact: "c".to_owned(),
            message_id: "m".to_owned(),
            sensitive: false,
            body: Some(customer_message::Body::Text(text)),
        }));
        EngineFrame { seq, ack: 4, body }.encode_to_vec()
    }

    #[test]
    fn a_frame_over_the_limit_is_known_by_its_number() {
        let received = read(&frame(7, "x".repeat(1000)), 512).unwrap();
        assert_eq!((received.frame.seq, received.frame.ack, received.frame.body), (7, 4, None));
        assert!(matches!(received.fault, Some(Fault::TooLarge { bytes, limit: 512 }) if bytes > 1000));
    }

    #[test]
    fn a_frame_with_a_broken_inside_is_known_by_its_number() {
        // seq = 7, then field 9 (customer_message) whose inside is no message.
        let received = read(&[0x08, 7, 0x4a, 2, 0x0a, 0x7f], 512).unwrap();
        assert_eq!((received.frame.seq, received.fault), (7, Some(Fault::Unreadable)));
    }

    #[test]
    fn a_large_hello_is_read() {
        let hello = Hello { engine_id: "e".repeat(1000), ..Hello::default() };
        let bytes = EngineFrame { seq: 0, ack: 0, body: Some(Body::Hello(hello)) }.encode_to_vec();
        assert!(matches!(read(&bytes, 512).unwrap().frame.body, Some(Body::Hello(_))));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(received) = read(&bytes, 128) {
                let _converted = convert::from_engine(received.frame.body);
            }
        }

        /// Arbitrary bytes seldom get past the first field; a frame with a few bytes changed gets further.
        #[test]
        fn no_changed_bytes_make_it_panic(
            text in ".{0,40}",
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        ) {
            let mut bytes = frame(3, text);
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            if let Ok(received) = read(&bytes, 4096) {
                if let Some(Body::Hello(hello)) = received.frame.body {
                    let _checked = convert::hello(hello);
                } else {
                    let _converted = convert::from_engine(received.frame.body);
                }
            }
        }
    }
}
