//! Envoy Gateway's policies: their shape, and what it makes of them.

use serde_json::{Value, json};

use crate::bootstrap::{MODULE, Parts, ROUTER};
use crate::json_path;
use crate::kinds::typed;
use crate::shape::{METADATA, OPTIONAL, REQUIRED, Shape};

const LISTENER: &str = "type.googleapis.com/envoy.config.listener.v3.Listener";
const ROUTES: &str = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration";
const CLUSTER: &str = "type.googleapis.com/envoy.config.cluster.v3.Cluster";

const TARGET: Shape = Shape::Fields(&[
    (
        "group",
        REQUIRED,
        Shape::Word(&["gateway.networking.k8s.io"]),
    ),
    ("kind", REQUIRED, Shape::Word(&["Gateway", "HTTPRoute"])),
    ("name", REQUIRED, Shape::Text),
]);

/// `EnvoyPatchPolicy` of `gateway.envoyproxy.io/v1alpha1`.
pub const PATCH_POLICY: Shape = Shape::Fields(&[
    ("apiVersion", REQUIRED, Shape::Text),
    ("kind", REQUIRED, Shape::Text),
    ("metadata", REQUIRED, METADATA),
    (
        "spec",
        REQUIRED,
        Shape::Fields(&[
            ("targetRef", REQUIRED, TARGET),
            ("type", REQUIRED, Shape::Word(&["JSONPatch"])),
            ("priority", OPTIONAL, Shape::Integer),
            (
                "jsonPatches",
                REQUIRED,
                Shape::List(&Shape::Fields(&[
                    ("type", REQUIRED, Shape::Word(&[LISTENER, ROUTES, CLUSTER])),
                    ("name", REQUIRED, Shape::Text),
                    (
                        "operation",
                        REQUIRED,
                        Shape::Fields(&[
                            ("op", REQUIRED, Shape::Word(&["add"])),
                            ("path", REQUIRED, Shape::MaybeEmpty),
                            ("jsonPath", OPTIONAL, Shape::Text),
                            ("value", REQUIRED, Shape::Any),
                        ]),
                    ),
                ])),
            ),
        ]),
    ),
]);

/// `EnvoyExtensionPolicy` of `gateway.envoyproxy.io/v1alpha1`.
pub const EXTENSION_POLICY: Shape = Shape::Fields(&[
    ("apiVersion", REQUIRED, Shape::Text),
    ("kind", REQUIRED, Shape::Text),
    ("metadata", REQUIRED, METADATA),
    (
        "spec",
        REQUIRED,
        Shape::Fields(&[
            ("targetRefs", REQUIRED, Shape::List(&TARGET)),
            (
                "wasm",
                REQUIRED,
                Shape::List(&Shape::Fields(&[
                    ("name", REQUIRED, Shape::Text),
                    ("rootID", OPTIONAL, Shape::Text),
                    ("failOpen", OPTIONAL, Shape::Flag),
                    ("config", REQUIRED, Shape::Any),
                    (
                        "code",
                        REQUIRED,
                        Shape::Fields(&[
                            ("type", REQUIRED, Shape::Word(&["Image"])),
                            (
                                "image",
                                REQUIRED,
                                Shape::Fields(&[
                                    ("url", REQUIRED, Shape::Text),
                                    ("sha256", OPTIONAL, Shape::Text),
                                ]),
                            ),
                        ]),
                    ),
                ])),
            ),
        ]),
    ),
]);

/// `EnvoyProxy` of `gateway.envoyproxy.io/v1alpha1`.
pub const ENVOY_PROXY: Shape = Shape::Fields(&[
    ("apiVersion", REQUIRED, Shape::Text),
    ("kind", REQUIRED, Shape::Text),
    ("metadata", REQUIRED, METADATA),
    (
        "spec",
        REQUIRED,
        Shape::Fields(&[
            (
                "filterOrder",
                REQUIRED,
                Shape::List(&Shape::Fields(&[
                    ("name", REQUIRED, FILTER_NAME),
                    ("before", OPTIONAL, FILTER_NAME),
                    ("after", OPTIONAL, FILTER_NAME),
                ])),
            ),
            (
                "provider",
                REQUIRED,
                Shape::Fields(&[
                    ("type", REQUIRED, Shape::Word(&["Kubernetes"])),
                    (
                        "kubernetes",
                        REQUIRED,
                        Shape::Fields(&[("envoyDeployment", REQUIRED, ENVOY_DEPLOYMENT)]),
                    ),
                ]),
            ),
            (
                "bootstrap",
                OPTIONAL,
                Shape::Fields(&[
                    // The default is Replace, which is never wanted here.
                    ("type", REQUIRED, Shape::Word(&["Merge"])),
                    ("value", REQUIRED, Shape::Text),
                ]),
            ),
        ]),
    ),
]);

/// Filters that Envoy Gateway knows to move.
const FILTER_NAME: Shape = Shape::Word(&[
    "envoy.filters.http.rbac",
    "envoy.filters.http.local_ratelimit",
    "envoy.filters.http.ratelimit",
    "envoy.filters.http.compressor",
    "envoy.filters.http.wasm",
]);

