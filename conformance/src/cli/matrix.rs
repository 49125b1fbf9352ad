//! `matrix`: reports as one table in a README.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use serverswap_conformance::matrix::{filled, table};
use serverswap_conformance::report::{Folder, FolderError, Published, read_json};

use serverswap_conformance::exit::{Ended, Found};

/// What the table is made of, and where it goes.
#[derive(Debug, Args)]
pub(super) struct Matrix {
    /// Reports: folders that `--report` has written, or their `report.json`.
    #[arg(required = true, value_name = "REPORT")]
    reports: Vec<PathBuf>,
    /// The file with the markers `<!-- matrix -->` and `<!-- /matrix -->`; without, the table is
    /// printed.
    #[arg(long, value_name = "FILE")]
    readme: Option<PathBuf>,
    /// Change nothing; exit with 1 if the table in the file is stale.
    #[arg(long, requires = "readme")]
    check: bool,
}

/// Why the table could not be put into a file.
#[derive(Debug, thiserror::Error)]
#[error("`{}`: {what}", file.display())]
struct ReadmeError {
    file: PathBuf,
    what: String,
}

pub(super) fn matrix(matrix: Matrix) -> Ended {
    let reports: Vec<Published> =
        matrix.reports.iter().map(|path| read(path)).collect::<Result<_, FolderError>>()?;
    let table = table(&reports);
    let Some(file) = matrix.readme else {
        print!("{table}");
        return Ok(Found::Good);
    };
    let failed = |what: String| ReadmeError { file: file.clone(), what };
    let io = |error: io::Error| failed(error.to_string());
    let text = fs::read_to_string(&file).map_err(io)?;
    let new = filled(&text, &table).map_err(|error| failed(error.to_string()))?;
    if matrix.check && new != text {
        anstream::eprintln!("the table in `{}` is stale; it should be:\n\n{table}", file.display());
        anstream::eprintln!("hint: the same command without --check writes it");
        return Ok(Found::Bad);
    }
    if new != text {
        fs::write(&file, new).map_err(io)?;
    }
    Ok(Found::Good)
}

fn read(path: &Path) -> Result<Published, FolderError> {
    if path.is_dir() { Folder::new(path).read() } else { read_json(path) }
}
