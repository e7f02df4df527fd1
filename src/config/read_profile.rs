//! Reads `profiles`.

use super::authorization::authorization;
use super::header;
use super::icap_header_matcher::icap_header_matchers;
use super::json::Json;
use super::profile::{
    BlockResponse, FailAction, FailActions, FailResponse, HonorTransferIgnore, OptionsConfig,
    Profile, RangeRequests, SelfTestConfig, SendWhen, ServiceUrl, ShownForm, Streams, Trailers,
    UserEncoding,
};
use super::reader::Fields;
use super::reply_page::ReplyPage;
use super::secrets::Secrets;
use super::service_url::{same_server, service_url};
use super::stat_name;
use super::table::EXTRACTORS;
use super::value::shown;
use crate::extract::Extractors;
use crate::policy::{ClientIpSource, Enforcement};
use crate::product::{Multipart, Preview, ShownAs, Vendor};
use std::rc::Rc;

/// What becomes of a large body that is scanned while it passes.
const STREAM: &str = "stream";

/// The profiles that could be read. `None`: the list itself is missing or wrong.
pub(super) fn profiles(plugin: &Fields<'_>) -> Option<Vec<Rc<Profile>>> {
    let mut names: Vec<String> = Vec::new();
    plugin.objects("profiles", |fields| {
        unique_name(&fields, &mut names);
        profile(&fields).map(Rc::new)
    })
}

/// Notes a name that an earlier entry of the list has, or has in the names of the statistics.
pub(super) fn unique_name(fields: &Fields<'_>, names: &mut Vec<String>) {
    // A name that is wrong in itself is noted where it is read.
    if let Some(Json::Text(name)) = fields.get("name") {
        let stat = stat_name(name);
        let same = names.iter().find(|other| stat_name(other) == stat);
        match same {
            Some(same) if same == name => {
                fields.fault("name", shown(name), "a name that no other entry has");
            }
            Some(same) => fields.fault(
                "name",
                shown(name),
                format!(
                    "a name that differs from {} in more than punctuation: in the metrics both would be {stat}",
                    shown(same)
                ),
            ),
            None => names.push(name.clone()),
        }
    }
}

