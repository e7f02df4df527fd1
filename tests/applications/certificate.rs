//! A certificate for 127.0.0.1, for clients that speak TLS with Envoy.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Where its files are.
pub struct Certificate {
    /// The certificate, which clients trust.
    pub chain: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

impl Certificate {
    /// Makes one.
    pub fn new(directory: &Path) -> Self {
        let made = Self {
            chain: directory.join("gateway.pem"),
            key: directory.join("gateway.key"),
        };
        let output = Command::new("openssl")
            .args([
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
            ])
            .args(["-subj", "/CN=gateway"])
            .args(["-addext", "subjectAltName=IP:127.0.0.1", "-keyout"])
            .arg(&made.key)
            .arg("-out")
            .arg(&made.chain)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        made
    }
}
