//! The kinds of resources that `deploy/` uses, and a strict check for each.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Pod, Service};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::shape::{OPTIONAL, REQUIRED, Shape};
use crate::{envoy_gateway, istio};

/// The fields of the Prometheus Operator's resources that are used here.
const PROMETHEUS_RULE: Shape = Shape::Fields(&[
    ("apiVersion", REQUIRED, Shape::Text),
    ("kind", REQUIRED, Shape::Text),
    ("metadata", REQUIRED, Shape::Any),
    (
        "spec",
        REQUIRED,
        Shape::Fields(&[("groups", REQUIRED, Shape::List(&Shape::Any))]),
    ),
]);

/// See [`PROMETHEUS_RULE`].
const POD_MONITOR: Shape = Shape::Fields(&[
    ("apiVersion", REQUIRED, Shape::Text),
    ("kind", REQUIRED, Shape::Text),
    ("metadata", REQUIRED, Shape::Any),
    (
        "spec",
        REQUIRED,
        Shape::Fields(&[
            ("selector", REQUIRED, Shape::Any),
            (
                "podMetricsEndpoints",
                REQUIRED,
                Shape::List(&Shape::Fields(&[
                    ("path", REQUIRED, Shape::Text),
                    ("port", REQUIRED, Shape::Text),
                    ("interval", OPTIONAL, Shape::Text),
                ])),
            ),
        ]),
    ),
]);

/// What is wrong with a resource by the definition of its kind.
pub fn check(document: &Value) -> Vec<String> {
    let text = |field: &str| document[field].as_str().unwrap_or_default();
    let (version, kind) = (text("apiVersion"), text("kind"));
    match (version, kind) {
        ("v1", "Pod") => typed::<Pod>(document),
        ("v1", "PersistentVolumeClaim") => typed::<PersistentVolumeClaim>(document),
        ("v1", "Service") => typed::<Service>(document),
        ("v1", "ConfigMap") => typed::<ConfigMap>(document),
        ("apps/v1", "Deployment") => typed::<Deployment>(document),
        ("autoscaling/v2", "HorizontalPodAutoscaler") => typed::<HorizontalPodAutoscaler>(document),
        ("networking.k8s.io/v1", "NetworkPolicy") => typed::<NetworkPolicy>(document),
        ("policy/v1", "PodDisruptionBudget") => typed::<PodDisruptionBudget>(document),
        ("networking.istio.io/v1alpha3", "EnvoyFilter") => istio::ENVOY_FILTER.check("", document),
        ("gateway.envoyproxy.io/v1alpha1", "EnvoyPatchPolicy") => {
            envoy_gateway::PATCH_POLICY.check("", document)
        }
        ("gateway.envoyproxy.io/v1alpha1", "EnvoyExtensionPolicy") => {
            envoy_gateway::EXTENSION_POLICY.check("", document)
        }
        ("gateway.envoyproxy.io/v1alpha1", "EnvoyProxy") => {
            envoy_gateway::ENVOY_PROXY.check("", document)
        }
        ("monitoring.coreos.com/v1", "PrometheusRule") => PROMETHEUS_RULE.check("", document),
        ("monitoring.coreos.com/v1", "PodMonitor") => POD_MONITOR.check("", document),
        _ => vec![format!("unknown kind {kind:?} of {version:?}")],
    }
}

/// Reads a resource as Kubernetes' own type and writes it again: what does not come back is no field of that type.
pub fn typed<T: DeserializeOwned + Serialize>(document: &Value) -> Vec<String> {
    match serde_json::from_value::<T>(document.clone()) {
        Ok(resource) => {
            let back = serde_json::to_value(resource).unwrap();
            let mut lost = Vec::new();
            compare("", document, &back, &mut lost);
            lost
        }
        Err(e) => vec![e.to_string()],
    }
}

fn compare(place: &str, written: &Value, read: &Value, lost: &mut Vec<String>) {
    match (written, read) {
        (Value::Object(written), Value::Object(read)) => {
            for (name, field) in written {
                let place = format!("{place}.{name}");
                match read.get(name) {
                    Some(back) => compare(&place, field, back, lost),
                    None => lost.push(format!("{place}: unknown field")),
                }
            }
        }
        (Value::Array(written), Value::Array(read)) if written.len() == read.len() => {
            for (i, (entry, back)) in written.iter().zip(read).enumerate() {
                compare(&format!("{place}[{i}]"), entry, back, lost);
            }
        }
        _ if written == read => {}
        _ => lost.push(format!("{place}: {written} was read as {read}")),
    }
}

#[test]
fn unknown_fields_and_kinds_are_found() {
    let service = |port: &str| {
        serde_json::json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "x"},
            "spec": {"ports": [{port: 1344}]}})
    };
    assert!(check(&service("port")).is_empty());
    assert_eq!(
        check(&service("prot")),
        [".spec.ports[0].prot: unknown field"]
    );
    let other = serde_json::json!({"apiVersion": "v1", "kind": "Servise"});
    assert_eq!(check(&other), ["unknown kind \"Servise\" of \"v1\""]);
}
