//! Judges one ICAP response.

use crate::bug::{Bug, bug};
use crate::config::{Cause, Profile};
use crate::icap::{HttpHead, ResponseHead};
use crate::product::{Product, REFUSALS, Trouble};

use super::evidence::{Code, Evidence, Standing, says};
use super::view::{BodyChange, IcapResponseView, Scan, replaces_status};
use super::{Findings, status};

/// What an incomplete ICAP response says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rest {
    /// Nothing.
    Silent,
    /// The server found something, or began to send a local reply: the message is blocked.
    Found(Findings),
    /// The server is in trouble: one short sentence.
    Trouble(String),
    /// The server can't look into the content: one short sentence.
    Unscannable(String),
}

/// Why a message is blocked of which the server sent back only the beginning.
const ENDED_EARLY: &str = "the server ended the message early";
/// Why a message is blocked for which the server announced a response without a head.
const NO_HEAD: &str = "the server announced a response and sent no head of one";

/// The result of [`judge`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// What is to be done.
    pub verdict: Verdict,
    /// What was found; empty for [`Verdict::Pass`] and [`Verdict::Fail`].
    pub findings: Findings,
}

/// What happens to the scanned message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Forward it as it is.
    Pass,
    /// Forward the message in the ICAP response in its place.
    Modify,
    /// Do not forward it.
    Block(BlockWith),
    /// There is no verdict: the profile's failure action for `cause` decides.
    Fail {
        /// The cause.
        cause: Cause,
        /// One short sentence that says what failed.
        reason: String,
    },
}

/// What the client gets for a blocked message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockWith {
    /// The encapsulated response.
    ServerResponse,
    /// The profile's `block_response`: the ICAP response has no response of its own, or the profile does not use it.
    OwnPage,
}

/// Judges one complete final ICAP response. The first rule that applies decides.
///
/// For a 2xx status:
/// 1. REQMOD, and the ICAP response carries or announces an HTTP response: blocked, whatever the status of that (403,
///    200, 307). Exception: the product reports by it that there is no verdict, and there is no verdict header.
/// 2. Verdict headers say that something was found and not repaired, or that the server blocked: blocked, even with a
///    204 or an unchanged 200.
/// 3. The wrong kind of HTTP head: failed.
/// 4. The message ends early: blocked.
/// 5. Verdict headers say that everything was repaired: modified if there is another body, and no error page in the
///    place of a response; else blocked.
/// 6. A status other than 200, 201, 204 and 206: failed.
/// 7. RESPMOD, and a page of refusal stands in place of another status: blocked. A page by which the product reports
///    that there is no verdict: failed. For an upload, any other status and an HTML page in the place of another type:
///    blocked.
/// 8. A status by which this product blocks, and no HTTP message: blocked.
/// 9. Modified if head or body changed, else passed, provided that every header is there that the profile requires. A
///    204 counts even if it was not offered: the original is still at hand.
///
/// For any other status: blocked by a verdict header, by an error code that refuses the content, or by a status that
/// is a verdict (403); else failed, with the cause that the error code or the status gives. An encapsulated page alone
/// is no verdict.
pub fn judge(view: &IcapResponseView<'_>, profile: &Profile) -> Judgement {
    let evidence = Evidence::gather(view, profile);
    let product = profile.vendor.product();
    let verdict = match view.status {
        200..=299 => with_required(
            view,
            profile,
            of_success(view, profile, product, evidence.standing()),
        ),
        status => {
            let by_code = evidence.by_code();
            match by_code {
                _ if evidence.standing() != Standing::Silent => block(view, profile),
                Some(Code::Refused) => block(view, profile),
                Some(Code::Unscannable(code)) => Verdict::Fail {
                    cause: Cause::Unscannable,
                    reason: code,
                },
                _ if product.blocks_by(status) => block(view, profile),
                Some(Code::Own) | None => fail_with_status(status),
            }
        }
    };
    let mut findings = match verdict {
        Verdict::Block(_) | Verdict::Modify => evidence.into_findings(),
        Verdict::Pass | Verdict::Fail { .. } => Findings::default(),
    };
    if matches!(verdict, Verdict::Block(_)) {
        let why = match view.http {
            _ if view.is_cut_off() => Some(ENDED_EARLY),
            None if view.is_local_reply() => Some(NO_HEAD),
            _ => None,
        };
        findings.reason = findings.reason.or(why.map(str::to_owned));
    }
    Judgement { verdict, findings }
}

/// Judges an incomplete ICAP response: it broke off, or its message can't be put in place. The received part may
/// decide by itself: by a verdict header, an ICAP status that is a verdict, an `Encapsulated` that announces a
/// response to REQMOD, or a product's report beside a verdict. Such a message must not go on, not even with
/// `fail_open`.
pub fn judge_head(view: &IcapResponseView<'_>, profile: &Profile) -> Rest {
    let evidence = Evidence::gather(view, profile);
    let product = profile.vendor.product();
    if evidence.standing() != Standing::Silent {
        return Rest::Found(evidence.into_findings());
    }
    if !(200..=299).contains(&view.status) {
        return match evidence.by_code() {
            Some(Code::Unscannable(code)) => Rest::Unscannable(code),
            Some(Code::Refused) => Rest::Found(evidence.into_findings()),
            _ if product.blocks_by(view.status) => Rest::Found(evidence.into_findings()),
            Some(Code::Own) | None => Rest::Silent,
        };
    }
    let page = view
        .response()
        .filter(|page| view.scan == Scan::Request || replaces_status(view, page));
    match page.and_then(|page| report(view, product, page)) {
        Some((Cause::Unscannable, reason)) => Rest::Unscannable(reason),
        Some((_, reason)) => Rest::Trouble(reason),
        None if (view.is_local_reply() && !bug(Bug::CutOffPageOpens))
            || (view.scan == Scan::Upload && page.is_some()) =>
        {
            Rest::Found(evidence.into_findings())
        }
        None => Rest::Silent,
    }
}

