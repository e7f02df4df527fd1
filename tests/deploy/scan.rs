//! The Envoy part of each manifest, in a real Envoy.

use serde_json::Value;
use tempfile::TempDir;

use crate::bootstrap::{
    ICAP_HOST, MODULE, Parts, check_agreement, check_route_lookup, check_rules,
};
use crate::client::{get, post, post_http2};
use crate::envoy::{Envoy, minor_version, validate};
use crate::servers::{BAD, PAGE, Server, application, icap_server};
use crate::{chart, envoy_gateway, istio, pages, root, yaml};

/// A proxy with a manifest in it, the application behind it and the ICAP server beside it.
struct Scene {
    envoy: Envoy,
    application: Server,
    icap_server: Server,
    _directory: TempDir,
}

impl Scene {
    fn start(listener: &str, add: impl FnOnce(&mut Parts)) -> Self {
        let (application, icap_server) = (application(), icap_server());
        let mut parts = Parts::new(listener, application.port);
        add(&mut parts);
        let whole = serde_json::json!([parts.listener, parts.clusters, parts.extensions]);
        check_agreement(&whole);
        assert_eq!(check_rules(&whole), 1);
        let directory = tempfile::tempdir().unwrap();
        let config = parts.write(directory.path(), icap_server.port);
        validate(&config).unwrap();
        Self {
            envoy: Envoy::start(&config),
            application,
            icap_server,
            _directory: directory,
        }
    }

    /// A clean upload passes, a bad one is blocked, over both versions of HTTP, and a large one fits the buffers.
    fn assert_scans(&self) {
        let listener = self.envoy.listener;
        // Envoy 1.37 and older do not wait for a cluster whose filter is a resource of its own.
        crate::eventually("the ICAP server to be healthy", || {
            (self.envoy.stat("cluster.icap_pool.membership_healthy") == 1).then_some(())
        });
        let clean = post(listener, "/upload", b"a clean upload");
        assert_eq!((clean.status, &clean.body[..]), (200, &b"14"[..]));
        assert_eq!(
            (self.icap_server.requests(), self.application.requests()),
            (1, 1)
        );

        let bad = post(listener, "/upload", BAD);
        assert_eq!((bad.status, &bad.body[..]), (403, PAGE));
        let mut long = vec![b'x'; 100_000];
        long.extend(BAD);
        assert_eq!(post(listener, "/upload", &long).status, 403);
        assert_eq!(post_http2(listener, "/upload", &long).status, 403);
        assert_eq!(
            (self.icap_server.requests(), self.application.requests()),
            (4, 1)
        );

        self.envoy.assert_vm_alive();
    }

    /// What is large fits the buffers.
    fn assert_takes_large_uploads(&self) {
        let listener = self.envoy.listener;
        let large = 40 << 20;
        for post in [post, post_http2] {
            let answer = post(listener, "/upload", &vec![b'x'; large]);
            assert_eq!(answer.status, 200);
            assert_eq!(answer.body, large.to_string().as_bytes());
        }
        self.envoy.assert_vm_alive();
    }
}

/// Puts a filter first that sends `/health` to `/upload` and has the route chosen anew.
fn rewrite_and_choose_anew(parts: &mut Parts) {
    let code = "function envoy_on_request(handle)\n\
                handle:headers():replace(':path', '/upload')\n\
                handle:clearRouteCache()\n\
                end";
    let lua = serde_json::json!({
        "name": "lua",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
            "default_source_code": {"inline_string": code},
        },
    });
    parts.http_filters().insert(0, lua);
}

/// The filter that the chart puts into Istio's proxies with an example's values.
fn envoy_filter(example: &str) -> Value {
    chart::resource(example, "EnvoyFilter", "icap-filter")
}

/// The choice by route.
fn routes() -> Value {
    chart::resource("istio-gateway-file", "EnvoyFilter", "icap-filter-routes")
}

fn istio_scene(example: &str) -> Scene {
    Scene::start("0.0.0.0_8080", |parts| {
        istio::apply(&envoy_filter(example), parts);
    })
}

