//! The file of a page: whether it can be written is known before the load, and it is put in its place in one piece.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::page::MARK;

/// By this the beginning of a page is known as one of ours.
const BEGINNING_BYTES: u64 = 1024;

/// Where a page is going to be.
#[derive(Debug)]
pub struct ReportFile {
    path: PathBuf,
}

/// Why a page cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum ReportFileError {
    /// The file system says so beforehand.
    #[error("no report can be written to `{}`; nothing was started", path.display())]
    Unwritable {
        /// The folder or file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file system says so in the end.
    #[error("the report cannot be written to `{}`", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Something else has this name.
    #[error("`{}` is no report of serverswap and was left as it is, and nothing was started; name another folder", path.display())]
    NotOurs {
        /// The file.
        path: PathBuf,
    },
}

impl ReportFile {
    /// A file of this name in `folder`, which is made if it is not there. An earlier page may be there, and stays until it is replaced.
    ///
    /// # Errors
    /// If it could not be written, or something else has this name.
    pub fn prepare(folder: &Path, name: &str) -> Result<ReportFile, ReportFileError> {
        let failed = |source| ReportFileError::Unwritable { path: folder.to_owned(), source };
        fs::create_dir_all(folder).map_err(failed)?;
        NamedTempFile::new_in(folder).map_err(failed)?;
        let path = folder.join(name);
        if is_free(&path).map_err(|source| ReportFileError::Unwritable { path: path.clone(), source })? {
            Ok(ReportFile { path })
        } else {
            Err(ReportFileError::NotOurs { path })
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the page.
    ///
    /// # Errors
    /// If it cannot be written; an earlier page is still there then.
    pub fn write(&self, page: &str) -> Result<(), ReportFileError> {
        let failed = |source| ReportFileError::Write { path: self.path.clone(), source };
        let put = || {
            let mut file = NamedTempFile::new_in(self.path.parent().unwrap_or(Path::new(".")))?;
            file.write_all(page.as_bytes())?;
            file.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
            file.persist(&self.path)?;
            Ok(())
        };
        put().map_err(failed)
    }
}

/// Whether nothing, or an earlier page, is there.
fn is_free(path: &Path) -> io::Result<bool> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
        Ok(metadata) if metadata.is_file() => {
            let mut beginning = Vec::new();
            fs::File::open(path)?.take(BEGINNING_BYTES).read_to_end(&mut beginning)?;
            Ok(String::from_utf8_lossy(&beginning).contains(MARK))
        }
        Ok(_) => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_earlier_page_is_replaced_and_anything_else_is_left() {
        let folder = tempfile::tempdir().expect("a folder");
        let within = folder.path().join("new/folder");
        let page = format!("<!DOCTYPE html>{MARK}");
        let file = ReportFile::prepare(&within, "page.html").expect("it can be made");
        file.write(&page).expect("written");
        ReportFile::prepare(&within, "page.html").expect("ours").write(&page).expect("replaced");
        assert_eq!(fs::read_dir(&within).expect("a folder").count(), 1);
        fs::write(file.path(), "<title>mine</title>").expect("written");
        let refused = ReportFile::prepare(&within, "page.html");
        assert!(matches!(refused, Err(ReportFileError::NotOurs { .. })), "{refused:?}");
        assert_eq!(fs::read_to_string(file.path()).expect("read"), "<title>mine</title>");
    }

    #[test]
    fn a_page_that_cannot_be_written_in_the_end_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let within = folder.path().join("gone");
        let file = ReportFile::prepare(&within, "page.html").expect("it can be made");
        fs::remove_dir(&within).expect("it is empty");
        assert!(matches!(file.write(MARK), Err(ReportFileError::Write { .. })));
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_an_error_before_anything_was_done() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        fs::write(&file, "").expect("written");
        let refused = ReportFile::prepare(&file.join("below"), "page.html");
        assert!(matches!(refused, Err(ReportFileError::Unwritable { .. })), "{refused:?}");
    }
}
