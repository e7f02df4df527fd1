//! The media types in a message's `Content-Type`.

use super::named_matcher::Visit;
use super::request::Memo;

/// Every media type that `Content-Type` names, without parameters. Several fields, or a list joined by commas, name
/// several types. Without the field: one empty type.
pub(super) fn media_types(request: &Memo<'_>) -> Vec<Vec<u8>> {
    media_types_of(&mut |visit| request.header("content-type", visit))
}

/// The media types of any message. `each` passes every value of `Content-Type` to its argument.
pub(super) fn media_types_of(each: &mut dyn FnMut(&mut Visit<'_>)) -> Vec<Vec<u8>> {
    let mut types = Vec::new();
    each(&mut |value: &[u8]| {
        let mut parts = value.split(|b| *b == b',');
        types.push(essence(parts.next().unwrap_or_default()));
        // A comma may also stand in a parameter: text without a slash is no media type.
        let more = parts.map(essence).filter(|part| part.contains(&b'/'));
        types.extend(more);
        true
    });
    if types.is_empty() {
        types.push(Vec::new());
    }
    types
}

fn essence(part: &[u8]) -> Vec<u8> {
    let before = part.split(|b| *b == b';').next().unwrap_or_default();
    let mut essence = before.trim_ascii();
    while let [b'"', rest @ ..] | [rest @ .., b'"'] = essence {
        essence = rest.trim_ascii();
    }
    essence.to_vec()
}
