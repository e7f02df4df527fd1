//! Envoy's filters, as the rows of the matrix use them.

use std::io::{Read, Write};
use std::path::Path;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

/// What the writing script puts in front of a body.
pub const LUA_PREFIX: &[u8] = b"lua:";
/// A token whose claim `tenant` is `scanned`, signed with [`JWT_KEY`].
pub const JWT: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImsifQ.eyJpc3MiOiJuZWlnaGJvdXJzIiwidGVuYW50Ijoic2Nhbm5lZCJ9.CES6viHElt-zITlXxfW-H3HckSGw8bWr7KC3ddBkXwg";
/// The key as RFC 7517 writes it.
const JWT_KEY: &str = r#"{"keys":[{"kty":"oct","kid":"k","alg":"HS256","k":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"}]}"#;

/// A filter by the last part of its name, with the message of that name in its package.
pub fn filter(name: &str, message: &str, mut fields: Value) -> Value {
    fields["@type"] = json!(format!(
        "type.googleapis.com/envoy.extensions.filters.http.{name}.v3.{message}"
    ));
    json!({"name": format!("envoy.filters.http.{name}"), "typed_config": fields})
}

/// The router, always the last.
pub fn router() -> Value {
    filter("router", "Router", json!({}))
}

/// The buffer filter.
pub fn buffer() -> Value {
    filter("buffer", "Buffer", json!({"max_request_bytes": 1 << 20}))
}

/// A Lua script.
pub fn lua(script: &str) -> Value {
    filter(
        "lua",
        "Lua",
        json!({"default_source_code": {"inline_string": script}}),
    )
}

/// The authorization service takes this many bytes of the body, or else the whole.
pub fn ext_authz(server: &str, part: Option<u32>) -> Value {
    filter(
        "ext_authz",
        "ExtAuthz",
        json!({
            "http_service": {"server_uri": {"uri": "http://authz.test", "cluster": server, "timeout": "10s"}},
            "with_request_body": {
                "max_request_bytes": part.unwrap_or(1 << 20),
                "allow_partial_message": part.is_some(),
            },
        }),
    )
}

/// An external processor that gets the bodies of a direction in that mode.
pub fn ext_proc(server: &str, direction: &str, mode: &str) -> Value {
    let mut modes = json!({
        "request_header_mode": "SEND", "response_header_mode": "SKIP",
        "request_body_mode": "NONE", "response_body_mode": "NONE",
    });
    modes[format!("{direction}_header_mode")] = json!("SEND");
    modes[format!("{direction}_body_mode")] = json!(mode);
    filter(
        "ext_proc",
        "ExternalProcessor",
        json!({
            "grpc_service": {"envoy_grpc": {"cluster_name": server}, "timeout": "10s"},
            "message_timeout": "10s",
            "processing_mode": modes,
        }),
    )
}

/// A delay of every request.
pub fn fault() -> Value {
    let percentage = json!({"numerator": 100});
    filter(
        "fault",
        "HTTPFault",
        json!({"delay": {"fixed_delay": "0.03s", "percentage": percentage}}),
    )
}

/// A limit that stretches a body over several ticks.
pub fn bandwidth(mode: &str) -> Value {
    filter(
        "bandwidth_limit",
        "BandwidthLimit",
        json!({"stat_prefix": "b", "enable_mode": mode, "limit_kbps": 1024, "fill_interval": "0.02s"}),
    )
}

/// Cross-origin requests.
pub fn cors() -> Value {
    filter("cors", "Cors", json!({}))
}

/// Cross-site request forgery.
pub fn csrf() -> Value {
    let all = json!({"default_value": {"numerator": 100}, "runtime_key": "csrf"});
    filter("csrf", "CsrfPolicy", json!({"filter_enabled": all}))
}

/// A bucket that is never empty.
pub fn local_ratelimit() -> Value {
    let all = json!({"default_value": {"numerator": 100}, "runtime_key": "limit"});
    filter(
        "local_ratelimit",
        "LocalRateLimit",
        json!({
            "stat_prefix": "l",
            "token_bucket": {"max_tokens": 100_000, "tokens_per_fill": 100_000, "fill_interval": "1s"},
            "filter_enabled": all, "filter_enforced": all,
        }),
    )
}

