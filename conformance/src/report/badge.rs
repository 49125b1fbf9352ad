//! The badge, as an "endpoint" for shields.io.

use serde_json::json;

use super::{Judgement, Report, Verdict};

/// `{"schemaVersion":1,"label":…,"message":…,"color":…}`.
#[must_use]
pub fn badge(report: &Report, judgement: &Judgement) -> String {
    let endpoint = json!({
        "schemaVersion": 1,
        "label": label(report),
        "message": message(report, judgement),
        "color": colour(judgement),
    });
    format!("{endpoint}\n")
}

fn label(report: &Report) -> String {
    format!("serverswap v{}", report.protocol)
}

fn message(report: &Report, judgement: &Judgement) -> String {
    let counts = judgement.counts();
    format!("level {} · {}/{}", report.level, counts.passed, counts.run())
}

/// As shields.io calls it.
fn colour(judgement: &Judgement) -> &'static str {
    match judgement.verdict() {
        Verdict::Conforms => "brightgreen",
        Verdict::AsListed => "yellow",
        Verdict::DoesNotConform => "red",
        Verdict::SuiteFailed => "lightgrey",
    }
}
