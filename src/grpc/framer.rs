//! Cuts a body into its messages.

/// What stands before each message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// The message is compressed.
    pub is_compressed: bool,
    /// The length of the message in bytes, without the prefix.
    pub length: u32,
}

impl Prefix {
    /// The bytes that stand before the message.
    pub fn bytes(self) -> Vec<u8> {
        let mut bytes = vec![u8::from(self.is_compressed)];
        bytes.extend(self.length.to_be_bytes());
        bytes
    }
}

/// What comes next of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'b> {
    /// A message begins.
    Begins(Prefix),
    /// The next bytes of the message.
    Content(&'b [u8]),
    /// The message has ended.
    Ends,
}

/// Why a body is no sequence of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// The flag before a message is neither 0 nor 1.
    Flag(u8),
    /// The body has ended within a message.
    Unfinished,
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "a gRPC message begins with the flag {flag}"),
            Self::Unfinished => write!(f, "the body ends within a gRPC message"),
        }
    }
}

/// Reads one body.
///
/// ```text
///  Flag ─0 or 1─▶ Length ─four bytes─▶ Content ─as many as that─▶ Flag
/// ```
#[derive(Clone, Debug)]
pub struct Framer(State);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Between two messages.
    Flag,
    /// Whether the message is compressed, how many bytes of the length have come, and the length so far.
    Length(bool, u8, u32),
    /// So many bytes of the message are to come.
    Content(u32),
}

impl Default for Framer {
    fn default() -> Self {
        Self(State::Flag)
    }
}

impl Framer {
    /// Takes the next piece off `bytes`. `None`: more bytes are needed.
    ///
    /// # Errors
    /// The bytes begin no message.
    pub fn next<'b>(&mut self, bytes: &mut &'b [u8]) -> Result<Option<Piece<'b>>, Broken> {
        loop {
            match self.0 {
                State::Content(0) => {
                    self.0 = State::Flag;
                    return Ok(Some(Piece::Ends));
                }
                State::Content(left) => {
                    let most = usize::try_from(left).unwrap_or(usize::MAX);
                    let Some((now, rest)) = bytes.split_at_checked(most.min(bytes.len())) else {
                        return Ok(None);
                    };
                    if now.is_empty() {
                        return Ok(None);
                    }
                    *bytes = rest;
                    let len = u32::try_from(now.len()).unwrap_or(left);
                    self.0 = State::Content(left.saturating_sub(len));
                    return Ok(Some(Piece::Content(now)));
                }
                State::Flag | State::Length(..) => {
                    let Some((byte, rest)) = bytes.split_first() else {
                        return Ok(None);
                    };
                    *bytes = rest;
                    if let Some(prefix) = self.read_prefix(*byte)? {
                        return Ok(Some(Piece::Begins(prefix)));
                    }
                }
            }
        }
    }

    fn read_prefix(&mut self, byte: u8) -> Result<Option<Prefix>, Broken> {
        self.0 = match self.0 {
            State::Flag if byte > 1 => return Err(Broken::Flag(byte)),
            State::Flag => State::Length(byte == 1, 0, 0),
            State::Length(is_compressed, 3, length) => {
                let length = length << 8 | u32::from(byte);
                self.0 = State::Content(length);
                return Ok(Some(Prefix {
                    is_compressed,
                    length,
                }));
            }
            State::Length(is_compressed, read, length) => {
                let length = length << 8 | u32::from(byte);
                State::Length(is_compressed, read.saturating_add(1), length)
            }
            state @ State::Content(_) => state,
        };
        Ok(None)
    }

    /// What has come of a prefix that is not complete.
    pub fn begun_prefix(&self) -> Vec<u8> {
        match self.0 {
            State::Length(is_compressed, read, length) => {
                let bytes = length.to_be_bytes();
                let from = bytes.len().saturating_sub(usize::from(read));
                let mut begun = vec![u8::from(is_compressed)];
                begun.extend(bytes.get(from..).unwrap_or_default());
                begun
            }
            State::Flag | State::Content(_) => Vec::new(),
        }
    }

    /// Whether no message has begun that has not ended.
    pub fn is_between(&self) -> bool {
        self.0 == State::Flag
    }

    /// The body has ended.
    ///
    /// # Errors
    /// A message has not.
    pub fn end(&self) -> Result<(), Broken> {
        match self.is_between() {
            true => Ok(()),
            false => Err(Broken::Unfinished),
        }
    }
}
