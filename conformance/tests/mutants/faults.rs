//! Faults as they are made, and not as they look at the boundary: the plain Python client with a few words of its source
//! changed. Each is one that a stranger's client got away with; it breaks a sentence, and the case that has it fails.

use std::fs;
use std::num::NonZeroUsize;
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

const FAULTS: [ClientFault; 20] = [
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
        edits: &[("listeners.py", "listener.setblocking(False)", "listener.setblocking(True)")],
        cases: &["descriptors/non-blocking-from-the-grant"],
    },
    ClientFault {
        title: "it has not closed the listener when it has released",
        edits: &[(
            "client.py",
            "            claim.listener.close()\n",
            "            self.kept = claim.listener\n",
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
        title: "it comes back at once after a fatal error",
        edits: &[(
            "client.py",
            "LOST_S, PATIENCE_S, REST_S = 10, 5, 1",
            "LOST_S, PATIENCE_S, REST_S = 10, 5, 0",
        )],
        cases: &["should/rests-after-a-fatal-error"],
    },
    ClientFault {
        title: "it ignores progress of something that it never asked for",
        edits: &[(
            "client.py",
            "        legal = \"close\" not in cell",
            "        legal = kind == \"progress\" or \"close\" not in cell",
        )],
        cases: &["core/messages/progress-unasked"],
    },
    ClientFault {
        title: "it lists what it holds as it claimed it",
        edits: &[(
            "client.py",
            "{\"address\": each.address, \"serving\"",
            "{\"address\": each.text, \"serving\"",
        )],
        cases: &["core/reconnect/held-as-it-was-granted"],
    },
    ClientFault {
        title: "it makes a waiting claim again after it has failed",
        edits: &[(
            "client.py",
            "claim.state == \"withdrawing\" or claim.state == \"claimed\" and self.state == \"failed\"",
            "claim.state == \"withdrawing\"",
        )],
        cases: &["core/reconnect/failed-while-waiting"],
    },
    ClientFault {
        title: "it takes any listener",
        edits: &[("listeners.py", "expect(address in (here, everywhere),", "expect(True,")],
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
const AT_ONCE: usize = 12;

/// How many permutations of one case at once.
const PERMUTATIONS_MAX: NonZeroUsize = NonZeroUsize::new(8).expect("it is not zero");

/// How much longer than usual a wait is: many interpreters begin in the same moment.
const PACE: f64 = 2.0;

/// The folder of the client, at the same depth as in the repository, where it finds the schema.
fn faulty(fault: &ClientFault) -> (TempDir, DriverCommand) {
    let folder = tempfile::tempdir().expect("a folder");
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    symlink(crate_folder.join("../spec"), folder.path().join("spec")).expect("a link");
    let client = folder.path().join("conformance/drivers/pure-python");
    fs::create_dir_all(&client).expect("a folder");
    for entry in fs::read_dir(crate_folder.join("drivers/pure-python")).expect("the client is there") {
        let path = entry.expect("readable").path();
        if let Some(name) = path.file_name().filter(|_| path.is_file()) {
            fs::copy(&path, client.join(name)).expect("writable");
        }
    }
    for (file, old, new) in fault.edits {
        let text = fs::read_to_string(client.join(file)).expect("a file of the client");
        assert_eq!(text.matches(old).count(), 1, "{}: `{old}` stands there once", fault.title);
        fs::write(client.join(file), text.replace(old, new)).expect("writable");
    }
    let driver = client.join("driver.py");
    (folder, DriverCommand::new(["python3".into(), driver.into_os_string()]).expect("a program"))
}

/// What is wrong with the suite: a case that does not fail.
fn survived(fault: &ClientFault) -> Option<String> {
    let (_folder, command) = faulty(fault);
    let catalogue = Catalogue::embedded().expect("the catalogue is right");
    // Most cases wait for what does not come, so all permutations of one do so at once.
    let settings =
        ClientSettings { jobs: PERMUTATIONS_MAX, budget: Budget::Times(PACE), ..ClientSettings::default() };
    let told = |case: &&str| match run(&catalogue, &Selection::only(*case), &command, &settings) {
        Err(error) => Some(error.to_string()),
        Ok(report) if report.cases.iter().any(|case: &Case| case.outcome == Outcome::Failed) => None,
        Ok(_) => Some(format!("`{case}` did not fail")),
    };
    let told: Vec<String> = fault.cases.iter().filter_map(told).collect();
    (!told.is_empty()).then(|| format!("{}: {}", fault.title, told.join("; ")))
}

#[test]
fn each_fault_that_a_strangers_client_got_away_with_fails_a_case() {
    let survivors = in_parallel(AT_ONCE, &FAULTS, survived);
    assert!(survivors.is_empty(), "{}", survivors.join("\n"));
}
