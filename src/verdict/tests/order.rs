//! One test for each rule of `judge`'s order, built so that it fails without that rule.

use super::super::{BlockWith, BodyChange, Findings, Rest, Verdict};
use super::{Response, profile, reqmod, respmod};
use crate::config::{Cause, IcapHeaderMatcher};
use crate::policy::{StringMatcher, StringTest};

const SERVER_PAGE: Verdict = Verdict::Block(BlockWith::ServerResponse);
const OWN_PAGE: Verdict = Verdict::Block(BlockWith::OwnPage);
const INFECTED: &str = "Type=0; Resolution=0; Threat=X;";
const REPAIRED: &str = "Type=0; Resolution=1; Threat=X;";

fn verdict(icap_response: &Response) -> Verdict {
    icap_response.judge().verdict
}

fn cause(icap_response: &Response) -> Option<Cause> {
    match verdict(icap_response) {
        Verdict::Fail { cause, .. } => Some(cause),
        _ => None,
    }
}

#[test]
fn a_response_to_reqmod_blocks_whatever_its_status() {
    for status in [200, 201, 206, 299] {
        for http in [200, 204, 302, 307, 403, 404, 500] {
            let icap_response = reqmod(status).response(http, &[], BodyChange::Same);
            assert_eq!(
                verdict(&icap_response),
                SERVER_PAGE,
                "{status} with HTTP {http}"
            );
        }
    }
}

#[test]
fn a_response_to_reqmod_outweighs_a_pending_scan_and_a_repair() {
    let pending = reqmod(202).response(403, &[], BodyChange::Changed);
    assert_eq!(verdict(&pending), SERVER_PAGE);
    let repaired =
        reqmod(200)
            .header("X-Infection-Found", REPAIRED)
            .response(403, &[], BodyChange::Changed);
    assert_eq!(verdict(&repaired), SERVER_PAGE);
}

#[test]
fn an_announced_response_to_reqmod_blocks_without_a_head() {
    for parts in [
        "res-body=0",
        "res-hdr=0, res-body=999",
        "RES-HDR=x",
        "req-hdr=0, res-body=9",
    ] {
        for status in [200, 201, 206, 299] {
            let icap_response = reqmod(status).header("Encapsulated", parts);
            assert_eq!(verdict(&icap_response), OWN_PAGE, "{status} with {parts}");
            let reason = icap_response.judge().findings.reason;
            let expected = "the server announced a response and sent no head of one";
            assert_eq!(reason.as_deref(), Some(expected), "{status} with {parts}");
        }
    }
    let named = reqmod(200)
        .header("Encapsulated", "res-body=0")
        .header("X-Blocked-Reason", "policy");
    let reason = named.judge().findings.reason;
    assert_eq!(reason.as_deref(), Some("policy"));
    let error = reqmod(500).header("Encapsulated", "res-body=0");
    assert_eq!(cause(&error), Some(Cause::ServerError));
    let response = respmod(200).header("Encapsulated", "res-hdr=0, res-body=9");
    assert_eq!(verdict(&response), Verdict::Pass);
}

#[test]
fn a_message_that_ends_early_blocks_and_says_so() {
    for status in [200, 201, 206, 299] {
        let request = reqmod(status).request(&[], BodyChange::CutOff);
        let response = respmod(status).response(200, &[], BodyChange::CutOff);
        for icap_response in [request, response] {
            let judgement = icap_response.judge();
            assert_eq!(judgement.verdict, OWN_PAGE, "{status}");
            assert_eq!(
                judgement.findings.reason.as_deref(),
                Some("the server ended the message early")
            );
            let repaired = icap_response.header("X-Infection-Found", REPAIRED);
            assert_eq!(verdict(&repaired), OWN_PAGE, "{status}");
        }
    }
    let page = reqmod(200).response(403, &[], BodyChange::CutOff);
    assert_eq!(
        verdict(&page),
        SERVER_PAGE,
        "a page is no part of the upload"
    );
}

