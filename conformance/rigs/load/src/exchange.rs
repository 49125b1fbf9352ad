//! One request and its answer on an open connection.

use std::io;

use super::failure::Failure;
use super::request::RequestKind;
use super::response::Answer;
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
pub(super) async fn exchange(
    stream: &Stream,
    request: &[u8],
    kind: &RequestKind,
    used: Use,
) -> Result<Answer, Failure> {
    // Also after an error what the server has said before it closed is read. But of a reset the kernel tells
    // once: who heard of it here reads an ordinary end.
    let sent = stream.write_all(request).await;
    let was_reset = sent.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionReset);
    let mut bytes = Vec::with_capacity(1024);
    let mut chunk = [0; 16 * 1024];
    loop {
        match stream.read(&mut chunk).await {
            Ok(0) if bytes.is_empty() && was_reset => return Err(reset(used)),
            Ok(0) => return ended(&bytes, kind, used),
            Ok(count) => bytes.extend_from_slice(&chunk[..count]),
            Err(_) if bytes.is_empty() => return Err(reset(used)),
            Err(_) => return Err(Failure::CutShort),
        }
        match kind.answer(&bytes, false) {
            Ok(Some(answer)) => return Ok(answer),
            Ok(None) if bytes.len() <= RESPONSE_BYTES_MAX => {}
            Ok(None) | Err(_) => return Err(Failure::Malformed),
        }
    }
}

fn ended(bytes: &[u8], kind: &RequestKind, used: Use) -> Result<Answer, Failure> {
    if bytes.is_empty() {
        return Err(match used {
            Use::First => Failure::ClosedBeforeAnswer,
            Use::Again => Failure::ReusedClosed,
        });
    }
    match kind.answer(bytes, true) {
        Ok(Some(answer)) => Ok(answer),
        Ok(None) => Err(Failure::CutShort),
        Err(_) => Err(Failure::Malformed),
    }
}

/// What it means that a connection was reset.
pub(super) fn reset(used: Use) -> Failure {
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

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::super::target::Target;
    use super::*;

    #[tokio::test]
    async fn a_reset_that_a_send_reports_is_no_ordinary_end() {
        let server = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let target = Target::Tcp(server.local_addr().expect("bound"));
        let stream = Stream::connect(&target).await.expect("it listens");
        let (accepted, _) = server.accept().await.expect("it is connected");
        accepted.set_zero_linger().expect("a socket");
        drop(accepted);
        let lost = exchange(&stream, b"GET / HTTP/1.1\r\n\r\n", &RequestKind::http("/"), Use::First).await;
        assert_eq!(lost.err(), Some(Failure::ResetAfterSent));
    }
}