/// The pieces that a reader copies into a configuration: a field of the listener, the filter, the cluster. The module is
/// where the manifests have it, and the server the one that they name; what only has to match stays as it is.
fn copied_from_the_page(parts: &mut Parts) {
    let page = pages::read(&root().join("docs/deployment.md"));
    let mut pieces = page.blocks.iter().filter(|b| b.language == "yaml");
    let mut piece = |field: &str| {
        let text = pieces.next().unwrap().text();
        let text = text.replace("/etc/envoy/icap_filter.wasm", MODULE);
        let text = text.replace(
            "address: icap.example.net,",
            &format!("address: {ICAP_HOST},"),
        );
        let fields = yaml::parse(&text).unwrap().remove(0);
        assert!(fields.get(field).is_some(), "no {field} in {text}");
        fields
    };
    let listener = piece("per_connection_buffer_limit_bytes");
    let listener = listener.as_object().unwrap().clone();
    parts.listener.as_object_mut().unwrap().extend(listener);
    let limit = piece("request_body_buffer_limit");
    let limit = limit.as_object().unwrap().clone();
    parts.virtual_host().as_object_mut().unwrap().extend(limit);
    let hcm = piece("http_filters");
    parts.merge_into_hcm(hcm.as_object().unwrap().clone());
    let clusters = piece("clusters");
    parts
        .clusters
        .extend(clusters["clusters"].as_array().unwrap().iter().cloned());
}

#[test]
fn an_envoy_of_ones_own_with_what_the_page_has_to_copy() {
    Scene::start("ingress", copied_from_the_page).assert_scans();
}

#[test]
fn every_rendering_for_istio_looks_up_the_route_before_it_scans() {
    for resource in chart::all_resources() {
        if resource["kind"] == "EnvoyFilter" && resource["metadata"]["name"] == "icap-filter" {
            let mut parts = Parts::new("0.0.0.0_8080", 1);
            istio::apply(&resource, &mut parts);
            check_route_lookup(&parts.listener);
            // Behind what other EnvoyFilters insert, which are applied before.
            assert_eq!(resource["spec"]["priority"], 100);
            let spec = resource["spec"].as_object().unwrap();
            let selects = ["targetRefs", "workloadSelector"].iter();
            assert_eq!(
                selects.filter(|field| spec.contains_key(**field)).count(),
                1
            );
        }
        // Where it has no place, the policy is for the whole Gateway.
        if resource["kind"] == "EnvoyExtensionPolicy" {
            assert_eq!(resource["spec"]["targetRefs"][0]["kind"], "Gateway");
        }
    }
}

#[test]
fn istio_gateway_with_a_file() {
    let scene = istio_scene("istio-gateway-file");
    scene.assert_scans();
    scene.assert_takes_large_uploads();
}

#[test]
fn istio_gateway_with_an_image() {
    istio_scene("istio-gateway").assert_scans();
}

#[test]
fn istio_gateway_of_the_gateway_api() {
    istio_scene("istio-gateway-api").assert_scans();
}

#[test]
fn istio_sidecar_with_a_file() {
    istio_scene("istio-sidecar-file").assert_scans();
}

#[test]
fn istio_sidecar_with_an_image() {
    istio_scene("istio-sidecar").assert_scans();
}

/// Where the agent cannot have the module, Istio sends a filter that denies everything in its place.
#[test]
fn a_module_that_istio_cannot_have_lets_nothing_pass() {
    let deny = "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC";
    let example = format!("{}/istio-gateway.yaml", chart::EXAMPLES);
    let mut cases = vec![("icap-filter", "false", 403)];
    if minor_version() >= 39 {
        cases.push(("icap-transport", "true", 503));
    }
    for (absent, may_deny, status) in cases {
        let set = format!("istio.transportMayDeny={may_deny}");
        let rendered = chart::template(&["-f", &example, "--set", &set]).unwrap();
        let documents = yaml::parse(&rendered).unwrap();
        let filter = documents
            .iter()
            .find(|d| d["kind"] == "EnvoyFilter")
            .unwrap();
        let (application, icap_server) = (application(), icap_server());
        let mut parts = Parts::new("0.0.0.0_8080", application.port);
        istio::apply(filter, &mut parts);
        for extension in &mut parts.extensions {
            if extension["name"] == absent {
                extension["typed_config"] = serde_json::json!({"@type": deny, "rules": {}});
            }
        }
        let directory = tempfile::tempdir().unwrap();
        let envoy = Envoy::start(&parts.write(directory.path(), icap_server.port));
        let answer = post(envoy.listener, "/upload", b"clean");
        assert_eq!(answer.status, status, "{absent}");
        assert_eq!(application.requests(), 0, "{absent}");
    }
}

