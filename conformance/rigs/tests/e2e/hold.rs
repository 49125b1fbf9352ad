//! Servers in containers of their own, with `serverswap hold` outside: each has a pid namespace, mounts and a network of its own,
//! and nothing in that network.

use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::process::Signal;
use serverswap_conformance::sandbox::{LIMIT, Remaining, Sandbox, Started, free_address};
use serverswap_load::{Target, ask};
use serverswap_protocol::Address;

use crate::Outcome;
use crate::container::isolated;
use crate::processes::signal;
use crate::shop::{configured, load_on, nothing_failed};
use crate::users::{OTHER, can_run, is_root};

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
        let server = ["node".to_owned(), self.sandbox.programs().example("node/http.js")];
        // The first one has another clock, in which it is younger than all others.
        let has_clocks = Path::new("/proc/self/ns/time").exists();
        let clock: &[&str] =
            if version == 1 && has_clocks { &["--time", "--boottime", "864000"] } else { &[] };
        self.of(&self.address, version, clock, &server)
    }

    fn of(
        &self,
        address: &Address,
        version: u32,
        options: &[&str],
        command: &[String],
    ) -> Result<Started, Box<dyn std::error::Error>> {
        let program = self.sandbox.programs().serverswap_deploy.display().to_string();
        let words = [program, "--probation".to_owned(), "0".to_owned()];
        let command: Vec<String> = words.iter().chain(command).cloned().collect();
        Ok(configured(isolated(&self.sandbox, &[&["--net"], options].concat(), &command), address, version)
            .start()?)
    }

    async fn serving(&self, version: u32) -> Result<Started, Box<dyn std::error::Error>> {
        let mut container = self.container(version)?;
        container.prints(&format!("version {version} serves")).await?;
        container.says("up after").await?;
        Ok(container)
    }

    /// The number outside of the first process of a container.
    fn init(&self, version: u32) -> Result<u32, Box<dyn std::error::Error>> {
        let is_init = |one: &Remaining| {
            let is_of_this_version = one.variable("VERSION") == Some(version.to_string());
            is_of_this_version && one.command.contains("serverswap-deploy") && !one.command.contains("--fork")
        };
        Ok(self.sandbox.remaining().iter().find(|one| is_init(one)).ok_or("no PID 1")?.pid)
    }

    /// `docker exec CONTAINER serverswap WORD`
    async fn inside(&self, init: u32, word: &str) -> Result<Started, Box<dyn std::error::Error>> {
        let serverswap = self.sandbox.programs().serverswap.display().to_string();
        let init = init.to_string();
        let words = ["--target", &init, "--pid", "--mount", &serverswap, word].map(str::to_owned);
        let mut command = self.sandbox.command(Path::new("nsenter"), words).start()?;
        ends_well(&mut command).await?;
        Ok(command)
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
    signal(service.init(3)?, Signal::TERM)?;
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

/// The first process of each has the same number; one of them has a stand-in, which names its server by the number that this
/// has inside.
#[tokio::test]
async fn a_reload_inside_a_container_and_hup_are_for_that_container_alone() -> Outcome {
    if !is_root() {
        return Ok(());
    }
    let service = Service::new()?;
    let _holder = service.hold().await?;
    let mut first = service.serving(1).await?;
    let address = free_address();
    let socket = ["--socket".to_owned(), address.to_string(), "python3".to_owned()];
    let server = [service.sandbox.programs().fixture("sockets.py"), "fd".to_owned(), "{fd}".to_owned()];
    let mut second = service.of(&address, 2, &[], &[socket, server].concat())?;
    second.says("up after").await?;
    let (init, other) = (service.init(1)?, service.init(2)?);
    service.inside(init, "reload").await?;
    first.says("reloading: the same command").await?;
    let mut status = service.inside(init, "status").await?;
    assert!(status.stdout().contains(&address.to_string()), "{}", status.stdout());
    assert!(status.stderr().contains("the process ids are those that it sees"), "{}", status.stderr());
    assert!(!second.stderr().contains("reloading"), "{}", second.stderr());
    signal(other, Signal::HUP)?;
    second.says("reloading: the same command").await?;
    second.says("up after").await?;
    assert_eq!(ask(&Target::try_from(&address)?, LIMIT).await?.version.as_deref(), Some("2"));
    for init in [init, other] {
        signal(init, Signal::TERM)?;
    }
    ends_well(&mut first).await?;
    ends_well(&mut second).await?;
    Ok(())
}

/// As in an image with `USER 12345`: its first process is of that user, and so is its server.
#[tokio::test]
async fn an_allowed_user_swaps_in_containers_of_its_own_and_another_is_kept_out() -> Outcome {
    if !is_root() {
        return Ok(());
    }
    let service = Service::new()?;
    set_permissions(service.sandbox.path(), Permissions::from_mode(0o755))?;
    if !can_run(&service.sandbox).await? {
        return Ok(());
    }
    let mut holder = service.sandbox.serverswap(["hold", "--allow-user", &OTHER.to_string()]).start()?;
    holder.says("holds `").await?;
    let as_user = |version: u32, user: u32| {
        let programs = service.sandbox.programs();
        let user = user.to_string();
        let words = ["setpriv", "--reuid", &user, "--regid", &user, "--clear-groups"].map(str::to_owned);
        let deploy =
            [programs.serverswap_deploy.display().to_string(), "--probation".to_owned(), "0".to_owned()];
        let command = [&words[..], &deploy, &["node".to_owned(), programs.example("node/http.js")]].concat();
        configured(isolated(&service.sandbox, &["--net"], &command), &service.address, version).start()
    };
    let mut first = as_user(1, OTHER)?;
    first.says("up after").await?;
    let load = load_on(Target::try_from(&service.address)?).await?;
    let mut stranger = as_user(9, OTHER + 1)?;
    assert_eq!(stranger.exit().await?.status, 125);
    assert!(stranger.stderr().contains("may not speak to the servers of user 0"), "{}", stranger.stderr());
    let mut second = as_user(2, OTHER)?;
    second.says("up after").await?;
    ends_well(&mut first).await?;
    // The container's own user is who `docker exec` runs a command as.
    let init = service.init(2)?.to_string();
    let (user, program) = (OTHER.to_string(), service.sandbox.programs().serverswap.display().to_string());
    let words =
        ["--target", &init, "--pid", "--mount", "--setuid", &user, "--setgid", &user, &program, "reload"];
    let mut reload = service.sandbox.command(Path::new("nsenter"), words.map(str::to_owned)).start()?;
    ends_well(&mut reload).await?;
    nothing_failed(load).await?;
    second.signal(Signal::KILL);
    second.exit().await?;
    Ok(())
}
