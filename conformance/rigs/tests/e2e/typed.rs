//! What the documents and the help show as commands is typed as it stands, but for its port: each line in a terminal.
//!
//! A line that stays (`serverswap-deploy …`) has a terminal of its own and is waited for until its server is up; when it is the
//! second of its text, until it has replaced the first. Any other line ends with status 0, and prints what its comment promises.
//! The Python package tests its own READMEs: it is installed only after this was tested.

mod listed;
mod page;
mod pages;
mod reader;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use serverswap_conformance::sandbox::Sandbox;

pub(crate) use self::page::{blocks, blocks_of};
pub(crate) use self::reader::Reader;
use self::reader::{gist, plain};
use crate::Outcome;

/// Whether the tests of Go are left out: CI leaves nothing out.
pub(crate) fn has_no_go() -> bool {
    Command::new("go").arg("version").output().is_err() && std::env::var_os("CI").is_none()
}

/// A module that uses the client of this repository.
pub(crate) fn module(name: &str, repository: &Path) -> String {
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