#[test]
fn an_undefined_success_status_is_a_protocol_error() {
    for status in [202, 203, 205, 207, 250, 299] {
        assert_eq!(cause(&reqmod(status)), Some(Cause::Protocol), "{status}");
        assert_eq!(cause(&respmod(status)), Some(Cause::Protocol), "{status}");
        let echo = reqmod(status).request(&[], BodyChange::Same);
        assert_eq!(cause(&echo), Some(Cause::Protocol), "{status}");
        let infected = reqmod(status).header("X-Virus-ID", "X");
        assert_eq!(verdict(&infected), OWN_PAGE, "{status}");
        let repaired = reqmod(status)
            .header("X-Infection-Found", REPAIRED)
            .request(&[], BodyChange::Changed);
        assert_eq!(verdict(&repaired), OWN_PAGE, "{status}");
    }
    assert_eq!(
        cause(&reqmod(206)),
        Some(Cause::Protocol),
        "a part of nothing"
    );
}

#[test]
fn verdict_headers_outweigh_a_vendors_trouble_status() {
    let icap_response =
        reqmod(200)
            .header("X-Virus-ID", "X")
            .response(500, &[], BodyChange::Changed);
    let judgement = icap_response.judge_for(&profile("trend_micro"));
    assert_eq!(judgement.verdict, SERVER_PAGE);
}

#[test]
fn each_verdict_header_blocks_a_204_and_an_echo() {
    for (name, value) in [
        ("X-Infection-Found", INFECTED),
        ("x-infection-found", "Type=1; Resolution=2; Threat=Policy"),
        ("X-Infection-Found", "yes"),
        ("X-Violations-Found", "1\nf\nX\n0\n0"),
        ("X-Violations-Found", "2"),
        ("X-Virus-ID", "X"),
        ("X-Response-Info", "Blocked"),
        ("X-Response-Info", "DENIED"),
        ("X-Blocked-Reason", "Infected"),
    ] {
        let no_content = reqmod(204).header(name, value);
        assert_eq!(verdict(&no_content), OWN_PAGE, "{name}: {value} on 204");
        let echo = reqmod(200)
            .header(name, value)
            .request(&[], BodyChange::Same);
        assert_eq!(verdict(&echo), OWN_PAGE, "{name}: {value} on an echo");
        let pending = reqmod(202).header(name, value);
        assert_eq!(verdict(&pending), OWN_PAGE, "{name}: {value} on 202");
    }
}

#[test]
fn headers_that_say_nothing_do_not_block() {
    for (name, value) in [
        ("X-Infection-Found", "none"),
        ("X-Violations-Found", "0"),
        ("X-Violations-Found", ""),
        ("X-Virus-ID", ""),
        ("X-Virus-ID", "None"),
        ("X-Virus-ID", "no threats"),
        ("X-Response-Info", "Allowed"),
        ("X-Response-Info", "Options"),
        ("X-Blocked-Reason", ""),
        ("X-Response-Desc", "Clean"),
        ("X-Error-Code", "decode_error"),
        ("X-My-Verdict", "bad"),
    ] {
        let icap_response = reqmod(204).header(name, value);
        let judgement = icap_response.judge();
        assert_eq!(judgement.verdict, Verdict::Pass, "{name}: {value}");
        assert_eq!(judgement.findings, Findings::default(), "{name}: {value}");
    }
}

#[test]
fn a_custom_verdict_header_blocks_by_its_presence() {
    let mut profile = profile("generic");
    profile.verdict_headers = vec![header("x-my-verdict", None)];
    for value in ["", "none", "Clean", "0"] {
        let icap_response = reqmod(204).header("x-my-verdict", value);
        assert_eq!(
            icap_response.judge_for(&profile).verdict,
            Verdict::Pass,
            "{value}"
        );
    }
    let judgement = reqmod(200)
        .header("X-My-Verdict", "score 9")
        .request(&[], BodyChange::Changed)
        .judge_for(&profile);
    assert_eq!(judgement.verdict, OWN_PAGE);
    assert_eq!(
        judgement.findings.reason.as_deref(),
        Some("X-My-Verdict: score 9")
    );
}

