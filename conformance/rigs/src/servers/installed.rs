//! Where the programs of the servers are.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// What `install.sh` has made, and what this machine has anyway.
#[derive(Debug)]
pub(super) struct Installed {
    folder: PathBuf,
}

impl Installed {
    pub(super) fn within(folder: &Path) -> Installed {
        // A server runs in a folder of its own.
        Installed { folder: std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned()) }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The program of this name, of this folder first.
    pub(super) fn program(&self, name: &str) -> Option<PathBuf> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(self.folder.join("bin")).chain(std::env::split_paths(&path));
        folders.map(|folder| folder.join(name)).find(|program| is_executable(program))
    }
}

fn is_executable(program: &Path) -> bool {
    program.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_installed_for_the_rig_comes_before_what_the_machine_has() {
        let folder = tempfile::tempdir().expect("a folder");
        let installed = Installed::within(folder.path());
        assert_ne!(installed.program("sh"), None);
        assert_eq!(installed.program("no-server-has-this-name"), None);
        let own = folder.path().join("bin/sh");
        std::fs::create_dir(folder.path().join("bin")).expect("a folder");
        std::fs::copy("/bin/sh", &own).expect("it can be read");
        assert_eq!(installed.program("sh"), Some(own));
    }
}