/// The script with which an operator asks a running gateway, with curl and without.
#[test]
fn check_gateway_tells_whether_uploads_are_scanned() {
    let script = root().join(chart::CHART).join("files/check-gateway");
    let bare = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/bin/bash", bare.path().join("bash")).unwrap();
    let ask = |listener: std::net::SocketAddr, bare_path: bool| {
        let mut command = std::process::Command::new("/bin/bash");
        command
            .arg(&script)
            .arg(format!("http://{listener}/upload"));
        if bare_path {
            command.env("PATH", bare.path());
        }
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        (output.status.code(), said)
    };
    let scene = istio_scene("istio-gateway-file");
    crate::eventually("the ICAP server to be healthy", || {
        (scene.envoy.stat("cluster.icap_pool.membership_healthy") == 1).then_some(())
    });
    for bare_path in [false, true] {
        let (code, said) = ask(scene.envoy.listener, bare_path);
        assert_eq!(code, Some(0), "{said}");
        assert!(
            said.contains("uploads are scanned: a clean one gets 200"),
            "{said}"
        );
        // The application itself scans nothing.
        let application = ([127, 0, 0, 1], scene.application.port).into();
        let (code, said) = ask(application, bare_path);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("UPLOADS ARE NOT SCANNED"), "{said}");
        let (code, said) = ask(([127, 0, 0, 1], 1).into(), bare_path);
        assert_eq!(code, Some(2), "{said}");
    }
}

/// Servers of others are not here: Envoy says whether it would take the configuration.
#[test]
fn icap_servers_that_are_there_already() {
    let mut parts = Parts::new("0.0.0.0_8080", 1);
    istio::apply(&envoy_filter("other-icap-servers"), &mut parts);
    check_agreement(&serde_json::json!([
        parts.listener,
        parts.clusters,
        parts.extensions
    ]));
    let cluster = parts.clusters.last_mut().unwrap();
    assert_eq!(cluster["name"], "metadefender");
    let validation = &mut cluster["transport_socket"]["typed_config"]["common_tls_context"]["validation_context"];
    assert_eq!(
        validation["trusted_ca"]["filename"],
        "/etc/ssl/certs/ca-certificates.crt"
    );
    validation.as_object_mut().unwrap().remove("trusted_ca");
    validation["trust_chain_verification"] = "ACCEPT_UNTRUSTED".into();
    let names = validation
        .as_object_mut()
        .unwrap()
        .remove("match_typed_subject_alt_names");
    assert_eq!(names.unwrap()[0]["matcher"]["exact"], "icap.example.net");
    let directory = tempfile::tempdir().unwrap();
    validate(&parts.write(directory.path(), 1)).unwrap();
}

#[test]
fn istio_routes_choose() {
    let scene = Scene::start("0.0.0.0_8080", |parts| {
        istio::apply(&envoy_filter("istio-gateway-file"), parts);
        istio::apply(&routes(), parts);
    });
    assert_eq!(post(scene.envoy.listener, "/health", BAD).status, 200);
    assert_eq!(scene.icap_server.requests(), 0);
    assert_eq!(post(scene.envoy.listener, "/upload", BAD).status, 403);
    assert_eq!(scene.icap_server.requests(), 1);
    assert_eq!(scene.application.requests(), 1);
}

/// What looks like a route without a scan, and is sent elsewhere by an earlier filter, is scanned as the route is that it
/// takes.
#[test]
fn the_route_that_decides_is_the_one_that_the_request_takes() {
    for lookup in [true, false] {
        let scene = Scene::start("0.0.0.0_8080", |parts| {
            istio::apply(&envoy_filter("istio-gateway-file"), parts);
            istio::apply(&routes(), parts);
            rewrite_and_choose_anew(parts);
            if !lookup {
                let filters = parts.http_filters();
                filters.retain(|filter| filter["name"] != "icap-filter-route-lookup");
            }
        });
        let answer = post(scene.envoy.listener, "/health", BAD);
        // The second time shows what the filter is there for.
        assert_eq!(answer.status, if lookup { 403 } else { 200 });
    }
}

