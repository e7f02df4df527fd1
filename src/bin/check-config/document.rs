//! Reads YAML and JSON as one kind of value, which knows its place in the file.

use serde::Deserialize;
use serde_json::Value;

/// A value and its place in the file.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// The place, such as `static_resources.clusters[0]`.
    pub(crate) place: String,
    /// The value at this place.
    pub(crate) value: Value,
}

impl Node {
    /// A whole document.
    pub(crate) fn new(place: String, value: Value) -> Self {
        Self { place, value }
    }

    /// A field, by its name in `snake_case`; Envoy also takes `lowerCamelCase`.
    pub(crate) fn field(&self, name: &str) -> Option<Self> {
        let camel = camel_case(name);
        let key = [name, &camel]
            .into_iter()
            .find(|key| self.value.get(key).is_some_and(|v| !v.is_null()))?;
        Some(Self::new(
            join(&self.place, key),
            self.value.get(key)?.clone(),
        ))
    }

    /// A field, by the names of the fields that lead to it.
    pub(crate) fn path(&self, names: &[&str]) -> Option<Self> {
        let mut node = self.clone();
        for name in names {
            node = node.field(name)?;
        }
        Some(node)
    }

    /// The entries of a field that is a list; none without such a list.
    pub(crate) fn list(&self, name: &str) -> Vec<Self> {
        self.field(name)
            .map_or_else(Vec::new, |node| node.entries())
    }

    /// The entries of a list.
    pub(crate) fn entries(&self) -> Vec<Self> {
        let entries = self.value.as_array().into_iter().flatten();
        entries
            .enumerate()
            .map(|(i, entry)| Self::new(format!("{}[{i}]", self.place), entry.clone()))
            .collect()
    }

    /// The fields of a mapping.
    pub(crate) fn fields(&self) -> Vec<(String, Self)> {
        let fields = self.value.as_object().into_iter().flatten();
        fields
            .map(|(key, field)| {
                let node = Self::new(join(&self.place, key), field.clone());
                (key.clone(), node)
            })
            .collect()
    }

    /// The text of a field; empty without the field.
    pub(crate) fn text(&self, name: &str) -> String {
        let text = self.field(name);
        let text = text.as_ref().and_then(|node| node.value.as_str());
        text.unwrap_or_default().to_owned()
    }

    /// A field that is a number, even if protobuf wraps the number or writes it as text.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        let field = self.field(name)?;
        let value = field.value.get("value").unwrap_or(&field.value);
        value
            .as_u64()
            .or_else(|| value.as_str().and_then(|text| text.parse().ok()))
    }

    /// A field that is true or false, even if protobuf wraps the value.
    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        let field = self.field(name)?;
        field.value.get("value").unwrap_or(&field.value).as_bool()
    }

    /// A field that is a duration, in milliseconds.
    pub(crate) fn duration_ms(&self, name: &str) -> Option<u64> {
        let text = self.text(name);
        let seconds: f64 = text.strip_suffix('s')?.parse().ok()?;
        Some((seconds.max(0.0) * 1000.0) as u64)
    }

    /// The last part of `@type` in this value or in its `typed_config`.
    pub(crate) fn type_name(&self) -> String {
        let any = |node: &Self| {
            let any = node.value.get("@type").and_then(Value::as_str);
            any.map(|url| url.rsplit('/').next().unwrap_or_default().to_owned())
        };
        any(self)
            .or_else(|| any(&self.field("typed_config")?))
            .unwrap_or_default()
    }

    /// Visits all mappings from the outside in. Where `visit` returns false, the walk does not go inside.
    pub(crate) fn walk(&self, visit: &mut dyn FnMut(&Self) -> bool) {
        if self.value.is_array() {
            self.entries().iter().for_each(|entry| entry.walk(visit));
        } else if self.value.is_object() && visit(self) {
            for (_, field) in self.fields() {
                field.walk(visit);
            }
        }
    }
}

/// The documents of a file: one in JSON, or any number in YAML.
pub(crate) fn read(text: &str) -> Result<Vec<Node>, String> {
    if let Ok(document) = serde_json::from_str(text) {
        return Ok(vec![Node::new(String::new(), document)]);
    }
    let mut documents = Vec::new();
    for document in serde_yaml_ng::Deserializer::from_str(text) {
        let fault = |fault: serde_yaml_ng::Error| format!("no valid YAML: {fault}");
        let mut document = serde_yaml_ng::Value::deserialize(document).map_err(fault)?;
        document.apply_merge().map_err(fault)?;
        let document = serde_json::to_value(document)
            .map_err(|fault| format!("the YAML has no form in JSON: {fault}"))?;
        documents.push(document);
    }
    let several = documents.len() > 1;
    let place = |index: usize| match several {
        true => format!("document {}", index.saturating_add(1)),
        false => String::new(),
    };
    Ok(documents
        .into_iter()
        .enumerate()
        .map(|(index, document)| Node::new(place(index), document))
        .filter(|node| !node.value.is_null())
        .collect())
}

/// The place of a field.
pub(crate) fn join(place: &str, key: &str) -> String {
    match place {
        "" => key.to_owned(),
        place if place.starts_with("document ") && !place.contains(": ") => {
            format!("{place}: {key}")
        }
        place => format!("{place}.{key}"),
    }
}

fn camel_case(name: &str) -> String {
    let mut camel = String::new();
    let mut upper = false;
    for c in name.chars() {
        match c {
            '_' => upper = true,
            c if upper => {
                camel.extend(c.to_uppercase());
                upper = false;
            }
            c => camel.push(c),
        }
    }
    camel
}
