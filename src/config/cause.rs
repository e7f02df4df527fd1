//! Why a scan fails: one row for each cause, with all that any part of the filter knows of it.

use super::attribute::{Attribute, Object, Section, choice};
use super::choice::FailAction;
use super::reader::Fields;

/// What the filter knows of a cause.
#[derive(Debug)]
pub struct Row {
    /// Its name in `fail_action_by_cause`, in the metrics and in reports.
    pub name: &'static str,
    /// The name of the counter of its failures: `failed.` and the name.
    pub counter: &'static str,
    /// When that counter grows, in Markdown.
    #[cfg(not(target_arch = "wasm32"))]
    pub counted_when: &'static str,
    /// When an operator looks at that counter, in Markdown.
    #[cfg(not(target_arch = "wasm32"))]
    pub look_when: &'static str,
    /// Which attribute of a profile may let a message go on.
    opened_by: OpenedBy,
    /// Its `significance` in icap_log. Causes may share one.
    pub significance: &'static str,
    /// The local reply to a failed request.
    pub to_request: Told,
    /// The local reply in the place of a failed response.
    pub to_response: Told,
}

/// Which attribute decides whether a message goes on whose scan failed.
#[derive(Clone, Copy, Debug)]
enum OpenedBy {
    /// The cause's own attribute in `fail_action_by_cause`, or else `fail_action` if it has no default.
    ItsOwn,
    /// `large_upload_fail_action`.
    LargeUpload,
    /// No attribute: else a client could decide what is scanned.
    Nothing,
}

/// What a local reply tells the client of a failure.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    /// Which page of the profile the client gets.
    pub page: FailurePage,
    /// Whether the reply has `Retry-After`, since a later try may succeed.
    pub retry: bool,
    /// The status of a gRPC call (gRPC's core documentation, "Status codes and their use").
    pub grpc_status: u8,
    /// The message of a gRPC call.
    pub grpc_message: &'static str,
}

/// The pages of a profile about failures, each named like its attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailurePage {
    /// `fail_response`.
    Fail,
    /// `too_large_response`.
    TooLarge,
    /// `bad_request_response`.
    BadRequest,
}

impl Told {
    const UNAVAILABLE: Self = Self {
        page: FailurePage::Fail,
        retry: true,
        grpc_status: 14,
        grpc_message: "could not be scanned",
    };
    /// A response that is too large: the application would send it again.
    const TOO_LARGE_RESPONSE: Self = Self {
        retry: false,
        ..Self::UNAVAILABLE
    };
    const INTERNAL: Self = Self {
        grpc_status: 13,
        retry: false,
        ..Self::UNAVAILABLE
    };
    const RESOURCE_EXHAUSTED: Self = Self {
        page: FailurePage::TooLarge,
        retry: false,
        grpc_status: 8,
        grpc_message: "too large to be scanned",
    };
    const INVALID_ARGUMENT: Self = Self {
        page: FailurePage::BadRequest,
        retry: false,
        grpc_status: 3,
        grpc_message: "can't be scanned",
    };
}

