//! `service_url`: an absolute ICAP URI (RFC 3507 section 4.2), or a path on the cluster.

use super::json::Json;
use super::reader::Fields;
use super::value::shown;

const ALLOWED: &str = "icap://HOST[:PORT]/PATH, icaps://HOST[:PORT]/PATH or /PATH";
/// Longest URL, in bytes: it has to fit a request line.
const MAX_BYTES: usize = 2048;

/// Where a service is: the parts of its URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceUrl {
    /// Host and port as the ICAP `Host` header carries them.
    pub authority: String,
    /// Path and query, beginning with `/`.
    pub path: String,
    /// `icap` or `icaps`.
    pub scheme: &'static str,
}

impl ServiceUrl {
    /// The absolute URI for the request line (RFC 3507 section 4.2).
    pub fn uri(&self) -> String {
        [self.scheme, "://", &self.authority, &self.path].concat()
    }

    /// The URI without its query, which may hold a secret: for logs.
    pub fn without_query(&self) -> String {
        let path = self.path.split('?').next().unwrap_or_default();
        [self.scheme, "://", &self.authority, path].concat()
    }
}

/// The URL in the field `name`.
pub(super) fn service_url(
    fields: &Fields<'_>,
    name: &str,
    cluster: Option<&str>,
) -> Option<ServiceUrl> {
    let text = fields.text(name)?;
    match split(text, cluster) {
        Ok(url) => url,
        Err(fault) => {
            // A password may stand before an @.
            let found = if text.contains('@') {
                fault.to_owned()
            } else {
                format!("{} ({fault})", shown(text))
            };
            fields.fault(name, found, ALLOWED);
            None
        }
    }
}

/// The URL in the field `name`, for responses. A path alone is combined with `response_cluster`, or else with `cluster`.
pub(super) fn response_service_url(fields: &Fields<'_>, name: &str) -> Option<Option<ServiceUrl>> {
    let cluster = fields.right_text("response_cluster");
    let cluster = cluster.or_else(|| fields.right_text("cluster"));
    Some(service_url(fields, name, cluster))
}

/// Notes a `response_service_url` on another host than `service_url`: without a `response_cluster` responses go to `cluster`,
/// whatever host the URL names.
pub(super) fn check_responses(
    fields: &Fields<'_>,
    service: Option<&ServiceUrl>,
    response_service: Option<&ServiceUrl>,
) {
    if fields.has("response_cluster") {
        if !fields.has("response_service_url") {
            fields.fault(
                "response_cluster",
                "it without response_service_url",
                "it beside a response_service_url",
            );
        }
        return;
    }
    // A path alone names no host.
    let is_whole = ["service_url", "response_service_url"]
        .iter()
        .all(|name| matches!(fields.get(name), Some(Json::Text(url)) if !url.starts_with('/')));
    if let (Some(service), Some(response)) = (service, response_service)
        && is_whole
        && !same_server(service, response)
    {
        fields.fault(
            "response_service_url",
            format!(
                "the host {}, another than that of service_url",
                shown(&response.authority)
            ),
            "the host of service_url, or a response_cluster beside it",
        );
    }
}

/// Whether both name one server. A URL without port has its scheme's.
fn same_server(one: &ServiceUrl, other: &ServiceUrl) -> bool {
    let server = |url: &ServiceUrl| {
        let default = match url.scheme {
            "icaps" => "11344",
            _ => "1344",
        };
        let authority = url.authority.to_ascii_lowercase();
        match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host.to_owned(), port.to_owned()),
            _ => (authority, default.to_owned()),
        }
    };
    server(one) == server(other)
}

