//! `--output`.

use std::path::Path;

use crate::output::OutputOption;

/// Reads it. A relative path is taken from the present working directory.
///
/// # Errors
/// The text is empty.
pub(super) fn output(text: &str) -> Result<OutputOption, String> {
    match text {
        "auto" => Ok(OutputOption::Auto),
        "inherit" => Ok(OutputOption::Inherit),
        "null" => Ok(OutputOption::Null),
        path => {
            let path = std::path::absolute(Path::new(path)).map_err(|error| error.to_string())?;
            Ok(OutputOption::File(path))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_words_have_a_meaning_and_everything_else_is_a_file() {
        assert_eq!(output("auto"), Ok(OutputOption::Auto));
        assert_eq!(output("inherit"), Ok(OutputOption::Inherit));
        assert_eq!(output("null"), Ok(OutputOption::Null));
        let here = std::env::current_dir().expect("there is one");
        assert_eq!(output("./auto"), Ok(OutputOption::File(here.join("auto"))));
        assert_eq!(output("/dev/stderr"), Ok(OutputOption::File("/dev/stderr".into())));
        assert!(output("").is_err());
    }
}
