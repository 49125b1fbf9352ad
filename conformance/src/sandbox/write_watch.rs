//! Tells when a file was written to.
//!
//! All watches of this process share one inotify instance, which one thread reads: a user has 128 instances
//! (`/proc/sys/fs/inotify/max_user_instances`), and the programs that are tested need some of them.

use std::collections::HashMap;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;

use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use rustix::io::Errno;
use tokio::sync::Notify;

/// Tells when one of some files was written to.
#[derive(Debug)]
pub(super) struct WriteWatch {
    watched: Vec<i32>,
    written: Arc<Notify>,
}

/// The inotify instance, and who is to be notified about which watch descriptor.
struct Instance {
    inotify: OwnedFd,
    readers: Mutex<HashMap<i32, Arc<Notify>>>,
}

impl WriteWatch {
    /// From now on.
    ///
    /// # Errors
    /// inotify(7) cannot be had, or a path cannot be watched.
    pub(super) fn new(paths: &[&Path]) -> io::Result<WriteWatch> {
        let instance = instance()?;
        let mut watch = WriteWatch { watched: Vec::new(), written: Arc::new(Notify::new()) };
        let mut readers = instance.readers();
        for path in paths {
            let watched = inotify::add_watch(&instance.inotify, *path, WatchFlags::MODIFY)?;
            watch.watched.push(watched);
            readers.insert(watched, Arc::clone(&watch.written));
        }
        Ok(watch)
    }

    /// Returns when something was written since the last call.
    pub(super) async fn written(&self) {
        self.written.notified().await;
    }
}

impl Drop for WriteWatch {
    fn drop(&mut self) {
        let Ok(instance) = instance() else {
            return;
        };
        let mut readers = instance.readers();
        for watched in &self.watched {
            readers.remove(watched);
            // It fails when the file is gone already.
            let _ = inotify::remove_watch(&instance.inotify, *watched);
        }
    }
}

impl Instance {
    fn readers(&self) -> MutexGuard<'_, HashMap<i32, Arc<Notify>>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn notify(&self) {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut events = inotify::Reader::new(&self.inotify, &mut buffer);
        loop {
            match events.next() {
                Ok(event) => {
                    if let Some(reader) = self.readers().get(&event.wd()) {
                        reader.notify_one();
                    }
                }
                Err(Errno::INTR) => {}
                Err(_) => return,
            }
        }
    }
}

fn instance() -> io::Result<&'static Instance> {
    static INSTANCE: OnceLock<Instance> = OnceLock::new();
    if let Some(instance) = INSTANCE.get() {
        return Ok(instance);
    }
    let inotify = inotify::init(CreateFlags::CLOEXEC)?;
    let mut is_first = false;
    let instance = INSTANCE.get_or_init(|| {
        is_first = true;
        Instance { inotify, readers: Mutex::new(HashMap::new()) }
    });
    if is_first {
        thread::Builder::new().name("inotify".to_owned()).spawn(|| instance.notify())?;
    }
    Ok(instance)
}
