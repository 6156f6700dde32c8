//! The header `Content-MD5`, which official clients write in three forms.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};

use super::error::{Code, QueueFault};

/// Refuses a body that does not have the digest that was sent along.
///
/// Taken are Base64 of the digest (RFC 1864), Base64 of its hexadecimal text (most clients), and the hexadecimal text.
pub(crate) fn check(given: Option<&str>, body: &[u8]) -> Result<(), QueueFault> {
    let Some(given) = given.filter(|given| !given.is_empty()) else { return Ok(()) };
    let digest = Md5::digest(body);
    let text = hex::encode(digest);
    let fits = given.eq_ignore_ascii_case(&text)
        || STANDARD
            .decode(given)
            .is_ok_and(|sent| sent[..] == digest[..] || sent.eq_ignore_ascii_case(text.as_bytes()));
    fits.then_some(()).ok_or(QueueFault::new(Code::InvalidDegist))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_the_digest_is_checked() {
        // Of the empty body; the second is what a recorded client sent.
        let table = [
            (None, true),
            (Some(""), true),
            (Some("1B2M2Y8AsgTpgAmY7PhCfg=="), true),
            (Some("ZDQxZDhjZDk4ZjAwYjIwNGU5ODAwOTk4ZWNmODQyN2U="), true),
            (Some("d41d8cd98f00b204e9800998ecf8427e"), true),
            (Some("D41D8CD98F00B204E9800998ECF8427E"), true),
            (Some("2B2M2Y8AsgTpgAmY7PhCfg=="), false),
            (Some("text"), false),
        ];
        for (given, good) in table {
            let checked = check(given, b"").map_err(|fault| fault.code);
            assert_eq!(checked, if good { Ok(()) } else { Err(Code::InvalidDegist) }, "{given:?}");
        }
    }
}
