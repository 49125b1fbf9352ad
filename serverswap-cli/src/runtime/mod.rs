//! Runs one command: one thread, tokio, the two pure cores, and the sockets, processes and
//! signals around them.
//!
//! It moves bytes and time and decides nothing about a handover: the [`supervisor`] decides
//! about the generation, the [`arbiter`] about the addresses, and the two talk over the
//! socket also when both run in this process.
//!
//! [`supervisor`]: crate::supervisor
//! [`arbiter`]: crate::arbiter

mod abstract_socket;
mod admission;
mod adoption;
mod arbiter;
mod arbiter_link;
mod arbiter_role;
mod bound_addresses;
mod caretaker;
mod clients;
mod connection;
mod control_socket;
mod deploy_reply;
mod directory_lease;
pub(crate) mod error_map;
pub(crate) mod events;
pub(crate) mod hold;
mod listener_store;
mod look;
mod look_thread;
mod negotiation;
mod notify;
mod other_program;
mod owner_lookup;
mod paused_watch;
mod process_table;
mod readiness_lookup;
pub(crate) mod recovery;
mod reload_socket;
mod remains_lookup;
mod resident;
mod server;
mod service_manager;
mod signals;
mod stand_in;
mod stand_ins;
pub(crate) mod stop;
mod stop_signal;
mod successors;
mod supervisor;
mod task;
pub(crate) mod temporary_arbiter;
mod trace;
mod waiting_lookup;

pub(crate) use look_thread::{LookThread, lock};
pub(crate) use reload_socket::{REQUEST as RELOAD_REQUEST, remove_if_abandoned};
pub(crate) use task::Task;

use std::io;

use serverswap::protocol::Generation;
use serverswap::protocol::message::Form;
use tokio::runtime::Runtime;
use tokio::task::LocalSet;

use crate::cli::{Run, UsageError};
use crate::history::{DeployHistory, Who};
use crate::output::{Copies, OutputOf, ServerOutput};
use crate::post::Post;
use crate::spawn::ServerCommand;
use crate::state::Directory;
use crate::sys::descriptors;
use crate::sys::launch::Order;
use crate::sys::seccomp::{self, Selection};
use crate::sys::signals::SignalDescriptor;
use crate::ui::{Conclusion, Console, DeployResult, SetupError, StillTrue};
use crate::{acting_user, own_generation, runtime_directory};
use adoption::Adoption;
use deploy_reply::DeployReply;
use listener_store::PassedListeners;
use stand_in::StandInPlan;
use supervisor::{Start, SupervisorDriver};
use trace::TraceWriter;

/// By whom this process was started, and with what.
struct StartedWith {
    who: Who,
    post: Option<Post>,
    passed: PassedListeners,
}

/// Runs a command to its end and returns the exit status.
pub fn run(run: &Run) -> u8 {
    let post = Post::of_this_process();
    if run.form == Form::Leave && post == Some(Post::Init) {
        return UsageError::leaves_as_init(&run.command.display()).print();
    }
    // Before anything is opened: they are the first descriptors of this process.
    let passed = PassedListeners::take();
    let generation = own_generation::begin();
    let who = Who::of_this_command();
    let reply = DeployReply::of_this_process();
    // First, so that no signal of any moment is lost.
    let signals = SignalDescriptor::new();
    descriptors::raise_limit();
    let console = Console::new(run.verbosity, run.log, run.result);
    let started = StartedWith { who, post, passed };
    let (conclusion, copies) =
        try_run(run, generation, started, &console, signals, &reply).unwrap_or_else(|error| {
            reply.send(|| DeployResult::unable(&error, StillTrue::NothingStarted));
            (console.setup_failed(&error, StillTrue::NothingStarted), Copies::default())
        });
    console.finish_run(conclusion, &copies)
}

fn single_threaded() -> io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()
}

fn try_run(
    run: &Run,
    generation: Generation,
    StartedWith { who, post, passed }: StartedWith,
    console: &Console,
    signals: io::Result<SignalDescriptor>,
    reply: &DeployReply,
) -> Result<(Conclusion, Copies), SetupError> {
    let signals = signals.map_err(|error| error_map::system("signalfd", &error))?;
    if run.intercept {
        seccomp::available().map_err(|error| SetupError::NotInterceptable(error.to_string()))?;
    }
    let path = runtime_directory::find(run.dir.as_deref());
    acting_user::become_owner_of(&path, |report| console.report(report))
        .map_err(|error| error_map::system("setresuid", &error))?;
    let directory = Directory::prepare(&path).map_err(error_map::directory)?;
    let command = ServerCommand {
        program: run.command.program.clone(),
        arguments: run.command.arguments.clone(),
        cwd: run.cwd.clone(),
        env_file: run.env_file.clone(),
        socket: directory.socket(),
        directory: directory.path().to_owned(),
        own_folder: directory.own_folder(),
        generation,
        abstract_socket: directory.abstract_socket(),
        arbiter: std::env::current_exe().ok(),
    };
    let output = OutputOf {
        generation,
        form: run.form,
        directory: directory.path().to_owned(),
        command: run.command.display(),
    };
    let output = ServerOutput::decide(&run.output, run.result, output);
    descriptors::room_for_a_runtime().map_err(|error| error_map::system("open", &error))?;
    let runtime = single_threaded().map_err(|error| error_map::system("epoll_create1", &error))?;
    LocalSet::new().block_on(&runtime, async {
        let trace = TraceWriter::open(run.trace.as_deref(), console);
        let plan = run.plan(generation);
        let stand_in = run.has_stand_in().then(|| StandInPlan {
            sockets: run.sockets.clone(),
            order: if run.intercept { Order::Intercept(Selection::Sockets) } else { Order::Execute },
            ready: run.ready.clone(),
            stop_signal: run.stop_signal,
        });
        let adoption = Adoption {
            addresses: run.adopt.clone(),
            stop_signal: run.stop_signal,
            timeouts: plan.timeouts(),
            generation,
        };
        let history = DeployHistory::new(run, who, directory.path(), generation);
        let start = Start { plan, post, passed, command, stand_in, adoption, output, history, directory };
        SupervisorDriver::run(start, console.clone(), trace, signals, reply).await
    })
}
