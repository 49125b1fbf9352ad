//! How often this process was asked to stop.
//!
//! Who stops a whole unit may signal each of its processes, and the main process passes the same request on: one
//! that came directly and one that was passed on are one request, in whichever order.

/// The requests so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct StopRequests {
    direct: u32,
    passed_on: u32,
}

/// How a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopPath {
    /// From whoever may signal this process.
    Direct,
    /// By another supervisor that was asked the same.
    PassedOn,
}

impl StopRequests {
    /// Whether this is a new request.
    pub fn is_new(&mut self, path: StopPath) -> bool {
        let before = self.direct.max(self.passed_on);
        match path {
            StopPath::Direct => self.direct += 1,
            StopPath::PassedOn => self.passed_on += 1,
        }
        self.direct.max(self.passed_on) > before
    }
}

#[cfg(test)]
mod tests {
    use super::StopPath::{Direct, PassedOn};
    use super::*;

    fn new(paths: &[StopPath]) -> Vec<bool> {
        let mut requests = StopRequests::default();
        paths.iter().map(|path| requests.is_new(*path)).collect()
    }

    #[test]
    fn a_request_that_comes_twice_on_two_paths_counts_once() {
        assert_eq!(new(&[Direct, PassedOn]), [true, false]);
        assert_eq!(new(&[PassedOn, Direct]), [true, false]);
    }

    #[test]
    fn a_second_request_on_the_same_path_counts() {
        assert_eq!(new(&[Direct, Direct]), [true, true]);
        assert_eq!(new(&[PassedOn, Direct, PassedOn, Direct]), [true, false, true, false]);
    }
}
