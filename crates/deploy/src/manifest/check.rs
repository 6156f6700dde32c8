//! From what is written to what is meant, with every problem on the way.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use kulkul_model::{
    BusName, FunctionName, InvalidName, OFFERED_RUNTIMES, RuleName, Runtime, TargetId, TriggerName,
};
use serde_json::{Value, json};

use super::file::{self, Events, File, Invocation, Retry, Target, Texts};
use super::read::Lined;
use super::{Manifest, ManifestFunction, Problem, Variables};
use crate::functions::{FunctionSettings, TIMEOUT_DEFAULT, handler_default};
use crate::rules::RuleSettings;
use crate::selection::{Selection, check_pattern};
use crate::triggers::{self, TriggerSettings};

/// What a function has when its entry does not say; that of the server.
const MEMORY_MIB_DEFAULT: u64 = 512;

/// Checks a whole file. `problems` is what was found wrong before.
pub(super) fn check(
    file: File,
    problems: Vec<Problem>,
    directory: &Path,
    variables: &Variables<'_>,
) -> Result<Manifest, Vec<Problem>> {
    let mut checker = Checker { directory, variables, problems };
    let manifest = checker.manifest(file);
    let mut problems = checker.problems;
    if problems.is_empty() {
        return Ok(manifest);
    }
    problems.sort_by_key(|problem| problem.line);
    Err(problems)
}

struct Checker<'a> {
    directory: &'a Path,
    variables: &'a Variables<'a>,
    problems: Vec<Problem>,
}

