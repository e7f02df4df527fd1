//! Products that scan files.

#[cfg(not(target_arch = "wasm32"))]
use super::super::Words;
use super::super::{Multipart, Preview, Product, ShownAs, Sign};

pub(super) const OPSWAT: Product = Product {
    names: &["opswat", "metadefender"],
    request_path: Some("/OMSScanReq-AV"),
    response_path: Some("/OMSScanResp-AV"),
    preview: Preview::Yes,
    multipart: Multipart::Whole,
    scan_requests_as: ShownAs::Request,
    verdict_headers: &[],
    blocking_statuses: &[],
    reports: &[],
    codes: &[],
    #[cfg(not(target_arch = "wasm32"))]
    words: Words {
        title: "OPSWAT MetaDefender ICAP",
        methods: "REQMOD, RESPMOD",
        wants: "`X-Client-IP`, which selects the workflow",
        notes: r#"- `X-Response-Info: Blocked`, `X-Blocked-Reason`, `X-Virus-ID`, `X-Violations-Found` go into `reason`, `threat_id` and `violations`.
- Without `allow_204` MetaDefender sends a 200 with the original. Only the comparison with the original shows that nothing changed.
- **MetaDefender blocks an "Encrypted Archive"** by its own policy, and icap_log shows a block.
- **MetaDefender blocks everything until a workflow exists**, and passes everything, with 204, while its core is down, if its settings say so.
  MetaDefender names the workflow in `X-ICAP-Profile` only after a scan: `pass_requires` makes a pass without that header a `server_error`."#,
        example: r#"- name: metadefender
  cluster: icap_pool
  service_url: icap://metadefender.example.net:1344/OMSScanReq-AV
  vendor: opswat
  response_service_url: icap://metadefender.example.net:1344/OMSScanResp-AV
  pass_requires: [{name: X-ICAP-Profile}]"#,
    },
};

pub(super) const C_ICAP: Product = Product {
    names: &["c_icap"],
    request_path: Some("/avscan"),
    response_path: Some("/avscan"),
    preview: Preview::Yes,
    multipart: Multipart::Parts,
    scan_requests_as: ShownAs::Request,
    verdict_headers: &[],
    blocking_statuses: &[],
    reports: &[],
    codes: &[],
    #[cfg(not(target_arch = "wasm32"))]
    words: Words {
        title: "c-icap: ClamAV (virus_scan) and squidclamav",
        methods: "REQMOD, RESPMOD",
        wants: "",
        notes: r#"[c-icap.conf](../deploy/helm/icap-filter/files/c-icap.conf) and [clamd.conf](../deploy/helm/icap-filter/files/clamd.conf) are tested.

- c-icap sends 204 for types that `ScanFileTypes` does not list. It sends 204 for everything if clamd did not respond when c-icap started:
  c-icap looks for clamd once, so start it [after clamd](../deploy/helm/icap-filter/files/after-clamd).
- With Debian's configuration c-icap sends the first part of a body back before the scan (`SendPercentData`), and breaks off when it finds a
  virus in the rest: the filter blocks, with the reason "the server ended the message early".
- `MaxObjectSize` is 5M.
- squidclamav (`/squidclamav`): `maxsize` is 5M; a larger body passes with 204. With `redirect` a block is a 307 that the client gets.
  Its verdict is in the ICAP headers and in the HTTP headers; the filter reads both."#,
        example: r#"- name: clamav
  cluster: icap_pool
  service_url: icap://c-icap.example.net:1344/avscan
  vendor: c_icap"#,
    },
};

pub(super) const SOPHOS: Product = Product {
    names: &["sophos"],
    request_path: None,
    response_path: None,
    preview: Preview::Yes,
    multipart: Multipart::Parts,
    scan_requests_as: ShownAs::Request,
    verdict_headers: &[("X-Blocked", Sign::Reason)],
    blocking_statuses: &[],
    reports: &[],
    codes: &[],
    #[cfg(not(target_arch = "wasm32"))]
    words: Words {
        title: "Sophos SAVDI",
        methods: "as its configuration says",
        wants: "",
        notes: r#"- The name of the service is in SAVDI's configuration (`SAVI` is usual).
- The page begins with the odd status line `HTTP/1.1 200 OK:  403 Forbidden`; the reason is in `X-Blocked` of that head."#,
        example: r#"- name: savdi
  cluster: icap_pool
  service_url: icap://savdi.example.net:4020/SAVI
  vendor: sophos"#,
    },
};

pub(super) const ESET: Product = Product {
    names: &["eset"],
    request_path: Some("/scan"),
    response_path: Some("/scan"),
    preview: Preview::Yes,
    multipart: Multipart::Parts,
    scan_requests_as: ShownAs::Request,
    verdict_headers: &[],
    blocking_statuses: &[],
    reports: &[],
    codes: &[],
    #[cfg(not(target_arch = "wasm32"))]
    words: Words {
        title: "ESET Server Security, Gateway Security",
        methods: "REQMOD, RESPMOD",
        wants: "",
        notes: r#"- ESET's page is an empty 403, and `X-Response-Description` is in the server's language: switch `use_server_response` off to give the client a page.
- Clean is a 200 with `null-body=0`."#,
        example: r#"- name: eset
  cluster: icap_pool
  service_url: icap://eset.example.net:1344/scan
  vendor: eset
  block_response: {use_server_response: false}"#,
    },
};

pub(super) const WITHSECURE: Product = Product {
    names: &["withsecure", "f_secure"],
    request_path: None,
    response_path: Some("/respmod"),
    preview: Preview::Yes,
    multipart: Multipart::Parts,
    scan_requests_as: ShownAs::Request,
    verdict_headers: &[
        ("X-FSecure-Scan-Result", Sign::Result),
        ("X-FSecure-Infection-Name", Sign::Threat),
    ],
    blocking_statuses: &[],
    reports: &[],
    codes: &[],
    #[cfg(not(target_arch = "wasm32"))]
    words: Words {
        title: "WithSecure Atlant, F-Secure Internet Gatekeeper",
        methods: "REQMOD, RESPMOD",
        wants: "",
        notes: r#"Every ICAP response has `X-FSecure-Scan-Result`: any value but `clean` blocks, also beside a 204. `X-FSecure-Infection-Name` names
the threat."#,
        example: r#"- name: withsecure
  cluster: icap_pool
  service_url: icap://withsecure.example.net:1344/reqmod
  vendor: withsecure"#,
    },
};

pub(super) const BITDEFENDER: Product = Product {
    names: &["bitdefender"],
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
        title: "Bitdefender Security for Storage",
        methods: "as its OPTIONS say",
        wants: "",
        notes: r#"A block is a 403 page, with `X-Virus-ID`."#,
        example: r#"- name: bitdefender
  cluster: icap_pool
  service_url: icap://bitdefender.example.net:1344/bdicap
  vendor: bitdefender"#,
    },
};