/// `Ok(None)`: the path is right, but there is no cluster to combine it with. The cluster's own reader notes that.
fn split(text: &str, cluster: Option<&str>) -> Result<Option<ServiceUrl>, &'static str> {
    if text.len() > MAX_BYTES {
        return Err("longer than 2048 bytes");
    }
    if !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err("a blank, a control character or a character beyond ASCII");
    }
    if text.contains('#') {
        return Err("a fragment");
    }
    if text.starts_with('/') {
        let Some(cluster) = cluster else {
            return Ok(None);
        };
        check_host(cluster)
            .map_err(|_| "only a path, but the cluster's name cannot serve as the host")?;
        return Ok(Some(ServiceUrl {
            authority: cluster.to_owned(),
            path: text.to_owned(),
            scheme: "icap",
        }));
    }
    let (scheme, rest) = text
        .split_once("://")
        .ok_or("neither a scheme nor a path")?;
    let scheme = if scheme.eq_ignore_ascii_case("icap") {
        "icap"
    } else if scheme.eq_ignore_ascii_case("icaps") {
        "icaps"
    } else {
        return Err("another scheme");
    };
    let (authority, path) = match rest
        .find(['/', '?'])
        .and_then(|at| rest.split_at_checked(at))
    {
        Some((authority, path)) if path.starts_with('/') => (authority, path.to_owned()),
        Some((authority, query)) => (authority, format!("/{query}")),
        None => (rest, "/".to_owned()),
    };
    check_authority(authority)?;
    Ok(Some(ServiceUrl {
        authority: authority.to_owned(),
        path,
        scheme,
    }))
}

fn check_authority(authority: &str) -> Result<(), &'static str> {
    if authority.contains('@') {
        return Err("a user in the URL");
    }
    if let Some(bracketed) = authority.strip_prefix('[') {
        let (address, port) = bracketed.split_once(']').ok_or("an unclosed bracket")?;
        address
            .parse::<std::net::Ipv6Addr>()
            .map_err(|_| "no IPv6 address between the brackets")?;
        return match port.strip_prefix(':') {
            Some(port) => check_port(port),
            None if port.is_empty() => Ok(()),
            None => Err("something behind the bracket"),
        };
    }
    match authority.split_once(':') {
        Some((host, port)) => check_host(host).and_then(|()| check_port(port)),
        None => check_host(authority),
    }
}

fn check_host(host: &str) -> Result<(), &'static str> {
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    if host.is_empty() {
        Err("no host")
    } else if host.bytes().all(legal) {
        Ok(())
    } else {
        Err("a character that no host has")
    }
}

fn check_port(port: &str) -> Result<(), &'static str> {
    let digits = port.bytes().all(|b| b.is_ascii_digit());
    match port.parse::<u16>() {
        Ok(1..) if digits => Ok(()),
        _ => Err("no port from 1 to 65535 behind the colon"),
    }
}

#[cfg(test)]
mod tests {
    use super::split;

    fn parts(text: &str) -> Result<(String, String, String), &'static str> {
        split(text, Some("icap_pool")).map(|url| {
            let url = url.unwrap();
            (url.scheme.to_owned(), url.authority, url.path)
        })
    }

    #[test]
    fn urls_and_paths_are_split() {
        for (text, scheme, authority, path) in [
            ("icap://h:1344/a?b=c", "icap", "h:1344", "/a?b=c"),
            ("icaps://h/a", "icaps", "h", "/a"),
            ("ICAP://H.example", "icap", "H.example", "/"),
            ("icap://h?x=/y", "icap", "h", "/?x=/y"),
            (
                "icap://[2001:db8::1]:1344/a",
                "icap",
                "[2001:db8::1]:1344",
                "/a",
            ),
            ("icap://[::1]/a", "icap", "[::1]", "/a"),
            ("/avscan?x=y", "icap", "icap_pool", "/avscan?x=y"),
        ] {
            let expected = (scheme.to_owned(), authority.to_owned(), path.to_owned());
            assert_eq!(parts(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_service_is_refused() {
        for text in [
            "",
            "avscan",
            "http://h/a",
            "icap:///a",
            "icap://:1344/a",
            "icap://h:/a",
            "icap://h:0/a",
            "icap://h:65536/a",
            "icap://h:+1/a",
            "icap://h:1:2/a",
            "icap://u:p@h/a",
            "icap://h/a#b",
            "icap://h/a b",
            "icap://h/a\r\nX: y",
            "icap://h/ä",
            "icap://[::1/a",
            "icap://[zz]/a",
            "icap://[::1]x/a",
            "icap://a|b/a",
            "/a#b",
        ] {
            assert!(parts(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_cluster_whose_name_is_no_host_needs_a_whole_url() {
        assert!(split("/a", Some("outbound|1344||icap.svc")).is_err());
        assert_eq!(split("/a", None), Ok(None));
    }
}
