//! Names of runtimes and workloads as they are given on a command line: exact, a glob, or a regular
//! expression.

use std::fmt;

use regex::Regex;

/// Which names are meant. Patterns match whole names, never a part of one.
#[derive(Clone, Debug)]
pub struct NamePattern {
    text: String,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Exact,
    Pattern(Regex),
}

/// A pattern that is none, or that matches nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// Not a regular expression.
    #[error("`{text}` is neither a name, nor a glob, nor a regular expression (regex): {reason}")]
    Pattern {
        /// The text given.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Nothing is called so.
    #[error("there is no {what} called `{text}`{}; there are {}", hint(.near), .known.join(", "))]
    Unknown {
        /// "runtime" or "workload".
        what: &'static str,
        /// The text given.
        text: String,
        /// The names most like it.
        near: Vec<String>,
        /// All names.
        known: Vec<String>,
    },
}

fn hint(near: &[String]) -> String {
    if near.is_empty() { String::new() } else { format!(": did you mean {}?", near.join(" or ")) }
}

impl NamePattern {
    /// Whether `name` is meant.
    pub fn matches(&self, name: &str) -> bool {
        match &self.kind {
            Kind::Exact => self.text == name,
            Kind::Pattern(pattern) => pattern.is_match(name),
        }
    }

    /// The name, when exactly one is given.
    pub fn exact(&self) -> Option<&str> {
        match self.kind {
            Kind::Exact => Some(&self.text),
            Kind::Pattern(_) => None,
        }
    }

    /// The names among `known` that are meant.
    ///
    /// # Errors
    /// [`NameError::Unknown`] when there is none, with the names most like it.
    pub fn choose<'a>(
        &self,
        what: &'static str,
        known: &[&'a str],
    ) -> Result<Vec<&'a str>, NameError> {
        let chosen: Vec<_> = known.iter().copied().filter(|name| self.matches(name)).collect();
        if chosen.is_empty() {
            return Err(unknown(what, &self.text, known));
        }
        Ok(chosen)
    }
}

impl std::str::FromStr for NamePattern {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if !text.is_empty() && text.chars().all(plain) {
            return Ok(Self { text: text.to_owned(), kind: Kind::Exact });
        }
        // A glob has stars and question marks, and nothing else that a name has not.
        let expression = if text.chars().all(|c| plain(c) || c == '*' || c == '?') {
            text.replace('*', ".*").replace('?', ".")
        } else {
            text.to_owned()
        };
        // The text alone first: in the frame, an unbalanced parenthesis would be another's mistake.
        let compiled =
            Regex::new(&expression).and_then(|_| Regex::new(&format!("^(?:{expression})$")));
        match compiled {
            Ok(pattern) => Ok(Self { text: text.to_owned(), kind: Kind::Pattern(pattern) }),
            Err(error) => {
                Err(NameError::Pattern { text: text.to_owned(), reason: error.to_string() })
            }
        }
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The error for a name that is not among `known`.
pub fn unknown(what: &'static str, text: &str, known: &[&str]) -> NameError {
    let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    NameError::Unknown {
        what,
        text: text.to_owned(),
        near: owned(&near(text, known)),
        known: owned(known),
    }
}

/// The names most like `text`, at most three.
pub fn near<'a>(text: &str, known: &[&'a str]) -> Vec<&'a str> {
    /// Below this, names have no more in common than any two.
    const ALIKE: f64 = 0.8;
    let mut scored: Vec<_> =
        known.iter().map(|&name| (strsim::jaro_winkler(text, name), name)).collect();
    scored.retain(|&(score, _)| score >= ALIKE);
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    scored.into_iter().take(3).map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 5] = ["local", "stackful-local", "stackful", "ping_pong", "ping_pong_hog"];

    fn chosen(text: &str) -> Vec<&'static str> {
        let pattern: NamePattern = text.parse().expect("a pattern");
        pattern.choose("runtime", &KNOWN).unwrap_or_else(|e| panic!("{e}"))
    }

    #[test]
    fn names_match_whole() {
        assert_eq!(chosen("local"), ["local"]);
        assert_eq!(chosen("ping_pong"), ["ping_pong"]);
        assert_eq!(chosen("ping_pon."), ["ping_pong"]);
    }

    #[test]
    fn globs_and_regular_expressions_are_told_apart() {
        assert_eq!(chosen("stackful*"), ["stackful-local", "stackful"]);
        assert_eq!(chosen("*local"), ["local", "stackful-local"]);
        assert_eq!(chosen("loca?"), ["local"]);
        assert_eq!(chosen("^local$"), ["local"]);
        assert_eq!(chosen("local|stackful"), ["local", "stackful"]);
        assert_eq!(chosen("ping.*"), ["ping_pong", "ping_pong_hog"]);
    }

    #[test]
    fn what_is_misspelt_is_answered_with_what_is_near() {
        let pattern: NamePattern = "stakcful".parse().expect("a name");
        let error = pattern.choose("runtime", &KNOWN).expect_err("there is none").to_string();
        assert!(error.contains("no runtime called `stakcful`: did you mean stackful"), "{error}");
        assert!(error.contains("there are local, "), "{error}");
        assert!(near("zzz", &KNOWN).is_empty());
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for text in ["[", "(", ")|(", ""] {
            let parsed: Result<NamePattern, _> = text.parse();
            if !text.is_empty() {
                assert!(parsed.expect_err(text).to_string().contains("regex"), "{text}");
            }
        }
    }
}
