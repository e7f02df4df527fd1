//! What each product sends, and the expected verdict.

use super::super::{BlockWith, BodyChange, Resolution, Verdict};
use super::{Response, profile, reqmod, respmod};
use crate::config::Cause;

const SERVER_PAGE: Verdict = Verdict::Block(BlockWith::ServerResponse);
const OWN_PAGE: Verdict = Verdict::Block(BlockWith::OwnPage);

fn failed(reason: &str) -> Verdict {
    Verdict::Fail {
        cause: Cause::ServerError,
        reason: reason.to_owned(),
    }
}

/// A row: product, the shown message, the ICAP response, then the expected verdict, reason, threat_id and violations
/// (file, threat, resolution).
type Row = (
    &'static str,
    &'static str,
    Response,
    Verdict,
    Option<&'static str>,
    Option<&'static str>,
    &'static [(&'static str, &'static str, Resolution)],
);

fn check(rows: Vec<Row>) {
    for (vendor, what, icap_response, verdict, reason, threat_id, violations) in rows {
        let got = icap_response.judge_for(&profile(vendor));
        let label = format!("{vendor}: {what}");
        assert_eq!(got.verdict, verdict, "{label}");
        assert_eq!(got.findings.reason.as_deref(), reason, "{label}");
        assert_eq!(got.findings.threat_id.as_deref(), threat_id, "{label}");
        let listed: Vec<_> = got
            .findings
            .violations
            .iter()
            .map(|v| (v.file_name.as_str(), v.threat_name.as_str(), v.resolution))
            .collect();
        assert_eq!(listed, violations, "{label}");
    }
}

#[test]
fn opswat() {
    let v = "opswat";
    let page = |icap_response: Response| icap_response.response(403, &[], BodyChange::Changed);
    check(vec![
        (
            v,
            "infected",
            page(
                reqmod(200)
                    .header("ISTag", "\"4.13.2\"")
                    .header("X-Blocked-Reason", "Infected")
                    .header("X-ICAP-Profile", "Proxy")
                    .header("X-Response-Info", "Blocked")
                    .header("X-Response-Desc", "Infected")
                    .header("X-Virus-ID", "EICAR-Test-File (not a virus)")
                    .header(
                        "X-Infection-Found",
                        "Type=0; Resolution=0; Threat=EICAR-Test-File (not a virus);",
                    )
                    .header(
                        "X-Violations-Found",
                        "1\neicar.com\nEICAR-Test-File (not a virus)\n0\n0",
                    ),
            ),
            SERVER_PAGE,
            Some("Infected"),
            Some("EICAR-Test-File (not a virus)"),
            &[(
                "eicar.com",
                "EICAR-Test-File (not a virus)",
                Resolution::NotRepaired,
            )],
        ),
        (
            v,
            "no rule matched: blocked, nothing scanned",
            page(
                reqmod(200)
                    .header("X-Response-Info", "Blocked")
                    .header("X-Response-Desc", "No security rule matched"),
            ),
            SERVER_PAGE,
            Some("No security rule matched"),
            None,
            &[],
        ),
        (
            v,
            "encrypted archive",
            page(
                reqmod(200)
                    .header("X-Response-Info", "Blocked")
                    .header("X-Blocked-Reason", "Encrypted Archive")
                    .header(
                        "X-Infection-Found",
                        "Type=2; Resolution=0; Threat=Encrypted Archive;",
                    ),
            ),
            SERVER_PAGE,
            Some("Encrypted Archive"),
            Some("Encrypted Archive"),
            &[],
        ),
        (
            v,
            "allowed, 204",
            reqmod(204).header("X-Response-Info", "Allowed"),
            Verdict::Pass,
            None,
            None,
            &[],
        ),
        (
            v,
            "allowed, the original in a 200",
            reqmod(200)
                .header("X-Response-Info", "Allowed")
                .header("X-ICAP-Profile", "Proxy")
                .request(&[], BodyChange::Same),
            Verdict::Pass,
            None,
            None,
            &[],
        ),
        (
            v,
            "sanitized",
            reqmod(200)
                .header("X-Response-Info", "Allowed")
                .request(&[], BodyChange::Changed),
            Verdict::Modify,
            None,
            None,
            &[],
        ),
        (
            v,
            "not found",
            reqmod(404).header("X-Response-Info", "Options"),
            failed("ICAP status 404 ICAP service not found"),
            None,
            None,
            &[],
        ),
    ]);
}

