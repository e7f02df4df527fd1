//! The configuration of the filter in a run.

use std::fmt::Write;

use icap_filter::icap::Direction;

/// What becomes of responses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Responses {
    /// They are not scanned.
    No,
    /// The servers for requests scan them.
    SameServers,
    /// Others do.
    OwnServers,
}

/// A profile, and what stands beside it.
#[derive(Clone, Debug)]
pub struct ProfilePlan {
    /// `request_buffer_size_kb`.
    pub request_kb: usize,
    /// `response_buffer_size_kb`.
    pub response_kb: usize,
    /// `preview_size_bytes`, or `enable_preview: false`.
    pub preview: Option<u32>,
    /// `allow_204`.
    pub allow_204: bool,
    /// `response_timeout_ms`.
    pub timeout_ms: u64,
    /// `body_progress_timeout_ms`.
    pub progress_timeout_ms: u64,
    /// `upload_preempt_ms`.
    pub preempt_ms: u64,
    /// `quarantine`.
    pub quarantine: bool,
    /// The causes that are open, by their names; `oversize` among them.
    pub open: Vec<&'static str>,
    /// What becomes of responses.
    pub responses: Responses,
    /// `max_connections`.
    pub max_connections: u32,
    /// `max_pending`.
    pub max_pending: u32,
    /// `connection_idle_timeout_ms`.
    pub idle_timeout_ms: u64,
    /// `max_requests_per_connection`.
    pub max_requests: u32,
    /// `options.enabled`.
    pub options: bool,
    /// `require_content_length`.
    pub require_length: bool,
    /// `block_response.use_server_response`.
    pub server_page: bool,
    /// `expose.client` and `expose.application`.
    pub expose: bool,
    /// `trailers: drop`.
    pub drops_trailers: bool,
    /// `trailers: scan`.
    pub scans_trailers: bool,
    /// `self_test`, and with it `fail_profile`.
    pub self_test: bool,
    /// `multipart: parts`; else `whole`.
    pub parts: bool,
    /// `multipart_parallel`.
    pub parallel: u32,
    /// `enforcement: monitor`.
    pub monitor: bool,
    /// `large_upload_fail_action: stream`, and `large_download_fail_action: stream`.
    pub streams: (bool, bool),
    /// `scan_requests_as: respmod`.
    pub as_download: bool,
    /// `grpc: messages`.
    pub calls: bool,
}

/// The causes that `fail_action_by_cause` knows.
pub const CAUSES: [&str; 7] = [
    "connection",
    "timeout",
    "protocol",
    "server_error",
    "overload",
    "internal",
    "unscannable",
];

impl ProfilePlan {
    /// Whether a message goes on whose scan failed for that cause.
    pub fn opens(&self, cause: &str) -> bool {
        self.open.contains(&cause)
    }

    /// Whether bodies of that direction that are larger than the buffer are scanned while they pass.
    pub fn streams(&self, of: Direction) -> bool {
        let (requests, responses) = self.streams;
        !self.monitor
            && match of {
                Direction::Request => requests,
                Direction::Response => responses,
            }
    }

    /// The plugin configuration.
    pub fn json(&self) -> String {
        let action = |cause: &str| match self.opens(cause) {
            true => "fail_open",
            false => "fail_closed",
        };
        let causes: Vec<String> = CAUSES
            .iter()
            .map(|cause| format!("\"{cause}\":\"{}\"", action(cause)))
            .collect();
        let mut json = format!(
            "{{\"profiles\":[{{\"name\":\"av\",\"cluster\":\"icap\",\"service_url\":\"icap://icap.test/scan\",\
             \"request_buffer_size_kb\":{},\"response_buffer_size_kb\":{},\"allow_204\":{},\
             \"response_timeout_ms\":{},\"body_progress_timeout_ms\":{},\"upload_preempt_ms\":{},\"quarantine\":{},\"fail_action_by_cause\":{{{}}},\
             \"large_upload_fail_action\":\"{}\",\"large_download_fail_action\":\"{}\",\"max_connections\":{},\"max_pending\":{},\
             \"connection_idle_timeout_ms\":{},\"max_requests_per_connection\":{},\"options\":{{\"enabled\":{}}},\
             \"require_content_length\":{},\"block_response\":{{\"use_server_response\":{}}},\
             \"self_test\":{{\"enabled\":{},\"fail_profile\":true}},\"send_client_ip\":true,\
             \"multipart\":\"{}\",\"multipart_parallel\":{},\"enforcement\":\"{}\",\"scan_requests_as\":\"{}\"",
            self.request_kb,
            self.response_kb,
            self.allow_204,
            self.timeout_ms,
            self.progress_timeout_ms,
            self.preempt_ms,
            self.quarantine,
            causes.join(","),
            if self.streams.0 {
                "stream"
            } else {
                action("oversize")
            },
            if self.streams.1 {
                "stream"
            } else {
                action("oversize")
            },
            self.max_connections,
            self.max_pending,
            self.idle_timeout_ms,
            self.max_requests,
            self.options,
            self.require_length,
            self.server_page,
            self.self_test,
            if self.parts { "parts" } else { "whole" },
            self.parallel,
            if self.monitor { "monitor" } else { "enforce" },
            if self.as_download {
                "respmod"
            } else {
                "reqmod"
            },
        );
        let written = match self.preview {
            Some(bytes) => write!(json, ",\"preview_size_bytes\":{bytes}"),
            None => write!(json, ",\"enable_preview\":false"),
        };
        written.unwrap();
        if self.calls {
            json.push_str(",\"grpc\":\"messages\"");
        }
        if self.drops_trailers {
            json.push_str(",\"trailers\":\"drop\"");
        } else if self.scans_trailers {
            json.push_str(",\"trailers\":\"scan\"");
        }
        match self.responses {
            Responses::No => {}
            Responses::SameServers => json.push_str(",\"response_service_url\":\"/respond\""),
            Responses::OwnServers => json.push_str(
                ",\"response_service_url\":\"/respond\",\"response_cluster\":\"icap_responses\"",
            ),
        }
        write!(
            json,
            "}}],\"rules\":[{{\"name\":\"skip\",\"match\":{{\"path\":{{\"prefix\":\"/skip/\"}}}},\"action\":\"bypass\"}},\
             {{\"name\":\"all\",\"match\":{{}},\"action\":\"enable_icap\",\"profile\":\"av\"}}],\
             \"expose\":{{\"client\":{},\"application\":{}}}}}",
            self.expose, self.expose
        )
        .unwrap();
        json
    }
}
