//! Reads the array of a field.

use super::Reader;
use crate::condition::Scalar;
use crate::error::Fault;
use crate::json::{Json, Members};
use crate::path::Step;

impl<'a> Reader<'a> {
    /// Reads the entries of a field, one of which must hold.
    pub(super) fn entries(&mut self, elements: &'a [Json]) -> Result<(), Fault> {
        if elements.is_empty() {
            return Err(Fault::NoConditions);
        }
        for (index, element) in elements.iter().enumerate() {
            self.within(Step::Index(index), |reader| reader.entry(element))?;
        }
        let found = elements.iter().filter(|element| matches!(element, Json::Object(_))).count();
        let limit = self.options.operators_max;
        if found > limit { Err(Fault::TooManyOperators { found, limit }) } else { Ok(()) }
    }

    fn entry(&mut self, element: &'a Json) -> Result<(), Fault> {
        match element {
            Json::Object(members) => self.operators(members),
            other => self.literal(other).ok_or(Fault::NestedArray),
        }
    }

    /// Reads a plain value; arrays and objects are none.
    pub(super) fn literal(&mut self, json: &Json) -> Option<()> {
        let scalar = match json {
            Json::Null => Scalar::Null,
            Json::Bool(value) => Scalar::Bool(*value),
            Json::Number(literal) => Scalar::Number(literal.as_bytes()),
            Json::String(text) => Scalar::String(text.as_bytes()),
            Json::Array(..) | Json::Object(_) => return None,
        };
        self.code.literal(scalar, self.options.equality);
        Some(())
    }

    fn operators(&mut self, members: &'a Members) -> Result<(), Fault> {
        if members.is_empty() {
            return Err(Fault::NoOperator);
        }
        if let (1, Some(operand)) = (members.len(), members.get("exists")) {
            let expected = self.within(Step::Key("exists"), |_| exists(operand))?;
            self.code.exists(expected);
            return Ok(());
        }
        let operators = self.code.start_operators();
        for (name, operand) in members {
            self.within(Step::Key(name), |reader| match name.as_str() {
                "exists" => {
                    // The other operators ask for a value, so the field has to be there anyway.
                    if !exists(operand)? {
                        reader.code.never();
                    }
                    Ok(())
                }
                name => reader.test(name, operand),
            })?;
        }
        self.code.finish(operators);
        Ok(())
    }
}

fn exists(operand: &Json) -> Result<bool, Fault> {
    match operand {
        Json::Bool(expected) => Ok(*expected),
        other => Err(Fault::Operand { operator: "exists", expected: "true or false", found: other.kind() }),
    }
}
