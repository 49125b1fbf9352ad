//! Help, man page and completions come from one definition; the texts are compared with
//! files, which `UPDATE_SNAPSHOTS=1 cargo test` rewrites.

use std::path::Path;

use crate::cli::{Program, Shell, completions, definition, environment, man_page};
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

#[test]
fn every_option_is_in_the_man_page() {
    for program in PROGRAMS {
        let page = String::from_utf8(man_page(program)).expect("roff is text");
        let definition = definition(program);
        let shown = definition.get_arguments().filter(|argument| !argument.is_hide_set());
        let options: Vec<&str> = shown.filter_map(clap::Arg::get_long).collect();
        let missing: Vec<&&str> =
            options.iter().filter(|option| !page.contains(&option.replace('-', "\\-"))).collect();
        assert_eq!(missing, [&""; 0]);
    }
}

#[test]
fn every_shell_has_completions() {
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::Elvish, Shell::PowerShell] {
        let text = String::from_utf8(completions(shell, Program::Serverswap)).expect("scripts are text");
        assert!(text.contains("drain-timeout"), "{shell}");
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
