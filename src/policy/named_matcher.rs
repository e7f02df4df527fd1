//! Tests of headers and cookies, which have names and may have several values.

use super::string_matcher::StringMatcher;

/// A test of a header or cookie with a name.
#[derive(Clone, Debug)]
pub struct NamedMatcher {
    /// The name; a header's in lower case.
    pub name: String,
    /// The test.
    pub test: NamedTest,
}

/// How a header or cookie is tested.
#[derive(Clone, Debug)]
pub enum NamedTest {
    /// Whether the header or cookie is there.
    Present(bool),
    /// The header or cookie is there, and one of its values matches; inverted: it is there, and no value matches.
    Value(StringMatcher),
}

pub(super) type Visit<'f> = dyn FnMut(&[u8]) -> bool + 'f;

impl NamedMatcher {
    /// `each` passes every value to its argument until that returns `false`.
    pub(super) fn holds(&self, each: &mut dyn FnMut(&mut Visit<'_>)) -> bool {
        let mut present = false;
        match &self.test {
            NamedTest::Present(wanted) => {
                each(&mut |_| {
                    present = true;
                    false
                });
                present == *wanted
            }
            NamedTest::Value(matcher) => {
                let mut hit = false;
                each(&mut |value| {
                    present = true;
                    hit = matcher.test_holds(value);
                    !hit
                });
                present && hit != matcher.invert
            }
        }
    }
}
