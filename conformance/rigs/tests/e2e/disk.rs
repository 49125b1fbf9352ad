//! A runtime directory on a disk that is full, on one that is read-only, and one without the right to write.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::process::Signal;
use serverswap_conformance::sandbox::{Invocation, Sandbox, Started, free_address};

use crate::Outcome;
use crate::processes::ended;
use crate::shop::{Shop, configured, nothing_failed};
use crate::users::{his_deploy, his_sandbox};

/// The exit status of a deploy that is refused by the machine or by the arbiter.
const REFUSED: i32 = 125;

/// A small disk for the runtime directory, in a mount namespace that ends with the sandbox.
struct Disk {
    /// A process of the namespace.
    pid: String,
    /// The runtime directory, from outside the namespace.
    folder: PathBuf,
    _holder: Started,
}

impl Disk {
    /// None where nobody may mount anything.
    async fn mount(sandbox: &Sandbox) -> Result<Option<Disk>, Box<dyn std::error::Error>> {
        let run = sandbox.runtime_dir();
        let mount = format!(
            "mkdir -m 700 '{0}' && mount -t tmpfs -o size=64k,mode=700 none '{0}' && echo mounted by $$ && exec sleep 600",
            run.display()
        );
        let script = "unshare --mount sh -c \"$0\" || echo nothing is mounted";
        let mut holder = sandbox.command(Path::new("sh"), ["-c", script, &mount]).start()?;
        let line = holder.prints("mounted").await?;
        let Some(pid) = line.strip_prefix("mounted by ") else {
            println!("skipped: nobody may mount a disk here: {}", holder.stderr());
            return Ok(None);
        };
        let folder = Path::new("/proc").join(pid).join("root").join(run.strip_prefix("/")?);
        Ok(Some(Disk { pid: pid.to_owned(), folder, _holder: holder }))
    }

    fn within(&self, sandbox: &Sandbox, command: &[&str]) -> Invocation {
        let options = ["--target", &self.pid, "--mount", "--"];
        sandbox.command(Path::new("nsenter"), options.iter().chain(command).copied())
    }

    fn deploy(&self, shop: &Shop, version: u32) -> Invocation {
        deploy(self, &shop.sandbox, &shop.address, version)
    }

    /// Writes until nothing more fits.
    fn fill(&self) -> std::io::Result<()> {
        let mut file = std::fs::File::create(self.folder.join("fills-it"))?;
        while file.write_all(&[0; 4096]).is_ok() {}
        Ok(())
    }

    fn empty(&self) -> std::io::Result<()> {
        std::fs::remove_file(self.folder.join("fills-it"))
    }

    async fn remount(&self, sandbox: &Sandbox, how: &str) -> Outcome {
        let run = sandbox.runtime_dir().display().to_string();
        let mut mount = self.within(sandbox, &["mount", "-o", &format!("remount,{how}"), &run]).start()?;
        assert_eq!(mount.exit().await?.status, 0, "{}", mount.stderr());
        Ok(())
    }
}

fn deploy(
    disk: &Disk,
    sandbox: &Sandbox,
    address: &serverswap_protocol::Address,
    version: u32,
) -> Invocation {
    let deploy = sandbox.programs().serverswap_deploy.display().to_string();
    let file = sandbox.programs().example("node/http.js");
    configured(disk.within(sandbox, &[&deploy, "--probation", "0", "node", &file]), address, version)
}

/// Version 1 serves, with its state on a disk of its own.
async fn open() -> Result<Option<(Shop, Disk)>, Box<dyn std::error::Error>> {
    let (sandbox, address) = (Sandbox::new()?, free_address());
    let Some(disk) = Disk::mount(&sandbox).await? else {
        return Ok(None);
    };
    let mut serving = deploy(&disk, &sandbox, &address, 1).start()?;
    serving.says("up after").await?;
    Ok(Some((Shop { sandbox, address, serving }, disk)))
}

/// A deploy is refused with a reason, and the old server serves on.
async fn is_refused(shop: &Shop, deploy: Invocation, words: &str) -> Outcome {
    let (old, lives) = (shop.ask().await?, shop.sandbox.remaining().len());
    let mut refused = deploy.start()?;
    let exit = refused.exit().await?;
    let stderr = refused.stderr();
    assert_eq!(exit.status, REFUSED, "{stderr}");
    assert!(stderr.contains(words) && stderr.contains("error: ") && stderr.contains("hint: "), "{stderr}");
    assert_eq!(shop.ask().await?, old);
    assert_eq!(shop.sandbox.remaining().len(), lives, "{:?}", shop.sandbox.remaining());
    Ok(())
}

