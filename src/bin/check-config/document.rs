//! YAML and JSON as one kind of value, and where in the file each part is.

use serde::Deserialize;
use serde_json::Value;

/// A value and its place in the file.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// Such as `static_resources.clusters[0]`.
    pub(crate) place: String,
    /// What is there.
    pub(crate) value: Value,
}

impl Node {
    /// The whole of a document.
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

    /// A field of a field of a field.
    pub(crate) fn path(&self, names: &[&str]) -> Option<Self> {
        let mut node = self.clone();
        for name in names {
            node = node.field(name)?;
        }
        Some(node)
    }

    /// The entries of a list that is a field; none where there is no such list.
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

    /// A field that is a text; empty where there is none.
    pub(crate) fn text(&self, name: &str) -> String {
        let text = self.field(name);
        let text = text.as_ref().and_then(|node| node.value.as_str());
        text.unwrap_or_default().to_owned()
    }

    /// A field that is a number, also where protobuf wraps it or writes it as a text.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        let field = self.field(name)?;
        let value = field.value.get("value").unwrap_or(&field.value);
        value
            .as_u64()
            .or_else(|| value.as_str().and_then(|text| text.parse().ok()))
    }

    /// A field that is true or false, also where protobuf wraps it.
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

    /// The last part of `@type`, of this value or of its `typed_config`.
    pub(crate) fn type_name(&self) -> String {
        let any = |node: &Self| {
            let any = node.value.get("@type").and_then(Value::as_str);
            any.map(|url| url.rsplit('/').next().unwrap_or_default().to_owned())
        };
        any(self)
            .or_else(|| any(&self.field("typed_config")?))
            .unwrap_or_default()
    }

    /// Goes through all mappings, from the outside in. Where `visit` says no, the inside is passed over.
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

/// The documents of a file: one of JSON, or any number of YAML.
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
            .map_err(|fault| format!("no JSON can be made of it: {fault}"))?;
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
