//! For a misspelt word: the known word that was probably meant.

/// Of `known` the word nearest to `word`, if it is near.
pub fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let (distance, found) = known.map(|candidate| (distance(word, candidate), candidate)).min_by_key(|(d, _)| *d)?;
    (distance <= word.chars().count().div_ceil(3).min(3)).then_some(found)
}

/// How many letters must be inserted, deleted, replaced or swapped with their neighbour (Damerau-Levenshtein distance,
/// restricted).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        let known = ["run", "wast", "completion"];
        for (word, expected) in
            [("rnu", Some("run")), ("wasts", Some("wast")), ("complete", Some("completion")), ("xyz", None), ("", None)]
        {
            assert_eq!(nearest(word, known.into_iter()), expected, "{word}");
        }
    }
}
