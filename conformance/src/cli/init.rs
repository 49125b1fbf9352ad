//! `init`: the beginning of a driver.

use std::path::{Path, PathBuf};

use clap::Args;
use serverswap_conformance::init::{Language, init as begin};
use serverswap_conformance::shell::typed;

use serverswap_conformance::exit::{Ended, Found};

/// What is begun, and where.
#[derive(Debug, Args)]
pub(super) struct Init {
    /// go, ruby, php, python, node or rust; any other language needs only the contract.
    #[arg(long, value_name = "LANGUAGE")]
    lang: Language,
    /// The folder, created if it does not exist; nothing in it is overwritten.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub(super) fn init(init: Init) -> Ended {
    for path in begin(init.lang, &init.folder)? {
        println!("{}", path.display());
    }
    anstream::eprintln!("next: {}", next_command(init.lang, &init.folder));
    Ok(Found::Good)
}

/// A line for the shell that builds the driver, where it has to be built, and tries it.
fn next_command(language: Language, folder: &Path) -> String {
    let folder = format!("cd {}", typed(&[folder.display().to_string()]));
    let smoke = format!("{} smoke", typed(&[this_program()]));
    let steps = [Some(folder), language.build_step().map(str::to_owned), Some(smoke)];
    steps.into_iter().flatten().collect::<Vec<_>>().join(" && ")
}

/// This program as the shell finds it from any folder: a path is one from the root.
fn this_program() -> String {
    let typed = std::env::args_os().next().unwrap_or_default();
    let is_path = Path::new(&typed).components().count() > 1;
    match std::env::current_exe() {
        Ok(program) if is_path => program.display().to_string(),
        Ok(_) | Err(_) => env!("CARGO_PKG_NAME").to_owned(),
    }
}
