//! What holds for the manifests as a whole.

use serde_json::Value;

use crate::bootstrap::{ICAP_HOST, ICAP_PORT, check_rules};
use crate::{kinds, kustomize, root, yaml, yaml_files_below};

#[test]
fn every_document_is_of_its_kind() {
    let mut faults = Vec::new();
    for file in yaml_files_below("deploy") {
        let documents = yaml::load(&file);
        assert!(!documents.is_empty(), "{}", file.display());
        for document in documents {
            for fault in kinds::check(&document) {
                faults.push(format!("{}: {fault}", file.display()));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

/// The plugin configuration is the same in every variant: who changes one changes all.
#[test]
fn the_variants_have_the_same_profiles_and_rules() {
    let mut all: Vec<(String, Value)> = Vec::new();
    for file in yaml_files_below("deploy") {
        for document in yaml::load(&file) {
            check_rules(&document);
            yaml::mappings(&document, &mut |fields| {
                if let Some(profiles) = fields.get("profiles") {
                    all.push((file.display().to_string(), profiles.clone()));
                }
            });
        }
    }
    assert_eq!(all.len(), 6);
    for (file, profiles) in &all {
        assert_eq!(profiles, &all[0].1, "{file} and {}", all[0].0);
    }
}

fn icap_server(kind: &str) -> Value {
    let mut resources = kustomize::resources("deploy/icap-server");
    resources.retain(|resource| resource["kind"] == kind);
    assert_eq!(resources.len(), 1, "{kind}");
    resources.remove(0)
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
    let kustomization = yaml::load_one(&root().join("deploy/icap-server/kustomization.yaml"));
    let images = kustomization["images"].as_array().unwrap();
    let mut checked = 0;
    for resource in kustomize::resources("deploy/icap-server") {
        yaml::mappings(&resource, &mut |fields| {
            if let Some(image) = fields.get("image") {
                let named = images.iter().find(|entry| &entry["name"] == image).unwrap();
                assert_ne!(named["newTag"], "latest");
                checked += 1;
            }
        });
    }
    assert_eq!(checked, 4);
}
