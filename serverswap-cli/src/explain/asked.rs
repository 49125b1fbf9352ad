//! Which sockets of a trial answer: each is asked once, as soon as it listens.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::private_bind::Place;
use super::request::{FIRST_HALF, Gist, Reply, Request, SECOND_HALF};

/// A server that has accepted a request and says nothing for so long waits for something else than HTTP.
const SAYS_NOTHING: Duration = Duration::from_secs(1);

/// A socket that has not answered for so long, while others have, is none that is served: a probe, or one that keeps the port
/// for others.
pub(super) const NOT_SERVED: Duration = Duration::from_secs(2);

/// A socket, as it is at the moment.
#[derive(Debug)]
pub(super) struct Socket {
    /// Where it is reached.
    pub(super) at: Place,
    /// Whether connections are let in.
    pub(super) is_listening: bool,
    /// Connections that nobody has accepted yet, where the kernel tells it.
    pub(super) waiting: Option<u32>,
}

/// What was asked, by the number of the socket.
#[derive(Debug, Default)]
pub(super) struct Asked {
    under_way: BTreeMap<usize, (Request, Instant)>,
    replies: BTreeMap<usize, (Reply, Gist)>,
    first_reply: Option<Instant>,
}

impl Asked {
    /// Asks those that have not been asked, and reads what has come back.
    pub(super) fn look(&mut self, sockets: &[Socket]) {
        for (number, socket) in sockets.iter().enumerate() {
            let is_known = self.under_way.contains_key(&number) || self.replies.contains_key(&number);
            if !is_known && socket.is_listening {
                self.ask(number, &socket.at);
            }
        }
        for (number, (request, since)) in &mut self.under_way {
            let was_accepted = sockets[*number].waiting == Some(0);
            let silent = was_accepted && since.elapsed() > SAYS_NOTHING;
            if let Some(reply) = request.answer().or(silent.then(|| (Reply::Other, Gist::of(&[])))) {
                self.replies.insert(*number, reply);
                self.first_reply.get_or_insert_with(Instant::now);
            }
        }
        self.under_way.retain(|number, _| !self.replies.contains_key(number));
    }

    /// Whether one of these answers and nothing more is to be expected of the others; the first `given` of them need not.
    pub(super) fn is_done(&self, sockets: &[Socket], given: usize) -> bool {
        let Some(first) = self.first_reply else { return false };
        let all = (given..sockets.len()).all(|number| self.replies.contains_key(&number));
        all || first.elapsed() > NOT_SERVED
    }

    /// What this one has said.
    pub(super) fn reply(&self, number: usize) -> Option<Reply> {
        self.replies.get(&number).map(|(reply, _)| *reply)
    }

    /// What tells that from what the others have said.
    pub(super) fn gist(&self, number: usize) -> Option<&Gist> {
        self.replies.get(&number).map(|(_, gist)| gist)
    }

    fn ask(&mut self, number: usize, at: &Place) {
        // Otherwise it listens no more.
        if let Ok(mut request) = Request::open(at) {
            request.send(FIRST_HALF);
            request.send(SECOND_HALF);
            self.under_way.insert(number, (request, Instant::now()));
        }
    }
}
