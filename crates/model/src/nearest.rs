//! Names that somebody may have meant.

const COUNT_MAX: usize = 3;
const NAME_CHAR_COUNT_MAX: usize = 256; // Longer texts are nobody's typing error, and comparing them costs.

/// At most three of `names` that differ from `wanted` in less than a third of its characters, the nearest first.
pub fn nearest<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Vec<String> {
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

/// How many characters must be changed, put in, taken out or exchanged with their neighbour.
fn distance(wanted: &[char], name: &str) -> usize {
    let (mut before, mut row): (Vec<usize>, Vec<usize>) = (Vec::new(), (0..=wanted.len()).collect());
    let mut letter_before = None;
    for (above, letter) in name.chars().enumerate() {
        let mut next = vec![above + 1];
        for (index, other) in wanted.iter().enumerate() {
            let changed = row[index] + usize::from(*other != letter);
            let mut steps = changed.min(next[index] + 1).min(row[index + 1] + 1);
            let is_exchange = index > 0 && letter_before == Some(*other) && wanted[index - 1] == letter;
            if is_exchange {
                steps = steps.min(before[index - 1] + 1);
            }
            next.push(steps);
        }
        before = std::mem::replace(&mut row, next);
        letter_before = Some(letter);
    }
    row[wanted.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commonest_typing_errors_cost_one_step() {
        let table = [
            ("acs.ecs", 0),
            ("acs.esc", 1),
            ("acs.ec", 1),
            ("acs.eecs", 1),
            ("acs.evs", 1),
            ("cas.esc", 2),
            ("", 7),
            ("ab", 6),
        ];
        for (name, steps) in table {
            let wanted: Vec<char> = "acs.ecs".chars().collect();
            assert_eq!(distance(&wanted, name), steps, "{name}");
        }
        assert_eq!(distance(&[], "ab"), 2);
    }
}
