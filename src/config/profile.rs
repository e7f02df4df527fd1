//! A profile: how requests are shown to one ICAP service, checked and with every default filled in.

use super::icap_header_matcher::IcapHeaderMatcher;
use super::reply_page::ReplyPage;
use super::secrets::Secrets;
use super::template::Template;
use crate::extract::Extractors;
use crate::policy::{ClientIpSource, Enforcement};
use crate::product::{ShownAs, Vendor};
use std::rc::Rc;

/// Where a service is: the parts of `service_url`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceUrl {
    /// Host and port as the ICAP `Host` header carries them.
    pub authority: String,
    /// Path and query, beginning with `/`.
    pub path: String,
    /// `icap` or `icaps`.
    pub scheme: &'static str,
}

impl ServiceUrl {
    /// The absolute URI for the request line (RFC 3507 section 4.2).
    pub fn uri(&self) -> String {
        [self.scheme, "://", &self.authority, &self.path].concat()
    }

    /// The URI without its query, which may hold a secret: for logs.
    pub fn without_query(&self) -> String {
        let path = self.path.split('?').next().unwrap_or_default();
        [self.scheme, "://", &self.authority, path].concat()
    }
}

/// Why a scan gave no verdict. Each cause may have its own [`FailAction`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cause {
    /// No connection, or the connection was lost.
    Connection,
    /// The server took longer than `response_timeout_ms`.
    Timeout,
    /// The server's answer could not be read.
    Protocol,
    /// The server answered with an error that is no verdict.
    ServerError,
    /// Too many requests are waiting.
    Overload,
    /// A fault on this side.
    Internal,
    /// The body is larger than the request buffer.
    Oversize,
    /// What the client sent can't be shown to a scanner. It never fails open.
    BadRequest,
    /// The server says that it can't look into this content, which is the client's choice: blocked, unless the profile says
    /// otherwise for this cause.
    Unscannable,
}

/// What happens to a request whose scan failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailAction {
    /// The client gets an error; nothing reaches the application.
    Closed,
    /// The request is forwarded unscanned.
    Open,
}

/// Which bodies larger than the buffer are scanned while they pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Streams {
    /// Those of requests.
    pub requests: bool,
    /// Those of responses.
    pub responses: bool,
}

/// For which messages the server's `Transfer-Ignore` counts (RFC 3507 section 4.10.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HonorTransferIgnore {
    /// For none: everything is scanned.
    Never,
    /// For responses: a client chooses the path of its request, and with it the extension.
    Responses,
    /// For requests and responses.
    Always,
}

/// What becomes of the trailer fields of a message (RFC 9110 section 6.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trailers {
    /// They go on, but for those that must not be trailers.
    Forward,
    /// They are taken out.
    Drop,
    /// They are shown to the server before they go on.
    Scan,
}

/// What becomes of a request for a range of a resource (RFC 9110 section 14.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RangeRequests {
    /// It goes on.
    Pass,
    /// It goes on as one for the whole.
    Strip,
}

/// How a form (`multipart/form-data`) is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShownForm {
    /// As one body.
    Whole,
    /// Each of its files on its own, the other parts as one form.
    Parts,
}

/// When a header about the client is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendWhen {
    /// Always.
    Always,
    /// Never.
    Never,
    /// When the server's OPTIONS answer names it in `X-Include`.
    Auto,
}

/// How the name of a user is written in an ICAP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserEncoding {
    /// In base64 (draft-stecher-icap-subid).
    Base64,
    /// As it is.
    Plain,
}

/// The answer of this side to a blocked request, where the server's is not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockResponse {
    /// Give the client the server's own response where there is one.
    pub use_server_response: bool,
    /// Leave that response its own status.
    pub keep_server_status: bool,
    /// The answer otherwise.
    pub page: ReplyPage,
}

/// The answer to a client whose message could not be scanned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailResponse {
    /// The answer.
    pub page: ReplyPage,
    /// `Retry-After` in seconds; 0: none.
    pub retry_after_s: u32,
}

