//! The neighbours: what stands before or after the filter, or on its route.

use std::path::Path;

use serde_json::{Value, json};

use crate::application::Manner;
use crate::bootstrap::{AUTHZ, MIRROR, PROCESSOR};
use crate::filters;
use crate::scanner::{OTHER_AT_END, OTHER_ON_PREVIEW};
use crate::support::envoy::version;

/// Where a neighbour stands in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It sees a request first.
    Before,
    /// It sees a request last.
    After,
    /// It is no filter, but the router's.
    Route,
}

/// What a neighbour does to a body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    #[default]
    Nothing,
    /// Puts [`filters::LUA_PREFIX`] in front.
    Prefix,
    /// Compresses it.
    Compress,
    /// Decompresses it: so the client sends it compressed.
    Decompress,
}

/// A row of the table.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its name in the table, and in paths.
    pub name: &'static str,
    /// Where it stands.
    pub place: Place,
    /// Its filters; none, where it is the router's.
    pub filters: Vec<Value>,
    /// Whether a gate stands before the filter.
    pub gated: bool,
    /// Changes to the profile of the filter.
    pub profile: Value,
    /// The routes, where one for everything is not enough.
    pub routes: Option<Value>,
    /// Whether it keeps (a part of) a body that has not ended from who stands behind it.
    pub holds: bool,
    /// What it does to the body.
    pub effect: Effect,
    /// Fields of the route's action.
    pub action: Value,
    /// Fields of the route.
    pub route: Value,
    /// How the application answers.
    pub manner: Manner,
    /// How many times the application gets a request that passes.
    pub copies: usize,
    /// Header fields of the client.
    pub fields: Vec<(&'static str, String)>,
    /// The listener's limit, in bytes.
    pub limit: u32,
}

/// The usual limit of a listener, in bytes: more than any body.
pub const LIMIT: u32 = 1 << 20;

impl Row {
    /// A neighbour that does nothing to a body, in front of a plain application.
    pub fn new(name: &'static str, place: Place, filters: Vec<Value>) -> Self {
        Self {
            name,
            place,
            filters,
            gated: false,
            profile: json!({}),
            routes: None,
            holds: false,
            effect: Effect::Nothing,
            action: json!({}),
            route: json!({}),
            manner: Manner::Plain,
            copies: 1,
            fields: vec![("origin", "http://app.test".to_owned())],
            limit: LIMIT,
        }
    }

    /// The path of a case, and of the listener.
    pub fn slug(&self) -> String {
        let place = match self.place {
            Place::Before => "before",
            Place::After => "after",
            Place::Route => "route",
        };
        format!("{}-{place}", self.name.replace([' ', ',', '(', ')'], "_"))
    }

    /// Whether icap_log is what this row's filter said, and not the other one of ours.
    pub fn logs_alone(&self) -> bool {
        !self.name.starts_with("another of ours")
    }

    /// Whether every message is to go on as it came.
    pub fn is_monitored(&self) -> bool {
        self.profile["enforcement"] == "monitor"
    }

    /// As in the table.
    pub fn title(&self) -> String {
        match self.place {
            Place::Before => format!("{}, before", self.name),
            Place::After => format!("{}, after", self.name),
            Place::Route => self.name.to_owned(),
        }
    }
}

/// A filter of ours with another service.
fn another(module: &Path, service: &str) -> Value {
    crate::bootstrap::icap_filter(
        "icap_filter",
        module,
        json!({"service_url": format!("icap://icap.test:1344{service}")}),
    )
}

/// A kind of filter, with whether it holds, and what it does.
fn kinds(module: &Path, directory: &Path) -> Vec<(&'static str, Value, bool, Effect)> {
    use Effect::{Compress, Decompress, Nothing, Prefix};
    let read = "function envoy_on_request(h) local body = h:body() if body then local n = body:length() end end";
    let write = "function envoy_on_request(h) local body = h:body() if body then body:setBytes('lua:' .. body:getBytes(0, body:length())) end end";
    let chunks = "function envoy_on_request(h) for chunk in h:bodyChunks() do local n = chunk:length() end end";
    vec![
        ("buffer", filters::buffer(), true, Nothing),
        ("lua reading the body", filters::lua(read), true, Nothing),
        ("lua writing the body", filters::lua(write), true, Prefix),
        ("lua bodyChunks", filters::lua(chunks), false, Nothing),
        (
            "ext_authz, whole body",
            filters::ext_authz(AUTHZ, None),
            true,
            Nothing,
        ),
        (
            "ext_authz, partial body",
            filters::ext_authz(AUTHZ, Some(1024)),
            false,
            Nothing,
        ),
        (
            "ext_proc, buffered",
            filters::ext_proc(PROCESSOR, "request", "BUFFERED"),
            true,
            Nothing,
        ),
        (
            "ext_proc, streamed",
            filters::ext_proc(PROCESSOR, "request", "STREAMED"),
            false,
            Nothing,
        ),
        ("fault delay", filters::fault(), false, Nothing),
        (
            "bandwidth_limit",
            filters::bandwidth("REQUEST"),
            false,
            Nothing,
        ),
        ("cors", filters::cors(), false, Nothing),
        ("csrf", filters::csrf(), false, Nothing),
        (
            "local_ratelimit",
            filters::local_ratelimit(),
            false,
            Nothing,
        ),
        ("rbac", filters::rbac(), false, Nothing),
        ("grpc_web", filters::grpc_web(), false, Nothing),
        ("decompressor", filters::decompressor(), false, Decompress),
        (
            "compressor",
            filters::compressor("request"),
            false,
            Compress,
        ),
        ("tap", filters::tap(directory), false, Nothing),
        ("cache", filters::cache(), false, Nothing),
        (
            "custom_response",
            filters::custom_response(&[403, 503]),
            false,
            Nothing,
        ),
        (
            "jwt_authn, claim routing",
            filters::jwt_authn(),
            false,
            Nothing,
        ),
        (
            "another of ours, at the end",
            another(module, OTHER_AT_END),
            true,
            Nothing,
        ),
        // What it lets go in mid-body goes with the part that comes next.
        (
            "another of ours, on preview",
            another(module, OTHER_ON_PREVIEW),
            true,
            Nothing,
        ),
    ]
}

