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
    /// By another supervisor that was asked the same, or by `serverswap stop`: however many pass it on, it counts once.
    PassedOn {
        /// Which request it is: 1 is the first.
        request: u32,
    },
}

impl StopRequests {
    /// Of a process that was started to stop others: that was the first.
    pub fn of_a_stop() -> Self {
        StopRequests { direct: 1, passed_on: 1 }
    }

    /// Whether this is a new request.
    pub fn is_new(&mut self, path: StopPath) -> bool {
        let before = self.direct.max(self.passed_on);
        match path {
            StopPath::Direct => self.direct += 1,
            StopPath::PassedOn { request } => self.passed_on = self.passed_on.max(request),
        }
        self.direct.max(self.passed_on) > before
    }
}

#[cfg(test)]
mod tests {
    use super::StopPath::Direct;
    use super::*;

    const FIRST: StopPath = StopPath::PassedOn { request: 1 };
    const SECOND: StopPath = StopPath::PassedOn { request: 2 };

    fn new(paths: &[StopPath]) -> Vec<bool> {
        let mut requests = StopRequests::default();
        paths.iter().map(|path| requests.is_new(*path)).collect()
    }

    #[test]
    fn a_request_that_comes_twice_on_two_paths_counts_once() {
        assert_eq!(new(&[Direct, FIRST]), [true, false]);
        assert_eq!(new(&[FIRST, Direct]), [true, false]);
    }

    #[test]
    fn a_second_request_on_the_same_path_counts() {
        assert_eq!(new(&[Direct, Direct]), [true, true]);
        assert_eq!(new(&[FIRST, Direct, SECOND, Direct]), [true, false, true, false]);
    }

    #[test]
    fn the_same_request_of_two_stops_counts_once() {
        assert_eq!(new(&[FIRST, FIRST, SECOND, FIRST, SECOND]), [true, false, true, false, false]);
    }

    #[test]
    fn a_stop_that_is_passed_the_first_request_goes_on_as_before() {
        let mut requests = StopRequests::of_a_stop();
        assert_eq!([FIRST, Direct].map(|path| requests.is_new(path)), [false, true]);
    }
}
