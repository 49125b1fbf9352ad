//! The tables themselves: `v1/states.json`, its lists of names expanded.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Side;
use crate::message::Role;

/// Everything in `states.json`.
#[derive(Debug, Deserialize)]
pub struct Table {
    /// The terminal reply to each request, besides `error`.
    pub replies: BTreeMap<String, String>,
    names: Names,
    /// Every table.
    pub machines: Vec<Machine>,
}

#[derive(Debug, Deserialize)]
struct Names {
    client: Vec<Name>,
    arbiter: Vec<Name>,
}

/// The name of a message in the tables: its type, or its type and what is special about it.
#[derive(Debug, Deserialize)]
pub struct Name {
    /// For example `released+re`.
    pub name: String,
    /// For example `released`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Fields that must have one of these values.
    #[serde(default)]
    when: BTreeMap<String, Vec<Value>>,
    /// Fields that must be there.
    #[serde(default)]
    has: Vec<String>,
}

/// What one table is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Scope {
    /// The connection: greeting, negotiation, barriers, end.
    Connection,
    /// The client as a whole, in its role.
    Role,
    /// One address.
    Address,
}

/// One table: a state machine.
#[derive(Debug, Deserialize)]
pub struct Machine {
    /// For example `client-address`.
    pub id: String,
    /// From whose side.
    pub view: Side,
    /// About what.
    pub scope: Scope,
    /// Of which role; `None` for all.
    pub role: Option<Role>,
    /// For people.
    pub title: String,
    /// Where it begins.
    pub initial: String,
    /// Where an address begins that a `hello` lists.
    #[serde(default)]
    pub enter: BTreeMap<String, String>,
    /// Each state and its meaning, in order.
    pub states: Map<String, Value>,
    /// Each state's row.
    pub cells: BTreeMap<String, Row>,
}

/// One state of one table.
#[derive(Debug, Deserialize)]
pub struct Row {
    /// By the name of what is sent.
    #[serde(deserialize_with = "expanded")]
    pub send: BTreeMap<String, Cell>,
    /// By the name of what is received.
    #[serde(deserialize_with = "expanded")]
    pub receive: BTreeMap<String, Cell>,
}

/// One state and one message.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "RawCell")]
pub struct Cell {
    /// What happens.
    pub kind: Kind,
    /// The name of a message that is owed.
    pub reply: Option<String>,
}

/// What happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// The state afterwards.
    Next(String),
    /// It is not to be sent here.
    Never,
    /// It has no effect here.
    Ignore,
    /// It is answered with `error` and this code; the state stays.
    Refuse(String),
    /// It is answered with a fatal `error` and this code.
    Close(String),
    /// Another table decides.
    Delegate(Scope),
}

/// `states.json` is not what this module reads.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// A cell with none or several of its keys.
    #[error("a cell has exactly one of `next`, `never`, `ignore`, `refuse`, `close`, `delegate`")]
    Cell,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCell {
    next: Option<String>,
    never: Option<bool>,
    ignore: Option<bool>,
    refuse: Option<String>,
    close: Option<String>,
    delegate: Option<Scope>,
    reply: Option<String>,
}

impl TryFrom<RawCell> for Cell {
    type Error = TableError;

    fn try_from(raw: RawCell) -> Result<Self, TableError> {
        let mut kinds = [
            raw.next.map(Kind::Next),
            raw.never.map(|_| Kind::Never),
            raw.ignore.map(|_| Kind::Ignore),
            raw.refuse.map(Kind::Refuse),
            raw.close.map(Kind::Close),
            raw.delegate.map(Kind::Delegate),
        ]
        .into_iter()
        .flatten();
        match (kinds.next(), kinds.next()) {
            (Some(kind), None) => Ok(Cell { kind, reply: raw.reply }),
            (None | Some(_), _) => Err(TableError::Cell),
        }
    }
}

/// `"a b": cell` means the same cell under `a` and under `b`.
fn expanded<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, Cell>, D::Error> {
    let grouped = BTreeMap::<String, Cell>::deserialize(deserializer)?;
    let mut cells = BTreeMap::new();
    for (names, cell) in grouped {
        for name in names.split(' ') {
            if cells.insert(name.to_owned(), cell.clone()).is_some() {
                return Err(serde::de::Error::custom(format_args!("`{name}` is there twice")));
            }
        }
    }
    Ok(cells)
}

impl Table {
    /// The tables of version 1.
    ///
    /// # Panics
    /// Never: the file is part of this crate and read by its tests.
    pub fn v1() -> &'static Table {
        static TABLE: LazyLock<Table> = LazyLock::new(|| {
            serde_json::from_str(include_str!("../../v1/states.json")).expect("states.json is well-formed")
        });
        &TABLE
    }

    /// Every name of what this side sends, the most specific first.
    pub fn names(&self, side: Side) -> &[Name] {
        match side {
            Side::Client => &self.names.client,
            Side::Arbiter => &self.names.arbiter,
        }
    }

    /// The name of a line in the tables; `None` for a type from the future.
    pub fn name(&self, speaker: Side, line: &Map<String, Value>) -> Option<&Name> {
        self.names(speaker).iter().find(|name| name.fits(line))
    }

    /// The table of this view, scope and role.
    ///
    /// # Panics
    /// Never for a table that delegates only where another one is: a test checks that.
    pub fn machine(&self, view: Side, scope: Scope, role: Option<Role>) -> &Machine {
        self.machines
            .iter()
            .find(|machine| machine.view == view && machine.scope == scope && machine.role == role)
            .expect("a table for every scope that a table delegates to")
    }
}

impl Name {
    fn fits(&self, line: &Map<String, Value>) -> bool {
        line.get("type").is_some_and(|kind| kind == self.kind.as_str())
            && self.has.iter().all(|key| line.contains_key(key))
            && self.when.iter().all(|(key, values)| line.get(key).is_some_and(|value| values.contains(value)))
    }
}

impl Machine {
    /// The cell of a state and a message, seen from this machine's side.
    pub fn cell(&self, state: &str, speaker: Side, name: &str) -> Option<&Cell> {
        let row = self.cells.get(state)?;
        if speaker == self.view { row.send.get(name) } else { row.receive.get(name) }
    }
}
