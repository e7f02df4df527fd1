//! Reads the fields of an object against its [`Section`], and notes each fault with its path.

use super::attribute::{Absent, Attribute, Kind, Section};
use super::choice::Choice;
use super::error::{Errors, Path};
use super::json::Json;
use super::misspelling::nearest;
use super::value::{Value, found};
use crate::product::Vendor;

/// An object that has no fields but those of its section.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    entries: &'a [(String, Json)],
    section: &'static Section,
    path: Path<'a>,
    errors: &'a Errors,
}

impl<'a> Fields<'a> {
    /// Opens an object, and notes duplicate and unknown fields. `None`: `value` is no object.
    pub(super) fn open(
        value: &'a Json,
        section: &'static Section,
        path: Path<'a>,
        errors: &'a Errors,
    ) -> Option<Self> {
        let Json::Object(entries) = value else {
            errors.add(path, value.type_name(), "an object");
            return None;
        };
        let fields = Self {
            entries,
            section,
            path,
            errors,
        };
        fields.check_names();
        Some(fields)
    }

    fn check_names(&self) {
        for (index, (name, _)) in self.entries.iter().enumerate() {
            let refused = self.section.refused.iter().find(|(n, _)| n == name);
            if let Some((_, instead)) = refused {
                self.fault(name, "a field that can't be set here", *instead);
            } else if self.section.attribute(name).is_none() {
                let allowed = match nearest(name, self.names()) {
                    Some(near) => format!("no such field; did you mean {near}?"),
                    None => format!("one of {}", self.names().collect::<Vec<_>>().join(", ")),
                };
                self.fault(name, "an unknown field", allowed);
            } else if self.entries.iter().take(index).any(|(n, _)| n == name) {
                self.fault(name, "the field a second time", "each field once");
            }
        }
    }

