//! Containers by unshare(1), as `packaging/container/compose.yaml` describes them.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process};
use serverswap_conformance::sandbox::{Sandbox, SandboxError, Started};
use serverswap_protocol::Address;

/// `pid: host`, `network_mode: host`, the capabilities and the root of the service `hold`. To change the root takes one more.
const HOLD: &str = r#"mount --bind "$SWAP" "$ROOT/run/serverswap" && mount -t proc proc "$ROOT/proc" && mount --rbind /dev "$ROOT/dev" &&
    exec setpriv --bounding-set=-all,+kill,+net_bind_service,+sys_ptrace,+sys_chroot \
    env -i SERVERSWAP_DIR=/run/serverswap "$(command -v chroot)" "$ROOT" /usr/local/bin/serverswap hold"#;

/// The service `app`; the image has the files of this machine.
const APP: &str = r#"mount -t tmpfs tmpfs /run && mkdir /run/serverswap && mount --bind "$SWAP" /run/serverswap &&
    export SERVERSWAP_DIR=/run/serverswap && exec "$DEPLOY" --probation 0 node "$SERVER""#;

/// What starts containers.
pub(super) struct Engine<'a> {
    sandbox: &'a Sandbox,
    root: PathBuf,
    swap: PathBuf,
    address: &'a Address,
}

/// A container; its command is that of the engine.
pub(super) struct Container {
    pub(super) command: Started,
}

impl<'a> Engine<'a> {
    /// With the root of the image `serverswap`, and the volume.
    pub(super) fn new(sandbox: &'a Sandbox, program: &Path, address: &'a Address) -> io::Result<Self> {
        let (root, swap) = (sandbox.path().join("root"), sandbox.path().join("swap"));
        for folder in ["usr/local/bin", "run/serverswap", "proc", "dev"] {
            fs::create_dir_all(root.join(folder))?;
        }
        fs::copy(program, root.join("usr/local/bin/serverswap"))?;
        fs::create_dir(&swap)?;
        fs::set_permissions(&swap, fs::Permissions::from_mode(0o700))?;
        Ok(Engine { sandbox, root, swap, address })
    }

    /// The service `hold`, when it holds.
    pub(super) async fn hold(&self) -> Result<Container, SandboxError> {
        let mut container = self.container(&["--mount"], HOLD, 0)?;
        container.command.says("holds `").await?;
        Ok(container)
    }

    /// One more of the service `app`.
    pub(super) fn app(&self, version: u32) -> Result<Container, SandboxError> {
        self.container(&["--mount", "--pid", "--mount-proc", "--net", "--ipc", "--uts"], APP, version)
    }

    fn container(&self, namespaces: &[&str], script: &str, version: u32) -> Result<Container, SandboxError> {
        let usual = ["--fork", "--kill-child", "sh", "-c", script];
        let words = namespaces.iter().chain(&usual);
        let programs = self.sandbox.programs();
        let command = self.sandbox.command(Path::new("unshare"), words.map(|word| (*word).to_owned()));
        let command = command.env("ROOT", &self.root).env("SWAP", &self.swap);
        let command = command
            .env("DEPLOY", &programs.serverswap_deploy)
            .env("SERVER", programs.example("node/http.js"));
        let command = command.env("ADDRESS", self.address.to_string()).env("VERSION", version.to_string());
        Ok(Container { command: command.start()? })
    }
}

impl Container {
    /// As an engine stops it: TERM to its first process.
    pub(super) fn stop(&self) -> io::Result<()> {
        let engine = self.command.pid();
        let children = fs::read_to_string(format!("/proc/{engine}/task/{engine}/children"))?;
        let first = children.split_whitespace().next().and_then(|text| text.parse().ok());
        let first = first.and_then(Pid::from_raw).ok_or_else(|| io::Error::other("it has ended"))?;
        Ok(kill_process(first, Signal::TERM)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What follows the name of a service, up to the next one.
    fn service(name: &str) -> String {
        let text = include_str!("../../../../packaging/container/compose.yaml");
        let after = text.split(&format!("\n  {name}:\n")).nth(1).expect("there is one");
        after
            .lines()
            .take_while(|line| line.is_empty() || line.starts_with("    "))
            .collect::<Vec<_>>()
            .join("\n")
    }

    #[test]
    fn the_compose_file_says_what_is_done_here() {
        let hold = service("hold");
        for line in
            ["pid: host", "network_mode: host", "cap_drop: [ALL]", "swap:/run/serverswap", "command: [hold]"]
        {
            assert!(hold.contains(line), "{line} in {hold}");
        }
        let (_, capabilities) = hold.split_once("cap_add: [").expect("there are some");
        let capabilities = capabilities.split(']').next().unwrap_or_default().to_lowercase();
        for capability in capabilities.split(", ") {
            assert!(HOLD.contains(&format!("+{capability},")), "{capability}");
        }
        let app = service("app");
        for line in
            ["network_mode: none", "SERVERSWAP_DIR: /run/serverswap", "swap:/run/serverswap", "on-failure"]
        {
            assert!(app.contains(line), "{line} in {app}");
        }
        assert!(!app.contains("pid:"), "it has a pid namespace of its own");
    }
}