/// A matcher for a header with this value, or with any.
fn header(name: &str, exact: Option<&str>) -> IcapHeaderMatcher {
    IcapHeaderMatcher {
        name: name.to_owned(),
        value: exact.map(|value| {
            StringMatcher::new(StringTest::Exact(vec![value.to_owned()]), false, false)
        }),
    }
}

#[test]
fn a_custom_verdict_header_blocks_by_its_value() {
    let mut profile = profile("generic");
    profile.verdict_headers = vec![header("x-scan-result", Some("infected"))];
    for (value, verdict) in [
        ("infected", OWN_PAGE),
        (" infected ", OWN_PAGE),
        ("clean", Verdict::Pass),
        ("Infected", Verdict::Pass),
        ("not infected", Verdict::Pass),
        ("", Verdict::Pass),
    ] {
        let icap_response = reqmod(204).header("X-Scan-Result", value);
        assert_eq!(
            icap_response.judge_for(&profile).verdict,
            verdict,
            "{value}"
        );
    }
}

#[test]
fn a_pass_without_a_required_header_is_a_server_error() {
    let mut profile = profile("opswat");
    profile.pass_requires = vec![header("x-icap-profile", None)];
    let scanned = |icap_response: Response| icap_response.header("X-ICAP-Profile", "Proxy");
    let bare = reqmod(204).header("X-Response-Info", "Allowed");
    let changed = reqmod(200).request(&[], BodyChange::Changed);
    for (icap_response, verdict) in [(bare, Verdict::Pass), (changed, Verdict::Modify)] {
        let failed = Verdict::Fail {
            cause: Cause::ServerError,
            reason: "the ICAP response lacks a header that a pass requires: x-icap-profile"
                .to_owned(),
        };
        assert_eq!(icap_response.judge_for(&profile).verdict, failed);
        assert_eq!(scanned(icap_response).judge_for(&profile).verdict, verdict);
    }
    let infected = reqmod(204).header("X-Virus-ID", "X");
    assert_eq!(infected.judge_for(&profile).verdict, OWN_PAGE);
}

#[test]
fn the_clients_own_headers_are_no_verdict() {
    let mut profile = profile("generic");
    profile.verdict_headers = vec![header("x-my-verdict", None)];
    let icap_response = reqmod(200).request(
        &[
            ("X-Virus-ID", "X"),
            ("X-Infection-Found", INFECTED),
            ("X-My-Verdict", "1"),
        ],
        BodyChange::Same,
    );
    assert_eq!(icap_response.judge_for(&profile).verdict, Verdict::Pass);
}

#[test]
fn the_applications_own_headers_are_no_verdict() {
    let own = [("X-Virus-ID", "X")];
    let echoed = respmod(200)
        .original(200, &own)
        .response(200, &own, BodyChange::Same);
    assert_eq!(verdict(&echoed), Verdict::Pass);
    let added =
        respmod(200)
            .original(200, &[("X-Virus-ID", "Y")])
            .response(200, &own, BodyChange::Same);
    assert_eq!(verdict(&added), OWN_PAGE);
}

#[test]
fn a_request_in_response_to_respmod_is_a_protocol_error() {
    let icap_response = respmod(200).request(&[], BodyChange::Changed);
    assert_eq!(cause(&icap_response), Some(Cause::Protocol));
    let infected = icap_response.header("X-Virus-ID", "X");
    assert_eq!(verdict(&infected), OWN_PAGE);
}

