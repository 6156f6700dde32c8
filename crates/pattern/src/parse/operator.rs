//! Reads one operator and its operand.

use memchr::memmem;

use super::Reader;
use crate::condition::{Block, Comparison, Comparisons, Folded, Operator, RANGE, TextTest, Wildcard};
use crate::error::Fault;
use crate::json::{Json, Members};
use crate::path::Step;

const EQUALS_IGNORE_CASE: &str = "equals-ignore-case";
const ANYTHING_BUT: &str = "anything-but";

impl<'a> Reader<'a> {
    /// Reads an operator other than `exists`.
    pub(super) fn test(&mut self, name: &'a str, operand: &'a Json) -> Result<(), Fault> {
        let test = match name {
            "prefix" => self.prefix_or_suffix("prefix", operand)?,
            "suffix" => self.prefix_or_suffix("suffix", operand)?,
            "contains" => contains(text("contains", operand)?),
            "wildcard" => {
                self.extension("`wildcard`")?;
                wildcard(text("wildcard", operand)?)?
            }
            EQUALS_IGNORE_CASE => {
                self.extension("`equals-ignore-case`")?;
                ignoring_case(text(EQUALS_IGNORE_CASE, operand)?)
            }
            ANYTHING_BUT => return self.anything_but(operand),
            "numeric" => return self.numeric(operand),
            "cidr" => return self.cidr(operand),
            _ => return Err(Fault::UnknownOperator { operator: shortened(name) }),
        };
        self.code.text_test(test);
        Ok(())
    }

    fn extension(&self, what: &'static str) -> Result<(), Fault> {
        if self.options.strict { Err(Fault::Extension { what }) } else { Ok(()) }
    }

    fn prefix_or_suffix(&mut self, operator: &'static str, operand: &'a Json) -> Result<TextTest, Fault> {
        let Json::Object(members) = operand else {
            return text(operator, operand).map(|text| end(operator, text));
        };
        self.extension("`equals-ignore-case` inside `prefix` and `suffix`")?;
        let (1, Some((EQUALS_IGNORE_CASE, operand))) = (members.len(), first(members)) else {
            return Err(Fault::Operand {
                operator,
                expected: "a string, or an object with only the key equals-ignore-case",
                found: "another object",
            });
        };
        let folded = self
            .within(Step::Key(EQUALS_IGNORE_CASE), |_| text(EQUALS_IGNORE_CASE, operand).map(Folded::new))?;
        Ok(match operator {
            "prefix" => TextTest::PrefixIgnoringCase(folded),
            _ => TextTest::SuffixIgnoringCase(folded),
        })
    }

    fn anything_but(&mut self, operand: &'a Json) -> Result<(), Fault> {
        if let Json::Object(members) = operand {
            let (1, Some((name, operand))) = (members.len(), first(members)) else {
                return Err(Fault::AnythingButOperators { found: members.len() });
            };
            let tests = self.within(Step::Key(name), |reader| reader.excluded_texts(name, operand))?;
            self.code.not_text(tests);
            return Ok(());
        }
        let not_equal = self.code.start_not_equal();
        match operand {
            Json::Array(elements, _) if elements.is_empty() => {
                return Err(Fault::EmptyList { operator: ANYTHING_BUT });
            }
            Json::Array(elements, _) => {
                for (index, element) in elements.iter().enumerate() {
                    self.within(Step::Index(index), |reader| reader.excluded(element))?;
                }
            }
            scalar => self.excluded(scalar)?,
        }
        self.code.finish(not_equal);
        Ok(())
    }

    fn excluded(&mut self, json: &Json) -> Result<(), Fault> {
        let expected = "a plain value, a list of them or an object";
        self.literal(json).ok_or(Fault::Operand { operator: ANYTHING_BUT, expected, found: json.kind() })
    }

