//! A driver under a supervisor, used as a server: it claims, serves, and releases when it is taken down.

use std::path::Path;

use serverswap_protocol::Address;
use tokio::net::UnixListener;

use super::SwapError;
use super::driver_control::DriverControl;
use super::drivers::Driver;
use serverswap_conformance::contract::{
    CONFORMANCE_VARIABLE, CONTRACT, Claim, Command, Event, Socket, Support,
};
use serverswap_conformance::sandbox::{Sandbox, Started};

/// One server and the command that started it.
pub(super) struct DrivenServer {
    who: &'static str,
    address: String,
    started: Started,
    driver: DriverControl,
    socket: Socket,
}

/// Whether a driver can be a whole server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Able {
    /// Yes, and this is how it takes its address: by `inherit` if it declares that.
    By(Socket),
    /// It does not declare `serve`.
    No,
}

impl DrivenServer {
    /// Starts `serverswap-deploy RELAY CONTROL DRIVER…`.
    pub(super) async fn start(
        sandbox: &Sandbox,
        relay: &Path,
        driver: &Driver,
        who: &'static str,
        address: &Address,
    ) -> Result<DrivenServer, SwapError> {
        let control = sandbox.path().join(format!("{who}.sock"));
        let listener = UnixListener::bind(&control).map_err(SwapError::Control)?;
        let relay = [relay.display().to_string(), "relay".to_owned(), control.display().to_string()];
        let trace = ["--trace".to_owned(), sandbox.recording().display().to_string()];
        let words =
            trace.into_iter().chain(relay).chain(["--".to_owned()]).chain(driver.command.iter().cloned());
        let started = sandbox.deploy(words).env(CONFORMANCE_VARIABLE, "1").start()?;
        let driver = DriverControl::accept(&listener, who).await?;
        Ok(DrivenServer { who, address: address.to_string(), started, driver, socket: Socket::Bind })
    }

    /// Sends `hello` to the driver and connects it.
    pub(super) async fn connect(&mut self) -> Result<Able, SwapError> {
        let suite = env!("CARGO_PKG_VERSION").to_owned();
        let hello = self.driver.command(Command::Hello { contract: vec![CONTRACT], suite }).await?;
        let contract = |error: serverswap_conformance::contract::ReplyBodyError| SwapError::Contract {
            who: self.who,
            why: error.to_string(),
        };
        let supports = hello.hello().map_err(contract)?.supports;
        if !supports.contains(&Support::Serve) {
            return Ok(Able::No);
        }
        if supports.contains(&Support::Inherit) {
            self.socket = Socket::Inherit;
        }
        self.driver.command(Command::Connect {}).await?;
        Ok(Able::By(self.socket))
    }

    /// Claims the address, and serves it when it is granted.
    pub(super) async fn serve(&mut self) -> Result<(), SwapError> {
        let address = self.address.clone();
        self.driver.command(Command::OnTakedown { address: address.clone() }).await?;
        let claim =
            Claim { op: "claim".to_owned(), address: address.clone(), socket: self.socket, more: false };
        self.driver.command(Command::ReadyFor(claim)).await?;
        let granted = |event: &Event| match event {
            Event::Granted { listener, .. } => Some(*listener),
            Event::Waiting { .. }
            | Event::Refused { .. }
            | Event::Takedown { .. }
            | Event::Accepted { .. }
            | Event::Stopped { .. }
            | Event::Forked { .. }
            | Event::Lost { .. }
            | Event::Warning { .. } => None,
        };
        let has_listener = self.driver.event("`granted`", granted).await?;
        if self.socket == Socket::Inherit && !has_listener {
            return Err(SwapError::NoListener { who: self.who });
        }
        self.driver.command(Command::Serve { address: address.clone() }).await?;
        self.driver.command(Command::Serving { address }).await?;
        Ok(())
    }

    /// Waits for the takedown, releases, drains and exits. Returns the exit status of its command.
    pub(super) async fn let_go(mut self) -> Result<i32, SwapError> {
        let address = self.address.clone();
        let takedown = |event: &Event| matches!(event, Event::Takedown { .. }).then_some(());
        self.driver.event("`takedown`", takedown).await?;
        let stop = Command::Stop { address: address.clone(), op: "stop".to_owned() };
        self.driver.command(stop).await?;
        self.driver.command(Command::Released { address }).await?;
        let stopped = |event: &Event| matches!(event, Event::Stopped { .. }).then_some(());
        self.driver.event("`stopped`", stopped).await?;
        self.driver.end().await?;
        Ok(self.started.exit().await?.status)
    }

    /// Ends by itself; no server takes over. Returns the exit status of its command.
    pub(super) async fn end(mut self) -> Result<i32, SwapError> {
        self.driver.end().await?;
        Ok(self.started.exit().await?.status)
    }
}
