//! Servers in containers of their own, with `serverswap hold` outside: each has a pid namespace, mounts and a network of its own,
//! and nothing in that network.

use rustix::process::Signal;
use serverswap_conformance::sandbox::{LIMIT, Sandbox, Started, free_address};
use serverswap_load::{Target, ask};
use serverswap_protocol::Address;

use crate::Outcome;
use crate::container::{isolated, server};
use crate::shop::{configured, load_on, nothing_failed};
use crate::users::is_root;

/// A service that consists of containers.
struct Service {
    sandbox: Sandbox,
    address: Address,
}

impl Service {
    fn new() -> Result<Service, Box<dyn std::error::Error>> {
        Ok(Service { sandbox: Sandbox::new()?, address: free_address() })
    }

    /// What a compose file has as `hold`.
    async fn hold(&self) -> Result<Started, Box<dyn std::error::Error>> {
        let mut holder = self.sandbox.serverswap(["hold"]).start()?;
        holder.says("holds `").await?;
        Ok(holder)
    }

    /// Another container of an image of this version.
    fn container(&self, version: u32) -> Result<Started, Box<dyn std::error::Error>> {
        let [program, arguments @ ..] = server(&self.sandbox, &self.sandbox.programs().serverswap_deploy);
        let at_once = ["--probation", "0"].map(str::to_owned);
        let command: Vec<String> = [program].into_iter().chain(at_once).chain(arguments).collect();
        Ok(configured(isolated(&self.sandbox, &["--net"], &command), &self.address, version).start()?)
    }

    async fn serving(&self, version: u32) -> Result<Started, Box<dyn std::error::Error>> {
        let mut container = self.container(version)?;
        container.prints(&format!("version {version} serves")).await?;
        container.says("up after").await?;
        Ok(container)
    }

    async fn version(&self) -> Result<Option<String>, Box<dyn std::error::Error>> {
        Ok(ask(&Target::try_from(&self.address)?, LIMIT).await?.version)
    }
}

async fn ends_well(container: &mut Started) -> Outcome {
    assert_eq!(container.exit().await?.status, 0, "{}", container.stderr());
    Ok(())
}

#[tokio::test]
async fn containers_without_a_network_swap_a_port_also_when_their_holder_is_killed() -> Outcome {
    if !is_root() {
        return Ok(());
    }
    let service = Service::new()?;
    let mut holder = service.hold().await?;
    holder.signal(Signal::HUP);
    let mut first = service.serving(1).await?;
    let load = load_on(Target::try_from(&service.address)?).await?;
    let mut second = service.serving(2).await?;
    ends_well(&mut first).await?;
    let mut status = service.sandbox.serverswap(["status", &service.address.to_string()]).start()?;
    ends_well(&mut status).await?;
    holder.signal(Signal::KILL);
    holder.exit().await?;
    second.says("waiting for an arbiter").await?;
    let mut third = service.container(3)?;
    third.says("waiting for an arbiter").await?;
    assert_eq!(service.version().await?.as_deref(), Some("2"));
    let mut holder = service.hold().await?;
    third.prints("version 3 serves").await?;
    ends_well(&mut second).await?;
    holder.signal(Signal::TERM);
    ends_well(&mut holder).await?;
    nothing_failed(load).await?;
    assert_eq!(service.version().await?.as_deref(), Some("3"));
    // As an engine stops a container.
    let init = service.sandbox.remaining().into_iter();
    let init =
        init.filter(|one| one.command.contains("serverswap-deploy") && !one.command.contains("--fork"));
    for one in init {
        crate::processes::signal(one.pid, Signal::TERM)?;
    }
    ends_well(&mut third).await?;
    assert!(service.sandbox.remaining().is_empty(), "{:?}", service.sandbox.remaining());
    Ok(())
}

#[tokio::test]
async fn a_container_without_a_holder_keeps_others_out_and_makes_way_for_one() -> Outcome {
    if !is_root() {
        return Ok(());
    }
    let service = Service::new()?;
    let mut first = service.serving(1).await?;
    let mut refused = service.container(2)?;
    assert_eq!(refused.exit().await?.status, 125);
    let said = refused.stderr();
    assert!(said.contains("in use in another pid namespace") && said.contains("`serverswap hold`"), "{said}");
    let _holder = service.hold().await?;
    let mut second = service.serving(2).await?;
    ends_well(&mut first).await?;
    assert!(first.stderr().contains("has an arbiter that sees more"), "{}", first.stderr());
    second.signal(Signal::KILL);
    second.exit().await?;
    Ok(())
}
