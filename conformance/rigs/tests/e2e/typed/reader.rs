//! Somebody who reads a document, and types what it shows.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use serverswap_conformance::sandbox::{NO_DEPLOYS, Sandbox, Started, free_port};

use super::page::{blocks, blocks_of};
use crate::Outcome;

/// What the comment of a line may promise; the line then prints it.
const PROMISES: [&str; 5] =
    ["Version: 2", "conforms at level 3", "Hello from version 1", "Hello from version 2", "Hello"];

/// The ports that documents have; each reader has others.
const PORTS: [&str; 5] = ["8080", "8081", "9090", "9464", "3000"];

/// Commands that do not end by themselves, and what they print when they have done what they are typed for.
const STAYING: [(&str, &str); 5] = [
    ("logs -f", "it starts"),
    ("status --watch", "^C ends"),
    ("events --follow", "\"deploy\""),
    ("metrics --listen", "is answered at"),
    ("serverswap hold", "holds `"),
];

/// Before the status with which a line ends, if that is not 0.
const FAILS: &str = "exit status ";

/// A text without the styles of a terminal.
pub(crate) fn plain(text: &str) -> String {
    let mut pieces = text.split("\x1b[");
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |text, piece| text + piece.split_once('m').map_or("", |(_, rest)| rest))
}

/// The lines of serverswap in a text, but for numbers, units of time and paths, which are others each time.
pub(crate) fn gist(text: &str) -> Vec<String> {
    let word = |word: &str| match word.trim_end_matches([',', ')']) {
        "ms" => "s".to_owned(),
        path if path.starts_with('/') => "/".to_owned(),
        other => other.replace(|c: char| c.is_ascii_digit() || c == '.', ""),
    };
    let is_ours =
        |line: &&str| ["serverswap: ", "error: ", "hint: "].iter().any(|first| line.starts_with(first));
    let lines = text.lines().filter(is_ours);
    lines.map(|line| line.split_whitespace().map(word).collect::<Vec<_>>().join(" ")).collect()
}

/// A clone of this repository after `make build`, and somebody who reads in it.
pub(crate) struct Reader {
    pub(crate) sandbox: Sandbox,
    /// What stands in the place of each of the ports.
    ports: [String; PORTS.len()],
    /// What the lines before have changed in the shell: `cd`, `export`.
    pub(crate) state: String,
    /// How many lines were typed.
    lines: u32,
    /// The command that stays.
    pub(crate) staying: Option<Started>,
    /// What the one before it printed.
    pub(crate) replaced: String,
    /// What the last line has printed.
    printed: String,
}

