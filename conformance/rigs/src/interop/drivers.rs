//! The drivers of this repository and how each is started. One line a driver.

use serverswap_conformance::sandbox::Programs;

/// A driver and how it is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Driver {
    /// For the table.
    pub name: String,
    /// The program and its arguments.
    pub command: Vec<String>,
}

/// Name, interpreter (empty: none), file. A file that begins with `built:` is a program of this build.
const DRIVERS: [(&str, &str, &str); 6] = [
    ("rust", "", "built:serverswap-conformance-driver"),
    ("node", "node", "conformance/drivers/node/driver.cjs"),
    ("python", ".venv/bin/python", "conformance/drivers/python/driver.py"),
    ("go", "", "built:serverswap-conformance-driver-go"),
    ("pure-python", "python3", "conformance/drivers/pure-python/driver.py"),
    ("plain-node", "node", "conformance/drivers/plain-node/driver.mjs"),
];

impl Driver {
    /// Every driver of this repository.
    #[must_use]
    pub fn known(programs: &Programs) -> Vec<Driver> {
        DRIVERS
            .iter()
            .map(|(name, interpreter, file)| Driver::of(name, interpreter, file, programs))
            .collect()
    }

    fn of(name: &str, interpreter: &str, file: &str, programs: &Programs) -> Driver {
        let in_repository = |path: &str| programs.repository.join(path).display().to_string();
        let interpreter = match interpreter {
            "" => None,
            venv if venv.contains('/') => Some(in_repository(venv)),
            found_by_path => Some(found_by_path.to_owned()),
        };
        let file = match file.strip_prefix("built:") {
            Some(built) => programs.built(built),
            None => in_repository(file),
        };
        Driver { name: name.to_owned(), command: interpreter.into_iter().chain([file]).collect() }
    }

    /// The first file of its command that is not there.
    pub(super) fn missing(&self) -> Option<&str> {
        let paths = self.command.iter().filter(|word| word.starts_with('/'));
        paths.map(String::as_str).find(|path| !std::path::Path::new(path).exists())
    }
}