#[test]
fn c_icap_and_squidclamav() {
    let v = "c_icap";
    let verdict = [
        ("X-Virus-ID", "Win.Test.EICAR_HDB-1"),
        (
            "X-Infection-Found",
            "Type=0; Resolution=2; Threat=Win.Test.EICAR_HDB-1;",
        ),
    ];
    check(vec![
        (
            v,
            "virus_scan",
            reqmod(200)
                .header(
                    "X-Infection-Found",
                    "Type=0; Resolution=2; Threat=Eicar-Signature;",
                )
                .header("X-Violations-Found", "1\n-\nEicar-Signature\n0\n0")
                .response(
                    403,
                    &[("Via", "ICAP/1.0 av (C-ICAP/0.5.10 Antivirus service)")],
                    BodyChange::Changed,
                ),
            SERVER_PAGE,
            Some("Eicar-Signature"),
            Some("Eicar-Signature"),
            &[("-", "Eicar-Signature", Resolution::NotRepaired)],
        ),
        (
            v,
            "virus_scan disinfected",
            reqmod(200)
                .header(
                    "X-Infection-Found",
                    "Type=0; Resolution=1; Threat=W97M.Marker;",
                )
                .header("X-Violations-Found", "1\n-\nW97M.Marker\n0\n1")
                .request(&[], BodyChange::Changed),
            Verdict::Modify,
            Some("W97M.Marker"),
            Some("W97M.Marker"),
            &[("-", "W97M.Marker", Resolution::Repaired)],
        ),
        (
            v,
            "squidclamav page, verdict only inside",
            reqmod(200).response(403, &verdict, BodyChange::Changed),
            SERVER_PAGE,
            Some("Win.Test.EICAR_HDB-1"),
            Some("Win.Test.EICAR_HDB-1"),
            &[],
        ),
        (
            v,
            "squidclamav redirect",
            reqmod(200)
                .header("X-Virus-ID", "Win.Test.EICAR_HDB-1")
                .response(
                    307,
                    &[("Location", "http://proxy.example.com/blocked")],
                    BodyChange::None,
                ),
            SERVER_PAGE,
            Some("Win.Test.EICAR_HDB-1"),
            Some("Win.Test.EICAR_HDB-1"),
            &[],
        ),
        (
            v,
            "squidclamav on a response, verdict only inside",
            respmod(200).response(200, &verdict, BodyChange::Changed),
            SERVER_PAGE,
            Some("Win.Test.EICAR_HDB-1"),
            Some("Win.Test.EICAR_HDB-1"),
            &[],
        ),
        (
            v,
            "url_check, category of an allowed request",
            reqmod(200)
                .header("X-ICAP-Profile", "default")
                .header("X-Attribute", "{news}")
                .header("X-Response-Info", "PASS")
                .request(&[], BodyChange::Same),
            Verdict::Pass,
            None,
            None,
            &[],
        ),
        (
            v,
            "echo without 204",
            reqmod(200).request(&[("Via", "ICAP/1.0 av (C-ICAP/0.5.10)")], BodyChange::Same),
            Verdict::Pass,
            None,
            None,
            &[],
        ),
    ]);
}

