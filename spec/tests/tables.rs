//! `states.json` has a cell for every state and every message, and names nothing unknown.

#![cfg(feature = "trace")]

use std::collections::BTreeSet;

use serverswap_protocol::message::{Code, FromArbiter, FromClient, Message, Role};
use serverswap_protocol::trace::{Cell, Kind, Machine, Scope, Side, Table};

fn cells(machine: &Machine, speaker: Side) -> impl Iterator<Item = (&String, &String, &Cell)> {
    machine.cells.iter().flat_map(move |(state, row)| {
        let row = if speaker == machine.view { &row.send } else { &row.receive };
        row.iter().map(move |(name, cell)| (state, name, cell))
    })
}

/// The names that a table has to decide: all, or what is delegated to it.
fn alphabet(machine: &Machine, speaker: Side) -> BTreeSet<String> {
    let table = Table::v1();
    let outer = match machine.scope {
        Scope::Connection => {
            return table.names(speaker).iter().map(|name| name.name.clone()).collect();
        }
        Scope::Role => table.machine(machine.view, Scope::Connection, None),
        Scope::Address => table.machine(machine.view, Scope::Role, machine.role),
    };
    let delegated = cells(outer, speaker).filter(|(_, _, cell)| cell.kind == Kind::Delegate(machine.scope));
    delegated.map(|(_, name, _)| name.clone()).collect()
}

#[test]
fn every_state_has_a_cell_for_every_message() {
    for machine in &Table::v1().machines {
        let states: BTreeSet<&String> = machine.states.keys().collect();
        assert_eq!(states, machine.cells.keys().collect(), "{}", machine.id);
        for speaker in [Side::Client, Side::Arbiter] {
            let expected = alphabet(machine, speaker);
            for state in &states {
                let row = cells(machine, speaker).filter(|(of, _, _)| of == state);
                let found: BTreeSet<String> = row.map(|(_, name, _)| name.clone()).collect();
                assert_eq!(found, expected, "{} {state} {speaker:?}", machine.id);
            }
        }
    }
}

#[test]
fn every_role_has_its_table_on_both_sides() {
    for view in [Side::Client, Side::Arbiter] {
        for role in [Role::Server, Role::Supervisor, Role::Observer] {
            assert!(!Table::v1().machine(view, Scope::Role, Some(role)).cells.is_empty());
        }
        for role in [Role::Server, Role::Supervisor] {
            assert!(!Table::v1().machine(view, Scope::Address, Some(role)).cells.is_empty());
        }
    }
}

#[test]
fn every_type_has_a_name_and_every_name_a_type() {
    let types =
        |side| -> BTreeSet<&str> { Table::v1().names(side).iter().map(|name| name.kind.as_str()).collect() };
    assert_eq!(types(Side::Client), FromClient::TYPES.iter().copied().collect());
    assert_eq!(types(Side::Arbiter), FromArbiter::TYPES.iter().copied().collect());
}

#[test]
fn what_is_sent_is_never_refused_and_what_is_received_is_never_forbidden() {
    for machine in &Table::v1().machines {
        for (state, name, cell) in cells(machine, machine.view) {
            let sendable = matches!(cell.kind, Kind::Next(_) | Kind::Never | Kind::Delegate(_));
            assert!(sendable, "{} {state} {name}", machine.id);
        }
        for (state, name, cell) in cells(machine, machine.view.other()) {
            assert!(cell.kind != Kind::Never, "{} {state} {name}", machine.id);
        }
    }
}

#[test]
fn every_next_state_code_and_reply_exists_and_every_state_is_reached() {
    let codes: BTreeSet<String> = Code::ALL.iter().map(ToString::to_string).collect();
    for machine in &Table::v1().machines {
        let mut reached: BTreeSet<&String> = machine.enter.values().chain([&machine.initial]).collect();
        for speaker in [Side::Client, Side::Arbiter] {
            for (_, _, cell) in cells(machine, speaker) {
                if let Some(reply) = &cell.reply {
                    let names = Table::v1().names(machine.view);
                    assert!(names.iter().any(|name| name.name == *reply), "{} {reply}", machine.id);
                }
                match &cell.kind {
                    Kind::Next(next) => _ = reached.insert(next),
                    Kind::Refuse(code) | Kind::Close(code) => assert!(codes.contains(code), "{code}"),
                    Kind::Never | Kind::Ignore | Kind::Delegate(_) => {}
                }
            }
        }
        assert_eq!(reached, machine.states.keys().collect(), "{}", machine.id);
    }
}
