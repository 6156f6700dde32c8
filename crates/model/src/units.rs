//! Values with units, as people write them.

use std::time::Duration;

/// Parses `250ms`, `30s`, `15m`, `12h` or `7d`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = split(text);
    let number: u64 = number.parse().map_err(|_| expected(text, "a duration such as `30s`"))?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(expected(text, "a duration in ms, s, m, h or d, such as `30s`")),
    };
    number
        .checked_mul(millis)
        .map(Duration::from_millis)
        .ok_or_else(|| expected(text, "a duration that fits into 64 bits"))
}

/// Parses `512`, `256KiB`, `64MiB` or `2GiB`.
pub fn bytes(text: &str) -> Result<u64, String> {
    let (number, unit) = split(text);
    let number: u64 = number.parse().map_err(|_| expected(text, "a size such as `64MiB`"))?;
    let factor: u64 = match unit {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(expected(text, "a size in B, KiB, MiB or GiB, such as `64MiB`")),
    };
    number.checked_mul(factor).ok_or_else(|| expected(text, "a size that fits into 64 bits"))
}

fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    (&text[..end], text[end..].trim())
}

fn expected(text: &str, what: &str) -> String {
    format!("is `{text}`, but must be {what}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_understood_and_required() {
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("7d"), Ok(Duration::from_secs(604_800)));
        assert!(duration("30").is_err());
        assert!(duration("99999999999999999999d").is_err());
        assert_eq!(bytes("64MiB"), Ok(64 << 20));
        assert_eq!(bytes("512"), Ok(512));
        assert!(bytes("64MB").is_err());
        assert!(bytes("99999999999GiB").is_err());
    }
}