/// Every field is read before the first missing one ends it, so that every fault is noted.
fn profile(fields: &Fields<'_>) -> Option<Profile> {
    let name = fields.text("name");
    let cluster = fields.text("cluster");
    let service = service_url(fields, "service_url", cluster);
    let response_cluster = fields.text("response_cluster");
    let response_service =
        service_url(fields, "response_service_url", response_cluster.or(cluster));
    check_responses(fields, service.as_ref(), response_service.as_ref());
    let scan_requests_as = scan_requests_as(fields);
    let vendor = fields.vendor("vendor");
    let pool_name = fields.text("pool_name");
    let pool_uuid = fields.text("pool_uuid").map(Rc::from);
    let request_buffer_kb: u64 = fields.integer("request_buffer_size_kb");
    let response_buffer_kb: u64 = fields.integer("response_buffer_size_kb");
    let preview = fields.bool("enable_preview");
    let preview_size = fields.integer("preview_size_bytes");
    let allow_204 = fields.bool("allow_204");
    let response_timeout_ms = fields.integer("response_timeout_ms");
    let body_progress_timeout_ms = fields.integer("body_progress_timeout_ms");
    let upload_preempt_ms = fields.integer("upload_preempt_ms");
    let slow_threshold_ms = fields.integer("slow_response_warning_threshold_ms");
    let large_bodies = large_bodies(fields);
    let fail_actions = large_bodies.and_then(|(actions, _)| fail_actions(fields, actions));
    let enforcement = enforcement(fields);
    let max_connections = fields.integer("max_connections");
    let quarantine = fields.bool("quarantine");
    let max_pending = fields.integer("max_pending");
    let idle_timeout_ms = fields.integer("connection_idle_timeout_ms");
    let max_requests_per_connection = fields.integer("max_requests_per_connection");
    let max_connection_age_ms = fields.integer("max_connection_age_ms");
    let client_ip_source = client_ip_source(fields);
    let send_client_ip = send_when(fields, "send_client_ip");
    let send_server_ip = send_when(fields, "send_server_ip");
    let authenticated_user_header = header::name(fields, "authenticated_user_header");
    let authenticated_user_encoding = user_encoding(fields);
    let authenticated_user_scheme = user_scheme(fields, authenticated_user_encoding);
    let authenticated_user_icap_header = header::user_header(fields);
    let authorization = authorization(fields);
    let icap_headers = header::icap_headers(fields);
    if let Some(user) = &authenticated_user_icap_header
        && authenticated_user_header.is_some()
        && icap_headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case(user))
    {
        fields.fault(
            "icap_headers",
            format!("{user}, which authenticated_user_icap_header sets"),
            "each header once",
        );
    }
    let verdict_headers = icap_header_matchers(fields, "verdict_headers");
    let pass_requires = icap_header_matchers(fields, "pass_requires");
    let require_content_length = fields.bool("require_content_length");
    let honor_transfer_ignore = honor_transfer_ignore(fields);
    let decode_content_encoding = fields.bool("decode_content_encoding");
    let trailers = trailers(fields);
    let range_requests = range_requests(fields);
    let multipart = shown_form(fields, vendor);
    let multipart_parallel = fields.integer("multipart_parallel");
    let extract = extractors(fields);
    let options = options(fields);
    let self_test = self_test(fields);
    let block_response = block_response(fields);
    let too_large_response =
        fields.object_or_empty("too_large_response", |page| ReplyPage::read(&page));
    let fail_response = fail_response(fields);
    let bad_request_response =
        fields.object_or_empty("bad_request_response", |page| ReplyPage::read(&page));
    let early_reply_discard_kb: u64 = fields.integer("early_reply_discard_kb");
    let early_reply_delay_ms = fields.integer("early_reply_delay_ms");

    let service = service?;
    let vendor = vendor?;
    let preview = preview && vendor.product().preview != Preview::Never;
    let urls = std::iter::once(&service).chain(&response_service);
    let secrets = Secrets::new(authorization.as_ref(), &icap_headers, urls);
    Some(Profile {
        name: name?.into(),
        cluster: cluster?.into(),
        response_cluster: response_cluster.map(Rc::from),
        service,
        response_service,
        scan_requests_as: scan_requests_as.unwrap_or(vendor.product().scan_requests_as),
        vendor,
        pool_name: pool_name.or(cluster)?.into(),
        pool_uuid,
        request_buffer_bytes: request_buffer_kb.saturating_mul(1024),
        response_buffer_bytes: response_buffer_kb.saturating_mul(1024),
        preview_bytes: preview.then_some(preview_size),
        preview_insisted: preview
            && (fields.has("enable_preview") || fields.has("preview_size_bytes")),
        allow_204,
        response_timeout_ms,
        body_progress_timeout_ms,
        upload_preempt_ms,
        slow_threshold_ms,
        fail_actions: fail_actions?,
        streams: large_bodies.map(|(_, streams)| streams)?,
        enforcement: enforcement?,
        max_connections,
        quarantine,
        max_pending,
        idle_timeout_ms,
        max_requests_per_connection,
        max_connection_age_ms,
        client_ip_source: client_ip_source?,
        send_client_ip,
        send_server_ip,
        authenticated_user_header,
        authenticated_user_scheme: authenticated_user_scheme?,
        authenticated_user_encoding,
        authenticated_user_icap_header: authenticated_user_icap_header?,
        authorization,
        secrets,
        icap_headers,
        verdict_headers,
        pass_requires,
        require_content_length,
        honor_transfer_ignore: honor_transfer_ignore?,
        decode_content_encoding,
        trailers: trailers?,
        range_requests: range_requests?,
        multipart: multipart?,
        multipart_parallel,
        extract,
        options: options?,
        self_test: self_test?,
        block_response: block_response?,
        too_large_response: too_large_response?,
        fail_response: fail_response?,
        bad_request_response: bad_request_response?,
        early_reply_discard_bytes: early_reply_discard_kb.saturating_mul(1024),
        early_reply_delay_ms,
    })
}

