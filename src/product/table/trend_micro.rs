//! Trend Micro's products.

#[cfg(not(target_arch = "wasm32"))]
use super::super::Words;
use super::super::{Multipart, Preview, Product, Report, ShownAs, Trouble};

/// Vision One dresses its errors as content. An error about the file has a negative code in brackets behind its text.
/// A client that puts such a code into a file's name gains nothing by that.
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

pub(super) const TREND_VISION_ONE_CONTAINER: Product = Product {
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
        notes: r#"- **The scanner sends its errors as content**: a 200 with an HTTP 500 is an error of the scanner. Where the page names an error code of the file,
  such as "Too many files in the zip. (-69)", the file is `unscannable`. HTTP 401 is a wrong key, HTTP 400 an unusable request; "Unable to
  determine filename" is `unscannable`.
- The scanner takes the file's name from `X-scan-file-name`, else from the URL's last segment: `/upload` has no file name, so send one.
- The scanner scans one file and opens no form.
- **The scanner has no REQMOD**: the filter shows an upload as the response to a GET of its URL (`scan_requests_as: respmod`). A request without body is not scanned."#,
        example: r#"- name: vision-one
  cluster: icap_pool
  service_url: icap://vision-one.example.net:1344/scan
  vendor: trend_vision_one_container
  icap_headers: {X-scan-file-name: "%FILE_NAME%"}
  response_service_url: /scan"#,
    },
};

pub(super) const TREND_VISION_ONE_APPLIANCE: Product = Product {
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
        notes: r#"- **The scanner sends its errors as content**: a 200 with an HTTP 500 is an error of the scanner. Where the page names an error code of the file,
  such as "Too many files in the zip. (-69)", the file is `unscannable`. HTTP 401 is a wrong key, HTTP 400 an unusable request; "Unable to
  determine filename" is `unscannable`.
- The scanner takes the file's name from `X-scan-file-name`, else from the URL's last segment: `/upload` has no file name, so send one.
- The scanner scans one file and opens no form.
- `trend_micro` is an older name of this row."#,
        example: r#"- name: vision-one
  cluster: icap_pool
  service_url: icap://vision-one.example.net:31344/avscan
  vendor: trend_vision_one_appliance
  icap_headers: {X-scan-file-name: "%FILE_NAME%"}"#,
    },
};

pub(super) const TREND_IWSVA: Product = Product {
    names: &["trend_iwsva", "iwsva", "trend_micro_iwsva"],
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
        title: "Trend Micro InterScan Web Security (IWSVA, TMWS)",
        methods: "REQMOD, RESPMOD",
        wants: "`X-Client-IP`",
        notes: r#"- The service path depends on the release: `/avscan` and `/interscan` are in other clients' settings.
- **IWSVA remembers an infected URL for hours** and blocks it without a scan: a second test upload to the same URL proves nothing.
- IWSVA sends the beginning of a large body back before its verdict only to an ICAP client that sends `X-TE: Trailers`. Do not send it."#,
        example: r#"- name: iwsva
  cluster: icap_pool
  service_url: icap://iwsva.example.net:1344/avscan
  vendor: trend_iwsva"#,
    },
};

pub(super) const TREND_DDAN: Product = Product {
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
        notes: r#"- Verdict headers must be switched on; without them a block is only a 403 page.
- **An unknown file passes at once**, and the sandbox looks at it later.
- Deep Discovery opens forms itself."#,
        example: r#"- name: deep-discovery
  cluster: icap_pool
  service_url: icap://ddan.example.net:1344/request
  vendor: trend_ddan"#,
    },
};
