//! What an event is in JavaScript, and the function of a thread that receives it.

use std::os::fd::{IntoRawFd, OwnedFd};
use std::time::Duration;

use napi::bindgen_prelude::Function;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi_derive::napi;
use serverswap::{Address, CallId, Delivery, Event, Recipient, TakedownReason};

/// One event as JavaScript sees it. Which fields it has depends on its `type`.
#[napi(object)]
#[derive(Clone, Default)]
pub struct JsEvent {
    /// `granted`, `refused`, `waiting`, `takedown` or `error`.
    #[napi(js_name = "type")]
    pub kind: String,
    /// The canonical address, except for `error`.
    pub address: Option<String>,
    /// `granted`, `refused`, `waiting`: the number of the claim.
    pub claim: Option<i64>,
    /// `takedown`: the numbers of the handlers to call, in order.
    pub handlers: Option<Vec<i64>>,
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
    /// `takedown`: milliseconds until TERM.
    pub drain_ms: Option<f64>,
    /// `takedown`: the same for responses that still make progress.
    pub stream_ms: Option<f64>,
}

/// An event on its way to a thread. Dropped before it arrives, it closes its descriptor.
pub struct Message {
    event: JsEvent,
    listener: Option<OwnedFd>,
}

/// The function of one JavaScript thread. Weak: it does not keep the event loop alive.
pub struct EventFunction {
    function: Weak,
}

type Weak = ThreadsafeFunction<Message, (), JsEvent, napi::Status, false, true>;

impl EventFunction {
    /// # Errors
    /// Node refuses to make it.
    pub fn new(function: &Function<'_, JsEvent, ()>) -> napi::Result<Self> {
        let function = function
            .build_threadsafe_function::<Message>()
            .callee_handled::<false>()
            .weak::<true>()
            .build_callback(|context| Ok(context.value.into_event()))?;
        Ok(EventFunction { function })
    }

    /// Queues an event. Of no effect when the thread is being torn down.
    pub fn send(&self, message: Message) {
        self.function.call(message, ThreadsafeFunctionCallMode::NonBlocking);
    }
}

impl Message {
    /// Of an event, with the numbers of the calls that it belongs to.
    pub fn new<O>(Delivery { to, event }: Delivery<O>) -> Self {
        let mut message = Message::of_event(event);
        match to {
            Recipient::Claimant { claim, .. } => message.event.claim = Some(js_number(claim)),
            Recipient::Handlers { handlers, .. } => {
                message.event.handlers = Some(handlers.into_iter().map(js_number).collect());
            }
            Recipient::Everybody => {}
        }
        message
    }

    /// The same event for another receiver, without a descriptor.
    pub fn without_listener(&self) -> Self {
        Message { event: self.event.clone(), listener: None }
    }

    fn of_event(event: Event) -> Self {
        let mut passed = None;
        let event = match event {
            Event::Granted { address, listener } => {
                passed = listener;
                of("granted", Some(&address))
            }
            Event::Refused { address, error } => JsEvent {
                code: Some(error.code.to_string()),
                message: Some(error.message),
                ..of("refused", Some(&address))
            },
            Event::Waiting { address, waiting_for } => {
                JsEvent { waiting_for, ..of("waiting", Some(&address)) }
            }
            Event::Takedown { address, reason, drain, stream } => JsEvent {
                reason: Some(reason_text(reason)),
                drain_ms: Some(millis(drain)),
                stream_ms: Some(millis(stream)),
                ..of("takedown", Some(&address))
            },
            Event::Error { code, message } => {
                JsEvent { code: Some(code.to_string()), message: Some(message), ..of("error", None) }
            }
        };
        Message { event, listener: passed }
    }

    fn into_event(self) -> JsEvent {
        JsEvent { fd: self.listener.map(OwnedFd::into_raw_fd), ..self.event }
    }
}

/// The number of a call in JavaScript, where it is exact up to 2^53.
pub fn js_number(call: CallId) -> i64 {
    call.number().cast_signed()
}

fn of(kind: &str, address: Option<&Address>) -> JsEvent {
    JsEvent { kind: kind.to_owned(), address: address.map(Address::to_string), ..JsEvent::default() }
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
