//! The short code of a service, from what its records and notifications call it.

/// Names that differ from the code by more than case. Source: the records and notifications of those services.
const OTHER_NAMES: &[(&str, &str)] = &[
    ("adb", "ads"),
    ("cbn", "cen"),
    ("cdrs", "cityvisual"),
    ("cloudmonitor", "cms"),
    ("dbs", "cbs"),
    ("dns", "alidns"),
    ("redis", "kvstore"),
    ("smartaccessgateway", "smartag"),
    ("vpngw", "vpn"),
];

/// The code (`kvstore`) under which a service's events come, for the name that the service gives itself in ActionTrail
/// records (`serviceName`) and CloudMonitor notifications (`product`), such as `Redis`.
///
/// Letters and digits in lower case; empty when the name has none. A service that nobody has heard of gets the code
/// that the rule gives: lower case.
pub fn service_code(name: &str) -> String {
    let code: String =
        name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).take(32).collect();
    let other = OTHER_NAMES.iter().find(|(other, _)| *other == code);
    other.map_or(code, |(_, code)| (*code).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_codes() {
        let table =
            [("Ecs", "ecs"), ("Redis", "kvstore"), ("CloudMonitor", "cms"), ("A-B 9", "ab9"), ("?", "")];
        for (name, code) in table {
            assert_eq!(service_code(name), code, "{name}");
        }
    }
}
