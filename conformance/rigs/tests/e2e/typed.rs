//! What the documents and the help show as commands is typed as it stands, but for its port: each line in a terminal.
//!
//! A line that stays (`serverswap-deploy …`) has a terminal of its own and is waited for until its server is up; when it is the
//! second of its text, until it has replaced the first. Any other line ends with status 0, and prints what its comment promises.
//! The Python package tests its own READMEs: it is installed only after this was tested.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use serverswap_conformance::sandbox::{Sandbox, Started, free_port};

use crate::Outcome;

/// Every document with a block of commands: the test that types it.
const DOCUMENTS: [(&str, &str); 10] = [
    ("README.md", "what_the_readme_shows"),
    ("bindings/go/README.md", "what_the_readme_for_go_shows"),
    ("bindings/python/README.md", "bindings/python/tests/test_readme.py"),
    ("conformance/README.md", "what_the_readme_of_the_suite_shows"),
    ("docs/output.md", "what_the_text_about_output_shows"),
    ("docs/stopping.md", "what_the_text_about_stopping_shows"),
    ("docs/streams.md", "what_the_text_about_streams_shows"),
    ("examples/go/README.md", "what_the_examples_for_go_show"),
    ("examples/node/README.md", "what_the_examples_for_node_show"),
    ("examples/python/README.md", "bindings/python/tests/test_readme.py"),
];

/// What the comment of a line may promise; the line then prints it.
const PROMISES: [&str; 2] = ["Version: 2", "conforms at level 3"];

/// The contents of every block of a language in a document.
fn blocks(repository: &Path, document: &str, language: &str) -> Vec<String> {
    let text = fs::read_to_string(repository.join(document)).expect("it is there");
    let opening = format!("```{language}\n");
    let after_opening = text.split(&opening).skip(1);
    after_opening.filter_map(|rest| rest.split_once("```")).map(|(block, _)| block.to_owned()).collect()
}

/// A text without the styles of a terminal.
fn plain(text: &str) -> String {
    let mut pieces = text.split("\x1b[");
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |text, piece| text + piece.split_once('m').map_or("", |(_, rest)| rest))
}

/// The lines of serverswap in a text, but for numbers, units of time and paths, which are others each time.
fn gist(text: &str) -> Vec<String> {
    let word = |word: &str| match word.trim_end_matches([',', ')']) {
        "ms" => "s".to_owned(),
        path if path.starts_with('/') => "/".to_owned(),
        other => other.replace(|c: char| c.is_ascii_digit() || c == '.', ""),
    };
    let lines = text.lines().filter(|line| line.starts_with("serverswap: "));
    lines.map(|line| line.split_whitespace().map(word).collect::<Vec<_>>().join(" ")).collect()
}

/// A clone of this repository after `make build`, and somebody who reads in it.
struct Reader {
    sandbox: Sandbox,
    port: String,
    /// What the lines before have changed in the shell: `cd`, `export`.
    state: String,
    /// How many lines were typed.
    lines: u32,
    /// The command that stays.
    staying: Option<Started>,
    /// What the one before it printed.
    replaced: String,
}

impl Reader {
    fn new() -> Result<Reader, Box<dyn std::error::Error>> {
        let reader = Reader {
            sandbox: Sandbox::new()?,
            port: free_port().to_string(),
            state: String::new(),
            lines: 0,
            staying: None,
            replaced: String::new(),
        };
        let (repository, clone) = (reader.repository(), reader.clone());
        fs::create_dir_all(clone.join("target"))?;
        let programs = reader.sandbox.programs().serverswap.parent().ok_or("no folder")?.to_owned();
        symlink(programs, clone.join("target/release"))?;
        for name in ["bindings", "conformance"] {
            symlink(repository.join(name), clone.join(name))?;
        }
        // Builds write into these.
        let copied = Command::new("cp").args(["-R"]).arg(repository.join("examples")).arg(&clone).status()?;
        assert!(copied.success());
        // Everything is built already; that `make` knows the goal is seen here.
        let make = format!("#!/bin/sh\nexec make --directory={} --dry-run \"$@\"\n", repository.display());
        reader.writes("bin/make", &make.replace("exec make", "PATH=${PATH#*:} exec make"))?;
        Ok(reader)
    }

    fn repository(&self) -> PathBuf {
        self.sandbox.programs().repository.clone()
    }

    fn clone(&self) -> PathBuf {
        self.sandbox.path().join("clone")
    }

    /// Writes a file of the reader's own; one in `bin` can be executed.
    fn writes(&self, name: &str, text: &str) -> Outcome {
        let path = self.clone().join(name);
        fs::create_dir_all(path.parent().ok_or("no folder")?)?;
        fs::write(&path, text.replace("8080", &self.port))?;
        let made = Command::new("chmod").arg("+x").arg(&path).status()?;
        assert!(made.success());
        Ok(())
    }