#[test]
fn symantec() {
    let v = "symantec";
    check(vec![
        (
            v,
            "Protection Engine, content replaced",
            reqmod(201)
                .header(
                    "X-Violations-Found",
                    "1\neicar.com\nEICAR Test String\n11101\n0",
                )
                .response(403, &[], BodyChange::Changed),
            SERVER_PAGE,
            Some("EICAR Test String"),
            Some("EICAR Test String"),
            &[("eicar.com", "EICAR Test String", Resolution::NotRepaired)],
        ),
        (
            v,
            "Protection Engine, infected part removed",
            reqmod(201)
                .header(
                    "X-Violations-Found",
                    "1\na.zip/eicar.com\nEICAR Test String\n11101\n2",
                )
                .request(&[], BodyChange::Changed),
            Verdict::Modify,
            Some("EICAR Test String"),
            Some("EICAR Test String"),
            &[(
                "a.zip/eicar.com",
                "EICAR Test String",
                Resolution::SectionRemoved,
            )],
        ),
        (
            v,
            "Protection Engine, container, no final semicolon",
            reqmod(200)
                .header(
                    "X-Infection-Found",
                    "Type=2; Resolution=2; Threat=Encrypted container violation",
                )
                .request(&[], BodyChange::Same),
            OWN_PAGE,
            Some("Encrypted container violation"),
            Some("Encrypted container violation"),
            &[],
        ),
        (
            v,
            "Protection Engine, non-viral category",
            reqmod(201)
                .header(
                    "X-Violations-Found",
                    "1\ntool.exe\nRemacc.X|NonViralThreat=RemoteAccess\n9005\n0",
                )
                .response(200, &[], BodyChange::Changed),
            SERVER_PAGE,
            Some("Remacc.X|NonViralThreat=RemoteAccess"),
            Some("Remacc.X|NonViralThreat=RemoteAccess"),
            &[(
                "tool.exe",
                "Remacc.X|NonViralThreat=RemoteAccess",
                Resolution::NotRepaired,
            )],
        ),
        (v, "a bare 201", reqmod(201), OWN_PAGE, None, None, &[]),
        (
            v,
            "too busy",
            reqmod(506),
            failed("ICAP status 506 Server too busy"),
            None,
            None,
            &[],
        ),
        (
            v,
            "no antivirus licence",
            reqmod(539),
            failed("ICAP status 539 No antivirus licence"),
            None,
            None,
            &[],
        ),
        (
            v,
            "resource unavailable",
            reqmod(551),
            failed("ICAP status 551 Resource unavailable"),
            None,
            None,
            &[],
        ),
        (
            v,
            "no licence",
            reqmod(558),
            failed("ICAP status 558 No licence"),
            None,
            None,
            &[],
        ),
        (
            v,
            "Content Analysis refuses by an error code",
            reqmod(500).header("X-ICAP-Error", "file_type_blocked"),
            OWN_PAGE,
            Some("file_type_blocked"),
            None,
            &[],
        ),
        (
            v,
            "Content Analysis, the other header",
            reqmod(500).header("X-Error-Code", "file_extension_blocked"),
            OWN_PAGE,
            Some("file_extension_blocked"),
            None,
            &[],
        ),
        (
            v,
            "Content Analysis in trouble itself",
            reqmod(500).header("X-Error-Code", "antivirus_engine_failure"),
            failed("ICAP status 500 Server error"),
            None,
            None,
            &[],
        ),
        (
            v,
            "Content Analysis serves a protected file with details",
            reqmod(204).header("X-ICAP-Error", "password_protected"),
            Verdict::Pass,
            None,
            None,
            &[],
        ),
        (
            v,
            "DLP rejects with a 200 page and no verdict header",
            reqmod(200).response(200, &[("Content-Type", "text/html")], BodyChange::Changed),
            SERVER_PAGE,
            None,
            None,
            &[],
        ),
    ]);
}

#[test]
fn trend_micro() {
    let v = "trend_micro";
    check(vec![
        (
            v,
            "Deep Discovery, known threat",
            reqmod(200)
                .header("X-Response-Desc", "Malicious file detected")
                .header("X-Virus-ID", "Eicar_test_file")
                .header(
                    "X-Infection-Found",
                    "Type=0; Resolution=2; Threat=Eicar_test_file;",
                )
                .response(403, &[], BodyChange::Changed),
            SERVER_PAGE,
            Some("Malicious file detected"),
            Some("Eicar_test_file"),
            &[],
        ),
        (
            v,
            "Deep Discovery, clean with a description",
            reqmod(204).header("X-Response-Desc", "No risk found"),
            Verdict::Pass,
            None,
            None,
            &[],
        ),
        (
            v,
            "Vision One, virus in a response",
            respmod(200).response(403, &[], BodyChange::Changed),
            SERVER_PAGE,
            None,
            None,
            &[],
        ),
        (
            v,
            "Vision One, scan error dressed as content",
            respmod(200).response(500, &[], BodyChange::Changed),
            failed("ICAP server answered with HTTP 500: scan error"),
            None,
            None,
            &[],
        ),
        (
            v,
            "Vision One, bad request",
            reqmod(200).response(400, &[], BodyChange::Changed),
            failed("ICAP server answered with HTTP 400: bad request"),
            None,
            None,
            &[],
        ),
        (
            v,
            "Vision One, wrong key",
            respmod(200).response(401, &[], BodyChange::Changed),
            failed("ICAP server answered with HTTP 401: authentication failed"),
            None,
            None,
            &[],
        ),
        (
            v,
            "the application's own 500, echoed",
            respmod(200)
                .original(500, &[])
                .response(500, &[], BodyChange::Same),
            Verdict::Pass,
            None,
            None,
            &[],
        ),
        (
            v,
            "no REQMOD there",
            reqmod(405),
            failed("ICAP status 405 Method not allowed for service"),
            None,
            None,
            &[],
        ),
        (
            "generic",
            "another product's 500 page is a local reply",
            reqmod(200).response(500, &[], BodyChange::Changed),
            SERVER_PAGE,
            None,
            None,
            &[],
        ),
    ]);
}

