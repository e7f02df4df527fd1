//! Gateways and sandboxes that serve as scanners, and the row for any other server.

#[cfg(not(target_arch = "wasm32"))]
use super::super::Words;
use super::super::{Multipart, Preview, Product, ShownAs, Sign};

pub(super) const GENERIC: Product = Product {
    names: &["generic"],
    request_path: None,
    response_path: None,
    preview: Preview::Yes,
    multipart: Multipart::Parts,
    scan_requests_as: ShownAs::Request,
    verdict_headers: &[],
    blocking_statuses: &[],
    reports: &[],
    codes: &[],
    #[cfg(not(target_arch = "wasm32"))]
    words: Words {
        title: "Any other server",
        methods: "as its OPTIONS say",
        wants: "",
        notes: r#"No assumption about the product. The filter reads every verdict header and every error code of this page all the same; `vendor` adds
rules that need the product's name. `verdict_headers` adds your own headers, by presence or by value."#,
        example: r#"- name: scanner
  cluster: icap_pool
  service_url: icap://icap.example.net:1344/avscan
  verdict_headers:
  - X-My-Verdict
  - {name: X-Scan-Score, regex: "[89][0-9]|100"}"#,
    },
};

pub(super) const SKYHIGH: Product = Product {
    names: &["skyhigh", "mcafee", "trellix"],
    request_path: Some("/wwreqmod"),
    response_path: Some("/wwrespmod"),
    preview: Preview::Yes,
    multipart: Multipart::Parts,
    scan_requests_as: ShownAs::Request,
    verdict_headers: &[
        ("X-Virus-Name", Sign::Threat),
        ("X-Block-Reason", Sign::Reason),
        ("X-Block-Result", Sign::Result),
        ("X-WWBlockResult", Sign::Result),
    ],
    blocking_statuses: &[],
    reports: &[],
    codes: &[],
    #[cfg(not(target_arch = "wasm32"))]
    words: Words {
        title: "Skyhigh (Trellix, McAfee) Web Gateway",
        methods: "REQMOD, RESPMOD",
        wants: "`X-Client-IP`",
        notes: r#"- A block is an encapsulated `403 VirusFound`; headers come only where rules add them. The filter reads `X-Virus-Name`, `X-Block-Reason`,
  `X-WWBlockResult` and `X-Block-Result` (0: nothing found) beside the usual ones, also in the page's head.
- The gateway keeps the connection open after 204, as the filter expects.
- Trellix NX and IVX are another product: they do not analyse uploads in REQMOD, and pass them.
- `mcafee` is an older name of this row."#,
        example: r#"- name: skyhigh
  cluster: icap_pool
  service_url: icap://webgateway.example.net:1344/wwreqmod
  vendor: skyhigh"#,
    },
};

pub(super) const FORTINET: Product = Product {
    names: &["fortinet", "fortisandbox"],
    request_path: Some("/reqmod"),
    response_path: Some("/respmod"),
    preview: Preview::Never,
    multipart: Multipart::Parts,
    scan_requests_as: ShownAs::Request,
    verdict_headers: &[],
    blocking_statuses: &[],
    reports: &[],
    codes: &[],
    #[cfg(not(target_arch = "wasm32"))]
    words: Words {
        title: "FortiSandbox",
        methods: "REQMOD, RESPMOD",
        wants: "`X-Client-IP`, `X-Authenticated-User`",
        notes: r#"- **FortiSandbox responds to a preview with 204 and scans nothing.** With this row it gets no preview, whatever its OPTIONS and the profile say.
- Its documentation also wants a new connection for each request, and REQMOD bodies as multipart/form-data or application/octet-stream, with
  `Content-Length`.
- An unknown file passes."#,
        example: r#"- name: fortisandbox
  cluster: icap_pool
  service_url: icap://fortisandbox.example.net:1344/reqmod
  vendor: fortinet
  max_requests_per_connection: 1
  require_content_length: true"#,
    },
};

pub(super) const CHECK_POINT: Product = Product {
    names: &["check_point"],
    request_path: None,
    response_path: None,
    preview: Preview::Yes,
    multipart: Multipart::Parts,
    scan_requests_as: ShownAs::Request,
    verdict_headers: &[],
    blocking_statuses: &[],
    reports: &[],
    codes: &[],
    #[cfg(not(target_arch = "wasm32"))]
    words: Words {
        title: "Check Point Threat Emulation",
        methods: "as its OPTIONS say",
        wants: "",
        notes: r#"- The ICAP server is c-icap with Check Point's own module; a block is a page.
- **The gateway inspects nothing where no blade is switched on**: use `self_test`.
- Like c-icap, the gateway may send the beginning of a body back before the verdict."#,
        example: r#"- name: check-point
  cluster: icap_pool
  service_url: icap://check-point.example.net:1344/sandblast
  vendor: check_point
  self_test: {enabled: true}"#,
    },
};

pub(super) const FORCEPOINT: Product = Product {
    names: &["forcepoint"],
    request_path: Some("/icap"),
    response_path: None,
    preview: Preview::Yes,
    multipart: Multipart::Parts,
    scan_requests_as: ShownAs::Request,
    verdict_headers: &[],
    blocking_statuses: &[],
    reports: &[],
    codes: &[],
    #[cfg(not(target_arch = "wasm32"))]
    words: Words {
        title: "Forcepoint Web Security, URL filtering",
        methods: "REQMOD",
        wants: "`X-Client-IP`, `X-Server-IP`, `X-Authenticated-User`",
        notes: r#"Forcepoint decides by URL, addresses and user, and looks at no body: let a second profile scan uploads. A block is a page."#,
        example: r#"- name: forcepoint
  cluster: icap_pool
  service_url: icap://forcepoint.example.net:1344/icap
  vendor: forcepoint
  send_server_ip: true
  authenticated_user_header: x-user"#,
    },
};
