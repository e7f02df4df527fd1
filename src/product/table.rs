//! The rows. What stands in them is from the vendors' documentation and from recorded answers; what no one has shown is left out.

#[cfg(not(target_arch = "wasm32"))]
use super::Words;
use super::{Multipart, Preview, Product, Report, ShownAs, Sign, Trouble};

/// Content Analysis says by a code what its ICAP 500 is about (the values of `icap_error_code` of the Edge SWG).
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

/// Vision One dresses its errors as content. An error of the file has a negative code in brackets behind its text; a client that
/// writes such a code into a file's name gains nothing by it.
const VISION_ONE_REPORTS: &[Report] = &[
    Report {
        status: 400,
        text: "Unable to determine filename",
        trouble: Trouble::Unscannable,
        what: "the server can't determine the file's name",
    },
    Report {
        status: 400,
        text: "",
        trouble: Trouble::Own,
        what: "bad request",
    },
    Report {
        status: 401,
        text: "",
        trouble: Trouble::Own,
        what: "authentication failed",
    },
    Report {
        status: 500,
        text: "(-",
        trouble: Trouble::Unscannable,
        what: "the server can't scan this file",
    },
    Report {
        status: 500,
        text: "",
        trouble: Trouble::Own,
        what: "scan error",
    },
];

