//! Reads the text of a pattern: the grammar and its rules.

mod entry;
mod operator;

use crate::code::{CodeWriter, Written};
use crate::error::{Fault, PatternError};
use crate::json::{self, Json, Members, Problem};
use crate::options::{DEPTH_LIMIT, PatternOptions};
use crate::path::{Step, render};
use crate::paths::{PathId, Paths, PathsBuilder};

/// What the text of a pattern says.
pub(crate) struct Parsed {
    pub(crate) written: Written,
    pub(crate) paths: Paths,
}

/// Reads `text`.
pub(crate) fn parse(text: &str, options: &PatternOptions) -> Result<Parsed, PatternError> {
    let length = text.chars().count();
    if length > options.length_max {
        return Err(PatternError::TooLong { length, limit: options.length_max });
    }
    if text.trim_ascii().is_empty() {
        return Err(PatternError::Empty);
    }
    // Every level of the pattern is at most two of JSON (`$or`), and below the last come an array, an object of
    // operators, and the operand, which may hold a list.
    let depth_max = options.depth_max.min(DEPTH_LIMIT);
    let json = match json::parse(text, 2 * depth_max + 6) {
        Ok(Json::Null) => return Err(PatternError::Empty),
        Ok(json) => json,
        Err(Problem { what, offset }) => {
            return Err(PatternError::Schema {
                path: "$".to_owned(),
                fault: Fault::NotJson { problem: what, offset },
            });
        }
    };
    let mut reader = Reader::new(options, depth_max);
    match reader.pattern(&json) {
        Ok(()) => Ok(Parsed { written: reader.code.written(), paths: reader.paths.finish() }),
        Err(fault) => Err(PatternError::Schema { path: render(reader.at), fault }),
    }
}

/// Where a group of keys stands, which decides what its keys mean.
#[derive(Clone, Copy)]
enum Level {
    /// The keys are attributes of the event.
    Event,
    /// The keys are members of the object at this path, which is `data` or lies below it.
    Data(PathId),
}

struct Reader<'a> {
    options: &'a PatternOptions,
    depth_max: usize,
    /// The place being read. It stays where it is when a fault is returned.
    at: Vec<Step<'a>>,
    paths: PathsBuilder,
    code: CodeWriter,
}

impl<'a> Reader<'a> {
    fn new(options: &'a PatternOptions, depth_max: usize) -> Self {
        Self {
            options,
            depth_max,
            at: Vec::new(),
            paths: PathsBuilder::default(),
            code: CodeWriter::default(),
        }
    }

    /// Does `read` one step further down.
    fn within<T>(
        &mut self,
        step: Step<'a>,
        read: impl FnOnce(&mut Self) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        self.at.push(step);
        let value = read(self)?;
        self.at.pop();
        Ok(value)
    }

    fn pattern(&mut self, json: &'a Json) -> Result<(), Fault> {
        match json {
            Json::Object(members) => self.group(members, Level::Event, self.depth_max),
            other => Err(Fault::NotAnObject { found: other.kind() }),
        }
    }

    /// Reads keys that must all hold. `depth_left` counts the levels that may follow below.
    fn group(&mut self, members: &'a Members, level: Level, depth_left: usize) -> Result<(), Fault> {
        for (key, value) in members {
            self.within(Step::Key(key), |reader| reader.member(level, key, value, depth_left))?;
        }
        Ok(())
    }

    fn member(
        &mut self,
        level: Level,
        key: &'a str,
        value: &'a Json,
        depth_left: usize,
    ) -> Result<(), Fault> {
        let parent = match level {
            Level::Event => None,
            Level::Data(parent) => Some(parent),
        };
        match (level, value) {
            (Level::Event, value) if key == "data" => {
                let Json::Object(members) = value else {
                    return Err(Fault::DataNotAnObject { found: value.kind() });
                };
                self.sub_pattern(None, key, members, depth_left)
            }
            (Level::Data(_), Json::Object(members)) => self.sub_pattern(parent, key, members, depth_left),
            (Level::Event, Json::Object(_)) => Err(Fault::NestedOutsideData),
            (_, Json::Array(elements, _)) if key == "$or" && self.is_choice(elements) => {
                self.choice(elements, level, depth_left)
            }
            (_, Json::Array(elements, span)) => {
                let path = self.paths.id(parent, key);
                let condition = self.code.start_condition(path, span.clone());
                self.entries(elements)?;
                self.code.finish(condition);
                Ok(())
            }
            (_, other) => Err(Fault::FieldNotAnArray { found: other.kind() }),
        }
    }

    /// Reads the object below `key`; its conditions join those around it, for all of them must hold.
    fn sub_pattern(
        &mut self,
        parent: Option<PathId>,
        key: &str,
        members: &'a Members,
        depth_left: usize,
    ) -> Result<(), Fault> {
        if members.is_empty() {
            return Err(Fault::EmptySubPattern);
        }
        let depth_left = self.deeper(depth_left)?;
        let path = self.paths.id(parent, key);
        self.group(members, Level::Data(path), depth_left)
    }

    /// Says whether an array below `$or` is a choice. It is not if the cloud would read it as the field `$or`.
    fn is_choice(&self, elements: &[Json]) -> bool {
        let strict = PatternOptions { strict: true, ..self.options.clone() };
        let objects_only = elements.iter().all(|element| matches!(element, Json::Object(_)));
        let is_field = || Reader::new(&strict, 0).entries(elements).is_ok();
        !self.options.strict && objects_only && !elements.is_empty() && !is_field()
    }

    fn choice(&mut self, elements: &'a [Json], level: Level, depth_left: usize) -> Result<(), Fault> {
        if elements.len() < 2 {
            return Err(Fault::TooFewAlternatives { found: elements.len() });
        }
        let depth_left = self.deeper(depth_left)?;
        let choice = self.code.start_choice(match level {
            Level::Event => None,
            Level::Data(path) => Some(path),
        });
        for (index, element) in elements.iter().enumerate() {
            self.within(Step::Index(index), |reader| match element {
                Json::Object(members) if members.is_empty() => Err(Fault::EmptyAlternative),
                Json::Object(members) => {
                    let alternative = reader.code.start_alternative();
                    reader.group(members, level, depth_left)?;
                    reader.code.finish(alternative);
                    Ok(())
                }
                other => Err(Fault::NotAnObject { found: other.kind() }),
            })?;
        }
        self.code.finish(choice);
        Ok(())
    }

    fn deeper(&self, depth_left: usize) -> Result<usize, Fault> {
        depth_left.checked_sub(1).ok_or(Fault::TooDeep { limit: self.depth_max })
    }
}
