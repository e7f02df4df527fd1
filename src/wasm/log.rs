//! Sends the lines of the crate `log`, and the message of a panic, to Envoy's log.

use std::sync::OnceLock;

use super::abi;
use crate::abi::{LEVEL_CRITICAL, level};

struct HostLog {
    fit: fn(&str) -> String,
}

/// Starts to send log lines and the message of a panic to Envoy's log. `fit` redacts each line and bounds its length.
pub(crate) fn start_log(fit: fn(&str) -> String) {
    static LOG: OnceLock<HostLog> = OnceLock::new();
    if log::set_logger(LOG.get_or_init(|| HostLog { fit })).is_ok() {
        log::set_max_level(log::LevelFilter::Info);
    }
    std::panic::set_hook(Box::new(move |panic| {
        write(LEVEL_CRITICAL, &fit(&panic.to_string()));
    }));
}

fn write(level: u32, message: &str) {
    // SAFETY: `message` outlives the call. A line that the host does not take is lost: there is nobody to tell.
    let _ = unsafe { abi::proxy_log(level, message.as_ptr(), message.len()) };
}

impl log::Log for HostLog {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &log::Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let level = level(record.level());
        match record.args().as_str() {
            Some(text) => write(level, text),
            None => write(level, &(self.fit)(&record.args().to_string())),
        }
    }

    fn flush(&self) {}
}
