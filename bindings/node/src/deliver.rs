//! The way up: what an event is in JavaScript, and the function of a thread that takes it.

use std::os::fd::{IntoRawFd, OwnedFd};
use std::time::Duration;

use napi::bindgen_prelude::Function;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi_derive::napi;
use serverswap::{Address, Event, TakedownReason};

/// One event as JavaScript sees it. Which fields are there depends on `type`.
#[napi(object)]
pub struct JsEvent {
    /// `granted`, `refused`, `waiting`, `takedown` or `error`.
    #[napi(js_name = "type")]
    pub kind: String,
    /// The canonical address, except for `error`.
    pub address: Option<String>,
    /// `granted`, `refused`, `waiting`: the number of the claim.
    pub claim: Option<u32>,
    /// `granted`: the descriptor of an inherited listener, owned by the receiver.
    pub fd: Option<i32>,
    /// `refused`, `error`: for programs.
    pub code: Option<String>,
    /// `refused`, `error`: for people.
    pub message: Option<String>,
    /// `waiting`: for what.
    pub waiting_for: Option<String>,
    /// `takedown`: why.
    pub reason: Option<String>,
    /// `takedown`: how long open connections may be finished.
    pub drain_ms: Option<f64>,
}

/// An event and the number of the claim that it answers, on its way to a thread. Dropped
/// before it arrives, it closes its descriptor.
pub struct Delivery {
    pub claim: Option<u32>,
    pub event: Event,
}

/// The function of one JavaScript thread. Weak: it does not hold the event loop.
pub struct Deliver {
    function: Weak,
}

type Weak = ThreadsafeFunction<Delivery, (), JsEvent, napi::Status, false, true>;

impl Deliver {
    /// # Errors
    /// Node refuses to make it.
    pub fn new(function: &Function<'_, JsEvent, ()>) -> napi::Result<Self> {
        let function = function
            .build_threadsafe_function::<Delivery>()
            .callee_handled::<false>()
            .weak::<true>()
            .build_callback(|context| Ok(context.value.into_js()))?;
        Ok(Deliver { function })
    }

    /// Queues an event. Of no effect when the thread is being torn down.
    pub fn send(&self, delivery: Delivery) {
        self.function.call(delivery, ThreadsafeFunctionCallMode::NonBlocking);
    }
}

impl Delivery {
    fn into_js(self) -> JsEvent {
        let claim = self.claim;
        match self.event {
            Event::Granted { address, listener } => {
                JsEvent { claim, fd: listener.map(OwnedFd::into_raw_fd), ..about("granted", &address) }
            }
            Event::Refused { address, error } => JsEvent {
                claim,
                code: Some(error.code.to_string()),
                message: Some(error.message),
                ..about("refused", &address)
            },
            Event::Waiting { address, waiting_for } => {
                JsEvent { claim, waiting_for, ..about("waiting", &address) }
            }
            Event::Takedown { address, reason, drain } => JsEvent {
                reason: Some(reason_text(reason)),
                drain_ms: Some(millis(drain)),
                ..about("takedown", &address)
            },
            Event::Error { code, message } => {
                JsEvent { code: Some(code.to_string()), message: Some(message), ..of("error") }
            }
        }
    }
}

fn about(kind: &str, address: &Address) -> JsEvent {
    JsEvent { address: Some(address.to_string()), ..of(kind) }
}

fn of(kind: &str) -> JsEvent {
    JsEvent {
        kind: kind.to_owned(),
        address: None,
        claim: None,
        fd: None,
        code: None,
        message: None,
        waiting_for: None,
        reason: None,
        drain_ms: None,
    }
}

/// An unknown reason is treated as `replaced`.
fn reason_text(reason: TakedownReason) -> String {
    match reason {
        TakedownReason::Replaced | TakedownReason::Other(_) => "replaced".to_owned(),
        TakedownReason::Stopping => "stopping".to_owned(),
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}
