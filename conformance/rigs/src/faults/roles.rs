//! The dimensions of the matrix: which process is hit, with what, in which scene, with which kind of socket.

use std::fmt;

/// A process of a handover.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// The supervisor of another server, on another address: the arbiter of its scene.
    Neighbour,
    /// The supervisor of version 1.
    OldSupervisor,
    /// Version 1.
    OldServer,
    /// The supervisor of version 2.
    NewSupervisor,
    /// Version 2.
    NewServer,
}

/// Which processes there are when version 2 is deployed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scene {
    /// The supervisor of version 1 has stayed, and is the arbiter.
    Stays,
    /// The supervisor of version 1 has left: version 1 is an orphan, the one of version 2
    /// becomes the arbiter, and leaves too.
    Left,
    /// A third supervisor is the arbiter.
    Third,
}

/// How the address is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// The listener is passed on.
    Inherit,
    /// Exclusively: each version binds it for itself.
    Bind,
    /// The server knows nothing of serverswap: its bind(2) is intercepted. It reports no points.
    Intercept,
}

/// What happens to a process at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// SIGKILL.
    Kill,
    /// SIGSTOP, and SIGCONT later.
    StopAndGoOn,
    /// SIGSTOP, and SIGKILL later.
    StopAndKill,
}

impl Role {
    pub(super) const ALL: [Role; 5] =
        [Role::Neighbour, Role::OldSupervisor, Role::OldServer, Role::NewSupervisor, Role::NewServer];

    /// Whether it serves the address.
    pub(super) fn is_server(self) -> bool {
        matches!(self, Role::OldServer | Role::NewServer)
    }
}

impl Scene {
    pub(super) const ALL: [Scene; 3] = [Scene::Stays, Scene::Left, Scene::Third];
}

impl Mode {
    pub(super) const ALL: [Mode; 3] = [Mode::Inherit, Mode::Bind, Mode::Intercept];
}

impl Fault {
    pub(super) const ALL: [Fault; 3] = [Fault::Kill, Fault::StopAndGoOn, Fault::StopAndKill];

    /// Whether the process is dead afterwards.
    pub(super) fn is_final(self) -> bool {
        matches!(self, Fault::Kill | Fault::StopAndKill)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Role::Neighbour => "third supervisor",
            Role::OldSupervisor => "old supervisor",
            Role::OldServer => "old server",
            Role::NewSupervisor => "new supervisor",
            Role::NewServer => "new server",
        })
    }
}

impl fmt::Display for Scene {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Scene::Stays => "the old supervisor has stayed and is the arbiter",
            Scene::Left => "the old supervisor has left, the new one is the arbiter and leaves too",
            Scene::Third => "a third supervisor is the arbiter",
        })
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Mode::Inherit => "inherit",
            Mode::Bind => "bind",
            Mode::Intercept => "intercept",
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Fault::Kill => "kill",
            Fault::StopAndGoOn => "stop, go on",
            Fault::StopAndKill => "stop, kill",
        })
    }
}
