//! What clients get in the application's stead: the objects of `profiles[]` about local replies.

use super::attribute::{Kind, boolean, integer, of, text};
use super::object::object;
use super::reply_page::ReplyPage;

/// Declares an object about a local reply: attributes of its own, and between them those that every page has.
macro_rules! reply {
    (
        $(#[doc = $intro:literal])*
        $vis:vis struct $Object:ident: $status:literal $content_type:literal $page:literal, at $path:literal {
            $($before:tt)*
        } {
            $(#[doc = $status_effect:literal])* status
        } {
            $($after:tt)*
        }
    ) => {
        object! {
            $(#[doc = $intro])*
            #[derive(Clone, Debug, PartialEq, Eq)]
            $vis struct $Object, at $path, read from fields {
                $($before)*
                $(#[doc = $status_effect])*
                let status: u16 = integer(400, 599, "").or($status);
                /// `content-type` of `body`.
                let content_type: String = text(256).or_text($content_type);
                /// The page. `%THREAT%` is what was found, `%REASON%` what the server or the filter says of it, `%REQUEST_ID%`
                /// the request's `x-request-id`, which access logs have too; `-` where there is none. They are escaped as
                /// `content_type` needs it, which has to be HTML, XML, JSON or plain text where there are any. The first two
                /// may name the scanner and its state: leave them out of a page for strangers.
                let body: String = of(Kind::Page { max: 65_536 }).or_text($page);
                $($after)*
            }
            and {
                /// What the client gets.
                page: ReplyPage = ReplyPage::checked(fields, status, content_type, body);
            }
        }
    };
}

reply! {
    /// A gRPC call gets status 7 (PERMISSION_DENIED) and a short message in place of any page.
    pub struct BlockResponse:
        403 "text/html" "<!doctype html><title>Blocked</title><p>This request was blocked by the content scanner.</p>",
        at "profiles[].block_response" {
        /// Give the client the response that the ICAP server sent, where it sent one. It may name the server's service and
        /// version, as c-icap's does.
        pub use_server_response: bool = boolean().or_bool(true);
        /// Leave that response its status. `false`: it gets `status`, for servers that block with 200.
        pub keep_server_status: bool = boolean().or_bool(true);
    } {
        /// HTTP status otherwise.
        status
    } {}
}

reply! {
    /// A gRPC call gets status 8 (RESOURCE_EXHAUSTED) and a short message.
    pub(super) struct TooLargeResponse: 413 "text/plain" "The content is too large to be scanned.\n",
        at "profiles[].too_large_response" {} {
        /// HTTP status.
        status
    } {}
}

reply! {
    /// Also for a response that is larger than its buffer. A gRPC call gets status 14 (UNAVAILABLE), for a fault of the filter or
    /// of Envoy 13 (INTERNAL), and a short message.
    pub struct FailResponse: 503 "text/plain" "The content could not be scanned.\n", at "profiles[].fail_response" {} {
        /// HTTP status.
        status
    } {
        /// `Retry-After`, which tells clients when to try again; 0: none. Not sent where that is of no use: for a response that
        /// is too large, and with the cause `internal`.
        pub retry_after_s: u32 = integer(0, 86_400, "s").or(5);
    }
}

reply! {
    /// A gRPC call gets status 3 (INVALID_ARGUMENT) and a short message.
    pub(super) struct BadRequestResponse: 400 "text/plain" "The request can't be scanned.\n",
        at "profiles[].bad_request_response" {} {
        /// HTTP status.
        status
    } {}
}
