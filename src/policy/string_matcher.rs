//! Matches values such as headers and paths against strings and regular expressions.

use regex_lite::{Regex, RegexBuilder};

/// The longest regular expression, in bytes.
pub const MAX_REGEX_BYTES: usize = 512;
/// The largest compiled regular expression, in bytes. The size bounds the time per byte of a value too.
const MAX_COMPILED_BYTES: usize = 32 * 1024;
/// The deepest nesting of groups in a regular expression.
const MAX_NESTING: u32 = 32;

/// A string matcher. Values are bytes, because a header need not be UTF-8.
#[derive(Clone, Debug)]
pub struct StringMatcher {
    test: StringTest,
    ignore_case: bool,
    /// Whether the matcher matches where the test does not hold.
    pub invert: bool,
}

/// How a value is compared. Lists are any-of.
#[derive(Clone, Debug)]
pub enum StringTest {
    /// The value equals one of these.
    Exact(Vec<String>),
    /// The value begins with one of these.
    Prefix(Vec<String>),
    /// The value ends with one of these.
    Suffix(Vec<String>),
    /// The value contains one of these.
    Contains(Vec<String>),
    /// One of these matches the whole value; made by [`StringMatcher::compile_regex`].
    Regex(Vec<Regex>),
}

/// Why a regular expression is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegexFault {
    /// Longer than [`MAX_REGEX_BYTES`].
    TooLong,
    /// Not a regular expression, or too large when compiled. The text says which.
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
    /// A matcher that compares values unchanged.
    pub fn new(test: StringTest, ignore_case: bool, invert: bool) -> Self {
        Self {
            test,
            ignore_case,
            invert,
        }
    }

    /// The test.
    pub(super) fn test(&self) -> &StringTest {
        &self.test
    }

    /// Compiles a regular expression that must match the whole value. Matching takes time linear in the value's
    /// length.
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
        // Compile the pattern alone first: `a)|(b` would be valid only inside the anchoring group.
        compile(pattern)?;
        compile(&format!(r"\A(?:{pattern})\z"))
    }

    /// Whether the value matches.
    pub fn matches(&self, value: &[u8]) -> bool {
        self.test_holds(value) != self.invert
    }

    /// Whether the test holds, without `invert`.
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
            // `windows` cannot take a length of 0. The configuration refuses empty texts.
            !text.is_empty()
                && value
                    .windows(text.len())
                    .any(|window| window.eq_ignore_ascii_case(text))
        } else {
            memchr::memmem::find(value, text).is_some()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(of: &str) -> Vec<String> {
        vec![of.to_owned()]
    }

    fn regex(pattern: &str) -> StringTest {
        StringTest::Regex(vec![StringMatcher::compile_regex(pattern, false).unwrap()])
    }

    /// A matcher of each kind for one text.
    fn kinds(of: &str) -> [StringTest; 5] {
        [
            StringTest::Exact(texts(of)),
            StringTest::Prefix(texts(of)),
            StringTest::Suffix(texts(of)),
            StringTest::Contains(texts(of)),
            regex(of),
        ]
    }

    #[test]
    fn matchers_are_equal_that_test_the_same() {
        for (n, a) in kinds("a").iter().enumerate() {
            for (m, other) in kinds("a").iter().enumerate() {
                assert_eq!(a == other, n == m, "{a:?} {other:?}");
            }
            assert!(kinds("b").iter().all(|b| a != b), "{a:?}");
            let plain = StringMatcher::new(kinds("a")[n].clone(), false, false);
            for (ignore_case, invert) in [(true, false), (false, true)] {
                let other = StringMatcher::new(kinds("a")[n].clone(), ignore_case, invert);
                assert_ne!(plain, other);
            }
        }
    }

    #[test]
    fn texts_are_found_where_the_kind_says() {
        let found = |text: &str| {
            kinds("Ab").map(|kind| StringMatcher::new(kind, false, false).matches(text.as_bytes()))
        };
        assert_eq!(found("Ab"), [true; 5]);
        assert_eq!(found("Abc"), [false, true, false, true, false]);
        assert_eq!(found("cAb"), [false, false, true, true, false]);
        assert_eq!(found("cAbc"), [false, false, false, true, false]);
        assert_eq!(found("ab"), [false; 5]);
        let folded = |text: &str| {
            kinds("Ab").map(|kind| StringMatcher::new(kind, true, false).matches(text.as_bytes()))
        };
        assert_eq!(folded("aBc")[..4], [false, true, false, true]);
        assert_eq!(folded("a")[..4], [false; 4]);
    }
}
