//! Decides how a message is taken apart.

use super::apart::Apart;
use super::coded::Coded;
use super::exchange::Exchange;
use super::form::Form;
use super::framed::Framed;
use super::indivisible::Indivisible;
use super::rewrite::{all, find};
use super::values::Values;
use crate::config::{ShownForm, Trailers};
use crate::content_encoding::{Coding, Said};
use crate::extract::{Extractors, Limits};
use crate::host::Fields;
use crate::icap::Direction;
use crate::multipart::{Ambiguous, Boundary};
use crate::submission::Budget;
use crate::verdict::clean;

impl Exchange {
    /// The coding of the body, if the filter decodes it. A coding that the filter does not decode is noted for icap_log.
    fn coding(&mut self, fields: &Fields) -> Option<Coding> {
        let value = all(fields, "content-encoding")?;
        // A partial content can't be decoded: its beginning is missing.
        let is_range =
            self.direction == Direction::Response && find(fields, ":status") == Some(b"206");
        match Said::by(&value) {
            Said::Plain => None,
            Said::Coded(coding) if self.profile.decode_content_encoding && !is_range => {
                Some(coding)
            }
            Said::Coded(_) | Said::Other => {
                self.encoded = Some(clean(&value).into());
                None
            }
        }
    }
}

/// How a message is to be taken apart; `None`: the message is shown as it is.
pub(super) fn take_apart(
    exchange: &mut Exchange,
    fields: &Fields,
    budget: &Budget,
) -> Result<Option<Apart>, Indivisible> {
    if exchange.body.at_end {
        return Ok(None);
    }
    let coding = exchange.coding(fields);
    let profile = &exchange.profile;
    let trailers = profile.trailers == Trailers::Scan;
    let limit = exchange.limit();
    let wrapped = |apart: Apart| -> Result<Option<Apart>, Indivisible> {
        let content = apart.framed_content();
        let coded = coding.map(|coding| Coded::new(coding, content, limit, budget));
        let apart = apart.decoding(coded.transpose()?);
        Ok(Some(match trailers {
            true => apart.with_trailers(),
            false => apart,
        }))
    };
    if exchange.direction != Direction::Request {
        return match trailers || coding.is_some() {
            true => wrapped(Apart::new(None, None, None)),
            false => Ok(None),
        };
    }
    let framed = Framed::of(fields).map_err(Indivisible::Upload)?;
    let media_type = all(fields, "content-type").unwrap_or_default();
    let form = match profile.multipart {
        ShownForm::Parts => boundary(&media_type).map_err(Indivisible::Form)?,
        ShownForm::Whole => None,
    };
    let mut extractor = None;
    if profile.extract != Extractors::default() {
        if has_comma(&media_type) {
            return Err(Indivisible::ContentTypes);
        }
        extractor = profile.extract.extractor(&media_type, Limits::default());
    }
    let is_encoded = coding.is_none() && is_encoded(fields);
    let form = form.map(|boundary| Form::new(boundary, is_encoded));
    let values = extractor.map(Values::new);
    let is_taken = framed.is_some() || form.is_some() || values.is_some();
    match is_taken || trailers || coding.is_some() {
        true => wrapped(Apart::new(framed, form, values)),
        false => Ok(None),
    }
}

/// The boundary of a form, or of another multipart type that is taken apart.
fn boundary(media_type: &[u8]) -> Result<Option<Boundary>, Ambiguous> {
    match Boundary::of(media_type)? {
        None => Boundary::of_related(media_type),
        form => Ok(form),
    }
}

/// Whether the value joins several media types: a comma stands outside of quotes.
fn has_comma(media_type: &[u8]) -> bool {
    let mut quoted = false;
    media_type.iter().any(|byte| {
        quoted ^= *byte == b'"';
        *byte == b',' && !quoted
    })
}

/// Whether `Content-Encoding` names a coding. Not every application looks at that header, so bytes that are a form as they
/// come are read as a form all the same.
fn is_encoded(fields: &Fields) -> bool {
    let codings = all(fields, "content-encoding").unwrap_or_default();
    let mut codings = codings.split(|b| *b == b',').map(<[u8]>::trim_ascii);
    codings.any(|coding| {
        let known = [&b""[..], b"identity", b"aws-chunked"];
        !known.iter().any(|plain| coding.eq_ignore_ascii_case(plain))
    })
}
