//! The completions, from the same definition as `--help`.
//!
//! For bash, zsh and fish the logic is in a script of each shell beside this file: which word is the server's command (its
//! completions are then those of that command), which addresses there are. This adds the tables: of each command its options,
//! which of them take a value, and what a value may be. The other shells have what clap makes.

use std::fmt::Write;

use clap::{Arg, ArgAction, Command, ValueHint};

use super::{Program, Shell, definition, man_pages};

const BASH: &str = include_str!("script.bash");
const ZSH: &str = include_str!("script.zsh");
const FISH: &str = include_str!("script.fish");

/// The completions of a program for a shell.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "clap may know more shells, and makes the completions for them"
)]
pub fn completions(shell: Shell, program: Program) -> Vec<u8> {
    let mut command = definition(program);
    let (script, dialect) = match shell {
        Shell::Bash => (BASH, Dialect::Bash),
        Shell::Zsh => (ZSH, Dialect::Zsh),
        Shell::Fish => (FISH, Dialect::Fish),
        other => {
            let mut text = Vec::new();
            clap_complete::generate(other, &mut command, program.name(), &mut text);
            return text;
        }
    };
    command.build();
    let commands: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
    let script = script.replace("@TABLES@\n", &dialect.tables(&command));
    let script = script.replace("@VALUES@\n", &dialect.values(&command));
    let script = script.replace("@COMMANDS@", &commands.join(" "));
    let script = script.replace("@FUNCTION@", &program.name().replace('-', "_"));
    script.replace("@PROGRAM@", program.name()).into_bytes()
}

/// How the tables are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    Bash,
    Zsh,
    Fish,
}

impl Dialect {
    /// For the program itself and for each of its commands: positional arguments, options with their help, options with a value.
    fn tables(self, program: &Command) -> String {
        let mut text = String::new();
        for command in std::iter::once(program).chain(program.get_subcommands()) {
            let name = if command.get_name() == program.get_name() { "" } else { command.get_name() };
            let positionals: Vec<String> = command.get_positionals().map(kind).collect();
            let shown = || command.get_arguments().filter(|arg| !arg.is_hide_set() && !arg.is_positional());
            let options: Vec<String> = shown().flat_map(|arg| self.described(arg)).collect();
            // What comes after `=` only is no word of its own.
            let with_value = shown().filter(|arg| takes_value(arg) && !arg.is_require_equals_set());
            let valued: Vec<String> = with_value.flat_map(names).collect();
            let sets = [("positionals", positionals), ("options", options), ("valued", valued)];
            self.case(
                &mut text,
                &self.quoted(name),
                &sets.map(|(variable, words)| self.set(variable, &words)),
            );
        }
        text
    }

    /// What the value of an option may be.
    fn values(self, program: &Command) -> String {
        let mut text = String::new();
        let commands = std::iter::once(program).chain(program.get_subcommands());
        let mut seen: Vec<String> = Vec::new();
        for arg in
            commands.flat_map(Command::get_arguments).filter(|arg| !arg.is_hide_set() && takes_value(arg))
        {
            let kind = kind(arg);
            let new: Vec<String> = names(arg).into_iter().filter(|name| !seen.contains(name)).collect();
            if kind.is_empty() || new.is_empty() {
                continue;
            }
            let between = if self == Dialect::Fish { " " } else { "|" };
            self.case(&mut text, &new.join(between), &[self.set("kind", &[kind])]);
            seen.extend(new);
        }
        text
    }

    fn case(self, text: &mut String, pattern: &str, statements: &[String]) {
        let written = match self {
            Dialect::Bash | Dialect::Zsh => {
                let body = statements.join("\n            ");
                writeln!(text, "        {pattern})\n            {body}\n            ;;")
            }
            Dialect::Fish => {
                writeln!(text, "        case {pattern}\n            {}", statements.join("\n            "))
            }
        };
        written.expect("a String takes everything");
    }

    fn set(self, variable: &str, words: &[String]) -> String {
        let words: Vec<String> = words.iter().map(|word| self.quoted(word)).collect();
        match (self, variable) {
            (Dialect::Bash | Dialect::Zsh, "kind") => format!("kind={}", words.join("")),
            (Dialect::Bash | Dialect::Zsh, _) => format!("{variable}=({})", words.join(" ")),
            (Dialect::Fish, _) => format!("set {variable} {}", words.join(" ")).trim_end().to_owned(),
        }
    }

    fn quoted(self, word: &str) -> String {
        match self {
            Dialect::Bash | Dialect::Zsh => format!("'{}'", word.replace('\'', r"'\''")),
            Dialect::Fish => format!("'{}'", word.replace('\\', r"\\").replace('\'', r"\'")),
        }
    }

    /// The names of an option, with the first line of its help where the shell shows that.
    fn described(self, arg: &Arg) -> Vec<String> {
        let help = arg.get_help().map(|help| help.to_string().replace('`', "")).unwrap_or_default();
        let describe = |name: String| match self {
            Dialect::Bash => name,
            Dialect::Zsh => format!("{name}:{help}"),
            Dialect::Fish => format!("{name}\t{help}"),
        };
        names(arg).into_iter().map(describe).collect()
    }
}

fn names(arg: &Arg) -> Vec<String> {
    let long = arg.get_long().map(|long| format!("--{long}"));
    let short = arg.get_short().map(|short| format!("-{short}"));
    long.into_iter().chain(short).collect()
}

fn takes_value(arg: &Arg) -> bool {
    !arg.is_positional() && matches!(arg.get_action(), ArgAction::Set | ArgAction::Append)
}

/// What may stand there: `:server`, a command and its arguments; `:address`; `:file`; `:folder`; or one of these words.
#[expect(clippy::wildcard_enum_match_arm, reason = "clap has hints that no argument of ours has")]
fn kind(arg: &Arg) -> String {
    let is_called =
        |name: &str| arg.get_value_names().is_some_and(|names| names.iter().any(|other| other == name));
    match arg.get_value_hint() {
        ValueHint::CommandWithArguments => ":server".to_owned(),
        ValueHint::FilePath => ":file".to_owned(),
        ValueHint::DirPath => ":folder".to_owned(),
        _ if is_called("ADDRESS") => ":address".to_owned(),
        _ if is_called("PAGE") => man_pages().into_iter().map(|page| page.name).collect::<Vec<_>>().join(" "),
        _ => {
            let words = arg.get_possible_values();
            let words: Vec<&str> =
                words.iter().filter(|word| !word.is_hide_set()).map(|word| word.get_name()).collect();
            words.join(" ")
        }
    }
}
