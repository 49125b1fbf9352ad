//! Becoming another program: how the commands of the package stay native although npm starts them
//! with Node.

use std::convert::Infallible;
use std::ffi::{CString, NulError};
use std::io::{stderr, stdin, stdout};
use std::os::fd::AsFd;

use napi_derive::napi;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::unistd::execv;

use crate::error::{Error, not_started};

/// Replaces this process by a program; `arguments` are its name and its arguments. Standard input, output and
/// error go on, nothing else of Node does. Returns only to say why it could not be done.
///
/// # Errors
/// `not_started`: there is no such program, it cannot be run, or a word has a NUL in it.
#[napi(catch_unwind)]
pub fn become_command(file: String, arguments: Vec<String>) -> Result<(), Error> {
    match replaced(file, arguments) {
        Ok(never) => match never {},
        Err(error) => Err(not_started(error.as_ref())),
    }
}

fn replaced(file: String, arguments: Vec<String>) -> Result<Infallible, Box<dyn std::error::Error>> {
    for standard in [stdin().as_fd(), stdout().as_fd(), stderr().as_fd()] {
        // Node marks whatever it was started with, lest its children get it. One that is closed has no
        // mark to be taken away.
        let _ = fcntl(standard, FcntlArg::F_SETFD(FdFlag::empty()));
    }
    let arguments = arguments.into_iter().map(CString::new).collect::<Result<Vec<_>, NulError>>()?;
    Ok(execv(&CString::new(file)?, &arguments)?)
}
