//! One request and its answer on an open connection.

use std::io;

use super::failure::Failure;
use super::response::{self, Answer};
use super::stream::Stream;

/// Longest response, in bytes.
const RESPONSE_BYTES_MAX: usize = 1 << 20;

/// Whether a connection has carried an answer before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    First,
    Again,
}

/// What it means that a connection could not be opened.
pub(super) fn connect_failure(error: &io::Error) -> Failure {
    if is_exhaustion(error) {
        return Failure::Local;
    }
    if error.kind() == io::ErrorKind::ConnectionReset { Failure::ResetOnConnect } else { Failure::Refused }
}

/// Sends `request` and reads its answer, whatever its status.
pub(super) async fn exchange(stream: &Stream, request: &[u8], used: Use) -> Result<Answer, Failure> {
    // An error here shows again in the read, after what the server may have said before it closed.
    let _ = stream.write_all(request).await;
    let mut bytes = Vec::with_capacity(1024);
    let mut chunk = [0; 16 * 1024];
    loop {
        match stream.read(&mut chunk).await {
            Ok(0) => return ended(&bytes, used),
            Ok(count) => bytes.extend_from_slice(&chunk[..count]),
            Err(_) if bytes.is_empty() => return Err(reset(used)),
            Err(_) => return Err(Failure::CutShort),
        }
        match response::parse(&bytes, false) {
            Ok(Some(answer)) => return Ok(answer),
            Ok(None) if bytes.len() <= RESPONSE_BYTES_MAX => {}
            Ok(None) | Err(_) => return Err(Failure::Malformed),
        }
    }
}

fn ended(bytes: &[u8], used: Use) -> Result<Answer, Failure> {
    if bytes.is_empty() {
        return Err(match used {
            Use::First => Failure::ClosedBeforeAnswer,
            Use::Again => Failure::ReusedClosed,
        });
    }
    match response::parse(bytes, true) {
        Ok(Some(answer)) => Ok(answer),
        Ok(None) => Err(Failure::CutShort),
        Err(_) => Err(Failure::Malformed),
    }
}

fn reset(used: Use) -> Failure {
    match used {
        Use::First => Failure::ResetAfterSent,
        Use::Again => Failure::ReusedReset,
    }
}

/// No port, descriptor or memory of this machine was left (`EADDRNOTAVAIL`, `EMFILE`, `ENFILE`).
fn is_exhaustion(error: &io::Error) -> bool {
    let exhausted = [rustix::io::Errno::ADDRNOTAVAIL, rustix::io::Errno::MFILE, rustix::io::Errno::NFILE];
    error.raw_os_error().is_some_and(|code| exhausted.iter().any(|errno| errno.raw_os_error() == code))
}
