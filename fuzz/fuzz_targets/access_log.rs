//! Lines of an access log, as `icap-report` reads them: any bytes.

#![no_main]
#![allow(
    dead_code,
    reason = "a part of the program, of which not all is used here"
)]

#[path = "../../src/bin/icap-report/access_log.rs"]
mod access_log;
#[path = "../../src/bin/icap-report/entry.rs"]
mod entry;
#[path = "../../src/bin/icap-report/icap_log.rs"]
mod icap_log;
#[path = "../../src/bin/icap-report/loose.rs"]
mod loose;
#[path = "../../src/bin/icap-report/text_line.rs"]
mod text_line;
#[path = "../../src/bin/icap-report/time.rs"]
mod time;

use entry::{Field, Values};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = access_log::read(&String::from_utf8_lossy(bytes), |entry| {
        let mut values = Values::default();
        for field in Field::ALL {
            entry.values(field, &mut values);
        }
        entry.latency()
    });
});
