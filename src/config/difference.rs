//! What of a text became another, line by line: for whoever decides on a change, and whoever looks back at one.

use super::masked;

/// The lines of both, each with `+`, `-` or a blank; lines far from any change are left out. Secrets are hidden.
#[must_use]
pub fn difference(old: &str, new: &str) -> Vec<(char, String)> {
    let (shown_old, shown_new) = (masked(old), masked(new));
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let (shown_old, shown_new): (Vec<&str>, Vec<&str>) = (shown_old.lines().collect(), shown_new.lines().collect());
    let shown = |list: &[&str], at: usize| list.get(at).copied().unwrap_or_default().to_owned();
    let mut lines = Vec::new();
    for (mark, left, right) in steps(&old, &new) {
        lines.push(if mark == '+' { (mark, shown(&shown_new, right)) } else { (mark, shown(&shown_old, left)) });
    }
    let near = |at: usize| lines.iter().skip(at.saturating_sub(2)).take(5).any(|it| it.0 != ' ');
    let kept: Vec<bool> = (0..lines.len()).map(near).collect();
    lines.into_iter().zip(kept).filter(|it| it.1).map(|it| it.0).collect()
}

/// Longest common subsequence, where both are short enough; else all of the one, then all of the other.
fn steps(old: &[&str], new: &[&str]) -> Vec<(char, usize, usize)> {
    const MOST: usize = 4_000_000;
    let (rows, columns) = (old.len(), new.len());
    if rows.saturating_mul(columns) > MOST {
        return (0..rows).map(|at| ('-', at, 0)).chain((0..columns).map(|at| ('+', 0, at))).collect();
    }
    let width = columns + 1;
    let mut table = vec![0_u32; (rows + 1) * width];
    let at = |table: &[u32], row: usize, column: usize| table.get(row * width + column).copied().unwrap_or_default();
    for row in (0..rows).rev() {
        for column in (0..columns).rev() {
            let best = if old.get(row) == new.get(column) {
                at(&table, row + 1, column + 1) + 1
            } else {
                at(&table, row + 1, column).max(at(&table, row, column + 1))
            };
            if let Some(cell) = table.get_mut(row * width + column) {
                *cell = best;
            }
        }
    }
    let (mut row, mut column, mut steps) = (0, 0, Vec::new());
    while row < rows || column < columns {
        if row < rows && column < columns && old.get(row) == new.get(column) {
            steps.push((' ', row, column));
            (row, column) = (row + 1, column + 1);
        } else if column == columns || (row < rows && at(&table, row + 1, column) >= at(&table, row, column + 1)) {
            steps.push(('-', row, column));
            row += 1;
        } else {
            steps.push(('+', row, column));
            column += 1;
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_shows_what_changed_with_two_lines_around_and_no_secret() {
        let old = "a = 1\nb = 2\nc = 3\nd = 4\ne = 5\ntoken = { mark = \"00\" }\n";
        let new = "a = 1\nb = 2\nc = 3\nd = 4\ne = 5\ntoken = { mark = \"01\" }\nf = 6\n";
        let lines: Vec<String> = difference(old, new).iter().map(|(mark, line)| format!("{mark}{line}")).collect();
        assert_eq!(lines, [" d = 4", " e = 5", "-token = ****", "+token = ****", "+f = 6"]);
        assert_eq!(difference(old, old), []);
    }
}
