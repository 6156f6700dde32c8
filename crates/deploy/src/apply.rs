//! Makes a manifest true: creates what is missing, changes what differs, and leaves alone what is right already.
//!
//! Each thing is looked up, compared, and then changed or not, one after the other and in the order in which they
//! need each other. A run that was interrupted is finished by the next one.

mod difference;

use std::fmt;

use anyhow::{Context, bail};
use kulkul_client::{Client, text};
use serde_json::{Value, json};

use crate::manifest::{Manifest, ManifestFunction};
use crate::package::{SingleFile, pack_all};
use crate::rules::{self, RuleSettings};
use crate::triggers::{self, TriggerSettings};
use crate::{buckets, buses, functions};

/// Whether anything is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It is.
    Apply,
    /// It is only said what would be.
    DryRun,
}

/// What happens to triggers of the manifest's functions that the manifest does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Others {
    /// They stay, and are named.
    Keep,
    /// They are deleted.
    Delete,
}

/// What was, or would be, done with one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What it is.
    pub kind: Kind,
    /// Its name; that of a trigger is `{function}/{trigger}`, that of a rule `{bus}/{rule}`.
    pub name: String,
    /// What is done.
    pub action: Action,
    /// What differs, in words. No value of an environment variable is among them.
    pub details: Vec<String>,
    /// What the server had to say.
    pub warnings: Vec<String>,
}

/// The kinds of things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Kind {
    Bus,
    Bucket,
    Function,
    Trigger,
    Rule,
}

/// What is done with a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It was not there.
    Create,
    /// It differed.
    Update,
    /// It was right already.
    Keep,
    /// The manifest does not have it.
    Delete,
    /// The manifest does not have it, and it stays all the same.
    Ignore,
}

/// Applies a manifest, and tells of each thing once it is done.
///
/// # Errors
///
/// With the first refusal of the server; what was told of is done and stays.
pub async fn apply(
    client: &Client,
    manifest: &Manifest,
    mode: Mode,
    others: Others,
    tell: &mut dyn FnMut(Change),
) -> anyhow::Result<()> {
    let mut work = Work { client, mode, tell };
    for (name, description) in &manifest.buses {
        work.bus(name, description).await.with_context(|| format!("bus {name}"))?;
    }
    for name in &manifest.buckets {
        work.bucket(name).await.with_context(|| format!("bucket {name}"))?;
    }
    for function in &manifest.functions {
        let name = &function.name;
        let is_new = work.function(function).await.with_context(|| format!("function {name}"))?;
        for (trigger, settings) in &function.triggers {
            let done = work.trigger(name, trigger, settings, is_new).await;
            done.with_context(|| format!("trigger {name}/{trigger}"))?;
        }
        if !is_new {
            work.other_triggers(function, others).await.with_context(|| format!("triggers of {name}"))?;
        }
    }
    for (name, settings) in &manifest.rules {
        work.rule(name, settings).await.with_context(|| format!("rule {}/{name}", settings.bus))?;
    }
    Ok(())
}

struct Work<'a> {
    client: &'a Client,
    mode: Mode,
    tell: &'a mut dyn FnMut(Change),
}