#[test]
fn eset_and_kaspersky() {
    check(vec![
        (
            "eset",
            "infected, empty page, localised description",
            reqmod(200)
                .header("X-Infection-Found", "Type=0; Resolution=0; Threat=Eicar;")
                .header("X-Virus-ID", "Eicar")
                .header("X-Response-Info", "Blocked")
                .header("X-Response-Description", "Bedrohung entfernt: gelöscht")
                .response(403, &[("Content-Length", "0")], BodyChange::None),
            SERVER_PAGE,
            Some("Bedrohung entfernt: gelöscht"),
            Some("Eicar"),
            &[],
        ),
        (
            "eset",
            "clean, 200 with null-body=0",
            reqmod(200).header("X-Response-Info", "Allowed"),
            Verdict::Pass,
            None,
            None,
            &[],
        ),
        (
            "kaspersky",
            "infected",
            reqmod(200)
                .header(
                    "X-Infection-Found",
                    "Type=0; Resolution=0; Threat=EICAR-Test-File;",
                )
                .header("X-Virus-ID", "EICAR-Test-File, Trojan.Win32.X")
                .response(403, &[], BodyChange::Changed),
            SERVER_PAGE,
            Some("EICAR-Test-File, Trojan.Win32.X"),
            Some("EICAR-Test-File, Trojan.Win32.X"),
            &[],
        ),
        (
            "kaspersky",
            "infected, verdict headers off as shipped",
            reqmod(200).response(403, &[], BodyChange::Changed),
            SERVER_PAGE,
            None,
            None,
            &[],
        ),
        (
            "kaspersky",
            "a 204 that nobody offered, for a type left out",
            reqmod(204),
            Verdict::Pass,
            None,
            None,
            &[],
        ),
    ]);
}

#[test]
fn the_others() {
    check(vec![
        (
            "mcafee",
            "403 VirusFound",
            reqmod(200).response(403, &[], BodyChange::Changed),
            SERVER_PAGE,
            None,
            None,
            &[],
        ),
        (
            "sophos",
            "only X-Virus-ID, on an echo",
            reqmod(200)
                .header("X-Virus-ID", "EICAR-AV-Test")
                .request(&[], BodyChange::Same),
            OWN_PAGE,
            Some("EICAR-AV-Test"),
            Some("EICAR-AV-Test"),
            &[],
        ),
        (
            "fortinet",
            "blocking rating",
            reqmod(200).response(403, &[("Content-Type", "text/html")], BodyChange::Changed),
            SERVER_PAGE,
            None,
            None,
            &[],
        ),
        (
            "fortinet",
            "clean or unknown",
            reqmod(200).request(&[], BodyChange::Same),
            Verdict::Pass,
            None,
            None,
            &[],
        ),
        (
            "generic",
            "Avira, ICAP 403 with null-body=0",
            reqmod(403),
            OWN_PAGE,
            None,
            None,
            &[],
        ),
        (
            "generic",
            "Clearswift, count 1 whatever follows",
            reqmod(200)
                .header("X-Virus-ID", "EICAR Test String")
                .header(
                    "X-Infection-Found",
                    "Type=1; Resolution=2; Threat=EICAR Test String;",
                )
                .header(
                    "X-Violations-Found",
                    "1\ntest.zip\nEICAR Test String\n0\n0\n\\eicar.txt\nEICAR Test String\n0\n0",
                )
                .response(403, &[], BodyChange::Changed),
            SERVER_PAGE,
            Some("EICAR Test String"),
            Some("EICAR Test String"),
            &[
                ("test.zip", "EICAR Test String", Resolution::NotRepaired),
                ("\\eicar.txt", "EICAR Test String", Resolution::NotRepaired),
            ],
        ),
    ]);
}
