//! What an attribute is: its name, its type with bounds, its default, and what the reference says of it.
//!
//! [`object!`](super::object::object) declares the attributes of an object. The parser, the reference and the schema all go by
//! that declaration. The words of the reference exist in native builds only: the module does not carry them.

use super::choice::Choice;
use crate::product;
use std::fmt;

/// The attributes of one object of the configuration.
#[derive(Debug)]
pub(super) struct Section {
    /// Where the object stands, such as `profiles[]`.
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) path: &'static str,
    /// Its own attributes, in the order of the reference.
    own: &'static [Attribute],
    /// Attributes that it shares with other objects, which follow.
    shared: &'static [Attribute],
    /// Names that a user may look for here, and what the error allows instead.
    pub(super) refused: &'static [(&'static str, &'static str)],
    /// What the reference says above the table.
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) intro: &'static str,
}

impl Section {
    pub(super) const fn new(
        path: &'static str,
        intro: &'static str,
        own: &'static [Attribute],
    ) -> Self {
        #[cfg(target_arch = "wasm32")]
        let _ = (path, intro);
        Self {
            #[cfg(not(target_arch = "wasm32"))]
            path,
            own,
            shared: &[],
            refused: &[],
            #[cfg(not(target_arch = "wasm32"))]
            intro,
        }
    }

    /// Refuses names that are no attributes, each with words of its own.
    pub(super) const fn refusing(
        mut self,
        refused: &'static [(&'static str, &'static str)],
    ) -> Self {
        self.refused = refused;
        self
    }

    /// Has attributes that other objects have too.
    pub(super) const fn sharing(mut self, shared: &'static [Attribute]) -> Self {
        self.shared = shared;
        self
    }

    /// All attributes, in the order of the reference.
    pub(super) fn attributes(&self) -> impl Iterator<Item = &'static Attribute> + use<> {
        self.own.iter().chain(self.shared)
    }

    /// The attribute of that name.
    pub(super) fn attribute(&self, name: &str) -> Option<&'static Attribute> {
        self.attributes().find(|a| a.name == name)
    }
}

/// An object of the configuration.
pub(super) trait Object: Sized {
    /// What the parser, the reference and the schema know of it.
    const SECTION: &'static Section;
}

/// One attribute of an object.
#[derive(Debug)]
pub(super) struct Attribute {
    /// The attribute's name.
    pub(super) name: &'static str,
    /// Type and range.
    pub(super) kind: Kind,
    /// What holds where the attribute is absent.
    pub(super) default: Absent,
    /// What the attribute does, in Markdown.
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) effect: &'static str,
    /// Its name in the Avi `IcapProfile`.
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) avi: Option<&'static str>,
}

impl Attribute {
    /// A required attribute without a name. The methods below change what holds where it is absent.
    const fn of(kind: Kind) -> Self {
        Self {
            name: "",
            kind,
            default: Absent::Required,
            #[cfg(not(target_arch = "wasm32"))]
            effect: "",
            #[cfg(not(target_arch = "wasm32"))]
            avi: None,
        }
    }

    /// The default is this number.
    pub(super) const fn or(self, number: u64) -> Self {
        self.or_absent(Absent::Integer(number))
    }

    /// The default is this boolean.
    pub(super) const fn or_bool(self, value: bool) -> Self {
        self.or_absent(Absent::Bool(value))
    }

    /// The default is this string.
    pub(super) const fn or_text(self, text: &'static str) -> Self {
        self.or_absent(Absent::Text(text))
    }

    /// The attribute may be absent, and then has no value.
    pub(super) const fn or_nothing(self) -> Self {
        self.or_absent(Absent::Nothing)
    }

    /// The attribute may be absent. Its reader decides what holds then, and the reference says so in these words.
    pub(super) const fn otherwise(self, words: &'static str) -> Self {
        self.or_absent(Absent::Words(words))
    }

    const fn or_absent(mut self, default: Absent) -> Self {
        self.default = default;
        self
    }

    /// Gives the attribute another name than its field in Rust has.
    pub(super) const fn named(mut self, name: &'static str) -> Self {
        self.name = name;
        self
    }

    /// Says what the attribute does.
    #[cfg_attr(target_arch = "wasm32", allow(unused_mut))]
    pub(super) const fn doing(mut self, effect: &'static str) -> Self {
        #[cfg(target_arch = "wasm32")]
        let _ = effect;
        #[cfg(not(target_arch = "wasm32"))]
        {
            self.effect = effect;
        }
        self
    }

    /// Gives the attribute the name of its field in Rust, unless it has one.
    pub(super) const fn unless_named(self, name: &'static str) -> Self {
        if self.name.is_empty() {
            return self.named(name);
        }
        self
    }

    /// Says what the Avi `IcapProfile` calls it.
    #[cfg_attr(target_arch = "wasm32", allow(unused_mut))]
    pub(super) const fn avi(mut self, name: &'static str) -> Self {
        #[cfg(target_arch = "wasm32")]
        let _ = name;
        #[cfg(not(target_arch = "wasm32"))]
        {
            self.avi = Some(name);
        }
        self
    }
}

/// `true` or `false`.
pub(super) const fn boolean() -> Attribute {
    Attribute::of(Kind::Bool)
}

/// An integer from `min` to `max`, in a unit or, where that is empty, a count.
pub(super) const fn integer(min: u64, max: u64, unit: &'static str) -> Attribute {
    Attribute::of(Kind::Integer { min, max, unit })
}

