//! What differs between two texts, line by line.

/// Beyond this a text is shown whole instead.
const MAX_LINES: usize = 1_500;

/// `-` and what stands in `now` alone, `+` and what stands in `sent` alone, in their order. Empty: nothing, or too much.
pub(super) fn lines(now: &str, sent: &str) -> Vec<String> {
    let (now, sent): (Vec<&str>, Vec<&str>) = (now.lines().collect(), sent.lines().collect());
    if now.len() > MAX_LINES || sent.len() > MAX_LINES {
        return Vec::new();
    }
    // What they have in common at both ends need not be compared with everything.
    let head = now.iter().zip(&sent).take_while(|(a, b)| a == b).count();
    let (now, sent) = (now.get(head..).unwrap_or_default(), sent.get(head..).unwrap_or_default());
    let tail = now.iter().rev().zip(sent.iter().rev()).take_while(|(a, b)| a == b).count();
    let now = now.get(..now.len() - tail).unwrap_or_default();
    let sent = sent.get(..sent.len() - tail).unwrap_or_default();

    // `common[a][b]`: the longest sequence of lines that both have from there on.
    let width = sent.len() + 1;
    let mut common = vec![0_u16; (now.len() + 1) * width];
    let at = |common: &[u16], a: usize, b: usize| common.get(a * width + b).copied().unwrap_or_default();
    for (a, left) in now.iter().enumerate().rev() {
        for (b, right) in sent.iter().enumerate().rev() {
            let longest = if left == right {
                at(&common, a + 1, b + 1) + 1
            } else {
                at(&common, a + 1, b).max(at(&common, a, b + 1))
            };
            if let Some(place) = common.get_mut(a * width + b) {
                *place = longest;
            }
        }
    }
    let (mut a, mut b, mut told) = (0, 0, Vec::new());
    loop {
        match (now.get(a), sent.get(b)) {
            (None, None) => return told,
            (Some(left), Some(right)) if left == right => (a, b) = (a + 1, b + 1),
            (Some(left), right) if right.is_none() || at(&common, a + 1, b) >= at(&common, a, b + 1) => {
                told.push(format!("-{left}"));
                a += 1;
            }
            (_, Some(right)) => {
                told.push(format!("+{right}"));
                b += 1;
            }
            (Some(_), None) => return told,
        }
    }
}

/// The same of JSON with a member a line: a comma says only that another one follows, and is left out.
pub(super) fn members(now: &str, sent: &str) -> Vec<String> {
    let plain = |text: &str| text.lines().map(|it| it.strip_suffix(',').unwrap_or(it)).collect::<Vec<_>>().join("\n");
    lines(&plain(now), &plain(sent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_differ_are_told_and_no_others() {
        assert_eq!(lines("a\nb\nc\nd\n", "a\nx\nc\nd\n"), ["-b", "+x"]);
        assert_eq!(lines("a\nb\nc\n", "b\nc\nd\n"), ["-a", "+d"]);
        assert_eq!(lines("", "a\n"), ["+a"]);
        assert_eq!(lines("a\nb\n", ""), ["-a", "-b"]);
        assert_eq!(lines("a\n", "a"), Vec::<String>::new());
        assert_eq!(members("{\n  1,\n  2\n}", "{\n  1\n}"), ["-  2"], "and not the comma behind 1");
        assert_eq!(lines(&"x\n".repeat(MAX_LINES + 1), "y"), Vec::<String>::new());
    }
}
