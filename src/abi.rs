//! The numbers of the proxy-wasm ABI that this module uses.

use crate::host::{MetricKind, Next};
use crate::icap::Direction;

/// The ABI's buffer of the plugin configuration.
pub(crate) const BUFFER_CONFIGURATION: u32 = 7;
/// The ABI's buffer of a gRPC message.
pub(crate) const BUFFER_GRPC: u32 = 5;
/// The ABI's map of the metadata with which a gRPC stream is established.
pub(crate) const MAP_GRPC_INITIAL_METADATA: u32 = 4;
/// The ABI's log level `critical`, which the crate `log` does not have.
pub(crate) const LEVEL_CRITICAL: u32 = 5;

/// The ABI's buffer of a body.
pub(crate) const fn buffer(of: Direction) -> u32 {
    match of {
        Direction::Request => 0,
        Direction::Response => 1,
    }
}

/// The ABI's map of header fields.
pub(crate) const fn map(of: Direction) -> u32 {
    match of {
        Direction::Request => 0,
        Direction::Response => 2,
    }
}

/// The ABI's map of trailer fields.
pub(crate) const fn trailer_map(of: Direction) -> u32 {
    match of {
        Direction::Request => 1,
        Direction::Response => 3,
    }
}

/// The ABI's stream of a direction.
pub(crate) const fn stream(of: Direction) -> u32 {
    match of {
        Direction::Request => 0,
        Direction::Response => 1,
    }
}

/// The ABI's number of a kind of metric.
pub(crate) const fn metric(kind: MetricKind) -> u32 {
    match kind {
        MetricKind::Counter => 0,
        MetricKind::Gauge => 1,
        MetricKind::Histogram => 2,
    }
}

/// The ABI's number of a log level.
pub(crate) const fn level(level: log::Level) -> u32 {
    match level {
        log::Level::Trace => 0,
        log::Level::Debug => 1,
        log::Level::Info => 2,
        log::Level::Warn => 3,
        log::Level::Error => 4,
    }
}

/// The ABI's action: the number that a callback about a message returns.
pub(crate) const fn action(next: Next) -> u32 {
    match next {
        Next::Continue => 0,
        Next::Pause => 1,
        // StopIterationAndWatermark, which only Envoy has.
        Next::Hold => 2,
    }
}

/// Compares each number with that of the crate `proxy_wasm`.
#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use proxy_wasm::types::{
        Action, BufferType, LogLevel, MapType, MetricType, Status, StreamType,
    };

    use super::*;
    use crate::host::HostError;

    #[test]
    fn buffers_maps_and_streams() {
        assert_eq!(BUFFER_CONFIGURATION, BufferType::PluginConfiguration as u32);
        assert_eq!(BUFFER_GRPC, BufferType::GrpcReceiveBuffer as u32);
        assert_eq!(
            MAP_GRPC_INITIAL_METADATA,
            MapType::GrpcReceiveInitialMetadata as u32
        );
        for (of, body, headers, trailers, stream_type) in [
            (
                Direction::Request,
                BufferType::HttpRequestBody,
                MapType::HttpRequestHeaders,
                MapType::HttpRequestTrailers,
                StreamType::HttpRequest,
            ),
            (
                Direction::Response,
                BufferType::HttpResponseBody,
                MapType::HttpResponseHeaders,
                MapType::HttpResponseTrailers,
                StreamType::HttpResponse,
            ),
        ] {
            assert_eq!(buffer(of), body as u32);
            assert_eq!(map(of), headers as u32);
            assert_eq!(trailer_map(of), trailers as u32);
            assert_eq!(stream(of), stream_type as u32);
        }
    }

    #[test]
    fn metrics_levels_and_actions() {
        for (kind, number) in [
            (MetricKind::Counter, MetricType::Counter),
            (MetricKind::Gauge, MetricType::Gauge),
            (MetricKind::Histogram, MetricType::Histogram),
        ] {
            assert_eq!(metric(kind), number as u32);
        }
        for (ours, number) in [
            (log::Level::Trace, LogLevel::Trace),
            (log::Level::Debug, LogLevel::Debug),
            (log::Level::Info, LogLevel::Info),
            (log::Level::Warn, LogLevel::Warn),
            (log::Level::Error, LogLevel::Error),
        ] {
            assert_eq!(level(ours), number as u32);
        }
        assert_eq!(LEVEL_CRITICAL, LogLevel::Critical as u32);
        assert_eq!(action(Next::Continue), Action::Continue as u32);
        assert_eq!(action(Next::Pause), Action::Pause as u32);
    }

    #[test]
    fn statuses() {
        assert_eq!(HostError::NOT_FOUND, Status::NotFound as u32);
        assert_eq!(HostError::BAD_ARGUMENT, Status::BadArgument as u32);
        assert_eq!(HostError::CAS_MISMATCH, Status::CasMismatch as u32);
        assert_eq!(HostError::INTERNAL_FAILURE, Status::InternalFailure as u32);
    }
}
