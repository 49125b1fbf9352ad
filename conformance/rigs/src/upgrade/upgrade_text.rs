//! What was seen, on a terminal.

use super::{Build, Upgraded};
use serverswap_conformance::style::{BAD, BOLD, GOOD, duration, number, paint};

/// Prints it.
pub fn print(upgraded: &Upgraded) {
    let Upgraded { builds, forth, back, killed, tally, wrong } = upgraded;
    anstream::println!("{}", paint(BOLD, "serverswap upgrade"));
    for build in [Build::Other, Build::This] {
        anstream::println!("  {build:<16} {}", builds.folder(build).display());
    }
    let killed: Vec<String> = killed.iter().map(Build::to_string).collect();
    let killed = if killed.is_empty() { "nobody".to_owned() } else { killed.join(", ") };
    anstream::println!("  {:<16} {forth} to this build, {back} back; arbiter killed: {killed}", "deploys");
    for (failure, count) in tally.failed_by_kind() {
        anstream::println!("    {} {failure}", number(count));
    }
    if let Some(first) = &tally.first_failed {
        anstream::println!("    the first one {} after {}", first.failure, duration(first.after));
    }
    for line in wrong.iter().flat_map(|wrong| wrong.lines()) {
        anstream::println!("    {line}");
    }
    let (mark, style) = if upgraded.is_good() { ("✓", GOOD) } else { ("✗", BAD) };
    let (total, failed) = (tally.ok() + tally.failed(), tally.failed());
    anstream::println!("{} {} requests, {} failed", paint(style, mark), number(total), number(failed));
}
