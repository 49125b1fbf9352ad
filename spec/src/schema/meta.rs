//! `meta.json`: the facts that other languages would otherwise copy by hand.

use serde_json::{Map, Value, json};

use crate::limits;
use crate::message::{Code, Role, VERSION};
use crate::trace::{Kind, Scope, Side, Table};

/// The document, from the two strict schemas, the state tables and the error codes.
pub(super) fn meta(client: &Value, arbiter: &Value) -> Value {
    let messages = [messages(client, Side::Client), messages(arbiter, Side::Arbiter)].concat();
    json!({
        "version": VERSION,
        "messages": messages,
        "errors": Code::ALL.iter().map(error).collect::<Vec<_>>(),
        "limits": {
            "lineBytes": limits::LINE_BYTES_MAX,
            "depth": limits::DEPTH_MAX,
            "fdsPerLine": limits::FDS_PER_LINE_MAX,
            "holdingPerLine": limits::HOLDING_PER_LINE_MAX,
            "integer": limits::INTEGER_MAX,
            "textBytes": limits::TEXT_BYTES_MAX,
            "connections": limits::CONNECTIONS_MAX,
        },
        "environment": ["SERVERSWAP_SOCKET", "SERVERSWAP_GENERATION", "SERVERSWAP_DIR"],
    })
}

fn messages(schema: &Value, sender: Side) -> Vec<Value> {
    let references = schema["oneOf"].as_array().expect("the messages");
    references
        .iter()
        .map(|reference| {
            let name = reference["$ref"].as_str().expect("a reference").trim_start_matches("#/$defs/");
            message(&schema["$defs"][name], sender)
        })
        .collect()
}

fn message(definition: &Value, sender: Side) -> Value {
    let kind = definition["title"].as_str().expect("a message has a title");
    let properties = definition["properties"].as_object().expect("a message has properties");
    let mut facts = Map::from_iter([
        ("type".to_owned(), json!(kind)),
        ("direction".to_owned(), json!(direction(sender))),
        ("roles".to_owned(), json!(roles(sender, kind))),
    ]);
    for key in ["id", "re", "fds"] {
        if properties.contains_key(key) {
            let required = definition["required"].as_array().is_some_and(|keys| keys.contains(&json!(key)));
            facts.insert(key.to_owned(), json!(if required { "always" } else { "sometimes" }));
        }
    }
    if let Some(reply) = Table::v1().replies.get(kind) {
        facts.insert("replies".to_owned(), json!([reply, "error"]));
    }
    Value::Object(facts)
}

fn direction(sender: Side) -> &'static str {
    match sender {
        Side::Client => "client-to-arbiter",
        Side::Arbiter => "arbiter-to-client",
    }
}

/// The roles of the client in whose conversations this message may be sent.
fn roles(sender: Side, kind: &str) -> Vec<Role> {
    let mut roles = vec![Role::Server, Role::Supervisor, Role::Observer];
    roles.retain(|role| is_for(sender, kind, *role));
    roles
}

/// Whether some state of the sender's tables allows it to send the message.
fn is_for(sender: Side, kind: &str, role: Role) -> bool {
    let table = Table::v1();
    let names: Vec<&str> =
        table.names(sender).iter().filter(|name| name.kind == kind).map(|name| name.name.as_str()).collect();
    let sends = |scope, role| {
        let rows = table.machine(sender, scope, role).cells.values();
        let mut cells =
            rows.flat_map(|row| row.send.iter()).filter(|(name, _)| names.contains(&name.as_str()));
        cells.any(|(_, cell)| matches!(cell.kind, Kind::Next(_) | Kind::Delegate(Scope::Address)))
    };
    sends(Scope::Connection, None) || sends(Scope::Role, Some(role))
}

fn error(code: &Code) -> Value {
    let info = code.info();
    json!({
        "code": code,
        "sender": info.sender.as_str(),
        "fatal": info.fatal.as_str(),
        "retry": info.retry.as_str(),
        "afterwards": info.afterwards,
    })
}