    /// Reads what stands below an operator inside `anything-but`: one string, or a list of them.
    fn excluded_texts(&mut self, name: &'a str, operand: &'a Json) -> Result<Vec<TextTest>, Fault> {
        let operator = match name {
            "prefix" => "prefix",
            "suffix" => "suffix",
            "contains" => "contains",
            "wildcard" => "wildcard",
            EQUALS_IGNORE_CASE => EQUALS_IGNORE_CASE,
            _ => return Err(Fault::AnythingButOperator { operator: shortened(name) }),
        };
        let make = |json: &Json| {
            let text = text(operator, json)?;
            match operator {
                "contains" => Ok(contains(text)),
                "wildcard" => wildcard(text),
                EQUALS_IGNORE_CASE => Ok(ignoring_case(text)),
                _ => Ok(end(operator, text)),
            }
        };
        if !matches!(operator, "prefix" | "suffix") {
            self.extension("this operator inside `anything-but`")?;
        }
        let Json::Array(elements, _) = operand else { return Ok(vec![make(operand)?]) };
        self.extension("a list of strings inside `anything-but`")?;
        if elements.is_empty() {
            return Err(Fault::EmptyList { operator });
        }
        let mut tests = Vec::with_capacity(elements.len());
        for (index, element) in elements.iter().enumerate() {
            tests.push(self.within(Step::Index(index), |_| make(element))?);
        }
        Ok(tests)
    }

    fn numeric(&mut self, operand: &'a Json) -> Result<(), Fault> {
        let Json::Array(elements, _) = operand else {
            return Err(Fault::Operand {
                operator: "numeric",
                expected: "a list of comparison operators and numbers",
                found: operand.kind(),
            });
        };
        let comparisons = match elements.as_slice() {
            [operator, number] => Comparisons(self.comparison(0, operator, number)?, None),
            [first, first_number, second, second_number] => Comparisons(
                self.comparison(0, first, first_number)?,
                Some(self.comparison(2, second, second_number)?),
            ),
            other => return Err(Fault::NumericLength { found: other.len() }),
        };
        self.code.numeric(comparisons);
        Ok(())
    }

    /// Reads the comparison whose operator is the element `index` of the list.
    fn comparison(&mut self, index: usize, operator: &Json, number: &Json) -> Result<Comparison, Fault> {
        let operator = self.within(Step::Index(index), |_| comparison_operator(operator))?;
        let operand = self.within(Step::Index(index + 1), |_| number_in_range(number))?;
        Ok(Comparison { operator, operand })
    }

    fn cidr(&mut self, operand: &Json) -> Result<(), Fault> {
        let block = Block::parse(text("cidr", operand)?).ok_or(Fault::Cidr)?;
        if let Block::V6 { .. } = block {
            self.extension("an IPv6 block in `cidr`")?;
        }
        self.code.block(block);
        Ok(())
    }
}

/// The operand as a string, which must not be empty.
fn text<'j>(operator: &'static str, operand: &'j Json) -> Result<&'j str, Fault> {
    match operand {
        Json::String(text) if text.is_empty() => Err(Fault::EmptyOperand { operator }),
        Json::String(text) => Ok(text),
        other => Err(Fault::Operand { operator, expected: "a string", found: other.kind() }),
    }
}

fn end(operator: &'static str, text: &str) -> TextTest {
    match operator {
        "prefix" => TextTest::Prefix(text.as_bytes().into()),
        _ => TextTest::Suffix(text.as_bytes().into()),
    }
}

fn contains(text: &str) -> TextTest {
    TextTest::Contains(Box::new(memmem::Finder::new(text).into_owned()))
}

fn wildcard(text: &str) -> Result<TextTest, Fault> {
    Wildcard::parse(text).map(|wildcard| TextTest::Wildcard(Box::new(wildcard))).ok_or(Fault::WildcardEscape)
}

fn ignoring_case(text: &str) -> TextTest {
    TextTest::EqualsIgnoringCase(Folded::new(text))
}

fn comparison_operator(json: &Json) -> Result<Operator, Fault> {
    match json {
        Json::String(name) => Operator::named(name).ok_or(Fault::NumericOperator),
        other => Err(Fault::Operand {
            operator: "numeric",
            expected: "a comparison operator",
            found: other.kind(),
        }),
    }
}

fn number_in_range(json: &Json) -> Result<f64, Fault> {
    let Json::Number(literal) = json else {
        return Err(Fault::Operand { operator: "numeric", expected: "a number", found: json.kind() });
    };
    let number: f64 = literal.parse().map_err(|_| Fault::NumericRange)?;
    if number.abs() <= RANGE { Ok(number) } else { Err(Fault::NumericRange) }
}

fn first(members: &Members) -> Option<(&str, &Json)> {
    members.first().map(|(name, operand)| (name.as_str(), operand))
}

/// A name from outside, short enough for a message.
fn shortened(name: &str) -> String {
    name.chars().take(64).collect()
}
