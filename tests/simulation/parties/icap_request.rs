//! ICAP requests, as a server reads them (RFC 3507). What is malformed fails the run: the filter must never send it.

/// Reads the requests of a connection.
#[derive(Debug, Default)]
pub struct Reader {
    input: Vec<u8>,
    state: State,
    preview: bool,
    takes_trailers: bool,
    trailers: Trailers,
}

/// Trailers as they come.
pub type Trailers = Vec<(String, String)>;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Head,
    /// A body comes.
    Body,
    /// The preview is there: what comes depends on the answer.
    AfterPreview,
}

/// The head of a request, with the HTTP heads in it.
#[derive(Clone, Debug, Default)]
pub struct IcapHead {
    pub method: String,
    pub uri: String,
    pub preview: Option<usize>,
    pub allow_204: bool,
    pub allow_206: bool,
    pub allow_trailers: bool,
    pub http_request: Vec<u8>,
    pub http_response: Vec<u8>,
    pub has_body: bool,
}

/// What has come.
#[derive(Debug)]
pub enum Came {
    Head(IcapHead),
    Body(Vec<u8>),
    /// The preview has come, and more is to come if it is wanted.
    Preview,
    /// The request is complete, with these trailers.
    Whole(Trailers),
}

impl Reader {
    /// Takes bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
    }

    /// The server wants the rest.
    pub fn go_on(&mut self) {
        self.state = State::Body;
        self.preview = false;
    }

    /// The server has answered: the next that comes is another request.
    pub fn answered(&mut self) {
        if self.state == State::AfterPreview {
            self.state = State::Head;
        }
    }

    /// The next that has come; `None` where more bytes are needed.
    pub fn next(&mut self) -> Result<Option<Came>, String> {
        match self.state {
            State::Head => self.head(),
            State::Body => self.chunk(),
            State::AfterPreview if self.input.is_empty() => Ok(None),
            State::AfterPreview => Err(format!(
                "something follows the preview before the server has answered: {}",
                self.input.escape_ascii()
            )),
        }
    }

    fn head(&mut self) -> Result<Option<Came>, String> {
        let Some(end) = find(&self.input, b"\r\n\r\n") else {
            return Ok(None);
        };
        let text = String::from_utf8(self.input[..end].to_vec()).map_err(|e| e.to_string())?;
        let mut lines = text.split("\r\n");
        let line = lines.next().unwrap_or_default();
        let mut head = IcapHead::default();
        let [method, uri, version] = line.split(' ').collect::<Vec<_>>()[..] else {
            return Err(format!("no request line: {line}"));
        };
        if version != "ICAP/1.0" || !uri.starts_with("icap://icap") {
            return Err(format!("no request line: {line}"));
        }
        head.method = method.to_owned();
        head.uri = uri.to_owned();
        let mut encapsulated = None;
        for line in lines {
            let Some((name, value)) = line.split_once(": ") else {
                return Err(format!("no header line: {line}"));
            };
            match name.to_ascii_lowercase().as_str() {
                "preview" => head.preview = Some(value.parse().map_err(|_| "no preview")?),
                "allow" => {
                    head.allow_204 = value.contains("204");
                    head.allow_206 = value.contains("206");
                    head.allow_trailers = value.split(", ").any(|it| it == "trailers");
                }
                "encapsulated" => encapsulated = Some(value.to_owned()),
                _ => {}
            }
        }
        let from = end + 4;
        let Some(encapsulated) = encapsulated else {
            if method != "OPTIONS" {
                return Err(format!("no Encapsulated in {method}"));
            }
            self.input.drain(..from);
            return Ok(Some(Came::Head(head)));
        };
        let parts: Vec<(&str, usize)> = encapsulated
            .split(", ")
            .filter_map(|part| part.split_once('='))
            .filter_map(|(name, at)| Some((name, at.parse().ok()?)))
            .collect();
        let Some((last, length)) = parts.last().copied() else {
            return Err(format!("no parts in {encapsulated}"));
        };
        if self.input.len() < from + length {
            return Ok(None);
        }
        for pair in parts.windows(2) {
            let bytes = self.input.get(from + pair[0].1..from + pair[1].1);
            let bytes = bytes.ok_or("offsets out of order")?.to_vec();
            if !bytes.ends_with(b"\r\n\r\n") {
                return Err(format!("{} does not end where it says", pair[0].0));
            }
            match pair[0].0 {
                "req-hdr" => head.http_request = bytes,
                "res-hdr" => head.http_response = bytes,
                other => return Err(format!("a part {other}")),
            }
        }
        head.has_body = last != "null-body";
        self.preview = head.preview.is_some() && head.has_body;
        self.takes_trailers = head.allow_trailers;
        if head.has_body {
            self.state = State::Body;
        }
        self.input.drain(..from + length);
        Ok(Some(Came::Head(head)))
    }

    fn chunk(&mut self) -> Result<Option<Came>, String> {
        let Some(end) = find(&self.input, b"\r\n") else {
            return Ok(None);
        };
        let line = String::from_utf8_lossy(&self.input[..end]).into_owned();
        let size = line.split(';').next().unwrap_or_default();
        let Ok(size) = usize::from_str_radix(size.trim(), 16) else {
            return Err(format!("no chunk: {line}"));
        };
        let ieof = line.contains("ieof");
        if size == 0 && !self.last_chunk(end + 2)? {
            return Ok(None);
        }
        if size > 0 {
            let whole = end + 2 + size + 2;
            if self.input.len() < whole {
                return Ok(None);
            }
            if &self.input[whole - 2..whole] != b"\r\n" {
                return Err("a chunk is longer than it says".to_owned());
            }
            let bytes = self.input[end + 2..end + 2 + size].to_vec();
            self.input.drain(..whole);
            return Ok(Some(Came::Body(bytes)));
        }
        if ieof && !self.preview {
            return Err("ieof outside of a preview".to_owned());
        }
        if self.preview && !ieof && !self.trailers.is_empty() {
            return Err("trailers follow a preview that is not all".to_owned());
        }
        if self.preview && !ieof {
            self.state = State::AfterPreview;
            return Ok(Some(Came::Preview));
        }
        self.state = State::Head;
        Ok(Some(Came::Whole(std::mem::take(&mut self.trailers))))
    }

    /// Reads what follows the line of a last chunk. False where more is to come.
    fn last_chunk(&mut self, from: usize) -> Result<bool, String> {
        let rest = &self.input[from..];
        let length = match rest {
            [b'\r', b'\n', ..] => 0,
            _ => match find(rest, b"\r\n\r\n") {
                Some(at) => at + 2,
                None => return Ok(false),
            },
        };
        let lines = String::from_utf8_lossy(&rest[..length]).into_owned();
        for line in lines.split("\r\n").filter(|line| !line.is_empty()) {
            let (name, value) = line.split_once(": ").ok_or("a trailer is no field")?;
            self.trailers.push((name.to_owned(), value.to_owned()));
        }
        if !self.trailers.is_empty() && !self.takes_trailers {
            return Err("trailers follow a body, and were not offered".to_owned());
        }
        self.input.drain(..from + length + 2);
        Ok(true)
    }
}

/// Where `needle` begins.
pub fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len()).position(|part| part == needle)
}
