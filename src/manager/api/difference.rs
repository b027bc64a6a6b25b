//! What differs between two texts, as programs are told it.

use crate::config::difference;

/// Beyond this a text is shown whole instead.
const MAX_LINES: usize = 1_500;

/// `-` and what stands in `now` alone, `+` and what stands in `sent` alone, in their order; secrets are not shown. Empty: nothing, or
/// too much.
pub(super) fn lines(now: &str, sent: &str) -> Vec<String> {
    if now.lines().count() > MAX_LINES || sent.lines().count() > MAX_LINES {
        return Vec::new();
    }
    let differs = difference(now, sent).into_iter().filter(|(mark, _)| *mark != ' ');
    differs.map(|(mark, line)| format!("{mark}{line}")).collect()
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

    #[test]
    fn what_is_secret_is_told_apart_and_not_shown() {
        let (now, sent) = ("a = 1\napi_key = { sealed = \"01\" }\n", "a = 1\napi_key = \"planted\"\n");
        assert_eq!(lines(now, sent), ["-api_key = ****", "+api_key = ****"]);
    }
}
