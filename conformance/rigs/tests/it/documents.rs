//! What the documents point at exists: files, headings, functions.

use std::path::{Path, PathBuf};

use serverswap_conformance::sandbox::Programs;

/// Made by builds, or not ours.
const NOT_READ: [&str; 4] = ["target", "node_modules", ".git", ".venv"];

/// The ones that name functions and paths of the code in their text.
const MAPS: [&str; 2] = ["ARCHITECTURE.md", "CONTRIBUTING.md"];

/// One document.
struct Document {
    path: PathBuf,
    text: String,
}

impl Document {
    fn read(path: PathBuf) -> Self {
        let text =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Document { path, text }
    }

    /// The lines outside of code blocks.
    fn prose(&self) -> impl Iterator<Item = &str> {
        self.text.split("\n```").step_by(2).flat_map(str::lines)
    }

    fn links(&self) -> impl Iterator<Item = &str> {
        self.prose().flat_map(links)
    }

    /// What GitHub makes of the headings.
    fn anchors(&self) -> Vec<String> {
        self.prose()
            .filter_map(|line| line.strip_prefix('#'))
            .map(|line| anchor(line.trim_start_matches('#').trim()))
            .collect()
    }
}

/// What a line links to in this repository.
fn links(line: &str) -> impl Iterator<Item = &str> {
    let targets = line.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    targets.filter(|target| !target.contains("://"))
}

fn anchor(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || ['-', '_', ' '].contains(c);
    heading.to_lowercase().chars().filter(kept).map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// The words between two of these marks.
pub(crate) fn between(text: &str, mark: char) -> impl Iterator<Item = &str> {
    text.split(mark).skip(1).step_by(2)
}

/// Every file with this extension in a folder.
pub(crate) fn files_under(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the folder exists");
    let paths = entries.map(|entry| entry.expect("it can be listed").path());
    let is_read = |path: &PathBuf| !NOT_READ.iter().any(|name| path.ends_with(name));
    let (folders, files): (Vec<PathBuf>, Vec<PathBuf>) =
        paths.filter(is_read).partition(|path| path.is_dir());
    let files = files.into_iter().filter(|file| file.extension().is_some_and(|found| found == extension));
    files.chain(folders.iter().flat_map(|folder| files_under(folder, extension))).collect()
}

#[test]
fn every_link_of_a_document_leads_to_a_file_and_a_heading() {
    let documents = files_under(&Programs::find().repository, "md");
    assert!(documents.len() > 15, "{documents:?}");
    for document in documents.into_iter().map(Document::read) {
        for link in document.links() {
            let (file, heading) =
                link.split_once('#').map_or((link, None), |(file, heading)| (file, Some(heading)));
            let target = match file {
                "" => document.path.clone(),
                file => document.path.with_file_name(file),
            };
            let at = document.path.display();
            assert!(target.exists(), "{at} links to `{link}`, which does not exist");
            if let Some(heading) = heading {
                let anchors = Document::read(target).anchors();
                assert!(
                    anchors.iter().any(|anchor| anchor == heading),
                    "{at} links to `{link}`: {anchors:?}"
                );
            }
        }
    }
}

#[test]
fn every_path_on_the_maps_exists() {
    let repository = Programs::find().repository;
    for map in MAPS {
        let document = Document::read(repository.join(map));
        for path in document.prose().flat_map(|line| paths(&repository, line)) {
            assert!(repository.join(path).exists(), "{map} names `{path}`, which does not exist");
        }
    }
}

/// Every code span of the documents that begins with this word: the document and what follows.
fn spans(first: &str) -> Vec<(PathBuf, String)> {
    let of = |document: Document| -> Vec<(PathBuf, String)> {
        let spans = document.prose().flat_map(|line| between(line, '`'));
        spans
            .filter_map(|code| code.strip_prefix(first)?.strip_prefix(' '))
            .map(|rest| (document.path.clone(), rest.to_owned()))
            .collect()
    };
    files_under(&Programs::find().repository, "md").into_iter().map(Document::read).flat_map(of).collect()
}

#[test]
fn every_goal_of_make_in_a_document_is_one() {
    let makefile = Document::read(Programs::find().repository.join("Makefile")).text;
    let shown = spans("make");
    assert!(shown.len() > 20, "{shown:?}");
    for (document, goal) in shown {
        let goal = goal.split_whitespace().next().unwrap_or_default();
        let is_one =
            makefile.lines().any(|line| line.strip_prefix(goal).is_some_and(|rest| rest.starts_with(':')));
        assert!(is_one, "{}: `make {goal}`", document.display());
    }
}

#[test]
fn every_script_of_ours_that_a_document_starts_exists() {
    let repository = Programs::find().repository;
    let shown: Vec<(PathBuf, String)> =
        ["node", "sh", "npm run"].iter().flat_map(|first| spans(first)).collect();
    let package = Document::read(repository.join("bindings/node/package.json")).text;
    let ours = |(document, rest): &&(PathBuf, String)| {
        // A reader's own are called `server` or as an example is, without a folder.
        document
            .parent()
            .is_some_and(|folder| folder.starts_with(repository.join("bindings")) || rest.contains('/'))
            && !rest.starts_with("server.")
    };
    let shown: Vec<&(PathBuf, String)> = shown.iter().filter(ours).collect();
    assert!(shown.len() > 5, "{shown:?}");
    for (document, rest) in shown {
        let script = rest.split_whitespace().next().unwrap_or_default();
        let exists = repository.join(script).exists()
            || document.with_file_name(script).exists()
            || package.contains(&format!("\"{script}\": \""));
        assert!(exists, "{}: `{rest}`", document.display());
    }
}

#[test]
fn every_function_on_the_maps_is_in_the_file_beside_it() {
    let repository = Programs::find().repository;
    for map in MAPS {
        let document = Document::read(repository.join(map));
        for line in document.prose() {
            let files: Vec<&str> =
                links(line).chain(paths(&repository, line)).filter(|path| path.ends_with(".rs")).collect();
            let sources: String =
                files.iter().map(|file| Document::read(repository.join(file)).text).collect();
            for function in between(line, '`').filter_map(|code| code.strip_suffix("()")) {
                let name = function.rsplit("::").next().unwrap_or(function);
                let is_there =
                    sources.contains(&format!("fn {name}(")) || sources.contains(&format!("fn {name}<"));
                assert!(is_there, "{map}: `{function}()` is in none of {files:?}");
            }
        }
    }
}

/// What is written as code and begins with something in the repository's root.
fn paths<'a>(repository: &Path, line: &'a str) -> impl Iterator<Item = &'a str> {
    between(line, '`').filter(|code| {
        let is_path = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
        code.chars().all(is_path)
            && code
                .split_once('/')
                .is_some_and(|(first, _)| !NOT_READ.contains(&first) && repository.join(first).is_dir())
    })
}

