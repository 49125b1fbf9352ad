//! The man pages: one for each program and one for each command, from the same definition as `--help`.
//!
//! What the help says below the options becomes sections of the page, in the order of man-pages(7). A heading of the help is
//! a line that is not indented; below it, an entry is a term, two spaces and its text, which may go on in lines that are indented
//! further; a line without such a term is a paragraph.

use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, roman};

use super::{Program, definition};

const SECTION: &str = "1";
const VERSION: &str = concat!("serverswap ", env!("CARGO_PKG_VERSION"));
const MANUAL: &str = "serverswap manual";

const PROGRAMS: [Program; 2] = [Program::Serverswap, Program::ServerswapDeploy];

/// The sections that come from the help, in their order on a page; any other comes before them.
const ORDER: [&str; 5] = ["exit status", "signals", "environment", "files", "examples"];

/// One page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManPage {
    /// `serverswap-status`, for example.
    pub name: String,
    /// In roff.
    pub text: Vec<u8>,
}

impl ManPage {
    /// The file that man(1) looks for.
    pub fn file_name(&self) -> String {
        format!("{}.{SECTION}", self.name)
    }
}

/// Every page; the first is that of `serverswap`.
pub fn man_pages() -> Vec<ManPage> {
    let pages: Vec<clap::Command> = PROGRAMS.into_iter().flat_map(pages_of).collect();
    let names: Vec<&str> = pages.iter().map(name).collect();
    pages
        .iter()
        .map(|command| ManPage { name: name(command).to_owned(), text: render(command, &names) })
        .collect()
}

/// The name of a page; that of a command may be short: `status`.
pub(super) fn page(text: &str) -> Result<String, String> {
    let pages: Vec<String> =
        PROGRAMS.into_iter().flat_map(pages_of).map(|page| name(&page).to_owned()).collect();
    let is_asked = |page: &&String| *page == text || page.strip_prefix("serverswap-") == Some(text);
    let found = pages.iter().find(is_asked).cloned();
    found.ok_or_else(|| format!("the pages are {}", pages.join(", ")))
}

/// The program itself, then its commands.
fn pages_of(program: Program) -> Vec<clap::Command> {
    let mut program = definition(program);
    program.build();
    let commands: Vec<clap::Command> =
        program.get_subcommands().filter(|command| !command.is_hide_set()).cloned().collect();
    [vec![program], commands].concat()
}

fn name(command: &clap::Command) -> &str {
    command.get_display_name().unwrap_or_else(|| command.get_name())
}

fn render(command: &clap::Command, names: &[&str]) -> Vec<u8> {
    let name = name(command);
    let page = Man::new(command.clone()).section(SECTION);
    // The title has no date: a page is made whenever it is asked for, and is to be the same each time.
    let mut text = format!(".TH \"{name}\" \"{SECTION}\" \"\" \"{VERSION}\" \"{MANUAL}\"\n").into_bytes();
    let written = page
        .render_name_section(&mut text)
        .and_then(|()| page.render_synopsis_section(&mut text))
        .and_then(|()| page.render_description_section(&mut text))
        .and_then(|()| page.render_options_section(&mut text))
        .and_then(
            |()| if command.has_subcommands() { page.render_subcommands_section(&mut text) } else { Ok(()) },
        )
        .and_then(|()| below_the_options(command, name, names).to_writer(&mut text));
    written.expect("a Vec takes everything");
    in_ascii(&emphasized(&String::from_utf8(text).expect("roff is text"))).into_bytes()
}

fn below_the_options(command: &clap::Command, own_name: &str, names: &[&str]) -> Roff {
    let help = command.get_after_long_help().map(ToString::to_string).unwrap_or_default();
    let mut sections = sections(&help);
    sections.sort_by_key(|section| ORDER.iter().position(|title| section.title.eq_ignore_ascii_case(title)));
    let mut roff = Roff::new();
    for section in sections {
        roff.control("SH", [section.title.to_uppercase().as_str()]);
        for entry in section.entries {
            match entry {
                Entry::Term(term, text) => roff.control("TP", []).text([bold(term)]).text([roman(text)]),
                Entry::Paragraph(text) => roff.control("PP", []).text([roman(text)]),
            };
        }
    }
    roff.control("SH", ["SEE ALSO"]).text(see_also(own_name, names));
    roff
}

