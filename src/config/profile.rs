//! A profile: how one ICAP service is shown messages. The parser has checked it and filled in every default.

use super::attribute::{Kind, boolean, choice, integer, object, of, text};
use super::authorization::{Authorization, authorization};
use super::cause::{Cause, FailActions};
use super::choice::{
    FailAction, FormChoice, Grpc, HonorTransferIgnore, LargeBodyAction, RangeRequests, SendWhen,
    ShownForm, Streams, Trailers, UserEncoding,
};
use super::extractors::{EXTRACTORS, extractors};
use super::header;
use super::icap_header_matcher::{ICAP_HEADER_MATCHER, IcapHeaderMatcher, icap_header_matchers};
use super::names::NAME_BYTES;
use super::object::{kibibytes, object, or_empty};
use super::probes::{OptionsConfig, SelfTestConfig};
use super::reader::Fields;
use super::replies::{BadRequestResponse, BlockResponse, FailResponse, TooLargeResponse};
use super::reply_page::ReplyPage;
use super::secrets::{Secret, Secrets};
use super::service_url::{ServiceUrl, check_responses, response_service_url, service_url};
use super::template::Template;
use crate::extract::Extractors;
use crate::policy::{ClientIpSource, Enforcement};
use crate::product::{Multipart, Preview, ShownAs, Vendor};
use std::rc::Rc;