/// Whether and how the server is asked for its OPTIONS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionsConfig {
    /// Ask at all.
    pub enabled: bool,
    /// How long an answer without `Options-TTL` holds, in seconds.
    pub default_ttl_s: u32,
}

/// Whether and how often the server is shown a test file that it has to block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelfTestConfig {
    /// Test at all.
    pub enabled: bool,
    /// The time between two tests, in minutes.
    pub interval_minutes: u32,
    /// A failed test makes every request of the profile fail.
    pub fail_profile: bool,
}

/// One entry of `profiles`.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// Unique name.
    pub name: Rc<str>,
    /// The Envoy cluster that is the pool group.
    pub cluster: Rc<str>,
    /// Another cluster for responses.
    pub response_cluster: Option<Rc<str>>,
    /// The service for requests (REQMOD).
    pub service: ServiceUrl,
    /// The service for responses (RESPMOD).
    pub response_service: Option<ServiceUrl>,
    /// How an upload is shown to it.
    pub scan_requests_as: ShownAs,
    /// The product behind the service.
    pub vendor: Vendor,
    /// Name of the pool in icap_log.
    pub pool_name: Rc<str>,
    /// UUID of the pool in icap_log.
    pub pool_uuid: Option<Rc<str>>,
    /// Largest request body that is scanned, in bytes.
    pub request_buffer_bytes: u64,
    /// Largest response body that is scanned or taken from the server, in bytes.
    pub response_buffer_bytes: u64,
    /// The largest preview in bytes; `None`: no preview.
    pub preview_bytes: Option<u32>,
    /// Whether the preview was asked for in so many words: then it is used also with a server whose OPTIONS names none.
    pub preview_insisted: bool,
    /// Offer 204 outside of the preview.
    pub allow_204: bool,
    /// How long the server may be waited for, in milliseconds.
    pub response_timeout_ms: u64,
    /// How long a held message may wait for the next part of its body, in milliseconds; 0: for ever.
    pub body_progress_timeout_ms: u64,
    /// How long others wait before a connection is taken from a message whose body comes slowly, in milliseconds; 0: for ever.
    pub upload_preempt_ms: u64,
    /// From where on a scan counts as slow, in milliseconds.
    pub slow_threshold_ms: u64,
    /// What to do on failure, by cause: see [`Profile::fail_action`].
    pub fail_actions: FailActions,
    /// Which bodies larger than the buffer are scanned while they pass.
    pub streams: Streams,
    /// Whether what comes of a scan is done, where the rule does not say.
    pub enforcement: Enforcement,
    /// Connections per worker.
    pub max_connections: u32,
    /// A connection rests after each answer.
    pub quarantine: bool,
    /// Requests per worker that may wait for a connection.
    pub max_pending: u32,
    /// How long a kept connection may idle, in milliseconds.
    pub idle_timeout_ms: u64,
    /// Requests on one connection before it is closed.
    pub max_requests_per_connection: u32,
    /// How old a connection may become, in milliseconds.
    pub max_connection_age_ms: u64,
    /// Which address is the client's, for rules and `X-Client-IP`.
    pub client_ip_source: ClientIpSource,
    /// When to send `X-Client-IP`.
    pub send_client_ip: SendWhen,
    /// When to send `X-Server-IP`.
    pub send_server_ip: SendWhen,
    /// Request header whose value becomes `X-Authenticated-User`, lower case.
    pub authenticated_user_header: Option<String>,
    /// Scheme in front of that value; empty: none.
    pub authenticated_user_scheme: String,
    /// How that value is written.
    pub authenticated_user_encoding: UserEncoding,
    /// The ICAP header that has it.
    pub authenticated_user_icap_header: String,
    /// Value of the `Authorization` header for the ICAP server, ready to send. Secret.
    pub authorization: Option<Secret>,
    /// What no log may show of this profile.
    pub secrets: Secrets,
    /// Further ICAP headers, their values made for each request.
    pub icap_headers: Vec<(String, Template)>,
    /// Further headers by which an answer says that it blocks.
    pub verdict_headers: Vec<IcapHeaderMatcher>,
    /// Headers that an answer needs to let anything pass.
    pub pass_requires: Vec<IcapHeaderMatcher>,
    /// The server is shown no body of which it is not told the length.
    pub require_content_length: bool,
    /// For which messages the server's `Transfer-Ignore` counts.
    pub honor_transfer_ignore: HonorTransferIgnore,
    /// Bodies are shown decoded.
    pub decode_content_encoding: bool,
    /// What becomes of trailers.
    pub trailers: Trailers,
    /// What becomes of a request for a range, where the response may be scanned.
    pub range_requests: RangeRequests,
    /// How a form is shown.
    pub multipart: ShownForm,
    /// How many parts of a form are shown at a time.
    pub multipart_parallel: usize,
    /// Which values within bodies are shown beside them.
    pub extract: Extractors,
    /// OPTIONS.
    pub options: OptionsConfig,
    /// The self-test.
    pub self_test: SelfTestConfig,
    /// The answer to a blocked request.
    pub block_response: BlockResponse,
    /// The answer to a request with a body larger than the buffer.
    pub too_large_response: ReplyPage,
    /// The answer where the scan failed.
    pub fail_response: FailResponse,
    /// The answer to a request that can't be shown to a scanner.
    pub bad_request_response: ReplyPage,
    /// How much more of an upload is read, and thrown away, before an answer that is due before its end; in bytes.
    pub early_reply_discard_bytes: u64,
    /// How long such an answer waits at most, in milliseconds.
    pub early_reply_delay_ms: u64,
}

