//! What holds for the manifests as a whole.

use serde_json::{Value, json};

use crate::bootstrap::{ICAP_HOST, ICAP_PORT, check_rules};
use crate::{chart, kinds, root, yaml, yaml_files_below};

/// The default of the chart's values: every example that does not name its own has these rules.
#[test]
fn the_examples_have_the_same_profiles_and_rules() {
    let mut checked = 0;
    for resource in chart::all_resources() {
        let mut others = false;
        yaml::mappings(&resource, &mut |fields| {
            others |= fields.get("cluster").is_some_and(|c| c == "metadefender");
        });
        if !others {
            checked += check_rules(&resource);
        }
    }
    assert_eq!(checked, 7);
}

/// What stands beside the chart.
#[test]
fn what_prometheus_operator_gets_is_of_its_kind() {
    let directory = "deploy/observability/kubernetes";
    let kustomization = yaml::load_one(&root().join(directory).join("kustomization.yaml"));
    let names = kustomization["resources"].as_array().unwrap();
    for name in names {
        let path = root().join(directory).join(name.as_str().unwrap());
        for document in yaml::load(&path) {
            let faults = kinds::check(&document);
            assert!(faults.is_empty(), "{}: {faults:#?}", path.display());
        }
    }
    let files = yaml_files_below(directory);
    assert_eq!(files.len(), names.len() + 1, "{files:?}");
}

fn icap_server(kind: &str) -> Value {
    chart::resource("istio-gateway", kind, "c-icap")
}

#[test]
fn the_icap_servers_fit_together() {
    let deployment = icap_server("Deployment");
    let template = &deployment["spec"]["template"];
    let labels = template["metadata"]["labels"].as_object().unwrap();
    let service = icap_server("Service");
    let selectors = [
        &deployment["spec"]["selector"]["matchLabels"],
        &service["spec"]["selector"],
        &icap_server("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        &icap_server("NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
        &template["spec"]["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"],
    ];
    for selector in selectors {
        for (name, value) in selector.as_object().unwrap() {
            assert_eq!(labels.get(name), Some(value), "{selector}");
        }
    }
    let target = &icap_server("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"];
    assert_eq!(target["kind"], deployment["kind"]);
    assert_eq!(target["name"], deployment["metadata"]["name"]);
    let port = &service["spec"]["ports"][0];
    assert_eq!(port["port"], ICAP_PORT);
    let metadata = &service["metadata"];
    assert_eq!(
        ICAP_HOST,
        format!(
            "{}.{}.svc.cluster.local",
            metadata["name"].as_str().unwrap(),
            metadata["namespace"].as_str().unwrap()
        )
    );
    let containers = template["spec"]["containers"].as_array().unwrap();
    let ports = containers.iter().filter_map(|c| c["ports"].as_array());
    let named = ports.flatten().find(|p| p["name"] == port["targetPort"]);
    assert_eq!(named.unwrap()["containerPort"], ICAP_PORT);
}

#[test]
fn the_icap_servers_have_no_more_rights_than_they_need() {
    let deployment = icap_server("Deployment");
    let pod = &deployment["spec"]["template"]["spec"];
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(pod["automountServiceAccountToken"], false);
    let volumes = pod["volumes"].as_array().unwrap();
    for group in ["initContainers", "containers"] {
        for container in pod[group].as_array().unwrap() {
            let name = &container["name"];
            let context = &container["securityContext"];
            assert_eq!(context["readOnlyRootFilesystem"], true, "{name}");
            assert_eq!(context["allowPrivilegeEscalation"], false, "{name}");
            assert_eq!(context["capabilities"]["drop"][0], "ALL", "{name}");
            assert!(
                container["resources"]["limits"]["memory"].is_string(),
                "{name}"
            );
            for mount in container["volumeMounts"].as_array().unwrap() {
                assert!(
                    volumes.iter().any(|v| v["name"] == mount["name"]),
                    "{mount}"
                );
            }
        }
    }
    for container in &pod["containers"].as_array().unwrap()[..2] {
        for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
            assert!(
                container[probe].is_object(),
                "{} {probe}",
                container["name"]
            );
        }
    }
}

#[test]
fn every_image_has_a_version() {
    let mut checked = 0;
    for resource in chart::all_resources() {
        yaml::mappings(&resource, &mut |fields| {
            let image = fields.get("image").and_then(Value::as_str);
            let uri = fields.get("uri").and_then(Value::as_str);
            for image in image.into_iter().chain(uri) {
                assert!(image.ends_with(env!("CARGO_PKG_VERSION")), "{image}");
                checked += 1;
            }
        });
    }
    assert!(checked > 30, "only {checked}");
}

/// Whoever is given the filter may speak to the scanner.
#[test]
fn the_network_policy_lets_every_proxy_in() {
    for (example, namespaces) in [
        ("istio-gateway", &["istio-ingress"][..]),
        ("istio-gateway-api", &["shop"]),
        ("istio-sidecar", &["shop"]),
        ("envoy-gateway", &["envoy-gateway-system"]),
        ("scanner-with-mirror", &["edge"]),
    ] {
        let policy = chart::resource(example, "NetworkPolicy", "c-icap");
        let from = &policy["spec"]["ingress"][0]["from"][0]["namespaceSelector"];
        let matches = &from["matchExpressions"][0];
        assert_eq!(matches["key"], "kubernetes.io/metadata.name");
        assert_eq!(matches["values"], json!(namespaces), "{example}");
    }
}

/// A pod that ends is given the time for what has begun: c-icap and clamd stop at once, c-icap first.
#[test]
fn a_pod_that_ends_goes_on_for_as_long_as_a_scan_may_take() {
    let deployment = icap_server("Deployment");
    assert!(
        deployment["spec"].get("replicas").is_none(),
        "the autoscaler's"
    );
    let pod = &deployment["spec"]["template"]["spec"];
    let sleeps = |name: &str| {
        let containers = pod["containers"].as_array().unwrap();
        let container = containers.iter().find(|c| c["name"] == name).unwrap();
        let command = &container["lifecycle"]["preStop"]["exec"]["command"];
        assert_eq!(command[0], "sleep");
        command[1].as_str().unwrap().parse::<u64>().unwrap()
    };
    let grace = pod["terminationGracePeriodSeconds"].as_u64().unwrap();
    assert!(sleeps("c-icap") > 60 && sleeps("clamd") > sleeps("c-icap"));
    assert!(grace > sleeps("clamd"));
}
