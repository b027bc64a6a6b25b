//! The languages whose words we know, and how their endings bend.

/// What of a language matters here. Others than English and German: what is written alike everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tongue {
    English {
        /// 12/24 is Christmas Eve, 70 degrees are pleasant.
        american: bool,
    },
    German,
    Other,
}

impl Tongue {
    /// `language` is a tag such as `en-gb`; `en` alone is American, as the service has it.
    pub(super) fn of(language: &str) -> Self {
        let language = language.to_ascii_lowercase().replace('_', "-");
        match language.split('-').next() {
            Some("en") => Self::English { american: matches!(language.as_str(), "en" | "en-us") },
            Some("de") => Self::German,
            _ => Self::Other,
        }
    }

    pub(super) const fn is_english(self) -> bool {
        matches!(self, Self::English { .. })
    }

    pub(super) const fn is_german(self) -> bool {
        matches!(self, Self::German)
    }

    /// A folded word without its plural's or case's ending: always a beginning of the word.
    pub(super) fn stem(self, word: &str) -> &str {
        match self {
            Self::English { .. } => english(word),
            Self::German => german(word),
            Self::Other => word,
        }
    }
}

/// Words that only look like plurals.
const NO_PLURAL: [&str; 8] = ["news", "does", "this", "always", "yes", "plus", "class", "gas"];
const SHORTEST_STEM: usize = 3;

fn english(word: &str) -> &str {
    if NO_PLURAL.contains(&word) || word.ends_with("ss") || word.ends_with("us") || word.ends_with("is") {
        return word;
    }
    let sibilant = ["sses", "shes", "ches", "xes", "zes"].iter().any(|it| word.ends_with(it));
    let ending = if sibilant { "es" } else { "s" };
    long_enough(word, word.strip_suffix(ending))
}

fn german(word: &str) -> &str {
    // Twice: `Häuser` and `Haus` meet only where the latter's own `s` goes, too.
    without_ending(without_ending(word))
}

fn without_ending(word: &str) -> &str {
    let shorter = ["en", "er", "es", "em", "e", "n", "s"].iter().find_map(|it| word.strip_suffix(it));
    long_enough(word, shorter)
}

fn long_enough<'a>(word: &'a str, stem: Option<&'a str>) -> &'a str {
    stem.filter(|it| it.chars().count() >= SHORTEST_STEM).unwrap_or(word)
}
