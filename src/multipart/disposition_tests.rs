//! Values of `Content-Disposition`: those of real clients, and ambiguous ones.

use super::*;
use crate::multipart::testing::test;

fn read(value: impl AsRef<[u8]>) -> Result<(String, Option<String>), Ambiguous> {
    let disposition = Disposition::read(value.as_ref(), Kind::FormData)?;
    Ok((disposition.name.expect("a name"), disposition.file_name))
}

#[test]
fn names_of_real_clients() {
    for (value, name, file_name) in [
        ("form-data; name=\"a\"", "a", None),
        ("Form-Data;name=a;filename=b.txt", "a", Some("b.txt")),
        (
            "form-data; name=\"a\"; filename=\"b.txt\"",
            "a",
            Some("b.txt"),
        ),
        (
            "form-data; filename=\"b.txt\"; name=\"a\";",
            "a",
            Some("b.txt"),
        ),
        // A file input without a file, as browsers send it.
        ("form-data; name=\"a\"; filename=\"\"", "a", Some("")),
        ("form-data; name=\"\"", "", None),
        (
            "form-data; name=\"a[]\"; filename=\"it's 100% (1); \u{e4}.txt\"",
            "a[]",
            Some("it's 100% (1); \u{e4}.txt"),
        ),
        // Escapes of browsers.
        (
            "form-data; name=\"a%22b\"; filename=\"c%22%0D%0a%20d%2\"",
            "a\"b",
            Some("c\"\r\n%20d%2"),
        ),
        (
            "form-data; name=\"a\"; filename=\"C:\\dir\\b.txt\"",
            "a",
            Some("C:\\dir\\b.txt"),
        ),
        (
            "form-data; name=\"a\"; filename=\"\\\\host\\README\"",
            "a",
            Some("\\\\host\\README"),
        ),
        (
            "form-data; name=a; filename*=UTF-8''%e2%82%AC%20b.txt",
            "a",
            Some("\u{20ac} b.txt"),
        ),
        (
            "form-data; name=a; filename*=iso-8859-1'en-GB'%A3",
            "a",
            Some("\u{a3}"),
        ),
        (
            "form-data; name=a; filename=b; filename*=utf-8''b",
            "a",
            Some("b"),
        ),
        (
            "form-data; name=a; filename*=utf-8''%22; filename=\"%22\"",
            "a",
            Some("\""),
        ),
        (
            "form-data; name=a; filename=\"\u{e4}\"; filename*=utf-8''%C3%A4",
            "a",
            Some("\u{e4}"),
        ),
        // .NET
        (
            "form-data; name=a; filename=\"=?utf-8?B?w6QudHh0?=\"; filename*=utf-8''%C3%A4.txt",
            "a",
            Some("\u{e4}.txt"),
        ),
        ("form-data; name=a; size=17; x=\"y\"", "a", None),
    ] {
        assert_eq!(
            read(value),
            Ok((name.to_owned(), file_name.map(str::to_owned))),
            "{value:?}"
        );
    }
    assert_eq!(
        read(b"form-data; name=\"a\xff\""),
        Ok(("a\u{fffd}".to_owned(), None))
    );
}

