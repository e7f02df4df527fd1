//! Which values an extractor looks for.

/// The values to look for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extractors {
    /// Base64 in JSON strings.
    pub json_base64: bool,
    /// Base64 in `data:` URLs: in JSON strings, in urlencoded fields, and in bodies of all other types but gRPC.
    pub data_url: bool,
    /// Fields of urlencoded forms as they are, and Base64 fields decoded as well.
    pub urlencoded: bool,
    /// Fields in gRPC messages.
    pub grpc_bytes: bool,
}
