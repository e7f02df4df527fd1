//! Makes the ICAP request for a message, out of the profile, the message's fields and the host's properties.

use std::borrow::Cow;
use std::fmt::Write;
use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::placeholders::MessageValues;
use super::repeated::say;
use super::rewrite::find;
use super::service::Service;
use crate::config::{ClientIpSource, Operator, Profile, SendWhen, ServiceUrl, UserEncoding};
use crate::host::{Fields, Host};
use crate::icap::{Direction, Method, Request, RequestHead, ServiceOptions, Transfer};

/// The filter state that tells the address of the downstream connection.
const PEER_STATE: &str = "icap_filter.peer";

/// The values in an ICAP request that the host gives: the two addresses of the downstream connection, and the values of
/// operators.
#[derive(Debug)]
pub(super) struct HostValues<'h, H> {
    host: &'h H,
    client: Option<IpAddr>,
    server: Option<IpAddr>,
    /// The ICAP request shows a part of a form.
    of_part: bool,
}

impl<'h, H: Host> HostValues<'h, H> {
    /// The values that the profile sends to the service. `watched`: what is known of the service.
    pub(super) fn of(
        host: &'h H,
        now_ms: u64,
        profile: &Profile,
        watched: Option<&Service>,
    ) -> Self {
        let wants = |when: SendWhen, header: &str| match watched {
            Some(service) => service.wants(when, header),
            None => when == SendWhen::Always,
        };
        let client = || match profile.client_ip_source {
            ClientIpSource::Downstream => address(host, "source"),
            ClientIpSource::Peer => peer_address(host, now_ms),
        };
        Self {
            host,
            client: wants(profile.send_client_ip, "X-Client-IP")
                .then(client)
                .flatten(),
            server: wants(profile.send_server_ip, "X-Server-IP")
                .then(|| address(host, "destination"))
                .flatten(),
            of_part: false,
        }
    }

    /// The same values for a part of a form.
    pub(super) fn about_part(self) -> Self {
        Self {
            of_part: true,
            ..self
        }
    }

    /// The value of an operator, where the host gives it.
    fn value(&self, operator: &Operator) -> Option<Vec<u8>> {
        let property = |path: &[&str]| self.host.property(path).ok()?;
        match operator {
            Operator::RemoteAddress => {
                address(self.host, "source").map(|ip| ip.to_string().into_bytes())
            }
            Operator::PeerSubject => property(&["connection", "subject_peer_certificate"]),
            Operator::ServerName => property(&["connection", "requested_server_name"]),
            Operator::Request(_) | Operator::Path | Operator::FileName => None,
        }
    }
}

/// The ICAP request for a message. `requested` are the fields of the request, `fields` those of the message, or of the part of
/// a form that is shown.
pub(super) fn icap_request<H: Host>(
    profile: &Profile,
    watched: Option<&Service>,
    service: &ServiceUrl,
    method: Method,
    (requested, fields): (&Fields, &Fields),
    (request_head, response_head): (Option<Vec<u8>>, Option<Vec<u8>>),
    host_values: &HostValues<'_, H>,
) -> Request {
    let mut headers = Vec::new();
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            headers.push((name.to_owned(), value));
        }
    };
    add("X-Client-IP", host_values.client.map(ip_text));
    add("X-Server-IP", host_values.server.map(ip_text));
    if let Some(name) = &profile.authenticated_user_header {
        let user = find(requested, name).filter(|user| !user.is_empty());
        add(
            &profile.authenticated_user_icap_header,
            user.and_then(|user| user_value(profile, user)),
        );
    }
    add(
        "Authorization",
        profile
            .authorization
            .as_ref()
            .map(|secret| secret.expose().to_owned()),
    );
    let target = request_target(request_head.as_deref());
    let values = MessageValues {
        request: requested,
        message: fields,
        target,
        // The path names the form, not one of its files.
        named_by: if host_values.of_part { b"" } else { target },
        host: &|operator| host_values.value(operator),
    };
    let configured = profile.icap_headers.iter();
    headers.extend(
        configured.filter_map(|(name, value)| Some((name.clone(), value.render(&values)?))),
    );
    let path = request_path(request_head.as_deref());
    Request {
        method,
        uri: service.uri(),
        host: service.authority.clone(),
        allow: allow(profile, watched.and_then(Service::options)),
        trailers: None,
        preview: preview(profile, watched.and_then(Service::options), &path),
        headers,
        whole: profile.require_content_length && find(fields, "content-length").is_none(),
        request_head,
        response_head,
    }
}

/// An address as text, in one allocation.
fn ip_text(ip: IpAddr) -> String {
    const LONGEST: usize = "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255".len();
    let mut text = String::with_capacity(LONGEST);
    match ip {
        IpAddr::V4(ip) => {
            for (n, octet) in ip.octets().into_iter().enumerate() {
                if n > 0 {
                    text.push('.');
                }
                text.push_str(itoa::Buffer::new().format(octet));
            }
        }
        // Writing to a String cannot fail.
        IpAddr::V6(ip) => drop(write!(text, "{ip}")),
    }
    text
}

