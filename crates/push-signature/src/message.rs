//! What is signed.

use crate::headers::header;

/// A push as far as it is signed. Texts are used exactly as they are.
#[derive(Clone, Copy, Debug)]
pub struct PushMessage<'a> {
    /// The whole URL that the sender was configured with: scheme, port, path and query.
    pub url: &'a str,
    /// When it was signed: milliseconds since the epoch, as text.
    pub timestamp: &'a str,
    /// Where the certificate of the sender is.
    pub certificate_url: &'a str,
    /// The token that sender and receiver share.
    pub token: Option<&'a str>,
    /// The body.
    pub body: &'a [u8],
}

/// Which of the two ways to sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// HMAC-SHA1 with a temporary secret.
    V1,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    V2,
}

/// What follows the body in the string to sign. Documentation and the official verifier disagree: a sender appends a
/// line feed unless told otherwise, a receiver tries both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    /// A line feed, as the official verifier has it.
    #[default]
    LineFeed,
    /// Nothing, as the documented formula has it.
    Nothing,
}

impl Ending {
    /// Both, the usual one first.
    pub const ALL: [Self; 2] = [Self::LineFeed, Self::Nothing];
}

impl PushMessage<'_> {
    /// The string to sign.
    pub fn string_to_sign(&self, generation: Generation, ending: Ending) -> Vec<u8> {
        let method = match generation {
            Generation::V1 => (header::METHOD, "HMAC-SHA1"),
            Generation::V2 => (header::HASH_METHOD, "SHA256"),
        };
        let mut lines = vec![
            (header::TIMESTAMP, self.timestamp),
            method,
            (header::VERSION, "1.0"),
            (header::CERTIFICATE_URL, self.certificate_url),
        ];
        lines.extend(self.token.map(|token| (header::TOKEN, token)));
        let mut out = format!("{}\n", self.url);
        for (name, value) in lines {
            out.extend([name, ": ", value, "\n"]);
        }
        let mut out = out.into_bytes();
        out.extend_from_slice(self.body);
        if ending == Ending::LineFeed {
            out.push(b'\n');
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use hmac::{Hmac, KeyInit, Mac};
    use sha1::Sha1;
    use sha2::{Digest, Sha256};

    use super::*;

    const MESSAGE: PushMessage<'_> = PushMessage {
        url: "https://hook.example.com/in?a=1",
        timestamp: "1700000000000",
        certificate_url: "https://cn-hangzhou-eventbridge.oss-accelerate.aliyuncs.com/x509_public_certificate_1.pem",
        token: Some("tok"),
        body: br#"{"id":"1"}"#,
    };

    #[test]
    fn the_known_signatures_come_out() {
        let table = [
            (Generation::V1, Ending::LineFeed, "XJfLGKjBIhzUWsK9uAKOy8EIxDE="),
            (Generation::V1, Ending::Nothing, "SS4NhETytfOeeXzq88Zch+eJXjM="),
            (
                Generation::V2,
                Ending::LineFeed,
                "85bdc8e6a21e75d7896825f88fc28a09cdb9976958af0246eaec5bc1fa663368",
            ),
            (
                Generation::V2,
                Ending::Nothing,
                "dd68ac8047d100cb7ccb513a52ff375b3c3155c4e3c16d81314450771341aeeb",
            ),
        ];
        for (generation, ending, expected) in table {
            let signed = MESSAGE.string_to_sign(generation, ending);
            let seen = match generation {
                Generation::V1 => {
                    let mut mac = Hmac::<Sha1>::new_from_slice(b"0123456789abcdef").unwrap();
                    mac.update(&signed);
                    STANDARD.encode(mac.finalize().into_bytes())
                }
                Generation::V2 => hex::encode(Sha256::digest(&signed)),
            };
            assert_eq!(seen, expected, "{generation:?} {ending:?}");
        }
    }

    #[test]
    fn without_a_token_its_line_is_missing() {
        let signed = PushMessage { token: None, ..MESSAGE }.string_to_sign(Generation::V2, Ending::Nothing);
        assert!(signed.ends_with(b"_1.pem\n{\"id\":\"1\"}"), "{}", String::from_utf8_lossy(&signed));
    }
}
