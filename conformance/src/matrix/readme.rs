//! The place of the table in a README: between `<!-- matrix -->` and `<!-- /matrix -->`.

const BEGIN: &str = "<!-- matrix -->";
const END: &str = "<!-- /matrix -->";

/// Why a text has no place for the table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MatrixError {
    /// A marker is not there.
    #[error("there is no line `{0}`; the table is kept between `{BEGIN}` and `{END}`")]
    NoMarker(&'static str),
}

/// The text with the table in its place; everything else is as it was.
///
/// # Errors
/// If the markers are not there, each on a line of its own.
pub fn filled(text: &str, table: &str) -> Result<String, MatrixError> {
    let (before, rest) = text.split_once(&format!("{BEGIN}\n")).ok_or(MatrixError::NoMarker(BEGIN))?;
    let (_, after) = rest.split_once(END).ok_or(MatrixError::NoMarker(END))?;
    Ok(format!("{before}{BEGIN}\n\n{table}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_put_between_the_markers_and_a_second_time_changes_nothing() {
        let once = filled("a\n<!-- matrix -->\nold\n<!-- /matrix -->\nb\n", "| new |\n").expect("markers");
        assert_eq!(once, "a\n<!-- matrix -->\n\n| new |\n\n<!-- /matrix -->\nb\n");
        assert_eq!(filled(&once, "| new |\n"), Ok(once));
    }

    #[test]
    fn a_text_without_markers_is_refused() {
        assert_eq!(filled("a\n", ""), Err(MatrixError::NoMarker(BEGIN)));
        assert_eq!(filled("<!-- matrix -->\n", ""), Err(MatrixError::NoMarker(END)));
    }
}
