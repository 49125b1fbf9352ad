//! `init`: the beginning of a driver.

use std::path::PathBuf;

use clap::Args;
use serverswap_conformance::init::{Language, init as begin};

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
    anstream::eprintln!("next: cd {} && serverswap-conformance smoke", init.folder.display());
    Ok(Found::Good)
}
