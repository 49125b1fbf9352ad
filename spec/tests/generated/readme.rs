//! The generated parts of `spec/README.md`, each between `<!-- generated: NAME -->` and
//! `<!-- end -->`.

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

/// Every part that the text must have.
pub(crate) fn names() -> Vec<String> {
    let fixed = ["errors", "fields", "messages", "limits"].map(str::to_owned);
    fixed.into_iter().chain(Table::v1().machines.iter().map(|machine| machine.id.clone())).collect()
}

#[test]
fn the_text_has_every_generated_part_once() {
    let text = std::fs::read_to_string(crate::spec("README.md")).expect("spec/README.md");
    for name in names() {
        assert_eq!(text.matches(&format!("<!-- generated: {name} -->")).count(), 1, "{name}");
    }
}
