//! The class `Client` of JavaScript: one instance for each JavaScript thread.

use std::sync::Arc;

use napi::Env;
use napi::bindgen_prelude::Function;
use napi_derive::napi;
use serverswap::{Call, CallId};

use crate::call::JsCall;
use crate::error::{Error, coded, internal};
use crate::js_event::{EventFunction, JsEvent, js_number};
use crate::process_connection::{ProcessConnection, ThreadId};

/// One JavaScript thread's end of the connection. Its function gets events until the thread has
/// ended.
#[napi]
pub struct Client {
    pub(crate) connection: Arc<ProcessConnection>,
    thread: ThreadId,
}

#[napi]
impl Client {
    /// Registers this thread. The main thread ends only with the process, and then nothing is
    /// released; another one that ends releases what it holds.
    #[napi(constructor, catch_unwind)]
    pub fn new(env: Env, on_event: Function<'_, JsEvent, ()>, is_main_thread: bool) -> Result<Self, Error> {
        let connection = ProcessConnection::get()?;
        let thread = connection.add_thread(EventFunction::new(&on_event).map_err(internal)?);
        let of_hook = Arc::clone(&connection);
        // Node runs hooks last in, first out: so this one before it tears the function down.
        env.add_env_cleanup_hook((), move |()| {
            of_hook.remove_thread(thread);
            of_hook.with(|dispatcher| {
                if is_main_thread {
                    dispatcher.forget_owner(&thread);
                } else {
                    dispatcher.close_owner(&thread);
                }
            });
        })
        .map_err(internal)?;
        Ok(Client { connection, thread })
    }

    /// Makes a call; returns its number, which the events have that belong to it. `fail` has none:
    /// it returns when it was sent, because a server that fails often ends in the same instant.
    #[napi(catch_unwind)]
    pub fn call(&self, call: &JsCall) -> Result<Option<i64>, Error> {
        let call = call.to_call();
        let made = self.connection.with(|dispatcher| {
            if let Call::Fail { reason } = call {
                dispatcher.fail_and_flush(reason).map(|()| None)
            } else {
                dispatcher.call(self.thread, call).map(Some)
            }
        });
        Ok(made.map_err(coded)?.map(js_number))
    }

    /// Withdraws a claim, or releases what was granted by it. Of no effect when that has ended.
    #[napi(catch_unwind)]
    pub fn withdraw(&self, claim: i64) {
        self.connection.with(|dispatcher| dispatcher.withdraw(call_id(claim)));
    }

    /// A takedown handler is done: the last one of an address releases it.
    #[napi(catch_unwind)]
    pub fn handler_done(&self, handler: i64) {
        self.connection.with(|dispatcher| dispatcher.handler_done(call_id(handler)));
    }

    /// A takedown handler is not to be called any more.
    #[napi(catch_unwind)]
    pub fn remove_handler(&self, handler: i64) {
        self.connection.with(|dispatcher| dispatcher.remove_handler(call_id(handler)));
    }
}

fn call_id(number: i64) -> CallId {
    CallId::of_number(number.unsigned_abs())
}
