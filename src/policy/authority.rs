//! The host of a request, for the rules.

/// The host of an authority: the text before the first `:` outside of brackets, without the dot of a fully qualified
/// name. An IPv6 address keeps its brackets. `None` where two programs may read two hosts: user information, a comma,
/// percent-encoding, or another byte that no host has (RFC 3986 section 3.2).
pub(super) fn host_of(authority: &[u8]) -> Option<&[u8]> {
    let end = match authority.first() {
        Some(b'[') => memchr::memchr(b']', authority)?.checked_add(1)?,
        _ => memchr::memchr(b':', authority).unwrap_or(authority.len()),
    };
    let (host, rest) = authority.split_at_checked(end)?;
    let legal = |b: &u8| b.is_ascii_alphanumeric() || b"-._~".contains(b);
    let is_address = host.first() == Some(&b'[');
    let clear = match host.strip_prefix(b"[") {
        Some(address) => address
            .iter()
            .all(|b| b.is_ascii_hexdigit() || b":.]".contains(b)),
        None => host.iter().all(legal),
    };
    // An invalid port does not change the host, but an `@` behind the colon does.
    let follows = rest.is_empty() || rest.first() == Some(&b':');
    if !clear || !follows || rest.contains(&b'@') || rest.contains(&b',') {
        return None;
    }
    let without_dot = host.strip_suffix(b".").filter(|_| !is_address);
    Some(without_dot.unwrap_or(host))
}

#[cfg(test)]
mod tests {
    use super::host_of;

    #[test]
    fn the_port_is_cut_off_and_an_ipv6_address_is_not() {
        for (authority, host) in [
            ("a.example", "a.example"),
            ("a.example:8080", "a.example"),
            ("a.example:", "a.example"),
            ("a.example.:80", "a.example"),
            ("a.example:abc", "a.example"),
            ("a.example:80:80", "a.example"),
            ("a.example:-1", "a.example"),
            ("[2001:db8::1]", "[2001:db8::1]"),
            ("[2001:db8::1]:443", "[2001:db8::1]"),
            ("", ""),
        ] {
            let found = host_of(authority.as_bytes());
            assert_eq!(found, Some(host.as_bytes()), "{authority}");
        }
    }

    #[test]
    fn an_authority_that_can_be_read_in_two_ways_has_no_host() {
        for authority in [
            "u@a.example",
            "a.example:x@b.example",
            "a.example:80@b.example",
            "a.example,b.example",
            "a.example:80,b.example",
            "a%2eexample",
            "a.example/b",
            "[::1",
            "[::1]x",
            "[u@::1]",
            "a example",
            "\u{e4}.example",
        ] {
            assert_eq!(host_of(authority.as_bytes()), None, "{authority}");
        }
    }
}
