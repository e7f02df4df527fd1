//! How an object of the configuration is declared: [`object!`].

use super::choice::{Choice, SendWhen};
use super::reader::Fields;
use crate::product::Vendor;
use std::rc::Rc;

/// A type that an attribute's value can become.
pub(super) trait Read: Sized {
    /// Reads the field of that name, and notes its faults. `None`: there is no value, not even a default.
    fn read(fields: &Fields<'_>, name: &str) -> Option<Self>;
}

/// Declares an object of the configuration, each attribute in one place.
///
/// ```text
/// object! {
///     /// What the reference says above the table of this object.
///     #[derive(Clone, Debug)]
///     struct Breaks, at "profiles[].breaks", read from fields {
///         /// What the attribute does: the reference, the schema and the documentation of the field say it in these words.
///         pub longest_s: u32 = integer(1, 3600, "s").or(60);
///         /// A field of another name than the attribute, and with a reader of its own.
///         pub bytes: u64 = integer(1, 64, "KiB").or(16).named("size_kb") => kibibytes;
///         /// An attribute that is no field, but read for those below.
///         let enabled: bool = boolean().or_bool(true);
///     }
///     check {
///         note_too_long(fields, longest_s);
///     }
///     and {
///         /// A field that follows from what was read.
///         longest_ms: Option<u64> = enabled.then(|| u64::from(longest_s) * 1000);
///     }
/// }
/// ```
///
/// That makes the struct, its `Section`, and `Breaks::of(fields)`, which reads it. The expression behind `=` is an
/// [`Attribute`](super::attribute::Attribute): its type, bounds and default. The type behind `:` is what the value becomes, by
/// its [`Read`] unless a reader stands behind `=>`, which gets the fields and the attribute's name. A reader may use what stands
/// above it, and a check all attributes: as `Option`, for there may be no value. Checks note what is wrong with several together.
macro_rules! object {
    (
        $(#[doc = $intro:literal])*
        $(#[derive($($derive:ident),*)])?
        $vis:vis struct $Object:ident, at $path:literal,
        read from $fields:ident $(with $context:ident: $Context:ty)? {
            $(
                $(#[doc = $effect:literal])*
                $field_or_local:ident $name:ident: $type:ty = $attribute:expr $(=> $read:expr)?;
            )*
        }
        $(check {
            $($check:expr;)*
        })?
        $(and {
            $($(#[doc = $doc:literal])* $also:ident: $also_type:ty = $value:expr;)*
        })?
    ) => {
        object! {
            @declare [concat!($($intro),*)] [$($($derive),*)?] [$vis] $Object $path $fields [$($context: $Context)?]
            $({ [concat!($($effect),*)] $field_or_local $name: $type, = [$attribute] [$($read)?] })*
            [$($($check;)*)?]
            [$($({ [concat!($($doc),*)] $also: $also_type = [$value] })*)?]
        }
    };
    (
        @declare [$intro:expr] [$($derive:ident),*] [$vis:vis] $Object:ident $path:literal $fields:ident
        [$($context:ident: $Context:ty)?]
        $({
            [$effect:expr]
            $(pub $field:ident: $field_type:ty,)? $(let $local:ident: $local_type:ty,)?
            = [$attribute:expr] [$($read:expr)?]
        })*
        [$($check:expr;)*]
        [$({ [$doc:expr] $also:ident: $also_type:ty = [$value:expr] })*]
    ) => {
        #[doc = $intro]
        #[derive($($derive),*)]
        $vis struct $Object {
            $($(#[doc = $effect] pub $field: $field_type,)?)*
            $(#[doc = $doc] pub $also: $also_type,)*
        }

        impl $crate::config::attribute::Object for $Object {
            const SECTION: &'static $crate::config::attribute::Section = {
                static SECTION: $crate::config::attribute::Section = $crate::config::attribute::Section::new(
                    $path,
                    $intro,
                    &[$(($attribute)
                        .unless_named(stringify!($($field)? $($local)?))
                        .doing($effect)),*],
                );
                &SECTION
            };
        }

        impl $Object {
            /// Reads the object. Every field is read, and its faults noted, before a missing value ends the reading.
            #[allow(unused_variables, reason = "not each object has attributes that only others are made of")]
            pub(super) fn of($fields: &$crate::config::reader::Fields<'_> $(, $context: $Context)?) -> Option<Self> {
                $(let $($field)? $($local)?: Option<$($field_type)? $($local_type)?> = {
                    const NAME: &str = ($attribute).unless_named(stringify!($($field)? $($local)?)).name;
                    object!(@read $fields NAME $($read)?)
                };)*
                $($check;)*
                $(let $($field)? $($local)? = $($field)? $($local)? ?;)*
                $(let $also: $also_type = $value;)*
                Some(Self { $($($field,)?)* $($also,)* })
            }
        }
    };
    (@read $fields:ident $name:ident) => {
        $crate::config::object::Read::read($fields, $name)
    };
    (@read $fields:ident $name:ident $read:expr) => {
        $crate::config::object::read_by($fields, $name, $read)
    };
}
pub(super) use object;

/// Calls a reader. Its bound tells the compiler the types of a closure's arguments.
pub(super) fn read_by<T>(
    fields: &Fields<'_>,
    name: &str,
    read: impl FnOnce(&Fields<'_>, &str) -> Option<T>,
) -> Option<T> {
    read(fields, name)
}

impl Read for bool {
    fn read(fields: &Fields<'_>, name: &str) -> Option<Self> {
        Some(fields.bool(name))
    }
}

/// Integers. The attribute's range has to fit the type.
macro_rules! integers {
    ($($Integer:ty),+) => {
        $(impl Read for $Integer {
            fn read(fields: &Fields<'_>, name: &str) -> Option<Self> {
                Some(fields.integer(name))
            }
        })+
    };
}

integers!(u16, u32, u64, usize);

impl<T: Choice> Read for T {
    fn read(fields: &Fields<'_>, name: &str) -> Option<Self> {
        fields.choice(name)
    }
}

impl<T: Choice> Read for Option<T> {
    fn read(fields: &Fields<'_>, name: &str) -> Option<Self> {
        Some(fields.choice(name))
    }
}

impl Read for String {
    fn read(fields: &Fields<'_>, name: &str) -> Option<Self> {
        fields.text(name).map(str::to_owned)
    }
}

impl Read for Rc<str> {
    fn read(fields: &Fields<'_>, name: &str) -> Option<Self> {
        fields.text(name).map(Rc::from)
    }
}

impl Read for Option<Rc<str>> {
    fn read(fields: &Fields<'_>, name: &str) -> Option<Self> {
        Some(fields.text(name).map(Rc::from))
    }
}

impl Read for Vendor {
    fn read(fields: &Fields<'_>, name: &str) -> Option<Self> {
        fields.vendor(name)
    }
}

impl Read for SendWhen {
    fn read(fields: &Fields<'_>, name: &str) -> Option<Self> {
        Some(match fields.switch(name) {
            Some(true) => Self::Always,
            Some(false) => Self::Never,
            None => Self::Auto,
        })
    }
}

/// A reader of an object. An absent object is read as an empty one.
pub(super) fn or_empty<T>(
    read: impl Fn(&Fields<'_>) -> Option<T>,
) -> impl Fn(&Fields<'_>, &str) -> Option<T> {
    move |fields, name| fields.object_or_empty(name, |object| read(&object))
}

/// Reads a number of KiB, and gives bytes.
pub(super) fn kibibytes(fields: &Fields<'_>, name: &str) -> Option<u64> {
    Some(fields.integer::<u64>(name).saturating_mul(1024))
}
