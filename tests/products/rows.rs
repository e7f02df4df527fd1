//! What each product sends, as recorded or documented, and what is to come of it: read by the verdict's own test and by the one that
//! sends the answers through Envoy.

/// An HTTP response in an answer.
pub struct Page {
    /// The status line.
    pub line: &'static str,
    /// The header lines behind it, each with its CRLF.
    pub fields: &'static str,
    /// The body.
    pub body: &'static str,
}

/// What is to come of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The message goes on.
    Passed,
    /// The client gets a page with this status.
    Blocked(u16),
    /// The server can't look into it.
    Unscannable,
    /// The server is in trouble.
    Trouble,
}

/// To which scans such an answer is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// To REQMOD and to RESPMOD.
    Both,
    /// To REQMOD.
    Requests,
    /// To RESPMOD.
    Responses,
}

/// One answer.
pub struct Row {
    /// The product, as `vendor` names it.
    pub product: &'static str,
    /// What it says.
    pub what: &'static str,
    /// To which scans.
    pub to: To,
    /// The ICAP status line, without its CRLF.
    pub line: &'static str,
    /// The ICAP header lines, each with its CRLF, without `Encapsulated`.
    pub fields: &'static str,
    /// The encapsulated response.
    pub page: Option<Page>,
    /// What is to come of it.
    pub outcome: Outcome,
    /// `reason` of icap_log.
    pub reason: Option<&'static str>,
    /// `threat_id` of icap_log.
    pub threat: Option<&'static str>,
}

const OK: &str = "ICAP/1.0 200 OK";
const NO_CONTENT: &str = "ICAP/1.0 204 No Modifications Needed";
const HTML: &str = "Content-Type: text/html\r\n";

const fn page(line: &'static str, body: &'static str) -> Option<Page> {
    Some(Page {
        line,
        fields: HTML,
        body,
    })
}

const fn row(
    product: &'static str,
    what: &'static str,
    (line, fields): (&'static str, &'static str),
    page: Option<Page>,
    outcome: Outcome,
) -> Row {
    Row {
        product,
        what,
        to: To::Both,
        line,
        fields,
        page,
        outcome,
        reason: None,
        threat: None,
    }
}

impl Row {
    const fn because(mut self, reason: &'static str) -> Self {
        self.reason = Some(reason);
        self
    }

    const fn of(mut self, threat: &'static str) -> Self {
        self.threat = Some(threat);
        self
    }

    const fn to(mut self, to: To) -> Self {
        self.to = to;
        self
    }
}

use Outcome::{Blocked, Passed, Trouble, Unscannable};

const FORBIDDEN: &str = "HTTP/1.1 403 Forbidden";

