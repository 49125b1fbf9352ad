//! Commands that wait for programs: an interrupt ends them in order, with everything they started.

use std::process::ExitCode;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::exit::{self, Ended};

/// Runs a command to its end, or to an interrupt.
pub fn until_interrupted(run: impl Future<Output = Ended>) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return exit::code(Err(error.into())),
    };
    runtime.block_on(async {
        tokio::select! {
            ended = run => exit::code(ended),
            code = interrupted() => code,
        }
    })
}

async fn interrupted() -> ExitCode {
    let (interrupt, terminate) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    match (interrupt, terminate) {
        (Ok(mut interrupt), Ok(mut terminate)) => tokio::select! {
            code = received(&mut interrupt, 130) => code,
            code = received(&mut terminate, 143) => code,
        },
        (Err(error), _) | (_, Err(error)) => exit::code(Err(error.into())),
    }
}

async fn received(signal: &mut Signal, code: u8) -> ExitCode {
    signal.recv().await;
    anstream::eprintln!("interrupted; everything that was started is ended");
    ExitCode::from(code)
}
