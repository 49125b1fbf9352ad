//! Faults as they are made, and not as they look at the boundary: the plain Python client with a few words of its source
//! changed. Each is one that a stranger's client got away with; it breaks a sentence, and the case that has it fails.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use serverswap_conformance::client::{ClientSettings, DriverCommand, run};
use serverswap_conformance::report::{Case, Outcome};
use serverswap_conformance::runner::Budget;
use serverswap_conformance::scenario::{Catalogue, Selection};
use tempfile::TempDir;

use crate::parallel::in_parallel;

/// One fault.
struct ClientFault {
    /// What the client does wrong.
    title: &'static str,
    /// The file of `drivers/pure-python`, what stands there, and what takes its place.
    edits: &'static [(&'static str, &'static str, &'static str)],
    /// The cases that fail.
    cases: &'static [&'static str],
}

const FAULTS: [ClientFault; 16] = [
    ClientFault {
        title: "it has room for 16 descriptors",
        edits: &[("link.py", "253 * 4", "16 * 4")],
        cases: &["robust/descriptors/all-that-fit"],
    },
    ClientFault {
        title: "a write that fails ends the connection with what was not read yet",
        edits: &[(
            "link.py",
            "self.full = isinstance(error, BlockingIOError)\n",
            "self.full = isinstance(error, BlockingIOError)\n            if not self.full:\n                raise\n",
        )],
        cases: &["core/reconnect/granted-behind-a-ping"],
    },
    ClientFault {
        title: "it makes the listener block when it is granted",
        edits: &[("addresses.py", "listener.setblocking(False)", "listener.setblocking(True)")],
        cases: &["descriptors/non-blocking-from-the-grant"],
    },
    ClientFault {
        title: "it closes the listener after it has released",
        edits: &[(
            "client.py",
            "            claim.listener.close()\n",
            "            import threading\n            threading.Timer(0.05, claim.listener.close).start()\n",
        )],
        cases: &["descriptors/closed-before-released"],
    },
    ClientFault {
        title: "it reports progress under the id of a takedown of the connection before",
        edits: &[("client.py", "claim.takedown = claim.takedown and 0", "pass")],
        cases: &["core/takedown/progress-after-a-reconnect"],
    },
    ClientFault {
        title: "a claim that was withdrawn does not end with the connection",
        edits: &[("client.py", "elif claim.state == \"withdrawing\" or claim.state", "elif claim.state")],
        cases: &["core/claim/withdrawn-and-cut-off"],
    },
    ClientFault {
        title: "a claim that is withdrawn while there is no arbiter does not end",
        edits: &[
            ("client.py", "if claim.state == \"withdrawing\" and self.link", "if False and self.link"),
            ("client.py", "elif claim.state == \"withdrawing\" or claim.state", "elif claim.state"),
        ],
        cases: &["core/claim/withdrawn-while-away"],
    },
    ClientFault {
        title: "claims fail when the arbiter has too many connections",
        edits: &[("client.py", " and code not in (\"too_many_connections\", \"exhausted\")", "")],
        cases: &["core/negotiate/refused-for-now"],
    },
    ClientFault {
        title: "it never comes back after a fatal error",
        edits: &[("client.py", "time.monotonic() + REST_S", "math.inf")],
        cases: &["core/reconnect/refused-at-the-door", "core/messages/fatal-error-and-back"],
    },
    ClientFault {
        title: "it tells unknown codes and reasons as they came",
        edits: &[("client.py", "message = with_known_values(message)", "pass")],
        cases: &["core/messages/code-from-the-future", "core/takedown/reason-is-read-as-replaced"],
    },
    ClientFault {
        title: "its `sync` reads nothing",
        edits: &[(
            "driver.py",
            "def sync(self, **_: Any) -> None:\n        self.go_on()",
            "def sync(self, **_: Any) -> None:\n        pass",
        )],
        cases: &["core/contract/sync"],
    },
    ClientFault {
        title: "it does not say what was said between hello and welcome",
        edits: &[(
            "link.py",
            "self.out.append((message, encode(message), listeners))",
            "if self.state == \"negotiating\":\n            return\n        self.out.append((message, encode(message), listeners))",
        )],
        cases: &["core/reconnect/said-before-the-welcome"],
    },
    ClientFault {
        title: "it takes any listener",
        edits: &[("addresses.py", "expect(address in (here, everywhere),", "expect(True,")],
        cases: &["should/listener-of-another-address"],
    },
    ClientFault {
        title: "it does not list what it drains",
        edits: &[("client.py", "if claim.state == \"released\"][:32]", "if False][:32]")],
        cases: &["should/draining-listed"],
    },
    ClientFault {
        title: "it says nothing of an arbiter that does not respond",
        edits: &[("client.py", "time.monotonic() - self.link.since >= PATIENCE_S", "False")],
        cases: &["should/arbiter-not-responding"],
    },
    ClientFault {
        title: "it grants nothing alone",
        edits: &[("driver.py", "self.tell(grant_alone(claim), claim)", "pass")],
        cases: &["should/alone"],
    },
];

/// How many at once.
const AT_ONCE: usize = 8;

/// The folder of the client, at the same depth as in the repository, where it finds the schema.
fn faulty(fault: &ClientFault) -> (TempDir, DriverCommand) {
    let folder = tempfile::tempdir().expect("a folder");
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    symlink(crate_folder.join("../spec"), folder.path().join("spec")).expect("a link");
    let client = folder.path().join("conformance/drivers/pure-python");
    fs::create_dir_all(&client).expect("a folder");
    for entry in fs::read_dir(crate_folder.join("drivers/pure-python")).expect("the client is there") {
        let path = entry.expect("readable").path();
        let Some(name) = path.file_name().filter(|_| path.is_file()) else { continue };
        let mut text = fs::read_to_string(&path).expect("a text");
        for (_, old, new) in fault.edits.iter().filter(|(file, _, _)| name == *file) {
            assert_eq!(text.matches(old).count(), 1, "{}: `{old}` stands there once", fault.title);
            text = text.replace(old, new);
        }
        fs::write(client.join(name), text).expect("writable");
    }
    let driver = client.join("driver.py");
    (folder, DriverCommand::new(["python3".into(), driver.into_os_string()]).expect("a program"))
}

/// What is wrong with the suite: a case that does not fail.
fn survived(fault: &ClientFault) -> Option<String> {
    let (_folder, command) = faulty(fault);
    let catalogue = Catalogue::embedded().expect("the catalogue is right");
    let settings = ClientSettings { budget: Budget::Times(0.5), ..ClientSettings::default() };
    let passed = fault.cases.iter().filter(|case| {
        let report =
            run(&catalogue, &Selection::only(**case), &command, &settings).expect("it introduces itself");
        !report.cases.iter().any(|case: &Case| case.outcome == Outcome::Failed)
    });
    let passed: Vec<&&str> = passed.collect();
    (!passed.is_empty()).then(|| format!("{}: {passed:?} did not fail", fault.title))
}

#[test]
fn each_fault_that_a_strangers_client_got_away_with_fails_a_case() {
    let survivors = in_parallel(AT_ONCE, &FAULTS, survived);
    assert!(survivors.is_empty(), "{}", survivors.join("\n"));
}