/// The failure action of each cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailActions {
    /// For [`Cause::Connection`].
    pub connection: FailAction,
    /// For [`Cause::Timeout`].
    pub timeout: FailAction,
    /// For [`Cause::Protocol`].
    pub protocol: FailAction,
    /// For [`Cause::ServerError`].
    pub server_error: FailAction,
    /// For [`Cause::Overload`].
    pub overload: FailAction,
    /// For [`Cause::Internal`].
    pub internal: FailAction,
    /// For [`Cause::Oversize`] of a request.
    pub oversize: FailAction,
    /// For [`Cause::Oversize`] of a response.
    pub oversize_response: FailAction,
    /// For [`Cause::Unscannable`].
    pub unscannable: FailAction,
}

impl Profile {
    /// The cluster of the servers for requests, or for responses.
    pub fn cluster_for(&self, responses: bool) -> &Rc<str> {
        match &self.response_cluster {
            Some(cluster) if responses => cluster,
            _ => &self.cluster,
        }
    }

    /// What to do when the scan of a request, or of a response, fails for `cause`.
    pub fn fail_action_for(&self, cause: Cause, responses: bool) -> FailAction {
        match cause {
            Cause::Oversize if responses => self.fail_actions.oversize_response,
            _ => self.fail_action(cause),
        }
    }

    /// The largest body of a request, or of a response, that is held.
    pub fn buffer_bytes(&self, responses: bool) -> u64 {
        match responses {
            false => self.request_buffer_bytes,
            true => self.response_buffer_bytes,
        }
    }

    /// Whether the body of a request, or of a response, that is larger than the buffer is scanned while it passes.
    pub fn streams(&self, responses: bool) -> bool {
        match responses {
            false => self.streams.requests,
            true => self.streams.responses,
        }
    }

    /// What to do when the scan of a request fails for `cause`.
    pub fn fail_action(&self, cause: Cause) -> FailAction {
        match cause {
            Cause::Connection => self.fail_actions.connection,
            Cause::Timeout => self.fail_actions.timeout,
            Cause::Protocol => self.fail_actions.protocol,
            Cause::ServerError => self.fail_actions.server_error,
            Cause::Overload => self.fail_actions.overload,
            Cause::Internal => self.fail_actions.internal,
            Cause::Oversize => self.fail_actions.oversize,
            Cause::Unscannable => self.fail_actions.unscannable,
            // The client would decide what is scanned.
            Cause::BadRequest => FailAction::Closed,
        }
    }
}

/// Text that must never be printed: `Debug` shows `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the wire only.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}
