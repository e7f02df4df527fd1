//! What is asked of the ICAP server about a message.

use std::borrow::Cow;
use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::rewrite::find;
use super::service::Service;
use crate::config::{Profile, SendWhen, ServiceUrl};
use crate::host::{self, Fields};
use crate::icap::{Method, Request, ServiceOptions, Transfer};

/// What is asked of the ICAP server about a message.
pub(super) fn ask(
    profile: &Profile,
    watched: Option<&Service>,
    service: &ServiceUrl,
    method: Method,
    fields: &Fields,
    (request_head, response_head): (Option<Vec<u8>>, Option<Vec<u8>>),
) -> Request {
    let mut headers = Vec::new();
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            headers.push((name.to_owned(), value));
        }
    };
    let wants = |when: SendWhen, header: &str| match watched {
        Some(service) => service.wants(when, header),
        None => when == SendWhen::Always,
    };
    if wants(profile.send_client_ip, "X-Client-IP") {
        add("X-Client-IP", address("source").map(|ip| ip.to_string()));
    }
    if wants(profile.send_server_ip, "X-Server-IP") {
        add(
            "X-Server-IP",
            address("destination").map(|ip| ip.to_string()),
        );
    }
    if let Some(name) = &profile.authenticated_user_header {
        let user = find(fields, name).filter(|user| !user.is_empty());
        let scheme = &profile.authenticated_user_scheme;
        add(
            "X-Authenticated-User",
            user.map(|user| BASE64.encode([scheme.as_bytes(), b"://", user].concat())),
        );
    }
    add(
        "Authorization",
        profile
            .authorization
            .as_ref()
            .map(|secret| secret.expose().to_owned()),
    );
    headers.extend(profile.icap_headers.iter().cloned());
    Request {
        method,
        uri: service.uri(),
        host: service.authority.clone(),
        allow: allow(profile, watched.and_then(Service::options)),
        preview: preview(profile, watched.and_then(Service::options), &path(fields)),
        headers,
        request_head,
        response_head,
    }
}

/// The statuses to offer. 206 only to a server that names it: the body is always at hand, but few can do it.
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

/// The largest preview for a message: never more than the service takes (RFC 3507 section 4.5), none where it wants such
/// messages complete, or names no preview and the profile does not insist.
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

/// The address of one end of the downstream connection, as Envoy trusts it.
pub(super) fn address(end: &str) -> Option<IpAddr> {
    let address = host::property(&[end, "address"]).ok()??;
    let address = std::str::from_utf8(&address).ok()?;
    match address.parse() {
        Ok(socket) => {
            let socket: std::net::SocketAddr = socket;
            Some(socket.ip().to_canonical())
        }
        Err(_) => address.parse().ok(),
    }
}
