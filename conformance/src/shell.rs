//! Words for a shell.

/// A command line as one would type it again.
pub fn typed<S: AsRef<str>>(words: &[S]) -> String {
    let quoted = words.iter().map(|word| {
        let word = word.as_ref();
        shlex::try_quote(word).map_or_else(|_| word.to_owned(), Into::into)
    });
    quoted.collect::<Vec<String>>().join(" ")
}
