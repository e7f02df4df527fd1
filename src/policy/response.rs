//! Criteria about a response, once its head has arrived.

use super::criterion::Held;
use super::media_type::media_types_of;
use super::named_matcher::NamedMatcher;
use super::string_matcher::StringMatcher;

/// A response as the policy sees it.
pub trait ResponseView {
    /// The status.
    fn status(&self) -> u16;
    /// The length of the body, as far as the head tells.
    fn length(&self) -> Option<u64>;
    /// Passes each value of the header `name` (lower case), in order, to `visit`, until that returns `false`.
    fn header(&self, name: &str, visit: &mut dyn FnMut(&[u8]) -> bool);
}

/// One criterion of a rule about responses.
#[derive(Clone, Debug)]
pub struct ResponseCriterion {
    /// The test.
    pub test: ResponseTest,
    /// Whether the criterion holds where the test does not: `…_not`.
    pub negated: bool,
}

/// What a criterion tests. Lists are any-of.
#[derive(Clone, Debug)]
pub enum ResponseTest {
    /// The status is in one of these ranges, both ends included.
    Status(Vec<(u16, u16)>),
    /// The media type without parameters, empty if there is none. Of several types, each is tested.
    ContentType(Vec<StringMatcher>),
    /// The length of the body in bytes, both ends included. Where the head does not tell the length, the test may
    /// hold or not.
    Size(u64, u64),
    /// Header fields.
    Header(Vec<NamedMatcher>),
}

impl ResponseCriterion {
    pub(super) fn held(&self, response: &dyn ResponseView) -> Held {
        let held = self.test.held(response);
        if self.negated { held.not() } else { held }
    }
}

impl ResponseTest {
    fn held(&self, response: &dyn ResponseView) -> Held {
        match self {
            Self::Status(ranges) => {
                let status = response.status();
                let within = |(first, last): &(u16, u16)| (*first..=*last).contains(&status);
                Held::of([ranges.iter().any(within)])
            }
            Self::ContentType(matchers) => {
                let types = media_types_of(&mut |visit| response.header("content-type", visit));
                Held::of(
                    types
                        .iter()
                        .map(|media_type| matchers.iter().any(|m| m.matches(media_type))),
                )
            }
            Self::Size(min, max) => response.length().map_or(Held::Either, |length| {
                Held::of([(*min..=*max).contains(&length)])
            }),
            Self::Header(headers) => Held::of([headers
                .iter()
                .any(|header| header.holds(&mut |visit| response.header(&header.name, visit)))]),
        }
    }
}