#[test]
fn a_repair_is_modified_only_with_another_body() {
    let icap_response = |body| {
        reqmod(200)
            .header("X-Infection-Found", REPAIRED)
            .header("X-Virus-ID", "X")
            .request(&[], body)
    };
    assert_eq!(
        verdict(&icap_response(BodyChange::Changed)),
        Verdict::Modify
    );
    assert_eq!(verdict(&icap_response(BodyChange::Same)), OWN_PAGE);
    assert_eq!(verdict(&icap_response(BodyChange::None)), OWN_PAGE);
    let no_content = reqmod(204).header("X-Infection-Found", REPAIRED);
    assert_eq!(verdict(&no_content), OWN_PAGE);
    let response =
        respmod(200)
            .header("X-Infection-Found", REPAIRED)
            .response(200, &[], BodyChange::Changed);
    assert_eq!(verdict(&response), Verdict::Modify);
}

#[test]
fn one_part_not_repaired_outweighs_the_repaired_ones() {
    for (infection, violations) in [
        (REPAIRED, "2\na\nX\n0\n1\nb\nY\n0\n0"),
        (INFECTED, "1\na\nX\n0\n1"),
    ] {
        let icap_response = reqmod(200)
            .header("X-Infection-Found", infection)
            .header("X-Violations-Found", violations)
            .request(&[], BodyChange::Changed);
        assert_eq!(
            verdict(&icap_response),
            OWN_PAGE,
            "{infection} {violations}"
        );
    }
    let removed = reqmod(200)
        .header("X-Violations-Found", "2\na\nX\n0\n1\nb\nY\n0\n2")
        .request(&[], BodyChange::Changed);
    assert_eq!(verdict(&removed), Verdict::Modify);
}

#[test]
fn a_page_of_refusal_in_place_of_a_response_blocks() {
    for status in [403, 451] {
        let put = respmod(200).response(status, &[], BodyChange::Changed);
        assert_eq!(verdict(&put), SERVER_PAGE, "{status}");
        let own = respmod(200)
            .original(status, &[])
            .response(status, &[], BodyChange::Same);
        assert_eq!(verdict(&own), Verdict::Pass, "{status}");
    }
    let other = respmod(200).response(404, &[], BodyChange::Changed);
    assert_eq!(verdict(&other), Verdict::Modify);
}

#[test]
fn an_infected_response_is_not_its_own_block_page() {
    let echoed =
        respmod(200)
            .header("X-Infection-Found", INFECTED)
            .response(200, &[], BodyChange::Same);
    assert_eq!(verdict(&echoed), OWN_PAGE);
    let page =
        respmod(200)
            .header("X-Infection-Found", INFECTED)
            .response(200, &[], BodyChange::Changed);
    assert_eq!(verdict(&page), SERVER_PAGE);
}

#[test]
fn a_bare_201_is_a_verdict_for_symantec_only() {
    let symantec = profile("symantec");
    assert_eq!(reqmod(201).judge_for(&symantec).verdict, OWN_PAGE);
    assert_eq!(verdict(&reqmod(201)), Verdict::Pass);
    let echo = reqmod(201).request(&[], BodyChange::Same);
    assert_eq!(echo.judge_for(&symantec).verdict, Verdict::Pass);
    let without_body = reqmod(201).request(&[], BodyChange::None);
    assert_eq!(without_body.judge_for(&symantec).verdict, Verdict::Pass);
}

#[test]
fn a_change_of_head_or_body_is_modified_and_an_echo_passes() {
    for status in [200, 201, 206] {
        let echo = reqmod(status).request(&[], BodyChange::Same);
        assert_eq!(verdict(&echo), Verdict::Pass, "{status}");
        let body = reqmod(status).request(&[], BodyChange::Changed);
        assert_eq!(verdict(&body), Verdict::Modify, "{status}");
        let mut head = echo;
        head.head_changed = true;
        assert_eq!(verdict(&head), Verdict::Modify, "{status}");
    }
    assert_eq!(verdict(&reqmod(200)), Verdict::Pass);
    assert_eq!(verdict(&respmod(204)), Verdict::Pass);
}

