//! Reads `profiles`.

use super::authorization::authorization;
use super::header;
use super::profile::{
    BlockResponse, ClientIpSource, FailAction, FailActions, HonorTransferIgnore, OptionsConfig,
    Profile, SelfTestConfig, SendWhen, Vendor,
};
use super::reader::Fields;
use super::secrets::Secrets;
use super::service_url::service_url;
use super::stat_name;
use super::value::shown;
use std::rc::Rc;

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
    if let Some(super::json::Json::Text(name)) = fields.get("name") {
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
    let response_service = service_url(fields, "response_service_url", cluster);
    let vendor = fields.choice("vendor").map(vendor);
    let pool_name = fields.text("pool_name");
    let pool_uuid = fields.text("pool_uuid").map(Rc::from);
    let request_buffer_kb: u64 = fields.integer("request_buffer_size_kb");
    let response_buffer_kb: u64 = fields.integer("response_buffer_size_kb");
    let preview = fields.bool("enable_preview");
    let preview_size = fields.integer("preview_size_bytes");
    let allow_204 = fields.bool("allow_204");
    let response_timeout_ms = fields.integer("response_timeout_ms");
    let body_progress_timeout_ms = fields.integer("body_progress_timeout_ms");
    let slow_threshold_ms = fields.integer("slow_response_warning_threshold_ms");
    let fail_actions = fail_actions(fields);
    let max_connections = fields.integer("max_connections");
    let max_pending = fields.integer("max_pending");
    let idle_timeout_ms = fields.integer("connection_idle_timeout_ms");
    let max_requests_per_connection = fields.integer("max_requests_per_connection");
    let max_connection_age_ms = fields.integer("max_connection_age_ms");
    let client_ip_source = client_ip_source(fields);
    let send_client_ip = send_when(fields, "send_client_ip");
    let send_server_ip = send_when(fields, "send_server_ip");
    let authenticated_user_header = header::name(fields, "authenticated_user_header");
    let authenticated_user_scheme = user_scheme(fields);
    let authorization = authorization(fields);
    let icap_headers = header::icap_headers(fields);
    let verdict_headers = header::verdict_headers(fields);
    let honor_transfer_ignore = honor_transfer_ignore(fields);
    let options = options(fields);
    let self_test = self_test(fields);
    let block_response = block_response(fields);

    let service = service?;
    let urls = std::iter::once(&service).chain(&response_service);
    let secrets = Secrets::new(authorization.as_ref(), &icap_headers, urls);
    Some(Profile {
        name: name?.into(),
        cluster: cluster?.into(),
        service,
        response_service,
        vendor: vendor?,
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
        slow_threshold_ms,
        fail_actions: fail_actions?,
        max_connections,
        max_pending,
        idle_timeout_ms,
        max_requests_per_connection,
        max_connection_age_ms,
        client_ip_source: client_ip_source?,
        send_client_ip,
        send_server_ip,
        authenticated_user_header,
        authenticated_user_scheme: authenticated_user_scheme?,
        authorization,
        secrets,
        icap_headers,
        verdict_headers,
        honor_transfer_ignore: honor_transfer_ignore?,
        options: options?,
        self_test: self_test?,
        block_response: block_response?,
    })
}

/// `word` is one of the table's.
fn vendor(word: &str) -> Vendor {
    match word {
        "opswat" => Vendor::Opswat,
        "c_icap" => Vendor::CIcap,
        "symantec" => Vendor::Symantec,
        "mcafee" => Vendor::Mcafee,
        "trend_micro" => Vendor::TrendMicro,
        "kaspersky" => Vendor::Kaspersky,
        "sophos" => Vendor::Sophos,
        "eset" => Vendor::Eset,
        "fortinet" => Vendor::Fortinet,
        _ => Vendor::Generic,
    }
}

fn fail_action(fields: &Fields<'_>, name: &str) -> Option<FailAction> {
    fields.choice(name).map(|word| match word {
        "fail_open" => FailAction::Open,
        _ => FailAction::Closed,
    })
}

fn fail_actions(fields: &Fields<'_>) -> Option<FailActions> {
    let general = fail_action(fields, "fail_action")?;
    let oversize = fail_action(fields, "large_upload_fail_action")?;
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
        })
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

fn send_when(fields: &Fields<'_>, name: &str) -> SendWhen {
    match fields.switch(name) {
        Some(true) => SendWhen::Always,
        Some(false) => SendWhen::Never,
        None => SendWhen::Auto,
    }
}

fn user_scheme(fields: &Fields<'_>) -> Option<String> {
    let name = "authenticated_user_scheme";
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
        let status = block.integer("status");
        let content_type = block.text("content_type");
        let body = block.text("body");
        Some(BlockResponse {
            use_server_response,
            status,
            content_type: content_type?.to_owned(),
            body: body?.to_owned(),
        })
    })
}
