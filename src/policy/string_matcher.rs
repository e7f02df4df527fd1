//! Matches a header, path or the like against strings and regular expressions.

use regex_lite::{Regex, RegexBuilder};

/// Longest regular expression, in bytes.
pub const MAX_REGEX_BYTES: usize = 512;
/// Largest compiled regular expression, in bytes: it bounds the time per byte of a value too.
const MAX_COMPILED_BYTES: usize = 32 * 1024;
/// Deepest nesting of groups in a regular expression.
const MAX_NESTING: u32 = 32;

/// A string matcher. Values are bytes: nothing makes sure that a header is UTF-8.
#[derive(Clone, Debug)]
pub struct StringMatcher {
    test: StringTest,
    ignore_case: bool,
    /// It matches where the test does not hold.
    pub invert: bool,
}

/// How a value is compared. Lists are any-of.
#[derive(Clone, Debug)]
pub enum StringTest {
    /// Equal.
    Exact(Vec<String>),
    /// Begins with.
    Prefix(Vec<String>),
    /// Ends with.
    Suffix(Vec<String>),
    /// Has in it.
    Contains(Vec<String>),
    /// Matches as a whole; made by [`StringMatcher::compile_regex`].
    Regex(Vec<Regex>),
}

/// Why a regular expression is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegexFault {
    /// Longer than [`MAX_REGEX_BYTES`].
    TooLong,
    /// Not a regular expression, or too large when compiled, as the text says.
    Invalid(String),
}

impl PartialEq for StringMatcher {
    fn eq(&self, other: &Self) -> bool {
        self.ignore_case == other.ignore_case
            && self.invert == other.invert
            && self.test == other.test
    }
}

impl PartialEq for StringTest {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Exact(a), Self::Exact(b))
            | (Self::Prefix(a), Self::Prefix(b))
            | (Self::Suffix(a), Self::Suffix(b))
            | (Self::Contains(a), Self::Contains(b)) => a == b,
            (Self::Regex(a), Self::Regex(b)) => {
                a.iter().map(Regex::as_str).eq(b.iter().map(Regex::as_str))
            }
            _ => false,
        }
    }
}

impl StringMatcher {
    /// A matcher for values as they are.
    pub fn new(test: StringTest, ignore_case: bool, invert: bool) -> Self {
        Self {
            test,
            ignore_case,
            invert,
        }
    }

    /// How a value is compared.
    pub(super) fn test(&self) -> &StringTest {
        &self.test
    }

    /// Compiles a regular expression that has to match a whole value. Matching takes time linear in the value's length.
    pub fn compile_regex(pattern: &str, ignore_case: bool) -> Result<Regex, RegexFault> {
        if pattern.len() > MAX_REGEX_BYTES {
            return Err(RegexFault::TooLong);
        }
        let compile = |pattern: &str| {
            RegexBuilder::new(pattern)
                .case_insensitive(ignore_case)
                .size_limit(MAX_COMPILED_BYTES)
                .nest_limit(MAX_NESTING)
                .build()
                .map_err(|error| RegexFault::Invalid(error.to_string()))
        };
        // On its own first: "a)|(b" is an expression only inside of the group that anchors it.
        compile(pattern)?;
        compile(&format!(r"\A(?:{pattern})\z"))
    }

    /// Whether the value matches.
    pub fn matches(&self, value: &[u8]) -> bool {
        self.test_holds(value) != self.invert
    }

    /// Whether the test holds, `invert` aside.
    pub(super) fn test_holds(&self, value: &[u8]) -> bool {
        let same: fn(&[u8], &[u8]) -> bool = if self.ignore_case {
            <[u8]>::eq_ignore_ascii_case
        } else {
            |a, b| a == b
        };
        match &self.test {
            StringTest::Exact(texts) => texts.iter().any(|t| same(value, t.as_bytes())),
            StringTest::Prefix(texts) => texts.iter().any(|t| {
                value
                    .get(..t.len())
                    .is_some_and(|head| same(head, t.as_bytes()))
            }),
            StringTest::Suffix(texts) => texts.iter().any(|t| {
                value
                    .len()
                    .checked_sub(t.len())
                    .and_then(|start| value.get(start..))
                    .is_some_and(|tail| same(tail, t.as_bytes()))
            }),
            StringTest::Contains(texts) => texts.iter().any(|t| self.contains(value, t.as_bytes())),
            StringTest::Regex(expressions) => {
                let text = String::from_utf8_lossy(value);
                expressions.iter().any(|regex| regex.is_match(&text))
            }
        }
    }

    fn contains(&self, value: &[u8], text: &[u8]) -> bool {
        if self.ignore_case {
            // `windows` cannot take a length of 0, which the configuration refuses.
            !text.is_empty()
                && value
                    .windows(text.len())
                    .any(|window| window.eq_ignore_ascii_case(text))
        } else {
            memchr::memmem::find(value, text).is_some()
        }
    }
}
