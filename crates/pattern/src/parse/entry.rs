//! Reads the array of a field.

use super::Reader;
use crate::condition::{Entry, Literal, Operators, Scalar};
use crate::error::Fault;
use crate::json::{Json, Members};
use crate::path::Step;

impl<'a> Reader<'a> {
    /// Reads the entries of a field, one of which must hold.
    pub(super) fn entries(&mut self, elements: &'a [Json]) -> Result<Vec<Entry>, Fault> {
        if elements.is_empty() {
            return Err(Fault::NoConditions);
        }
        let mut entries = Vec::with_capacity(elements.len());
        for (index, element) in elements.iter().enumerate() {
            entries.push(self.within(Step::Index(index), |reader| reader.entry(element))?);
        }
        let found = entries.iter().filter(|entry| matches!(entry, Entry::Operators(_))).count();
        let limit = self.options.operators_max;
        if found > limit {
            return Err(Fault::TooManyOperators { found, limit });
        }
        Ok(entries)
    }

    fn entry(&mut self, element: &'a Json) -> Result<Entry, Fault> {
        match element {
            Json::Array(..) => Err(Fault::NestedArray),
            Json::Object(members) => self.operators(members).map(Entry::Operators),
            scalar => self.literal(scalar).map(Entry::Equals).ok_or(Fault::NestedArray),
        }
    }

    /// Makes a plain value ready for comparison; arrays and objects are none.
    pub(super) fn literal(&self, json: &Json) -> Option<Literal> {
        let scalar = match json {
            Json::Null => Scalar::Null,
            Json::Bool(value) => Scalar::Bool(*value),
            Json::Number(literal) => Scalar::Number(literal.as_bytes()),
            Json::String(text) => Scalar::String(text.as_bytes()),
            Json::Array(..) | Json::Object(_) => return None,
        };
        Some(Literal::new(scalar, self.options.equality))
    }

    fn operators(&mut self, members: &'a Members) -> Result<Operators, Fault> {
        if members.is_empty() {
            return Err(Fault::NoOperator);
        }
        let mut exists = None;
        let mut tests = Vec::with_capacity(members.len());
        for (name, operand) in members {
            self.within(Step::Key(name), |reader| {
                match (name.as_str(), operand) {
                    ("exists", Json::Bool(value)) => exists = Some(*value),
                    ("exists", other) => {
                        return Err(Fault::Operand {
                            operator: "exists",
                            expected: "true or false",
                            found: other.kind(),
                        });
                    }
                    _ => tests.push(reader.test(name, operand)?),
                }
                Ok(())
            })?;
        }
        Ok(Operators { exists, tests: tests.into() })
    }
}
