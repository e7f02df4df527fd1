//! Guesses which attribute a misspelt name means.

/// Longest name that is compared, in bytes: a longer one is near none of ours.
const MAX_BYTES: usize = 64;

/// The known name nearest to `name`, if it differs in at most a third of its bytes.
pub(super) fn nearest(
    name: &str,
    known: impl Iterator<Item = &'static str>,
) -> Option<&'static str> {
    if name.len() > MAX_BYTES {
        return None;
    }
    known
        .map(|known| (edit_distance(known, name), known))
        .filter(|(distance, known)| *distance <= known.len() / 3)
        .min()
        .map(|(_, known)| known)
}

/// The Levenshtein distance of two names, in bytes.
fn edit_distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i.saturating_add(1);
        for (cell, y) in row
            .iter_mut()
            .zip(std::iter::once(0).chain(b.bytes()))
            .skip(1)
        {
            let cost = usize::from(x != y);
            let best = diagonal
                .saturating_add(cost)
                .min(left.saturating_add(1))
                .min(cell.saturating_add(1));
            diagonal = std::mem::replace(cell, best);
            left = best;
        }
        if let Some(first) = row.first_mut() {
            *first = i.saturating_add(1);
        }
    }
    row.last().copied().unwrap_or_default()
}
