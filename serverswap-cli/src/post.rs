//! What ends with this process, apart from itself.
//!
//! Where it is PID 1 of a pid namespace, the kernel ends every process of the namespace with it
//! (pid_namespaces(7)); where it is the main process of a systemd unit, systemd ends every process of the unit's
//! control group, or starts the old command again. A server that was started later, by `docker exec` or `ExecReload=`,
//! would go with it. So a supervisor that is replaced keeps its post, and a command that leaves does not take such
//! a one.

use std::fs;

use serverswap::sys::process;

use crate::cli::environment;

/// A process at which others hang.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Post {
    /// PID 1, or the child for which such a one waits: all of the namespace.
    Init,
    /// The main process of a unit: all of its control group.
    MainOfUnit {
        /// The control groups of this process, as `/proc/PID/cgroup` lists them.
        cgroup: String,
    },
}

/// Programs that are made to be PID 1 of a container and end with their only child.
const INITS: [&str; 4] = ["tini", "docker-init", "dumb-init", "catatonit"];

/// What is known of this process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Circumstances {
    pid: u32,
    parent: u32,
    /// The name of PID 1.
    init: String,
    /// `SYSTEMD_EXEC_PID`: the process that systemd has started.
    exec_pid: Option<u32>,
    /// `MAINPID`: set for control processes only, for example by `ExecReload=` (systemd.exec(5)).
    main_pid: Option<u32>,
    cgroup: String,
}

impl Post {
    /// That of this process; looked at when it starts, since an orphan gets PID 1 as its parent later.
    pub(crate) fn of_this_process() -> Option<Post> {
        let number = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
        let pid = std::process::id();
        of(Circumstances {
            pid,
            parent: process::parent(pid).unwrap_or_default(),
            init: process::name(1).unwrap_or_default(),
            exec_pid: number(environment::SYSTEMD_EXEC_PID),
            main_pid: number(environment::MAINPID),
            cgroup: cgroup(pid),
        })
    }

    /// Whether a process ends with this one.
    pub(crate) fn holds(&self, pid: u32) -> bool {
        match self {
            Post::Init => true,
            Post::MainOfUnit { cgroup: own } => is_within(&cgroup(pid), own),
        }
    }
}

fn of(known: Circumstances) -> Option<Post> {
    let Circumstances { pid, parent, init, exec_pid, main_pid, cgroup } = known;
    let is_init = pid == 1 || (parent == 1 && INITS.contains(&init.as_str()));
    let is_main = exec_pid == Some(pid) && main_pid.is_none_or(|main| main == pid);
    if is_init { Some(Post::Init) } else { is_main.then_some(Post::MainOfUnit { cgroup }) }
}

fn cgroup(pid: u32) -> String {
    fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default()
}

/// Whether every control group of a process is that of `own` or below it; of a process that shows none, nothing
/// is known.
fn is_within(of: &str, own: &str) -> bool {
    let paths =
        |text: &str| text.lines().map(|line| line.trim_end_matches('/').to_owned()).collect::<Vec<_>>();
    let (of, own) = (paths(of), paths(own));
    let below = |path: &String| own.iter().any(|own| path == own || path.starts_with(&format!("{own}/")));
    !of.is_empty() && of.iter().all(below)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started_by_a_shell() -> Circumstances {
        let cgroup = "0::/system.slice/app.service\n".to_owned();
        Circumstances { pid: 70, parent: 60, init: "systemd".to_owned(), cgroup, ..Default::default() }
    }

    #[test]
    fn pid_1_and_the_child_of_an_init_that_ends_with_it_have_a_post() {
        let started = started_by_a_shell;
        assert_eq!(of(started()), None);
        assert_eq!(of(Circumstances { pid: 1, parent: 0, ..started() }), Some(Post::Init));
        assert_eq!(of(Circumstances { parent: 1, ..started() }), None);
        assert_eq!(of(Circumstances { parent: 1, init: "tini".to_owned(), ..started() }), Some(Post::Init));
    }

    #[test]
    fn the_main_process_of_a_unit_has_a_post_and_a_control_process_has_none() {
        let main = Circumstances { exec_pid: Some(70), ..started_by_a_shell() };
        let post = Some(Post::MainOfUnit { cgroup: main.cgroup.clone() });
        assert_eq!(of(main.clone()), post);
        assert_eq!(of(Circumstances { main_pid: Some(50), ..main.clone() }), None);
        assert_eq!(of(Circumstances { exec_pid: Some(60), ..main }), None);
    }

    #[test]
    fn a_process_in_a_control_group_below_is_within_and_one_beside_is_not() {
        let own = "0::/system.slice/app.service\n";
        assert!(is_within(own, own));
        assert!(is_within("0::/system.slice/app.service/one\n", own));
        assert!(!is_within("0::/system.slice/app.service2\n", own));
        assert!(!is_within("", own));
    }
}
