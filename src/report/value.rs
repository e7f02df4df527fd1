//! The tree that both forms of icap_log are written from, so that they cannot differ.

use std::borrow::Cow;

/// A JSON value, or a `google.protobuf.Value`.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value<'a> {
    Bool(bool),
    /// A whole number below 2^53, which both forms hold exactly.
    Number(u64),
    Text(Cow<'a, str>),
    List(Vec<Value<'a>>),
    Object(Object<'a>),
}

/// Named values in the order in which they were added.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Object<'a>(Vec<(Cow<'a, str>, Value<'a>)>);

impl<'a> Object<'a> {
    pub(super) fn with_capacity(fields: usize) -> Self {
        Self(Vec::with_capacity(fields))
    }

    pub(super) fn add(&mut self, name: impl Into<Cow<'a, str>>, value: Value<'a>) {
        self.0.push((name.into(), value));
    }

    /// Adds text; nothing for text that is absent or empty.
    pub(super) fn add_text(&mut self, name: &'static str, text: Option<&'a str>) {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            self.add(name, Value::Text(Cow::Borrowed(text)));
        }
    }

    /// Adds a number; nothing for one that is absent.
    pub(super) fn add_number(&mut self, name: &'static str, number: Option<impl Into<u64>>) {
        if let Some(number) = number {
            self.add(name, Value::Number(number.into()));
        }
    }

    /// Adds a list; nothing for an empty one.
    pub(super) fn add_list(&mut self, name: &'static str, list: Vec<Value<'a>>) {
        if !list.is_empty() {
            self.add(name, Value::List(list));
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Value<'a>)> {
        self.0.iter().map(|(name, value)| (&**name, value))
    }
}

impl Value<'_> {
    /// The text of that name in an object.
    pub(super) fn text_at(&self, name: &str) -> Option<&str> {
        let Self::Object(object) = self else {
            return None;
        };
        object.iter().find_map(|(found, value)| match value {
            Self::Text(text) if found == name => Some(&**text),
            _ => None,
        })
    }
}
