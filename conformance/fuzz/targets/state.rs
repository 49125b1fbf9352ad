//! The state file: no bytes make the reader panic, what was read is written as the same, and an
//! arbiter that begins with it decides something, whoever of those that it names is alive.

#![no_main]

use std::collections::BTreeSet;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use serverswap_cli::arbiter::{Arbiter, ArbiterEvent, ArbiterLimits, Turn};
use serverswap_cli::state::{Snapshot, StateFile, parse};

const NOW: Duration = Duration::from_secs(1_000);

fuzz_target!(|data: &[u8]| {
    let Ok(state) = parse(data) else {
        return;
    };
    assert_eq!(written_and_read(&state), state);
    let everybody = state.snapshot.processes();
    for alive in [BTreeSet::new(), everybody] {
        let mut arbiter = Arbiter::recover(ArbiterLimits::default(), &state.snapshot, &alive, NOW);
        for process in alive {
            let later = arbiter.deadline().map_or(NOW, |deadline| deadline.max(NOW));
            arbiter.handle([ArbiterEvent::Tick], &mut Turn::new(later));
            arbiter.handle([ArbiterEvent::Gone { process }], &mut Turn::new(later));
        }
        let last = StateFile { header: state.header.clone(), snapshot: arbiter.snapshot() };
        assert_eq!(written_and_read(&last), last);
        assert_eq!(last.snapshot.addresses, Snapshot::default().addresses, "nobody is left");
    }
});

fn written_and_read(state: &StateFile) -> StateFile {
    parse(&serde_json::to_vec(state).expect("a state is JSON")).expect("what was written is readable")
}
