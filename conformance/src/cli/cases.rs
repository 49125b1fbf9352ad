//! Which cases are run, how often, and which of them are known to fail.

use std::collections::BTreeMap;
use std::error::Error;
use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::Args;
use serverswap_conformance::config::{Config, ConfigError, Known, Lists, read_list};
use serverswap_conformance::report::{Report, Role, Scope, repeated};
use serverswap_conformance::scenario::{Catalogue, Selection};
use serverswap_conformance::suite::{SUITE, SuiteVersion};

use super::select::Select;

/// The check of what has no name in a scenario.
const UNNAMED_CHECK: &str = "steps";

/// Which cases are run.
#[derive(Debug, Args)]
pub(super) struct Cases {
    /// Cases up to this level [default: the level that is claimed].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=3))]
    level: Option<u8>,
    #[command(flatten)]
    select: Select,
    /// Run everything this often; a case that fails once has failed.
    #[arg(long, value_name = "N", default_value = "1")]
    repeat: NonZeroU32,
    /// A list of cases that are known to fail, one per line, each with its reason after a `#`.
    #[arg(long, value_name = "FILE")]
    known_failing: Option<PathBuf>,
    /// Judge as this older version of the suite: a case that came later may fail [default: `suite` of
    /// conformance.toml, or this version].
    #[arg(long, value_name = "VERSION")]
    suite: Option<SuiteVersion>,
    /// Run this scenario instead of the built-in ones.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["only", "skip"])]
    scenario: Option<PathBuf>,
}

/// Cases that were chosen.
pub(super) struct Chosen {
    pub(super) selection: Selection,
    pub(super) lists: Lists,
    pub(super) scope: Scope,
    /// The suite that is pinned, if it is an older one.
    pub(super) pinned: Option<SuiteVersion>,
}

impl Cases {
    /// Whether the vectors of level 0 are among the cases.
    pub(super) fn with_vectors(&self) -> bool {
        self.scenario.is_none()
    }

    pub(super) fn catalogue(&self) -> Result<Catalogue, Box<dyn Error>> {
        Ok(match &self.scenario {
            Some(file) => Catalogue::file(file)?,
            None => Catalogue::embedded()?,
        })
    }

    /// Chooses among the cases that there are.
    pub(super) fn choose(
        &self,
        catalogue: &Catalogue,
        config: &Config,
        known: &[Known],
    ) -> Result<Chosen, Box<dyn Error>> {
        let pinned = self.suite.or(config.suite).map(SuiteVersion::pinned).transpose()?;
        let pinned = pinned.filter(|pinned| *pinned != SUITE);
        let recommended = catalogue.scenarios().iter().filter(|scenario| scenario.should);
        let lists = Lists {
            newer: newer(catalogue, pinned),
            recommended: recommended.map(|scenario| scenario.id.clone()).collect(),
            ..self.lists(config, known)?
        };
        let ids: Vec<&str> = known.iter().map(|known| known.id.as_str()).collect();
        self.select.check(&ids)?;
        let level = self.level.or(config.level);
        if self.scenario.is_none() && self.select.is_everything() {
            let selection = Selection { level, only: Vec::new() };
            return Ok(Chosen { selection, lists, scope: Scope::Whole, pinned });
        }
        let only = ids.into_iter().filter(|id| self.select.includes(id)).map(str::to_owned).collect();
        Ok(Chosen { selection: Selection { level, only }, lists, scope: Scope::Part, pinned })
    }

    fn lists(&self, config: &Config, known: &[Known]) -> Result<Lists, ConfigError> {
        let mut lists = if self.scenario.is_some() { Lists::default() } else { config.lists.clone() };
        if let Some(file) = &self.known_failing {
            lists.failing.extend(read_list(file)?);
        }
        lists.check(known)?;
        Ok(lists)
    }

    /// Runs everything as often as was asked for; a run is told its number, from 0.
    pub(super) fn repeat<E>(
        &self,
        pinned: Option<SuiteVersion>,
        run: impl FnMut(u32) -> Result<Report, E>,
    ) -> Result<Report, E> {
        let runs = (0..self.repeat.get()).map(run).collect::<Result<Vec<Report>, E>>()?;
        let mut report = repeated(runs).expect("a run is repeated at least once");
        report.suite.pinned = pinned.map(|pinned| pinned.to_string());
        Ok(report)
    }
}

/// The scenarios that a pinned suite does not have.
fn newer(catalogue: &Catalogue, pinned: Option<SuiteVersion>) -> BTreeMap<String, SuiteVersion> {
    let Some(pinned) = pinned else { return BTreeMap::new() };
    let newer = catalogue.scenarios().iter().filter(|scenario| scenario.since > pinned);
    newer.map(|scenario| (scenario.id.clone(), scenario.since)).collect()
}

/// The cases of a role with the names of their checks, which a list may name.
pub(super) fn known(catalogue: &Catalogue, role: Role, of_every_case: &[&str]) -> Vec<Known> {
    let all = Selection { level: None, only: Vec::new() };
    let instances = catalogue.select(role, &all).into_iter();
    let cases = instances.map(|instance| {
        let own = instance.scenario.checks().into_iter().map(|(name, _)| name);
        (instance.id, own.collect::<Vec<_>>())
    });
    with_checks_of_every_case(cases, of_every_case)
}

/// Adds the checks that nobody has to name.
pub(super) fn with_checks_of_every_case(
    cases: impl IntoIterator<Item = (String, Vec<String>)>,
    of_every_case: &[&str],
) -> Vec<Known> {
    let added: Vec<String> =
        of_every_case.iter().copied().chain([UNNAMED_CHECK]).map(str::to_owned).collect();
    let known = |(id, checks): (String, Vec<String>)| Known { id, checks: [checks, added.clone()].concat() };
    cases.into_iter().map(known).collect()
}
