//! The generated parts of `spec/README.md` and `spec/STATES.md`, each between
//! `<!-- generated: NAME -->` and `<!-- end -->`.

use serverswap_protocol::trace::Table;

use crate::{errors, fields, messages, states};

const END: &str = "<!-- end -->";

/// The text with every generated part as it should be.
pub(crate) fn filled(text: &str) -> String {
    let mut parts = text.split("<!-- generated: ");
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once(" -->").expect("a closed marker");
        let (_, after) = rest.split_once(END).unwrap_or_else(|| panic!("`{name}` has no {END}"));
        filled += &format!("<!-- generated: {name} -->\n{}{END}{after}", content(name));
    }
    filled
}

fn content(name: &str) -> String {
    match name {
        "errors" => errors::table(),
        "fields" => fields::table(),
        "messages" => messages::table(),
        "limits" => messages::limits(),
        _ => {
            let machine = Table::v1().machines.iter().find(|machine| machine.id == name);
            states::section(machine.unwrap_or_else(|| panic!("no generated part is called `{name}`")))
        }
    }
}

fn assert_has_each_part_once(file: &str, names: impl IntoIterator<Item = &'static str>) {
    let text = std::fs::read_to_string(crate::spec(file)).expect("the text is there");
    for name in names {
        assert_eq!(text.matches(&format!("<!-- generated: {name} -->")).count(), 1, "{file}: {name}");
    }
}

#[test]
fn the_text_has_every_generated_part_once() {
    assert_has_each_part_once("README.md", ["errors", "fields", "messages", "limits"]);
}

#[test]
fn the_state_tables_have_every_machine_once() {
    assert_has_each_part_once("STATES.md", Table::v1().machines.iter().map(|machine| machine.id.as_str()));
}
