//! What the two programs do: read the command line, run it, return the exit status.

use std::process::ExitCode;

use crate::cli::{self, Invocation, Program};
use crate::intercept::reader;
use crate::ui::{Conclusion, Console, ResultFormat};
use crate::{explain, launch, logs, reload, replay, runtime, status};

/// Runs `program` with this process's arguments.
pub fn main(program: Program) -> ExitCode {
    if reader::is_requested() {
        return ExitCode::from(reader::run());
    }
    if launch::is_requested() {
        return ExitCode::from(launch::run());
    }
    let status = match cli::parse(std::env::args_os(), program) {
        Ok(Invocation::Run(run)) => runtime::run(&run),
        Ok(Invocation::Arbiter(directory)) => runtime::temporary_arbiter::serve(&directory),
        Ok(Invocation::Replay(file)) => replay::show(&file),
        Ok(Invocation::Status(status)) => status::show(&status),
        Ok(Invocation::Reload(reload)) => reload::show(&reload),
        Ok(Invocation::Logs(logs)) => logs::show(&logs),
        Ok(Invocation::Explain(explain)) => explain::show(&explain),
        Ok(Invocation::Stop(stop)) => runtime::stop::run(stop),
        Ok(Invocation::Completions(shell, of)) => print(&cli::completions(shell, of)),
        Ok(Invocation::Man(of)) => print(&cli::man_page(of)),
        Err(error) => error.print(),
    };
    ExitCode::from(status)
}

fn print(text: &[u8]) -> u8 {
    let text = String::from_utf8_lossy(text).into_owned();
    Console::plain(ResultFormat::None).finish(Conclusion::result(0, text))
}