    /// `server.js`, the first program of the README for Node with a line that it prints, and `./app`, which is the same.
    fn has_a_server(&self) -> Outcome {
        let program = &blocks(&self.repository(), "bindings/node/README.md", "js")[0];
        self.writes("server.js", &format!("console.log('it starts');\n{program}"))?;
        self.writes("app", "#!/bin/sh\nexec node server.js\n")?;
        fs::create_dir_all(self.clone().join("node_modules"))?;
        symlink(self.repository().join("bindings/node"), self.clone().join("node_modules/serverswap"))?;
        Ok(())
    }

    /// Types every line of a text.
    async fn types(&mut self, text: &str) -> Outcome {
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            self.types_line(&line.replace("8080", &self.port)).await?;
        }
        Ok(())
    }

    async fn types_line(&mut self, line: &str) -> Outcome {
        let mut typed = self.terminal(line)?;
        let command = line.split(" #").next().unwrap_or(line);
        if command.contains("serverswap-deploy ") {
            typed.prints("up after").await?;
            if let Some(mut replaced) = self.staying.replace(typed) {
                assert_eq!(replaced.exit().await?.status, 0, "{line}: {}", replaced.stdout());
                self.replaced = replaced.stdout().to_owned();
            }
        } else if command.contains("logs -f") {
            typed.prints("it starts").await?;
        } else {
            let exit = typed.exit().await?;
            assert_eq!(exit.status, 0, "{line}: {}", typed.stdout());
            for promise in PROMISES.iter().filter(|promise| line.contains(*promise)) {
                let printed = plain(typed.stdout());
                assert!(printed.contains(promise), "{line}: {printed}");
            }
        }
        if ["cd ", "export ", ". "]
            .iter()
            .any(|changes| line.starts_with(changes) || line.contains("export "))
        {
            self.state += &format!("{line}\n");
        }
        Ok(())
    }

    /// A line in a terminal of its own.
    fn terminal(&mut self, line: &str) -> Result<Started, Box<dyn std::error::Error>> {
        // The shell of an earlier line may still read its own.
        self.lines += 1;
        let typed = self.sandbox.path().join(format!("{}.typed", self.lines));
        fs::write(&typed, format!("set -e\n{}{line}\n", self.state))?;
        let shell = format!("bash {}", typed.display());
        let command = self.sandbox.command(Path::new("script"), ["-qefc", &shell, "/dev/null"]);
        let programs = self.sandbox.programs().serverswap.parent().ok_or("no folder")?.display().to_string();
        let path = format!("{}:{programs}:{}", self.clone().join("bin").display(), std::env::var("PATH")?);
        // The port of the examples.
        let command = command.env("PATH", path).env("ADDRESS", format!(":{}", self.port));
        Ok(command.within(&self.clone()).start()?)
    }
}

/// Whether the tests of Go are left out: CI leaves nothing out.
fn has_no_go() -> bool {
    Command::new("go").arg("version").output().is_err() && std::env::var_os("CI").is_none()
}

/// A module that uses the client of this repository.
fn module(name: &str, repository: &Path) -> String {
    let client = repository.join("bindings/go");
    format!(
        "module {name}\n\ngo 1.21\n\nrequire serverswap v0.0.0\n\nreplace serverswap => {}\n",
        client.display()
    )
}

#[tokio::test]
async fn what_the_readme_shows() -> Outcome {
    let mut reader = Reader::new()?;
    let shown = blocks(&reader.repository(), "README.md", "sh");
    reader.types(&shown[0]).await?;
    let text = fs::read_to_string(reader.repository().join("README.md"))?;
    let (_, first_terminal) = text.split_once("the first terminal shows:\n\n```\n").ok_or("it is shown")?;
    let (first_terminal, _) = first_terminal.split_once("```").ok_or("it ends")?;
    let printed = plain(&reader.replaced);
    assert_eq!(gist(&printed), gist(first_terminal));
    assert!(
        printed.contains("version 1 serves :") && first_terminal.contains("version 1 serves :"),
        "{printed}"
    );
    reader.sandbox.end();
    reader.staying = None;
    reader.has_a_server()?;
    reader.writes("driver", "#!/bin/sh\nexec target/release/serverswap-conformance-driver\n")?;
    reader.types(&shown[1]).await
}

#[tokio::test]
async fn what_the_examples_for_node_show() -> Outcome {
    let mut reader = Reader::new()?;
    let shown = blocks(&reader.repository(), "examples/node/README.md", "sh");
    reader.types(&shown[0]).await
}

#[tokio::test]
async fn what_the_examples_for_go_show() -> Outcome {
    if has_no_go() {
        return Ok(());
    }
    let mut reader = Reader::new()?;
    let shown = blocks(&reader.repository(), "examples/go/README.md", "sh");
    reader.types(&shown[0]).await
}

#[tokio::test]
async fn what_the_readme_for_go_shows() -> Outcome {
    if has_no_go() {
        return Ok(());
    }
    let mut reader = Reader::new()?;
    let repository = reader.repository();
    let shown = blocks(&repository, "bindings/go/README.md", "sh");
    symlink(&repository, reader.clone().join("serverswap"))?;
    reader.writes("yours/go.mod", "module yours\n\ngo 1.21\n")?;
    reader.writes("yours/main.go", &blocks(&repository, "bindings/go/README.md", "go")[0])?;
    reader.state = "cd yours\n".to_owned();
    reader.types(&shown[1]).await?;
    reader.types(&shown[0]).await
}

