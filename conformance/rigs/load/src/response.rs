//! One HTTP/1.1 response, read from what has arrived so far. Pure.
//!
//! It knows as much as a load needs: the status, where the body ends (length, chunks or the
//! end of the connection), whether the connection ends with it, and the two headers by which a
//! server of ours tells who answered: `Pid` and `Version`.

/// Most headers that a response may have.
const HEADERS_MAX: usize = 64;

/// A whole response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// For example 200.
    pub status: u16,
    /// The header `Pid`, if the server says it.
    pub pid: Option<u32>,
    /// The header `Version`, if the server says it.
    pub version: Option<String>,
    /// Whether the server announced that the connection ends with this answer.
    pub last: bool,
}

/// Bytes that are no HTTP/1.1 response, or more than one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not one HTTP/1.1 response")]
pub struct Malformed;

/// How the body is framed (RFC 9112, section 6.3).
enum Body {
    Length(usize),
    Chunked,
    UntilEnd,
}

/// The answer in `bytes`, or `None` while it is not whole. `ended` says that no more bytes come.
pub(super) fn parse(bytes: &[u8], ended: bool) -> Result<Option<Answer>, Malformed> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    let head = match response.parse(bytes) {
        Ok(httparse::Status::Complete(head)) => head,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(Malformed),
    };
    let status = response.code.ok_or(Malformed)?;
    let rest = &bytes[head..];
    if (100..200).contains(&status) && status != 101 {
        return parse(rest, ended);
    }
    let (mut answer, body) = read_head(status, response.version == Some(0), response.headers)?;
    let length = match body {
        Body::Length(length) => (rest.len() >= length).then_some(length),
        Body::Chunked => chunks_end(rest)?,
        Body::UntilEnd => {
            answer.last = true;
            ended.then_some(rest.len())
        }
    };
    match length {
        Some(length) if length < rest.len() => Err(Malformed),
        Some(_) => Ok(Some(answer)),
        None => Ok(None),
    }
}

fn read_head(
    status: u16,
    one_zero: bool,
    headers: &[httparse::Header<'_>],
) -> Result<(Answer, Body), Malformed> {
    let mut answer = Answer { status, pid: None, version: None, last: one_zero };
    let mut body = if status == 204 || status == 304 { Body::Length(0) } else { Body::UntilEnd };
    for header in headers {
        let value = std::str::from_utf8(header.value).map_err(|_| Malformed)?.trim();
        match header.name.to_ascii_lowercase().as_str() {
            "connection" => answer.last = says_close(value, answer.last),
            "content-length" => body = Body::Length(value.parse().map_err(|_| Malformed)?),
            "transfer-encoding" if value.eq_ignore_ascii_case("chunked") => body = Body::Chunked,
            "pid" => answer.pid = value.parse().ok(),
            "version" => answer.version = Some(value.to_owned()),
            _ => {}
        }
    }
    Ok((answer, body))
}

fn says_close(value: &str, before: bool) -> bool {
    let mut tokens = value.split(',').map(str::trim);
    if tokens.clone().any(|token| token.eq_ignore_ascii_case("close")) {
        return true;
    }
    before && !tokens.any(|token| token.eq_ignore_ascii_case("keep-alive"))
}

/// Where the chunked body ends, its empty trailer included.
fn chunks_end(bytes: &[u8]) -> Result<Option<usize>, Malformed> {
    let mut at = 0;
    loop {
        let (size_line, size) = match httparse::parse_chunk_size(&bytes[at..]) {
            Ok(httparse::Status::Complete(found)) => found,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err(Malformed),
        };
        let size = usize::try_from(size).map_err(|_| Malformed)?;
        let end = at + size_line + size + 2;
        if end > bytes.len() {
            return Ok(None);
        }
        if &bytes[end - 2..end] != b"\r\n" {
            return Err(Malformed);
        }
        if size == 0 {
            return Ok(Some(end));
        }
        at = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(last: bool) -> Answer {
        Answer { status: 200, pid: None, version: None, last }
    }

    #[test]
    fn a_response_is_whole_exactly_at_its_last_byte() {
        let cases = [
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        ];
        for text in cases {
            for end in 0..text.len() {
                assert_eq!(parse(&text.as_bytes()[..end], false), Ok(None), "{end} of {text}");
            }
            assert_eq!(parse(text.as_bytes(), false), Ok(Some(answer(false))), "{text}");
        }
    }

    #[test]
    fn a_response_that_ends_its_connection_says_so() {
        let cases = [
            ("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", true),
            ("HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", false),
            ("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", true),
            ("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", false),
            ("HTTP/1.1 200 OK\r\n\r\nuntil the end", true),
        ];
        for (text, last) in cases {
            assert_eq!(parse(text.as_bytes(), true), Ok(Some(answer(last))), "{text}");
        }
    }

    #[test]
    fn the_server_says_who_answered() {
        let text = "HTTP/1.1 200 OK\r\npid: 71\r\nversion: 2 beta\r\ncontent-length: 0\r\n\r\n";
        let expected = Answer { pid: Some(71), version: Some("2 beta".to_owned()), ..answer(false) };
        assert_eq!(parse(text.as_bytes(), false), Ok(Some(expected)));
    }

    #[test]
    fn what_is_no_single_response_is_malformed() {
        let cases = [
            "SSH-2.0-OpenSSH_9.2\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
        ];
        for text in cases {
            assert_eq!(parse(text.as_bytes(), true), Err(Malformed), "{text}");
        }
    }
}
