//! What a client of one role may not say, and numbers used twice.

use serverswap_protocol::SocketMode;
use serverswap_protocol::message::{Code, FromClient, Ping, ReadyFor, Role, Stop};

use super::{descriptors, fatal, greeted, honest, settled, welcomed};
use crate::Outcome;

/// Something that a negotiated client may not say.
async fn from(role: Role, message: FromClient, code: Code) -> Outcome {
    let shop = settled().await?;
    let _present = greeted(&shop.sandbox)?;
    let before = descriptors(shop.serving.pid())?;
    let mut hostile = welcomed(&shop.sandbox, role)?;
    hostile.send(&message, &[])?;
    assert_eq!(fatal(&mut hostile)?, code);
    let _honest = honest(&shop.sandbox)?;
    assert_eq!(descriptors(shop.serving.pid())?, before + 1);
    assert_eq!(shop.ask().await?.1, "1");
    Ok(())
}

#[tokio::test]
async fn an_id_that_was_used_is_refused() -> Outcome {
    from(Role::Server, FromClient::Ping(Ping { id: 1 }), Code::IdReused).await
}

#[tokio::test]
async fn a_server_that_sends_what_supervisors_send_is_refused() -> Outcome {
    from(Role::Server, FromClient::Stop(Stop {}), Code::OutOfOrder).await
}

#[tokio::test]
async fn an_observer_that_claims_is_refused() -> Outcome {
    let claim = FromClient::ReadyFor(ReadyFor {
        id: 2,
        address: "mailer".parse()?,
        socket: SocketMode::Bind,
        more: false,
        provide: false,
    });
    from(Role::Observer, claim, Code::OutOfOrder).await
}