/// Every row.
pub const ROWS: &[Row] = &[
    // opswat.com/docs/mdicap: icap-response-headers, icap-server-response-codes.
    row("opswat", "infected", (OK, "X-Response-Info: Blocked\r\nX-Blocked-Reason: Infected\r\nX-ICAP-Profile: Proxy\r\nX-Virus-ID: EICAR-Test-File (not a virus)\r\nX-Infection-Found: Type=0; Resolution=0; Threat=EICAR-Test-File (not a virus);\r\n"),
        page(FORBIDDEN, "blocked"), Blocked(403)).because("Infected").of("EICAR-Test-File (not a virus)"),
    row("opswat", "an encrypted archive is blocked by its own policy", (OK, "X-Response-Info: Blocked\r\nX-Blocked-Reason: Encrypted Archive\r\nX-Virus-ID: Encrypted Archive\r\nX-Infection-Found: Type=2; Resolution=0; Threat=Encrypted Archive;\r\n"),
        page(FORBIDDEN, "blocked"), Blocked(403)).because("Encrypted Archive").of("Encrypted Archive"),
    row("opswat", "clean", (NO_CONTENT, "X-Response-Info: Allowed\r\nX-ICAP-Profile: Proxy\r\n"), None, Passed),
    row("opswat", "no such service", ("ICAP/1.0 404 ICAP Service not found", "X-Response-Info: Options\r\n"), None, Trouble).because("ICAP status 404 ICAP service not found"),
    // c-icap-modules: services/virus_scan; squidclamav.
    row("c_icap", "virus_scan", (OK, "X-Infection-Found: Type=0; Resolution=2; Threat=Eicar-Signature;\r\nX-Violations-Found: 1\r\n\t-\r\n\tEicar-Signature\r\n\t0\r\n\t0\r\n"),
        page(FORBIDDEN, "virus"), Blocked(403)).because("Eicar-Signature").of("Eicar-Signature"),
    row("c_icap", "squidclamav redirects", (OK, "X-Virus-ID: Eicar\r\n"), Some(Page { line: "HTTP/1.0 307 Temporary Redirect", fields: "Location: http://proxy.test/blocked\r\n", body: "" }), Blocked(307))
        .because("Eicar").of("Eicar").to(To::Requests),
    row("c_icap", "clean", (NO_CONTENT, "ISTag: \"CI0001-x\"\r\n"), None, Passed),
    row("c_icap", "server error", ("ICAP/1.0 500 Server error", ""), None, Trouble).because("ICAP status 500 Server error"),
    // Baekalfen/ICAP-avscan 19, rspamd's icap.lua, the code list of Trend Micro's KA-0007512.
    row("symantec_protection_engine", "replaced, 201 and the path in an archive", ("ICAP/1.0 201 Created", "X-Violations-Found: 1\r\n\ta.zip/dir/eicar.com\r\n\tEICAR Test String\r\n\t11101\r\n\t0\r\n"),
        page(FORBIDDEN, "infected"), Blocked(403)).because("EICAR Test String").of("EICAR Test String"),
    row("symantec_protection_engine", "a page in place of a response, said to be repaired", ("ICAP/1.0 201 Created", "X-Infection-Found: Type=0; Resolution=1; Threat=EICAR;\r\n"),
        page(FORBIDDEN, "infected"), Blocked(403)).because("EICAR").of("EICAR"),
    row("symantec_protection_engine", "a container that it can't open, by its policy", (OK, "X-Infection-Found: Type=2; Resolution=2; Threat=Encrypted container violation;\r\n"),
        page(FORBIDDEN, "container"), Blocked(403)).because("Encrypted container violation").of("Encrypted container violation"),
    row("symantec_protection_engine", "clean", (NO_CONTENT, ""), None, Passed),
    row("symantec_protection_engine", "no licence", ("ICAP/1.0 539 Aborted - No AV scanning license", ""), None, Trouble).because("ICAP status 539 No antivirus licence"),
    // knowledge.broadcom.com 169182, 170652, 254970.
    row("symantec_content_analysis", "policy", ("ICAP/1.0 500 Internal Server Error", "X-ICAP-Error: file_extension_blocked\r\n"), None, Blocked(403)).because("file_extension_blocked"),
    row("symantec_content_analysis", "password", ("ICAP/1.0 500 Internal Server Error", "X-ICAP-Error: password_protected\r\n"), None, Unscannable).because("password_protected"),
    row("symantec_content_analysis", "depth", ("ICAP/1.0 500 Internal Server Error", "X-Error-Code: max_archive_layers_exceeded\r\n"), None, Unscannable).because("max_archive_layers_exceeded"),
    row("symantec_content_analysis", "number of files", ("ICAP/1.0 500 Internal Server Error", "X-Error-Code: max_total_files_exceeded\r\n"), None, Unscannable).because("max_total_files_exceeded"),
    row("symantec_content_analysis", "decoding", ("ICAP/1.0 500 Internal Server Error", "X-Error-Code: decode_error\r\n"), None, Unscannable).because("decode_error"),
    row("symantec_content_analysis", "time of the file", ("ICAP/1.0 500 Internal Server Error", "X-ICAP-Error: scan_timeout\r\n"), None, Unscannable).because("scan_timeout"),
    row("symantec_content_analysis", "engine", ("ICAP/1.0 500 Internal Server Error", "X-ICAP-Error: antivirus_engine_error\r\n"), None, Trouble).because("ICAP status 500 Server error"),
    row("symantec_content_analysis", "licence", ("ICAP/1.0 500 Internal Server Error", "X-ICAP-Error: antivirus_license_expired\r\n"), None, Trouble).because("ICAP status 500 Server error"),
    row("symantec_content_analysis", "served with a detail", (NO_CONTENT, "X-ICAP-Error: password_protected\r\n"), None, Passed),
    // knowledge.broadcom.com 184285, 250251.
    row("symantec_dlp", "rejected with 200", (OK, "ISTag: \"Vontu14.0\"\r\n"), page("HTTP/1.1 200 OK", "not allowed"), Blocked(200)).to(To::Requests),
    row("symantec_dlp", "clean", (NO_CONTENT, "ISTag: \"Vontu14.0\"\r\n"), None, Passed),
    row("symantec_dlp", "trouble", ("ICAP/1.0 503 Service overloaded", ""), None, Trouble).because("ICAP status 503 Service overloaded"),
    // docs.trendmicro.com: trend-vision-one-fs-ca-icap-scanner-responses, …-virtual-appliance-support-icap-scan.
    row("trend_vision_one_container", "virus", (OK, ""), page(FORBIDDEN, "Virus Detected"), Blocked(403)),
    row("trend_vision_one_container", "too many files", (OK, ""), page("HTTP/1.1 500 Internal Server Error", "Too many files in the zip. (-69)"), Unscannable).because("ICAP server answered with HTTP 500: the server can't scan this file"),
    row("trend_vision_one_container", "no name", (OK, ""), page("HTTP/1.1 400 Bad Request", "Unable to determine filename from header or URL"), Unscannable).because("ICAP server answered with HTTP 400: the server can't determine the file's name"),
    row("trend_vision_one_container", "system error", (OK, ""), page("HTTP/1.1 500 Internal Server Error", "scanner not ready"), Trouble).because("ICAP server answered with HTTP 500: scan error"),
    row("trend_vision_one_container", "wrong key", (OK, ""), page("HTTP/1.1 401 Unauthorized", "key"), Trouble).because("ICAP server answered with HTTP 401: authentication failed"),
    row("trend_vision_one_container", "no REQMOD", ("ICAP/1.0 405 Method Not Allowed", ""), None, Trouble).because("ICAP status 405 Method not allowed for service"),
    row("trend_vision_one_container", "clean", (NO_CONTENT, ""), None, Passed),
    row("trend_vision_one_appliance", "too many files", (OK, ""), page("HTTP/1.1 500 Internal Server Error", "Too many files in the zip. (-69)"), Unscannable).because("ICAP server answered with HTTP 500: the server can't scan this file"),
    row("trend_vision_one_appliance", "empty body", (OK, ""), page("HTTP/1.1 400 Bad Request", "Response body is null"), Trouble).because("ICAP server answered with HTTP 400: bad request"),
    row("trend_vision_one_appliance", "virus", (OK, ""), page(FORBIDDEN, "Virus Detected"), Blocked(403)),
    row("trend_vision_one_appliance", "clean", (NO_CONTENT, ""), None, Passed),
    row("trend_iwsva", "infected", (OK, "X-Virus-ID: Trojan.W97M.POWLOAD.SMTHF1\r\nX-Infection-Found: Type=0; Resolution=2; Threat=Trojan.W97M.POWLOAD.SMTHF1;\r\n"),
        page("HTTP/1.1 403 Forbidden (TMWS Blocked)", "blocked"), Blocked(403)).because("Trojan.W97M.POWLOAD.SMTHF1").of("Trojan.W97M.POWLOAD.SMTHF1"),
    row("trend_iwsva", "clean", (NO_CONTENT, ""), None, Passed),
    row("trend_ddan", "known threat", (OK, "X-Response-Desc: Malicious file detected\r\nX-Virus-ID: Eicar_test_file\r\nX-Infection-Found: Type=0; Resolution=2; Threat=Eicar_test_file;\r\n"),
        page(FORBIDDEN, "malicious"), Blocked(403)).because("Malicious file detected").of("Eicar_test_file"),
    row("trend_ddan", "no headers", (OK, ""), page(FORBIDDEN, "malicious"), Blocked(403)),
    row("trend_ddan", "unknown files pass", (NO_CONTENT, "X-Response-Desc: No risk found\r\n"), None, Passed),
    // toolarium-icap-client 8; recorded answers in the test data of Assemblyline's and Nextcloud's clients.
    row("skyhigh", "only its own headers, in the page", (OK, ""), Some(Page { line: "HTTP/1.1 403 VirusFound", fields: "X-Media-Type: text/plain\r\nX-Virus-Name: EICAR test file\r\nX-Block-Reason: Malware found\r\nX-WWBlockResult: 80\r\n", body: "found" }), Blocked(403))
        .because("Malware found").of("EICAR test file"),
    row("skyhigh", "only its own headers, beside a 204", (NO_CONTENT, "X-Virus-Name: EICAR test file\r\nX-Block-Reason: Malware found\r\nX-WWBlockResult: 80\r\n"), None, Blocked(403))
        .because("Malware found").of("EICAR test file"),
    row("skyhigh", "only a result", (NO_CONTENT, "X-WWBlockResult: 80\r\n"), None, Blocked(403)).because("X-WWBlockResult: 80"),
    row("skyhigh", "clean", (NO_CONTENT, "X-WWBlockResult: 0\r\nX-Virus-Name: \r\n"), None, Passed),
    // support.kaspersky.com/scanengine: 221159 and others.
    row("kaspersky_scan_engine", "infected", (OK, "X-Infection-Found: Type=0; Resolution=0; Threat=EICAR-Test-File;\r\nX-Virus-ID: EICAR-Test-File\r\n"),
        page("HTTP/1.0 403 Forbidden", "blocked"), Blocked(403)).because("EICAR-Test-File").of("EICAR-Test-File"),
    row("kaspersky_scan_engine", "its headers are off", (OK, ""), page("HTTP/1.0 403 Forbidden", "blocked"), Blocked(403)),
    row("kaspersky_scan_engine", "clean", (NO_CONTENT, ""), None, Passed),
    row("kaspersky_scan_engine", "no length", ("ICAP/1.0 400 Bad request", ""), None, Trouble).because("ICAP status 400 Bad request"),
    row("kaspersky_web_traffic", "infected", (OK, "X-Virus-ID: HEUR:Backdoor.Java.QRat.gen\r\nX-Response-Info: blocked\r\n"), page(FORBIDDEN, "blocked"), Blocked(403)).because("HEUR:Backdoor.Java.QRat.gen").of("HEUR:Backdoor.Java.QRat.gen"),
    row("kaspersky_web_traffic", "blocked, and no threat", (NO_CONTENT, "X-Virus-ID: no threats\r\nX-Response-Info: blocked\r\n"), None, Blocked(403)),
    row("kaspersky_web_traffic", "clean", (NO_CONTENT, "X-Virus-ID: no threats\r\nX-Response-Info: passed\r\n"), None, Passed),
    // The test data of Assemblyline's ICAP client; rspamd's icap.lua.
    row("sophos", "its page", (OK, ""), Some(Page { line: "HTTP/1.1 200 OK:  403 Forbidden", fields: "X-Blocked: Virus found during virus scan\r\nX-Blocked-By: Sophos Anti-Virus\r\n", body: "virus" }), Blocked(200))
        .because("Virus found during virus scan").to(To::Requests),
    row("sophos", "its page in place of a response", (OK, ""), Some(Page { line: "HTTP/1.1 200 OK:  403 Forbidden", fields: "X-Blocked: Virus found during virus scan\r\n", body: "virus" }), Blocked(200))
        .because("Virus found during virus scan").to(To::Responses),
    row("sophos", "an identity", (NO_CONTENT, "X-Virus-ID: Troj/DocDl-OYC\r\n"), None, Blocked(403)).because("Troj/DocDl-OYC").of("Troj/DocDl-OYC"),
    row("sophos", "clean", (NO_CONTENT, ""), None, Passed),
    row("eset", "an empty page", (OK, "X-Infection-Found: Type=0; Resolution=0; Threat=Eicar;\r\nX-Virus-ID: Trojaner\r\nX-Response-Info: Blocked\r\nX-Response-Description: Bedrohung entfernt\r\n"),
        Some(Page { line: FORBIDDEN, fields: "Content-Length: 0\r\n", body: "" }), Blocked(403)).because("Bedrohung entfernt").of("Trojaner"),
    row("eset", "clean", (NO_CONTENT, "X-Response-Info: Allowed\r\n"), None, Passed),
    // docs.fortinet.com: fortisandbox, ICAP adapter.
    row("fortinet", "a blocking rating", (OK, ""), page(FORBIDDEN, "blocked"), Blocked(403)),
    row("fortinet", "clean or unknown", (NO_CONTENT, ""), None, Passed),
    // rspamd's icap.lua; e2guardian 457; the test data of Assemblyline's ICAP client.
    row("withsecure", "infected", (OK, "Server: F-Secure ICAP Server\r\nX-FSecure-Scan-Result: infected\r\nX-FSecure-Infection-Name: \"Malware.W97M/Agent.32584203\"\r\n"), page(FORBIDDEN, "found"), Blocked(403))
        .because("Malware.W97M/Agent.32584203").of("Malware.W97M/Agent.32584203"),
    row("withsecure", "infected beside a 204", (NO_CONTENT, "X-FSecure-Scan-Result: infected\r\nX-FSecure-Infection-Name: \"Malware.W97M/Agent.32584203\"\r\n"), None, Blocked(403))
        .because("Malware.W97M/Agent.32584203").of("Malware.W97M/Agent.32584203"),
    row("withsecure", "clean", (NO_CONTENT, "X-FSecure-Scan-Result: clean\r\nX-FSecure-FSAV-Duration: 0.026597\r\n"), None, Passed),
    row("check_point", "a page", (OK, ""), page(FORBIDDEN, "blocked"), Blocked(403)),
    row("check_point", "clean", (NO_CONTENT, ""), None, Passed),
    row("bitdefender", "a page", (OK, "X-Virus-ID: EICAR-Test-File (not a virus)\r\n"), page(FORBIDDEN, "blocked"), Blocked(403)).because("EICAR-Test-File (not a virus)").of("EICAR-Test-File (not a virus)"),
    row("bitdefender", "clean", (NO_CONTENT, ""), None, Passed),
    row("forcepoint", "a page", (OK, "ISTag: \"WEBSENSE\"\r\n"), page(FORBIDDEN, "blocked"), Blocked(403)),
    row("forcepoint", "clean", (NO_CONTENT, "ISTag: \"WEBSENSE\"\r\n"), None, Passed),
    // Avira; and what any server may say of its own.
    row("generic", "403 by ICAP", ("ICAP/1.0 403 Forbidden", ""), None, Blocked(403)),
    row("generic", "clean", (NO_CONTENT, ""), None, Passed),
    row("generic", "another product's header", (NO_CONTENT, "X-FSecure-Scan-Result: infected\r\n"), None, Blocked(403)).because("X-FSecure-Scan-Result: infected"),
    row("generic", "no service", ("ICAP/1.0 404 Not found", ""), None, Trouble).because("ICAP status 404 ICAP service not found"),
];

impl Row {
    /// The bytes of the answer to a scan of requests, or of `responses`.
    pub fn bytes(&self) -> Vec<u8> {
        let (line, fields) = (self.line, self.fields);
        let Some(page) = &self.page else {
            return format!("{line}\r\n{fields}Encapsulated: null-body=0\r\n\r\n").into_bytes();
        };
        let head = format!("{}\r\n{}\r\n", page.line, page.fields);
        let length = head.len();
        let chunk = match page.body {
            "" => String::new(),
            body => format!("{:x}\r\n{body}\r\n", body.len()),
        };
        format!(
            "{line}\r\n{fields}Encapsulated: res-hdr=0, res-body={length}\r\n\r\n{head}{chunk}0\r\n\r\n"
        )
        .into_bytes()
    }
}