fn fail_action(fields: &Fields<'_>, name: &str) -> Option<FailAction> {
    fields.choice(name).map(action_of)
}

fn action_of(word: &str) -> FailAction {
    match word {
        "fail_open" => FailAction::Open,
        _ => FailAction::Closed,
    }
}

/// What is to become of bodies that are larger than the buffer, of requests and of responses.
fn large_bodies(fields: &Fields<'_>) -> Option<([FailAction; 2], Streams)> {
    let uploads = fields.choice("large_upload_fail_action")?;
    let downloads = match fields.has("large_download_fail_action") {
        true => fields.choice("large_download_fail_action")?,
        false if uploads == STREAM => "fail_closed",
        false => uploads,
    };
    let streams = Streams {
        requests: uploads == STREAM,
        responses: downloads == STREAM,
    };
    Some(([uploads, downloads].map(action_of), streams))
}

fn fail_actions(
    fields: &Fields<'_>,
    [oversize, oversize_response]: [FailAction; 2],
) -> Option<FailActions> {
    let general = fail_action(fields, "fail_action")?;
    fields.object_or_empty("fail_action_by_cause", |causes| {
        let of = |cause| fail_action(&causes, cause).unwrap_or(general);
        Some(FailActions {
            connection: of("connection"),
            timeout: of("timeout"),
            protocol: of("protocol"),
            server_error: of("server_error"),
            overload: of("overload"),
            internal: of("internal"),
            oversize,
            oversize_response,
            // `fail_action` is about servers in trouble: this is the client's choice.
            unscannable: fail_action(&causes, "unscannable")?,
        })
    })
}

/// Of a profile or a rule; `None` where it does not say, or what it says is wrong.
pub(super) fn enforcement(fields: &Fields<'_>) -> Option<Enforcement> {
    fields.choice("enforcement").map(|word| match word {
        "monitor" => Enforcement::Monitor,
        _ => Enforcement::Enforce,
    })
}

fn scan_requests_as(fields: &Fields<'_>) -> Option<ShownAs> {
    fields.choice("scan_requests_as").map(|word| match word {
        "respmod" => ShownAs::Response,
        _ => ShownAs::Request,
    })
}

fn client_ip_source(fields: &Fields<'_>) -> Option<ClientIpSource> {
    fields.choice("client_ip_source").map(|word| match word {
        "peer" => ClientIpSource::Peer,
        _ => ClientIpSource::Downstream,
    })
}

fn honor_transfer_ignore(fields: &Fields<'_>) -> Option<HonorTransferIgnore> {
    fields
        .choice("honor_transfer_ignore")
        .map(|word| match word {
            "never" => HonorTransferIgnore::Never,
            "always" => HonorTransferIgnore::Always,
            _ => HonorTransferIgnore::Responses,
        })
}

fn trailers(fields: &Fields<'_>) -> Option<Trailers> {
    fields.choice("trailers").map(|word| match word {
        "drop" => Trailers::Drop,
        "scan" => Trailers::Scan,
        _ => Trailers::Forward,
    })
}

fn range_requests(fields: &Fields<'_>) -> Option<RangeRequests> {
    fields.choice("range_requests").map(|word| match word {
        "strip" => RangeRequests::Strip,
        _ => RangeRequests::Pass,
    })
}

/// How forms are shown; `auto` is what suits the product.
fn shown_form(fields: &Fields<'_>, vendor: Option<Vendor>) -> Option<ShownForm> {
    Some(match fields.choice("multipart")? {
        "whole" => ShownForm::Whole,
        "parts" => ShownForm::Parts,
        _ => match vendor?.product().multipart {
            Multipart::Whole => ShownForm::Whole,
            Multipart::Parts => ShownForm::Parts,
        },
    })
}