#[test]
fn errors_fail_with_a_sentence() {
    for (status, sentence) in [
        (302, "ICAP status 302"),
        (400, "ICAP status 400 Bad request"),
        (404, "ICAP status 404 ICAP service not found"),
        (405, "ICAP status 405 Method not allowed for service"),
        (408, "ICAP status 408 Request timeout"),
        (418, "ICAP status 418 Bad composition"),
        (500, "ICAP status 500 Server error"),
        (501, "ICAP status 501 Method not implemented"),
        (502, "ICAP status 502 Bad gateway"),
        (503, "ICAP status 503 Service overloaded"),
        (504, "ICAP status 504 Gateway timeout"),
        (505, "ICAP status 505 ICAP version not supported"),
        (599, "ICAP status 599"),
    ] {
        // Neither a description nor a page makes a verdict of an error.
        let icap_response = reqmod(status)
            .header("X-Response-Desc", "engine not loaded")
            .response(403, &[], BodyChange::Changed);
        let failed = Verdict::Fail {
            cause: Cause::ServerError,
            reason: sentence.to_owned(),
        };
        assert_eq!(verdict(&icap_response), failed);
    }
    assert_eq!(cause(&reqmod(100)), Some(Cause::Protocol));
}

#[test]
fn an_error_with_a_verdict_header_blocks() {
    for (name, value) in [
        ("X-Infection-Found", INFECTED),
        ("X-Infection-Found", REPAIRED),
        ("X-Violations-Found", "1\nf\nX\n0\n0"),
        ("X-Virus-ID", "X"),
        ("X-Response-Info", "Blocked"),
        ("X-Blocked-Reason", "Policy"),
        ("X-Error-Code", "file_type_blocked"),
        ("X-ICAP-Error", "file_extension_blocked"),
        ("X-ICAP-Error", "a_code_that_nobody_knows"),
    ] {
        for status in [400, 404, 500, 503] {
            let icap_response = reqmod(status).header(name, value);
            assert_eq!(
                verdict(&icap_response),
                OWN_PAGE,
                "{status} {name}: {value}"
            );
        }
    }
    let page = reqmod(500)
        .header("X-ICAP-Error", "file_type_blocked")
        .response(403, &[], BodyChange::Changed);
    assert_eq!(verdict(&page), SERVER_PAGE);
    let trouble = reqmod(500).header("X-ICAP-Error", "Server_Unavailable");
    assert_eq!(cause(&trouble), Some(Cause::ServerError));
}

#[test]
fn an_error_about_unreadable_content_is_unscannable() {
    for code in [
        "max_archive_layers_exceeded",
        "decode_error",
        "Scan_Timeout",
        "password_protected; file a.zip",
    ] {
        let icap_response = reqmod(500).header("X-ICAP-Error", code);
        assert_eq!(cause(&icap_response), Some(Cause::Unscannable), "{code}");
        let rest = icap_response.judge_rest(&profile("generic"));
        assert_eq!(rest, Rest::Unscannable(code.to_owned()));
        let infected = icap_response.header("X-Virus-ID", "X");
        assert_eq!(verdict(&infected), OWN_PAGE, "{code}");
    }
}

#[test]
fn an_error_page_in_place_of_a_response_is_no_repair() {
    for status in [200, 201] {
        for (http, expected) in [
            (403, SERVER_PAGE),
            (500, SERVER_PAGE),
            (200, Verdict::Modify),
        ] {
            let icap_response = respmod(status)
                .header("X-Infection-Found", REPAIRED)
                .response(http, &[], BodyChange::Changed);
            let judgement = icap_response.judge_for(&profile("symantec"));
            assert_eq!(judgement.verdict, expected, "{status} with {http}");
        }
    }
}

#[test]
fn status_403_is_a_verdict_with_the_servers_page_if_there_is_one() {
    assert_eq!(verdict(&reqmod(403)), OWN_PAGE);
    let page = reqmod(403).response(403, &[], BodyChange::Changed);
    assert_eq!(verdict(&page), SERVER_PAGE);
}

#[test]
fn the_profile_may_refuse_the_servers_page() {
    let mut profile = profile("generic");
    profile.block_response.use_server_response = false;
    let icap_response = reqmod(200).response(403, &[], BodyChange::Changed);
    assert_eq!(icap_response.judge_for(&profile).verdict, OWN_PAGE);
}

