//! Values with operators such as `%REQ(x-user)%`, as Envoy's access logs and header values have them.

use super::token::is_token;

/// The operators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `REQ(name?other)`: a header of the request, else another one. Lower case.
    Request(Vec<String>),
    /// `PATH`: with the query.
    Path,
    /// `DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT`: as Envoy trusts it.
    RemoteAddress,
    /// `DOWNSTREAM_PEER_SUBJECT`: of the client's certificate.
    PeerSubject,
    /// `REQUESTED_SERVER_NAME`: the name that the client gave in TLS.
    ServerName,
    /// `FILE_NAME`: the name of the message's file.
    FileName,
}

/// The values of the operators for one message.
pub trait Values {
    /// The value; `None`: there is none.
    fn value(&self, operator: &Operator) -> Option<Vec<u8>>;
}

/// A value of `icap_headers`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    /// The operator's value, at most so many bytes of it.
    Value(Operator, Option<usize>),
}

/// The operators without argument.
const PLAIN: [(&str, Operator); 5] = [
    ("PATH", Operator::Path),
    (
        "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT",
        Operator::RemoteAddress,
    ),
    ("DOWNSTREAM_PEER_SUBJECT", Operator::PeerSubject),
    ("REQUESTED_SERVER_NAME", Operator::ServerName),
    ("FILE_NAME", Operator::FileName),
];

impl Template {
    /// What may stand between percent signs.
    pub(super) const ALLOWED: &str = "%REQ(name)%, %PATH%, %DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%, \
                                      %DOWNSTREAM_PEER_SUBJECT%, %REQUESTED_SERVER_NAME%, %FILE_NAME%, each also with a \
                                      length such as %PATH:100%, and %% for a percent sign";

    /// Reads a text with operators between percent signs.
    ///
    /// # Errors
    /// Says what is wrong. Of the text, which may be a secret, it shows an operator's name at most.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('%') {
            plain.push_str(before);
            let Some((operator, after)) = after.split_once('%') else {
                return Err("a percent sign alone".to_owned());
            };
            rest = after;
            if operator.is_empty() {
                plain.push('%');
                continue;
            }
            if !plain.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut plain)));
            }
            parts.push(value(operator)?);
        }
        plain.push_str(rest);
        if !plain.is_empty() || parts.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self(parts))
    }

    /// The value for one message. `None`: an operator has no value, or the text can't be written as a header.
    pub fn render(&self, values: &dyn Values) -> Option<String> {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Text(part) => text.push_str(part),
                Part::Value(operator, max) => {
                    let value = values.value(operator).filter(|value| !value.is_empty())?;
                    let value = String::from_utf8(value).ok()?;
                    text.push_str(cut(&value, *max));
                }
            }
        }
        (!text.chars().any(char::is_control)).then(|| text.trim().to_owned())
    }

    /// The value, if it is the same for each message.
    pub fn fixed(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The texts between the operators.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            Part::Value(..) => None,
        })
    }
}

/// At most `max` bytes, cut between two characters.
fn cut(text: &str, max: Option<usize>) -> &str {
    let Some(max) = max.filter(|max| *max < text.len()) else {
        return text;
    };
    (0..=max)
        .rev()
        .find_map(|at| text.get(..at))
        .unwrap_or_default()
}

fn value(text: &str) -> Result<Part, String> {
    // A text that is not written like an operator may be a part of a secret.
    let name = text.split(['(', ':']).next().unwrap_or_default();
    let is_name = |b: u8| b.is_ascii_uppercase() || b == b'_';
    let unknown = || match name.bytes().all(is_name) {
        true => format!("an operator %{name}…%, or an argument of it, that does not exist"),
        false => "an operator that does not exist".to_owned(),
    };
    // A name in brackets may begin with a colon: `REQ(:authority)`.
    let end = text.rfind(')').map_or(0, |at| at.saturating_add(1));
    let (head, tail) = text.split_at_checked(end).unwrap_or((text, ""));
    let (tail, max) = match tail.rsplit_once(':') {
        Some((tail, max)) => {
            let max: usize = max.parse().map_err(|_| unknown())?;
            if max == 0 {
                return Err(unknown());
            }
            (tail, Some(max))
        }
        None => (tail, None),
    };
    let operator = match head {
        "" => PLAIN
            .iter()
            .find(|(name, _)| *name == tail)
            .map(|(_, operator)| operator.clone()),
        call if tail.is_empty() => request(call),
        _ => None,
    };
    Ok(Part::Value(operator.ok_or_else(unknown)?, max))
}

fn request(call: &str) -> Option<Operator> {
    let names = call.strip_prefix("REQ(")?.strip_suffix(')')?;
    let names: Vec<String> = names.split('?').map(str::to_ascii_lowercase).collect();
    let is_name = |name: &String| is_token(name.strip_prefix(':').unwrap_or(name));
    (names.len() <= 2 && names.iter().all(is_name)).then_some(Operator::Request(names))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Known;

    impl Values for Known {
        fn value(&self, operator: &Operator) -> Option<Vec<u8>> {
            let value: &[u8] = match operator {
                Operator::Request(names) => match names.first()?.as_str() {
                    "x-user" => b"alice",
                    "x-broken" => b"a\r\nX-Evil: 1",
                    "x-latin" => b"gel\xf6scht",
                    "x-empty" => b"",
                    ":authority" => b"app.test",
                    _ => return self.value(&Operator::Request(names.get(1..)?.to_vec())),
                },
                Operator::Path => b"/a?b=c",
                Operator::FileName => "größe.pdf".as_bytes(),
                _ => return None,
            };
            Some(value.to_vec())
        }
    }

    fn render(text: &str) -> Option<String> {
        Template::parse(text).unwrap().render(&Known)
    }

    #[test]
    fn operators_become_values() {
        for (text, value) in [
            ("fixed", "fixed"),
            ("100%%", "100%"),
            ("%REQ(X-User)%", "alice"),
            ("user=%REQ(x-user)%;", "user=alice;"),
            ("%REQ(x-user):3%", "ali"),
            ("%REQ(x-absent?x-user)%", "alice"),
            ("%REQ(:authority)%", "app.test"),
            ("%PATH%", "/a?b=c"),
            ("%PATH:2%", "/a"),
            ("%FILE_NAME:3%", "gr"),
        ] {
            assert_eq!(render(text).as_deref(), Some(value), "{text}");
        }
    }

    #[test]
    fn a_value_that_is_no_header_is_left_out() {
        for text in [
            "%REQ(x-broken)%",
            "%REQ(x-latin)%",
            "%REQ(x-empty)%",
            "a%REQ(x-absent)%",
            "%REQUESTED_SERVER_NAME%",
        ] {
            assert_eq!(render(text), None, "{text}");
        }
    }

    #[test]
    fn unknown_operators_are_refused() {
        for text in [
            "%",
            "50% off",
            "%REQ%",
            "%REQ()%",
            "%REQ(a b)%",
            "%REQ(a?b?c)%",
            "%RESP(server)%",
            "%PATH:0%",
            "%PATH:x%",
            "%path%",
            "%PATH%%",
            "%FILE_NAME(x)%",
        ] {
            assert!(Template::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_the_same_for_each_message_is_known() {
        assert_eq!(Template::parse("v").unwrap().fixed(), Some("v"));
        assert_eq!(Template::parse("").unwrap().fixed(), Some(""));
        assert_eq!(Template::parse("%PATH%").unwrap().fixed(), None);
    }
}
