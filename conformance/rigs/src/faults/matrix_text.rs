//! The matrix on a terminal: a table for each scene and mode, then what is red, then the sums.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::concurrent_deploys::ManyDeploys;
use super::fault_case::{CellOutcome, FaultCase, Played};
use super::matrix::Matrix;
use super::roles::{Fault, Mode, Scene};
use serverswap_conformance::style::{BAD, BOLD, DIM, GOOD, number, paint, table};
use serverswap_load::Failure;

const HEADER: [&str; 5] = ["who", "where", "kill", "stop, go on", "stop, kill"];

/// How many cells of a row and fault had which outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counts {
    green: u32,
    red: u32,
    not_reached: u32,
}

impl Matrix {
    /// Everything, in words.
    pub fn render(&self) -> String {
        let mut text = String::new();
        for scene in Scene::ALL {
            for mode in Mode::ALL {
                let cells: Vec<_> =
                    self.cells.iter().filter(|(cell, _)| (cell.scene, cell.mode) == (scene, mode)).collect();
                if !cells.is_empty() {
                    let title = paint(BOLD, format!("{mode}: {scene}"));
                    let _ = writeln!(text, "{title}\n\n{}\n\n  {}\n", rows(&cells), costs(&cells));
                }
            }
        }
        for (cell, wrong) in self.red() {
            let _ = writeln!(text, "{} {cell}", paint(BAD, "red:"));
            for line in wrong.iter().flat_map(|wrong| wrong.lines()) {
                let _ = writeln!(text, "  {line}");
            }
        }
        let all: Vec<_> = self.cells.iter().collect();
        text + &sums(&all)
    }
}

impl ManyDeploys {
    /// Everything, in words.
    pub fn render(&self) -> String {
        let statuses = self.statuses.iter().map(|(status, count)| format!("; status {status}: {count}"));
        let verdict = if self.wrong.is_empty() { paint(GOOD, "good") } else { paint(BAD, "red") };
        let wrong = self.wrong.iter().map(|wrong| format!("\n  {wrong}"));
        let costs = requests(self.ok, &self.failed);
        statuses.chain(wrong).fold(format!("{verdict}; {costs}"), |text, part| text + &part)
    }
}

/// A row for each point; how often it is passed is in the cells.
fn rows(cells: &[&(FaultCase, Played)]) -> String {
    let mut rows: Vec<(String, String, BTreeMap<Fault, Counts>)> = Vec::new();
    for (cell, played) in cells {
        let (who, point) = (cell.point.role.to_string(), cell.point.name.clone());
        let known = rows.iter().position(|(other, name, _)| *other == who && *name == point);
        let row = known.unwrap_or_else(|| {
            rows.push((who, point, BTreeMap::new()));
            rows.len() - 1
        });
        rows[row].2.entry(cell.fault).or_default().add(&played.outcome);
    }
    let rows = rows.into_iter().map(|(who, point, counts)| {
        let cells = Fault::ALL.map(|fault| counts.get(&fault).map_or_else(String::new, |one| one.words()));
        [vec![who, point], cells.to_vec()].concat()
    });
    table(&HEADER, &[0, 1], rows)
}

fn costs(cells: &[&(FaultCase, Played)]) -> String {
    let mut failed: BTreeMap<Failure, u64> = BTreeMap::new();
    for (failure, count) in cells.iter().flat_map(|(_, played)| &played.failed) {
        *failed.entry(*failure).or_default() += count;
    }
    requests(cells.iter().map(|(_, played)| played.ok).sum(), &failed)
}

fn requests(ok: u64, failed: &BTreeMap<Failure, u64>) -> String {
    let lost: u64 = failed.values().sum();
    let kinds: String =
        failed.iter().map(|(failure, count)| format!("; {} {failure}", number(*count))).collect();
    format!("{} requests, {} lost{kinds}", number(ok + lost), number(lost))
}

fn sums(cells: &[&(FaultCase, Played)]) -> String {
    let mut counts = Counts::default();
    for (_, played) in cells {
        counts.add(&played.outcome);
    }
    let verdict =
        if counts.red == 0 { paint(GOOD, "no red cell") } else { paint(BAD, format!("{} red", counts.red)) };
    let not_reached = paint(DIM, format!("{} not reached", counts.not_reached));
    let green = counts.green;
    format!("{} cells: {verdict}, {green} green, {not_reached}; {}\n", cells.len(), costs(cells))
}

impl Counts {
    fn add(&mut self, outcome: &CellOutcome) {
        match outcome {
            CellOutcome::Green => self.green += 1,
            CellOutcome::Red(_) => self.red += 1,
            CellOutcome::NotReached => self.not_reached += 1,
        }
    }

    fn words(self) -> String {
        let named = [(self.green, "ok"), (self.red, "RED"), (self.not_reached, "not reached")];
        let words = named.into_iter().filter(|(count, _)| *count > 0).map(|(count, name)| match count {
            1 => name.to_owned(),
            more => format!("{more} {name}"),
        });
        words.collect::<Vec<_>>().join(", ")
    }
}

impl std::fmt::Display for FaultCase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let FaultCase { scene, mode, point, fault } = self;
        write!(f, "{mode}, {scene}: {fault} the {} {} ({})", point.role, point.name, point.time)
    }
}
