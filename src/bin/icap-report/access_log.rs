//! Reads a line of an access log: JSON objects of any shape with icap_log in them, or text.

use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::entry::Entry;
use crate::icap_log::IcapLog;
use crate::loose::Loose;
use crate::{text_line, time};

/// How often a line may be text inside JSON: once for a container's log around Envoy's, and once more.
const MAX_WRAPPINGS: u8 = 2;

/// Returns the result of `use_entry` on the line's entry, or says in a few words what is wrong with the line.
pub(crate) fn read<R>(
    line: &str,
    use_entry: impl FnOnce(&Entry<'_>) -> R,
) -> Result<R, &'static str> {
    read_wrapped(line.trim(), MAX_WRAPPINGS, use_entry)
}

fn read_wrapped<R>(
    line: &str,
    wrappings: u8,
    use_entry: impl FnOnce(&Entry<'_>) -> R,
) -> Result<R, &'static str> {
    if line.starts_with('{') {
        return read_object(line, wrappings, use_entry);
    }
    // `docker compose logs` and `kubectl logs --prefix` add words before the line.
    if !line.starts_with('[')
        && line.ends_with('}')
        && let Some((before, _)) = line.split_once(" {")
        && let Some(object) = line.get(before.len() + 1..)
        && serde_json::from_str::<&RawValue>(object).is_ok()
    {
        return read_object(object, wrappings, use_entry);
    }
    text_line::read(line, use_entry)
}

fn read_object<R>(
    line: &str,
    wrappings: u8,
    use_entry: impl FnOnce(&Entry<'_>) -> R,
) -> Result<R, &'static str> {
    let mut deserializer = serde_json::Deserializer::from_str(line);
    let object = deserializer
        .deserialize_map(ObjectVisitor)
        .and_then(|object| deserializer.end().map(|()| object))
        .map_err(|e| match e.classify() {
            serde_json::error::Category::Eof => "the JSON ends too early",
            _ => "no valid JSON",
        })?;
    if let Some(inner) = object
        .wrapped
        .filter(|_| wrappings > 0 && object.icap_log.is_none())
    {
        let inner: String = serde_json::from_str(inner.get()).map_err(|_| "no valid JSON")?;
        return read_wrapped(inner.trim(), wrappings - 1, use_entry);
    }
    let mut entry = object.entry;
    match object.icap_log.map(RawValue::get) {
        None if object.is_icap_log => {
            entry.log = Some(IcapLog::read(line).ok_or("icap_log cannot be read")?);
        }
        None if object.is_access_log => {}
        None => return Err("not a line of an access log"),
        Some("null" | "\"-\"" | "\"\"") => {}
        Some(text) if text.starts_with('"') => {
            let text: String = serde_json::from_str(text).map_err(|_| "no valid JSON")?;
            let log = IcapLog::read(text.trim()).ok_or("icap_log cannot be read")?;
            return Ok(use_entry(&with_log(entry, log)));
        }
        Some(json) => entry.log = Some(IcapLog::read(json).ok_or("icap_log cannot be read")?),
    }
    Ok(use_entry(&entry))
}

/// The same entry with a shorter life, that of the log.
fn with_log<'short, 'long: 'short>(entry: Entry<'long>, log: IcapLog<'short>) -> Entry<'short> {
    Entry {
        log: Some(log),
        ..entry
    }
}

/// The members of an object that the reader knows.
#[derive(Default)]
struct Object<'a> {
    entry: Entry<'a>,
    icap_log: Option<&'a RawValue>,
    /// A log line inside a container's log.
    wrapped: Option<&'a RawValue>,
    is_access_log: bool,
    is_icap_log: bool,
}

impl<'a> Object<'a> {
    fn member(&mut self, name: &str, value: &'a RawValue) {
        let text = || serde_json::from_str::<Loose<'a>>(value.get()).unwrap_or_default();
        let entry = &mut self.entry;
        match name {
            "icap_log" => {
                self.icap_log = Some(value);
                return;
            }
            "time" | "start_time" | "timestamp" | "@timestamp" | "ts" => {
                entry.time = entry.time.or_else(|| time::read(text().text()));
            }
            "client" | "client_ip" | "remote_address" | "downstream_remote_address" => {
                entry.client = address(text());
            }
            "method" | "request_method" => entry.method = text(),
            "authority" | "host" => entry.host = text(),
            "path" | "uri" | "request_path" => entry.path = text(),
            "status" | "response_code" => entry.status = text(),
            "duration" | "duration_ms" => entry.duration = text().number(),
            "log" | "message" | "msg" if value.get().starts_with('"') => {
                self.wrapped = Some(value);
                return;
            }
            "action" => self.is_icap_log = value.get().starts_with("\"ICAP_"),
            _ if self.icap_log.is_none() && is_icap_log(value.get()) => {
                self.icap_log = Some(value);
                return;
            }
            _ => return,
        }
        self.is_access_log |= name != "action";
    }
}

/// Whether a member is icap_log, by its beginning. Its name does not matter.
fn is_icap_log(json: &str) -> bool {
    let begins = [
        "{\"action\":\"ICAP_",
        "\"{\\\"action\\\":\\\"ICAP_",
        "{\"@type\":\"type.googleapis.com/google.protobuf.Struct\"",
    ];
    begins.iter().any(|begin| json.starts_with(begin))
}

/// An address without its port.
fn address(text: Loose<'_>) -> Loose<'_> {
    match text.text().parse::<std::net::SocketAddr>() {
        Ok(address) => Loose(address.ip().to_string().into()),
        Err(_) => text,
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Object<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut object = Object::default();
        while let Some(name) = members.next_key::<Loose<'de>>()? {
            object.member(name.text(), members.next_value()?);
        }
        Ok(object)
    }
}
