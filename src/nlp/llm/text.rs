//! A model's words as messages for the customer: paragraphs, without what a model only thought.

use crate::{
    core::message::Reply,
    nlp::fit::{self, MAX_REPLIES},
};

const THINKS: &str = "<think>";
const THOUGHT: &str = "</think>";

/// Each paragraph is a message; beyond the bound on messages the rest is one.
pub(super) fn replies(content: &str) -> Vec<Reply> {
    let mut replies = Vec::new();
    let mut rest = visible(content).trim();
    while !rest.is_empty() {
        let (paragraph, after) = match rest.find("\n\n") {
            Some(at) if replies.len() + 1 < MAX_REPLIES => rest.split_at(at),
            Some(_) | None => (rest, ""),
        };
        replies.extend(fit::text(paragraph.trim()));
        rest = after.trim();
    }
    replies
}

/// Models that think aloud, and whose server does not take it out, do so first; some begin it before their answer begins.
fn visible(content: &str) -> &str {
    match content.rfind(THOUGHT) {
        Some(at) => content.get(at + THOUGHT.len()..).unwrap_or_default(),
        None if content.trim_start().starts_with(THINKS) => "",
        None => content,
    }
}

/// How much of a growing answer has been said already.
#[derive(Debug, Default)]
pub(super) struct Said {
    bytes: usize,
    replies: usize,
}

impl Said {
    /// The paragraphs that are whole, because another one has begun.
    pub(super) fn whole_paragraphs(&mut self, content: &str) -> Vec<Reply> {
        if self.replies >= MAX_REPLIES / 2 {
            return Vec::new();
        }
        let rest = self.rest(content);
        let Some(end) = rest.trim_end().rfind("\n\n") else { return Vec::new() };
        let replies = replies(rest.get(..end).unwrap_or_default());
        self.bytes = content.len() - rest.len() + end;
        self.replies += replies.len();
        replies
    }

    pub(super) const fn is_something(&self) -> bool {
        self.replies > 0
    }

    /// What has not been said.
    pub(super) fn rest<'a>(&self, content: &'a str) -> &'a str {
        let visible = visible(content);
        // Thoughts that began unseen end after something was said: only what follows them is left.
        let begun = self.bytes.saturating_sub(content.len() - visible.len());
        visible.get(begun..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(replies: &[Reply]) -> Vec<String> {
        replies.iter().map(Reply::text).collect()
    }

    #[test]
    fn each_paragraph_is_a_message() {
        assert_eq!(texts(&replies(" One.\nStill one.\n\n\n\n Two. \n\n")), ["One.\nStill one.", "Two."]);
        assert_eq!(texts(&replies(" \n\n ")), Vec::<String>::new());
        let many = vec!["p"; 100].join("\n\n");
        assert_eq!(replies(&many).len(), MAX_REPLIES);
        assert_eq!(replies(&"ä".repeat(fit::MAX_TEXT_BYTES))[0].text().len(), fit::MAX_TEXT_BYTES);
    }

    #[test]
    fn thoughts_are_not_said() {
        assert_eq!(texts(&replies("<think>\n\nHm.\n\n</think>\n\nYes.")), ["Yes."]);
        assert_eq!(texts(&replies("Hm.\n\n</think>\n\nYes.")), ["Yes."], "begun before the answer");
        assert_eq!(texts(&replies("\n<think>Hm. Cut off")), Vec::<String>::new());
    }

    #[test]
    fn a_paragraph_is_whole_when_the_next_one_has_begun() {
        let mut said = Said::default();
        let mut grown = |content: &str| texts(&said.whole_paragraphs(content));
        assert_eq!(grown("One."), Vec::<String>::new());
        assert_eq!(grown("One.\n\n"), Vec::<String>::new(), "a tool call may follow");
        assert_eq!(grown("One.\n\nT"), ["One."]);
        assert_eq!(grown("One.\n\nTwo.\n"), Vec::<String>::new());
        assert_eq!(grown("One.\n\nTwo.\n\nThree.\n\nF"), ["Two.", "Three."]);
        assert_eq!(texts(&replies(said.rest("One.\n\nTwo.\n\nThree.\n\nFour."))), ["Four."]);
        let mut thinking = Said::default();
        assert_eq!(texts(&thinking.whole_paragraphs("<think>\n\nHm.\n\nHm.")), Vec::<String>::new());
        assert_eq!(texts(&thinking.whole_paragraphs("<think>\n\nHm.\n\n</think>\n\nOne.\n\nT")), ["One."]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_or_said_twice(
            pieces in proptest::collection::vec("(a|b|ä|\n|\n\n|<think>|</think>| ){0,3}", 0..12),
        ) {
            let (mut said, mut content, mut all) = (Said::default(), String::new(), Vec::new());
            for piece in pieces {
                content.push_str(&piece);
                all.extend(said.whole_paragraphs(&content));
            }
            all.extend(replies(said.rest(&content)));
            if !content.contains("think") {
                prop_assert_eq!(texts(&all), texts(&replies(&content)));
            }
        }
    }
}
