//! OSS signature version 4, for requests without query parameters.

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::Credentials;

/// The body is left out of the signature, as the official clients do.
const PAYLOAD: &str = "UNSIGNED-PAYLOAD";

/// What a signature covers.
pub(super) struct ToSign<'a> {
    pub(super) credentials: &'a Credentials,
    pub(super) region: &'a str,
    pub(super) method: &'a str,
    pub(super) bucket: &'a str,
    pub(super) key: &'a str,
    pub(super) media_type: Option<&'a str>,
    pub(super) at: SystemTime,
}

/// Returns the headers that make a request a signed one.
pub(super) fn headers(request: &ToSign<'_>) -> Vec<(&'static str, String)> {
    let date = utc(request.at);
    // In the order of their names, since that is the order in which they are signed.
    let mut headers = Vec::new();
    headers.extend(request.media_type.map(|media_type| ("content-type", media_type.to_owned())));
    headers.push(("x-oss-content-sha256", PAYLOAD.to_owned()));
    headers.push(("x-oss-date", date.clone()));
    headers.extend(request.credentials.token.clone().map(|token| ("x-oss-security-token", token)));
    let authorization = authorization(request, &date, &headers);
    headers.push(("authorization", authorization));
    headers
}

fn authorization(request: &ToSign<'_>, date: &str, headers: &[(&str, String)]) -> String {
    let signed: String = headers.iter().map(|(name, value)| format!("{name}:{}\n", value.trim())).collect();
    let resource = format!("/{}/{}", request.bucket, escape(request.key));
    let canonical = format!("{}\n{resource}\n\n{signed}\n\n{PAYLOAD}", request.method);
    let day = &date[..8];
    let scope = format!("{day}/{}/oss/aliyun_v4_request", request.region);
    let to_sign = format!("OSS4-HMAC-SHA256\n{date}\n{scope}\n{}", hex::encode(Sha256::digest(canonical)));
    let secret = format!("aliyun_v4{}", request.credentials.secret);
    let key = [day, request.region, "oss", "aliyun_v4_request"]
        .iter()
        .fold(secret.into_bytes(), |key, part| keyed_hash(&key, part.as_bytes()));
    let signature = hex::encode(keyed_hash(&key, to_sign.as_bytes()));
    format!("OSS4-HMAC-SHA256 Credential={}/{scope},Signature={signature}", request.credentials.id)
}

fn keyed_hash(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

/// Returns a key as it stands in a path: all but letters, digits, `-_.~` and `/` escaped.
pub(super) fn escape(key: &str) -> String {
    let mut escaped = String::with_capacity(key.len());
    for &byte in key.as_bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => {
                escaped.push(char::from(byte))
            }
            _ => write!(escaped, "%{byte:02X}").expect("a string takes any text"),
        }
    }
    escaped
}

/// Returns a time as `20261122T085151Z`.
fn utc(at: SystemTime) -> String {
    let seconds = at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (year, month, day) = civil(seconds / 86_400);
    let of_day = seconds % 86_400;
    format!("{year:04}{month:02}{day:02}T{:02}{:02}{:02}Z", of_day / 3600, of_day / 60 % 60, of_day % 60)
}

/// Returns year, month and day of the day that is so many days after 1970-01-01.
///
/// Years are counted from March, so that the leap day is the last of its year and the months before it
/// follow the pattern of 153 days in five months; 146,097 days are 400 years.
fn civil(days: u64) -> (u64, u64, u64) {
    let from_march_0 = days + 719_468;
    let era = from_march_0 / 146_097;
    let day_of_era = from_march_0 % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn times_are_written_in_utc() {
        let table = [
            (0, "19700101T000000Z"),
            (951_782_399, "20000228T235959Z"),
            (951_782_400, "20000229T000000Z"),
            (1_795_337_511, "20261122T085151Z"),
            (4_107_542_400, "21000301T000000Z"),
        ];
        for (seconds, text) in table {
            assert_eq!(utc(at(seconds)), text);
        }
    }

    /// A request that the official Python client signed.
    #[test]
    fn a_signature_is_that_of_the_official_client() {
        let credentials = Credentials {
            id: "STS.testTempKeyId03".to_owned(),
            secret: "testTempSecret04".to_owned(),
            token: Some("testSecurityToken05==".to_owned()),
        };
        let request = ToSign {
            credentials: &credentials,
            region: "cn-hangzhou",
            method: "PUT",
            bucket: "c-v4sts-ip",
            key: "日本語/é.txt",
            media_type: Some("text/plain"),
            at: at(1_795_337_511),
        };
        let signed = headers(&request);
        assert_eq!(
            signed.last().unwrap().1,
            "OSS4-HMAC-SHA256 Credential=STS.testTempKeyId03/20261122/cn-hangzhou/oss/aliyun_v4_request,\
             Signature=272084f46b909349c79faaf4f18df3df89c06dfd746d452966e51bda1b699b27"
        );
    }
}
