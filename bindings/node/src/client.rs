//! The class that `lib/client.cjs` calls: one instance for each JavaScript thread.

use std::sync::Arc;
use std::time::Duration;

use napi::Env;
use napi::bindgen_prelude::Function;
use napi_derive::napi;
use serverswap::{Call, SocketMode};

use crate::deliver::{Deliver, JsEvent};
use crate::failure::{Failure, address};
use crate::hub::Hub;
use crate::routes::ThreadId;

/// One JavaScript thread's end of the connection. Events arrive until that thread has ended;
/// calls after that are of no effect.
#[napi]
pub struct Client {
    hub: Arc<Hub>,
    thread: ThreadId,
}

#[napi]
impl Client {
    /// Registers this thread. `main_thread`: it ends only with the process.
    #[napi(constructor, catch_unwind)]
    pub fn new(env: Env, deliver: Function<'_, JsEvent, ()>, main_thread: bool) -> Result<Self, Failure> {
        let hub = Hub::get()?;
        let thread = hub.open(Deliver::new(&deliver).map_err(of_node)?);
        let ended = Arc::clone(&hub);
        // Node runs hooks last in, first out: so this one before it tears the function down.
        env.add_env_cleanup_hook((), move |()| {
            if main_thread {
                ended.forget(thread);
            } else {
                ended.close(thread);
            }
        })
        .map_err(of_node)?;
        Ok(Client { hub, thread })
    }

    /// Claims an address; returns the number that the answer carries.
    #[napi(catch_unwind)]
    pub fn ready_for(&self, text: String, inherit: bool, more: bool) -> Result<u32, Failure> {
        let address = address(&text)?;
        let mode = if inherit { SocketMode::Inherit } else { SocketMode::Bind };
        self.hub.say(Call::ReadyFor { address: address.clone(), socket: mode, more }, |routes| {
            routes.claim(self.thread, address.clone())
        })
    }

    /// The accept loop of a granted address runs.
    #[napi(catch_unwind)]
    pub fn serving(&self, text: String) -> Result<(), Failure> {
        let address = address(&text)?;
        self.hub.say(Call::Serving(address), |_| ())
    }

    /// This thread handles the takedown of an address.
    #[napi(catch_unwind)]
    pub fn on_takedown(&self, text: String) -> Result<(), Failure> {
        let address = address(&text)?;
        self.hub.say(Call::OnTakedown(address.clone()), |routes| {
            routes.handle_takedown(self.thread, address.clone())
        })
    }

    /// The address is let go of, or its claim withdrawn. Of no effect when it is not held.
    #[napi(catch_unwind)]
    pub fn released(&self, text: String) -> Result<(), Failure> {
        self.hub.release(&address(&text)?);
        Ok(())
    }

    /// How a drain goes.
    #[napi(catch_unwind)]
    pub fn progress(
        &self,
        text: String,
        connections: Option<f64>,
        extend_ms: Option<f64>,
    ) -> Result<(), Failure> {
        let address = address(&text)?;
        // `as` saturates, and makes 0 of what is not a number.
        let connections = connections.map(|connections| connections as u64);
        let extend = extend_ms.map(|millis| Duration::from_millis(millis as u64));
        self.hub.say(Call::Progress { address, connections, extend }, |_| ())
    }

    /// Does now what the watching thread would do: every event of what can be read is queued when this returns.
    /// For the barrier of `serverswap-conformance`; no program needs it.
    ///
    /// # Errors
    /// `internal`: the connection is of no use any more.
    #[napi(catch_unwind)]
    pub fn process(&self) -> Result<(), Failure> {
        self.hub.process().map_err(|error| Failure::new("internal".to_owned(), error.to_string()))
    }

    /// Drops the connection, and makes another one never. For `serverswap-conformance`, too: a program does that by
    /// ending.
    ///
    /// # Errors
    /// `exhausted`.
    #[napi(catch_unwind)]
    pub fn abandon(&self) -> Result<(), Failure> {
        self.hub.abandon()
    }

    /// The whole server is up.
    #[napi(catch_unwind)]
    pub fn server_up(&self) -> Result<(), Failure> {
        self.hub.say(Call::ServerUp, |_| ())
    }

    /// This server gives up.
    #[napi(catch_unwind)]
    pub fn fail(&self, reason: String) -> Result<(), Failure> {
        self.hub.fail(&reason)
    }
}

fn of_node(error: napi::Error) -> Failure {
    Failure::new("internal".to_owned(), error.to_string())
}
