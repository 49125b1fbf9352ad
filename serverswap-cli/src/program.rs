//! Which program a process runs, for people, and whether it is another than that of a second process.
//!
//! A release has another directory and often another version in its name; that makes no other program. Of an interpreter
//! the script counts. A process that has written a title over its arguments is known by its executable only.

use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Programs whose first argument is what they run.
const INTERPRETERS: [&str; 12] =
    ["node", "nodejs", "bun", "deno", "python", "pypy", "ruby", "perl", "php", "sh", "bash", "dash"];

/// Options of interpreters that have the next argument as their value.
const WITH_VALUE: [&str; 9] =
    ["-r", "--require", "--import", "--loader", "--conditions", "-C", "-X", "-W", "--env-file"];

/// Options of interpreters behind which comes no script, but a text to be run.
const WITH_TEXT: [&str; 5] = ["-c", "-e", "-p", "--eval", "--print"];

/// What a process runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Program {
    /// The name of the file, such as `node` or `python3.11`.
    name: String,
    /// The name of the script or module, if the file is an interpreter and it is known.
    script: Option<String>,
}

impl Program {
    /// `None` for a process that is gone, or shows nothing.
    pub(crate) fn of(pid: u32) -> Option<Program> {
        let executable = fs::read_link(format!("/proc/{pid}/exe")).ok();
        let arguments = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        Program::read(executable.as_deref(), &arguments)
    }

    pub(crate) fn read(executable: Option<&Path>, arguments: &[u8]) -> Option<Program> {
        let mut arguments = arguments.split(|byte| *byte == 0).filter(|argument| !argument.is_empty());
        let first = arguments.next()?;
        let name = executable.and_then(Path::file_name).map(OsStr::as_bytes);
        let name = text(name.unwrap_or_else(|| file_name(first)));
        let name = name.strip_suffix(" (deleted)").unwrap_or(&name).to_owned();
        let script = is_interpreter(&name).then(|| script(arguments)).flatten();
        Some(Program { name, script })
    }

    /// Whether both are known well enough to say that they are not the same.
    pub(crate) fn is_another_than(&self, other: &Program) -> bool {
        let scripts = self.script.as_deref().zip(other.script.as_deref());
        without_version(&self.name) != without_version(&other.name)
            || scripts.is_some_and(|(one, other)| stem(one) != stem(other))
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.script.iter().try_for_each(|script| write!(f, " {script}"))
    }
}

fn is_interpreter(name: &str) -> bool {
    INTERPRETERS.contains(&without_version(name))
}

/// The file name of the first argument that is neither an option nor the value of one; `run` is a word of Bun and Deno.
fn script<'a>(mut arguments: impl Iterator<Item = &'a [u8]>) -> Option<String> {
    while let Some(argument) = arguments.next() {
        let argument = text(argument);
        if WITH_TEXT.contains(&argument.as_str()) {
            return None;
        } else if WITH_VALUE.contains(&argument.as_str()) {
            arguments.next();
        } else if !argument.starts_with('-') && argument != "run" {
            return Some(text(file_name(argument.as_bytes())));
        }
    }
    None
}

/// `server-1.2.js` is the `server` of `server-1.3.mjs`.
fn stem(script: &str) -> &str {
    without_version(script.rsplit_once('.').map_or(script, |(stem, _)| stem))
}

/// `python` of `python3.11`, `shop` of `shop-v1.2`. A name that is all version stays.
fn without_version(name: &str) -> &str {
    let is_of_version = |character: char| character.is_ascii_digit() || "._-".contains(character);
    let without = name.trim_end_matches(is_of_version);
    let without = match without.strip_suffix(['v', 'V']) {
        Some(before) if without.len() < name.len() && before.ends_with(['-', '_', '.']) => {
            before.trim_end_matches(is_of_version)
        }
        Some(_) | None => without,
    };
    if without.is_empty() { name } else { without }
}

fn file_name(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(command: &str) -> Program {
        let arguments = command.replace(' ', "\0");
        let executable = command.split(' ').next().expect("it has a first word");
        Program::read(Some(Path::new(executable)), arguments.as_bytes()).expect("it has arguments")
    }

    #[test]
    fn another_release_and_another_version_are_the_same_program() {
        for (old, new) in [
            ("/usr/bin/node /srv/releases/1/server.js", "/opt/node/bin/node /srv/releases/2/server.mjs 8080"),
            ("/usr/bin/python3.11 app.py", "/srv/venv/bin/python3.12 -X dev app.py"),
            ("/srv/shop-v1.2 serve", "/srv/shop-v1.3 run"),
            ("/srv/shop", "/srv/shop (deleted)"),
            ("/usr/bin/node -e one()", "/usr/bin/node -e two()"),
        ] {
            assert!(!program(old).is_another_than(&program(new)), "{old} and {new}");
        }
    }

    #[test]
    fn another_executable_and_another_script_are_another_program() {
        for (old, new) in [
            ("/usr/bin/node server.js", "/usr/bin/python3 server.py"),
            ("/usr/bin/node shop.js", "/usr/bin/node --require ./trace.js blog.js"),
            ("/usr/bin/python3 -m gunicorn shop:app", "/usr/bin/python3 -m uvicorn shop:app"),
            ("/srv/shop", "/srv/blog"),
        ] {
            assert!(program(old).is_another_than(&program(new)), "{old} and {new}");
        }
    }

    #[test]
    fn a_process_with_a_title_is_known_by_its_executable() {
        let titled =
            Program::read(Some(Path::new("/usr/bin/node")), b"the shop\0\0\0").expect("it has a title");
        assert!(!titled.is_another_than(&program("/usr/bin/node shop.js")));
        assert!(titled.is_another_than(&program("/usr/bin/python3 shop.py")));
    }

    #[test]
    fn the_name_for_people_has_the_script() {
        assert_eq!(program("/usr/bin/python3.11 -u /srv/app.py --port 80").to_string(), "python3.11 app.py");
        assert_eq!(program("/srv/shop --verbose").to_string(), "shop");
    }

    #[test]
    fn a_process_that_shows_nothing_has_no_program() {
        assert_eq!(Program::read(Some(Path::new("/usr/bin/node")), b""), None);
    }
}
