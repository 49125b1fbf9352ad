//! One request, for whoever only wants to know who answers now.

use std::time::Duration;

use tokio::time::timeout;

use super::exchange::{Use, connect_failure, exchange};
use super::failure::Failure;
use super::request::RequestKind;
use super::response::Answer;
use super::slot::Connections;
use super::stream::Stream;
use super::target::Target;

/// Asks for `/` on a new connection.
///
/// # Errors
/// How the request was lost; [`Failure::Timeout`] after `limit`.
pub async fn ask(target: &Target, limit: Duration) -> Result<Answer, Failure> {
    ask_for(target, &RequestKind::http("/"), limit).await
}

/// Makes one request of this kind on a new connection.
///
/// # Errors
/// How the request was lost; [`Failure::Timeout`] after `limit`.
pub async fn ask_for(target: &Target, kind: &RequestKind, limit: Duration) -> Result<Answer, Failure> {
    let once = async {
        let stream = Stream::connect(target).await.map_err(|error| connect_failure(&error))?;
        exchange(&stream, &kind.bytes(Connections::New, target), kind, Use::First).await
    };
    timeout(limit, once).await.unwrap_or(Err(Failure::Timeout))
}