/// Declares the causes. Of a cause with an attribute in `fail_action_by_cause` the comment is the text of the reference. A cause
/// without one says what an error names instead.
macro_rules! causes {
    (
        without_attribute {
            $(
                $(#[doc = $doc:literal])+
                $Without:ident: $without_name:literal, opened_by: $opened_by:ident, instead: $instead:literal, $without_row:tt
            )+
        }
        with_attribute {
            $($(#[doc = $effect:literal])+ $With:ident: $with_name:literal, $default:expr, $with_row:tt)+
        }
    ) => {
        /// Why a scan gave no verdict.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Cause {
            $($(#[doc = $doc])+ $Without,)+
            $($(#[doc = $effect])+ $With,)+
        }

        impl Cause {
            /// Every cause, in the order of the enum.
            pub const ALL: &'static [Self] = &[$(Self::$Without,)+ $(Self::$With,)+];

            /// Its name in `fail_action_by_cause`, in the metrics and in reports.
            pub const fn as_str(self) -> &'static str {
                self.row().name
            }

            /// The cause's row.
            pub const fn row(self) -> &'static Row {
                match self {
                    $(Self::$Without => &causes!(@row $without_name $opened_by $without_row),)+
                    $(Self::$With => &causes!(@row $with_name ItsOwn $with_row),)+
                }
            }
        }

        impl Object for FailActions {
            const SECTION: &'static Section = {
                static SECTION: Section = Section::new(
                    "profiles[].fail_action_by_cause",
                    "Each is `fail_closed` or `fail_open`, and without value is as `fail_action`. A body that is too large is \
                     no such cause: see `large_upload_fail_action`. Nor is `bad_request`, what the client sent and no \
                     scanner can be shown: it always gets 400, but where `enforcement` is `monitor`.",
                    &[$($default.named($with_name).doing(concat!($($effect),+))),+],
                )
                .refusing(&[$(($without_name, $instead)),+]);
                &SECTION
            };
        }
    };
    (@row $name:literal $opened_by:ident {
        significance: $significance:literal,
        counted_when: $counted_when:literal,
        look_when: $look_when:literal,
        to_request: $to_request:ident,
        to_response: $to_response:ident,
    }) => {
        Row {
            name: $name,
            counter: concat!("failed.", $name),
            #[cfg(not(target_arch = "wasm32"))]
            counted_when: $counted_when,
            #[cfg(not(target_arch = "wasm32"))]
            look_when: $look_when,
            opened_by: OpenedBy::$opened_by,
            significance: $significance,
            to_request: Told::$to_request,
            to_response: Told::$to_response,
        }
    };
}

impl Cause {
    /// The first cause with that significance.
    pub fn of_significance(name: &str) -> Option<Self> {
        let mut causes = Self::ALL.iter().copied();
        causes.find(|cause| cause.row().significance == name)
    }

    /// The local reply to a failed request, or else in the place of a failed response.
    pub const fn told(self, of_request: bool) -> Told {
        let row = self.row();
        if of_request {
            row.to_request
        } else {
            row.to_response
        }
    }
}

const AS_FAIL_ACTION: Attribute = choice::<FailAction>().otherwise("as `fail_action`");

// In the order in which icap_log names their significance: what says most comes first.
causes! {
    without_attribute {
        /// The body is larger than the profile's buffer.
        Oversize: "oversize", opened_by: LargeUpload, instead: "large_upload_fail_action, beside fail_action", {
            significance: "ADF_ICAP_BODY_SIZE_BIGGER_THAN_CONFIGURED",
            counted_when: "Failed: the body is larger than the profile's buffer.",
            look_when: "Growth: uploads are refused or unscanned for their size.",
            to_request: RESOURCE_EXHAUSTED,
            to_response: TOO_LARGE_RESPONSE,
        }
        /// No scanner can be shown what the client sent.
        BadRequest: "bad_request", opened_by: Nothing,
        instead: "nothing: such a request always gets 400, for what a client sends must not decide whether it is scanned", {
            significance: "ADF_ICAP_BAD_REQUEST",
            counted_when: "Refused with 400: what the client sent can't be shown to a scanner.",
            look_when: "Growth: a broken client, or an attack.",
            to_request: INVALID_ARGUMENT,
            to_response: UNAVAILABLE,
        }
    }
    with_attribute {
        /// `response_timeout_ms` is over.
        Timeout: "timeout", AS_FAIL_ACTION, {
            significance: "ADF_ICAP_TIMEDOUT",
            counted_when: "Failed: the server took longer than `response_timeout_ms`.",
            look_when: "Any lasting growth: the server is too slow or has too few workers.",
            to_request: UNAVAILABLE,
            to_response: UNAVAILABLE,
        }
        /// No connection, or the connection was lost.
        Connection: "connection", AS_FAIL_ACTION, {
            significance: "ADF_ICAP_CONNECTION_ERROR",
            counted_when: "Failed: no connection to the ICAP server, or it was lost.",
            look_when: "Any lasting growth: the server or the way to it is down.",
            to_request: UNAVAILABLE,
            to_response: UNAVAILABLE,
        }
        /// The server's answer could not be read.
        Protocol: "protocol", AS_FAIL_ACTION, {
            significance: "ADF_ICAP_SERVER_ERROR",
            counted_when: "Failed: the server's ICAP response could not be read.",
            look_when: "Any growth: the peer is no ICAP server, or the server has a fault.",
            to_request: UNAVAILABLE,
            to_response: UNAVAILABLE,
        }
        /// ICAP 4xx or 5xx that is no verdict.
        ServerError: "server_error", AS_FAIL_ACTION, {
            significance: "ADF_ICAP_SERVER_ERROR",
            counted_when: "Failed: the server sent an error that is no verdict.",
            look_when: "Any lasting growth: see the reason in icap_log.",
            to_request: UNAVAILABLE,
            to_response: UNAVAILABLE,
        }
        /// Too many requests wait for a connection.
        Overload: "overload", AS_FAIL_ACTION, {
            significance: "ADF_ICAP_OVERLOAD",
            counted_when: "Failed: more than `max_pending` requests waited for a connection.",
            look_when: "Any growth: raise `max_connections` or add servers.",
            to_request: UNAVAILABLE,
            to_response: UNAVAILABLE,
        }
        /// The server says that it can't look into this content (an encrypted or too deep archive, too many files): blocked
        /// with 403, whatever `fail_action` says.
        Unscannable: "unscannable", choice::<FailAction>().or_text("fail_closed"), {
            significance: "ADF_ICAP_UNSCANNABLE",
            counted_when: "The server can't look into the content: blocked, unless `fail_action_by_cause` opens this cause.",
            look_when: "Growth: users who send protected files, or an attack that hides in archives.",
            to_request: UNAVAILABLE,
            to_response: UNAVAILABLE,
        }
        /// A fault of the filter or of Envoy's buffers.
        Internal: "internal", AS_FAIL_ACTION, {
            significance: "ADF_ICAP_FAILED",
            counted_when: "Failed: a fault of the filter or of its set-up.",
            look_when: "Any growth: see Envoy's log.",
            to_request: INTERNAL,
            to_response: INTERNAL,
        }
    }
}

/// The failure action of each cause: the set of the causes that fail open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FailActions(u16);

const _: () = assert!(Cause::ALL.len() <= 16, "a cause is a bit");

impl FailActions {
    /// What to do when a scan fails for `cause`.
    pub fn of(self, cause: Cause) -> FailAction {
        match self.0 & bit(cause) {
            0 => FailAction::Closed,
            _ => FailAction::Open,
        }
    }

    /// The causes that fail open.
    pub fn open(self) -> impl Iterator<Item = Cause> {
        let open = move |cause: &Cause| self.of(*cause) == FailAction::Open;
        Cause::ALL.iter().copied().filter(open)
    }

    /// Reads `fail_action_by_cause`, whose fields these are. `fail_action` holds for causes without an attribute there.
    pub(super) fn read(fields: &Fields<'_>, fail_action: FailAction) -> Self {
        let mut actions = Self::default();
        for cause in Cause::ALL {
            let row = cause.row();
            if matches!(row.opened_by, OpenedBy::ItsOwn) {
                actions.set(*cause, fields.choice(row.name).unwrap_or(fail_action));
            }
        }
        actions
    }

    /// The same actions, with that of `large_upload_fail_action`.
    #[must_use]
    pub(super) fn with_large_upload(mut self, action: FailAction) -> Self {
        for cause in Cause::ALL {
            if matches!(cause.row().opened_by, OpenedBy::LargeUpload) {
                self.set(*cause, action);
            }
        }
        self
    }

    fn set(&mut self, cause: Cause, action: FailAction) {
        match action {
            FailAction::Open => self.0 |= bit(cause),
            FailAction::Closed => self.0 &= !bit(cause),
        }
    }
}

const fn bit(cause: Cause) -> u16 {
    1 << cause as u16
}
