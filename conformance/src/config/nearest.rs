//! What somebody may have meant who wrote something that does not exist.

/// Below this likeness, from 0 to 1, a guess would not help.
const LIKENESS_MIN: f64 = 0.8;

/// The most similar one of some names, if one is similar enough.
pub fn nearest<'a>(written: &str, names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let rated = names.into_iter().map(|name| (strsim::normalized_levenshtein(written, name), name));
    let (likeness, name) = rated.max_by(|(one, _), (other, _)| one.total_cmp(other))?;
    (likeness >= LIKENESS_MIN).then(|| name.to_owned())
}
