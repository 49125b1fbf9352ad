//! The first `welcome`: before it nothing is started, and without it nothing will be.

use std::collections::BTreeMap;
use std::pin::pin;

use super::error_map;
use super::link::{Link, LinkEvent};
use super::owned::Owned;
use crate::state::Directory;
use crate::ui::SetupError;

/// Waits for the first `welcome`, until it is `too_late`; returns what came with it.
///
/// # Errors
/// No arbiter can be had, or the one that lives does not answer.
pub(super) async fn first_link(
    link: &mut Link,
    directory: &Directory,
    too_late: impl Future<Output = ()>,
) -> Result<Vec<LinkEvent>, SetupError> {
    let (kept, mut too_late) = (BTreeMap::new(), pin!(too_late));
    loop {
        tokio::select! {
            () = link.ready() => {}
            () = &mut too_late => return Err(link.no_answer(directory)),
        }
        let mut events = link.step(Owned { holding: Vec::new(), kept: &kept }).into_iter();
        while let Some(event) = events.next() {
            match event {
                LinkEvent::Linked => return Ok(events.collect()),
                LinkEvent::NotResponding { .. } if link.is_in_office() => {
                    return Err(error_map::cannot_accept());
                }
                LinkEvent::NotResponding { pid } => {
                    let directory = directory.path().to_owned();
                    return Err(SetupError::ArbiterNotResponding { directory, pid });
                }
                LinkEvent::Refused { code, message } => {
                    return Err(error_map::refused(directory, code, message));
                }
                LinkEvent::Unreachable(error) => return Err(error_map::unreachable(directory, &error)),
                LinkEvent::Lost | LinkEvent::Told(..) | LinkEvent::Verdict(_) | LinkEvent::BarrierPassed => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::io::{BufRead, BufReader, Write};
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::rc::Rc;
    use std::time::Duration;

    use serverswap::protocol::Generation;
    use serverswap::protocol::message::{ArbiterInfo, Form, FromArbiter, Greeting, Limits, VERSION};

    use tokio::task::spawn_blocking;

    use super::*;
    use crate::runtime::arbiter_role::ArbiterRole;
    use crate::runtime::trace::TraceWriter;
    use crate::state::Lock;
    use crate::supervisor::{Plan, Restart};

    fn greeting() -> String {
        let arbiter = ArbiterInfo { name: "hangs".to_owned(), version: "1".to_owned(), pid: 1 };
        let (versions, capabilities) = (vec![VERSION], BTreeMap::new());
        let greeting = Greeting { versions, arbiter, capabilities, limits: Limits::V1 };
        serde_json::to_string(&FromArbiter::Greeting(greeting)).expect("a message is JSON")
    }

    fn link(directory: &Directory) -> Link {
        let plan = Plan {
            command: "server".to_owned(),
            form: Form::Stay,
            restart: Restart::Never,
            ready_timeout: Duration::from_secs(1),
            drain_timeout: Duration::from_secs(1),
            kill_timeout: Duration::from_secs(1),
            probation: Duration::ZERO,
            generation: Generation { start: 1, pid: 1 },
        };
        let role = ArbiterRole::new(plan.form, Rc::new(|_| {}), TraceWriter::default());
        Link::new(directory.clone(), plan, role, TraceWriter::default())
    }

    /// An arbiter that accepts, and is silent from then on.
    fn accepts_and_hangs(listener: &UnixListener) -> UnixStream {
        listener.accept().expect("it connects").0
    }

    /// An arbiter that greets, reads the `hello`, and is silent from then on.
    fn greets_and_hangs(listener: &UnixListener) -> UnixStream {
        let mut client = accepts_and_hangs(listener);
        writeln!(client, "{}", greeting()).expect("it reads");
        let mut hello = String::new();
        BufReader::new(&client).read_line(&mut hello).expect("it answers");
        assert!(hello.contains(r#""type":"hello""#), "{hello}");
        client
    }

    /// The clock stands still while the arbiter acts, and jumps to the next deadline when it hangs.
    async fn is_named(hangs: fn(&UnixListener) -> UnixStream) {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let directory = Directory::prepare(&folder.path().join("run")).expect("made");
        let _lock = Lock::try_take(&directory.lock()).expect("free");
        let listener = UnixListener::bind(directory.socket()).expect("a free path");
        let arbiter = spawn_blocking(move || hangs(&listener));
        let (mut link, pid) = (link(&directory), std::process::id());
        let linked = first_link(&mut link, &directory, pending()).await.map(|_| "welcomed");
        let fault = SetupError::ArbiterNotResponding { directory: directory.path().to_owned(), pid };
        assert_eq!(linked, Err(fault));
        arbiter.await.expect("it did its part");
    }

    #[tokio::test(start_paused = true)]
    async fn an_arbiter_that_never_greets_is_named_as_not_responding() {
        is_named(accepts_and_hangs).await;
    }

    #[tokio::test(start_paused = true)]
    async fn an_arbiter_that_greets_and_never_welcomes_is_named_as_not_responding() {
        is_named(greets_and_hangs).await;
    }
}