impl Reader {
    pub(crate) fn new() -> Result<Reader, Box<dyn std::error::Error>> {
        let reader = Reader {
            sandbox: Sandbox::new()?,
            ports: PORTS.map(|_| free_port().to_string()),
            state: String::new(),
            lines: 0,
            staying: None,
            replaced: String::new(),
            printed: String::new(),
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

    pub(crate) fn repository(&self) -> PathBuf {
        self.sandbox.programs().repository.clone()
    }

    pub(crate) fn clone(&self) -> PathBuf {
        self.sandbox.path().join("clone")
    }

    /// Writes a file of the reader's own; one in `bin` can be executed.
    pub(crate) fn writes(&self, name: &str, text: &str) -> Outcome {
        let path = self.clone().join(name);
        fs::create_dir_all(path.parent().ok_or("no folder")?)?;
        fs::write(&path, self.with_ports(text))?;
        let made = Command::new("chmod").arg("+x").arg(&path).status()?;
        assert!(made.success());
        Ok(())
    }

    /// `server.js`, the first program of the README for Node with a line that it prints, and `./app`, which is the same.
    pub(crate) fn has_a_server(&self) -> Outcome {
        let program = &blocks(&self.repository(), "bindings/node/README.md", "js")[0];
        self.writes("server.js", &format!("console.log('it starts');\n{program}"))?;
        self.writes("app", "#!/bin/sh\nexec node server.js\n")?;
        self.has_package("serverswap", &self.repository().join("bindings/node"))
    }

    /// `node_modules` has this package.
    pub(crate) fn has_package(&self, name: &str, folder: &Path) -> Outcome {
        fs::create_dir_all(self.clone().join("node_modules"))?;
        symlink(folder, self.clone().join("node_modules").join(name))?;
        Ok(())
    }

    pub(crate) fn with_ports(&self, text: &str) -> String {
        let ports = PORTS.iter().zip(&self.ports);
        ports.fold(text.to_owned(), |text, (port, own)| text.replace(port, own))
    }

    /// Lets the commands that are typed have a short probation: the README is typed with that of two seconds.
    pub(crate) fn is_in_a_hurry(&self) -> Outcome {
        let programs = self.sandbox.programs();
        for program in [&programs.serverswap, &programs.serverswap_deploy] {
            let name = program.file_name().and_then(|name| name.to_str()).ok_or("a name")?;
            let program = program.display();
            let text = format!(
                "#!/bin/sh\ncase \"$1\" in {}) exec {program} \"$@\" ;; esac\nexec {program} --probation 100ms \"$@\"\n",
                NO_DEPLOYS.join("|")
            );
            self.writes(&format!("bin/{name}"), &text)?;
        }
        Ok(())
    }

    /// Writes the files of a page, types its lines, and compares what it shows as printed, in the order of the page; or those of
    /// its blocks that say they are typed by `typed_by`.
    pub(crate) async fn reads(&mut self, page: &str, typed_by: Option<&str>) -> Outcome {
        self.is_in_a_hurry()?;
        let blocks = blocks_of(&self.repository().join(page));
        for block in blocks.iter().filter(|block| block.typed_by.as_deref() == typed_by) {
            match (block.language.as_str(), block.file()) {
                (_, Some(file)) => self.writes(file, &block.text)?,
                ("sh", None) => self.types(&block.text).await?,
                ("text", None) => self.was_shown(&block.text),
                (language, None) => {
                    return Err(format!("{page}: what is a block of `{language}` for?").into());
                }
            }
        }
        Ok(())
    }

    /// The lines of a block have been printed, but for numbers and paths.
    fn was_shown(&self, block: &str) {
        let printed = gist(&self.printed);
        for line in gist(block) {
            assert!(printed.contains(&line), "`{line}` was not printed:\n{}", self.printed);
        }
    }

    /// Types every line of a text.
    pub(crate) async fn types(&mut self, text: &str) -> Outcome {
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            self.types_line(&self.with_ports(line)).await?;
        }
        Ok(())
    }

    async fn types_line(&mut self, line: &str) -> Outcome {
        let mut typed = self.terminal(line)?;
        let (command, comment) = line.split_once(" #").unwrap_or((line, ""));
        let staying = STAYING.iter().find(|(words, _)| command.contains(words));
        if let Some((_, printed)) = staying {
            typed.prints(printed).await?;
        } else if command.contains("serverswap-deploy ") && !comment.contains(FAILS) {
            typed.prints("up after").await?;
            if let Some(mut replaced) = self.staying.replace(typed) {
                assert_eq!(replaced.exit().await?.status, 0, "{line}: {}", replaced.stdout());
                self.replaced = replaced.stdout().to_owned();
            }
        } else {
            let status = typed.exit().await?.status;
            let promised = comment.split_once(FAILS).map_or("0", |(_, rest)| rest);
            let promised = promised.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
            self.printed = plain(typed.stdout());
            assert_eq!(status.to_string(), promised, "{line}: {}", self.printed);
            for promise in PROMISES.iter().filter(|promise| comment.contains(*promise)) {
                assert!(self.printed.contains(promise), "{line}: {}", self.printed);
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
        let command = command.env("PATH", path).env("ADDRESS", format!(":{}", self.ports[0]));
        Ok(command.within(&self.clone()).start()?)
    }
}
