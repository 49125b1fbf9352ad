//! Help, man page and completions come from one definition; the texts are compared with
//! files, which `UPDATE_SNAPSHOTS=1 cargo test` rewrites.

use std::path::Path;

use crate::cli::{Program, Shell, completions, definition, environment, man_pages};
use crate::ui::EXIT_STATUSES;

const PROGRAMS: [Program; 2] = [Program::Serverswap, Program::ServerswapDeploy];

#[track_caller]
fn assert_snapshot(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots").join(name);
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::create_dir_all(path.parent().expect("it has one")).expect("created");
        std::fs::write(&path, text).expect("written");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, expected, "{} is stale; UPDATE_SNAPSHOTS=1 rewrites it", path.display());
}

/// As on a terminal of a hundred columns, whatever the tests run on.
fn wide(program: Program) -> clap::Command {
    definition(program).term_width(100)
}

#[test]
fn the_long_help_is_as_it_was_read() {
    for program in PROGRAMS {
        let text = wide(program).render_long_help().to_string();
        assert_snapshot(&format!("{}.long-help.txt", program.name()), &text);
    }
}

#[test]
fn the_short_help_is_as_it_was_read() {
    for program in PROGRAMS {
        let text = wide(program).render_help().to_string();
        assert_snapshot(&format!("{}.help.txt", program.name()), &text);
    }
}

#[test]
fn no_line_of_the_help_is_wider_than_a_hundred_columns() {
    for program in PROGRAMS {
        let text = wide(program).render_long_help().to_string();
        let wide: Vec<&str> = text.lines().filter(|line| line.chars().count() > 100).collect();
        assert_eq!(wide, [""; 0]);
    }
}

#[test]
fn the_definition_is_sound() {
    for program in PROGRAMS {
        definition(program).debug_assert();
    }
}

fn page(name: &str) -> String {
    let page = man_pages().into_iter().find(|page| page.name == name).expect("there is such a page");
    String::from_utf8(page.text).expect("roff is text")
}

#[test]
fn every_program_and_every_command_has_a_man_page() {
    let serverswap = definition(Program::Serverswap);
    let commands = serverswap.get_subcommands().map(|command| format!("serverswap-{}", command.get_name()));
    let expected: Vec<String> = std::iter::once("serverswap".to_owned())
        .chain(commands)
        .chain(["serverswap-deploy".to_owned()])
        .collect();
    assert_eq!(man_pages().into_iter().map(|page| page.name).collect::<Vec<_>>(), expected);
}

#[test]
fn every_option_is_in_its_man_page() {
    for program in PROGRAMS {
        let definition = definition(program);
        let of_commands = definition
            .get_subcommands()
            .map(|command| (format!("serverswap-{}", command.get_name()), command));
        for (name, command) in std::iter::once((program.name().to_owned(), &definition)).chain(of_commands) {
            let page = page(&name);
            let shown = command.get_arguments().filter(|argument| !argument.is_hide_set());
            let options = shown
                .filter_map(clap::Arg::get_long)
                .map(|option| format!("\\-\\-{}", option.replace('-', "\\-")));
            assert_eq!(
                options.filter(|option| !page.contains(option)).collect::<Vec<_>>(),
                [""; 0],
                "{name}"
            );
        }
    }
}

#[test]
fn the_page_of_a_program_has_the_sections_that_are_looked_for() {
    for program in PROGRAMS {
        let page = page(program.name());
        let titles: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix(".SH ")).collect();
        let last = ["\"EXIT STATUS\"", "SIGNALS", "ENVIRONMENT", "FILES", "EXAMPLES", "\"SEE ALSO\""];
        assert!(titles.starts_with(&["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS"]), "{titles:?}");
        assert!(titles.ends_with(&last), "{titles:?}");
        for (status, _) in EXIT_STATUSES {
            assert!(page.contains(&format!("\n\\fB{}\\fR\n", status.replace('-', "\\-"))), "{status}");
        }
    }
}

#[test]
fn the_page_of_a_command_has_examples() {
    let without: Vec<String> = man_pages()
        .into_iter()
        .map(|page| page.name)
        .filter(|name| !page(name).contains(".SH EXAMPLES"))
        .collect();
    assert_eq!(without, [""; 0], "`after_long_help` in definition.rs, as the other commands have it");
}

#[test]
fn every_shell_has_completions() {
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::Elvish, Shell::PowerShell] {
        for program in PROGRAMS {
            let text = String::from_utf8(completions(shell, program)).expect("scripts are text");
            assert!(text.contains("drain-timeout"), "{shell}");
            let places = ["@PROGRAM@", "@FUNCTION@", "@COMMANDS@", "@TABLES@", "@VALUES@"];
            assert!(!places.iter().any(|place| text.contains(place)), "{shell}");
        }
    }
}

#[test]
fn the_readme_has_the_table_of_exit_statuses() {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md"))
        .expect("it is there");
    let rows = EXIT_STATUSES.map(|(status, meaning)| format!("| {status} | {meaning} |\n"));
    assert!(
        readme.contains(&rows.concat()),
        "the table in README.md is stale; it is to be:\n{}",
        rows.concat()
    );
}

#[test]
fn the_readme_names_every_variable_that_is_scrubbed() {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md"))
        .expect("it is there");
    let missing: Vec<&str> =
        environment::SCRUBBED.into_iter().filter(|name| !readme.contains(&format!("`{name}`"))).collect();
    assert_eq!(missing, [""; 0]);
}