/// Every product, the one without assumptions first.
pub static PRODUCTS: &[Product] = &[
    Product {
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
            notes: r#"No assumption about the product. Every verdict header of this page is read all the same, and so is every error code: `vendor` adds
what can't be told without knowing the product. A header of your own: `verdict_headers`, by presence or by value."#,
            example: r#"- name: scanner
  cluster: icap_pool
  service_url: icap://icap.example.net:1344/avscan
  verdict_headers:
  - X-My-Verdict
  - {name: X-Scan-Score, regex: "[89][0-9]|100"}"#,
        },
    },
    Product {
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
            notes: r#"- `X-Response-Info: Blocked`, `X-Blocked-Reason`, `X-Virus-ID`, `X-Violations-Found` end up in `reason`, `threat_id` and `violations`.
- Without 204 it answers 200 with the original, which only the comparison tells from a change.
- **An "Encrypted Archive" is a block** by its own policy, and is logged as one.
- **It blocks everything until a workflow exists**, and it passes everything, with 204, while its core is down and its settings allow traffic
  then. It names the workflow in `X-ICAP-Profile` only where it has scanned: `pass_requires` makes a pass without it a `server_error`."#,
            example: r#"- name: metadefender
  cluster: icap_pool
  service_url: icap://metadefender.example.net:1344/OMSScanReq-AV
  vendor: opswat
  response_service_url: icap://metadefender.example.net:1344/OMSScanResp-AV
  pass_requires: [{name: X-ICAP-Profile}]"#,
        },
    },
    Product {
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
            notes: r#"[deploy/icap-server/c-icap.conf](../deploy/icap-server/c-icap.conf) and [clamd.conf](../deploy/icap-server/clamd.conf) are tested.

- Types that `ScanFileTypes` does not list are answered with 204; so is everything where clamd did not answer when c-icap started, for it
  looks once, so start it [after clamd](../deploy/icap-server/after-clamd).
- Debian's configuration gives the first part of a body back before it is scanned (`SendPercentData`), and ends the answer when it finds a
  virus in the rest: that is a block with the reason "the server ended the message early".
- `MaxObjectSize` is 5M.
- squidclamav (`/squidclamav`): `maxsize` is 5M, and what is larger passes with 204. With `redirect` a block is a 307 that the client gets.
  Its verdict is in the ICAP and in the HTTP headers; both are read."#,
            example: r#"- name: clamav
  cluster: icap_pool
  service_url: icap://c-icap.example.net:1344/avscan
  vendor: c_icap"#,
        },
    },
    Product {
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
    },
    Product {
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
    },
    Product {
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
    },
    Product {
        names: &[
            "trend_vision_one_container",
            "vision_one_container",
            "trend_micro_vision_one_container",
        ],
        request_path: None,
        response_path: Some("/scan"),
        preview: Preview::Yes,
        multipart: Multipart::Parts,
        scan_requests_as: ShownAs::Response,
        verdict_headers: &[],
        blocking_statuses: &[],
        reports: VISION_ONE_REPORTS,
        codes: &[],
        #[cfg(not(target_arch = "wasm32"))]
        words: Words {
            title: "Trend Vision One File Security, container scanner",
            methods: "RESPMOD only: REQMOD gets 405",
            wants: "`X-scan-file-name`",
            notes: r#"- **Its errors are dressed as content**: a 200 with an HTTP 500 is an error of the scanner, and where its page names an error code of the file, such
  as "Too many files in the zip. (-69)", the file is `unscannable`. HTTP 401 is a wrong key, HTTP 400 a request that it can't use; "Unable to
  determine filename" is `unscannable`.
- It takes the name of the file from `X-scan-file-name`, else from the URL's last segment: `/upload` has no file name, so send one.
- It looks at one file, and into no form.
- **It has no REQMOD**: uploads can be scanned only where they are shown to it as responses."#,
            example: r#"- name: vision-one
  cluster: icap_pool
  service_url: icap://vision-one.example.net:1344/scan
  vendor: trend_vision_one_container
  icap_headers: {X-scan-file-name: "%FILE_NAME%"}
  response_service_url: /scan"#,
        },
    },
    Product {
        names: &[
            "trend_vision_one_appliance",
            "trend_micro",
            "vision_one_appliance",
            "trend_micro_vision_one_appliance",
        ],
        request_path: Some("/avscan"),
        response_path: Some("/avscan"),
        preview: Preview::Yes,
        multipart: Multipart::Parts,
        scan_requests_as: ShownAs::Request,
        verdict_headers: &[],
        blocking_statuses: &[],
        reports: VISION_ONE_REPORTS,
        codes: &[],
        #[cfg(not(target_arch = "wasm32"))]
        words: Words {
            title: "Trend Vision One File Security, virtual appliance",
            methods: "REQMOD, RESPMOD; on port 31344",
            wants: "`X-scan-file-name`",
            notes: r#"- **Its errors are dressed as content**: a 200 with an HTTP 500 is an error of the scanner, and where its page names an error code of the file, such
  as "Too many files in the zip. (-69)", the file is `unscannable`. HTTP 401 is a wrong key, HTTP 400 a request that it can't use; "Unable to
  determine filename" is `unscannable`.
- It takes the name of the file from `X-scan-file-name`, else from the URL's last segment: `/upload` has no file name, so send one.
- It looks at one file, and into no form.
- `trend_micro` is an older name of this row."#,
            example: r#"- name: vision-one
  cluster: icap_pool
  service_url: icap://vision-one.example.net:31344/avscan
  vendor: trend_vision_one_appliance
  icap_headers: {X-scan-file-name: "%FILE_NAME%"}"#,
        },
    },
    Product {
        names: &["trend_iwsva", "iwsva", "trend_micro_iwsva"],
        request_path: Some("/REQ-Service"),
        response_path: Some("/RESP-Service"),
        preview: Preview::Yes,
        multipart: Multipart::Parts,
        scan_requests_as: ShownAs::Request,
        verdict_headers: &[],
        blocking_statuses: &[],
        reports: &[],
        codes: &[],
        #[cfg(not(target_arch = "wasm32"))]
        words: Words {
            title: "Trend Micro InterScan Web Security (IWSVA, TMWS)",
            methods: "REQMOD, RESPMOD",
            wants: "`X-Client-IP`",
            notes: r#"- Its service paths differ with the release: `avscan`, `interscan`, `REQ-Service` are seen. OPTIONS answers 404 for the wrong one.
- **It remembers an infected URL for hours** and then blocks it unscanned: a second test upload to the same URL proves nothing.
- It gives out the beginning of a large body before its verdict only to a client that sends `X-TE: Trailers`. Do not send it."#,
            example: r#"- name: iwsva
  cluster: icap_pool
  service_url: icap://iwsva.example.net:1344/REQ-Service
  vendor: trend_iwsva"#,
        },
    },
    Product {
        names: &["trend_ddan", "ddan", "trend_micro_ddan"],
        request_path: Some("/request"),
        response_path: Some("/response"),
        preview: Preview::Yes,
        multipart: Multipart::Whole,
        scan_requests_as: ShownAs::Request,
        verdict_headers: &[],
        blocking_statuses: &[],
        reports: &[],
        codes: &[],
        #[cfg(not(target_arch = "wasm32"))]
        words: Words {
            title: "Trend Micro Deep Discovery Analyzer",
            methods: "REQMOD, RESPMOD; on port 1344, with TLS on 11344",
            wants: "",
            notes: r#"- Its verdict headers have to be switched on; without them a block is a 403 page alone.
- **A file that it does not know passes at once**, and is looked at in the sandbox later.
- It opens a form itself."#,
            example: r#"- name: deep-discovery
  cluster: icap_pool
  service_url: icap://ddan.example.net:1344/request
  vendor: trend_ddan"#,
        },
    },
    Product {
        names: &["skyhigh", "mcafee", "trellix"],
        request_path: Some("/reqmod"),
        response_path: Some("/respmod"),
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
            notes: r#"- A block is an encapsulated `403 VirusFound`; headers come only where rules add them: `X-Virus-Name`, `X-Block-Reason`, `X-WWBlockResult` and
  `X-Block-Result` (0 is none) are read beside the usual ones, also from the page's head.
- It keeps the connection open after 204, which the filter expects.
- Trellix NX and IVX are another product: they do not analyse uploads in REQMOD, and pass them.
- `mcafee` is an older name of this row."#,
            example: r#"- name: skyhigh
  cluster: icap_pool
  service_url: icap://webgateway.example.net:1344/reqmod
  vendor: skyhigh"#,
        },
    },
    Product {
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
            notes: r#"- **Every verdict header, and `Allow204`, are off in its defaults**: switch on `SendInfectionFoundICAPHeader`, `SendViolationsFoundICAPHeader`, and set
  `VirusNameICAPHeader` to `X-Virus-ID`.
- **The scope of REQMOD that it recommends is the URL only**, and objects over 10 MB are skipped: then uploads pass unscanned. Change both.
- What it does with what it could not scan is a rule of its own, by class: `NON_SCANNED`, `FAILED`.
- It remembers an infected URL for half an hour.
- A body without `Content-Length` gets a 400: `require_content_length`.
- It closes idle connections after 5 s in its sample configuration: stay below.
- `kaspersky` is an older name of this row."#,
            example: r#"- name: kaspersky
  cluster: icap_pool
  service_url: icap://kaspersky.example.net:1344/req
  vendor: kaspersky_scan_engine
  require_content_length: true
  connection_idle_timeout_ms: 4000"#,
        },
    },
    Product {
        names: &["kaspersky_web_traffic", "kaspersky_web_traffic_security"],
        request_path: Some("/av/reqmod"),
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
            notes: r#"- `X-Response-Info: blocked` is a block; `X-Virus-ID: no threats` beside it is none.
- Its rules by user match only where the name comes as its settings say: `X-Client-Username`, in base64 or not."#,
            example: r#"- name: web-traffic
  cluster: icap_pool
  service_url: icap://kwts.example.net:1344/av/reqmod
  vendor: kaspersky_web_traffic
  authenticated_user_header: x-user
  authenticated_user_icap_header: X-Client-Username
  authenticated_user_encoding: plain"#,
        },
    },
    Product {
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
            notes: r#"- The service's name is in its configuration (`SAVI` is usual).
- Its page begins with the odd status line `HTTP/1.1 200 OK:  403 Forbidden`; the reason is in `X-Blocked` of that head."#,
            example: r#"- name: savdi
  cluster: icap_pool
  service_url: icap://savdi.example.net:4020/SAVI
  vendor: sophos"#,
        },
    },
    Product {
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
            notes: r#"- Its page is an empty 403, and `X-Response-Description` is in the language of the server: switch `use_server_response` off to give the client a page.
- Clean is a 200 with `null-body=0`."#,
            example: r#"- name: eset
  cluster: icap_pool
  service_url: icap://eset.example.net:1344/scan
  vendor: eset
  block_response: {use_server_response: false}"#,
        },
    },
    Product {
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
            notes: r#"- **It answers a preview with 204 and scans nothing.** With this row it gets none, whatever its OPTIONS and the profile say.
- Its documentation also wants connections that are not kept, and REQMOD bodies as multipart/form-data or application/octet-stream; a body
  needs its `Content-Length`.
- A file that it does not know passes."#,
            example: r#"- name: fortisandbox
  cluster: icap_pool
  service_url: icap://fortisandbox.example.net:1344/reqmod
  vendor: fortinet
  max_requests_per_connection: 1
  require_content_length: true"#,
        },
    },
    Product {
        names: &["withsecure", "f_secure"],
        request_path: Some("/reqmod"),
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
            notes: r#"`X-FSecure-Scan-Result` is in every answer: `clean` is none, any other value blocks, also beside a 204. The name is in
`X-FSecure-Infection-Name`."#,
            example: r#"- name: withsecure
  cluster: icap_pool
  service_url: icap://withsecure.example.net:1344/reqmod
  vendor: withsecure"#,
        },
    },
    Product {
        names: &["check_point"],
        request_path: Some("/sandblast"),
        response_path: Some("/sandblast"),
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
            methods: "REQMOD, RESPMOD",
            wants: "",
            notes: r#"- Its ICAP server is c-icap with a module of its own; a block is a page.
- **It runs without inspection where no blade is switched on**: use `self_test`.
- Like c-icap it may give out the beginning of a body before the verdict."#,
            example: r#"- name: check-point
  cluster: icap_pool
  service_url: icap://check-point.example.net:1344/sandblast
  vendor: check_point
  self_test: {enabled: true}"#,
        },
    },
    Product {
        names: &["bitdefender"],
        request_path: None,
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
            title: "Bitdefender GravityZone Security for Storage",
            methods: "RESPMOD; REQMOD is not shown in its documentation",
            wants: "",
            notes: r#"A block is a 403 page."#,
            example: r#"- name: bitdefender
  cluster: icap_pool
  service_url: icap://bitdefender.example.net:1344/reqmod
  vendor: bitdefender"#,
        },
    },
    Product {
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
            notes: r#"It decides by URL, addresses and user, and looks at no body: let a second profile scan uploads. A block is a page."#,
            example: r#"- name: forcepoint
  cluster: icap_pool
  service_url: icap://forcepoint.example.net:1344/icap
  vendor: forcepoint
  send_server_ip: true
  authenticated_user_header: x-user"#,
        },
    },
];
