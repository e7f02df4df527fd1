//! Symantec's products, now Broadcom's.

#[cfg(not(target_arch = "wasm32"))]
use super::super::Words;
use super::super::{Multipart, Preview, Product, ShownAs, Trouble};

/// The codes with which Content Analysis explains an ICAP 500 (the values of `icap_error_code` of the Edge SWG).
const CONTENT_ANALYSIS_CODES: &[(&str, Trouble)] = &[
    ("decode_error", Trouble::Unscannable),
    ("max_archive_layers_exceeded", Trouble::Unscannable),
    ("max_file_size_exceeded", Trouble::Unscannable),
    ("max_total_files_exceeded", Trouble::Unscannable),
    ("max_total_size_exceeded", Trouble::Unscannable),
    ("password_protected", Trouble::Unscannable),
    ("scan_timeout", Trouble::Unscannable),
    ("antivirus_engine_error", Trouble::Own),
    ("antivirus_engine_failure", Trouble::Own),
    ("antivirus_license_expired", Trouble::Own),
    ("antivirus_load_failure", Trouble::Own),
    ("connection_failure", Trouble::Own),
    ("insufficient_space", Trouble::Own),
    ("internal_error", Trouble::Own),
    ("request_timeout", Trouble::Own),
    ("server_error", Trouble::Own),
    ("server_unavailable", Trouble::Own),
];

pub(super) const SYMANTEC_PROTECTION_ENGINE: Product = Product {
    names: &[
        "symantec_protection_engine",
        "symantec",
        "protection_engine",
    ],
    request_path: Some("/SYMCScanReq-AV"),
    response_path: Some("/SYMCScanResp-AV"),
    preview: Preview::Yes,
    multipart: Multipart::Parts,
    scan_requests_as: ShownAs::Request,
    verdict_headers: &[],
    blocking_statuses: &[201],
    reports: &[],
    codes: &[],
    #[cfg(not(target_arch = "wasm32"))]
    words: Words {
        title: "Symantec Protection Engine",
        methods: "REQMOD, RESPMOD",
        wants: "",
        notes: r#"- Protection Engine sends **201** for content that it replaced or blocked, also for a repaired body. A page of refusal is a block, even
  where `X-Infection-Found` says `Resolution=1`.
- Protection Engine blocks containers that it can't open, by its own policy: `Type=2`, such as `Encrypted container violation`.
- 506 (too busy), 539 and 558 (no licence), 551 (resource unavailable) are trouble of its own.
- Protection Engine never repairs an upload: it passes or blocks.
- `symantec` is an older name of this row."#,
        example: r#"- name: protection-engine
  cluster: icap_pool
  service_url: icap://symantec.example.net:1344/SYMCScanReq-AV
  vendor: symantec_protection_engine"#,
    },
};

pub(super) const SYMANTEC_CONTENT_ANALYSIS: Product = Product {
    names: &["symantec_content_analysis", "content_analysis"],
    request_path: None,
    response_path: None,
    preview: Preview::Yes,
    multipart: Multipart::Parts,
    scan_requests_as: ShownAs::Request,
    verdict_headers: &[],
    blocking_statuses: &[],
    reports: &[],
    codes: CONTENT_ANALYSIS_CODES,
    #[cfg(not(target_arch = "wasm32"))]
    words: Words {
        title: "Symantec Content Analysis, ProxyAV",
        methods: "REQMOD, RESPMOD",
        wants: "",
        notes: r#"Content Analysis blocks malware with a page. **Policy and scan errors come as ICAP 500** with a code in `X-ICAP-Error` or `X-Error-Code`:

| code | outcome |
|---|---|
| `file_type_blocked`, `file_extension_blocked`, any that is not in this table | blocked: `fail_open` does not let it pass |
| `password_protected`, `decode_error`, `scan_timeout`, `max_archive_layers_exceeded`, `max_total_files_exceeded`, `max_total_size_exceeded`, `max_file_size_exceeded` | `unscannable` |
| `antivirus_engine_error`, `antivirus_engine_failure`, `antivirus_load_failure`, `antivirus_license_expired`, `connection_failure`, `insufficient_space`, `internal_error`, `request_timeout`, `server_error`, `server_unavailable` | `server_error` |

A pass may carry such a code as a detail, such as a protected file that the server's policy allows."#,
        example: r#"- name: content-analysis
  cluster: icap_pool
  service_url: icap://content-analysis.example.net:1344/avscan
  vendor: symantec_content_analysis
  fail_action: fail_closed"#,
    },
};

pub(super) const SYMANTEC_DLP: Product = Product {
    names: &["symantec_dlp", "dlp"],
    request_path: Some("/reqmod"),
    response_path: Some("/respmod"),
    preview: Preview::Yes,
    multipart: Multipart::Parts,
    scan_requests_as: ShownAs::Request,
    verdict_headers: &[],
    blocking_statuses: &[],
    reports: &[],
    codes: &[],
    #[cfg(not(target_arch = "wasm32"))]
    words: Words {
        title: "Symantec DLP Network Prevent for Web",
        methods: "REQMOD, RESPMOD",
        wants: "`X-Client-IP`, `X-Authenticated-User`",
        notes: r#"- **DLP blocks with HTTP 200** and a page, without a verdict header. The filter blocks and logs a block, but a script in a browser takes the 200
  for a success. `keep_server_status: false` gives the page the status of `block_response`; `use_server_response: false` gives your own page.
- **One detection server per direction**: mixed directions have crashed the detector. `response_cluster` sends responses elsewhere.
- ICAP 4xx and 5xx are trouble of its own."#,
        example: r#"- name: dlp
  cluster: icap_pool
  service_url: icap://dlp.example.net:1344/reqmod
  vendor: symantec_dlp
  block_response: {keep_server_status: false}"#,
    },
};
