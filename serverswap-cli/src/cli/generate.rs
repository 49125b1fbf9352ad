//! The man page and the completions, from the same definition as `--help`.

use super::{Program, Shell, definition};

/// The completions of a program for a shell.
pub fn completions(shell: Shell, program: Program) -> Vec<u8> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut definition(program), program.name(), &mut text);
    text
}

/// The man page of a program, in roff.
pub fn man_page(program: Program) -> Vec<u8> {
    let mut text = Vec::new();
    let page = clap_mangen::Man::new(definition(program)).section("1").manual("serverswap manual");
    page.render(&mut text).expect("a Vec takes everything");
    text
}