/// A string of 1 to `max` bytes without control characters.
pub(super) const fn text(max: usize) -> Attribute {
    Attribute::of(Kind::Text { max })
}

/// As [`text`], but never shown.
pub(super) const fn secret(max: usize) -> Attribute {
    Attribute::of(Kind::Secret { max })
}

/// One of the words of `T`.
pub(super) const fn choice<T: Choice>() -> Attribute {
    Attribute::of(Kind::Choice(T::WORDS))
}

/// An object with the attributes of `T`.
pub(super) const fn object<T: Object>() -> Attribute {
    Attribute::of(Kind::Object(T::SECTION))
}

/// A list of `min` to `max` objects with the attributes of `T`.
pub(super) const fn objects<T: Object>(min: usize, max: usize) -> Attribute {
    Attribute::of(Kind::Objects {
        section: T::SECTION,
        min,
        max,
    })
}

/// An attribute of any other kind.
pub(super) const fn of(kind: Kind) -> Attribute {
    Attribute::of(kind)
}

/// Type and range of an attribute. `Display` gives what an error calls allowed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// `true` or `false`.
    Bool,
    /// An integer, also when written as a double without fraction.
    Integer {
        /// Lowest value.
        min: u64,
        /// Highest value.
        max: u64,
        /// `ms`, `s`, `KiB`, `bytes`, or empty for a count.
        unit: &'static str,
    },
    /// A non-empty string without control characters.
    Text {
        /// Most bytes.
        max: usize,
    },
    /// Like [`Kind::Text`], but never shown.
    Secret {
        /// Most bytes.
        max: usize,
    },
    /// A string that may be empty and may have line breaks.
    Page {
        /// Most bytes.
        max: usize,
    },
    /// One of these words.
    Choice(&'static [&'static str]),
    /// `true`, `false` or `"auto"`.
    Switch,
    /// The name of an HTTP header.
    HeaderName,
    /// Names of HTTP headers.
    HeaderNames,
    /// ICAP header names and their values.
    HeaderMap,
    /// `icap://`, `icaps://` or a path.
    ServiceUrl,
    /// An object.
    Object(&'static Section),
    /// A list of objects, each with a unique `name` where it has one.
    Objects {
        /// The entries' attributes.
        section: &'static Section,
        /// Fewest entries.
        min: usize,
        /// Most entries.
        max: usize,
    },
    /// One or a list of networks or addresses.
    Networks,
    /// One or a list of ports.
    Ports,
    /// One or a list of HTTP statuses and classes of them.
    Statuses,
    /// A list, which may be empty, of these words.
    Words(&'static [&'static str]),
    /// One or a list of these words.
    Choices(&'static [&'static str]),
    /// One or a list of strings (equality) and string matchers.
    Matchers(&'static Section),
    /// A string or a list of strings.
    Texts,
    /// The name of a product, or an alias.
    Product,
    /// A list of header names, and of objects that ask for a value beside it.
    IcapHeaderMatchers(&'static Section),
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Bool => f.write_str("true or false"),
            Kind::Integer { min, max, unit: "" } => write!(f, "an integer from {min} to {max}"),
            Kind::Integer { min, max, unit } => {
                write!(f, "an integer from {min} to {max} ({unit})")
            }
            Kind::Text { max } | Kind::Secret { max } => {
                write!(f, "a string of 1 to {max} bytes without control characters")
            }
            Kind::Page { max } => write!(f, "a string of at most {max} bytes"),
            Kind::Choice(words) => write!(f, "one of {}", words.join(", ")),
            Kind::Switch => f.write_str("true, false or \"auto\""),
            Kind::HeaderName => f.write_str("a header name"),
            Kind::HeaderNames => f.write_str("a list of different header names"),
            Kind::HeaderMap => {
                f.write_str("an object of header names with strings as their values")
            }
            Kind::ServiceUrl => f.write_str("icap://HOST[:PORT]/PATH, icaps://… or /PATH"),
            Kind::Object(_) => f.write_str("an object"),
            Kind::Objects { min, max, .. } => write!(f, "a list of {min} to {max} objects"),
            Kind::Networks => f.write_str("a network such as 10.0.0.0/8, or a list of them"),
            Kind::Ports => f.write_str("a port from 1 to 65535, or a list of them"),
            Kind::Statuses => {
                f.write_str("a status from 100 to 599, a class such as \"3xx\", or a list of them")
            }
            Kind::Words(words) => write!(f, "a list of {}", words.join(", ")),
            Kind::Choices(words) => write!(f, "one or a list of {}", words.join(", ")),
            Kind::Matchers(_) => f.write_str("a string or a string matcher, or a list of them"),
            Kind::Texts => f.write_str("a string, or a list of at least one string"),
            Kind::Product => {
                f.write_str("one of ")?;
                f.write_str(&product::names().collect::<Vec<_>>().join(", "))
            }
            Kind::IcapHeaderMatchers(_) => f.write_str(
                "a list of header names and of objects with a name and a string matcher",
            ),
        }
    }
}

/// What holds where an attribute is absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Absent {
    /// An error: the attribute is required.
    Required,
    /// Nothing.
    Nothing,
    /// This boolean.
    Bool(bool),
    /// This number.
    Integer(u64),
    /// This string.
    Text(&'static str),
    /// What the words say.
    Words(&'static str),
}
