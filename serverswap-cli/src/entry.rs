//! What the two programs do: read the command line, run it, return the exit status.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;
use std::process::ExitCode;

use crate::cli::{self, Invocation, Man, Program};
use crate::explain::keeper;
use crate::intercept::reader;
use crate::ui::grammar::printable;
use crate::ui::{Conclusion, Console, ResultFormat, UNABLE};
use crate::{events, explain, history, launch, logs, metrics, reload, replay, runtime, status};

/// The first argument of what stands for a link called `serverswap-deploy` where there can be none: a script in a wheel.
const AS_DEPLOY: &str = "--as-serverswap-deploy";

/// Runs the program by whose name this process was started, with its arguments: packages have one file, and a link to it.
pub fn main_by_name() -> ExitCode {
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    let name = arguments.first().map(Path::new).and_then(Path::file_name);
    let is_link = name == Some(OsStr::new(Program::ServerswapDeploy.name()));
    if arguments.get(1).is_some_and(|first| first == AS_DEPLOY) {
        arguments.remove(1);
    } else if !is_link {
        return run(arguments, Program::Serverswap);
    }
    run(arguments, Program::ServerswapDeploy)
}

/// Runs `program` with this process's arguments.
pub fn main(program: Program) -> ExitCode {
    run(std::env::args_os().collect(), program)
}

fn run(arguments: Vec<OsString>, program: Program) -> ExitCode {
    if reader::is_requested() {
        return ExitCode::from(reader::run());
    }
    if keeper::is_requested() {
        return ExitCode::from(keeper::run());
    }
    if launch::is_requested() {
        return ExitCode::from(launch::run());
    }
    let status = match cli::parse(arguments, program) {
        Ok(Invocation::Run(run)) => runtime::run(&run),
        Ok(Invocation::Arbiter(directory)) => runtime::temporary_arbiter::serve(&directory),
        Ok(Invocation::Replay(file)) => replay::show(&file),
        Ok(Invocation::Status(status)) => status::show(&status),
        Ok(Invocation::Reload(reload)) => reload::show(&reload),
        Ok(Invocation::Logs(logs)) => logs::show(&logs),
        Ok(Invocation::History(history)) => history::show(&history),
        Ok(Invocation::Events(events)) => events::show(&events),
        Ok(Invocation::Metrics(metrics)) => metrics::show(&metrics),
        Ok(Invocation::Explain(explain)) => explain::show(&explain),
        Ok(Invocation::Hold(hold)) => runtime::hold::run(&hold),
        Ok(Invocation::Stop(stop)) => runtime::stop::run(stop),
        Ok(Invocation::Completions(shell, of)) => print(&cli::completions(shell, of)),
        Ok(Invocation::Man(man)) => show_man_pages(&man),
        Err(error) => error.print(),
    };
    ExitCode::from(status)
}

fn show_man_pages(man: &Man) -> u8 {
    let pages = cli::man_pages();
    match man {
        Man::Page(name) => {
            let page = pages.into_iter().find(|page| page.name == *name);
            print(&page.expect("the names of the pages are all that is understood").text)
        }
        Man::Into(folder) => {
            let written = pages.iter().try_for_each(|page| {
                std::fs::create_dir_all(folder)?;
                std::fs::write(folder.join(page.file_name()), &page.text)
            });
            Console::plain(ResultFormat::None).finish(match written {
                Ok(()) => Conclusion::result(0, String::new()),
                Err(error) => cannot_write(folder, &error),
            })
        }
    }
}

fn cannot_write(folder: &Path, error: &io::Error) -> Conclusion {
    let folder = printable(&folder.display().to_string());
    Conclusion {
        status: UNABLE,
        message: format!(
            "error: the man pages cannot be written into {folder}: {error}; pages that were there may have been replaced\n\
             hint: `serverswap man --into` a folder in which you may write, such as ~/.local/share/man/man1\n"
        ),
        result: None,
    }
}

fn print(text: &[u8]) -> u8 {
    let text = String::from_utf8_lossy(text).into_owned();
    Console::plain(ResultFormat::None).finish(Conclusion::result(0, text))
}
