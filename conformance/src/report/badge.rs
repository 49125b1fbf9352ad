//! The badge: for shields.io (an "endpoint") and as a picture that needs nobody.

use serde_json::json;

use super::{Judgement, Report, Verdict};

/// Pixels for each character; the font is made to fit by `textLength`.
const CHAR_WIDTH: usize = 7;
const PADDING: usize = 6;

/// `{"schemaVersion":1,"label":…,"message":…,"color":…}`.
#[must_use]
pub fn endpoint(report: &Report, judgement: &Judgement) -> String {
    let badge = json!({
        "schemaVersion": 1,
        "label": label(report),
        "message": message(report, judgement),
        "color": colour(judgement).0,
    });
    format!("{badge}\n")
}

/// The same as a picture, 20 pixels high.
#[must_use]
pub fn svg(report: &Report, judgement: &Judgement) -> String {
    let (label, message) = (label(report), message(report, judgement));
    let width = |text: &str| text.chars().count() * CHAR_WIDTH + 2 * PADDING;
    let (left, right) = (width(&label), width(&message));
    let all = left + right;
    let colour = colour(judgement).1;
    let text = |text: &str, at: usize, width: usize| {
        let length = width - 2 * PADDING;
        format!(r#"<text x="{}" y="14" textLength="{length}">{text}</text>"#, at + PADDING)
    };
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{all}" height="20" role="img" aria-label="{label}: {message}">
<title>{label}: {message}</title>
<clipPath id="round"><rect width="{all}" height="20" rx="3"/></clipPath>
<g clip-path="url(#round)"><rect width="{left}" height="20" fill="#555"/><rect x="{left}" width="{right}" height="20" fill="{colour}"/></g>
<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">{}{}</g>
</svg>
"##,
        text(&label, 0, left),
        text(&message, left, right),
    )
}

fn label(report: &Report) -> String {
    format!("serverswap v{}", report.protocol)
}

fn message(report: &Report, judgement: &Judgement) -> String {
    let counts = judgement.counts();
    format!("level {} · {}/{}", report.level, counts.passed, counts.run())
}

/// The name for shields.io and the value for the picture.
fn colour(judgement: &Judgement) -> (&'static str, &'static str) {
    match judgement.verdict() {
        Verdict::Conforms => ("brightgreen", "#3a7d0a"),
        Verdict::AsListed => ("yellow", "#8a6d00"),
        Verdict::DoesNotConform => ("red", "#b3261e"),
        Verdict::SuiteFailed => ("lightgrey", "#6b6b6b"),
    }
}