#[tokio::test]
async fn on_a_full_disk_a_deploy_is_refused_and_works_when_there_is_room_again() -> Outcome {
    let Some((mut shop, disk)) = open().await? else {
        return Ok(());
    };
    let load = shop.load().await?;
    disk.fill()?;
    is_refused(&shop, disk.deploy(&shop, 2), "No space left on device").await?;
    disk.empty()?;
    let mut new = disk.deploy(&shop, 3).start()?;
    new.says("up after").await?;
    assert_eq!(shop.serving.exit().await?.status, 0, "{}", shop.serving.stderr());
    nothing_failed(load).await?;
    assert_eq!(shop.ask().await?.1, "3");
    Ok(())
}

#[tokio::test]
async fn on_a_full_disk_the_orphan_of_a_killed_arbiter_serves_on_and_is_replaced_later() -> Outcome {
    let Some((mut shop, disk)) = open().await? else {
        return Ok(());
    };
    let load = shop.load().await?;
    let (old, _) = shop.ask().await?;
    disk.fill()?;
    shop.serving.signal(Signal::KILL);
    shop.serving.exit().await?;
    is_refused(&shop, disk.deploy(&shop, 2), "No space left on device").await?;
    disk.empty()?;
    let mut new = disk.deploy(&shop, 3).start()?;
    new.says("up after").await?;
    ended(old).await?;
    nothing_failed(load).await?;
    assert_eq!(shop.ask().await?.1, "3");
    Ok(())
}

#[tokio::test]
async fn on_a_read_only_disk_nothing_is_started_and_the_reason_is_printed() -> Outcome {
    let (sandbox, address) = (Sandbox::new()?, free_address());
    let Some(disk) = Disk::mount(&sandbox).await? else {
        return Ok(());
    };
    disk.remount(&sandbox, "ro").await?;
    let lives = sandbox.remaining().len();
    let mut refused = deploy(&disk, &sandbox, &address, 1).start()?;
    assert_eq!(refused.exit().await?.status, REFUSED, "{}", refused.stderr());
    let stderr = refused.stderr();
    let is_told = stderr.contains("Read-only file system") && stderr.contains("nothing was started");
    assert!(is_told && stderr.contains("hint: "), "{stderr}");
    assert_eq!(sandbox.remaining().len(), lives, "{:?}", sandbox.remaining());
    Ok(())
}

/// Root may write everywhere, so it is somebody else then.
fn deploy_of_a_user(sandbox: &Sandbox, address: &serverswap_protocol::Address, version: u32) -> Invocation {
    let command = if rustix::process::getuid().is_root() {
        his_deploy(sandbox)
    } else {
        sandbox.deploy(["node".to_owned(), sandbox.programs().example("node/http.js")])
    };
    configured(command, address, version)
}

#[tokio::test]
async fn in_a_directory_without_the_right_to_write_a_deploy_is_refused_and_later_it_works() -> Outcome {
    let is_root = rustix::process::getuid().is_root();
    let sandbox = if is_root { his_sandbox().await? } else { Some(Sandbox::new()?) };
    let Some(sandbox) = sandbox else {
        return Ok(());
    };
    let address = free_address();
    let mut serving = deploy_of_a_user(&sandbox, &address, 1).start()?;
    serving.says("up after").await?;
    let mut shop = Shop { sandbox, address, serving };
    let load = shop.load().await?;
    let mode = |mode| std::fs::set_permissions(shop.sandbox.runtime_dir(), PermissionsExt::from_mode(mode));
    mode(0o500)?;
    is_refused(&shop, deploy_of_a_user(&shop.sandbox, &shop.address, 2), "Permission denied").await?;
    mode(0o700)?;
    let mut new = deploy_of_a_user(&shop.sandbox, &shop.address, 3).start()?;
    new.says("up after").await?;
    assert_eq!(shop.serving.exit().await?.status, 0, "{}", shop.serving.stderr());
    nothing_failed(load).await?;
    assert_eq!(shop.ask().await?.1, "3");
    Ok(())
}