impl Work<'_> {
    async fn bus(&mut self, name: &str, description: &str) -> anyhow::Result<()> {
        let action = match buses::find(self.client, name).await? {
            None => Action::Create,
            Some(found) if text(&found["Description"]) != description => Action::Update,
            Some(_) => Action::Keep,
        };
        if self.acts() {
            match action {
                Action::Create => buses::create(self.client, name, description).await.map(drop)?,
                Action::Update => buses::update(self.client, name, description).await?,
                Action::Keep | Action::Delete | Action::Ignore => {}
            }
        }
        let details = if action == Action::Update { vec!["description".to_owned()] } else { Vec::new() };
        self.told(Kind::Bus, name.to_owned(), action, details, Vec::new());
        Ok(())
    }

    async fn bucket(&mut self, name: &str) -> anyhow::Result<()> {
        let action = if buckets::exists(self.client, name).await? { Action::Keep } else { Action::Create };
        if self.acts() && action == Action::Create {
            buckets::create(self.client, name).await?;
        }
        self.told(Kind::Bucket, name.to_owned(), action, Vec::new(), Vec::new());
        Ok(())
    }

    /// Says whether the function is new.
    async fn function(&mut self, wanted: &ManifestFunction) -> anyhow::Result<bool> {
        let (name, settings) = (&wanted.name, &wanted.settings);
        let runtime = settings.runtime.as_deref().unwrap_or_default();
        let zip = pack_all(&wanted.code, SingleFile::of_runtime(runtime)).context("cannot pack the code")?;
        let Some(found) = functions::find(self.client, name).await? else {
            if self.acts() {
                functions::create(self.client, name, settings, &zip).await?;
            }
            self.told(Kind::Function, name.clone(), Action::Create, Vec::new(), Vec::new());
            return Ok(true);
        };
        let code_differs = text(&found["codeChecksum"]) != kulkul_model::crc64::crc64(&zip).to_string();
        let mut details = difference::of_function(&found, &settings.to_wire());
        if code_differs {
            details.insert(0, "code".to_owned());
        }
        let action = if details.is_empty() { Action::Keep } else { Action::Update };
        if self.acts() && action == Action::Update {
            functions::update(self.client, name, settings, code_differs.then_some(&zip[..])).await?;
        }
        self.told(Kind::Function, name.clone(), action, details, Vec::new());
        Ok(false)
    }

    async fn trigger(
        &mut self,
        function: &str,
        name: &str,
        wanted: &TriggerSettings,
        function_is_new: bool,
    ) -> anyhow::Result<()> {
        let found = match function_is_new {
            true => None,
            false => triggers::find(self.client, function, name).await?,
        };
        let mut warnings = Vec::new();
        let (action, details) = match &found {
            None => (Action::Create, Vec::new()),
            Some(found) => {
                let kind = text(&found["triggerType"]);
                if kind != "eventbridge" {
                    bail!(
                        "there is a trigger of this name and of the type {kind}; delete it, or choose another name"
                    );
                }
                let details = self.trigger_difference(function, name, found, wanted).await?;
                (if details.is_empty() { Action::Keep } else { Action::Update }, details)
            }
        };
        if self.acts() {
            match (action, &found) {
                (Action::Update, Some(found)) if triggers::bus_of(found) == wanted.bus => {
                    (_, warnings) = triggers::update(self.client, function, name, wanted).await?;
                }
                (Action::Create | Action::Update, _) => {
                    // A trigger cannot move to another bus. The old one goes only when there is a bus for the new one.
                    if found.is_some() {
                        if buses::find(self.client, &wanted.bus).await?.is_none() {
                            bail!("there is no bus `{}` that it could move to", wanted.bus);
                        }
                        triggers::delete(self.client, function, name).await?;
                    }
                    (_, warnings) = triggers::create(self.client, function, name, wanted).await?;
                }
                (Action::Keep | Action::Delete | Action::Ignore, _) => {}
            }
        }
        self.told(Kind::Trigger, format!("{function}/{name}"), action, details, warnings);
        Ok(())
    }

    async fn trigger_difference(
        &self,
        function: &str,
        name: &str,
        found: &Value,
        wanted: &TriggerSettings,
    ) -> anyhow::Result<Vec<String>> {
        let bus = triggers::bus_of(found);
        if bus != wanted.bus {
            return Ok(vec![format!("bus {bus} → {}", wanted.bus)]);
        }
        let mut details = difference::of_trigger(found, wanted);
        if details.is_empty() && !wanted.is_on_default_bus() {
            let rule = rules::find(self.client, bus, &triggers::rule_name(function, name)).await?;
            let function_arn = text(&functions::get(self.client, function).await?["functionArn"]);
            let wanted = wanted.rule(&function_arn, function)?;
            match rule {
                Some(rule) => details = difference::of_rule(&rule, &wanted),
                None => bail!("its rule on the bus {bus} is gone; delete the trigger, and deploy again"),
            }
        }
        Ok(details)
    }

    async fn other_triggers(&mut self, function: &ManifestFunction, others: Others) -> anyhow::Result<()> {
        for found in triggers::list(self.client, &function.name).await? {
            let name = text(&found["triggerName"]);
            if function.triggers.iter().any(|(known, _)| *known == name) {
                continue;
            }
            let action = match others {
                Others::Keep => Action::Ignore,
                Others::Delete => Action::Delete,
            };
            if self.acts() && action == Action::Delete {
                triggers::delete(self.client, &function.name, &name).await?;
            }
            let name = format!("{}/{name}", function.name);
            self.told(Kind::Trigger, name, action, Vec::new(), Vec::new());
        }
        Ok(())
    }

    async fn rule(&mut self, name: &str, wanted: &RuleSettings) -> anyhow::Result<()> {
        // In a dry run the bus may be one that would have been created.
        let found = match rules::find(self.client, &wanted.bus, name).await {
            Err(error)
                if !self.acts() && kulkul_client::ApiError::code_of(&error) == Some("EventBusNotExist") =>
            {
                None
            }
            found => found?,
        };
        let (action, details) = match &found {
            None => (Action::Create, Vec::new()),
            Some(found) => {
                let details = difference::of_rule(found, wanted);
                (if details.is_empty() { Action::Keep } else { Action::Update }, details)
            }
        };
        if self.acts() {
            match action {
                Action::Create => rules::create(self.client, name, wanted).await.map(drop)?,
                Action::Update => rules::update(self.client, name, wanted).await?,
                Action::Keep | Action::Delete | Action::Ignore => {}
            }
        }
        self.told(Kind::Rule, format!("{}/{name}", wanted.bus), action, details, Vec::new());
        Ok(())
    }

    fn acts(&self) -> bool {
        self.mode == Mode::Apply
    }

    fn told(
        &mut self,
        kind: Kind,
        name: String,
        action: Action,
        details: Vec<String>,
        warnings: Vec<String>,
    ) {
        (self.tell)(Change { kind, name, action, details, warnings });
    }
}

impl Change {
    /// The change for machines.
    pub fn to_json(&self) -> Value {
        json!({
            "kind": self.kind.to_string(),
            "name": self.name,
            "action": self.action.as_str(),
            "details": self.details,
            "warnings": self.warnings,
        })
    }
}

impl Action {
    /// A word for machines.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Keep => "keep",
            Self::Delete => "delete",
            Self::Ignore => "ignore",
        }
    }

    /// A word for people.
    pub fn past(self) -> &'static str {
        match self {
            Self::Create => "created",
            Self::Update => "updated",
            Self::Keep => "unchanged",
            Self::Delete => "deleted",
            Self::Ignore => "not in the file",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Bus => "bus",
            Self::Bucket => "bucket",
            Self::Function => "function",
            Self::Trigger => "trigger",
            Self::Rule => "rule",
        })
    }
}
