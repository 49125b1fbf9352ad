//! Which descriptors this process was started with, by the variables that say so.
//!
//! Of a service manager: `LISTEN_FDS` from 3 on, if `LISTEN_PID` is this process (sd_listen_fds(3)). Of a resident, for the
//! next generation: any numbers, each with its name.

use std::os::fd::RawFd;

/// The first one of a service manager's.
const FIRST: RawFd = 3;

/// Most that are taken: more than a process may have open by default.
const COUNT_MAX: RawFd = 4_096;

/// What systemd calls a descriptor of which it says no name.
const UNKNOWN: &str = "unknown";

/// A descriptor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PassedDescriptor {
    pub(crate) number: RawFd,
    pub(crate) name: String,
}

/// Whether the variables of a service manager are about this process.
pub(crate) fn is_for_this_process(listen_pid: Option<&str>) -> bool {
    listen_pid.and_then(|text| text.parse().ok()) == Some(std::process::id())
}

/// Those of a service manager.
pub(crate) fn of_service_manager(count: &str, names: Option<&str>) -> Vec<PassedDescriptor> {
    let count = count.parse::<RawFd>().unwrap_or_default().clamp(0, COUNT_MAX);
    let mut names = names.unwrap_or_default().split(':').filter(|name| !name.is_empty());
    let named = |number| {
        let name = names.next().unwrap_or(UNKNOWN).to_owned();
        PassedDescriptor { number, name }
    };
    (FIRST..FIRST + count).map(named).collect()
}

/// Those of a resident, as [`passed_on`] has written them.
pub(crate) fn of_resident(text: &str) -> Vec<PassedDescriptor> {
    let words: Vec<&str> = text.split(':').collect();
    let descriptor = |words: &[&str]| match words {
        [number, name] => Some(PassedDescriptor { number: number.parse().ok()?, name: (*name).to_owned() }),
        _ => None,
    };
    words.chunks(2).filter_map(descriptor).filter(|one| one.number >= FIRST).collect()
}

/// For the next generation. No name has a colon in it.
pub(crate) fn passed_on(descriptors: &[PassedDescriptor]) -> String {
    let written = descriptors.iter().map(|PassedDescriptor { number, name }| format!("{number}:{name}"));
    written.collect::<Vec<_>>().join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn descriptor(number: RawFd, name: &str) -> PassedDescriptor {
        PassedDescriptor { number, name: name.to_owned() }
    }

    #[test]
    fn what_a_service_manager_passes_begins_with_3() {
        let passed = of_service_manager("2", Some("shop.socket:serverswap ;8080"));
        assert_eq!(passed, [descriptor(3, "shop.socket"), descriptor(4, "serverswap ;8080")]);
        assert_eq!(of_service_manager("1", None), [descriptor(3, "unknown")]);
        assert_eq!(of_service_manager("-1", None), []);
        assert_eq!(of_service_manager("many", None), []);
    }

    #[test]
    fn it_is_for_the_process_that_it_names() {
        assert!(is_for_this_process(Some(&std::process::id().to_string())));
        assert!(
            !is_for_this_process(Some("1")) && !is_for_this_process(None) && !is_for_this_process(Some(""))
        );
    }

    #[test]
    fn what_a_resident_passes_on_is_read_as_it_was_written() {
        let passed = [descriptor(9, "serverswap ;8080"), descriptor(12, "shop.socket")];
        assert_eq!(of_resident(&passed_on(&passed)), passed);
        assert_eq!(of_resident(""), []);
        assert_eq!(of_resident("0:stdin:x:y"), []);
    }
}
