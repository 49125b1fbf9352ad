//! Which checks a mutant kills, and which checks there are.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::client::CLEAN_EXIT;
use crate::config::CasePattern;
use crate::report::Role;
use crate::runner::WIRE_VALID;
use crate::scenario::{Catalogue, ConnectTo, Descriptors, Step};

/// Some checks. Each key that is there narrows them down.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Kills {
    /// Of cases with these ids; `*` stands for any text.
    #[serde(default)]
    pub case: Option<String>,
    /// With these names; `*` stands for any text.
    #[serde(default)]
    pub check: Option<String>,
    /// Of steps of this word.
    #[serde(default)]
    pub step: Option<String>,
    /// Of steps about this: the type of an `expect`, the name of an `event`, `ok` or `errored` of a
    /// `driver`, the key of `descriptors`, `answer` or `entry` of `connect_to`.
    #[serde(default)]
    pub of: Option<String>,
}

/// One check of one case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// The id of the case: the first permutation of its matrix.
    pub case: String,
    /// The name of the check.
    pub check: String,
    /// The word of its step; `None`: it is one of the whole case.
    pub step: Option<&'static str>,
    /// What the step is about.
    pub of: String,
    /// Whether the case waits longer than usual somewhere, so that its limits must not be shortened.
    pub is_slow: bool,
}

/// Every check of the cases for clients, with those of the whole case last.
#[must_use]
pub fn checks(catalogue: &Catalogue) -> Vec<Target> {
    let mut targets = Vec::new();
    for scenario in catalogue.scenarios().iter().filter(|scenario| scenario.role == Role::Client) {
        let instances = scenario.clone().instances();
        let Some(case) = instances.first().map(|instance| instance.id.clone()) else { continue };
        let mut named = Vec::new();
        let mut is_slow = false;
        for step in &scenario.steps {
            step.value.visit(&mut |step| {
                is_slow |= matches!(step, Step::Event(event) if event.after_ms.is_some());
                let check = step.checked().and_then(|checked| checked.check.clone());
                named.extend(check.map(|check| (check, Some(step.word()), about(step))));
            });
        }
        named.extend([WIRE_VALID, CLEAN_EXIT].map(|check| (check.to_owned(), None, String::new())));
        let target = |(check, step, of)| Target { case: case.clone(), check, step, of, is_slow };
        targets.extend(named.into_iter().map(target));
    }
    targets
}

fn about(step: &Step) -> String {
    if let Step::Expect(expect) = step {
        return expect.message.text("type").unwrap_or_default().to_owned();
    }
    if let Step::Event(event) = step {
        return event.event.clone();
    }
    if let Step::Driver(driver) = step {
        let throws = driver.reply.as_ref().is_some_and(|reply| reply.names_key("errored"));
        return if throws { "errored" } else { "ok" }.to_owned();
    }
    if let Step::Descriptors(descriptors) = step {
        return key(descriptors).to_owned();
    }
    let answers = matches!(step, Step::ConnectTo(ConnectTo { expect: Some(_), .. }) | Step::Answered(_));
    let enters = matches!(step, Step::ConnectTo(ConnectTo { expect: None, .. }));
    match (answers, enters) {
        (true, _) => "answer".to_owned(),
        (false, true) => "entry".to_owned(),
        (false, false) => String::new(),
    }
}

fn key(step: &Descriptors) -> &'static str {
    match step {
        Descriptors { at_least: Some(_), .. } => "at_least",
        Descriptors { count: Some(_), .. } => "count",
        Descriptors { close_on_exec: true, .. } | Descriptors { sockets: Some(_), .. } => "close_on_exec",
        Descriptors { non_blocking: true, .. } => "non_blocking",
        Descriptors { .. } => "equal",
    }
}

impl Kills {
    /// Whether a check is among them.
    #[must_use]
    pub fn includes(&self, target: &Target) -> bool {
        let fits = |pattern: &Option<String>, text: &str| {
            pattern.as_ref().is_none_or(|pattern| CasePattern::new(pattern.as_str()).matches(text))
        };
        let case =
            self.case.as_ref().is_none_or(|case| CasePattern::new(case.as_str()).matches_case(&target.case));
        // A check of a whole case is meant only by its name.
        let whole = target.step.is_some() || self.check.is_some();
        case && whole
            && fits(&self.check, &target.check)
            && fits(&self.step, target.step.unwrap_or_default())
            && fits(&self.of, &target.of)
    }
}
