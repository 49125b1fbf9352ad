//! The points that the processes of a run reach: each process reports its point and waits until it may go on; one is held.
//!
//! The other end is `serverswap::sys::points`. There is a socket for each role, so that no
//! process has to name itself; the pid of the one that is held comes from the kernel (SO_PEERCRED).
//!
//! Rule: points count from the first one of the new supervisor on; what the others do before is
//! not part of the handover.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};

use super::roles::Role;

/// The environment variable that names the socket.
pub(super) const VARIABLE: &str = "SERVERSWAP_POINTS";

/// A point as it was passed in a handover.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Point {
    /// By which process.
    pub role: Role,
    /// Its name.
    pub name: String,
    /// How often it has been passed, this time included.
    pub time: u32,
}

/// The points of one run.
pub(super) struct Points {
    folder: PathBuf,
    shared: Arc<Shared>,
    held: mpsc::UnboundedReceiver<HeldProcess>,
}

/// A process that is held at the point that was asked for.
pub(super) struct HeldProcess {
    pub(super) pid: u32,
    go: oneshot::Sender<()>,
}

struct Shared {
    course: Mutex<Course>,
    held: mpsc::UnboundedSender<HeldProcess>,
}

#[derive(Default)]
struct Course {
    has_begun: bool,
    wanted: Option<Point>,
    times: HashMap<(Role, String), u32>,
    passed: Vec<Point>,
}

impl Points {
    /// Opens a socket for each role in `folder`; `wanted` is where a process is to be held.
    pub(super) fn open(folder: &Path, wanted: Option<Point>) -> io::Result<Points> {
        let (sender, held) = mpsc::unbounded_channel();
        let course = Mutex::new(Course { wanted, ..Course::default() });
        let shared = Arc::new(Shared { course, held: sender });
        let points = Points { folder: folder.to_owned(), shared, held };
        for role in Role::ALL {
            let listener = UnixListener::bind(points.socket(role))?;
            tokio::spawn(accept(role, listener, Arc::clone(&points.shared)));
        }
        Ok(points)
    }

    /// The value of [`VARIABLE`] for a process of this role.
    pub(super) fn socket(&self, role: Role) -> PathBuf {
        self.folder.join(format!("{}.points", role.to_string().replace(' ', "-")))
    }

    /// Waits until a process is held; for ever if none reaches the point.
    pub(super) async fn reached(&mut self) -> HeldProcess {
        match self.held.recv().await {
            Some(held) => held,
            None => std::future::pending().await,
        }
    }

    /// From now on no process is held, and one that is goes on: the handover did not pass the point.
    pub(super) fn let_everybody_go(&mut self) {
        self.shared.course().wanted = None;
        while let Ok(held) = self.held.try_recv() {
            held.release();
        }
    }

    /// Every point so far, in the order in which they were passed.
    pub(super) fn passed(&self) -> Vec<Point> {
        self.shared.course().passed.clone()
    }
}

impl HeldProcess {
    /// Lets it go on.
    pub(super) fn release(self) {
        // It may be dead.
        let _ = self.go.send(());
    }
}

impl Shared {
    fn course(&self) -> MutexGuard<'_, Course> {
        self.course.lock().expect("nobody panics while counting")
    }
}

impl Course {
    /// Whether the process is to be held here.
    fn pass(&mut self, role: Role, name: &str) -> bool {
        self.has_begun |= role == Role::NewSupervisor;
        if !self.has_begun {
            return false;
        }
        let time = self.times.entry((role, name.to_owned())).or_default();
        *time += 1;
        let point = Point { role, name: name.to_owned(), time: *time };
        let is_wanted = self.wanted.as_ref() == Some(&point);
        self.passed.push(point);
        is_wanted
    }
}

async fn accept(role: Role, listener: UnixListener, shared: Arc<Shared>) {
    while let Ok((process, _)) = listener.accept().await {
        tokio::spawn(follow(role, process, Arc::clone(&shared)));
    }
}

/// Ends with the connection, which ends with the process.
async fn follow(role: Role, process: UnixStream, shared: Arc<Shared>) -> Option<()> {
    let pid = process.peer_cred().ok()?.pid()?;
    let mut process = BufReader::new(process);
    loop {
        let mut name = String::new();
        if process.read_line(&mut name).await.ok()? == 0 {
            return None;
        }
        if shared.course().pass(role, name.trim_end()) {
            let (go, gone_on) = oneshot::channel();
            shared.held.send(HeldProcess { pid: u32::try_from(pid).ok()?, go }).ok()?;
            gone_on.await.ok()?;
        }
        process.write_all(b"\n").await.ok()?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_count_from_the_first_one_of_the_new_supervisor_on() {
        let wanted = Point { role: Role::OldServer, name: "here".to_owned(), time: 2 };
        let mut course = Course { wanted: Some(wanted), ..Course::default() };
        let held = [
            (Role::OldServer, "here"),
            (Role::NewSupervisor, "here"),
            (Role::OldServer, "here"),
            (Role::OldServer, "there"),
            (Role::OldServer, "here"),
        ]
        .map(|(role, name)| course.pass(role, name));
        assert_eq!(held, [false, false, false, false, true]);
    }
}
