//! `extract`: a list of words, each of which asks for values in another form.

use super::reader::Fields;
use crate::extract::Extractors;

/// Lists the extractors: each word of `extract` is a field of [`Extractors`].
macro_rules! extractors {
    ($($extractor:ident),+) => {
        /// What `extract` may name.
        pub(super) const EXTRACTORS: &[&str] = &[$(stringify!($extractor)),+];

        fn extractor<'e>(wanted: &'e mut Extractors, word: &str) -> Option<&'e mut bool> {
            match word {
                $(stringify!($extractor) => Some(&mut wanted.$extractor),)+
                _ => None,
            }
        }
    };
}

extractors!(json_base64, data_url, urlencoded, grpc_bytes);

/// The extractors in the field of that name.
pub(super) fn extractors(fields: &Fields<'_>, name: &str) -> Extractors {
    let mut wanted = Extractors::default();
    fields.list(name, |value, word| match extractor(&mut wanted, word) {
        Some(extractor) => {
            *extractor = true;
            Some(())
        }
        None => {
            value.wrong(EXTRACTORS.join(", "));
            None
        }
    });
    wanted
}
