//! `serverswap status`: what serves each address, for people or as JSON; once, or again with each change.
//!
//! It asks no arbiter: the state file that the last one wrote is compared with the processes that
//! are alive now.

mod changes;
mod collect;
mod details;
mod everywhere;
mod json;
mod layout;
mod offline;
mod report;
mod row;
mod still_serving;
mod view;
mod watch;

#[cfg(test)]
mod tests;

pub(crate) use self::collect::{collect, hidden};
pub(crate) use self::report::{AddressReport, NOT_SERVED, Numbers, StatusReport, SupervisedBy};
#[cfg(test)]
pub(crate) use self::report::{Holder, HolderState};
pub(crate) use self::still_serving::{is_alive, listens, still_serving};

use std::io::IsTerminal;

use self::layout::{Ages, Page};
use self::report::{DrainingServer, Ending, GenerationReport, Owner, Server, UnrecordedProcess};
#[cfg(not(test))]
use self::report::{Holder, HolderState};
use self::view::View;
use crate::cli::{Extent, Scope, Status};
use crate::runtime_directory;
use crate::ui::{Colour, Conclusion, Console, Report, SetupError, StillTrue, Summary};

/// Prints the status and returns the exit status.
pub fn show(status: &Status) -> u8 {
    let console = Console::plain(status.result);
    let conclusion = match status.extent {
        Extent::UntilNow => match look(status, |report| console.report(&report)) {
            Ok(view) => Conclusion::result(view.exit_status(), view.render(status.result, page(Ages::Shown))),
            Err(error) => console.setup_failed(&error, StillTrue::NothingAsked),
        },
        Extent::Follow => watch::watch(status, &console),
    };
    console.finish(conclusion)
}

/// Looks now.
fn look(status: &Status, report: impl Fn(Report)) -> Result<View, SetupError> {
    let directories = match &status.scope {
        Scope::Directory(dir) => {
            let mut found = collect(&runtime_directory::find(dir.as_deref()), report)?;
            details::add(std::slice::from_mut(&mut found));
            let found = match &status.address {
                Some(address) => found.only(address),
                None => found,
            };
            return Ok(View::One(found));
        }
        Scope::Everywhere => everywhere::directories(),
    };
    let mut found = Vec::new();
    for directory in directories {
        match collect(&directory, &report) {
            Ok(one) if one.has(status.address.as_ref()) => found.push(one),
            Ok(_) => {}
            Err(error) => report(Report::DirectoryNotShown { directory, problem: problem(&error) }),
        }
    }
    details::add(&mut found);
    if let Some(address) = &status.address {
        found = found.into_iter().map(|one| one.only(address)).collect();
    }
    Ok(View::All { found, address: status.address.clone() })
}

fn problem(error: &SetupError) -> String {
    match error.summary(StillTrue::NothingAsked) {
        Summary::Success(text) | Summary::Failure { error: text, .. } => text,
    }
}

/// That of stdout.
fn page(ages: Ages) -> Page {
    let stdout = std::io::stdout();
    let size = stdout.is_terminal().then(|| terminal_size::terminal_size_of(&stdout)).flatten();
    Page {
        columns: size.map(|(width, _)| usize::from(width.0)),
        rows: size.map(|(_, height)| usize::from(height.0)),
        colour: Colour::of(&stdout),
        ages,
    }
}
