//! The overview of messages and the table of limits, from `meta.json`.

use serde_json::Value;

fn meta() -> Value {
    let documents = serverswap_protocol::schema::documents();
    let meta = documents.into_iter().find(|document| document.path == "v1/meta.json");
    meta.expect("meta.json is generated").content
}

pub(crate) fn table() -> String {
    let mut table =
        "| type | from → to | clients | `id` | `re` | `fds` | answered by |\n| --- | --- | --- | --- | --- | --- | --- |\n"
            .to_owned();
    for message in meta()["messages"].as_array().expect("messages") {
        let direction = message["direction"].as_str().unwrap_or_default().replace("-to-", " → ");
        let list = |key: &str| {
            let items = message[key].as_array().into_iter().flatten().filter_map(Value::as_str);
            items.collect::<Vec<_>>()
        };
        let roles = list("roles");
        let roles = if roles.len() == 3 { "all".to_owned() } else { roles.join(", ") };
        let replies: Vec<String> = list("replies").iter().map(|reply| format!("`{reply}`")).collect();
        let mark = |key: &str| message[key].as_str().unwrap_or("–");
        table += &format!(
            "| `{}` | {direction} | {roles} | {} | {} | {} | {} |\n",
            message["type"].as_str().unwrap_or_default(),
            mark("id"),
            mark("re"),
            mark("fds"),
            if replies.is_empty() { "–".to_owned() } else { replies.join(", ") },
        );
    }
    table
}

pub(crate) fn limits() -> String {
    let about = [
        ("lineBytes", "longest line in bytes, line feed included; announced in `greeting`"),
        ("depth", "deepest nesting of objects and lists in a line; the line itself is 1"),
        ("fdsPerLine", "most descriptors with one line; announced in `greeting`"),
        ("holdingPerLine", "most entries of `holding` in one line; more go into further lines"),
        ("integer", "largest integer, 2^53 − 1"),
        ("textBytes", "longest text for people (`message`, `reason`, `waitingFor`) in bytes"),
        ("connections", "most connections that an arbiter accepts"),
    ];
    let meta = meta();
    let limits = meta["limits"].as_object().expect("limits");
    assert_eq!(limits.len(), about.len(), "every limit has a sentence");
    let row = |(key, says): (&str, &str)| format!("| `{key}` | {} | {says} |\n", limits[key]);
    format!("| limit | value | meaning |\n| --- | --- | --- |\n{}", about.map(row).concat())
}
