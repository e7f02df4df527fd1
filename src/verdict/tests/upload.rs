//! Uploads that were shown as downloads: what the ICAP response to RESPMOD means for the request.

use super::super::{BlockWith, BodyChange, Rest, Scan, Verdict};
use super::{Response, profile, respmod};
use crate::config::Cause;

const SERVER_PAGE: Verdict = Verdict::Block(BlockWith::ServerResponse);
const OWN_PAGE: Verdict = Verdict::Block(BlockWith::OwnPage);

/// The ICAP response to an upload of this type.
fn upload(status: u16, media_type: &str) -> Response {
    Response {
        scan: Scan::Upload,
        ..respmod(status).original(200, &[("Content-Type", media_type)])
    }
}

/// As the filter sees it: only the status of the HTTP head counts.
fn responded(status: u16, http: u16, headers: &[(&str, &str)], body: BodyChange) -> Response {
    let mut icap_response = upload(status, "application/pdf").response(http, headers, body);
    icap_response.head_changed = http != 200;
    icap_response
}

#[test]
fn a_204_and_the_same_body_pass_whatever_the_head() {
    assert_eq!(upload(204, "").judge().verdict, Verdict::Pass);
    let odd = [("Via", "scanner"), ("Content-Type", "text/html")];
    let same = responded(200, 200, &odd, BodyChange::Same);
    assert_eq!(same.judge().verdict, Verdict::Pass);
}

#[test]
fn another_body_is_a_change() {
    for headers in [
        &[][..],
        &[("Content-Type", "application/pdf")],
        &[("Content-Type", "text/plain")],
    ] {
        let changed = responded(200, 200, headers, BodyChange::Changed);
        assert_eq!(changed.judge().verdict, Verdict::Modify, "{headers:?}");
    }
    let cut_off = responded(200, 200, &[], BodyChange::CutOff);
    assert_eq!(cut_off.judge().verdict, OWN_PAGE);
}

#[test]
fn another_status_blocks() {
    for http in [201, 204, 302, 307, 400, 403, 404, 451, 500, 503] {
        for body in [BodyChange::Same, BodyChange::Changed, BodyChange::None] {
            let icap_response = responded(200, http, &[], body);
            assert_eq!(
                icap_response.judge().verdict,
                SERVER_PAGE,
                "{http} {body:?}"
            );
            let repaired =
                icap_response.header("X-Infection-Found", "Type=0; Resolution=1; Threat=X;");
            assert_eq!(repaired.judge().verdict, SERVER_PAGE, "{http} {body:?}");
        }
    }
}

#[test]
fn an_html_page_in_the_place_of_another_type_blocks() {
    for media_type in ["text/html", "Text/HTML; charset=utf-8", " text/html "] {
        let headers = [("Content-Type", media_type)];
        let page = responded(200, 200, &headers, BodyChange::Changed);
        assert_eq!(page.judge().verdict, SERVER_PAGE, "{media_type}");
        // For an upload of HTML a cleaned copy is as likely.
        let mut cleaned = upload(200, "text/html").response(200, &headers, BodyChange::Changed);
        cleaned.head_changed = false;
        assert_eq!(cleaned.judge().verdict, Verdict::Modify, "{media_type}");
    }
}

#[test]
fn a_verdict_header_of_the_server_blocks_and_one_of_the_upload_does_not() {
    let infected = upload(204, "").header("X-Virus-ID", "X");
    assert_eq!(infected.judge().verdict, OWN_PAGE);
    let headers = [("X-Virus-ID", "X")];
    let shown = responded(200, 200, &headers, BodyChange::Same);
    assert_eq!(shown.judge().verdict, OWN_PAGE);
    let own = shown.original(200, &headers);
    assert_eq!(own.judge().verdict, Verdict::Pass);
}

#[test]
fn what_a_product_reports_is_no_verdict() {
    let profile = profile("trend_vision_one_container");
    for (http, cause) in [(401, Cause::ServerError), (500, Cause::ServerError)] {
        // As pages are, of HTML.
        let html = [("Content-Type", "text/html")];
        let icap_response = responded(200, http, &html, BodyChange::Changed);
        let verdict = icap_response.judge_for(&profile).verdict;
        let Verdict::Fail { cause: found, .. } = verdict else {
            panic!("{verdict:?}");
        };
        assert_eq!(found, cause);
    }
    let page = responded(200, 403, &[], BodyChange::Changed);
    assert_eq!(page.judge_for(&profile).verdict, SERVER_PAGE);
}

#[test]
fn a_request_in_the_response_is_a_fault_and_an_error_no_verdict() {
    let request = upload(200, "").request(&[], BodyChange::Same);
    assert!(matches!(
        request.judge().verdict,
        Verdict::Fail {
            cause: Cause::Protocol,
            ..
        }
    ));
    assert!(matches!(
        upload(500, "").judge().verdict,
        Verdict::Fail {
            cause: Cause::ServerError,
            ..
        }
    ));
}

#[test]
fn a_page_that_breaks_off_blocks() {
    let profile = profile("generic");
    let page = responded(200, 403, &[], BodyChange::Changed);
    assert!(matches!(page.judge_rest(&profile), Rest::Found(_)));
    let change = responded(200, 200, &[], BodyChange::Changed);
    assert_eq!(change.judge_rest(&profile), Rest::Silent);
}