#[test]
fn ambiguous_values() {
    use Ambiguous::*;
    for (value, expected) in [
        ("", DispositionType),
        ("form-data, attachment; name=a", DispositionType),
        ("attachment; name=a", DispositionType),
        ("file; filename=a", DispositionType),
        ("form-datax; name=a", DispositionType),
        ("name=a", DispositionType),
        ("form-data", NoName),
        ("form-data; filename=a", NoName),
        ("form-data; name", DispositionParameters),
        ("form-data; name=", DispositionParameters),
        ("form-data; name=a b", DispositionParameters),
        ("form-data; name=a filename=b", DispositionParameters),
        (
            "form-data; name=\"a\" filename=\"b\"",
            DispositionParameters,
        ),
        (
            "form-data; name=\"a\", filename=\"b\"",
            DispositionParameters,
        ),
        ("form-data; name =a", DispositionParameters),
        ("form-data; name= a", DispositionParameters),
        ("form-data; name=a; filename=b c.txt", DispositionParameters),
        ("form-data; name=a; filename=b ; x=y", DispositionParameters),
        ("form-data; name=a; filename=\"b", DispositionParameters),
        ("form-data; name=a; filename=b\"c\"", DispositionParameters),
        (
            "form-data; name=a; filename=\"b\"c\"",
            DispositionParameters,
        ),
        ("form-data; name=a; filename=\u{e4}", DispositionParameters),
        // PHP reads single quotes as quotes, so there is one parameter or two.
        ("form-data; name='a;filename=b'", DispositionParameters),
        ("form-data; name=a'", DispositionParameters),
        ("form-data; name=a; x='", DispositionParameters),
        ("form-data; name=a; name=a", SecondParameter),
        ("form-data; name=a; NAME=b", ParameterForm),
        ("form-data; name=a; filename=b; filename=b", SecondParameter),
        (
            "form-data; name=a; filename*=utf-8''b; filename*=utf-8''b",
            SecondParameter,
        ),
        // RFC 2231: Python's email joins the pieces.
        (
            "form-data; name=a; filename*0=b; filename*1=c",
            ParameterForm,
        ),
        ("form-data; name=a; filename*0*=utf-8''b", ParameterForm),
        ("form-data; name*=utf-8''a", ParameterForm),
        ("form-data; name=a; name*0=b", ParameterForm),
        // Some programs know lower case only.
        ("form-data; NAME=a", ParameterForm),
        ("form-data; name=a; FileName=b", ParameterForm),
        // Regular expressions look for a word boundary and "name=".
        ("form-data; x-name=a; name=b", ParameterForm),
        ("form-data; name=a; x.filename=b", ParameterForm),
        ("form-data; name=\"a; filename=b; \"", ParameterInValue),
        ("form-data; name=\"a; FILENAME=b\"", ParameterInValue),
        (
            "form-data; name=\"a\"; filename=\"b; name=c\"",
            ParameterInValue,
        ),
        (
            "form-data; name=\"a; filename*=utf-8''b\"",
            ParameterInValue,
        ),
        ("form-data; x=\"; name=b\"; name=a", ParameterInValue),
        ("form-data; name=\"a\\\"b\"", Backslash),
        ("form-data; name=\"a\\\"; filename=\\\"b\"", Backslash),
        ("form-data; name=\"a\\\\\"", Backslash),
        ("form-data; name=a; filename=\"b\\\"", Backslash),
        ("form-data; name=a; filename=\"b.ex\\e\"", Backslash),
        ("form-data; name=a; filename=\"b.txt\\c\"", Backslash),
        ("form-data; name=a; filename*=b", ExtendedFileName),
        ("form-data; name=a; filename*=utf-8'b", ExtendedFileName),
        ("form-data; name=a; filename*=''b", ExtendedFileName),
        ("form-data; name=a; filename*=utf-16''b", ExtendedFileName),
        ("form-data; name=a; filename*=utf-8''%", ExtendedFileName),
        ("form-data; name=a; filename*=utf-8''%4", ExtendedFileName),
        ("form-data; name=a; filename*=utf-8''%4g", ExtendedFileName),
        ("form-data; name=a; filename*=utf-8''%+4", ExtendedFileName),
        ("form-data; name=a; filename*=utf-8''%ff", ExtendedFileName),
        (
            "form-data; name=a; filename*=utf-8''b.exe%00.txt",
            ExtendedFileName,
        ),
        (
            "form-data; name=a; filename*=utf-8''b%0D%0Ac",
            ExtendedFileName,
        ),
        ("form-data; name=a; filename*=utf-8''b'c", ExtendedFileName),
        ("form-data; name=a; filename*=utf-8''b*c", ExtendedFileName),
        (
            "form-data; name=a; filename*=\"utf-8''b\"",
            ExtendedFileName,
        ),
        ("form-data; name=a; filename*=\"b\"", ExtendedFileName),
        (
            "form-data; name=a; filename=b; filename*=utf-8''c",
            FileNamesDiffer,
        ),
        (
            "form-data; name=a; filename=\"\"; filename*=utf-8''c",
            FileNamesDiffer,
        ),
        (
            "form-data; name=a; filename=b; filename*=utf-8''B",
            FileNamesDiffer,
        ),
        (
            "form-data; name=a; filename=\"=?utf-8?B?Yg==?=\"; filename*=utf-8''c",
            FileNamesDiffer,
        ),
        (
            "form-data; name=a; filename=\"=?utf-8?Q?c?=\"; filename*=utf-8''c",
            FileNamesDiffer,
        ),
        (
            "form-data; name=a; filename=\"=?utf-8?B?Yg==?=\"",
            EncodedWord,
        ),
        (
            "form-data; name=a; filename=\"b =?utf-8?Q?c?= d\"",
            EncodedWord,
        ),
    ] {
        assert_eq!(read(value), Err(expected), "{value:?}");
    }
}