/// Which values are looked for.
fn extractors(fields: &Fields<'_>) -> Extractors {
    let mut wanted = Extractors::default();
    fields.list("extract", |value, word| {
        let extractor = match word {
            "json_base64" => &mut wanted.json_base64,
            "data_url" => &mut wanted.data_url,
            "urlencoded" => &mut wanted.urlencoded,
            "grpc_bytes" => &mut wanted.grpc_bytes,
            _ => {
                value.wrong(EXTRACTORS.join(", "));
                return None;
            }
        };
        *extractor = true;
        Some(())
    });
    wanted
}

fn send_when(fields: &Fields<'_>, name: &str) -> SendWhen {
    match fields.switch(name) {
        Some(true) => SendWhen::Always,
        Some(false) => SendWhen::Never,
        None => SendWhen::Auto,
    }
}

fn user_encoding(fields: &Fields<'_>) -> UserEncoding {
    match fields.choice("authenticated_user_encoding") {
        Some("plain") => UserEncoding::Plain,
        _ => UserEncoding::Base64,
    }
}

fn user_scheme(fields: &Fields<'_>, encoding: UserEncoding) -> Option<String> {
    let name = "authenticated_user_scheme";
    if !fields.has(name) {
        return Some(match encoding {
            UserEncoding::Base64 => "Local".to_owned(),
            UserEncoding::Plain => String::new(),
        });
    }
    let scheme = fields.text(name)?;
    if !scheme
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
    {
        fields.fault(name, shown(scheme), "letters, digits, +, - and .");
        return None;
    }
    Some(scheme.to_owned())
}

/// Notes a service for responses that would not get them: they go to a cluster, whatever host its URL has.
fn check_responses(
    fields: &Fields<'_>,
    service: Option<&ServiceUrl>,
    response_service: Option<&ServiceUrl>,
) {
    if fields.has("response_cluster") {
        if !fields.has("response_service_url") {
            fields.fault(
                "response_cluster",
                "it without response_service_url",
                "it beside a response_service_url",
            );
        }
        return;
    }
    // A path alone names no host.
    let is_whole = ["service_url", "response_service_url"]
        .iter()
        .all(|name| matches!(fields.get(name), Some(Json::Text(url)) if !url.starts_with('/')));
    if let (Some(service), Some(response)) = (service, response_service)
        && is_whole
        && !same_server(service, response)
    {
        fields.fault(
            "response_service_url",
            format!(
                "the host {}, another than that of service_url",
                shown(&response.authority)
            ),
            "the host of service_url, or a response_cluster beside it",
        );
    }
}

fn options(fields: &Fields<'_>) -> Option<OptionsConfig> {
    fields.object_or_empty("options", |options| {
        Some(OptionsConfig {
            enabled: options.bool("enabled"),
            default_ttl_s: options.integer("default_ttl_s"),
        })
    })
}

fn self_test(fields: &Fields<'_>) -> Option<SelfTestConfig> {
    fields.object_or_empty("self_test", |test| {
        Some(SelfTestConfig {
            enabled: test.bool("enabled"),
            interval_minutes: test.integer("interval_minutes"),
            fail_profile: test.bool("fail_profile"),
        })
    })
}

fn block_response(fields: &Fields<'_>) -> Option<BlockResponse> {
    fields.object_or_empty("block_response", |block| {
        let use_server_response = block.bool("use_server_response");
        let keep_server_status = block.bool("keep_server_status");
        Some(BlockResponse {
            use_server_response,
            keep_server_status,
            page: ReplyPage::read(&block)?,
        })
    })
}

fn fail_response(fields: &Fields<'_>) -> Option<FailResponse> {
    fields.object_or_empty("fail_response", |fail| {
        let retry_after_s = fail.integer("retry_after_s");
        Some(FailResponse {
            page: ReplyPage::read(&fail)?,
            retry_after_s,
        })
    })
}
