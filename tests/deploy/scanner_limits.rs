//! What the scanners look at is no less than what the profiles hand over.

use std::fs::read_to_string;

use crate::{files_below, root, yaml};

/// The value that each file has for a setting.
fn settings(name: &str, files: &[&str]) -> Vec<u64> {
    let mut found = Vec::new();
    for file in files {
        let text = read_to_string(root().join(file)).unwrap();
        let mut lines = text.lines().filter_map(|line| line.strip_prefix(name));
        let value = lines.next().unwrap_or_else(|| panic!("{file}: no {name}"));
        assert!(lines.next().is_none(), "{file}: {name} twice");
        let value = value.trim();
        found.push(match value.strip_suffix('M') {
            Some(number) => number.parse::<u64>().unwrap() << 20,
            None => value.parse().unwrap(),
        });
    }
    found
}

#[test]
fn the_scanners_limits_fit_the_profiles() {
    let clamd = [
        "deploy/helm/icap-filter/files/clamd.conf",
        "docker/icap-server/clamd.conf",
        "scripts/start-clamd",
    ];
    let c_icap = [
        "deploy/helm/icap-filter/files/c-icap.conf",
        "docker/icap-server/c-icap.conf",
        "scripts/start-c-icap",
    ];
    let (mut largest, mut shortest) = (0, u64::MAX);
    let mut files = files_below("envoy");
    files.push(root().join("deploy/helm/icap-filter/values.yaml"));
    files.push(root().join("docker/envoy/envoy.yaml"));
    files.retain(|file| file.extension().is_some_and(|e| e == "yaml"));
    for file in files {
        for document in yaml::load(&file) {
            yaml::mappings(&document, &mut |fields| {
                if let Some(size) = fields.get("request_buffer_size_kb") {
                    largest = largest.max(size.as_u64().unwrap() * 1024);
                    shortest = shortest.min(fields["response_timeout_ms"].as_u64().unwrap());
                }
            });
        }
    }
    for name in ["StreamMaxLength", "MaxFileSize", "MaxScanSize"] {
        assert!(settings(name, &clamd).iter().all(|size| *size > largest));
    }
    let times = settings("MaxScanTime", &clamd);
    assert!(times.iter().all(|time| *time < shortest), "{times:?}");
    let sizes = settings("virus_scan.MaxObjectSize", &c_icap);
    assert!(sizes.iter().all(|size| *size > largest), "{sizes:?}");
    for file in clamd {
        let text = read_to_string(root().join(file)).unwrap();
        assert!(text.contains("\nAlertExceedsMax yes\n"), "{file}");
        assert!(text.contains("\nMaxRecursion "), "{file}");
    }
    for file in ["scripts/start-clamd", "docker/icap-server/Dockerfile"] {
        let text = read_to_string(root().join(file)).unwrap();
        assert!(text.contains("Eicar-Test-Signature:0:0:"), "{file}");
    }
}
