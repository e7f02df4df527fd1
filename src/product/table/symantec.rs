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
        notes: r#"- **201** is its answer for what it replaced or blocked, also with the body repaired: a page of refusal in its place is a block, even where
  `X-Infection-Found` says `Resolution=1`.
- Containers that it can't open are blocked by its own policy: `Type=2`, such as `Encrypted container violation`.
- 506 (too busy), 539 and 558 (no licence), 551 (resource unavailable) are trouble of its own.
- A virus in an upload is never repaired there: an upload is passed or blocked.
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
        notes: r#"It blocks malware with a page. **Policy and scan errors come as ICAP 500** with a code in `X-ICAP-Error` or `X-Error-Code`:

| code | what becomes of it |
|---|---|
| `file_type_blocked`, `file_extension_blocked`, any that is not in this table | blocked: `fail_open` does not let it pass |
| `password_protected`, `decode_error`, `scan_timeout`, `max_archive_layers_exceeded`, `max_total_files_exceeded`, `max_total_size_exceeded`, `max_file_size_exceeded` | `unscannable` |
| `antivirus_engine_error`, `antivirus_engine_failure`, `antivirus_load_failure`, `antivirus_license_expired`, `connection_failure`, `insufficient_space`, `internal_error`, `request_timeout`, `server_error`, `server_unavailable` | `server_error` |

A pass may carry such a code as a detail: a protected file that its policy serves."#,
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
        notes: r#"- **It blocks with HTTP 200** and a page, and no verdict header. That is a block here, and logged as one; but a script in a browser takes the 200
  for a success. `keep_server_status: false` gives its page the status of `block_response`; `use_server_response: false` gives your own page.
- **One detection server per direction**: mixed directions have brought its detector down. `response_cluster` sends responses elsewhere.
- ICAP 4xx and 5xx are trouble of its own."#,
        example: r#"- name: dlp
  cluster: icap_pool
  service_url: icap://dlp.example.net:1344/reqmod
  vendor: symantec_dlp
  block_response: {keep_server_status: false}"#,
    },
};
