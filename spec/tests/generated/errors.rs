//! The table of error codes.

use serverswap_protocol::message::Code;

pub(crate) fn table() -> String {
    let mut table =
        "| code | sent by | fatal | retry | what is true afterwards |\n| --- | --- | --- | --- | --- |\n"
            .to_owned();
    for code in Code::ALL {
        let info = code.info();
        let (sender, fatal, retry) = (info.sender.as_str(), info.fatal.as_str(), info.retry.as_str());
        table += &format!("| `{code}` | {sender} | {fatal} | {retry} | {} |\n", info.afterwards);
    }
    table
}

/// The schema lists every variant of the enum; the table is complete when it has as many.
#[test]
fn the_table_has_every_code_of_the_enum() {
    let documents = serverswap_protocol::schema::documents();
    let strict = documents.iter().find(|document| document.path.ends_with("arbiter-to-client.strict.json"));
    let codes = &strict.expect("a schema").content["$defs"]["Code"]["oneOf"];
    let of_enum: Vec<&str> =
        codes.as_array().expect("codes").iter().filter_map(|code| code["const"].as_str()).collect();
    let of_table: Vec<String> = Code::ALL.iter().map(ToString::to_string).collect();
    assert_eq!(of_table, of_enum);
}
