//! Follows what happens in a directory, for `serverswap events --follow`: what the arbiter reports, whichever process that is, and what is
//! written to the history.
//!
//! It is an observer: it asks for nothing, starts nothing and never becomes the arbiter. Where there is none it waits for one.

use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use serverswap::protocol::message::Event;
use serverswap::session::{SupervisorEvent, SupervisorRole};
use tokio::io::unix::AsyncFd;
use tokio::time::sleep;

use super::arbiter_link::{ArbiterLink, LinkEvent};
use super::arbiter_role::ArbiterRole;
use super::trace::TraceWriter;
use super::{error_map, single_threaded};
use crate::state::Directory;
use crate::sys::async_fd::{OneDescriptor, async_fd, readable};
use crate::ui::{Report, SetupError};

/// How often the history is looked at where the kernel tells nothing (out of inotify instances).
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// What follows.
pub(crate) enum Followed {
    /// The arbiter has reported it.
    Event(Event),
    /// From now on the events of this arbiter follow.
    Linked(Option<u32>),
    /// Something may have been written.
    Written,
    /// For people.
    Told(Report),
}

/// The folders in which something may be written.
struct Changes(Inotify);

impl AsRawFd for Changes {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

impl OneDescriptor for Changes {}

/// Follows until `take` says that nobody wants any more.
///
/// # Errors
/// The runtime cannot be made.
pub(crate) fn follow(
    directory: &Directory,
    folders: &[PathBuf],
    mut take: impl FnMut(Followed) -> io::Result<()>,
) -> Result<io::Result<()>, SetupError> {
    let runtime = single_threaded().map_err(|error| error_map::system("epoll_create1", &error))?;
    Ok(runtime.block_on(async {
        let changes = changes(folders).ok();
        let role = ArbiterRole::onlooker(Rc::new(|_| {}));
        let observer = SupervisorRole::observer();
        let mut link =
            ArbiterLink::of_client(directory.clone(), None, observer, role, TraceWriter::default());
        // What was written before the first watch.
        take(Followed::Written)?;
        loop {
            // It connects with its first step.
            for event in link.step(Vec::new) {
                if let Some(followed) = followed(event, link.arbiter_pid()) {
                    take(followed)?;
                }
            }
            tokio::select! {
                () = link.ready() => {}
                () = changed(changes.as_ref()) => take(Followed::Written)?,
            }
        }
    }))
}

fn followed(event: LinkEvent, arbiter: Option<u32>) -> Option<Followed> {
    match event {
        LinkEvent::Session(SupervisorEvent::Notice(event, _)) => Some(Followed::Event(event)),
        LinkEvent::Session(SupervisorEvent::NotResponding { pid }) => {
            Some(Followed::Told(Report::ArbiterSilent { pid }))
        }
        LinkEvent::Session(SupervisorEvent::Refused(error)) => {
            Some(Followed::Told(Report::ArbiterUnreachable { problem: error.message }))
        }
        LinkEvent::Unreachable(error) => {
            Some(Followed::Told(Report::ArbiterUnreachable { problem: error.to_string() }))
        }
        LinkEvent::Session(SupervisorEvent::Linked) => Some(Followed::Linked(arbiter)),
        LinkEvent::Session(
            SupervisorEvent::LinkLost
            | SupervisorEvent::Verdict(_)
            | SupervisorEvent::BarrierPassed
            | SupervisorEvent::Responding,
        ) => None,
    }
}

fn changes(folders: &[PathBuf]) -> io::Result<AsyncFd<Changes>> {
    let changes = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
    for folder in folders {
        // One that is not there yet has no history; its user is the one who makes it.
        let _ = changes.add_watch(
            folder,
            AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO,
        );
    }
    async_fd(Changes(changes))
}

async fn changed(changes: Option<&AsyncFd<Changes>>) {
    match changes {
        Some(changes) => {
            readable(Some(changes)).await;
            // Whatever it says, the history is looked at next.
            let _ = changes.get_ref().0.read_events();
        }
        None => sleep(LOOK_EVERY).await,
    }
}
