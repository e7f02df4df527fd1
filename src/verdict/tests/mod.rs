//! Verdicts on ICAP responses in the form in which real servers send them.

mod order;
mod products;
mod upload;
mod vendors;

use std::rc::Rc;

use crate::config::{
    BlockResponse, ClientIpSource, Enforcement, FailAction, FailActions, FailResponse,
    HonorTransferIgnore, OptionsConfig, Profile, RangeRequests, ReplyPage, Secrets, SelfTestConfig,
    SendWhen, ServiceUrl, ShownForm, Streams, Trailers, UserEncoding,
};
use crate::icap::{Headers, HttpHead, RequestHead, ResponseHead};
use crate::product::{ShownAs, Vendor};

use super::{BodyChange, IcapResponseView, Judgement, Rest, Scan, judge, judge_head};

fn page(status: u16) -> ReplyPage {
    ReplyPage {
        status,
        content_type: "text/plain".to_owned(),
        body: String::new(),
    }
}

pub(crate) fn profile(vendor: &str) -> Profile {
    let name: Rc<str> = Rc::from("av");
    Profile {
        name: Rc::clone(&name),
        cluster: Rc::clone(&name),
        response_cluster: None,
        service: ServiceUrl {
            authority: "icap.example.net:1344".to_owned(),
            path: "/avscan".to_owned(),
            scheme: "icap",
        },
        response_service: None,
        scan_requests_as: ShownAs::Request,
        vendor: Vendor::named(vendor).unwrap(),
        pool_name: name,
        pool_uuid: None,
        request_buffer_bytes: 1024,
        response_buffer_bytes: 1024,
        preview_bytes: None,
        preview_insisted: false,
        allow_204: true,
        response_timeout_ms: 1000,
        body_progress_timeout_ms: 1000,
        upload_preempt_ms: 0,
        quarantine: false,
        slow_threshold_ms: 100,
        fail_actions: FailActions {
            connection: FailAction::Closed,
            timeout: FailAction::Closed,
            protocol: FailAction::Closed,
            server_error: FailAction::Closed,
            overload: FailAction::Closed,
            internal: FailAction::Closed,
            oversize: FailAction::Closed,
            oversize_response: FailAction::Closed,
            unscannable: FailAction::Closed,
        },
        streams: Streams::default(),
        enforcement: Enforcement::Enforce,
        max_connections: 1,
        max_pending: 1,
        idle_timeout_ms: 1000,
        max_requests_per_connection: 1,
        max_connection_age_ms: 1000,
        client_ip_source: ClientIpSource::Downstream,
        send_client_ip: SendWhen::Never,
        send_server_ip: SendWhen::Never,
        authenticated_user_header: None,
        authenticated_user_scheme: "Local".to_owned(),
        authenticated_user_encoding: UserEncoding::Base64,
        authenticated_user_icap_header: "X-Authenticated-User".to_owned(),
        authorization: None,
        secrets: Secrets::default(),
        icap_headers: Vec::new(),
        verdict_headers: Vec::new(),
        pass_requires: Vec::new(),
        require_content_length: false,
        honor_transfer_ignore: HonorTransferIgnore::Responses,
        decode_content_encoding: false,
        trailers: Trailers::Forward,
        range_requests: RangeRequests::Pass,
        multipart: ShownForm::Parts,
        multipart_parallel: 4,
        extract: crate::extract::Extractors::default(),
        options: OptionsConfig {
            enabled: false,
            default_ttl_s: 60,
        },
        self_test: SelfTestConfig {
            enabled: false,
            interval_minutes: 60,
            fail_profile: false,
        },
        block_response: BlockResponse {
            use_server_response: true,
            keep_server_status: true,
            page: page(403),
        },
        too_large_response: page(413),
        fail_response: FailResponse {
            page: page(503),
            retry_after_s: 0,
        },
        bad_request_response: page(400),
        early_reply_discard_bytes: 0,
        early_reply_delay_ms: 0,
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