#[test]
fn reason_and_threat_take_the_first_source_there_is() {
    let steps: [(&str, &str, Option<&str>, Option<&str>); 6] = [
        (
            "X-Violations-Found",
            "1\nf\nfrom violations\n0\n0",
            Some("from violations"),
            Some("from violations"),
        ),
        (
            "X-Infection-Found",
            "Type=0; Resolution=0; Threat=from infection;",
            Some("from infection"),
            Some("from infection"),
        ),
        (
            "X-Virus-ID",
            "from virus id",
            Some("from virus id"),
            Some("from virus id"),
        ),
        (
            "X-Error-Code",
            "from code",
            Some("from code"),
            Some("from virus id"),
        ),
        (
            "X-Response-Description",
            "from description",
            Some("from description"),
            Some("from virus id"),
        ),
        (
            "X-Blocked-Reason",
            "from reason",
            Some("from reason"),
            Some("from virus id"),
        ),
    ];
    let mut icap_response = reqmod(200).response(403, &[], BodyChange::Changed);
    for (name, value, reason, threat_id) in steps {
        icap_response = icap_response.header(name, value);
        let findings = icap_response.judge().findings;
        assert_eq!(findings.reason.as_deref(), reason, "{name}");
        assert_eq!(findings.threat_id.as_deref(), threat_id, "{name}");
    }
}

#[test]
fn a_list_sent_twice_is_logged_once() {
    let list = "1\nf\nX\n0\n0";
    let icap_response = reqmod(200).header("X-Violations-Found", list).response(
        403,
        &[("X-Violations-Found", list)],
        BodyChange::Changed,
    );
    assert_eq!(icap_response.judge().findings.violations.len(), 1);
}

#[test]
fn a_broken_off_response_is_judged_by_its_heads() {
    let rest = |icap_response: Response| icap_response.judge_rest(&profile("generic"));
    let threat = |icap_response| match rest(icap_response) {
        Rest::Found(findings) => findings.threat_id,
        other => panic!("{other:?}"),
    };
    for value in [INFECTED, REPAIRED] {
        let icap_response = reqmod(200).header("X-Infection-Found", value);
        assert_eq!(threat(icap_response).as_deref(), Some("X"));
    }
    let inside = [("X-Infection-Found", INFECTED)];
    let page = reqmod(200).response(403, &inside, BodyChange::Changed);
    assert_eq!(threat(page).as_deref(), Some("X"));
    let blocked = reqmod(200).header("X-Response-Info", "BLOCKED");
    assert_ne!(rest(blocked), Rest::Silent);
    assert_ne!(rest(reqmod(403)), Rest::Silent);
    assert_eq!(rest(reqmod(500)), Rest::Silent);
    let allowed = reqmod(200).header("X-Response-Info", "Allowed");
    assert_eq!(rest(allowed), Rest::Silent);
    let response = respmod(200).response(403, &[], BodyChange::Changed);
    assert_eq!(rest(response), Rest::Silent);
}

#[test]
fn an_announced_response_that_broke_off_blocks_but_for_a_vendors_trouble() {
    let nothing_found = Rest::Found(Findings::default());
    let announced = reqmod(200).header("Encapsulated", "res-hdr=0, res-body=9");
    let trend_micro = profile("trend_micro");
    assert_eq!(announced.judge_rest(&trend_micro), nothing_found);
    let page = announced.clone().response(403, &[], BodyChange::Changed);
    assert_eq!(page.judge_rest(&trend_micro), nothing_found);
    let trouble = announced.response(500, &[], BodyChange::Changed);
    assert_eq!(trouble.judge_rest(&profile("generic")), nothing_found);
    let rest = trouble.judge_rest(&trend_micro);
    assert!(matches!(rest, Rest::Trouble(_)), "{rest:?}");
    let infected = trouble.header("X-Virus-ID", "X");
    assert_ne!(infected.judge_rest(&trend_micro), rest);
}
