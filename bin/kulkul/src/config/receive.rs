//! Values of the settings about events from outside.

use std::path::PathBuf;

use kulkul_access::Secret;
use kulkul_push_signature::PushPublicKeys;
use kulkul_source::SourceName;
use kulkul_source::webhook::Network;

/// A PEM file has a few KB for each key.
const KEYS_BYTES_MAX: u64 = 1 << 20;

/// A base URL, without a slash at its end.
pub fn base_url(text: &str) -> Result<String, String> {
    let url = text.trim().trim_end_matches('/');
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let valid = rest.is_some_and(|rest| {
        let legal = |b: u8| b.is_ascii_graphic() && !matches!(b, b'?' | b'#' | b'@' | b'"' | b'<' | b'>');
        !rest.is_empty() && !rest.starts_with('/') && rest.bytes().all(legal)
    });
    match valid {
        true => Ok(url.to_owned()),
        false => Err(format!("is `{text}`, but must be a URL such as `https://hub.example.com`")),
    }
}

/// Keys from a file, or from the value itself.
pub fn push_keys(text: &str) -> Result<PushPublicKeys, String> {
    let pem = match text.trim_start().starts_with("-----BEGIN") {
        true => text.to_owned(),
        false => {
            let size = std::fs::metadata(text).map_err(|error| format!("is `{text}`: {error}"))?.len();
            if size > KEYS_BYTES_MAX {
                return Err(format!("is `{text}`, which has more than {KEYS_BYTES_MAX} bytes"));
            }
            std::fs::read_to_string(text).map_err(|error| format!("is `{text}`: {error}"))?
        }
    };
    PushPublicKeys::from_pem(&pem).map_err(|error| format!("cannot be used: {error}"))
}

/// Networks: `127.0.0.1, 10.0.0.0/8`.
pub fn networks(text: &str) -> Result<Vec<Network>, String> {
    let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    let parsed = |entry: &str| {
        entry.parse().map_err(|()| {
            format!("holds `{entry}`, but must hold addresses or networks such as `10.0.0.0/8`")
        })
    };
    entries.map(parsed).collect()
}

/// Directories and the sources of their events: `inbox=/srv/inbox, drop=/srv/drop`.
pub fn directories(text: &str) -> Result<Vec<(SourceName, PathBuf)>, String> {
    let mut directories: Vec<(SourceName, PathBuf)> = Vec::new();
    for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        let parsed = entry.split_once('=').and_then(|(name, path)| {
            let path = PathBuf::from(path.trim());
            Some((name.trim().parse::<SourceName>().ok()?, path)).filter(|(_, path)| path.is_absolute())
        });
        let (name, path) = parsed
            .ok_or_else(|| format!("holds `{entry}`, but each entry must be a source and an absolute path, such as `inbox=/srv/inbox`"))?;
        if directories.iter().any(|(known, _)| *known == name) {
            return Err(format!("names the source `{name}` twice"));
        }
        directories.push((name, path));
    }
    Ok(directories)
}

/// A token. It stays out of the message.
pub fn token(text: &str) -> Result<Secret, String> {
    Secret::new(text).map_err(|_| "must be 1 to 256 printable ASCII characters without spaces".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_has_a_scheme_and_a_host_and_no_end() {
        assert_eq!(base_url("https://hub.example.com/").unwrap(), "https://hub.example.com");
        assert_eq!(base_url("http://[::1]:7500/a").unwrap(), "http://[::1]:7500/a");
        for bad in
            ["", "hub", "https://", "ftp://x", "https://x?y", "https://me@x", "https:///x", "https://a b"]
        {
            assert!(base_url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn directories_are_sources_and_absolute_paths() {
        let two = directories(" inbox=/srv/in box, drop = /srv/drop ,").unwrap();
        let shown: Vec<String> =
            two.iter().map(|(name, path)| format!("{name} {}", path.display())).collect();
        assert_eq!(shown, ["inbox /srv/in box", "drop /srv/drop"]);
        for bad in ["inbox", "=/srv", "a b=/srv", "inbox=relative", "a=/x,a=/y"] {
            assert!(directories(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn networks_are_a_list() {
        let two = networks("127.0.0.1, ::1/128,").unwrap();
        assert_eq!(two.iter().map(ToString::to_string).collect::<Vec<_>>(), ["127.0.0.1", "::1"]);
        assert!(networks("localhost").unwrap_err().contains("localhost"));
    }

    #[test]
    fn keys_that_cannot_be_read_are_named() {
        assert!(push_keys("/nowhere/keys.pem").unwrap_err().contains("/nowhere/keys.pem"));
        assert!(push_keys("-----BEGIN X-----").unwrap_err().contains("block 1"));
    }
}
