//! JSON paths as people read them: `$.data.state[1].prefix`.

use std::fmt::Write as _;

/// One step of a JSON path.
#[derive(Clone, Copy)]
pub(crate) enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

/// Writes `steps` as a JSON path from the root `$`.
pub(crate) fn render<'a>(steps: impl IntoIterator<Item = Step<'a>>) -> String {
    let mut path = String::from("$");
    for step in steps {
        match step {
            Step::Key(key) => push_key(&mut path, key),
            Step::Index(index) => write!(path, "[{index}]").expect("writing to memory does not fail"),
        }
    }
    path
}

/// Plain names follow a dot; all others stand in brackets and quotes, with `'` and `\` escaped.
fn push_key(path: &mut String, key: &str) {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '$');
    if !key.is_empty() && key.chars().all(plain) {
        path.push('.');
        path.push_str(key);
        return;
    }
    path.push_str("['");
    for c in key.chars() {
        if matches!(c, '\'' | '\\') {
            path.push('\\');
        }
        path.push(c);
    }
    path.push_str("']");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_are_not_plain_names_stand_in_brackets() {
        use Step::{Index, Key};
        let table: [(&[Step<'_>], &str); 5] = [
            (&[], "$"),
            (&[Key("data"), Key("source-ip"), Index(1)], "$.data.source-ip[1]"),
            (&[Key("data"), Key("a.b")], "$.data['a.b']"),
            (&[Key("it's \\")], r"$['it\'s \\']"),
            (&[Key("")], "$['']"),
        ];
        for (steps, path) in table {
            assert_eq!(render(steps.iter().copied()), path);
        }
    }
}