/// Every row.
pub fn rows(module: &Path, directory: &Path) -> Vec<Row> {
    let mut rows = Vec::new();
    for (name, filter, holds, effect) in kinds(module, directory) {
        for place in [Place::Before, Place::After] {
            let mut row = Row::new(name, place, vec![filter.clone()]);
            row.holds = holds && place == Place::Before;
            row.effect = effect;
            if effect == Effect::Decompress {
                row.fields.push(("content-encoding", "gzip".to_owned()));
            }
            match name {
                "grpc_web" => row
                    .fields
                    .push(("content-type", "application/grpc-web+proto".to_owned())),
                "jwt_authn, claim routing" => {
                    row.fields
                        .push(("authorization", format!("Bearer {}", filters::JWT)));
                }
                _ => row
                    .fields
                    .push(("content-type", "application/octet-stream".to_owned())),
            }
            rows.push(row);
        }
    }
    rows.extend(routes());
    rows
}

fn routes() -> Vec<Row> {
    let route = |name: &'static str, action: Value, manner: Manner, copies: usize| Row {
        action,
        manner,
        copies,
        ..Row::new(name, Place::Route, Vec::new())
    };
    let retries = json!({"retry_on": "5xx,reset", "num_retries": 2});
    let redirects = json!({"redirect_response_codes": [307], "max_internal_redirects": 1});
    let tries = json!({"retry_on": "5xx", "num_retries": 1, "per_try_timeout": "0.8s"});
    let mut small = route("request_body_buffer_limit", json!({}), Manner::Plain, 1);
    small.limit = 32 * 1024;
    small.route = json!({"request_body_buffer_limit": LIMIT});
    let mut rows = vec![
        route("no neighbour", json!({}), Manner::Plain, 1),
        route(
            "retry policy",
            json!({"retry_policy": retries}),
            Manner::Plain,
            1,
        ),
        route(
            "retry policy, a retry",
            json!({"retry_policy": retries}),
            Manner::FailFirst,
            2,
        ),
        route(
            "request mirror",
            json!({"request_mirror_policies": [{"cluster": MIRROR}]}),
            Manner::Plain,
            2,
        ),
        route(
            "internal redirect policy",
            json!({"internal_redirect_policy": redirects}),
            Manner::Plain,
            1,
        ),
        route(
            "internal redirect, a redirect",
            json!({"internal_redirect_policy": redirects}),
            Manner::RedirectFirst,
            2,
        ),
        route(
            "hedging",
            json!({"retry_policy": tries, "hedge_policy": {"hedge_on_per_try_timeout": true}}),
            Manner::SilentFirst,
            2,
        ),
        route(
            "per-try time-out",
            json!({"retry_policy": tries}),
            Manner::SilentFirst,
            2,
        ),
    ];
    // The router keeps the body too, which is not to be changed under its hands.
    let mut monitored = route(
        "monitor mode, retry policy",
        json!({"retry_policy": retries}),
        Manner::FailFirst,
        2,
    );
    monitored.profile = json!({"enforcement": "monitor"});
    rows.push(monitored);
    // An older Envoy knows the field, and does as the listener says.
    if version() >= vec![1, 40] {
        rows.push(small);
    }
    rows
}

/// Requests whose header `x-tenant` says so go to `cluster`, others nowhere; each with metadata for the filter.
pub fn claim_routes(cluster: &str, scanned: &Value, others: &Value) -> Value {
    let metadata = |ours: &Value| json!({"filter_metadata": {"icap_filter": ours}});
    let tenant = json!([{"name": "x-tenant", "string_match": {"exact": "scanned"}}]);
    json!([
        {
            "match": {"prefix": "/", "headers": tenant},
            "route": {"cluster": cluster, "timeout": "60s"},
            "metadata": metadata(scanned),
        },
        {
            "match": {"prefix": "/"},
            "direct_response": {"status": 404},
            "metadata": metadata(others),
        },
    ])
}
