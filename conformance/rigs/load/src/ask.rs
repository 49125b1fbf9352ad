//! One request, for whoever only wants to know who answers now.

use std::time::Duration;

use tokio::time::timeout;

use super::exchange::{Use, connect_failure, exchange};
use super::failure::Failure;
use super::response::Answer;
use super::stream::Stream;
use super::target::Target;

/// Asks for `/` on a new connection.
///
/// # Errors
/// How the request was lost; [`Failure::Timeout`] after `limit`.
pub async fn ask(target: &Target, limit: Duration) -> Result<Answer, Failure> {
    let once = async {
        let stream = Stream::connect(target).await.map_err(|error| connect_failure(&error))?;
        exchange(&stream, b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", Use::First).await
    };
    timeout(limit, once).await.unwrap_or(Err(Failure::Timeout))
}