/// Where the rules and counterexamples that code cites by a letter and a number are stated.
const RULES: [(char, &str); 4] = [
    ('R', "serverswap-cli/src/arbiter/RULES.md"),
    ('N', "serverswap-cli/src/arbiter/RULES.md"),
    ('S', "serverswap-cli/src/supervisor/mod.rs"),
    ('C', "bindings/core/src/session/mod.rs"),
];

/// What is written as this letter and a number.
fn citations(text: &str, letter: char) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(move |word| {
        let number = word.strip_prefix(letter).unwrap_or_default();
        !number.is_empty() && number.chars().all(|c| c.is_ascii_digit())
    })
}

/// Whether a text states the rule: at the beginning of a line, but for marks.
fn states(text: &str, rule: &str) -> bool {
    text.lines().any(|line| {
        let begins = line.trim_start_matches(['/', '!', ' ', '*', '|', '-']);
        begins.strip_prefix(rule).is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
    })
}

#[test]
fn every_rule_that_code_cites_is_stated() {
    let repository = Programs::find().repository;
    for (letter, file) in RULES {
        let rules = Document::read(repository.join(file)).text;
        for source in ["serverswap-cli", "bindings/core"]
            .map(|folder| files_under(&repository.join(folder), "rs"))
            .concat()
        {
            let source = Document::read(source);
            for (_, comment) in source.text.lines().filter_map(|line| line.split_once("//")) {
                for rule in citations(comment, letter) {
                    assert!(
                        states(&rules, rule),
                        "{} cites {rule}, which {file} does not state",
                        source.path.display()
                    );
                }
            }
        }
    }
}

#[test]
fn no_source_cites_a_document_that_is_not_here() {
    let repository = Programs::find().repository;
    let absent = [concat!("DESIGN", ".md"), concat!("shared", "/field"), concat!("STYLE", ".md")];
    for extension in ["rs", "md", "py", "cjs", "mjs", "toml", "yaml"] {
        for file in files_under(&repository, extension) {
            let source = Document::read(file);
            let cited = absent.iter().find(|name| source.text.contains(*name));
            assert!(cited.is_none(), "{} cites {cited:?}", source.path.display());
        }
    }
}
