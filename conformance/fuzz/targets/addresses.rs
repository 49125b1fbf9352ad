//! Addresses and generations: no text makes them panic, and the canonical text is one: read
//! again it is the same address, and the same text.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serverswap_protocol::{Address, Generation};

/// What the longest address needs: a name of 255 bytes.
const TEXT_MAX: usize = 255;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(address) = text.parse::<Address>() {
        let canonical = address.to_string();
        assert!(canonical.len() <= TEXT_MAX, "{canonical}");
        assert_eq!(canonical.parse::<Address>().as_ref(), Ok(&address), "{text:?}");
        let json = serde_json::to_string(&address).expect("JSON");
        assert_eq!(serde_json::from_str::<Address>(&json).expect("as it was"), address);
    }
    if let Ok(generation) = text.parse::<Generation>() {
        assert_eq!(generation.to_string(), text, "one text for one generation");
    }
});
