//! One slot of a load: a client that sends a request, waits for its answer and begins again.

use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::connection::Connection;
use super::exchange::{Use, connect_failure, exchange, reset};
use super::failure::Failure;
use super::shared::{Moment, Shared};
use super::stream::{Idle, Stream};
use super::target::Target;

/// How often a slot asks again while its requests fail at once.
const PACE_AFTER_FAILURE: Duration = Duration::from_millis(1);

/// How one client behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// Whether it uses a connection again.
    pub connections: Connections,
    /// New connections: how long one is silent before its request is sent. Kept ones: how long
    /// one is idle between two requests.
    pub pause: Duration,
    /// Shortest time from the beginning of one request to that of the next.
    pub pace: Duration,
}

/// How one client uses connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connections {
    /// A new one for every request.
    New,
    /// The same one until the server ends it.
    Kept,
}

impl Slot {
    /// A new connection for every request, without a pause.
    pub const NEW: Slot = Slot { connections: Connections::New, pause: Duration::ZERO, pace: Duration::ZERO };

    /// A kept connection, without a pause.
    pub const KEPT: Slot =
        Slot { connections: Connections::Kept, pause: Duration::ZERO, pace: Duration::ZERO };

    /// The same with a pause.
    pub const fn pausing(self, pause: Duration) -> Slot {
        Slot { pause, ..self }
    }

    /// The same, no faster than this: a server that is to be swapped need not be busy as well.
    pub const fn paced(self, pace: Duration) -> Slot {
        Slot { pace, ..self }
    }
}

/// Runs one slot until the load is over.
pub(super) async fn run(slot: Slot, shared: Rc<Shared>) {
    let request = shared.plan.request.bytes(slot.connections, &shared.plan.target);
    let mut pace = interval(PACE_AFTER_FAILURE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut kept = None;
    while shared.goes_on() {
        let (begin, began) = (shared.now(), Instant::now());
        if let Err(failure) = one_request(slot, &shared, &request, &mut kept, begin).await {
            shared.lost(begin, failure);
            pace.tick().await;
        }
        let rest = slot.pace.saturating_sub(began.elapsed());
        match kept.take() {
            Some(connection) => kept = still_open(connection, slot.pause.max(rest), &shared).await,
            None if rest.is_zero() => {}
            None => sleep(rest).await,
        }
    }
}

/// One request. Its latency is the time to connect and to be answered, without any pause.
/// A connection that may be used again is left in `kept`.
async fn one_request(
    slot: Slot,
    shared: &Rc<Shared>,
    request: &[u8],
    kept: &mut Option<Connection>,
    begin: Moment,
) -> Result<(), Failure> {
    let limit = shared.plan.request_timeout;
    let connecting = Instant::now();
    let (connection, used, connected) = match kept.take() {
        Some(connection) => (connection, Use::Again, connecting.elapsed()),
        None => {
            let stream = connect(&shared.plan.target, limit).await?;
            let connected = connecting.elapsed();
            (Connection::new(stream, shared), Use::First, connected)
        }
    };
    let says_nothing_yet = slot.connections == Connections::New && !slot.pause.is_zero();
    if says_nothing_yet && connection.stream.idle(slot.pause).await == Idle::Reset {
        return Err(reset(used));
    }
    let sending = Instant::now();
    let answer = timeout(limit, exchange(&connection.stream, request, &shared.plan.request, used))
        .await
        .map_err(|_| Failure::Timeout)??;
    let latency = connected + sending.elapsed();
    let is_good = (200..300).contains(&answer.status);
    if is_good {
        shared.succeeded(begin, latency, &answer, &connection);
    }
    if slot.connections == Connections::Kept && !answer.last {
        *kept = Some(connection);
    }
    if is_good { Ok(()) } else { Err(Failure::BadStatus) }
}

async fn connect(target: &Target, limit: Duration) -> Result<Stream, Failure> {
    match timeout(limit, Stream::connect(target)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(connect_failure(&error)),
        Err(_) => Err(Failure::TimeoutOnConnect),
    }
}

/// Keeps a connection idle for `pause`, as a client does that looks before it uses one again.
async fn still_open(connection: Connection, pause: Duration, shared: &Shared) -> Option<Connection> {
    let stream = &connection.stream;
    let idle = if pause.is_zero() { stream.look() } else { stream.idle(pause).await };
    match idle {
        Idle::Quiet => Some(connection),
        Idle::Over | Idle::Reset => {
            shared.idle_closed();
            None
        }
    }
}
