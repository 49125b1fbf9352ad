//! Where the programs under test are.

use std::path::{Path, PathBuf};

/// The folder to look in first.
const BIN_DIR: &str = "SERVERSWAP_BIN_DIR";

/// The programs of a build.
#[derive(Debug, Clone)]
pub struct Programs {
    /// `serverswap`.
    pub serverswap: PathBuf,
    /// `serverswap-deploy`.
    pub serverswap_deploy: PathBuf,
    /// The root of this repository, where the examples are.
    pub repository: PathBuf,
}

impl Programs {
    /// The programs in `SERVERSWAP_BIN_DIR`, else those built with this one. Whether they are
    /// there is seen when one is started.
    pub fn find() -> Programs {
        let folder = match std::env::var_os(BIN_DIR) {
            Some(folder) => PathBuf::from(folder),
            None => beside_this_program(),
        };
        Programs::within(&folder)
    }

    /// The programs in this folder.
    pub fn within(folder: &Path) -> Programs {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("/"));
        Programs {
            serverswap: folder.join("serverswap"),
            serverswap_deploy: folder.join("serverswap-deploy"),
            repository: repository.to_owned(),
        }
    }

    /// A file of an example, such as `node/http.js`.
    pub fn example(&self, file: &str) -> String {
        self.repository.join("examples").join(file).display().to_string()
    }

    /// The interpreter that has the Python package, by `make build`.
    pub fn python(&self) -> PathBuf {
        self.repository.join(".venv/bin/python")
    }

    /// A program of the Rust examples, such as `on-tokio`, from the same build.
    pub fn built(&self, name: &str) -> String {
        self.serverswap.with_file_name(name).display().to_string()
    }

    /// A server that exists for the tests and measurements only, such as `close.js`.
    pub fn fixture(&self, file: &str) -> String {
        self.repository.join("conformance/rigs/servers").join(file).display().to_string()
    }
}

/// Cargo puts programs in `target/PROFILE` and tests in `target/PROFILE/deps`.
fn beside_this_program() -> PathBuf {
    let this = std::env::current_exe().unwrap_or_default();
    let folder = this.parent().unwrap_or(Path::new("."));
    let folder = if folder.ends_with("deps") { folder.parent().unwrap_or(folder) } else { folder };
    folder.to_owned()
}