fn of_success(
    view: &IcapResponseView<'_>,
    profile: &Profile,
    product: &Product,
    standing: Standing,
) -> Verdict {
    let response = view.response();
    if view.is_local_reply() {
        return match response.and_then(|response| report(view, product, response)) {
            Some((cause, reason)) if standing == Standing::Silent => {
                Verdict::Fail { cause, reason }
            }
            _ => block(view, profile),
        };
    }
    if standing == Standing::Harmful && !bug(Bug::InfectionPasses) {
        return block(view, profile);
    }
    if let (Scan::Response | Scan::Upload, Some(HttpHead::Request(_))) = (view.scan, view.http) {
        return Verdict::Fail {
            cause: Cause::Protocol,
            reason: "HTTP request in the ICAP response to RESPMOD".to_owned(),
        };
    }
    if view.is_cut_off() {
        return Verdict::Block(BlockWith::OwnPage);
    }
    let defined = matches!(view.status, 200 | 201 | 204 | 206) || bug(Bug::UndefinedStatusPasses);
    let replaced = response.filter(|response| replaces_status(view, response));
    // For a download another status goes to the client who asked for it. An upload has no such client: another status
    // is a local reply.
    let is_reply = |page: &ResponseHead| report(view, product, page).is_none();
    let is_refused = view.scan == Scan::Upload && replaced.is_some_and(is_reply);
    let is_page = replaced.is_none() && view.is_page_for_upload();
    if is_refused || is_page {
        return block(view, profile);
    }
    if standing == Standing::Repaired {
        if replaced.is_some_and(|page| page.status >= 400) {
            return block(view, profile);
        }
        return match view.body {
            BodyChange::Changed if defined => Verdict::Modify,
            _ => block(view, profile),
        };
    }
    if !defined || (view.status == 206 && view.http.is_none() && view.body == BodyChange::None) {
        return Verdict::Fail {
            cause: Cause::Protocol,
            reason: status::sentence(view.status),
        };
    }
    if let Some(page) = replaced {
        if let Some((cause, reason)) = report(view, product, page) {
            return Verdict::Fail { cause, reason };
        }
        if REFUSALS.contains(&page.status) {
            return block(view, profile);
        }
    }
    if view.http.is_none() && view.body == BodyChange::None && product.blocks_by(view.status) {
        return block(view, profile);
    }
    if (view.head_changed && !bug(Bug::HeadChangeIgnored)) || view.body == BodyChange::Changed {
        Verdict::Modify
    } else {
        Verdict::Pass
    }
}

/// Blocks, with the server's response where the profile wants it and it is not the scanned response itself.
fn block(view: &IcapResponseView<'_>, profile: &Profile) -> Verdict {
    let usable = match view.http {
        Some(HttpHead::Response(response)) => {
            view.scan == Scan::Request
                || replaces_status(view, response)
                || view.body == BodyChange::Changed
        }
        Some(HttpHead::Request(_)) | None => false,
    };
    Verdict::Block(if usable && profile.block_response.use_server_response {
        BlockWith::ServerResponse
    } else {
        BlockWith::OwnPage
    })
}

/// What a product reports beside a verdict, dressed as content.
fn report(
    view: &IcapResponseView<'_>,
    product: &Product,
    response: &ResponseHead,
) -> Option<(Cause, String)> {
    let report = product.report(response.status, view.page)?;
    let cause = match report.trouble {
        Trouble::Unscannable => Cause::Unscannable,
        Trouble::Own => Cause::ServerError,
    };
    let (status, what) = (response.status, report.what);
    Some((
        cause,
        format!("ICAP server answered with HTTP {status}: {what}"),
    ))
}

/// The verdict, if the ICAP response has every header that the profile requires for letting a message go on.
fn with_required(view: &IcapResponseView<'_>, profile: &Profile, verdict: Verdict) -> Verdict {
    if !matches!(verdict, Verdict::Pass | Verdict::Modify) {
        return verdict;
    }
    let missing = profile.pass_requires.iter().find(|required| {
        let mut headers = view.headers.iter();
        !headers.any(|header| says(required, &header.name, &header.value))
    });
    match missing {
        None => verdict,
        Some(required) => Verdict::Fail {
            cause: Cause::ServerError,
            reason: format!(
                "the ICAP response lacks a header that a pass requires: {}",
                required.name
            ),
        },
    }
}

fn fail_with_status(status: u16) -> Verdict {
    let cause = match status {
        // 100 is no final status, and ICAP does not define the others.
        0..=199 | 600.. => Cause::Protocol,
        _ => Cause::ServerError,
    };
    Verdict::Fail {
        cause,
        reason: status::sentence(status),
    }
}
