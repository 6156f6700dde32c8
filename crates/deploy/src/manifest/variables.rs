//! Variables in values: `${NAME}`, `${NAME:-default}`, and `$$` for a dollar sign.

/// Looks up variables by name.
pub struct Variables<'a>(pub &'a dyn Fn(&str) -> Option<String>);

impl Variables<'_> {
    /// The text with its variables replaced.
    ///
    /// A `$` that begins none of the three forms stays as it is. What comes out of a variable is not looked at again.
    pub(super) fn expand(&self, text: &str) -> Result<String, String> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            out.push_str(before);
            if let Some(after) = after.strip_prefix('$') {
                out.push('$');
                rest = after;
            } else if let Some(after) = after.strip_prefix('{') {
                let Some((inside, after)) = after.split_once('}') else {
                    return Err(format!("`${{{after}` does not end with `}}`"));
                };
                out.push_str(&self.value(inside)?);
                rest = after;
            } else {
                out.push('$');
                rest = after;
            }
        }
        out.push_str(rest);
        Ok(out)
    }

    fn value(&self, inside: &str) -> Result<String, String> {
        let (name, default) = match inside.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inside, None),
        };
        let is_legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
        if name.is_empty() || !name.chars().all(is_legal) {
            return Err(format!("`${{{inside}}}` does not name a variable"));
        }
        let value = (self.0)(name).filter(|value| !value.is_empty());
        value.or_else(|| default.map(str::to_owned)).ok_or_else(|| {
            format!("the variable `{name}` is not set; `${{{name}:-…}}` would give it a default")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_replaced_once() {
        let lookup = |name: &str| match name {
            "A" => Some("a".to_owned()),
            "NESTED" => Some("${A}".to_owned()),
            "EMPTY" => Some(String::new()),
            "kulkul.objects" => Some("http://127.0.0.1:7501".to_owned()),
            _ => None,
        };
        let variables = Variables(&lookup);
        let table = [
            ("plain", Ok("plain")),
            ("${A}-${A}", Ok("a-a")),
            ("${kulkul.objects}/x", Ok("http://127.0.0.1:7501/x")),
            ("${NESTED}", Ok("${A}")),
            ("${ABSENT:-here}", Ok("here")),
            ("${EMPTY:-here}", Ok("here")),
            ("${ABSENT:-}", Ok("")),
            ("$${A} costs 5$ or $A", Ok("${A} costs 5$ or $A")),
            ("${ABSENT}", Err("the variable `ABSENT` is not set; `${ABSENT:-…}` would give it a default")),
            ("${A", Err("`${A` does not end with `}`")),
            ("${}", Err("`${}` does not name a variable")),
            ("${a b}", Err("`${a b}` does not name a variable")),
        ];
        for (text, expected) in table {
            assert_eq!(variables.expand(text), expected.map(str::to_owned).map_err(str::to_owned), "{text}");
        }
    }
}
