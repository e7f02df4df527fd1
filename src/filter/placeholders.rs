//! The values that the operators in `icap_headers` have for one message.

use super::file_name::file_name;
use super::rewrite::find;
use crate::config::{Operator, Values};
use crate::host::Fields;

/// What the operators read of a message.
pub struct MessageValues<'a> {
    /// The fields of the request.
    pub request: &'a Fields,
    /// The fields of the message that the server sees: the request, or its response.
    pub message: &'a Fields,
    /// The target of the request, as the ICAP server gets it.
    pub target: &'a [u8],
    /// The path whose last segment names a file without a `Content-Disposition`.
    pub named_by: &'a [u8],
    /// The values that only the host knows: addresses, and what the client sent in TLS.
    pub host: &'a dyn Fn(&Operator) -> Option<Vec<u8>>,
}

impl Values for MessageValues<'_> {
    fn value(&self, operator: &Operator) -> Option<Vec<u8>> {
        match operator {
            Operator::Request(names) => names
                .iter()
                .find_map(|name| find(self.request, name))
                .map(<[u8]>::to_vec),
            Operator::Path => Some(self.target.to_vec()),
            Operator::FileName => {
                file_name(find(self.message, "content-disposition"), self.named_by)
            }
            Operator::RemoteAddress | Operator::PeerSubject | Operator::ServerName => {
                (self.host)(operator)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(fields: &[(&str, &str)]) -> Fields {
        fields.iter().copied().collect()
    }

    #[test]
    fn the_name_of_a_file_is_the_messages_and_headers_are_the_requests() {
        let request = fields(&[
            ("x-user", "alice"),
            ("content-disposition", "a; filename=up"),
        ]);
        let message = fields(&[
            ("x-user", "mallory"),
            ("content-disposition", "a; filename=down"),
        ]);
        let values = MessageValues {
            request: &request,
            message: &message,
            target: b"/a?b",
            named_by: b"/a?b",
            host: &|operator| match operator {
                Operator::ServerName => Some(b"app.test".to_vec()),
                _ => None,
            },
        };
        let user = Operator::Request(vec!["x-absent".to_owned(), "x-user".to_owned()]);
        for (operator, value) in [
            (user, Some("alice")),
            (Operator::FileName, Some("down")),
            (Operator::Path, Some("/a?b")),
            (Operator::ServerName, Some("app.test")),
            (Operator::PeerSubject, None),
        ] {
            let got = values.value(&operator);
            assert_eq!(got.as_deref(), value.map(str::as_bytes), "{operator:?}");
        }
    }
}