#[tokio::test]
async fn what_the_readme_shows_of_go() -> Outcome {
    if has_no_go() {
        return Ok(());
    }
    let mut reader = Reader::new()?;
    let repository = reader.repository();
    let [fragment] = &blocks(&repository, "README.md", "go")[..] else { return Err("one program".into()) };
    let imports = "import (\n\"fmt\"\n\"log\"\n\"net/http\"\n\n\"serverswap\"\n)";
    reader
        .writes("yours/main.go", &format!("package main\n\n{imports}\n\nfunc main() {{\n{fragment}}}\n"))?;
    reader.writes("yours/go.mod", &module("yours", &repository))?;
    reader.state = "cd yours\n".to_owned();
    reader
        .types("go build -o server . && serverswap-deploy ./server\ncurl --fail http://127.0.0.1:8080")
        .await
}

#[tokio::test]
async fn what_the_text_about_output_shows() -> Outcome {
    let mut reader = Reader::new()?;
    reader.has_a_server()?;
    let shown = blocks(&reader.repository(), "docs/output.md", "sh");
    // There is one before it.
    reader.types("serverswap node server.js").await?;
    reader.types(&shown[0]).await
}

#[tokio::test]
async fn what_the_text_about_stopping_shows() -> Outcome {
    let mut reader = Reader::new()?;
    reader.has_a_server()?;
    let shown = blocks(&reader.repository(), "docs/stopping.md", "sh");
    for line in shown[0].lines() {
        reader.types("serverswap node server.js").await?;
        reader.types(line).await?;
    }
    Ok(())
}

#[tokio::test]
async fn what_the_text_about_streams_shows() -> Outcome {
    let mut reader = Reader::new()?;
    reader.has_a_server()?;
    let shown = blocks(&reader.repository(), "docs/streams.md", "sh");
    reader.types(&shown[0]).await
}

#[tokio::test]
async fn what_the_readme_of_the_suite_shows() -> Outcome {
    if has_no_go() {
        return Ok(());
    }
    let mut reader = Reader::new()?;
    let repository = reader.repository();
    reader.types("serverswap-conformance init --lang go my-client").await?;
    // By the end of the afternoon.
    for name in ["main.go", "service.go"] {
        fs::copy(
            repository.join("conformance/drivers/go").join(name),
            reader.clone().join("my-client").join(name),
        )?;
    }
    reader.writes("my-client/go.mod", &module("serverswap/conformance-driver", &repository))?;
    let shown = blocks(&repository, "conformance/README.md", "sh");
    reader.types(&shown[0]).await
}

/// The examples at the end of a help, in the two columns that it has.
async fn examples(program: &str) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let sandbox = Sandbox::new()?;
    let program = sandbox.programs().serverswap.with_file_name(program);
    let mut help = sandbox.command(&program, ["--help"]).start()?;
    help.exit().await?;
    let (_, rest) = help.stdout().split_once("\nExamples:\n").ok_or("it has examples")?;
    let lines = rest.lines().take_while(|line| !line.is_empty());
    Ok(lines.filter_map(|line| line.trim().split("  ").next().map(str::to_owned)).collect())
}

#[tokio::test]
async fn what_the_help_of_serverswap_shows() -> Outcome {
    let mut reader = Reader::new()?;
    reader.has_a_server()?;
    let shown = examples("serverswap").await?;
    assert!(shown.len() >= 6, "{shown:?}");
    reader.types(&shown.join("\n")).await
}

#[tokio::test]
async fn what_the_help_of_serverswap_deploy_shows() -> Outcome {
    let mut reader = Reader::new()?;
    reader.has_a_server()?;
    let shown = examples("serverswap-deploy").await?;
    assert!(shown.len() >= 3, "{shown:?}");
    // A folder of the machine stands in the text.
    let folder = reader.clone().display().to_string();
    reader.types(&shown.join("\n").replace("/srv/app/current", &folder)).await
}

#[test]
fn every_document_with_commands_is_typed() {
    let repository = serverswap_conformance::sandbox::Programs::find().repository;
    let listed =
        Command::new("git").args(["ls-files", "*.md"]).current_dir(&repository).output().expect("git");
    let listed = String::from_utf8(listed.stdout).expect("UTF-8");
    let has_commands = |document: &&str| !blocks(&repository, document, "sh").is_empty();
    let shown: Vec<&str> = listed.lines().filter(has_commands).collect();
    assert_eq!(shown, DOCUMENTS.map(|(document, _)| document));
    for (document, test) in DOCUMENTS {
        let is_here =
            include_str!("typed.rs").contains(&format!("fn {test}()")) || repository.join(test).exists();
        assert!(is_here, "nobody types {document}");
    }
}