const ENVOY_DEPLOYMENT: Shape = Shape::Fields(&[
    (
        "pod",
        REQUIRED,
        Shape::Fields(&[("volumes", REQUIRED, Shape::List(&Shape::Any))]),
    ),
    (
        "container",
        REQUIRED,
        Shape::Fields(&[("volumeMounts", REQUIRED, Shape::List(&Shape::Any))]),
    ),
]);

/// Puts the resources of a directory into an Envoy's configuration. A patch that would change nothing is an error.
pub fn apply(resources: &[Value], parts: &mut Parts) {
    let of_kind = |kind: &'static str| resources.iter().filter(move |r| r["kind"] == kind);
    for proxy in of_kind("EnvoyProxy") {
        mount(proxy);
        let bootstrap = proxy["spec"]["bootstrap"]["value"].as_str().unwrap();
        parts.bootstrap = crate::yaml::parse(bootstrap).unwrap().remove(0);
    }
    for policy in of_kind("EnvoyExtensionPolicy") {
        extend(policy, parts);
    }
    for policy in of_kind("EnvoyPatchPolicy") {
        assert_eq!(policy["spec"]["targetRef"]["kind"], "Gateway");
        for patch in policy["spec"]["jsonPatches"].as_array().unwrap() {
            apply_patch(patch, parts);
        }
    }
}

/// The module has to be where the filters look for it.
fn mount(proxy: &Value) {
    let deployment = &proxy["spec"]["provider"]["kubernetes"]["envoyDeployment"];
    let volumes = deployment["pod"]["volumes"].as_array().unwrap();
    let mounts = deployment["container"]["volumeMounts"].as_array().unwrap();
    for volume in volumes {
        let faults = typed::<k8s_openapi::api::core::v1::Volume>(volume);
        assert!(faults.is_empty(), "{faults:?}");
    }
    for mount in mounts {
        let faults = typed::<k8s_openapi::api::core::v1::VolumeMount>(mount);
        assert!(faults.is_empty(), "{faults:?}");
        assert!(
            volumes.iter().any(|v| v["name"] == mount["name"]),
            "{mount}"
        );
    }
    let directory = MODULE.rsplit_once('/').unwrap().0;
    assert!(mounts.iter().any(|m| m["mountPath"] == directory));
}

/// A filter in the chain, disabled, and enabled by the route; the module comes from Envoy Gateway, which is a file here.
fn extend(policy: &Value, parts: &mut Parts) {
    let metadata = &policy["metadata"];
    let (namespace, policy_name) = (&metadata["namespace"], &metadata["name"]);
    for (i, wasm) in policy["spec"]["wasm"]
        .as_array()
        .unwrap()
        .iter()
        .enumerate()
    {
        let id = format!(
            "envoyextensionpolicy/{}/{}/wasm/{i}",
            namespace.as_str().unwrap(),
            policy_name.as_str().unwrap()
        );
        let name = format!("envoy.filters.http.wasm/{id}");
        let filter = json!({
            "name": name,
            "disabled": true,
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
                "config": {
                    "name": wasm["name"],
                    "vm_config": {
                        "vm_id": id,
                        "runtime": "envoy.wasm.runtime.v8",
                        "code": {"local": {"filename": MODULE}},
                    },
                    "configuration": {
                        "@type": "type.googleapis.com/google.protobuf.StringValue",
                        "value": wasm["config"].to_string(),
                    },
                },
            },
        });
        let filters = parts.http_filters();
        let router = filters.iter().position(|f| f["name"] == ROUTER).unwrap();
        filters.insert(router, filter);
        for route in parts.routes() {
            route["typed_per_filter_config"][&name] = json!({
                "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig",
                "config": {},
            });
        }
    }
}

fn apply_patch(patch: &Value, parts: &mut Parts) {
    let operation = &patch["operation"];
    let (path, value) = (operation["path"].as_str().unwrap(), &operation["value"]);
    if patch["type"] == CLUSTER {
        assert_eq!(path, "", "a cluster is added as a whole");
        assert_eq!(patch["name"], value["name"]);
        parts.clusters.push(value.clone());
        return;
    }
    // The listener's routes have its name, or one made of its port.
    let listener = parts.listener["name"].as_str().unwrap();
    let routes = listener.replace("tcp-", "http-");
    let expected = match patch["type"] == ROUTES {
        true => &routes,
        false => listener,
    };
    // What is for another listener.
    if patch["name"] != *expected {
        return;
    }
    let document = match patch["type"] == ROUTES {
        true => &mut parts.hcm()["route_config"],
        false => &mut parts.listener,
    };
    let pointers = match operation["jsonPath"].as_str() {
        Some(json_path) => json_path::select(document, json_path)
            .iter()
            .map(|pointer| format!("{pointer}/{}", path.trim_start_matches('/')))
            .collect(),
        None => vec![path.to_owned()],
    };
    assert!(!pointers.is_empty(), "{operation} selects nothing");
    for pointer in pointers {
        json_path::add(document, &pointer, value.clone());
    }
}
