//! Names that somebody may have meant.

const COUNT_MAX: usize = 3;
const NAME_CHAR_COUNT_MAX: usize = 256; // Longer texts are nobody's typing error, and comparing them costs.

/// At most three of `names` that differ from `wanted` in less than a third of its characters, the nearest first.
pub(super) fn nearest<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let wanted: Vec<char> = wanted.to_lowercase().chars().take(NAME_CHAR_COUNT_MAX + 1).collect();
    if wanted.len() > NAME_CHAR_COUNT_MAX {
        return Vec::new();
    }
    let mut near: Vec<(usize, &str)> = names
        .map(|name| (distance(&wanted, &name.to_lowercase()), name))
        .filter(|(distance, _)| *distance * 3 < wanted.len())
        .collect();
    near.sort_unstable();
    near.into_iter().take(COUNT_MAX).map(|(_, name)| name.to_owned()).collect()
}

/// How many characters must be changed, put in or taken out (Levenshtein).
fn distance(wanted: &[char], name: &str) -> usize {
    let mut row: Vec<usize> = (0..=wanted.len()).collect();
    for (above, letter) in name.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = above + 1;
        for (index, other) in wanted.iter().enumerate() {
            let changed = diagonal + usize::from(*other != letter);
            diagonal = row[index + 1];
            row[index + 1] = changed.min(row[index] + 1).min(diagonal + 1);
        }
    }
    row[wanted.len()]
}
