//! Who has typed a command, as far as the kernel and the environment say: the user, and from where.

use std::fs;

use nix::unistd::{Uid, User};
use serde::{Deserialize, Serialize};
use serverswap::sys::process;

use crate::cli::environment::{SERVERSWAP_RELOAD, SSH_CONNECTION, SUDO_USER};

/// What `/proc/PID/loginuid` has if nobody has logged in (proc(5)).
const NO_LOGIN: u32 = u32::MAX;

/// Who did something.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct Who {
    /// The user.
    pub(crate) uid: u32,
    /// The user's name, if it is listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// Who has logged in, if that is another one: by sudo(8), for example.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) login: Option<String>,
    /// The terminal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tty: Option<String>,
    /// The systemd unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) unit: Option<String>,
    /// The address of the ssh client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ssh: Option<String>,
}

impl Who {
    /// Who has typed this command: for the next generation of a resident, who has asked that one for it. To be looked at before
    /// root becomes another user.
    pub(crate) fn of_this_command() -> Who {
        let asked = std::env::var(SERVERSWAP_RELOAD).ok();
        let asked = asked.and_then(|text| serde_json::from_str(&text).ok());
        asked.unwrap_or_else(|| Who::of(std::process::id()))
    }

    /// Who has started a process; of one that is gone, nothing but that.
    pub(crate) fn of(pid: u32) -> Who {
        let file = |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
        let variable = |name| process::environment(pid, name).and_then(|text| text.into_string().ok());
        let uid = real_uid(&file("status")).unwrap_or_else(|| Uid::current().as_raw());
        let name = name_of(uid);
        let login = file("loginuid").trim().parse().ok().filter(|login| *login != NO_LOGIN);
        let login = login.and_then(name_of).or_else(|| variable(SUDO_USER));
        let streams = (0..3).filter_map(|number| fs::read_link(format!("/proc/{pid}/fd/{number}")).ok());
        Who {
            uid,
            login: login.filter(|login| Some(login) != name.as_ref()),
            name,
            tty: streams.filter_map(|link| terminal(&link.to_string_lossy())).next(),
            unit: unit(&file("cgroup")),
            ssh: variable(SSH_CONNECTION).and_then(|text| text.split(' ').next().map(str::to_owned)),
        }
    }

    /// Who has sent a signal: of a process that has ended since, such as kill(1), it is known of which user it was.
    pub(crate) fn of_sender(pid: Option<u32>, uid: u32) -> Who {
        let sender = pid.filter(|pid| *pid != 0).map(Who::of).filter(|who| who.uid == uid);
        sender.unwrap_or_else(|| Who { uid, name: name_of(uid), ..Who::default() })
    }

    /// `ann (pts/3, ssh 10.0.0.7)`.
    pub(crate) fn text(&self) -> String {
        let login = self.login.as_ref().map(|login| format!("login {login}"));
        let ssh = self.ssh.as_ref().map(|client| format!("ssh {client}"));
        let from = login.into_iter().chain(self.tty.clone()).chain(ssh).chain(self.unit.clone());
        let from: Vec<String> = from.collect();
        let name = self.name.clone().unwrap_or_else(|| format!("uid {}", self.uid));
        if from.is_empty() { name } else { format!("{name} ({})", from.join(", ")) }
    }
}

fn name_of(uid: u32) -> Option<String> {
    User::from_uid(Uid::from_raw(uid)).ok().flatten().map(|user| user.name)
}

/// From `/proc/PID/status`.
fn real_uid(status: &str) -> Option<u32> {
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    line.split_whitespace().next()?.parse().ok()
}

fn terminal(link: &str) -> Option<String> {
    let name = link.strip_prefix("/dev/")?;
    (name.starts_with("pts/") || name.starts_with("tty")).then(|| name.to_owned())
}

/// The innermost service in `/proc/PID/cgroup`; that which every process of a user is in says nothing.
fn unit(cgroup: &str) -> Option<String> {
    let parts = cgroup.lines().flat_map(|line| line.rsplit('/'));
    let mut services = parts.filter(|part| part.ends_with(".service") && !part.starts_with("user@"));
    services.next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_the_innermost_service_and_a_login_session_is_none() {
        assert_eq!(unit("0::/system.slice/app.service/inner\n").as_deref(), Some("app.service"));
        assert_eq!(unit("0::/user.slice/user-7.slice/user@7.service/app.slice\n"), None);
        let of_a_user = "0::/user.slice/user-7.slice/user@7.service/app.slice/my.service\n";
        assert_eq!(unit(of_a_user).as_deref(), Some("my.service"));
        assert_eq!(unit("0::/user.slice/user-7.slice/session-3.scope\n"), None);
    }

    #[test]
    fn a_terminal_is_named_and_a_file_is_none() {
        assert_eq!(terminal("/dev/pts/3").as_deref(), Some("pts/3"));
        assert_eq!((terminal("/dev/null"), terminal("pipe:[7]")), (None, None));
    }

    #[test]
    fn the_user_is_told_with_what_is_known_of_where() {
        let ann = Who { uid: 7, name: Some("ann".to_owned()), ..Who::default() };
        assert_eq!(ann.text(), "ann");
        let from = Who { tty: Some("pts/3".to_owned()), ssh: Some("10.0.0.7".to_owned()), ..ann };
        assert_eq!(from.text(), "ann (pts/3, ssh 10.0.0.7)");
        assert_eq!(Who { uid: 9, ..Who::default() }.text(), "uid 9");
    }

    #[test]
    fn of_a_sender_that_is_gone_the_user_is_known() {
        let own = Uid::current().as_raw();
        assert_eq!(Who::of_sender(Some(std::process::id()), own), Who::of(std::process::id()));
        let gone = Who { uid: own + 1, name: name_of(own + 1), ..Who::default() };
        assert_eq!(Who::of_sender(Some(std::process::id()), own + 1), gone);
        assert_eq!(Who::of_sender(None, own + 1), gone);
    }

    #[test]
    fn this_process_is_of_this_user() {
        let this = Who::of(std::process::id());
        assert_eq!(this.uid, Uid::current().as_raw());
    }
}