/// Denies `/denied`, and nothing else.
pub fn rbac() -> Value {
    filter(
        "rbac",
        "RBAC",
        json!({"rules": {"action": "DENY", "policies": {"denied": {
            "permissions": [{"url_path": {"path": {"prefix": "/denied"}}}],
            "principals": [{"any": true}],
        }}}}),
    )
}

/// gRPC from browsers.
pub fn grpc_web() -> Value {
    filter("grpc_web", "GrpcWeb", json!({}))
}

/// Decompresses both directions.
pub fn decompressor() -> Value {
    filter(
        "decompressor",
        "Decompressor",
        json!({"decompressor_library": {
            "name": "gzip",
            "typed_config": {"@type": "type.googleapis.com/envoy.extensions.compression.gzip.decompressor.v3.Gzip"},
        }}),
    )
}

/// Compresses one direction.
pub fn compressor(direction: &str) -> Value {
    let on = |on: bool| {
        json!({"common_config": {
            "enabled": {"default_value": on, "runtime_key": "none"},
            "content_type": ["application/octet-stream"],
        }})
    };
    filter(
        "compressor",
        "Compressor",
        json!({
            "compressor_library": {
                "name": "gzip",
                "typed_config": {"@type": "type.googleapis.com/envoy.extensions.compression.gzip.compressor.v3.Gzip"},
            },
            "request_direction_config": on(direction == "request"),
            "response_direction_config": on(direction == "response"),
        }),
    )
}

/// Writes every message with its body into files.
pub fn tap(directory: &Path) -> Value {
    filter(
        "tap",
        "Tap",
        json!({"common_config": {"static_config": {
            "match": {"any_match": true},
            "output_config": {
                "max_buffered_rx_bytes": 1 << 20, "max_buffered_tx_bytes": 1 << 20,
                "sinks": [{"format": "JSON_BODY_AS_BYTES", "file_per_tap": {"path_prefix": directory.join("tap").to_str()}}],
            },
        }}}),
    )
}

/// A cache in memory.
pub fn cache() -> Value {
    filter(
        "cache",
        "CacheConfig",
        json!({"typed_config": {"@type": "type.googleapis.com/envoy.extensions.http.cache.simple_http_cache.v3.SimpleHttpCacheConfig"}}),
    )
}

/// Fetches an error page for these statuses from the route `/error-page`.
pub fn custom_response(statuses: &[u16]) -> Value {
    let matchers: Vec<Value> = statuses
        .iter()
        .map(|status| {
            json!({
                "predicate": {"single_predicate": {
                    "input": {
                        "name": "status",
                        "typed_config": {"@type": "type.googleapis.com/envoy.type.matcher.v3.HttpResponseStatusCodeMatchInput"},
                    },
                    "value_match": {"exact": status.to_string()},
                }},
                "on_match": {"action": {
                    "name": "page",
                    "typed_config": {
                        "@type": "type.googleapis.com/envoy.extensions.http.custom_response.redirect_policy.v3.RedirectPolicy",
                        "uri": "http://app.test/error-page",
                        "status_code": status,
                    },
                }},
            })
        })
        .collect();
    filter(
        "custom_response",
        "CustomResponse",
        json!({"custom_response_matcher": {"matcher_list": {"matchers": matchers}}}),
    )
}

/// Wants [`JWT`], puts its claim into `x-tenant`, and has the route chosen anew.
pub fn jwt_authn() -> Value {
    filter(
        "jwt_authn",
        "JwtAuthentication",
        json!({
            "providers": {"p": {
                "issuer": "neighbours",
                "local_jwks": {"inline_string": JWT_KEY},
                "claim_to_headers": [{"header_name": "x-tenant", "claim_name": "tenant"}],
                "clear_route_cache": true,
            }},
            "rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": "p"}}],
        }),
    )
}

/// Does nothing; but it has a configuration for each route, and so asks for the route that holds now.
pub fn header_mutation() -> Value {
    filter("header_mutation", "HeaderMutation", json!({}))
}

/// Compressed.
pub fn gzip(bytes: &[u8]) -> bytes::Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap().into()
}

/// What was compressed; `None` where this is no whole gzip stream.
pub fn gunzip(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::new();
    GzDecoder::new(bytes).read_to_end(&mut plain).ok()?;
    Some(plain)
}
