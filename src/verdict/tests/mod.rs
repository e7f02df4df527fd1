//! Verdicts on ICAP responses in the form in which real servers send them.

mod order;
mod products;
mod upload;
mod vendors;

use crate::config::{PluginConfig, Profile, parse};
use crate::icap::{Headers, HttpHead, RequestHead, ResponseHead};

use super::{BodyChange, IcapResponseView, Judgement, Rest, Scan, judge, judge_head};

/// A profile for that product, whose failures are closed.
pub(crate) fn profile(vendor: &str) -> Profile {
    profile_with(vendor, serde_json::json!({}))
}

/// The same, with other values for some attributes.
fn profile_with(vendor: &str, attributes: serde_json::Value) -> Profile {
    let mut profile = serde_json::json!({
        "name": "av",
        "cluster": "av",
        "service_url": "icap://icap.example.net:1344/avscan",
        "vendor": vendor,
        "scan_requests_as": "reqmod",
        "request_buffer_size_kb": 1,
        "response_buffer_size_kb": 1,
        "enable_preview": false,
        "multipart": "parts",
        "options": {"enabled": false},
        "fail_response": {"retry_after_s": 0},
    });
    let fields = profile.as_object_mut().unwrap();
    fields.extend(attributes.as_object().unwrap().clone());
    let config = serde_json::json!({"profiles": [profile]}).to_string();
    match parse(config.as_bytes()) {
        Ok(PluginConfig::Filter(config)) => Profile::clone(&config.profiles[0]),
        other => panic!("{other:?}"),
    }
}

/// An ICAP response as test data; by default a 204 to REQMOD without headers.
#[derive(Clone)]
struct Response {
    scan: Scan,
    status: u16,
    headers: Headers,
    http: Option<HttpHead>,
    original: Option<ResponseHead>,
    head_changed: bool,
    body: BodyChange,
}

fn reqmod(status: u16) -> Response {
    Response {
        scan: Scan::Request,
        status,
        headers: Headers::new(),
        http: None,
        original: None,
        head_changed: false,
        body: BodyChange::None,
    }
}

/// An ICAP response to RESPMOD, for a scanned 200 without headers.
fn respmod(status: u16) -> Response {
    Response {
        scan: Scan::Response,
        original: Some(ResponseHead {
            status: 200,
            headers: Headers::new(),
        }),
        ..reqmod(status)
    }
}

impl Response {
    fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push(name, value);
        self
    }

    /// Adds an encapsulated response with `body`.
    fn response(mut self, status: u16, headers: &[(&str, &str)], body: BodyChange) -> Self {
        self.head_changed = self.original.as_ref().is_none_or(|o| o.status != status);
        self.http = Some(HttpHead::Response(ResponseHead {
            status,
            headers: headers.iter().copied().collect(),
        }));
        self.body = body;
        self
    }

    /// The response that was scanned.
    fn original(mut self, status: u16, headers: &[(&str, &str)]) -> Self {
        self.original = Some(ResponseHead {
            status,
            headers: headers.iter().copied().collect(),
        });
        self
    }

    /// Adds an echo of the request, with `body`.
    fn request(mut self, headers: &[(&str, &str)], body: BodyChange) -> Self {
        self.http = Some(HttpHead::Request(RequestHead {
            method: "POST".to_owned(),
            target: b"/upload".to_vec(),
            headers: headers.iter().copied().collect(),
        }));
        self.body = body;
        self
    }

    fn view(&self) -> IcapResponseView<'_> {
        IcapResponseView {
            scan: self.scan,
            status: self.status,
            headers: &self.headers,
            http: self.http.as_ref(),
            original_response: self.original.as_ref(),
            head_changed: self.head_changed,
            body: self.body,
            page: b"",
        }
    }

    fn judge_for(&self, profile: &Profile) -> Judgement {
        judge(&self.view(), profile)
    }

    fn judge_rest(&self, profile: &Profile) -> Rest {
        judge_head(&self.view(), profile)
    }

    fn judge(&self) -> Judgement {
        self.judge_for(&profile("generic"))
    }
}
