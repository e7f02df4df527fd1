//! The shape that a custom resource must have: unknown fields, missing ones and wrong types are errors.

use serde_json::Value;

/// What a value must be.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// Anything: what another check looks into.
    Any,
    /// A string that is not empty.
    Text,
    /// A string, or an empty one.
    MaybeEmpty,
    /// A whole number.
    Integer,
    /// True or false.
    Flag,
    /// One of these strings.
    Word(&'static [&'static str]),
    /// A list, not empty, of this.
    List(&'static Shape),
    /// A mapping with these fields and no other.
    Fields(&'static [Field]),
    /// A mapping of any keys to this.
    Map(&'static Shape),
}

/// A field of a mapping: its name, whether it must be there, and its value.
pub type Field = (&'static str, bool, Shape);

/// A field that must be there.
pub const REQUIRED: bool = true;
/// A field that may be missing.
pub const OPTIONAL: bool = false;

/// `metadata` of a namespaced resource.
pub const METADATA: Shape = Shape::Fields(&[
    ("name", REQUIRED, Shape::Text),
    ("namespace", REQUIRED, Shape::Text),
    ("labels", OPTIONAL, Shape::Map(&Shape::Text)),
    ("annotations", OPTIONAL, Shape::Map(&Shape::MaybeEmpty)),
]);

impl Shape {
    /// The places where `value` is not of this shape.
    pub fn check(&self, place: &str, value: &Value) -> Vec<String> {
        let expected = |right: bool, what: &str| {
            if right {
                Vec::new()
            } else {
                vec![format!("{place}: found {value}, expected {what}")]
            }
        };
        match self {
            Self::Any => Vec::new(),
            Self::Text => expected(value.as_str().is_some_and(|s| !s.is_empty()), "a text"),
            Self::MaybeEmpty => expected(value.is_string(), "a string"),
            Self::Integer => expected(value.is_i64() || value.is_u64(), "a whole number"),
            Self::Flag => expected(value.is_boolean(), "true or false"),
            Self::Word(words) => expected(
                value.as_str().is_some_and(|word| words.contains(&word)),
                &format!("one of {words:?}"),
            ),
            Self::List(shape) => match value.as_array() {
                Some(entries) if !entries.is_empty() => (0..)
                    .zip(entries)
                    .flat_map(|(i, entry)| shape.check(&format!("{place}[{i}]"), entry))
                    .collect(),
                _ => expected(false, "a list that is not empty"),
            },
            Self::Map(shape) => match value.as_object() {
                Some(fields) => fields
                    .iter()
                    .flat_map(|(name, field)| shape.check(&format!("{place}.{name}"), field))
                    .collect(),
                None => expected(false, "a mapping"),
            },
            Self::Fields(known) => {
                let Some(fields) = value.as_object() else {
                    return expected(false, "a mapping");
                };
                let mut faults = Vec::new();
                for (name, field) in fields {
                    match known.iter().find(|(known, ..)| known == name) {
                        Some((.., shape)) => {
                            faults.extend(shape.check(&format!("{place}.{name}"), field));
                        }
                        None => faults.push(format!("{place}.{name}: unknown field")),
                    }
                }
                for (name, required, _) in *known {
                    if *required && !fields.contains_key(*name) {
                        faults.push(format!("{place}.{name}: missing"));
                    }
                }
                faults
            }
        }
    }
}

#[test]
fn a_shape_finds_what_is_wrong() {
    const SHAPE: Shape = Shape::Fields(&[
        ("kind", REQUIRED, Shape::Word(&["A", "B"])),
        ("list", OPTIONAL, Shape::List(&Shape::Integer)),
    ]);
    let faults = |value| SHAPE.check("x", &value);
    assert!(faults(serde_json::json!({"kind": "A", "list": [1]})).is_empty());
    assert_eq!(
        faults(serde_json::json!({"list": [true], "other": 1})),
        [
            "x.list[0]: found true, expected a whole number",
            "x.other: unknown field",
            "x.kind: missing"
        ]
    );
    assert_eq!(
        faults(serde_json::json!({"kind": "C"})),
        ["x.kind: found \"C\", expected one of [\"A\", \"B\"]"]
    );
}
