//! The pages of `docs/`, each read from its first block to its last. Those that need packages of npm and PyPI are in
//! `frameworks`.

use std::fs;

use super::{Reader, blocks, has_no_go, module};
use crate::Outcome;

#[tokio::test]
async fn what_the_page_about_the_first_steps_shows() -> Outcome {
    let mut reader = Reader::new()?;
    reader.has_package("serverswap", &reader.repository().join("bindings/node"))?;
    reader.reads("docs/first-steps.md", None).await
}

#[tokio::test]
async fn what_the_page_about_go_shows() -> Outcome {
    if has_no_go() {
        return Ok(());
    }
    let mut reader = Reader::new()?;
    reader.writes("go.mod", &module("shop", &reader.repository()))?;
    reader.reads("docs/go.md", None).await
}

#[tokio::test]
async fn what_the_page_about_rust_shows() -> Outcome {
    Reader::new()?.reads("docs/rust.md", None).await
}

#[test]
fn the_program_of_the_page_about_rust_is_an_example() {
    let repository = serverswap_conformance::sandbox::Programs::find().repository;
    let example =
        fs::read_to_string(repository.join("examples/rust/src/bin/ten-lines.rs")).expect("it is there");
    let shown = blocks(&repository, "docs/rust.md", "rust");
    assert_eq!(shown.len(), 1);
    for part in shown[0].split("\n\n") {
        assert!(example.contains(part.trim_end()), "{part}");
    }
}

/// A host that is this machine: the command runs in the folder of the reader, without a terminal.
const SSH: &str = "#!/bin/bash
set -o pipefail
shift
SSH_CONNECTION='192.0.2.1 50000 192.0.2.2 22' bash -c \"$*\" 2>&1 | cat
";

#[tokio::test]
async fn what_the_page_about_ci_shows() -> Outcome {
    let mut reader = Reader::new()?;
    reader.has_package("serverswap", &reader.repository().join("bindings/node"))?;
    reader.writes("server.mjs", &blocks(&reader.repository(), "docs/first-steps.md", "js")[0])?;
    reader.writes("bin/ssh", SSH)?;
    reader.reads("docs/ci.md", None).await
}

#[tokio::test]
async fn what_the_page_about_several_apps_shows() -> Outcome {
    let mut reader = Reader::new()?;
    reader.has_package("serverswap", &reader.repository().join("bindings/node"))?;
    reader.reads("docs/several.md", None).await
}

#[tokio::test]
async fn what_the_page_about_output_shows() -> Outcome {
    let mut reader = Reader::new()?;
    reader.has_a_server()?;
    // There is one before it.
    reader.types("serverswap node server.js").await?;
    reader.reads("docs/output.md", None).await
}

#[tokio::test]
async fn what_the_page_about_stopping_shows() -> Outcome {
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
async fn what_the_page_about_streams_shows() -> Outcome {
    let mut reader = Reader::new()?;
    reader.has_a_server()?;
    reader.reads("docs/streams.md", None).await
}

#[tokio::test]
async fn what_the_pages_about_the_status_the_history_and_metrics_show() -> Outcome {
    let mut reader = Reader::new()?;
    reader.has_a_server()?;
    reader.types("serverswap node server.js").await?;
    for page in ["docs/status.md", "docs/history.md", "docs/metrics.md"] {
        reader.reads(page, None).await?;
    }
    Ok(())
}
