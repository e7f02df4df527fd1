//! Envoy's log.

use super::abi;

/// Levels of the ABI.
const CRITICAL: u32 = 5;

struct HostLog;

/// Sends what is logged, and the last words of a panic, to Envoy's log.
pub fn start_log() {
    if log::set_logger(&HostLog).is_ok() {
        log::set_max_level(log::LevelFilter::Info);
    }
    std::panic::set_hook(Box::new(|panic| write(CRITICAL, &panic.to_string())));
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
        let level = match record.level() {
            log::Level::Trace => 0,
            log::Level::Debug => 1,
            log::Level::Info => 2,
            log::Level::Warn => 3,
            log::Level::Error => 4,
        };
        match record.args().as_str() {
            Some(text) => write(level, text),
            None => write(level, &record.args().to_string()),
        }
    }

    fn flush(&self) {}
}
