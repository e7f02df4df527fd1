//! Istio's EnvoyFilter: its shape, and what istiod and the proxy's agent make of it.

use serde_json::{Map, Value, json};

use crate::bootstrap::{HCM, Parts, ROUTER};
use crate::shape::{METADATA, OPTIONAL, REQUIRED, Shape};
use crate::yaml::mappings_mut;

const CONTEXT: Shape = Shape::Word(&["GATEWAY", "SIDECAR_INBOUND", "SIDECAR_OUTBOUND"]);

/// `EnvoyFilter` of `networking.istio.io/v1alpha3`.
pub const ENVOY_FILTER: Shape = Shape::Fields(&[
    ("apiVersion", REQUIRED, Shape::Text),
    ("kind", REQUIRED, Shape::Text),
    ("metadata", REQUIRED, METADATA),
    (
        "spec",
        REQUIRED,
        Shape::Fields(&[
            ("priority", REQUIRED, Shape::Integer),
            ("targetRefs", OPTIONAL, Shape::List(&TARGET)),
            (
                "workloadSelector",
                OPTIONAL,
                Shape::Fields(&[("labels", REQUIRED, Shape::Map(&Shape::Text))]),
            ),
            ("configPatches", REQUIRED, Shape::List(&PATCH)),
        ]),
    ),
]);

const TARGET: Shape = Shape::Fields(&[
    (
        "group",
        REQUIRED,
        Shape::Word(&["gateway.networking.k8s.io"]),
    ),
    ("kind", REQUIRED, Shape::Word(&["Gateway"])),
    ("name", REQUIRED, Shape::Text),
]);

const PATCH: Shape = Shape::Fields(&[
    (
        "applyTo",
        REQUIRED,
        Shape::Word(&[
            "LISTENER",
            "NETWORK_FILTER",
            "HTTP_FILTER",
            "HTTP_ROUTE",
            "VIRTUAL_HOST",
            "CLUSTER",
            "EXTENSION_CONFIG",
        ]),
    ),
    (
        "match",
        REQUIRED,
        Shape::Fields(&[
            ("context", REQUIRED, CONTEXT),
            ("listener", OPTIONAL, LISTENER_MATCH),
            ("routeConfiguration", OPTIONAL, ROUTE_MATCH),
        ]),
    ),
    (
        "patch",
        REQUIRED,
        Shape::Fields(&[
            (
                "operation",
                REQUIRED,
                Shape::Word(&["ADD", "MERGE", "INSERT_BEFORE"]),
            ),
            ("value", REQUIRED, Shape::Any),
        ]),
    ),
]);

const LISTENER_MATCH: Shape = Shape::Fields(&[(
    "filterChain",
    REQUIRED,
    Shape::Fields(&[(
        "filter",
        REQUIRED,
        Shape::Fields(&[
            ("name", REQUIRED, Shape::Text),
            (
                "subFilter",
                OPTIONAL,
                Shape::Fields(&[("name", REQUIRED, Shape::Text)]),
            ),
        ]),
    )]),
)]);

const ROUTE_MATCH: Shape = Shape::Fields(&[(
    "vhost",
    REQUIRED,
    Shape::Fields(&[(
        "route",
        REQUIRED,
        Shape::Fields(&[("name", REQUIRED, Shape::Text)]),
    )]),
)]);

/// Puts the patches of an EnvoyFilter into an Envoy's configuration. A patch that would change nothing is an error.
pub fn apply(envoy_filter: &Value, parts: &mut Parts) {
    for patch in envoy_filter["spec"]["configPatches"].as_array().unwrap() {
        let kind = patch["applyTo"].as_str().unwrap();
        let operation = patch["patch"]["operation"].as_str().unwrap();
        let value = &patch["patch"]["value"];
        let filter = &patch["match"]["listener"]["filterChain"]["filter"];
        match (kind, operation) {
            // A cluster is added where a proxy's outbound or gateway clusters are made, and nowhere else.
            ("CLUSTER", "ADD") => {
                assert_ne!(patch["match"]["context"], "SIDECAR_INBOUND");
                parts.clusters.push(value.clone());
            }
            ("EXTENSION_CONFIG", "ADD") => parts.extensions.push(value.clone()),
            ("LISTENER", "MERGE") => merge(&mut parts.listener, value),
            ("NETWORK_FILTER", "MERGE") => {
                assert_eq!(filter["name"], HCM);
                assert_eq!(value["name"], HCM);
                merge(parts.hcm(), &value["typed_config"]);
            }
            ("HTTP_FILTER", "INSERT_BEFORE") => {
                assert_eq!(filter["name"], HCM);
                assert_eq!(filter["subFilter"]["name"], ROUTER);
                let filters = parts.http_filters();
                let router = filters.iter().position(|f| f["name"] == ROUTER);
                filters.insert(router.unwrap(), value.clone());
            }
            ("VIRTUAL_HOST", "MERGE") => merge(parts.virtual_host(), value),
            ("HTTP_ROUTE", "MERGE") => {
                let name = &patch["match"]["routeConfiguration"]["vhost"]["route"]["name"];
                merge(parts.route(name.as_str().unwrap()), value);
            }
            other => panic!("{other:?} is nothing that Istio does"),
        }
    }
    parts
        .extensions
        .iter_mut()
        .chain(&mut parts.clusters)
        .for_each(fetch);
}

/// What the proxy's agent does with a module that is to be fetched: Envoy sees a file. It only looks at resources of their
/// own, so that a module to be fetched anywhere else is none.
fn fetch(resource: &mut Value) {
    let of_its_own = resource.get("typed_config").is_some();
    mappings_mut(resource, &mut |fields| {
        let Some(remote) = fields.get("remote") else {
            return;
        };
        let uri = remote["http_uri"]["uri"].as_str().unwrap_or_default();
        assert!(uri.starts_with("oci://") && of_its_own, "{uri}");
        assert!(remote["http_uri"]["timeout"].is_string());
        assert!(remote["sha256"].is_string());
        *fields = Map::from_iter([(
            "local".to_owned(),
            json!({"filename": crate::bootstrap::MODULE}),
        )]);
    });
}

/// Protobuf's merge: messages merge, lists are appended to, the rest is replaced.
fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (name, field) in from {
                match into.get_mut(name) {
                    Some(there) => merge(there, field),
                    None => {
                        into.insert(name.clone(), field.clone());
                    }
                }
            }
        }
        (Value::Array(into), Value::Array(from)) => into.extend(from.iter().cloned()),
        (into, from) => *into = from.clone(),
    }
}
