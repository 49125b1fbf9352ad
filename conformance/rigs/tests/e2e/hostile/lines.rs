//! Lines that are none.

use serverswap_protocol::limits::LINE_BYTES_MAX;
use serverswap_protocol::message::{Code, Role};

use super::{greeted, hello, honest, is_answered_with, is_over, settled};
use crate::Outcome;

async fn line(line: &[u8], code: Code) -> Outcome {
    is_answered_with(code, |wire, _| wire.send_bytes(line, &[])).await
}

#[tokio::test]
async fn a_line_that_is_no_json_is_malformed() -> Outcome {
    line(b"GET / HTTP/1.1\r\n", Code::MalformedLine).await
}

#[tokio::test]
async fn a_line_with_a_duplicate_key_is_malformed() -> Outcome {
    line(b"{\"type\":\"ping\",\"id\":1,\"id\":2}\n", Code::MalformedLine).await
}

#[tokio::test]
async fn a_line_that_is_not_utf_8_is_malformed() -> Outcome {
    line(b"{\"type\":\"ping\",\"id\":1,\"note\":\"\xff\"}\n", Code::MalformedLine).await
}

#[tokio::test]
async fn a_line_of_65_537_bytes_is_too_long() -> Outcome {
    let (begin, end) = ("{\"type\":\"hello\",\"note\":\"", "\"}\n");
    let long = format!("{begin}{}{end}", "x".repeat(LINE_BYTES_MAX + 1 - begin.len() - end.len()));
    line(long.as_bytes(), Code::LineTooLong).await
}

#[tokio::test]
async fn a_line_without_an_end_is_too_long() -> Outcome {
    line(&vec![b' '; 10 * LINE_BYTES_MAX], Code::LineTooLong).await
}

#[tokio::test]
async fn a_first_line_that_is_not_hello_is_refused() -> Outcome {
    line(b"{\"type\":\"ping\",\"id\":1}\n", Code::NotNegotiated).await
}

#[tokio::test]
async fn a_first_line_from_the_future_is_refused() -> Outcome {
    line(b"{\"type\":\"bonjour\",\"id\":1}\n", Code::NotNegotiated).await
}

#[tokio::test]
async fn a_hello_with_an_impossible_field_is_refused() -> Outcome {
    line(b"{\"type\":\"hello\",\"id\":1,\"version\":\"one\"}\n", Code::InvalidMessage).await
}

#[tokio::test]
async fn a_version_that_was_not_offered_is_refused() -> Outcome {
    is_answered_with(Code::VersionUnsupported, |wire, _| {
        let mut hello = hello(wire, Role::Server);
        hello.version = 999;
        wire.send(&serverswap_protocol::message::FromClient::Hello(hello), &[])
    })
    .await
}

#[tokio::test]
async fn half_a_line_and_the_end_of_the_stream_leave_nothing() -> Outcome {
    let shop = settled().await?;
    let _present = greeted(&shop.sandbox)?;
    let before = super::descriptors(shop.serving.pid())?;
    let mut hostile = greeted(&shop.sandbox)?;
    hostile.send_bytes(b"{\"type\":\"hel", &[])?;
    rustix::net::shutdown(&hostile, rustix::net::Shutdown::Write)?;
    // Whether it is told what is wrong is the arbiter's matter; the end is what counts.
    while hostile.receive().is_ok() {}
    is_over(hostile.receive())?;
    let _honest = honest(&shop.sandbox)?;
    assert_eq!(super::descriptors(shop.serving.pid())?, before + 1);
    assert_eq!(shop.ask().await?.1, "1");
    Ok(())
}