/// The profile's name must have become a label, and the total must have none.
fn assert_labelled(scene: &Scene, blocked: usize) {
    assert_eq!(post(scene.envoy.listener, "/upload", BAD).status, 403);
    let lines = crate::eventually("the metrics", || {
        let text = scene.envoy.prometheus();
        let lines: Vec<String> = text
            .lines()
            .filter(|line| line.starts_with("icap_filter") && line.contains("blocked"))
            .map(str::to_owned)
            .collect();
        (!lines.is_empty()).then_some(lines)
    });
    for expected in [
        format!("icap_filter_blocked{{}} {blocked}"),
        format!("icap_filter_blocked{{icap_profile=\"upload-av\"}} {blocked}"),
    ] {
        assert!(lines.contains(&expected), "{lines:?}");
    }
}

#[test]
fn istio_metrics_have_labels() {
    let scene = Scene::start("0.0.0.0_8080", |parts| {
        istio::apply(&envoy_filter("istio-gateway-file"), parts);
        let map = chart::resource("istio-gateway-file", "ConfigMap", "icap-filter-bootstrap");
        let text = map["data"]["custom_bootstrap.json"].as_str().unwrap();
        parts.bootstrap = serde_json::from_str(text).unwrap();
    });
    assert_labelled(&scene, 1);
}

fn envoy_gateway_scene(example: &str, listener: &str) -> Scene {
    Scene::start(listener, |parts| {
        // What Envoy Gateway sets.
        parts.listener["per_connection_buffer_limit_bytes"] = (32 << 10).into();
        parts.hcm()["http2_protocol_options"]["initial_stream_window_size"] = (64 << 10).into();
        envoy_gateway::apply(&chart::resources(example), parts);
    })
}

#[test]
fn envoy_gateway_with_listeners_by_name() {
    let scene = envoy_gateway_scene("envoy-gateway", "shop/shop/http");
    scene.assert_scans();
    scene.assert_takes_large_uploads();
    // Three of them were in what came before.
    assert_labelled(&scene, 4);
}

#[test]
fn envoy_gateway_with_https() {
    envoy_gateway_scene("envoy-gateway", "shop/shop/https").assert_scans();
}

#[test]
fn envoy_gateway_with_listeners_by_port() {
    envoy_gateway_scene("envoy-gateway-ports", "tcp-80").assert_scans();
}

/// Without the flag, that is without the EnvoyPatchPolicy, nothing passes.
#[test]
fn envoy_gateways_extension_policy_alone_fails_closed() {
    let (application, icap_server) = (application(), icap_server());
    let mut parts = Parts::new("shop/shop/http", application.port);
    let mut resources = chart::resources("envoy-gateway");
    for resource in &mut resources {
        if resource["kind"] == "EnvoyPatchPolicy" {
            let patches = resource["spec"]["jsonPatches"].as_array_mut().unwrap();
            patches.retain(|patch| patch["type"].as_str().unwrap().ends_with(".Cluster"));
        }
    }
    envoy_gateway::apply(&resources, &mut parts);
    let directory = tempfile::tempdir().unwrap();
    let envoy = Envoy::start(&parts.write(directory.path(), icap_server.port));
    assert_eq!(post(envoy.listener, "/upload", BAD).status, 503);
    assert_eq!(application.requests(), 0);
}

#[test]
fn a_dead_icap_server_ends_in_503() {
    let scene = Scene::start("0.0.0.0_8080", |parts| {
        istio::apply(&envoy_filter("istio-gateway-file"), parts);
        for cluster in &mut parts.clusters {
            if cluster["name"] == "icap_pool" {
                // Nobody listens on port 1.
                cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]
                    ["socket_address"] =
                    serde_json::json!({"address": "127.0.0.1", "port_value": 1});
            }
        }
    });
    assert_eq!(post(scene.envoy.listener, "/upload", b"clean").status, 503);
    assert_eq!(scene.application.requests(), 0);
    // What has nothing to scan goes on.
    assert_eq!(get(scene.envoy.listener, "/").unwrap().status, 200);
}