    fn names(&self) -> impl Iterator<Item = &'static str> {
        self.section.attributes().map(|a| a.name)
    }

    /// Notes a fault of the field `name`.
    pub(super) fn fault(&self, name: &str, found: impl Into<String>, allowed: impl Into<String>) {
        self.errors
            .add(Path::Field(&self.path, name), found, allowed);
    }

    /// Notes a fault of the object.
    pub(super) fn fault_here(&self, found: impl Into<String>, allowed: impl Into<String>) {
        self.errors.add(self.path, found, allowed);
    }

    /// The value as written, whatever it is.
    pub(super) fn get(&self, name: &str) -> Option<&'a Json> {
        self.entries.iter().find(|(n, _)| n == name).map(|(_, v)| v)
    }

    /// Whether the field is there.
    pub(super) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    fn attribute(&self, name: &str) -> Option<&'static Attribute> {
        let found = self.section.attribute(name);
        if found.is_none() {
            self.fault(name, "a field that is not in the table", "");
        }
        found
    }

    /// Converts the field's value. `None`: the field is absent or wrong. Notes a wrong value, and the absence of a required
    /// field.
    fn read<T>(&self, name: &str, convert: impl FnOnce(&'a Json, Kind) -> Option<T>) -> Option<T> {
        let attribute = self.attribute(name)?;
        let Some(value) = self.get(name) else {
            if attribute.default == Absent::Required {
                self.fault(name, "nothing", attribute.kind.to_string());
            }
            return None;
        };
        let converted = convert(value, attribute.kind);
        if converted.is_none() {
            self.wrong(name, value, attribute.kind);
        }
        converted
    }

    fn wrong(&self, name: &str, value: &Json, kind: Kind) {
        self.fault(name, found(value, kind), kind.to_string());
    }

    /// A [`Kind::Bool`].
    pub(super) fn bool(&self, name: &str) -> bool {
        self.read(name, |value, _| match value {
            Json::Bool(value) => Some(*value),
            _ => None,
        })
        .unwrap_or_else(|| self.default(name) == Some(Absent::Bool(true)))
    }

    /// A [`Kind::Bool`] without default.
    pub(super) fn optional_bool(&self, name: &str) -> Option<bool> {
        self.has(name).then(|| self.bool(name))
    }

    /// A [`Kind::Integer`] whose range `T` can hold.
    pub(super) fn integer<T: TryFrom<u64> + Default>(&self, name: &str) -> T {
        let value = self.read(name, |value, kind| match (value, kind) {
            (Json::Integer(value), Kind::Integer { min, max, .. }) => u64::try_from(*value)
                .ok()
                .filter(|value| (min..=max).contains(value)),
            _ => None,
        });
        let value = value.or(match self.default(name) {
            Some(Absent::Integer(value)) => Some(value),
            _ => None,
        });
        value
            .and_then(|value| T::try_from(value).ok())
            .unwrap_or_default()
    }

    /// A [`Kind::Text`], [`Kind::Secret`], [`Kind::Page`], [`Kind::ServiceUrl`] or [`Kind::HeaderName`], or its default.
    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        let text = self.read(name, |value, kind| match value {
            Json::Text(text) if fits(text, kind) => Some(text.as_str()),
            _ => None,
        });
        text.or_else(|| match self.default(name) {
            Some(Absent::Text(text)) => Some(text),
            _ => None,
        })
    }

    /// A [`Kind::Choice`], or its default.
    pub(super) fn choice<T: Choice>(&self, name: &str) -> Option<T> {
        T::named(self.word(name)?)
    }

    fn word(&self, name: &str) -> Option<&'static str> {
        let word = self.read(name, |value, kind| match (value, kind) {
            (Json::Text(text), Kind::Choice(words)) => words.iter().find(|w| *w == text).copied(),
            _ => None,
        });
        word.or_else(|| match self.default(name) {
            Some(Absent::Text(word)) => Some(word),
            _ => None,
        })
    }

    /// The text of a field, if it is right. Notes nothing: the field's own reader does.
    pub(super) fn right_text(&self, name: &str) -> Option<&'a str> {
        match self.get(name)? {
            Json::Text(text) if fits(text, self.section.attribute(name)?.kind) => Some(text),
            _ => None,
        }
    }

    /// A [`Kind::Product`].
    pub(super) fn vendor(&self, name: &str) -> Option<Vendor> {
        self.read(name, |value, _| match value {
            Json::Text(text) => Vendor::named(text),
            _ => None,
        })
        .or_else(|| match self.default(name) {
            Some(Absent::Text(word)) => Vendor::named(word),
            _ => None,
        })
    }

    /// A [`Kind::IcapHeaderMatchers`]: `convert` takes the entries that are names, `read` those that are objects.
    pub(super) fn icap_header_matchers<T>(
        &self,
        name: &str,
        convert: impl Fn(Value<'_>, &str) -> Option<T>,
        read: impl Fn(Fields<'_>) -> Option<T>,
    ) -> Vec<T> {
        let list = self.read(name, |value, kind| match (value, kind) {
            (Json::List(list), Kind::IcapHeaderMatchers(section)) => Some((list, kind, section)),
            _ => None,
        });
        let Some((list, kind, section)) = list else {
            return Vec::new();
        };
        let path = Path::Field(&self.path, name);
        let entries = list.iter().enumerate().filter_map(|(index, json)| {
            let path = Path::Entry(&path, index);
            match json {
                Json::Text(text) => convert(Value::new(json, path, kind, self.errors), text),
                _ => read(Fields::open(json, section, path, self.errors)?),
            }
        });
        entries.collect()
    }

    /// A [`Kind::Switch`]: `None` is `"auto"`.
    pub(super) fn switch(&self, name: &str) -> Option<bool> {
        self.read(name, |value, _| match value {
            Json::Bool(value) => Some(Some(*value)),
            Json::Text(text) if text == "auto" => Some(None),
            _ => None,
        })
        .unwrap_or_else(|| Some(self.default(name) == Some(Absent::Bool(true))))
    }

    /// A [`Kind::Object`]; `None` where it is absent.
    pub(super) fn object<T>(
        &self,
        name: &str,
        read: impl FnOnce(Fields<'_>) -> Option<T>,
    ) -> Option<T> {
        let (Kind::Object(section), Some(value)) = (self.attribute(name)?.kind, self.get(name))
        else {
            return None;
        };
        let path = Path::Field(&self.path, name);
        read(Fields::open(value, section, path, self.errors)?)
    }

    /// A [`Kind::Object`]; an absent one is read as if it were empty.
    pub(super) fn object_or_empty<T>(
        &self,
        name: &str,
        read: impl FnOnce(Fields<'_>) -> Option<T>,
    ) -> Option<T> {
        if self.has(name) {
            return self.object(name, read);
        }
        let Kind::Object(section) = self.attribute(name)?.kind else {
            return None;
        };
        read(Fields {
            entries: &[],
            section,
            path: Path::Field(&self.path, name),
            errors: self.errors,
        })
    }

    /// A [`Kind::Objects`]: what `read` makes of its entries, without those that are wrong.
    pub(super) fn objects<T>(
        &self,
        name: &str,
        mut read: impl FnMut(Fields<'_>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let list = self.read(name, |value, kind| match (value, kind) {
            (Json::List(list), Kind::Objects { section, min, max })
                if (min..=max).contains(&list.len()) =>
            {
                Some((list, section))
            }
            _ => None,
        });
        let (list, section) = list?;
        let path = Path::Field(&self.path, name);
        let entries = list.iter().enumerate().filter_map(|(index, value)| {
            let path = Path::Entry(&path, index);
            read(Fields::open(value, section, path, self.errors)?)
        });
        Some(entries.collect())
    }

    /// One value, or a list of at least one: what `convert` makes of each, without those that are wrong. `None`: the field is
    /// absent.
    pub(super) fn one_or_list<T>(
        &self,
        name: &str,
        mut convert: impl FnMut(Value<'_>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let kind = self.attribute(name)?.kind;
        let value = self.get(name)?;
        let path = Path::Field(&self.path, name);
        let mut convert =
            |json: &Json, path: Path<'_>| convert(Value::new(json, path, kind, self.errors));
        match value {
            Json::List(list) if list.is_empty() => {
                self.wrong(name, value, kind);
                None
            }
            Json::List(list) => Some(
                list.iter()
                    .enumerate()
                    .filter_map(|(index, json)| convert(json, Path::Entry(&path, index)))
                    .collect(),
            ),
            json => Some(convert(json, path).into_iter().collect()),
        }
    }

    /// A list of strings, which may be empty: what `convert` makes of each, without those that are wrong.
    pub(super) fn list<T>(
        &self,
        name: &str,
        mut convert: impl FnMut(Value<'_>, &str) -> Option<T>,
    ) -> Vec<T> {
        let list = self.read(name, |value, _| match value {
            Json::List(list) => Some(list),
            _ => None,
        });
        if list.is_none_or(Vec::is_empty) {
            return Vec::new();
        }
        self.one_or_list(name, |value| value.text().and_then(|t| convert(value, t)))
            .unwrap_or_default()
    }

    /// A [`Kind::HeaderMap`]: what `convert` makes of each name and value. Notes duplicates; no error shows a value.
    pub(super) fn text_map<T>(
        &self,
        name: &str,
        mut convert: impl FnMut(Value<'_>, &str, &str) -> Option<T>,
    ) -> Vec<T> {
        let Some(map) = self.read(name, |value, _| match value {
            Json::Object(map) => Some(map),
            _ => None,
        }) else {
            return Vec::new();
        };
        let path = Path::Field(&self.path, name);
        let entries = map.iter().enumerate().filter_map(|(index, (key, json))| {
            let value = Value::new(
                json,
                Path::Field(&path, key),
                Kind::Secret { max: usize::MAX },
                self.errors,
            );
            let mut before = map.iter().take(index);
            if before.any(|(earlier, _)| earlier.eq_ignore_ascii_case(key)) {
                value.fault("the header a second time", "each header once");
                return None;
            }
            let Json::Text(text) = json else {
                value.wrong("a string");
                return None;
            };
            convert(value, key, text)
        });
        entries.collect()
    }

    fn default(&self, name: &str) -> Option<Absent> {
        Some(self.section.attribute(name)?.default)
    }
}

impl<'a> Value<'a> {
    /// A string matcher that is an object, one entry of a [`Kind::Matchers`].
    pub(super) fn matcher(self) -> Option<Fields<'a>> {
        match self.kind {
            Kind::Matchers(section) => Fields::open(self.json, section, self.path, self.errors),
            _ => None,
        }
    }
}

fn fits(text: &str, kind: Kind) -> bool {
    match kind {
        Kind::Text { max } | Kind::Secret { max } => {
            (1..=max).contains(&text.len()) && !text.chars().any(char::is_control)
        }
        Kind::Page { max } => text.len() <= max,
        _ => true,
    }
}
