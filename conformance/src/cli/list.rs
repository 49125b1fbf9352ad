//! `list`: the catalogue.

use clap::Args;
use serde_json::json;
use serverswap_conformance::report::{Level, Role};
use serverswap_conformance::scenario::{Catalogue, Scenario};

use super::select::Select;
use serverswap_conformance::exit::{Ended, Found};

/// Which cases are listed.
#[derive(Debug, Args)]
pub(super) struct List {
    /// Up to this level.
    #[arg(long, value_name = "N", default_value_t = Level::HIGHEST.0, value_parser = clap::value_parser!(u8).range(0..=3))]
    level: u8,
    #[command(flatten)]
    select: Select,
    /// Print one JSON object per line, with the checks of a case and the requirements that it proves.
    #[arg(long)]
    json: bool,
}

pub(super) fn list(list: List) -> Ended {
    let catalogue = Catalogue::embedded()?;
    let ids: Vec<&str> = catalogue.scenarios().iter().map(|scenario| scenario.id.as_str()).collect();
    list.select.check(&ids)?;
    let meant = |scenario: &&Scenario| scenario.level <= list.level && list.select.includes(&scenario.id);
    let scenarios: Vec<&Scenario> = catalogue.scenarios().iter().filter(meant).collect();
    if list.json {
        scenarios.iter().for_each(|scenario| println!("{}", object(scenario)));
    } else {
        print(&scenarios);
    }
    Ok(Found::Good)
}

fn print(scenarios: &[&Scenario]) {
    let width = scenarios.iter().map(|scenario| scenario.id.len()).max().unwrap_or(0);
    for scenario in scenarios {
        let permutations = match permutations(scenario) {
            1 => String::new(),
            several => format!(" ({several} permutations)"),
        };
        anstream::println!("{}  {:<width$}  {}{permutations}", scenario.level, scenario.id, scenario.title);
    }
    let cases: usize = scenarios.iter().map(|scenario| permutations(scenario)).sum();
    anstream::eprintln!("{} scenarios, {cases} cases", scenarios.len());
}

fn permutations(scenario: &Scenario) -> usize {
    scenario.clone().instances().len()
}

fn object(scenario: &Scenario) -> serde_json::Value {
    let role = match scenario.role {
        Role::Client => "client",
        Role::Supervisor => "supervisor",
    };
    let checks: Vec<_> =
        scenario.checks().into_iter().map(|(name, spec)| json!({"name": name, "spec": spec})).collect();
    json!({
        "id": scenario.id,
        "title": scenario.title,
        "role": role,
        "level": scenario.level,
        "since": scenario.since.to_string(),
        "permutations": permutations(scenario),
        "spec": scenario.spec,
        "checks": checks,
    })
}