fn see_also(own_name: &str, names: &[&str]) -> Vec<Inline> {
    let others = names.iter().copied().filter(|name| *name != own_name).map(|name| (name, SECTION));
    let mut line: Vec<Inline> = Vec::new();
    for (name, section) in others.chain([("systemd.service", "5")]) {
        let comma = if line.is_empty() { "" } else { ", " };
        line.extend([roman(comma), bold(name), roman(format!("({section})"))]);
    }
    line
}

#[derive(Debug, PartialEq, Eq)]
struct Section {
    title: String,
    entries: Vec<Entry>,
}

#[derive(Debug, PartialEq, Eq)]
enum Entry {
    Term(String, String),
    Paragraph(String),
}

impl Entry {
    fn begin(line: &str) -> Entry {
        match line.split_once("  ") {
            Some((term, text)) => Entry::Term(term.to_owned(), text.trim_start().to_owned()),
            None => Entry::Paragraph(line.to_owned()),
        }
    }

    fn go_on(&mut self, line: &str) {
        let (Entry::Term(_, text) | Entry::Paragraph(text)) = self;
        text.push(' ');
        text.push_str(line);
    }
}

fn sections(help: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    for line in help.lines().filter(|line| !line.is_empty()) {
        let Some(line) = line.strip_prefix("  ") else {
            sections.push(Section { title: line.trim_end_matches(':').to_owned(), entries: Vec::new() });
            continue;
        };
        let section = sections.last_mut().expect("the help begins with a heading");
        match (line.strip_prefix(' '), section.entries.last_mut()) {
            (Some(rest), Some(entry)) => entry.go_on(rest.trim_start()),
            (None, Some(Entry::Paragraph(_))) if !line.contains("  ") => {
                section.entries.last_mut().expect("it was there").go_on(line);
            }
            (_, _) => section.entries.push(Entry::begin(line.trim_start())),
        }
    }
    sections
}

/// What the help has in backticks, in bold.
fn emphasized(roff: &str) -> String {
    let mut text = String::new();
    for line in roff.lines() {
        let pieces: Vec<&str> = line.split('`').collect();
        let is_paired = pieces.len() % 2 == 1;
        for (number, piece) in pieces.iter().enumerate() {
            text.push_str(match (number, is_paired) {
                (0, _) => "",
                (_, false) => "`",
                (number, true) if number % 2 == 1 => r"\fB",
                (_, true) => r"\fR",
            });
            text.push_str(piece);
        }
        text.push('\n');
    }
    text
}

/// Not every troff reads UTF-8.
fn in_ascii(roff: &str) -> String {
    roff.chars()
        .map(|c| if c.is_ascii() { c.to_string() } else { format!("\\[u{:04X}]", u32::from(c)) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn term(term: &str, text: &str) -> Entry {
        Entry::Term(term.to_owned(), text.to_owned())
    }

    #[test]
    fn the_help_below_the_options_is_read_as_sections() {
        let help =
            "Signals:\n  TERM, INT  end it;\n             at once\n\nFiles:\n  a  b\n  One is\n  enough.";
        let signals = vec![term("TERM, INT", "end it; at once")];
        let files = vec![term("a", "b"), Entry::Paragraph("One is enough.".to_owned())];
        let titled = |title: &str, entries| Section { title: title.to_owned(), entries };
        assert_eq!(sections(help), [titled("Signals", signals), titled("Files", files)]);
    }

    #[test]
    fn what_is_in_backticks_is_bold() {
        assert_eq!(emphasized("run `a` and `b`"), "run \\fBa\\fR and \\fBb\\fR\n");
        assert_eq!(emphasized("a ` alone"), "a ` alone\n");
    }
}
