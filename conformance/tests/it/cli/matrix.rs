//! `matrix`: a table that cannot be written by hand.

use super::suite::{Suite, own};

fn report() -> String {
    own("tests/it/report/expected/report.json")
}

#[test]
fn the_table_is_written_between_the_markers_and_is_fresh_afterwards() {
    let suite = Suite::new();
    suite.file("README.md", "# Mine\n\n<!-- matrix -->\n<!-- /matrix -->\n\nEnd.\n");
    let stale = suite.run(["matrix", "--readme", "README.md", "--check", &report()]);
    assert_eq!(stale.status, 1);
    assert!(stale.stderr.contains("the table in `README.md` is stale"), "{}", stale.stderr);
    assert!(!suite.read("README.md").contains("serverswap-go"), "--check changes nothing");
    assert_eq!(suite.run(["matrix", "--readme", "README.md", &report()]).status, 0);
    assert_eq!(suite.run(["matrix", "--readme", "README.md", "--check", &report()]).status, 0);
    let text = suite.read("README.md");
    assert!(text.starts_with("# Mine\n") && text.ends_with("\n\nEnd.\n"), "{text}");
    assert!(text.contains("| [serverswap-go](https://example.com/serverswap-go) 0.3.0 | Go |"), "{text}");
}

#[test]
fn a_readme_without_markers_and_a_file_that_is_no_report_are_refused() {
    let suite = Suite::new();
    suite.file("README.md", "# Mine\n").file("other.json", "{}");
    let unmarked = suite.run(["matrix", "--readme", "README.md", &report()]);
    assert_eq!(unmarked.status, 2);
    assert!(
        unmarked.stderr.contains("`README.md`: there is no line `<!-- matrix -->`"),
        "{}",
        unmarked.stderr
    );
    let other = suite.run(["matrix", "other.json"]);
    assert_eq!(other.status, 2);
    assert!(other.stderr.contains("`other.json` is not a report of this suite"), "{}", other.stderr);
    let none = suite.run(["matrix", "nowhere"]);
    assert_eq!(none.status, 2);
    assert!(none.stderr.contains("there is no report at `nowhere`"), "{}", none.stderr);
}
