//! Values of `Content-Type`: those of real clients, and ambiguous ones.

use super::*;
use crate::multipart::testing::test;

fn of(content_type: &str) -> Result<Option<Vec<u8>>, Ambiguous> {
    let boundary = Boundary::of(content_type.as_bytes())?;
    Ok(boundary.map(|boundary| boundary.as_bytes().to_vec()))
}

#[test]
fn boundaries_of_real_clients() {
    for (content_type, expected) in [
        // curl, Chromium, Firefox, Safari
        (
            "multipart/form-data; boundary=------------------------6J7mhDMJ1hWYbXbqgpuBOM",
            "------------------------6J7mhDMJ1hWYbXbqgpuBOM",
        ),
        (
            "multipart/form-data; boundary=----WebKitFormBoundaryAbCd0123456789xy",
            "----WebKitFormBoundaryAbCd0123456789xy",
        ),
        (
            "multipart/form-data; boundary=---------------------------9051914041544843365972754266",
            "---------------------------9051914041544843365972754266",
        ),
        (
            "multipart/form-data; boundary=----geckoformboundary9f2c8d1c45bd9b8a",
            "----geckoformboundary9f2c8d1c45bd9b8a",
        ),
        // Python requests, Go, .NET, Apache HttpClient, Java mail, Android's tutorials, Alamofire
        (
            "multipart/form-data; boundary=0f8b4e5c2c9a4b5d8e7f6a5b4c3d2e1f",
            "0f8b4e5c2c9a4b5d8e7f6a5b4c3d2e1f",
        ),
        (
            "multipart/form-data; boundary=5ab9d6b1c7f4d0e0f2a1c3b5d7e9f1a3b5c7d9e1f3a5b7c9d1e3f5a7b9c1",
            "5ab9d6b1c7f4d0e0f2a1c3b5d7e9f1a3b5c7d9e1f3a5b7c9d1e3f5a7b9c1",
        ),
        (
            "multipart/form-data; boundary=\"0b4f7a2e-9d6c-4c58-8a5e-1f2d3c4b5a69\"",
            "0b4f7a2e-9d6c-4c58-8a5e-1f2d3c4b5a69",
        ),
        (
            "multipart/form-data; charset=UTF-8; boundary=kP-Yb_3zQWJx",
            "kP-Yb_3zQWJx",
        ),
        (
            "multipart/form-data; boundary=\"----=_Part_3_1153871.1700000000000\"",
            "----=_Part_3_1153871.1700000000000",
        ),
        ("multipart/form-data;boundary=*****", "*****"),
        (
            "multipart/form-data; boundary=alamofire.boundary.9f2c8d1c45bd9b8a",
            "alamofire.boundary.9f2c8d1c45bd9b8a",
        ),
        // Unusual but valid forms
        (
            "Multipart/Form-Data ; Boundary=\"simple boundary\" ; charset=utf-8;",
            "simple boundary",
        ),
        ("\tmultipart/form-data; boundary=a ", "a"),
    ] {
        assert_eq!(
            of(content_type),
            Ok(Some(expected.as_bytes().to_vec())),
            "{content_type:?}"
        );
    }
}

#[test]
fn other_types_than_forms() {
    for content_type in [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/mixed; boundary=a",
        "multipart",
    ] {
        assert_eq!(of(content_type), Ok(None), "{content_type:?}");
    }
}

#[test]
fn boundaries_have_1_to_70_bytes() {
    for (length, quotes) in [(70, ""), (70, "\""), (71, ""), (71, "\""), (0, "\"")] {
        let name = "b".repeat(length);
        let expected = match length {
            70 => Ok(Some(name.clone().into_bytes())),
            _ => Err(Ambiguous::BoundaryLength),
        };
        assert_eq!(
            of(&format!(
                "multipart/form-data; boundary={quotes}{name}{quotes}"
            )),
            expected
        );
    }
}

#[test]
fn ambiguous_values() {
    use Ambiguous::*;
    for (content_type, expected) in [
        ("multipart/form-data", NoBoundary),
        ("multipart/form-data;", NoBoundary),
        ("multipart/form-data; charset=utf-8", NoBoundary),
        // Java looks at the beginning of the type, others at the whole value.
        ("multipart/form-datax; boundary=a", MediaType),
        ("multipart/form-data boundary=a", MediaType),
        ("multipart/form-data, text/plain; boundary=a", MediaType),
        ("text/plain, multipart/form-data; boundary=a", MediaType),
        (
            "application/json; x=\"multipart/form-data; boundary=a\"",
            MediaType,
        ),
        // Two fields, as Envoy joins them.
        (
            "multipart/form-data; boundary=a,multipart/form-data; boundary=b",
            MediaTypeParameters,
        ),
        (
            "multipart/form-data; boundary=\"a\",multipart/form-data; boundary=b",
            MediaTypeParameters,
        ),
        ("multipart/form-data; boundary=a,b", MediaTypeParameters),
        // werkzeug stops at the first character that needs quotes, others take the whole value.
        (
            "multipart/form-data; boundary=----=_Part_1",
            MediaTypeParameters,
        ),
        ("multipart/form-data; boundary=a/b", MediaTypeParameters),
        // PHP takes the space as part of the boundary.
        (
            "multipart/form-data; boundary=a ; charset=utf-8",
            MediaTypeParameters,
        ),
        ("multipart/form-data; boundary =a", MediaTypeParameters),
        ("multipart/form-data; boundary= a", MediaTypeParameters),
        ("multipart/form-data; boundary=", MediaTypeParameters),
        ("multipart/form-data; boundary", MediaTypeParameters),
        ("multipart/form-data; boundary=\"a", MediaTypeParameters),
        ("multipart/form-data; boundary=a\"b\"", MediaTypeParameters),
        (
            "multipart/form-data; boundary=\"a\\\"b\"",
            MediaTypeParameters,
        ),
        ("multipart/form-data; boundary=a\u{e4}", MediaTypeParameters),
        ("multipart/form-data; boundary=a\0", MediaTypeParameters),
        (
            "multipart/form-data; boundary=a; boundary=b",
            SecondBoundary,
        ),
        (
            "multipart/form-data; boundary=a; boundary=a",
            SecondBoundary,
        ),
        (
            "multipart/form-data; boundary=a; BOUNDARY=b",
            SecondBoundary,
        ),
        (
            "multipart/form-data; boundary=a; boundary*=utf-8''b",
            SecondBoundary,
        ),
        (
            "multipart/form-data; boundary*0=a; boundary*1=b",
            SecondBoundary,
        ),
        ("multipart/form-data; boundary*=utf-8''b", SecondBoundary),
        (
            "multipart/form-data; xboundary=a; boundary=b",
            SecondBoundary,
        ),
        (
            "multipart/form-data; charset=\"boundary=a\"; boundary=b",
            SecondBoundary,
        ),
        (
            "multipart/form-data; boundary=a; charset=\"boundary=b\"",
            SecondBoundary,
        ),
        ("multipart/form-data; boundary=\"a\\b\"", BoundaryCharacters),
        ("multipart/form-data; boundary=\"a;b\"", BoundaryCharacters),
        ("multipart/form-data; boundary=\"a,b\"", BoundaryCharacters),
        ("multipart/form-data; boundary=\"a \"", BoundaryCharacters),
        ("multipart/form-data; boundary=\" a\"", BoundaryCharacters),
        ("multipart/form-data; boundary=\"a\tb\"", BoundaryCharacters),
        ("multipart/form-data; boundary='a'", BoundaryCharacters),
    ] {
        assert_eq!(of(content_type), Err(expected), "{content_type:?}");
    }
}