/// The name of a user in the profile's encoding. `None`: the encoding does not allow this name.
fn user_value(profile: &Profile, user: &[u8]) -> Option<String> {
    let scheme = profile.authenticated_user_scheme.as_bytes();
    let named = match scheme {
        [] => user.to_vec(),
        scheme => [scheme, b"://", user].concat(),
    };
    match profile.authenticated_user_encoding {
        UserEncoding::Base64 => Some(BASE64.encode(named)),
        UserEncoding::Plain => {
            let text = String::from_utf8(named).ok()?;
            (!text.chars().any(char::is_control)).then_some(text)
        }
    }
}

/// The statuses for `Allow`. The filter always holds the body, so it could offer 206 to all, but few servers support 206: it
/// goes only to those that name it.
pub(super) fn allow(profile: &Profile, options: Option<&ServiceOptions>) -> Vec<u16> {
    let partial = options.is_some_and(|options| options.allow.contains(&206));
    [
        (204, profile.allow_204),
        (206, profile.allow_204 && partial),
    ]
    .into_iter()
    .filter_map(|(status, offered)| offered.then_some(status))
    .collect()
}

/// The largest preview for a message, in bytes: at most what the service takes (RFC 3507 section 4.5). None where the service
/// wants such messages complete, or names no preview and the profile does not insist.
pub(super) fn preview(
    profile: &Profile,
    options: Option<&ServiceOptions>,
    path: &str,
) -> Option<u32> {
    let configured = profile.preview_bytes?;
    let Some(options) = options else {
        return Some(configured);
    };
    if options.transfer.of(path) == Transfer::Complete {
        return None;
    }
    match options.preview {
        Some(taken) => Some(taken.min(configured)),
        None => profile.preview_insisted.then_some(configured),
    }
}

/// The path of a request, without its query.
pub(super) fn path(fields: &Fields) -> Cow<'_, str> {
    let target = find(fields, ":path").unwrap_or_default();
    String::from_utf8_lossy(target.split(|b| *b == b'?').next().unwrap_or_default())
}

/// The path in the request head that goes to the ICAP server, without its query; empty where there is no head.
pub(super) fn request_path(head: Option<&[u8]>) -> Cow<'_, str> {
    let path = request_target(head).split(|b| *b == b'?').next();
    String::from_utf8_lossy(path.unwrap_or_default())
}

/// The fields of a request, out of the request head that goes to the ICAP server.
pub(super) fn fields_of(head: Option<&[u8]>) -> Fields {
    let Some(head) = head.and_then(RequestHead::parse) else {
        return Fields::new();
    };
    let mut fields = Fields::new();
    fields.push(":method", head.method);
    fields.push(":path", head.target);
    fields.push(":authority", head.headers.get("host").unwrap_or_default());
    for field in head.headers.iter() {
        fields.push(field.name.to_ascii_lowercase(), &field.value);
    }
    fields
}

/// The target in a request head, with its query; empty where there is no head.
fn request_target(head: Option<&[u8]>) -> &[u8] {
    head.and_then(|head| head.split(|b| *b == b' ').nth(1))
        .unwrap_or_default()
}

/// The address of one end (`source` or `destination`) of the downstream connection, as Envoy trusts it.
pub(super) fn address<H: Host>(host: &H, end: &str) -> Option<IpAddr> {
    parse_address(&host.property(&[end, "address"]).ok()??)
}

/// The client's address on the downstream connection itself. Envoy tells it only through the filter state [`PEER_STATE`], which
/// a filter of Envoy's own sets. Without that state, Envoy's downstream address counts if it comes from the connection: Envoy
/// gives an address that comes from a header the port 0.
pub(super) fn peer_address<H: Host>(host: &H, now_ms: u64) -> Option<IpAddr> {
    if let Ok(Some(state)) = host.property(&["filter_state", PEER_STATE]) {
        return parse_address(&state);
    }
    let peer = unforwarded_address(host);
    if peer.is_none() {
        say(
            now_ms,
            log::Level::Error,
            "peer",
            "",
            format_args!(
                "icap: client_ip_source is \"peer\", but the address of the connection is not known: put the filter \
                 envoy.filters.http.set_filter_state before this one, with the object_key {PEER_STATE} and \
                 %DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%"
            ),
        );
    }
    peer
}

/// Envoy's downstream address, if it can't come from a header.
fn unforwarded_address<H: Host>(host: &H) -> Option<IpAddr> {
    let port = host.property(&["source", "port"]).ok()??;
    if port.iter().all(|b| *b == 0) {
        return None;
    }
    let address = host.property(&["source", "address"]).ok()??;
    let fields = host.headers(Direction::Request).ok()?;
    let mut values = fields.iter().map(|(_, value)| value);
    if values.any(|value| memchr::memmem::find(value, &address).is_some()) {
        return None;
    }
    parse_address(&address)
}

fn parse_address(address: &[u8]) -> Option<IpAddr> {
    let address = std::str::from_utf8(address).ok()?;
    match address.parse::<std::net::SocketAddr>() {
        Ok(socket) => Some(socket.ip().to_canonical()),
        Err(_) => address.parse().map(|ip: IpAddr| ip.to_canonical()).ok(),
    }
}