object! {
    /// One ICAP service, the pool of servers behind it, and how requests are shown to it.
    #[derive(Clone, Debug, PartialEq)]
    pub struct Profile, at "profiles[]", read from fields {
        /// Unique. Rules, route metadata, logs and statistics call the profile by it.
        pub name: Rc<str> = text(NAME_BYTES).avi("name");
        /// The Envoy cluster of the ICAP servers: load balancing, health checks and TLS are set there.
        pub cluster: Rc<str> = text(512).avi("pool_group_ref");
        /// The service that requests are sent to (REQMOD). With only a path and query, the authority is the cluster's name. No
        /// port is added. `icaps` is for the request line only: TLS is the cluster's transport socket.
        pub service: ServiceUrl = of(Kind::ServiceUrl).named("service_url").avi("service_uri")
            => |fields, name| service_url(fields, name, cluster.as_deref());
        /// The service that responses are sent to (RESPMOD). Its host is the one of `service_url`, unless there is a
        /// `response_cluster`: with only a path, the authority is the name of the cluster that it is sent to.
        pub response_service: Option<ServiceUrl> =
            of(Kind::ServiceUrl).named("response_service_url").otherwise("responses are not scanned")
            => response_service_url;
        /// Another Envoy cluster for responses, with OPTIONS, connections, limits and self-test of its own; only with
        /// `response_service_url`.
        pub response_cluster: Option<Rc<str>> = text(512).otherwise("as `cluster`");
        /// How an upload is shown. `reqmod`: as the request that it is. `respmod`: as the response to a GET of its URL, with its
        /// type, length, disposition and encoding, for servers that have RESPMOD alone. Then a 204 or the same body passes;
        /// another body takes the place of the upload's, whose head stays its own but for the length; another status than 200, an
        /// HTML page in the place of another type, or a verdict header blocks. A request without body is not scanned
        /// (`ICAP_DISABLED`).
        let scan_requests_as: Option<ShownAs> =
            choice::<ShownAs>().otherwise("as the product of `vendor` wants: [ICAP servers](icap-servers.md)");
        /// The product behind the service: what its answers mean beside the headers that all have, and what it must not get.
        /// [ICAP servers](icap-servers.md) says what each name and alias stands for. Logged as it is written here.
        pub vendor: Vendor = of(Kind::Product).or_text("generic").avi("vendor");
        /// Name of the pool in icap_log.
        let pool_name: Option<Rc<str>> = text(512).otherwise("the cluster's name");
        /// UUID of the pool in icap_log.
        pub pool_uuid: Option<Rc<str>> = text(512).or_nothing();
        /// The largest request body that is scanned. A larger one is handled as `large_upload_fail_action` says. The listener's
        /// `per_connection_buffer_limit_bytes` must be larger, and for HTTP/2 its `initial_stream_window_size`: past these Envoy
        /// itself answers 413.
        pub request_buffer_bytes: u64 = integer(1, 1_048_576, "KiB").named("request_buffer_size_kb").or(51_200).avi("buffer_size")
            => kibibytes;
        /// The largest response body that is scanned, and the largest body that is taken from the ICAP server.
        pub response_buffer_bytes: u64 = integer(1, 1_048_576, "KiB").named("response_buffer_size_kb").or(51_200)
            => kibibytes;
        /// Send the start of the body first, the rest only when the server asks for it.
        let enable_preview: bool = boolean().or_bool(true).avi("enable_preview");
        /// Length of that start. The server's OPTIONS may lower it. 0: only the headers. A server whose OPTIONS names no preview
        /// gets none, unless this or `enable_preview` is written.
        let preview_size_bytes: u32 = integer(0, 65_536, "bytes").or(5000).avi("preview_size");
        /// Let the server answer "unchanged" (204) to a body that it has read past the preview.
        pub allow_204: bool = boolean().or_bool(true).avi("allow_204");
        /// The total time per request in which the server, and not the client's upload, is waited for.
        pub response_timeout_ms: u64 = integer(50, 3_600_000, "ms").or(60_000).avi("response_timeout");
        /// A held message whose body makes no progress for so long fails with the cause `timeout`. 0: the body is waited for
        /// without end.
        pub body_progress_timeout_ms: u64 = integer(0, 3_600_000, "ms").or(60_000);
        /// How long others wait for a connection, all being in use, before one is taken from a message whose body comes slowly
        /// and whose scan waits for nothing else. That scan starts anew once the body is there in whole; at most once for each.
        /// 0: connections are kept.
        pub upload_preempt_ms: u64 = integer(0, 3_600_000, "ms").or(200);
        /// From where on a scan is logged as slow (`ADF_ICAP_SERVER_HIGH_RESPONSE_TIME`).
        pub slow_threshold_ms: u64 = integer(50, 3_600_000, "ms").named("slow_response_warning_threshold_ms").or(10_000)
            .avi("slow_response_warning_threshold");
        /// What happens to a request whose scan failed: `fail_closed` answers 503, `fail_open` forwards it unscanned.
        let fail_action: FailAction = choice::<FailAction>().or_text("fail_closed").avi("fail_action");
        /// Another action for some causes.
        let fail_action_by_cause: FailActions = object::<FailActions>().otherwise("`{}`")
            => or_empty(|causes| Some(FailActions::read(causes, fail_action?)));
        /// What happens to a request whose body is larger than the buffer: `fail_closed` answers 413, `fail_open` forwards it
        /// unscanned. `stream` scans it while it passes: what the server gives back goes on, while the rest still comes. A server
        /// that gives nothing back before it has the whole body, as most antivirus does, ends such an upload with 413. The
        /// application sees the beginning of an upload that is blocked later, and never its end. See
        /// [large bodies](operations.md#bodies-larger-than-the-buffer).
        let large_upload_fail_action: LargeBodyAction =
            choice::<LargeBodyAction>().or_text("fail_closed").avi("buffer_size_exceed_action");
        /// The same for a response whose body is larger than `response_buffer_size_kb`. `stream`: the client sees the beginning of
        /// a download that is blocked later, which then breaks off.
        let large_download_fail_action: Option<LargeBodyAction> =
            choice::<LargeBodyAction>().otherwise("as `large_upload_fail_action`; beside `stream`: `fail_closed`");
        /// `monitor`: everything is scanned, logged (`"enforced": false` beside the `action` that it would have had) and counted
        /// (`would_block`, `would_modify`, `would_fail`), and every message goes on as it came, whatever the scan, `fail_action`
        /// or the size of its body says. A rule may say otherwise for itself. See
        /// [operations](operations.md#from-monitoring-to-enforcing).
        pub enforcement: Enforcement = choice::<Enforcement>().or_text("enforce");
        /// Connections per worker. The server's Max-Connections may lower it.
        pub max_connections: u32 = integer(1, 4096, "").or(32);
        /// A connection rests for a turn of Envoy's loop, some milliseconds, after each answer: if the server sends more behind
        /// it, the connection is closed, and what came late is nobody's verdict. For servers that are known to do that: without a
        /// kept connection at hand another is opened, up to `max_connections`.
        pub quarantine: bool = boolean().or_bool(false);
        /// Requests per worker that may wait for a connection; one more fails with the cause `overload`.
        pub max_pending: u32 = integer(0, 65_536, "").or(1024);
        /// How long a connection is kept without a request. Most ICAP servers give a thread to each.
        pub idle_timeout_ms: u64 = integer(100, 3_600_000, "ms").named("connection_idle_timeout_ms").or(30_000);
        /// After so many requests a connection is closed.
        pub max_requests_per_connection: u32 = integer(1, 1_000_000, "").or(1000);
        /// A connection that is older is closed after its request. So servers that were added get their share.
        pub max_connection_age_ms: u64 = integer(1_000, 86_400_000, "ms").or(600_000);
        /// Which address the rule criterion `client_ip` and `X-Client-IP` take. `downstream`: the one that Envoy trusts. Where
        /// the connection manager has `use_remote_address: false` (Envoy's default, and Istio's inbound listeners), that is what
        /// `X-Forwarded-For` says, which a client can write. `peer`: the address of the connection itself, never one from a
        /// header. Envoy tells it only by filter state: put `envoy.filters.http.set_filter_state` before this filter, with
        /// `object_key: icap_filter.peer`, `factory_key: envoy.string` and the format
        /// `%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%`. Without that the address is not known where Envoy took its own from
        /// a header: then `X-Client-IP` is not sent, rules that scan match, rules that do not scan do not, and the log says so. A
        /// rule without profile goes by `peer` if any profile does.
        pub client_ip_source: ClientIpSource = choice::<ClientIpSource>().or_text("downstream");
        /// Send `X-Client-IP`, the address that `client_ip_source` names. `"auto"`: when the server's OPTIONS names it in
        /// `X-Include`.
        pub send_client_ip: SendWhen = of(Kind::Switch).or_bool(true);
        /// Send `X-Server-IP`, likewise.
        pub send_server_ip: SendWhen = of(Kind::Switch).or_bool(false);
        /// The request header whose value is sent as `X-Authenticated-User`, in base64. Only a header that Envoy itself sets or
        /// removes can be trusted.
        pub authenticated_user_header: Option<String> = of(Kind::HeaderName).or_nothing()
            => |fields, name| Some(header::name(fields, name));
        /// What stands before `://` in that value: letters, digits, `+`, `-`, `.`. Empty: the value has no scheme.
        let authenticated_user_scheme: Option<String> = of(Kind::Page { max: 64 }).otherwise("`\"Local\"`, and none with `plain`")
            => header::user_scheme;
        /// How that value is written: `base64` of scheme and name, or the name in `plain` text.
        pub authenticated_user_encoding: UserEncoding = choice::<UserEncoding>().or_text("base64");
        /// The ICAP header that has it, such as `X-Client-Username`.
        pub authenticated_user_icap_header: String = of(Kind::HeaderName).or_text("X-Authenticated-User")
            => header::user_header;
        /// Credentials for the ICAP server. Never logged.
        pub authorization: Option<Secret> = object::<Authorization>().or_nothing()
            => |fields, name| Some(fields.object(name, |object| authorization(&object)));
        /// Further headers of each ICAP request. A value may have Envoy's operators `%REQ(name)%`, `%PATH%`,
        /// `%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%`, `%DOWNSTREAM_PEER_SUBJECT%`, `%REQUESTED_SERVER_NAME%`, and `%FILE_NAME%`:
        /// the name in `Content-Disposition`, else the last segment of the path; of a form's file its own name. `%REQ(name):20%`
        /// takes at most 20 bytes, `%%` is a percent sign. A header is left out where an operator has no value, or one that can't
        /// be written, and in OPTIONS. Refused: `Host`, `Encapsulated`, `Preview`, `Allow`, `ISTag`, `Connection`, `Keep-Alive`,
        /// `Proxy-Connection`, `Transfer-Encoding`, `Content-Length`, `Upgrade`, `TE`, `Trailer`, `Expect`, and those with an
        /// attribute of their own: `Authorization`, `X-Client-IP`, `X-Server-IP`, `X-Authenticated-User`.
        pub icap_headers: Vec<(String, Template)> = of(Kind::HeaderMap).otherwise("`{}`")
            => |fields, name| Some(header::icap_headers(fields, name));
        /// Headers of the server's answer that mean blocked, beside the known ones. A bare name: by its presence, unless its
        /// value is a word for nothing, such as `none`, `clean` or `0`. With a string matcher: by its value.
        pub verdict_headers: Vec<IcapHeaderMatcher> = of(Kind::IcapHeaderMatchers(&ICAP_HEADER_MATCHER)).otherwise("`[]`")
            => icap_header_matchers;
        /// Headers without which an answer lets nothing pass, changed or not: it fails with the cause `server_error`. For servers
        /// that answer 204 when they could not scan.
        pub pass_requires: Vec<IcapHeaderMatcher> = of(Kind::IcapHeaderMatchers(&ICAP_HEADER_MATCHER)).otherwise("`[]`")
            => icap_header_matchers;
        /// Wait for the whole body where its length is not announced, so that the server gets its `Content-Length`. A body that
        /// is whole when it is sent has one in any case.
        pub require_content_length: bool = boolean().or_bool(false);
        /// For which messages the server's `Transfer-Ignore` counts: a path with an extension from that list is not scanned. A
        /// client chooses the path of its request; with `always` it chooses by it whether an upload is scanned.
        pub honor_transfer_ignore: HonorTransferIgnore = choice::<HonorTransferIgnore>().or_text("responses");
        /// Show bodies that are coded in `gzip`, `deflate` or `zstd` decoded, for servers that do not decode them. The original
        /// goes on where the server changes nothing; what it changes goes on without `Content-Encoding`. Decoded, a body may be
        /// as large as the buffer, and 200 times as large as it came once it is larger than 1 MiB; past that it is handled as
        /// `large_upload_fail_action` says. What can't be decoded is `unscannable`. A body that is coded and not decoded (`br`,
        /// several codings, a range) is marked in icap_log: `"encoded": "br"`. The decoders of one body take 256 KiB of
        /// `memory_budget_mb`, with `zstd` 2 MiB and four times its window more. See [What a scanner sees](wrappings.md#content-encodings).
        pub decode_content_encoding: bool = boolean().or_bool(false);
        /// What becomes of the trailer fields of a message that is scanned. `forward`: they go on. `drop`: they do not, but for
        /// gRPC's own in a response. `scan`: once they are there they are shown to the server, too: behind the body's last chunk
        /// where the server's OPTIONS says `Allow: trailers`, else as fields of the message's head in a transaction of their own
        /// without a body; a message whose head does not end it is then held to its end, also where its preview was enough. In any case fields are taken out that must not be trailers
        /// ([protocol](protocol.md#trailers)), and both are told in icap_log. In monitor mode all go on.
        pub trailers: Trailers = choice::<Trailers>().or_text("forward");
        /// What becomes of a request for a range of a resource, where this profile may scan the response. `pass`: it goes on, and
        /// the scanner sees the range alone. `strip`: without `Range` and `If-Range`, so that the application answers with the
        /// whole, which is scanned and given to the client. Nothing is taken out in monitor mode.
        pub range_requests: RangeRequests = choice::<RangeRequests>().or_text("pass");
        /// How a form with files (`multipart/form-data`, and `multipart/related` and `multipart/mixed`) is shown. `parts`: each
        /// file in a transaction of its own, so that the scanner gets the file and not its wrapping, and all other parts as one
        /// form. `whole`: the form as it is. `auto`: `parts`, but `whole` for a product that opens forms itself. See
        /// [Forms](forms.md).
        let multipart: FormChoice = choice::<FormChoice>().or_text("auto");
        /// How many parts of one form, or messages of one gRPC call, are under scan at a time. Each takes a connection of the pool.
        pub multipart_parallel: usize = integer(1, 32, "").or(4);
        /// Values in the bodies of requests that are shown beside the whole body, each decoded and in a transaction of its own:
        /// Base64 in JSON, Base64 in `data:` URLs, fields of urlencoded forms, fields of gRPC messages. Values of up to 64 bytes
        /// are left out. A body that can't be looked into, or has more than 1,000 values, is `unscannable`. See [What a scanner
        /// sees](wrappings.md#values-within-bodies).
        pub extract: Extractors = of(Kind::Words(EXTRACTORS)).otherwise("`[]`")
            => |fields, name| Some(extractors(fields, name));
        /// How a gRPC call (`application/grpc`, `application/grpc+proto` and so on) is shown. `whole`: its body as one, once that
        /// has ended, so that a conversation waits for its own end. `messages`: each message as it comes, without the five bytes
        /// before it, in a transaction of its own. Messages go on in order, also while the client waits for the answer to one
        /// before it sends the next; each of them may be as large as the buffer. A blocked message ends the call: the application
        /// gets neither that message nor what follows. `fail_open` lets a message go on whose scan failed. A body that ends within
        /// a message is a `bad_request`. An empty message is shown only where it is the first. Each message has the whole of
        /// `response_timeout_ms`, once it is shown. Up to 10,000 messages of a call may wait for their verdicts; with more it is
        /// `oversize`. A request that is not POST, or has a `content-encoding` other than `identity` or a comma in its
        /// `content-type`, is shown as a whole. Not beside `extract: [grpc_bytes]` and `trailers: scan`. Before Envoy's copies of a
        /// request for a retry or a redirect it needs `per_request_buffer_limit_bytes: 0` on the route. See
        /// [applications](applications.md#each-message-on-its-own).
        pub grpc: Grpc = choice::<Grpc>().or_text("whole");
        /// Asking the server for its OPTIONS.
        pub options: OptionsConfig = object::<OptionsConfig>().otherwise("its defaults") => or_empty(OptionsConfig::of);
        /// Showing the server the EICAR test file now and then, to notice a scanner that no longer scans.
        pub self_test: SelfTestConfig = object::<SelfTestConfig>().otherwise("its defaults")
            => or_empty(SelfTestConfig::of);
        /// What the client of a blocked request gets.
        pub block_response: BlockResponse = object::<BlockResponse>().otherwise("its defaults")
            => or_empty(BlockResponse::of);
        /// What the client gets whose upload is larger than the buffer, with `large_upload_fail_action: fail_closed`.
        pub too_large_response: ReplyPage = object::<TooLargeResponse>().otherwise("its defaults")
            => or_empty(|page| Some(TooLargeResponse::of(page)?.page));
        /// What the client gets where the scan failed, with `fail_closed`.
        pub fail_response: FailResponse = object::<FailResponse>().otherwise("its defaults")
            => or_empty(FailResponse::of);
        /// What the client gets whose request can't be shown to a scanner.
        pub bad_request_response: ReplyPage = object::<BadRequestResponse>().otherwise("its defaults")
            => or_empty(|page| Some(BadRequestResponse::of(page)?.page));
        /// An answer that is due before its upload has ended waits for the rest, which is thrown away: many clients write all
        /// before they read, and where Envoy answers earlier they see a closed connection. It is given at once where more than so
        /// much is still to come, and where nothing comes for a second. 0: always at once.
        pub early_reply_discard_bytes: u64 = integer(0, 1_048_576, "KiB").named("early_reply_discard_kb").or(65_536)
            => kibibytes;
        /// The longest such a wait.
        pub early_reply_delay_ms: u64 = integer(0, 600_000, "ms").or(10_000);
    }
    check {
        check_responses(fields, service.as_ref(), response_service.as_ref().and_then(Option::as_ref));
        check_grpc(fields, grpc, extract, trailers);
        header::check_user(fields, authenticated_user_icap_header.as_deref(), icap_headers.as_deref());
    }
    and {
        /// Name of the pool in icap_log.
        pool_name: Rc<str> = pool_name.unwrap_or_else(|| Rc::clone(&cluster));
        /// How the service is shown an upload.
        scan_requests_as: ShownAs = scan_requests_as.unwrap_or(vendor.product().scan_requests_as);
        /// How the service is shown a form.
        multipart: ShownForm = shown_form(multipart, vendor);
        /// The largest preview in bytes; `None`: no preview.
        preview_bytes: Option<u32> =
            (enable_preview && vendor.product().preview != Preview::Never).then_some(preview_size_bytes);
        /// Whether the configuration itself asks for the preview: then a server whose OPTIONS names none gets it, too.
        preview_insisted: bool =
            preview_bytes.is_some() && (fields.has("enable_preview") || fields.has("preview_size_bytes"));
        /// What to do on failure, by cause: see [`Profile::fail_action`].
        fail_actions: FailActions = fail_action_by_cause.with_large_upload(large_upload_fail_action.fail_action());
        /// Which bodies that are larger than the buffer are scanned while they pass.
        streams: Streams = Streams {
            requests: large_upload_fail_action == LargeBodyAction::Stream,
            responses: large_download_fail_action == Some(LargeBodyAction::Stream),
        };
        /// What happens to a response whose body is larger than the buffer, where it does not stream.
        large_download_fail_action: FailAction =
            large_download_fail_action.unwrap_or(large_upload_fail_action.of_responses()).fail_action();
        /// Scheme in front of the user's name; empty: none.
        authenticated_user_scheme: String =
            authenticated_user_scheme.unwrap_or_else(|| authenticated_user_encoding.usual_scheme().to_owned());
        /// What no log may show of this profile.
        secrets: Secrets =
            Secrets::new(authorization.as_ref(), &icap_headers, std::iter::once(&service).chain(&response_service));
    }
}

