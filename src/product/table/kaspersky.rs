//! Kaspersky's products.

#[cfg(not(target_arch = "wasm32"))]
use super::super::Words;
use super::super::{Multipart, Preview, Product, ShownAs};

pub(super) const KASPERSKY_SCAN_ENGINE: Product = Product {
    names: &["kaspersky_scan_engine", "kaspersky"],
    request_path: Some("/req"),
    response_path: Some("/resp"),
    preview: Preview::Yes,
    multipart: Multipart::Parts,
    scan_requests_as: ShownAs::Request,
    verdict_headers: &[],
    blocking_statuses: &[],
    reports: &[],
    codes: &[],
    #[cfg(not(target_arch = "wasm32"))]
    words: Words {
        title: "Kaspersky Scan Engine",
        methods: "REQMOD on `/req`, RESPMOD on `/resp`",
        wants: "`X-Client-IP`, `X-Client-Username`",
        notes: r#"- **All verdict headers and `Allow204` are off by default**: switch on `SendInfectionFoundICAPHeader`, `SendViolationsFoundICAPHeader`, and set
  `VirusNameICAPHeader` to `X-Virus-ID`.
- **Kaspersky recommends to scan only the URL in REQMOD**, and the engine skips objects over 10 MB: then uploads pass unscanned. Change both.
- Rules for the classes `NON_SCANNED` and `FAILED` decide over content that the engine could not scan.
- The engine remembers an infected URL for half an hour.
- A body without `Content-Length` gets a 400: `require_content_length`.
- With the sample configuration the engine closes idle connections after 5 s: stay below.
- `kaspersky` is an older name of this row."#,
        example: r#"- name: kaspersky
  cluster: icap_pool
  service_url: icap://kaspersky.example.net:1344/req
  vendor: kaspersky_scan_engine
  require_content_length: true
  connection_idle_timeout_ms: 4000"#,
    },
};

pub(super) const KASPERSKY_WEB_TRAFFIC: Product = Product {
    names: &["kaspersky_web_traffic", "kaspersky_web_traffic_security"],
    request_path: None,
    response_path: Some("/av/respmod"),
    preview: Preview::Yes,
    multipart: Multipart::Parts,
    scan_requests_as: ShownAs::Request,
    verdict_headers: &[],
    blocking_statuses: &[],
    reports: &[],
    codes: &[],
    #[cfg(not(target_arch = "wasm32"))]
    words: Words {
        title: "Kaspersky Web Traffic Security",
        methods: "REQMOD, RESPMOD",
        wants: "`X-Client-IP`, `X-Client-Username`",
        notes: r#"- `X-Response-Info: blocked` is a block; `X-Virus-ID: no threats` beside it does not change that.
- Rules by user match only if the name arrives as the settings say: `X-Client-Username`, in base64 or not."#,
        example: r#"- name: web-traffic
  cluster: icap_pool
  service_url: icap://kwts.example.net:1344/av/reqmod
  vendor: kaspersky_web_traffic
  authenticated_user_header: x-user
  authenticated_user_icap_header: X-Client-Username
  authenticated_user_encoding: plain"#,
    },
};
