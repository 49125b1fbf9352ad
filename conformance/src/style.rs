//! How the terminal output looks: colours, figures, tables. Colour is taken away by `anstream`
//! where there is no terminal or `NO_COLOR` is set.

use std::fmt::Display;
use std::time::Duration;

use anstyle::{AnsiColor, Style};

/// What stands out.
pub const BOLD: Style = Style::new().bold();
/// What stands back.
pub const DIM: Style = Style::new().dimmed();
/// What is as it should be.
pub const GOOD: Style = AnsiColor::Green.on_default().bold();
/// What is not.
pub const BAD: Style = AnsiColor::Red.on_default().bold();

/// `text` in a style.
pub fn paint(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// `1234567` as `1,234,567`.
pub fn number(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|group| std::str::from_utf8(group).expect("digits are ASCII"))
        .collect();
    groups.join(",")
}

/// Three digits with the unit that fits: `730 µs`, `12.4 ms`, `1.32 s`.
pub fn duration(duration: Duration) -> String {
    let micros = duration.as_secs_f64() * 1e6;
    let (value, unit) = match micros {
        ..1e3 => (micros, "µs"),
        ..1e6 => (micros / 1e3, "ms"),
        _ => (micros / 1e6, "s"),
    };
    let decimals = match value {
        ..10.0 => 2,
        ..100.0 => 1,
        _ => 0,
    };
    format!("{value:.decimals$} {unit}")
}

/// A table without a frame; every column but those in `left` is aligned to the right.
pub fn table(header: &[&str], left: &[usize], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let header: Vec<String> = header.iter().copied().map(str::to_owned).collect();
    let rows: Vec<Vec<String>> = rows.into_iter().collect();
    let widths: Vec<usize> = (0..header.len())
        .map(|column| rows.iter().chain([&header]).map(|row| row[column].chars().count()).max().unwrap_or(0))
        .collect();
    let line = |cells: &Vec<String>| {
        let aligned = cells.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
            if left.contains(&column) { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        format!("  {}", aligned.collect::<Vec<_>>().join("   ")).trim_end().to_owned()
    };
    let body = rows.iter().map(line);
    std::iter::once(paint(DIM, line(&header))).chain(body).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short_and_have_a_unit() {
        assert_eq!([number(0), number(999), number(1_234_567)], ["0", "999", "1,234,567"]);
        let durations = [7, 999, 12_345, 1_320_000].map(|micros| duration(Duration::from_micros(micros)));
        assert_eq!(durations, ["7.00 µs", "999 µs", "12.3 ms", "1.32 s"]);
    }

    #[test]
    fn a_column_is_as_wide_as_its_widest_cell() {
        let rows = [["one", "1 µs"], ["eleven", "11 ms"]].map(|row| row.map(str::to_owned).to_vec());
        let text = anstream::adapter::strip_str(&table(&["what", "time"], &[0], rows)).to_string();
        assert_eq!(text, "  what      time\n  one       1 µs\n  eleven   11 ms");
    }
}
