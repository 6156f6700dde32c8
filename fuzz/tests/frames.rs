//! Can whatever a shim sends make the reader of frames panic, or take more than its limit?

use std::time::Duration;

use bytes::BytesMut;
use kulkul_instance::frame::{parse_reply, parse_zygote_reply, take_frame};

/// What a frame's body may have.
const BODY_BYTES_MAX: usize = 1024;

#[test]
fn frames() {
    bolero::check!()
        .with_test_time(Duration::from_secs(2))
        .with_iterations(20_000)
        .with_max_len(256)
        .for_each(|bytes: &[u8]| {
            read(bytes);
            // With a length that fits, so that the reader gets past it.
            let mut framed = u32::try_from(bytes.len()).unwrap().to_le_bytes().to_vec();
            framed.extend_from_slice(bytes);
            read(&framed);
        });
}

fn read(bytes: &[u8]) {
    let mut buffer = BytesMut::from(bytes);
    let before = buffer.len();
    match take_frame(&mut buffer, BODY_BYTES_MAX) {
        Ok(Some((kind, body))) => {
            assert_eq!(4 + 1 + body.len() + buffer.len(), before, "nothing is lost");
            let _ = parse_reply(kind, body.clone());
            let _ = parse_zygote_reply(kind, body);
        }
        Ok(None) => assert_eq!(buffer.len(), before, "an incomplete frame stays"),
        Err(_) => {}
    }
}
