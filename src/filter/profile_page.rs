//! The profile's page for a local reply, for HTTP and for gRPC.

use super::exchange::Exchange;
use super::page::Page;
use crate::config::{Cause, FailurePage, PageValues, ReplyPage};
use crate::host::{Fields, Host};
use crate::icap::{Direction, RequestHead};

/// The status of a gRPC call that was blocked (gRPC's core documentation, "Status codes and their use").
const PERMISSION_DENIED: u8 = 7;

/// How many characters of a threat's name, or of a request's identifier, the message of a gRPC status has at most.
const GRPC_VALUE_CHARS: usize = 100;

/// Why the client gets a local reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The verdict blocks the message.
    Blocked,
    /// The scan failed.
    Failed(Cause),
}

impl Refusal {
    /// The profile's page, and the seconds for `Retry-After`; 0: no such header.
    fn of(self, exchange: &Exchange) -> (&ReplyPage, u32) {
        let profile = &exchange.profile;
        let Self::Failed(cause) = self else {
            return (&profile.block_response.page, 0);
        };
        let told = cause.told(exchange.direction == Direction::Request);
        let page = match told.page {
            FailurePage::Fail => &profile.fail_response.page,
            FailurePage::TooLarge => &profile.too_large_response,
            FailurePage::BadRequest => &profile.bad_request_response,
        };
        let retry_after_s = if told.retry {
            profile.fail_response.retry_after_s
        } else {
            0
        };
        (page, retry_after_s)
    }

    /// The gRPC status and its message.
    fn grpc(self, direction: Direction) -> (u8, &'static str) {
        match self {
            Self::Blocked => (PERMISSION_DENIED, "blocked by the content scanner"),
            Self::Failed(cause) => {
                let told = cause.told(direction == Direction::Request);
                (told.grpc_status, told.grpc_message)
            }
        }
    }
}

impl Exchange {
    /// The value of a field of the request, also where the message is its response.
    fn request_field<H: Host>(&self, host: &H, id: u32, name: &str) -> Option<String> {
        let head = self.request.request_head.as_deref();
        let value = match head.and_then(RequestHead::parse) {
            Some(head) if !self.is_shown_as_download() => {
                head.headers.get(name).map(<[u8]>::to_vec)
            }
            // There is no request head for the ICAP server, or the head is that of a download.
            _ if self.direction == Direction::Request => host
                .enter(id)
                .and_then(|()| host.header(Direction::Request, name))
                .unwrap_or_default(),
            _ => None,
        };
        value.map(|value| String::from_utf8_lossy(&value).into_owned())
    }

    /// Whether the request is a gRPC or gRPC-Web call: the client then reads the gRPC status and no page.
    pub(super) fn is_grpc<H: Host>(&self, host: &H, id: u32) -> bool {
        self.request_field(host, id, "content-type")
            .is_some_and(|value| {
                value
                    .trim_start()
                    .to_ascii_lowercase()
                    .starts_with("application/grpc")
            })
    }

    /// The profile's page for the client. The journal has the outcome already. `status`: the HTTP status in the place of the
    /// page's own.
    pub(super) fn own_page<H: Host>(
        &self,
        host: &H,
        id: u32,
        refusal: Refusal,
        status: Option<u16>,
    ) -> Page {
        let request_id = self
            .request_field(host, id, "x-request-id")
            .unwrap_or_default();
        let (page, retry_after_s) = refusal.of(self);
        let mut own = match self.is_grpc(host, id) {
            true => self.grpc_page(refusal, &request_id, page.status),
            false => Page {
                status: page.status,
                fields: Fields::from_iter([("content-type", &page.content_type)]),
                body: page
                    .render(&PageValues {
                        threat: self.journal.threat().unwrap_or_default(),
                        reason: self.journal.reason().unwrap_or_default(),
                        request_id: &request_id,
                    })
                    .into_bytes(),
            },
        };
        own.status = status.unwrap_or(own.status);
        if retry_after_s > 0 {
            own.fields.push("retry-after", retry_after_s.to_string());
        }
        own
    }

    /// The page for a gRPC call, with a short message. For gRPC, Envoy turns the body into the message of the gRPC status and
    /// sends a 200. Envoy treats gRPC-Web like any HTTP.
    fn grpc_page(&self, refusal: Refusal, request_id: &str, http_status: u16) -> Page {
        let (status, what) = refusal.grpc(self.direction);
        let mut message = what.to_owned();
        let threat = match refusal {
            Refusal::Blocked => self.journal.threat().unwrap_or_default(),
            Refusal::Failed(_) => "",
        };
        for (name, value) in [(": ", threat), ("; request ", request_id)] {
            if !value.is_empty() {
                message.push_str(name);
                let clean = value.chars().filter(|c| !c.is_control() && *c != '%');
                message.extend(clean.take(GRPC_VALUE_CHARS));
            }
        }
        Page {
            status: http_status,
            fields: Fields::from_iter([
                ("content-type", "text/plain"),
                ("grpc-status", &status.to_string()),
                ("grpc-message", &percent_encoded(&message)),
            ]),
            body: message.into_bytes(),
        }
    }
}

/// Percent-encodes the message of a gRPC status (gRPC over HTTP/2, "Status-Message").
fn percent_encoded(message: &str) -> String {
    let mut text = String::new();
    for byte in message.bytes() {
        match byte {
            b' '..=b'$' | b'&'..=b'~' => text.push(char::from(byte)),
            _ => {
                text.push('%');
                for digit in [byte >> 4, byte & 0xf] {
                    let digit = char::from_digit(u32::from(digit), 16).unwrap_or('0');
                    text.push(digit.to_ascii_uppercase());
                }
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_written_as_grpc_writes_it() {
        assert_eq!(percent_encoded("a: ü% ~\n"), "a: %C3%BC%25 ~%0A");
    }
}
