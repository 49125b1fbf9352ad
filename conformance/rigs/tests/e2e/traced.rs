//! A server that a debugger or a crash handler holds when it is dead: it cannot be reaped.

use std::time::Instant;

use rustix::process::Signal;

use crate::Outcome;
use crate::processes::{ended, signal, ticks};
use crate::shop::Shop;

/// A server that is traced by a child of its own, in a session of its own, until `gate` is written to.
const TRACED: &str = r#"
import ctypes, os, signal, sys, time
libc = ctypes.CDLL(None, use_errno=True)
PR_SET_PTRACER, PR_SET_PTRACER_ANY, PTRACE_SEIZE = 0x59616d61, ctypes.c_ulong(-1), 0x4206
libc.prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0)
server = os.getpid()
if os.fork() == 0:
    os.setsid()
    if libc.ptrace(PTRACE_SEIZE, server, None, None) != 0:
        sys.exit(os.strerror(ctypes.get_errno()))
    print("traced", server, flush=True)
    open(sys.argv[1]).read()
    os._exit(0)
while True:
    signal.pause()
"#;

#[tokio::test]
async fn a_dead_server_that_a_debugger_holds_costs_nothing_until_it_is_released() -> Outcome {
    let shop = Shop::open().await?;
    let gate = shop.sandbox.path().join("gate");
    rustix::fs::mkfifoat(rustix::fs::CWD, &gate, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR)?;
    let gate = gate.display().to_string();
    let mut held = shop.sandbox.deploy(["python3", "-c", TRACED, gate.as_str()]).start()?;
    let traced = held.prints("traced ").await?;
    let pid: u32 = traced.trim_start_matches("traced ").parse()?;
    signal(pid, Signal::KILL)?;
    ended(pid).await?;
    let (began, before) = (Instant::now(), ticks(held.pid())?);
    for _ in 0..5 {
        let mut failed = shop.sandbox.deploy(["sh", "-c", "exit 3"]).start()?;
        assert_eq!(failed.exit().await?.status, 3, "{}", failed.stderr());
    }
    let (used, elapsed) = (ticks(held.pid())? - before, began.elapsed());
    assert!(u128::from(used) * 10 < elapsed.as_millis() / 4, "{used} ticks used in {elapsed:?}");
    std::fs::write(gate, "go on")?;
    assert_eq!(held.exit().await?.status, 128 + 9, "{}", held.stderr());
    assert_eq!(shop.ask().await?.1, "1");
    Ok(())
}
