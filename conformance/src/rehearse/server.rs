//! What the rehearsed server is: the language that it is written in, and which of its processes are only wrappers.
//!
//! It is read from the names of programs, and says nothing where they do not tell: advice then names no package.

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// A language whose programs can be told, and for which there is other advice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Also for Bun and Deno.
    Node,
    /// CPython, PyPy.
    Python,
    /// A program that the Go linker made.
    Go,
    /// Ruby.
    Ruby,
    /// PHP.
    Php,
    /// A JVM.
    Java,
    /// Anything else.
    Unknown,
}

/// How much of a program is looked at for the note of the Go linker, which stands near its beginning.
const GO_NOTE_WITHIN_BYTES: u64 = 64 * 1024;

/// The type and the name of that note, as they are in an ELF file.
const GO_NOTE: &[u8] = b"\x04\0\0\0Go\0\0";

/// Beginnings of programs' names. Longer ones first.
const PROGRAMS: [(&str, Language); 11] = [
    ("node", Language::Node),
    ("bun", Language::Node),
    ("deno", Language::Node),
    ("python", Language::Python),
    ("pypy", Language::Python),
    ("gunicorn", Language::Python),
    ("uvicorn", Language::Python),
    ("ruby", Language::Ruby),
    ("puma", Language::Ruby),
    ("php", Language::Php),
    ("java", Language::Java),
];

/// Programs that start another one and stay. The last ones start programs in the language of the second column.
const WRAPPERS: [(&str, Language); 18] = [
    ("sh", Language::Unknown),
    ("bash", Language::Unknown),
    ("dash", Language::Unknown),
    ("zsh", Language::Unknown),
    ("make", Language::Unknown),
    ("foreman", Language::Unknown),
    ("tini", Language::Unknown),
    ("dumb-init", Language::Unknown),
    ("sudo", Language::Unknown),
    ("npm", Language::Node),
    ("npx", Language::Node),
    ("yarn", Language::Node),
    ("pnpm", Language::Node),
    ("nodemon", Language::Node),
    ("concurrently", Language::Node),
    ("poetry", Language::Python),
    ("uv", Language::Python),
    ("bundle", Language::Ruby),
];

impl Language {
    /// Of a running process, by its program.
    pub(super) fn of_process(pid: u32) -> Language {
        let program = format!("/proc/{pid}/exe");
        match std::fs::read_link(&program) {
            Ok(path) => Language::of_name(name(&path.to_string_lossy())).unwrap_or_else(|| {
                if is_made_by_go(Path::new(&program)) { Language::Go } else { Language::Unknown }
            }),
            Err(_) => Language::Unknown,
        }
    }

    /// Of the command of a server, by the first word that tells.
    pub(super) fn of_command(words: &[String]) -> Language {
        let words = words.iter().flat_map(|word| word.split_whitespace());
        words.filter_map(|word| Language::of_name(name(word))).next().unwrap_or(Language::Unknown)
    }

    fn of_name(name: &str) -> Option<Language> {
        let wrapped =
            WRAPPERS.iter().find(|(wrapper, language)| name == *wrapper && *language != Language::Unknown);
        let of_program = PROGRAMS.iter().find(|(beginning, _)| {
            let rest = name.strip_prefix(beginning);
            rest.is_some_and(|rest| {
                rest.chars().all(|letter| letter.is_ascii_digit() || ".-".contains(letter))
            })
        });
        of_program.or(wrapped).map(|(_, language)| *language)
    }
}

/// Whether a command line is that of a program that only starts others.
pub(super) fn is_wrapper(command: &str) -> bool {
    let mut words = command.split_whitespace().map(name);
    // A script of an interpreter is the second word, as in `node /usr/bin/npm start`.
    let first = words.next().unwrap_or_default();
    let is_known = |name: &str| WRAPPERS.iter().any(|(wrapper, _)| name.trim_end_matches(".js") == *wrapper);
    is_known(first) || (Language::of_name(first).is_some() && words.next().is_some_and(is_known))
}

fn name(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

fn is_made_by_go(program: &Path) -> bool {
    let mut beginning = Vec::new();
    let read =
        File::open(program).and_then(|file| file.take(GO_NOTE_WITHIN_BYTES).read_to_end(&mut beginning));
    read.is_ok() && beginning.windows(GO_NOTE.len()).any(|bytes| bytes == GO_NOTE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_told_by_the_first_word_that_tells_it() {
        let of = |line: &str| Language::of_command(&[line.to_owned()]);
        assert_eq!(of("env PORT=80 /usr/bin/node20 server.js"), Language::Node);
        assert_eq!(of("sh -c exec\tpython3.12 app.py"), Language::Python);
        assert_eq!(of("npm start"), Language::Node);
        assert_eq!(of("gunicorn wsgi:app"), Language::Python);
        assert_eq!(of("bundle exec puma"), Language::Ruby);
        assert_eq!(of("./server nodes.conf"), Language::Unknown);
    }

    #[test]
    fn a_process_is_told_by_its_program() {
        assert_eq!(Language::of_process(std::process::id()), Language::Unknown);
        assert_eq!(Language::of_process(u32::MAX), Language::Unknown);
    }

    #[test]
    fn a_wrapper_is_told_by_its_name_or_that_of_its_script() {
        assert!(
            is_wrapper("sh ./start.sh") && is_wrapper("npm start") && is_wrapper("node /usr/bin/npm start")
        );
        assert!(is_wrapper("node /app/node_modules/.bin/concurrently -n web"));
        assert!(!is_wrapper("node server.js") && !is_wrapper("sleep 600") && !is_wrapper(""));
    }
}