/// Notes what asks for another look at gRPC calls than the one message by message.
fn check_grpc(
    fields: &Fields<'_>,
    grpc: Option<Grpc>,
    extract: Option<Extractors>,
    trailers: Option<Trailers>,
) {
    let is_beside = match (extract, trailers) {
        (Some(extract), _) if extract.grpc_bytes => "extract: grpc_bytes",
        (_, Some(Trailers::Scan)) => "trailers: scan",
        _ => return,
    };
    if grpc == Some(Grpc::Messages) {
        let found = format!("\"messages\" beside {is_beside}");
        fields.fault("grpc", found, "\"whole\" beside it");
    }
}

/// How the server is shown forms; the product decides on `auto`.
fn shown_form(choice: FormChoice, vendor: Vendor) -> ShownForm {
    match (choice, vendor.product().multipart) {
        (FormChoice::Whole, _) | (FormChoice::Auto, Multipart::Whole) => ShownForm::Whole,
        (FormChoice::Parts, _) | (FormChoice::Auto, Multipart::Parts) => ShownForm::Parts,
    }
}

impl Profile {
    /// The cluster of the servers for requests, or for responses.
    pub fn cluster_for(&self, responses: bool) -> &Rc<str> {
        match &self.response_cluster {
            Some(cluster) if responses => cluster,
            _ => &self.cluster,
        }
    }

    /// The largest body of a request, or of a response, that is held, in bytes.
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

    /// What to do when the scan of a request, or of a response, fails for `cause`.
    pub fn fail_action_for(&self, cause: Cause, responses: bool) -> FailAction {
        match cause {
            Cause::Oversize if responses => self.large_download_fail_action,
            _ => self.fail_action(cause),
        }
    }

    /// What to do when the scan of a request fails for `cause`.
    pub fn fail_action(&self, cause: Cause) -> FailAction {
        self.fail_actions.of(cause)
    }
}