impl Checker<'_> {
    fn manifest(&mut self, file: File) -> Manifest {
        let buses = file.buses.into_iter().map(|(name, bus)| {
            self.name::<BusName>(&name, &bus);
            (name, bus.value.description)
        });
        let buses = buses.collect();
        let mut buckets: Vec<String> = Vec::new();
        for bucket in file.buckets {
            if buckets.contains(&bucket.value) {
                self.problem(&bucket, format!("the bucket `{}` is listed twice", bucket.value));
            }
            buckets.push(bucket.value);
        }
        let functions =
            file.functions.into_iter().map(|(name, function)| self.function(name, function)).collect();
        let rules = file.rules.into_iter().map(|(name, rule)| self.rule(name, rule)).collect();
        Manifest { buses, buckets, functions, rules }
    }

    fn function(&mut self, name: String, entry: Lined<file::Function>) -> ManifestFunction {
        self.name::<FunctionName>(&name, &entry);
        let function = entry.value;
        let code = function.code.as_ref().map(|code| self.code(code)).unwrap_or_default();
        let mut environment = BTreeMap::new();
        for (name, value) in &function.environment {
            environment.insert(name.clone(), self.expanded(value));
        }
        let role = function.role.as_ref().map(|role| self.expanded(role));
        let settings = FunctionSettings {
            runtime: function.runtime.map(|runtime| self.runtime(runtime)),
            handler: Some(
                function
                    .handler
                    .unwrap_or_else(|| code.first().map_or_else(String::new, |code| handler_default(code))),
            ),
            description: Some(function.description),
            memory_mib: Some(function.memory.map_or(MEMORY_MIB_DEFAULT, |memory| memory.0)),
            timeout: Some(function.timeout.map_or(TIMEOUT_DEFAULT, |timeout| timeout.0)),
            environment: Some(environment),
            role: Some(role.unwrap_or_default()),
            instance_concurrency: Some(function.instance_concurrency.unwrap_or(1)),
        };
        let triggers = function.triggers.into_iter();
        let triggers = triggers.map(|(trigger, entry)| self.trigger(trigger, entry)).collect();
        ManifestFunction { name, code, settings, triggers }
    }

    fn runtime(&mut self, entry: Lined<String>) -> String {
        if !entry.value.parse::<Runtime>().is_ok_and(Runtime::is_offered) {
            let text = format!("`{}` is no runtime here; there are {OFFERED_RUNTIMES}", entry.value);
            self.problem(&entry, text);
        }
        entry.value
    }

    fn code(&mut self, entry: &Lined<Texts>) -> Vec<PathBuf> {
        let mut code = Vec::new();
        let Texts(texts) = &entry.value;
        for text in texts {
            match self.variables.expand(text) {
                Ok(path) => code.push(self.directory.join(path)),
                Err(problem) => self.problem(entry, problem),
            }
        }
        for path in code.iter().filter(|path| !path.exists()) {
            self.problem(entry, format!("the code {} does not exist", path.display()));
        }
        if texts.is_empty() {
            self.problem(entry, "a function needs code".to_owned());
        }
        code
    }

    fn trigger(&mut self, name: String, entry: Lined<file::Trigger>) -> (String, TriggerSettings) {
        self.name::<TriggerName>(&name, &entry);
        let trigger = &entry.value;
        let settings = TriggerSettings {
            bus: self.bus(trigger.bus.clone(), &entry),
            pattern: self.events(trigger.events.as_ref()),
            enabled: trigger.enabled,
            invocation: match trigger.invocation {
                Invocation::Sync => triggers::Invocation::Sync,
                Invocation::Async => triggers::Invocation::Async,
            },
            retry: retry(trigger.retry),
            concurrency: trigger.concurrency,
            age_max: trigger.max_age.map(|age| age.0),
            dead_letter_arn: trigger.dead_letter.as_ref().map(|arn| self.expanded(arn)),
            description: trigger.description.clone(),
        };
        if settings.age_max.is_some() && !settings.is_on_default_bus() {
            self.problem(&entry, "`max_age` is for triggers on the bus `default` only".to_owned());
        }
        (name, settings)
    }

    fn rule(&mut self, name: String, entry: Lined<file::Rule>) -> (String, RuleSettings) {
        self.name::<RuleName>(&name, &entry);
        let rule = &entry.value;
        let targets = rule.targets.as_deref().unwrap_or_default();
        let settings = RuleSettings {
            bus: self.bus(rule.bus.clone(), &entry),
            pattern: self.events(rule.events.as_ref()),
            enabled: rule.enabled,
            description: rule.description.clone(),
            targets: targets.iter().map(|target| self.target(target)).collect(),
        };
        let ids: Vec<Option<&String>> = targets.iter().map(|target| target.value.id.as_ref()).collect();
        for (index, (target, id)) in targets.iter().zip(&ids).enumerate() {
            if let Some(text) = id.filter(|_| ids[..index].contains(id)) {
                self.problem(target, format!("the target id `{text}` is there twice"));
            }
        }
        (name, settings)
    }

    fn target(&mut self, entry: &Lined<Target>) -> Value {
        let target = &entry.value;
        if let Some(id) = &target.id {
            self.name::<TargetId>(id, entry);
        }
        let params = target.params.iter().map(|param| {
            let form = param.form.as_ref().map(|form| form.to_uppercase());
            let mut wire = json!({"ResourceKey": param.key, "Form": form});
            let optional = [("Value", &param.value), ("Template", &param.template)];
            for (name, text) in optional.into_iter().filter_map(|(name, text)| Some((name, text.as_ref()?))) {
                wire[name] = text.as_str().into();
            }
            wire
        });
        let mut wire = json!({
            "Id": target.id,
            "Type": target.kind,
            "Endpoint": target.endpoint.as_ref().map(|endpoint| self.expanded(endpoint)),
            "ParamList": params.collect::<Vec<_>>(),
            "PushRetryStrategy": retry(target.retry).as_str(),
        });
        if let Some(concurrency) = target.concurrency {
            wire["ConcurrentConfig"] = json!({ "Concurrency": concurrency });
        }
        if let Some(arn) = &target.dead_letter {
            wire["DeadLetterQueue"] = json!({ "Arn": self.expanded(arn) });
        }
        wire
    }

    /// The pattern as JSON text; empty when it is missing or wrong.
    fn events(&mut self, entry: Option<&Lined<Events>>) -> String {
        let Some(entry) = entry else { return String::new() };
        let events = &entry.value;
        let selection = Selection {
            sources: events.source.0.clone(),
            types: events.kind.0.clone(),
            buckets: events.bucket.0.clone(),
            key_prefixes: events.key_prefix.0.clone(),
            key_suffixes: events.key_suffix.0.clone(),
            key_prefixes_not: events.key_not_prefix.0.clone(),
            matches: events
                .matches
                .iter()
                .flat_map(|(path, scalars)| scalars.0.iter().map(|scalar| (path.clone(), scalar.clone())))
                .collect(),
        };
        let pattern = match &events.pattern {
            None => selection.pattern().map(|pattern| pattern.to_string()).map_err(|error| error.to_string()),
            Some(_) if !selection.is_empty() => {
                Err("`pattern` says it all: nothing else goes beside it".to_owned())
            }
            Some(pattern) => {
                // A text is a pattern in JSON, with its numbers as they are written there.
                let text = pattern.as_str().map_or_else(|| pattern.to_string(), str::to_owned);
                match check_pattern(&text) {
                    Ok(()) => Ok(text),
                    Err(error) => Err(format!("the pattern is not valid: {error}")),
                }
            }
        };
        pattern.unwrap_or_else(|problem| {
            self.problem(entry, problem);
            String::new()
        })
    }

    fn bus<T>(&mut self, name: Option<String>, entry: &Lined<T>) -> String {
        let name = name.unwrap_or_else(|| triggers::DEFAULT_BUS.to_owned());
        self.name::<BusName>(&name, entry);
        name
    }

    fn name<N: FromStr<Err = InvalidName>>(&mut self, name: &str, entry: &Lined<impl Sized>) {
        if let Err(error) = name.parse::<N>() {
            self.problem(entry, format!("`{name}` is {error}"));
        }
    }

    fn expanded(&mut self, text: &Lined<String>) -> String {
        self.variables.expand(&text.value).unwrap_or_else(|problem| {
            self.problem(text, problem);
            String::new()
        })
    }

    fn problem<T>(&mut self, entry: &Lined<T>, text: String) {
        self.problems.push(entry.place.problem(text));
    }
}

fn retry(retry: Retry) -> triggers::Retry {
    match retry {
        Retry::Backoff => triggers::Retry::Backoff,
        Retry::ExponentialDecay => triggers::Retry::ExponentialDecay,
    }
}
