//! What only the driver of `serverswap-conformance` calls. Not in the wheel that is published: the
//! cargo feature `conformance` adds it.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// What this library makes of one line of an arbiter, as JSON.
#[pyfunction]
#[pyo3(signature = (line, descriptors, /))]
pub fn decode_line(line: &[u8], descriptors: u32) -> String {
    serverswap::codec::decode_line(line, descriptors)
}

/// The line of a message, which is JSON.
///
/// # Errors
/// `ValueError`: it is none that a client sends.
#[pyfunction]
#[pyo3(signature = (message, /))]
pub fn encode_line(message: &str) -> PyResult<Vec<u8>> {
    serverswap::codec::encode_line(message).map_err(|error| PyValueError::new_err(error.to_string()))
}
