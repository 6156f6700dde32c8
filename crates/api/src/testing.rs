//! What the tests of this crate share.

use http::{HeaderMap, HeaderName};
use kulkul_access::AccessKey;

/// Headers from lines of `name:value`.
pub(crate) fn headers(lines: &str) -> HeaderMap {
    let header = |line: &str| {
        let (name, value) = line.trim().split_once(':').unwrap();
        (name.parse::<HeaderName>().unwrap(), value.parse().unwrap())
    };
    lines.lines().map(header).collect()
}

/// A key that is in no store.
pub(crate) fn key(id: &str, secret: &str) -> AccessKey {
    use kulkul_access::{NewKey, Role};
    NewKey::given(id, secret, Role::Admin).unwrap().into()
}
