//! Addresses: every spelling, its canonical text, and every rejection.

use serde_json::{Value, json};
use serverswap_protocol::Address;
use serverswap_protocol::address::AddressProblem;

use crate::committed::{Schemas, json as file};

fn problem(problem: AddressProblem) -> &'static str {
    match problem {
        AddressProblem::Empty => "empty",
        AddressProblem::Port => "port",
        AddressProblem::Host => "host",
        AddressProblem::UnixPath => "unixPath",
        AddressProblem::Name => "name",
    }
}

#[test]
fn every_address_has_its_canonical_text_or_its_problem_and_the_patterns_say_what_they_can() {
    let (client, arbiter) = (Schemas::of("client-to-arbiter"), Schemas::of("arbiter-to-client"));
    let vectors = file("v1/vectors/addresses.json");
    for case in vectors["cases"].as_array().expect("cases") {
        let text = case["text"].as_str().expect("a text");
        match text.parse::<Address>() {
            Ok(address) => {
                assert_eq!(json!(address.to_string()), case["canonical"], "{text:?}");
                let again: Address = address.to_string().parse().expect("canonical texts are addresses");
                assert_eq!(again, address, "{text:?}");
            }
            Err(error) => {
                assert_eq!(case["canonical"], Value::Null, "{text:?}: {error}");
                assert_eq!(case["problem"], problem(error.problem), "{text:?}");
            }
        }
        let serving = json!({"type": "serving", "address": text});
        let granted = json!({"type": "granted", "re": 2, "address": text});
        let (accepted, pattern) = (case["canonical"].is_string(), case["pattern"] == true);
        assert_eq!(client.lenient.is_valid(&serving) == accepted, pattern, "{text:?}: lenient");
        assert_eq!(client.strict.is_valid(&serving) == accepted, pattern, "{text:?}: strict for a client");
        assert_eq!(
            arbiter.strict.is_valid(&granted),
            case["strict"] == true,
            "{text:?}: strict for the arbiter"
        );
    }
}
