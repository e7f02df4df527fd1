//! Attributes whose value is one of a few words. Each word stands beside the value that it means.

use crate::policy::{ClientIpSource, Enforcement, Protocol};
use crate::product::ShownAs;

/// A type whose values are written as words.
pub(super) trait Choice: Copy + 'static {
    /// The words, in the order of the reference.
    const WORDS: &'static [&'static str];

    /// What a word stands for; `None`: the word is unknown.
    fn named(word: &str) -> Option<Self>;
}

/// Says which word stands for which value.
macro_rules! words {
    ($Type:ident: $($word:literal => $value:ident),+) => {
        impl Choice for $Type {
            const WORDS: &'static [&'static str] = &[$($word),+];

            fn named(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$value),)+
                    _ => None,
                }
            }
        }
    };
}

/// Declares an enum, and the word for each of its values.
macro_rules! choice {
    ($(#[$meta:meta])* $vis:vis enum $Type:ident { $($(#[$doc:meta])* $value:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        $vis enum $Type {
            $($(#[$doc])* $value,)+
        }

        words!($Type: $($word => $value),+);
    };
}

words!(Enforcement: "enforce" => Enforce, "monitor" => Monitor);
words!(ClientIpSource: "downstream" => Downstream, "peer" => Peer);
words!(Protocol: "http" => Http, "https" => Https);
words!(ShownAs: "reqmod" => Request, "respmod" => Response);

choice! {
    /// The role that an instance of the module plays.
    pub(super) enum Role {
        /// The HTTP filter.
        Filter = "filter",
        /// The upstream filter of the ICAP cluster.
        Transport = "transport",
        /// The filter beside the HTTP filter that slows senders of bodies down.
        Gate = "gate",
    }
}

choice! {
    /// What happens to a request whose scan failed.
    pub enum FailAction {
        /// The client gets an error; nothing reaches the application.
        Closed = "fail_closed",
        /// The request is forwarded unscanned.
        Open = "fail_open",
    }
}

choice! {
    /// What happens to a message whose body is larger than the buffer.
    pub(super) enum LargeBodyAction {
        /// As [`FailAction::Closed`].
        Closed = "fail_closed",
        /// As [`FailAction::Open`].
        Open = "fail_open",
        /// The body is scanned while it passes; where that is not possible, as [`FailAction::Closed`].
        Stream = "stream",
    }
}

impl LargeBodyAction {
    /// What happens where the body does not stream.
    pub(super) fn fail_action(self) -> FailAction {
        match self {
            Self::Closed | Self::Stream => FailAction::Closed,
            Self::Open => FailAction::Open,
        }
    }

    /// What holds for responses where only that for requests is written.
    pub(super) fn of_responses(self) -> Self {
        match self {
            Self::Stream => Self::Closed,
            action => action,
        }
    }
}

/// Which bodies that are larger than the buffer are scanned while they pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Streams {
    /// Those of requests.
    pub requests: bool,
    /// Those of responses.
    pub responses: bool,
}

choice! {
    /// For which messages the server's `Transfer-Ignore` counts (RFC 3507 section 4.10.2).
    pub enum HonorTransferIgnore {
        /// For none: everything is scanned.
        Never = "never",
        /// For responses: a client chooses the path of its request, and with it the extension.
        Responses = "responses",
        /// For requests and responses.
        Always = "always",
    }
}

choice! {
    /// What becomes of the trailer fields of a message (RFC 9110 section 6.5).
    pub enum Trailers {
        /// They go on, except those that must not be trailers.
        Forward = "forward",
        /// The filter takes them out.
        Drop = "drop",
        /// The server is shown them before they go on.
        Scan = "scan",
    }
}

choice! {
    /// What becomes of a range request (RFC 9110 section 14.2).
    pub enum RangeRequests {
        /// The request goes on as it came.
        Pass = "pass",
        /// The request goes on as one for the whole resource.
        Strip = "strip",
    }
}

choice! {
    /// What `multipart` says of forms (`multipart/form-data`).
    pub(super) enum FormChoice {
        /// As the product needs it.
        Auto = "auto",
        /// As [`ShownForm::Whole`].
        Whole = "whole",
        /// As [`ShownForm::Parts`].
        Parts = "parts",
    }
}

choice! {
    /// How a gRPC call is shown.
    pub enum Grpc {
        /// As one body.
        Whole = "whole",
        /// Each message on its own.
        Messages = "messages",
    }
}

choice! {
    /// The `action` of a rule.
    pub(super) enum RuleAction {
        /// Scan.
        EnableIcap = "enable_icap",
        /// Do not scan.
        Bypass = "bypass",
    }
}

choice! {
    /// How the name of a user is written in an ICAP header.
    pub enum UserEncoding {
        /// In base64 (draft-stecher-icap-subid).
        Base64 = "base64",
        /// As the name is.
        Plain = "plain",
    }
}

impl UserEncoding {
    /// The scheme in front of the name where `authenticated_user_scheme` is absent.
    pub(super) fn usual_scheme(self) -> &'static str {
        match self {
            Self::Base64 => "Local",
            Self::Plain => "",
        }
    }
}

/// How a server is shown a form (`multipart/form-data`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShownForm {
    /// As one body.
    Whole,
    /// Each file on its own, and the other parts as one form.
    Parts,
}

/// When the filter sends a header about the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendWhen {
    /// Always.
    Always,
    /// Never.
    Never,
    /// When `X-Include` in the server's OPTIONS response names the header.
    Auto,
}
